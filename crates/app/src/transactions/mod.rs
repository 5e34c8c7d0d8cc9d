//! Reading transactions of every kind, and waiting for one.
//!
//! Other people's transactions do not exist; operators may read all. A transfer exists for both of its
//! sides, and each sees its own of it. Views are built from stored
//! rows alone ([`view`]), attempts in plain words from theirs ([`attempts`]).

pub mod attempts;
pub mod cancel;
pub mod view;

use std::collections::BTreeMap;
use std::pin::pin;

use domain::ids::{TransactionId, UserId};
use domain::status::{Kind, Status};
use domain::time::{Moment, Span};
use futures::future::{Either, select};

use crate::commands::{Caller, ListTransactions, ReadRefusal, Scope};
use crate::context::{App, first_id_at};
use crate::ports::store::{
    ListedTransaction, StoreError, TransactionFilter, TransactionRecord, TransactionRow,
};
use crate::records::charge::ChargeRecord;
use crate::records::outgoing::{OutgoingRecord, StoredDecided};
use crate::views::{AttemptView, TransactionView};

/// Rows of one page.
const LONGEST_PAGE: u32 = 200;
/// A waiting reader looks again this often, for commits of other processes ring no bell here.
const LOOK_AGAIN: Span = Span::from_millis(250);

impl App {
    pub async fn transaction(
        &self,
        caller: &Caller,
        id: TransactionId,
    ) -> Result<TransactionView, ReadRefusal> {
        let row = self.store.transaction_row(id).await?;
        let row = row.filter(|row| may_read(caller, row));
        let row = row.ok_or(ReadRefusal::NotFound)?;
        if let Some(payee) = is_received(caller, &row) {
            let payer = self.store.user(row.user_id).await?;
            return Ok(view::received(&row, payee, payer.map(|it| it.name))?);
        }
        let record = self.record_of(row).await?;
        Ok(self.view_record(&record).await?)
    }

    /// What the caller asked for and was sent, newest first.
    pub async fn transactions(
        &self,
        caller: &Caller,
        list: ListTransactions,
    ) -> Result<Vec<TransactionView>, StoreError> {
        let filter = filter(caller, list);
        let listed = self.store.listed_transactions(&filter).await?;
        let mut names = BTreeMap::new();
        let mut views = Vec::with_capacity(listed.len());
        for one in listed {
            views.push(self.view_listed(caller, one, &mut names).await?);
        }
        Ok(views)
    }

    /// A listed transaction from the caller's side. `names` keeps those of senders seen before.
    pub(crate) async fn view_listed(
        &self,
        caller: &Caller,
        listed: ListedTransaction,
        names: &mut BTreeMap<UserId, Option<String>>,
    ) -> Result<TransactionView, StoreError> {
        let ListedTransaction {
            row,
            pay_ins,
            refunds,
        } = listed;
        if let Some(payee) = is_received(caller, &row) {
            let sender = row.user_id;
            let name = match names.get(&sender) {
                Some(name) => name.clone(),
                None => self.store.user(sender).await?.map(|user| user.name),
            };
            names.insert(sender, name.clone());
            return view::received(&row, payee, name);
        }
        let record = TransactionRecord {
            row,
            attempts: Vec::new(),
            pay_ins,
            proposal: None,
        };
        view::view(&record, &refunds)
    }

    /// The attempts of a transaction in plain words, by number.
    pub async fn attempts(
        &self,
        caller: &Caller,
        id: TransactionId,
    ) -> Result<Vec<AttemptView>, ReadRefusal> {
        let record = self.readable(caller, id).await?;
        let decided = decided(&record)?;
        let views: Result<_, StoreError> = record
            .attempts
            .iter()
            .map(|attempt| attempts::view(attempt, decided.as_ref()))
            .collect();
        Ok(views?)
    }

    /// The transaction as soon as it is `done`, or as it is when `wait` is over.
    pub async fn wait_for(
        &self,
        caller: &Caller,
        id: TransactionId,
        wait: Span,
        done: fn(&TransactionView) -> bool,
    ) -> Result<TransactionView, ReadRefusal> {
        let mut limit = self.runtime.sleep(wait);
        loop {
            // Listening starts before the read, so that a commit between the two is not missed.
            let mut rung = pin!(self.bell.notified());
            rung.as_mut().enable();
            let view = self.transaction(caller, id).await?;
            if done(&view) {
                return Ok(view);
            }
            let woken = select(rung, self.runtime.sleep(LOOK_AGAIN));
            match select(limit, woken).await {
                Either::Left(((), _)) => return self.transaction(caller, id).await,
                Either::Right((_, unfinished)) => limit = unfinished,
            }
        }
    }

    /// A transaction that is known to exist.
    pub(crate) async fn view_of(&self, id: TransactionId) -> Result<TransactionView, StoreError> {
        let record = self.store.transaction(id).await?;
        let missing = || StoreError::Corrupt(format!("transactions: {id} has vanished"));
        self.view_record(&record.ok_or_else(missing)?).await
    }

    async fn readable(
        &self,
        caller: &Caller,
        id: TransactionId,
    ) -> Result<TransactionRecord, ReadRefusal> {
        let record = self.store.transaction(id).await?;
        record
            .filter(|record| may_read(caller, &record.row))
            .ok_or(ReadRefusal::NotFound)
    }

    pub(crate) async fn view_record(
        &self,
        record: &TransactionRecord,
    ) -> Result<TransactionView, StoreError> {
        let refunds = if record.pay_ins.is_empty() {
            Vec::new()
        } else {
            self.store.refunds_of(record.row.id).await?
        };
        view::view(record, &refunds)
    }

    /// Only a charge that was paid has more to show than its row.
    async fn record_of(&self, row: TransactionRow) -> Result<TransactionRecord, StoreError> {
        let was_paid = row.kind == Kind::Charge && ChargeRecord::load(&row)?.facts.paid_cents > 0;
        let whole = if was_paid {
            self.store.transaction(row.id).await?
        } else {
            None
        };
        Ok(whole.unwrap_or(TransactionRecord {
            row,
            attempts: Vec::new(),
            pay_ins: Vec::new(),
            proposal: None,
        }))
    }
}

/// The caller, where this is a transfer that somebody else sent to it. Operators see the sender's
/// side of every transfer.
fn is_received(caller: &Caller, row: &TransactionRow) -> Option<UserId> {
    let is_of_another = row.user_id != caller.user_id && !caller.may(Scope::Operator);
    row.payee_user_id
        .filter(|payee| *payee == caller.user_id && is_of_another)
}

fn may_read(caller: &Caller, row: &TransactionRow) -> bool {
    let sides = [Some(row.user_id), row.payee_user_id];
    sides.contains(&Some(caller.user_id)) || caller.may(Scope::Operator)
}

/// What two people decided about outgoing money.
pub(crate) fn decided(record: &TransactionRecord) -> Result<Option<StoredDecided>, StoreError> {
    match record.row.kind {
        Kind::Payout | Kind::Refund => Ok(OutgoingRecord::load(&record.row)?.facts.decided),
        Kind::Charge | Kind::Transfer => Ok(None),
    }
}

/// The status that a stage under way has, so that its index is read.
fn status_of(stage: Option<&str>) -> Option<Status> {
    const UNDER_WAY: [&str; 9] = [
        "creating",
        "awaiting_payment",
        "underpaid",
        "scheduled",
        "queued",
        "sending",
        "accepted",
        "in_doubt",
        "in_review",
    ];
    let is_under_way = UNDER_WAY.contains(&stage?);
    is_under_way.then_some(Status::Pending)
}

/// An id holds the moment at which it was made, to the millisecond, which is that of `created_at`: a
/// span of time is a span of ids. The slack costs a few rows and forgives a clock.
const ID_SLACK: Span = Span::from_seconds(3_600);

fn id_at(moment: Moment) -> TransactionId {
    TransactionId::from_bytes(first_id_at(moment))
}

fn filter(caller: &Caller, list: ListTransactions) -> TransactionFilter {
    TransactionFilter {
        user_id: (!caller.may(Scope::Operator)).then_some(caller.user_id),
        wallet_id: None,
        kind: list.kind,
        status: list.status.or_else(|| status_of(list.stage.as_deref())),
        stage: list.stage,
        gateway: list.gateway,
        reference: list.reference,
        end_to_end_id: list.end_to_end_id,
        txid: list.txid,
        from_id: list.from.map(|from| id_at(from.minus(ID_SLACK))),
        before: match (list.before, list.to) {
            (before, None) => before,
            (None, Some(to)) => Some(id_at(to.plus(ID_SLACK))),
            (Some(before), Some(to)) => Some(before.min(id_at(to.plus(ID_SLACK)))),
        },
        from: list.from,
        to: list.to,
        limit: list.limit.clamp(1, LONGEST_PAGE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::store::UserRole;
    use domain::ids::UserId;

    #[test]
    fn a_customer_lists_only_its_own_and_pages_are_bounded() {
        let caller = |scope| Caller {
            user_id: UserId::from_bytes([1; 16]),
            role: UserRole::Customer,
            scopes: vec![scope],
            session_id: None,
        };
        let all = ListTransactions {
            limit: 10_000,
            ..ListTransactions::default()
        };
        let own = filter(&caller(Scope::Read), all.clone());
        assert_eq!(
            (own.user_id, own.limit),
            (Some(UserId::from_bytes([1; 16])), 200)
        );
        assert_eq!(filter(&caller(Scope::Operator), all).user_id, None);
    }

    #[test]
    fn a_span_of_time_bounds_the_ids_that_are_read() {
        let hour = Span::from_seconds(3_600);
        let (from, to) = (
            Moment::from_micros(1_795_000_000_000_000),
            Moment::from_micros(1_796_000_000_000_000),
        );
        let caller = Caller {
            user_id: UserId::from_bytes([1; 16]),
            role: UserRole::Customer,
            scopes: vec![Scope::Read],
            session_id: None,
        };
        let bounds = |before| {
            let list = ListTransactions {
                from: Some(from),
                to: Some(to),
                before,
                ..ListTransactions::default()
            };
            let filter = filter(&caller, list);
            (filter.from_id, filter.before)
        };
        let (first, last) = (id_at(from.minus(hour)), id_at(to.plus(hour)));
        assert_eq!(bounds(None), (Some(first), Some(last)));
        let within = id_at(from);
        assert_eq!(
            bounds(Some(within)).1,
            Some(within),
            "the next page goes on"
        );
        let beyond = id_at(to.plus(hour).plus(hour));
        assert_eq!(bounds(Some(beyond)).1, Some(last));
    }
}
