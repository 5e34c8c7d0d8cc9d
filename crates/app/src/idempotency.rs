//! Same request, same answer.
//!
//! A key belongs to an account and binds to the transaction it made, together with a fingerprint of
//! the request. The row is read under lock at the start of the unit that would use the key, so that
//! a re-run or a concurrent twin meets it there.

use aws_lc_rs::digest::{SHA256, digest};
use domain::ids::{UserId, WalletId};

use crate::commands::MoneyRequest;
use crate::ports::store::{Idempotency, TransactionRecord};

/// What the key says about a request.
pub enum Claim<'a> {
    /// The key is free.
    Fresh,
    /// The same request was accepted before.
    Replay(&'a TransactionRecord),
    /// Another request was accepted under this key.
    Conflict,
}

/// Looks at the row that the key is bound to.
pub fn claim<'a>(replay: Option<&'a TransactionRecord>, fingerprint: &[u8; 32]) -> Claim<'a> {
    match replay {
        None => Claim::Fresh,
        Some(record) => match &record.row.idempotency {
            Some(bound) if bound.fingerprint == *fingerprint => Claim::Replay(record),
            Some(_) | None => Claim::Conflict,
        },
    }
}

/// SHA-256 over the kind of request and its parts; lengths keep the parts apart.
pub fn fingerprint(
    kind: &str,
    common: &MoneyRequest,
    wallet: WalletId,
    parts: &[&str],
) -> [u8; 32] {
    let wallet = wallet.to_string();
    let option = |value: &Option<String>| value.clone().unwrap_or_default();
    let (reference, metadata, description) = (
        option(&common.reference),
        option(&common.metadata),
        option(&common.description),
    );
    let head = [
        kind,
        wallet.as_str(),
        reference.as_str(),
        metadata.as_str(),
        description.as_str(),
    ];
    let mut bytes = Vec::new();
    for part in head.iter().chain(parts) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    digest(&SHA256, &bytes)
        .as_ref()
        .try_into()
        .expect("SHA-256 has 32 bytes")
}

/// The row to store with the transaction.
pub fn bind(user: UserId, key: &str, fingerprint: [u8; 32]) -> Idempotency {
    Idempotency {
        account: user.to_string(),
        key: key.to_owned(),
        fingerprint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts_and_parts_do_not_run_together() {
        let common = |reference: Option<&str>| MoneyRequest {
            idempotency_key: "k".into(),
            wallet_id: None,
            reference: reference.map(str::to_owned),
            metadata: None,
            description: None,
        };
        let wallet = WalletId::from_bytes([1; 16]);
        let base = fingerprint("payout", &common(None), wallet, &["ab", "c"]);
        assert_eq!(
            base,
            fingerprint("payout", &common(None), wallet, &["ab", "c"])
        );
        for other in [
            fingerprint("refund", &common(None), wallet, &["ab", "c"]),
            fingerprint("payout", &common(Some("r")), wallet, &["ab", "c"]),
            fingerprint(
                "payout",
                &common(None),
                WalletId::from_bytes([2; 16]),
                &["ab", "c"],
            ),
            fingerprint("payout", &common(None), wallet, &["a", "bc"]),
        ] {
            assert_ne!(base, other);
        }
    }
}
