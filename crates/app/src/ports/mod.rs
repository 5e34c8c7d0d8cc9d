//! What the use cases need from the outside, as traits that the adapters implement.
//!
//! The ports belong to their user: each says what a use case wants, in the words of the domain,
//! and nothing of how it is done. Time, randomness, sleeping and spawning are ports too, so that a
//! test or the simulator can hold them in its hand.

pub mod gateway;
pub mod outbound;
pub mod publisher;
mod rows;
pub mod runtime;
pub mod store;
pub mod webhooks;
