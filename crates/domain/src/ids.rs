//! Typed ids: a prefix and the 32 lower-case hex digits of a UUIDv7.
//!
//! The sixteen bytes are made outside (they hold a time and a random draw); here they only get a
//! kind, so that one kind of id cannot stand where another is meant.

use std::fmt;

/// Why a text is not an id of the wanted kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {prefix}_ and 32 lower-case hex digits")]
pub struct IdError {
    pub prefix: &'static str,
}

fn write_hex(bytes: &[u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn parse_hex(text: &str) -> Option<[u8; 16]> {
    let digits = text.as_bytes();
    if digits.len() != 32 {
        return None;
    }
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            pub const PREFIX: &'static str = $prefix;
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }
            pub const fn bytes(&self) -> &[u8; 16] {
                &self.0
            }
            /// Parses the printed form.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(parse_hex)
                    .map(Self)
                    .ok_or(IdError { prefix: $prefix })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($prefix, "_"))?;
                write_hex(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}

ids! {
    UserId = "usr";
    WalletId = "wal";
    /// A charge, payout, transfer or refund.
    TransactionId = "txn";
    AttemptId = "att";
    JobId = "job";
    ApiKeyId = "key";
    SessionId = "ses";
    EventId = "evt";
    AlertId = "alt";
    PayInId = "pin";
    JournalId = "jnl";
    InboundId = "inb";
    EvidenceId = "evd";
    AuditId = "aud";
    IncidentId = "inc";
    /// What one operator proposes for a payment in review.
    ProposalId = "prp";
    /// Where a customer receives events.
    WebhookEndpointId = "whe";
    /// One event on its way to one endpoint.
    DeliveryId = "dlv";
    /// A comparison of the books with what the gateways list.
    ReconciliationId = "rec";
    /// Our money on its way from one gateway to the other.
    FloatMoveId = "fmv";
}

impl UserId {
    /// Nobody: the owner of the platform's own payments.
    pub const SYSTEM: UserId = UserId([0; 16]);
}

impl WalletId {
    /// No wallet: what the platform's own payments are paid from is our float.
    pub const SYSTEM: WalletId = WalletId([0; 16]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_round_trips_and_keeps_its_kind() {
        let id = TransactionId::from_bytes(*b"0123456789abcdef");
        let text = id.to_string();
        assert_eq!(text, "txn_30313233343536373839616263646566");
        assert_eq!(TransactionId::parse(&text), Ok(id));
        assert_eq!(UserId::parse(&text), Err(IdError { prefix: "usr" }));
        for bad in [
            "",
            "txn_",
            "txn_3",
            "txn_3031323334353637383961626364656G",
            "TXN_30313233343536373839616263646566",
        ] {
            assert!(TransactionId::parse(bad).is_err(), "{bad}");
        }
        assert!(TransactionId::parse(&text.to_uppercase()).is_err());
        assert!(TransactionId::parse("txn_é0313233343536373839616263646566").is_err());
    }
}
