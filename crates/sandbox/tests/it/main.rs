//! The sandbox over real sockets: every endpoint, every fault, webhooks and restarts.

#![allow(
    clippy::unwrap_used,
    reason = "a test that unwraps fails where it stands"
)]

mod support;

mod efi_account;
mod efi_charges;
mod efi_payouts;
mod faults;
mod mercado_pago;
mod own_keys;
mod persistence;
mod transport;
mod webhooks;
