//! The payment engine against simulated gateways, in virtual time: every fault, crashes at every
//! await, frozen workers, several workers at once.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot go on fails its test"
)]

mod crashes;
mod faults;
mod inside;
mod runs;
#[cfg(feature = "sabotage")]
mod sabotages;
mod workers;
mod world;
