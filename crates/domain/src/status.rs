//! The kinds of transaction and the one set of statuses that all kinds and gateways share.

/// What a transaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Money in by PIX.
    Charge,
    /// Money out by PIX.
    Payout,
    /// Money from wallet to wallet.
    Transfer,
    /// A received PIX given back, in full or in part.
    Refund,
}

/// Where a transaction stands for its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    Pending,
    Success,
    Failed,
}

names!(Kind { Charge = "charge", Payout = "payout", Transfer = "transfer", Refund = "refund" });
names!(Status { Pending = "pending", Success = "success", Failed = "failed" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(*kind));
        }
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(*status));
        }
        assert_eq!(Status::parse("done"), None);
    }
}
