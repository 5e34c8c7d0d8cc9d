//! Generated identifiers, drawn from one seeded generator.
//!
//! Layouts: endToEndId `E` + ISPB + `yyyyMMddHHmm` (UTC) + 11 alphanumerics and rtrId the same
//! with `D` (BCB, Manual de Padrões para Iniciação do Pix); txid 26–35 alphanumerics (API Pix).

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::clock::{self, Millis};

/// Efí's ISPB, as its documentation shows it.
pub const EFI_ISPB: &str = "09089356";
/// Mercado Pago's ISPB.
pub const MERCADO_PAGO_ISPB: &str = "10573521";
/// The bank of everybody who pays through the control paths.
pub const PAYER_ISPB: &str = "60701190";

const ALPHANUMERIC: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The seeded source of every identifier and every drawn fate.
#[derive(Debug)]
pub struct Ids {
    rng: ChaCha8Rng,
}

impl Ids {
    /// `start` counts the starts on one data directory: the same seed must not repeat ids that an
    /// earlier process already gave away.
    pub fn new(seed: u64, start: u64) -> Self {
        let mixed = seed ^ start.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self {
            rng: ChaCha8Rng::seed_from_u64(mixed),
        }
    }

    pub fn alphanumeric(&mut self, length: usize) -> String {
        (0..length)
            .map(|_| char::from(ALPHANUMERIC[self.rng.random_range(0..ALPHANUMERIC.len())]))
            .collect()
    }

    pub fn end_to_end(&mut self, ispb: &str, at: Millis) -> String {
        format!(
            "E{ispb}{}{}",
            clock::minute_stamp(at),
            self.alphanumeric(11)
        )
    }

    pub fn return_id(&mut self, ispb: &str, at: Millis) -> String {
        format!(
            "D{ispb}{}{}",
            clock::minute_stamp(at),
            self.alphanumeric(11)
        )
    }

    pub fn uuid(&mut self) -> String {
        let mut bytes = [0_u8; 16];
        self.rng.fill(&mut bytes);
        bytes[6] = (bytes[6] & 0x0F) | 0x40;
        bytes[8] = (bytes[8] & 0x3F) | 0x80;
        uuid::Uuid::from_bytes(bytes).to_string()
    }
}

/// `^[a-zA-Z0-9]{min,max}$`.
pub fn is_alphanumeric(text: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_their_layout_and_depend_on_seed_and_start() {
        let mut ids = Ids::new(7, 0);
        let first = ids.end_to_end(EFI_ISPB, 0);
        assert_eq!(first.len(), 32);
        assert!(first.starts_with("E09089356197001010000"));
        assert_eq!(Ids::new(7, 0).end_to_end(EFI_ISPB, 0), first);
        assert_ne!(Ids::new(7, 1).end_to_end(EFI_ISPB, 0), first);
        assert_ne!(ids.end_to_end(EFI_ISPB, 0), first);
        assert_eq!(ids.uuid().len(), 36);
        assert!(!is_alphanumeric("a-b", 1..=35));
    }
}
