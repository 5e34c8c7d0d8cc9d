//! The PIX scheme's own data: keys, identifiers and the BR Code.
//!
//! Text from people, gateways and QR codes goes in; typed, normalized values or an error with a
//! stable upper-case code come out. Nothing here panics on any input.

pub mod br_code;
pub mod end_to_end_id;
mod identifier;
pub mod key;
pub mod txid;

pub use identifier::IdentifierError;
