//! Our books of the money at a gateway against its balance. Payments under way may stand between the
//! two: what may have left without our books knowing is listed, and the difference has to fit into it.

use domain::gateway::Gateway;
use domain::ledger::{Account, Float};
use domain::status::{Kind, Status};

use crate::context::App;
use crate::ports::store::{StoreError, TransactionFilter};

const UNDER_WAY: u32 = 1_000;

/// What we have on record of one gateway's account, in centavos.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloatBooks {
    pub ours: i64,
    /// Payouts and refunds that may have left without our books knowing: ids and amounts.
    pub under_way: Vec<(String, i64)>,
}

impl FloatBooks {
    pub async fn read(app: &App, gateway: Gateway) -> Result<FloatBooks, StoreError> {
        let mut ours = 0;
        for part in [Float::Available, Float::Unreleased, Float::Blocked] {
            let account = Account::GatewayFloat(gateway, part);
            ours += app.store.account_balance(account).await?;
        }
        let mut under_way = Vec::new();
        for kind in [Kind::Payout, Kind::Refund] {
            let filter = TransactionFilter {
                kind: Some(kind),
                status: Some(Status::Pending),
                gateway: Some(gateway),
                limit: UNDER_WAY,
                ..TransactionFilter::default()
            };
            for row in app.store.transactions(&filter).await? {
                under_way.push((row.id.to_string(), row.amount.cents()));
            }
        }
        Ok(FloatBooks { ours, under_way })
    }

    /// Whether what is under way accounts for the difference.
    pub fn explain(&self, theirs: i64) -> bool {
        let may_have_left: i64 = self.under_way.iter().map(|(_, cents)| cents).sum();
        (self.ours - may_have_left..=self.ours).contains(&theirs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_payments_under_way_explain_a_difference() {
        let books = |under_way: &[i64]| FloatBooks {
            ours: 1_000,
            under_way: under_way
                .iter()
                .map(|cents| ("txn_1".to_owned(), *cents))
                .collect(),
        };
        assert!(books(&[]).explain(1_000));
        assert!(!books(&[]).explain(999));
        assert!(!books(&[]).explain(1_001));
        assert!(books(&[300, 100]).explain(600));
        assert!(books(&[300, 100]).explain(1_000));
        assert!(!books(&[300]).explain(600));
    }
}
