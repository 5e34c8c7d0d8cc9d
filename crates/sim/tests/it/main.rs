//! The payment engine against simulated gateways, in virtual time: every fault, crashes at every
//! await, frozen workers, several workers at once.

mod crashes;
mod faults;
mod inside;
mod workers;
mod world;
