//! The rules of money and PIX: pure and synchronous.
//!
//! Nothing here does I/O, reads a clock, draws randomness, serializes or logs: time and random
//! draws are parameters, text goes in and typed values come out. Everything else in the workspace
//! depends on this crate and this crate depends on nobody.

pub mod pix;
pub mod tax_id;
