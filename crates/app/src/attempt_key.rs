//! The key under which a gateway knows one attempt.
//!
//! It follows from the request alone, never from a clock or a random draw, so that a database
//! restored from a backup meets the gateway's own de-duplication instead of paying again. The same
//! key is Efí's `idEnvio`, charge txid and refund id, and Mercado Pago's `external_reference` and
//! `X-Idempotency-Key`.

use aws_lc_rs::digest::{SHA256, digest};
use domain::gateway::Gateway;

/// Stands between the parts; it occurs in none of them.
const SEPARATOR: char = '\u{1f}';

/// The first 32 lower-case hex digits of SHA-256 over account (the owning user's id, or `system`),
/// idempotency key, gateway and attempt number (decimal), joined by 0x1F.
pub fn attempt_key(account: &str, key: &str, gateway: Gateway, number: u32) -> String {
    let joined = format!("{account}{SEPARATOR}{key}{SEPARATOR}{gateway}{SEPARATOR}{number}");
    hex::encode(&digest(&SHA256, joined.as_bytes()).as_ref()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_a_known_digest() {
        // printf 'usr_1\x1fkey\x1fefi\x1f1' | sha256sum | cut -c1-32
        assert_eq!(
            attempt_key("usr_1", "key", Gateway::Efi, 1),
            "c14aeca099c52d928a70757c7037f96f"
        );
    }

    #[test]
    fn every_part_counts() {
        let key = attempt_key("a", "k", Gateway::Efi, 1);
        for other in [
            attempt_key("b", "k", Gateway::Efi, 1),
            attempt_key("a", "l", Gateway::Efi, 1),
            attempt_key("a", "k", Gateway::MercadoPago, 1),
            attempt_key("a", "k", Gateway::Efi, 2),
        ] {
            assert_ne!(key, other);
        }
    }
}
