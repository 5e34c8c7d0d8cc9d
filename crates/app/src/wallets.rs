//! What a wallet holds and held. Other people's wallets do not exist; operators may read all.

use std::collections::BTreeMap;

use domain::ids::{UserId, WalletId};
use domain::limits::Left;
use domain::time::Moment;

use crate::calendar;
use crate::commands::{Caller, MoneyRefusal, ReadRefusal, Scope};
use crate::context::App;
use crate::ports::store::{StatementFilter, StatementLine, StoreError, WalletRow};
use crate::views::TransactionView;

/// Lines of one page of a statement.
const LONGEST_PAGE: u32 = 1_000;

/// A line of the statement with what is known of its transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpendableLine {
    pub line: StatementLine,
    pub transaction: Option<TransactionView>,
}

impl App {
    /// The wallets of any user, for operators.
    pub async fn wallets_of_user(&self, id: UserId) -> Result<Vec<WalletRow>, StoreError> {
        self.store.wallets_of(id).await
    }

    /// The caller's wallets.
    pub async fn wallets(&self, caller: &Caller) -> Result<Vec<WalletRow>, StoreError> {
        self.store.wallets_of(caller.user_id).await
    }

    pub async fn wallet(&self, caller: &Caller, id: WalletId) -> Result<WalletRow, ReadRefusal> {
        let found = self.store.wallet(id).await?;
        found
            .filter(|wallet| may_read(caller, wallet))
            .ok_or(ReadRefusal::NotFound)
    }

    /// Entries of a wallet, newest first.
    pub async fn statement(
        &self,
        caller: &Caller,
        mut filter: StatementFilter,
    ) -> Result<Vec<StatementLine>, ReadRefusal> {
        self.wallet(caller, filter.wallet_id).await?;
        filter.limit = filter.limit.clamp(1, LONGEST_PAGE);
        Ok(self.store.statement(&filter).await?)
    }

    /// What changed the money that can be spent, newest first, each line with its transaction from
    /// the caller's side.
    pub async fn spendable_lines(
        &self,
        caller: &Caller,
        mut filter: StatementFilter,
    ) -> Result<Vec<SpendableLine>, ReadRefusal> {
        self.wallet(caller, filter.wallet_id).await?;
        filter.limit = filter.limit.clamp(1, LONGEST_PAGE);
        let mut names = BTreeMap::new();
        let mut lines = Vec::new();
        for told in self.store.spendable_lines(&filter).await? {
            let transaction = match told.transaction {
                Some(listed) => Some(self.view_listed(caller, listed, &mut names).await?),
                None => None,
            };
            lines.push(SpendableLine {
                line: told.line,
                transaction,
            });
        }
        Ok(lines)
    }

    /// What was available, held and blocked, in centavos, after the last entry at or before `at`.
    pub async fn balance_at(
        &self,
        caller: &Caller,
        id: WalletId,
        at: Moment,
    ) -> Result<(i64, i64, i64), ReadRefusal> {
        self.wallet(caller, id).await?;
        Ok(self.store.balance_at(id, at).await?)
    }

    /// What the wallet's limits leave at this moment.
    pub fn limits_left(&self, wallet: &WalletRow) -> Left {
        wallet
            .spent
            .left(&wallet.limits, calendar::windows(self.now()))
    }

    /// The wallet that a request moves money from or to: the named one, or the caller's only one.
    pub(crate) async fn wallet_of(
        &self,
        caller: &Caller,
        named: Option<WalletId>,
    ) -> Result<WalletId, MoneyRefusal> {
        let wallets = self.store.wallets_of(caller.user_id).await?;
        choose_wallet(&wallets, named)
    }
}

/// Owners read their own, operators read all.
fn may_read(caller: &Caller, wallet: &WalletRow) -> bool {
    wallet.user_id == caller.user_id || caller.may(Scope::Operator)
}

fn choose_wallet(own: &[WalletRow], named: Option<WalletId>) -> Result<WalletId, MoneyRefusal> {
    match (named, own) {
        (Some(id), own) if own.iter().any(|wallet| wallet.id == id) => Ok(id),
        (None, [only]) => Ok(only.id),
        (None, [_, _, ..]) => Err(MoneyRefusal::Invalid {
            field: "wallet_id",
            code: "required",
            message: "there is more than one wallet: name one".to_owned(),
        }),
        (Some(_), _) | (None, []) => Err(MoneyRefusal::NotFound("wallet")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::store::UserRole;
    use domain::ids::UserId;
    use domain::limits::{Limits, Spent};
    use domain::money::Money;

    fn wallet(n: u8) -> WalletRow {
        WalletRow {
            id: WalletId::from_bytes([n; 16]),
            user_id: UserId::from_bytes([1; 16]),
            available: Money::ZERO,
            held: Money::ZERO,
            blocked: Money::ZERO,
            receivable: Money::ZERO,
            seq: 0,
            limits: Limits {
                per_transaction: Money::MAX,
                per_day: Money::MAX,
                per_night: Money::MAX,
            },
            spent: Spent::default(),
            created_at: Moment::default(),
        }
    }

    #[test]
    fn the_only_wallet_is_the_default_and_a_stranger_s_does_not_exist() {
        let own = [wallet(1), wallet(2)];
        assert_eq!(choose_wallet(&own[..1], None).unwrap(), own[0].id);
        assert_eq!(choose_wallet(&own, Some(own[1].id)).unwrap(), own[1].id);
        assert!(matches!(
            choose_wallet(&own, None),
            Err(MoneyRefusal::Invalid {
                field: "wallet_id",
                ..
            })
        ));
        for (own, named) in [(&own[..], Some(wallet(3).id)), (&own[..0], None)] {
            assert!(matches!(
                choose_wallet(own, named),
                Err(MoneyRefusal::NotFound("wallet"))
            ));
        }
    }

    #[test]
    fn operators_read_every_wallet_and_others_only_theirs() {
        let caller = |user: u8, scope| Caller {
            user_id: UserId::from_bytes([user; 16]),
            role: UserRole::Customer,
            scopes: vec![scope],
            session_id: None,
        };
        assert!(may_read(&caller(1, Scope::Read), &wallet(1)));
        assert!(!may_read(&caller(2, Scope::Read), &wallet(1)));
        assert!(may_read(&caller(2, Scope::Operator), &wallet(1)));
    }
}
