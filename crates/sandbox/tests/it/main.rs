//! The sandbox over real sockets: every endpoint, every fault, webhooks and restarts.

mod support;

mod efi_charges;
