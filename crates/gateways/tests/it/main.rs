//! The clients against real sockets: the sandbox's two gateways, and servers that misbehave in
//! ways the sandbox does not.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot go on fails its test"
)]

mod contract;
mod efi;
mod faults;
mod mercado_pago;
mod orders;
mod receiver;
mod sandboxed;
mod sockets;
mod tls;
mod tokens;
