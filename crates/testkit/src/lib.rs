//! Test support, for development only: time and randomness held in the hand (`runtime`), waiting
//! for a condition instead of for a while (`wait`), and one MySQL database per test (`mysql`).

pub mod mysql;
pub mod runtime;
pub mod wait;

pub use runtime::ManualRuntime;
pub use wait::wait_until;
