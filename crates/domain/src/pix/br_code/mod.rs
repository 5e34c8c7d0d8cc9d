//! The BR Code: the text behind a PIX QR code ("copia e cola").
//!
//! A sequence of fields, each a two-digit tag, a two-digit length and a value; some values are
//! templates that hold fields themselves (EMV QRCPS; BCB, Manual do BR Code). `tlv` splits text
//! into fields, `crc` computes the checksum that closes it, `decode` reads and judges a whole
//! code into what `decoded` describes, and `encode` writes one. **Lengths count characters, the checksum runs over UTF-8 bytes.**
//!
//! A static code carries the payee's key, a dynamic one the address of a document that holds
//! amount, payee and txid; either may also carry the address of a recurrence (Pix Automático).
//! What a gateway issued is passed on as it came: decoding it is for remarks, not for refusals.

mod crc;
mod decode;
mod decoded;
mod encode;
mod error;
mod tlv;

pub use decoded::{Decoded, Lint, Payment, PointOfInitiation, StaticPayment};
pub use encode::{DynamicCode, EncodeError, StaticCode, encode_dynamic, encode_static};
pub use error::{BrCodeError, BrCodeErrorKind, TagPath};

/// What marks a template as belonging to PIX, in the case the encoder writes.
const PIX_GUI: &str = "br.gov.bcb.pix";

/// What stands for "no txid".
const NO_TXID: &str = super::txid::StaticTxid::NONE;

/// Entry points of the codec.
pub struct BrCode;

impl BrCode {
    /// Reads a code as a person pasted it. See [`BrCodeErrorKind`] for what is refused and in
    /// which order, and [`Lint`] for what is only remarked.
    pub fn decode(text: &str) -> Result<Decoded, BrCodeError> {
        decode::decode(text)
    }
}

#[cfg(test)]
mod tests;
