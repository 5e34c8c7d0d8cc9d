//! The clients against real sockets: the sandbox's two gateways, and servers that misbehave in
//! ways the sandbox does not.

mod contract;
mod faults;
mod orders;
mod sandboxed;
mod sockets;
mod tls;
