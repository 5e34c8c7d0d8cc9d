//! A hundred thousand transactions made of a few: rows as the use cases wrote them, with other ids,
//! times and people.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use app::context::App;
use app::ledger::{Books, Heading};
use app::ports::store::*;
use domain::ids::*;
use domain::time::{Moment, Span};

use crate::people::{Person, Sample};

/// How far back the first lies.
const DAYS: u32 = 180;
/// Transactions of one commit of the store's group.
const GROUP: usize = 20;

/// A transaction with all that was written with it.
struct Model {
    record: TransactionRecord,
    journals: Vec<JournalRow>,
    events: Vec<EventRow>,
}

impl Model {
    async fn read(app: &App, id: &str) -> Result<Model> {
        let id = TransactionId::parse(id)?;
        let record = app.store.transaction(id).await?;
        Ok(Model {
            record: record.context("it is there")?,
            journals: app.store.journals_of(id).await?,
            events: app.store.events_of(id).await?,
        })
    }
}

/// One of each kind.
pub struct Models {
    charge: Model,
    refunded: Model,
    refund: Model,
    payout: Model,
    refused: Model,
    transfer: Model,
    sender: (UserId, WalletId),
    receiver: (UserId, WalletId),
}

impl Models {
    pub async fn read(app: &App, sample: &Sample) -> Result<Models> {
        Ok(Models {
            charge: Model::read(app, &sample.charge).await?,
            refunded: Model::read(app, &sample.refunded).await?,
            refund: Model::read(app, &sample.refund).await?,
            payout: Model::read(app, &sample.payout).await?,
            refused: Model::read(app, &sample.refused).await?,
            transfer: Model::read(app, &sample.transfer).await?,
            sender: of(&sample.sender)?,
            receiver: of(&sample.receiver)?,
        })
    }

    /// What happens in twenty steps: mostly money in and out, now and then the rest. Whose sender the
    /// owner is, is told with each; the other one only sends what it was sent before.
    fn course(&self) -> Vec<(&Model, bool)> {
        let mut course = vec![(&self.refunded, true), (&self.refund, true)];
        for _ in 0..7 {
            course.push((&self.charge, true));
            course.push((&self.payout, true));
        }
        course.push((&self.refused, true));
        course.push((&self.transfer, true));
        course.push((&self.transfer, false));
        course.push((&self.charge, true));
        course
    }
}

fn of(person: &Person) -> Result<(UserId, WalletId)> {
    let user = UserId::parse(&person.user_id)?;
    Ok((user, WalletId::parse(&person.wallet_id)?))
}

/// Makes so many transactions, or a few more, of which the owner is a side.
pub async fn fill(
    app: &App,
    models: &Models,
    (owner, other): (&Person, &Person),
    count: usize,
) -> Result<usize> {
    let (owner, other) = (of(owner)?, of(other)?);
    let course = models.course();
    let now = app.now();
    let begin = now.minus(Span::from_days(DAYS)).micros();
    let step = (now.micros() - begin) / i64::try_from(count + 2 * course.len())?;
    let mut maker = Maker {
        ids: 0,
        parents: BTreeMap::new(),
        models,
    };
    let mut made = 0;
    while made < count {
        let mut units = Vec::new();
        for _ in 0..GROUP {
            let mut copies = Vec::new();
            for (model, is_sender) in &course {
                let at = Moment::from_micros(begin + step * i64::try_from(made)?);
                let sides = match is_sender {
                    true => (owner, other),
                    false => (other, owner),
                };
                copies.push(maker.copy(model, sides, at));
                made += 1;
            }
            units.push(unit(copies, vec![owner.1, other.1]));
            if made >= count {
                break;
            }
        }
        for result in app.store.commit(units).await {
            match result {
                UnitResult::Committed(_) => {}
                UnitResult::Refused(_) => bail!("a copy was refused"),
                UnitResult::Failed(error) => return Err(error.into()),
            }
        }
    }
    Ok(made)
}

/// A copy, still without its bookings.
struct Copy {
    writes: Vec<Write>,
    journals: Vec<(JournalRow, TransactionRow)>,
    sides: (WalletId, WalletId),
}

struct Maker<'a> {
    ids: u64,
    /// The latest copy of each model, to which later ones refer.
    parents: BTreeMap<TransactionId, Names>,
    models: &'a Models,
}

/// Texts that stand for other texts: ids as they are printed.
type Names = BTreeMap<String, String>;

impl Maker<'_> {
    fn id(&mut self, at: Moment) -> [u8; 16] {
        self.ids += 1;
        let millis = u64::try_from(at.micros() / 1_000).unwrap_or(0);
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        bytes[6] = 0x70;
        bytes[8..].copy_from_slice(&self.ids.to_be_bytes());
        bytes[8] |= 0x80;
        bytes
    }

    fn copy(
        &mut self,
        model: &Model,
        (sender, receiver): ((UserId, WalletId), (UserId, WalletId)),
        at: Moment,
    ) -> Copy {
        let old = &model.record.row;
        let id = TransactionId::from_bytes(self.id(at));
        let moved = |moment: Moment| at.plus(moment.since(old.created_at));
        let mut names = Names::from([
            (old.id.to_string(), id.to_string()),
            (self.models.sender.0.to_string(), sender.0.to_string()),
            (self.models.sender.1.to_string(), sender.1.to_string()),
            (self.models.receiver.0.to_string(), receiver.0.to_string()),
            (self.models.receiver.1.to_string(), receiver.1.to_string()),
        ]);
        if let Some(parent) = old.parent.and_then(|it| self.parents.get(&it)) {
            names.extend(parent.clone());
        }
        for paid in &model.record.pay_ins {
            let new = PayInId::from_bytes(self.id(at));
            names.insert(paid.id.to_string(), new.to_string());
        }
        let mut writes = Vec::new();
        let row = TransactionRow {
            id,
            wallet_id: sender.1,
            user_id: sender.0,
            idempotency: old.idempotency.clone().map(|bound| Idempotency {
                account: sender.0.to_string(),
                key: format!("copy {}", self.ids),
                ..bound
            }),
            end_to_end_id: old.end_to_end_id.as_ref().map(|_| self.number('E')),
            parent: old.parent.and_then(|parent| {
                let new = names.get(&parent.to_string())?;
                TransactionId::parse(new).ok()
            }),
            created_at: at,
            updated_at: moved(old.updated_at),
            settled_at: old.settled_at.map(moved),
            facts: renamed(&old.facts, &names),
            private: renamed(&old.private, &names),
            payee_user_id: old.payee_user_id.map(|_| receiver.0),
            ..old.clone()
        };
        writes.push(Write::InsertTransaction(row.clone()));
        for attempt in &model.record.attempts {
            let attempt_id = AttemptId::from_bytes(self.id(at));
            writes.push(Write::InsertAttempt(AttemptRow {
                id: attempt_id,
                transaction_id: id,
                attempt_key: self.number('a'),
                gateway_reference: attempt
                    .row
                    .gateway_reference
                    .as_ref()
                    .map(|_| self.number('r')),
                licence: attempt.row.licence.as_ref().map(|it| renamed(it, &names)),
                created_at: moved(attempt.row.created_at),
                updated_at: moved(attempt.row.updated_at),
                ..attempt.row.clone()
            }));
            writes.extend(attempt.sends.iter().map(|send| {
                Write::InsertSend(SendRow {
                    attempt_id,
                    opened_at: moved(send.opened_at),
                    closed_at: send.closed_at.map(moved),
                    ..send.clone()
                })
            }));
        }
        for paid in &model.record.pay_ins {
            writes.push(Write::InsertPayIn(self.pay_in(paid, &row, &names, moved)));
        }
        for event in &model.events {
            writes.push(Write::InsertEvent(EventRow {
                id: EventId::from_bytes(self.id(at)),
                transaction_id: Some(id),
                wallet_id: event.wallet_id.map(|_| sender.1),
                user_id: event.user_id.map(|_| sender.0),
                body: renamed(&event.body, &names),
                occurred_at: moved(event.occurred_at),
                position: None,
                ..event.clone()
            }));
        }
        let journals = model.journals.iter().map(|journal| {
            let journal = JournalRow {
                id: JournalId::from_bytes(self.id(at)),
                created_at: at,
                ..journal.clone()
            };
            (journal, row.clone())
        });
        let journals = journals.collect();
        self.parents.insert(old.id, names);
        Copy {
            writes,
            journals,
            sides: (sender.1, receiver.1),
        }
    }

    fn pay_in(
        &mut self,
        old: &PayInRow,
        row: &TransactionRow,
        names: &Names,
        moved: impl Fn(Moment) -> Moment,
    ) -> PayInRow {
        let key = self.number('E');
        let new = names.get(&old.id.to_string());
        let new = new.and_then(|text| PayInId::parse(text).ok());
        PayInRow {
            id: new.expect("it was named before"),
            end_to_end_id: old.end_to_end_id.as_ref().map(|_| key.clone()),
            key,
            transaction_id: Some(row.id),
            wallet_id: Some(row.wallet_id),
            paid_at: moved(old.paid_at),
            created_at: moved(old.created_at),
            ..old.clone()
        }
    }

    /// A key or id of the outside, used once.
    fn number(&mut self, kind: char) -> String {
        self.ids += 1;
        format!("{kind}{:031}", self.ids)
    }
}

fn renamed(text: &str, names: &Names) -> String {
    names
        .iter()
        .fold(text.to_owned(), |text, (old, new)| text.replace(old, new))
}

/// Books the copies one after the other, each on what the one before has left.
fn unit(copies: Vec<Copy>, wallets: Vec<WalletId>) -> Unit {
    Unit {
        name: "copies",
        locks: Locks {
            wallets,
            ..Locks::default()
        },
        decide: Arc::new(move |locked| {
            let mut books = Books::new(&locked.wallets);
            let mut writes = Vec::new();
            for copy in &copies {
                writes.extend(copy.writes.iter().cloned());
                for (journal, row) in &copy.journals {
                    if let Err(why) = book(&mut books, journal, row, copy.sides) {
                        return Verdict::Refuse(Box::new(why));
                    }
                }
            }
            writes.extend(books.into_writes());
            Verdict::Commit {
                writes,
                answer: Box::new(()),
            }
        }),
    }
}

/// The booking that made the model's journal, once more.
fn book(
    books: &mut Books,
    journal: &JournalRow,
    row: &TransactionRow,
    (from, to): (WalletId, WalletId),
) -> Result<(), String> {
    let kinds = [
        "pay_in",
        "payout_held",
        "payout_settled",
        "payout_released",
        "refund_held",
        "refund_settled",
        "transfer",
    ];
    let kind = kinds.into_iter().find(|kind| *kind == journal.kind);
    let kind = kind.ok_or_else(|| format!("no booking makes {}", journal.kind))?;
    let heading = Heading {
        id: journal.id,
        kind,
        transaction_id: Some(row.id),
        at: journal.created_at,
    };
    let gateway = row.gateway.ok_or("no gateway");
    let both = (row.amount, row.fee);
    let total = row.amount.checked_add(row.fee).ok_or("too much")?;
    let booked = match kind {
        "pay_in" => books.pay_in(heading, from, gateway?, both),
        "payout_held" | "refund_held" => books.hold(heading, from, total),
        "payout_released" => books.release(heading, from, total),
        "transfer" => books.transfer(heading, from, to, row.amount),
        _ => books.paid_out(heading, from, gateway?, both),
    };
    booked.map_err(|error| error.to_string())
}
