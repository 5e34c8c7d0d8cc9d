//! The clients of the two real gateways: Efí (formerly Gerencianet) and Mercado Pago.
//!
//! Each client implements [`app::ports::gateway::GatewayClient`]. A money order flows so:
//! `prepare_*` writes the exact request into an [`envelope`] (pure, before anything is committed);
//! `send_*` hands that envelope's bytes to the [`transport`] once; the transport says whether a
//! byte may have left this host; the adapter's `map` turns status and body into done, not done or
//! unknown by a closed table. Whatever is not in the table is unknown. Nothing in this crate
//! repeats a money call: a repetition is a new send, which is the caller's decision to record.
//!
//! Lookups are harmless and share the same transport; the wire structs never leave their adapter.

mod answer;
pub mod certificate;
pub mod config;
pub mod efi;
mod envelope;
mod inbound;
pub mod mercado_pago;
mod secret;
#[cfg(test)]
mod testing;
mod time;
pub mod transport;
mod wire;

pub use certificate::{CertificateFacts, CertificateSource, Environment, certificate_facts};
pub use config::{ConfigError, EfiConfig, HttpLimits, MercadoPagoConfig, PayoutApi, SigningKey};
pub use efi::EfiClient;
pub use mercado_pago::MercadoPagoClient;
