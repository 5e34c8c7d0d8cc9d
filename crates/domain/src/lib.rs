//! The rules of money and PIX: pure and synchronous.
//!
//! Nothing here does I/O, reads a clock, draws randomness, serializes or logs: time and random
//! draws are parameters, text goes in and typed values come out. Everything else in the workspace
//! depends on this crate and this crate depends on nobody.

#[macro_use]
mod names;

pub mod address;
pub mod allowance;
pub mod charge;
pub mod circuit;
pub mod dispatch;
pub mod dispute;
pub mod fee;
pub mod float_move;
pub mod gateway;
pub mod ids;
pub mod ledger;
pub mod limits;
pub mod money;
pub mod outcome;
pub mod payout;
pub mod pix;
pub mod places;
pub mod retry;
pub mod review;
pub mod routing;
pub mod spi;
pub mod status;
pub mod tax_id;
pub mod time;
pub mod webhook;
