//! Gateways played at the port, for runs in which everything is held in the hand.
//!
//! The `sandbox` plays the gateways on the wire; here they are played behind `GatewayClient`, with
//! no sockets and no time of their own, so that a test can decide at every call what the gateway
//! does and what its caller gets to see. Both have a central bank that knows what was really
//! executed: the oracle for "paid at most once".

pub mod bank;
pub mod faults;
pub mod gateway;
pub mod runtime;
