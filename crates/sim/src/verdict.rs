//! The last comparison: what the bank did, what the product says, and what people were told.

use std::collections::BTreeMap;

use app::ports::store::{PayInRow, TransactionRow};
use domain::gateway::Gateway;
use domain::ids::WalletId;
use domain::status::{Kind, Status};

use crate::bank::Received;
use crate::run::is_outgoing;
use crate::workload::Outside;
use crate::world::{OPENING, World};

/// Money that a gateway took back, and told of, is booked without waiting for a scan.
pub(crate) async fn notified_reversals(outside: &Outside) {
    let world = &outside.world;
    let now = world.runtime.elapsed();
    let booked: BTreeMap<_, _> = world
        .auditor
        .pay_ins()
        .into_iter()
        .map(|row| ((row.gateway, row.key.clone()), row))
        .collect();
    for (gateway, key) in outside.memory.notified_reversals() {
        let Some(real) = world.bank.received(gateway, &key, now) else {
            continue;
        };
        // While a refund of ours is in review, what it gave back cannot be told from this.
        let taken: i64 = real
            .reversals
            .iter()
            .map(|(_, amount)| amount.cents())
            .sum();
        let row = booked.get(&(gateway, key.clone()));
        let told = row.map_or(0, |row| row.reversed.cents());
        let hidden = row.is_some_and(|row| people_decided_a_refund(outside, row));
        if told < taken && !in_review(outside) && !hidden {
            let detail = format!("{gateway} took {taken} of {key} back and said so; booked {told}");
            world.auditor.accuse("notified_is_booked", detail);
        }
    }
}

/// While a refund is in doubt, money taken back of its pay-in passes for it. Once people released the
/// refund, only the next scan shows what it hid, and that is looked at when all has come to rest.
fn people_decided_a_refund(outside: &Outside, pay_in: &PayInRow) -> bool {
    let auditor = &outside.world.auditor;
    let mut refunds = auditor
        .rows()
        .into_iter()
        .filter(|row| row.kind == Kind::Refund && row.parent == pay_in.transaction_id);
    refunds.any(|refund| auditor.was_decided(refund.id))
}

fn in_review(outside: &Outside) -> bool {
    let rows = outside.world.auditor.rows();
    rows.iter()
        .any(|row| row.kind == Kind::Refund && row.stage == "in_review")
}

/// Everything that must hold when all has come to rest.
pub(crate) async fn at_the_end(outside: &Outside) {
    outside.world.auditor.look_at_bank();
    answers(outside);
    executions(outside);
    wallets(outside);
    floats(outside);
    events(outside);
    pay_ins(outside);
    stored(outside).await;
}

/// What people were told is so.
fn answers(outside: &Outside) {
    let auditor = &outside.world.auditor;
    for bound in outside.memory.bound() {
        let Some(row) = auditor.row(bound.id) else {
            auditor.accuse("accepted_is_durable", format!("{} is gone", bound.id));
            continue;
        };
        if bound.cents.is_some_and(|cents| cents != row.amount.cents()) {
            let detail = format!("{}: {bound:?}, stored {}", row.id, row.amount);
            auditor.accuse("accepted_is_durable", detail);
        }
    }
    for id in outside.memory.cancelled() {
        let row = auditor.row(id);
        let fits = row.is_some_and(|row| match row.kind {
            // Who pays a cancelled charge all the same is credited.
            Kind::Charge => row.stage == "cancelled" || row.status == Status::Success,
            Kind::Payout | Kind::Transfer | Kind::Refund => row.stage == "cancelled",
        });
        if !fits {
            let detail = format!("{id} was said to be cancelled");
            auditor.accuse("cancelled_is_cancelled", detail);
        }
    }
    let mut keys = BTreeMap::new();
    for row in auditor.rows() {
        let key = row
            .idempotency
            .as_ref()
            .map(|i| (i.account.clone(), i.key.clone()));
        if let Some(key) = key
            && let Some(other) = keys.insert(key, row.id)
        {
            let detail = format!("{} and {other} have the same key", row.id);
            auditor.accuse("same_request_same_answer", detail);
        }
    }
}

/// Paid is what was paid.
fn executions(outside: &Outside) {
    let auditor = &outside.world.auditor;
    for row in auditor.rows().iter().filter(|row| is_outgoing(row.kind)) {
        let times = auditor.times_executed(row.id);
        let inside = auditor.keys(row.id).is_empty();
        let decided = auditor.was_decided(row.id);
        let wrong = match row.status {
            // People may have decided otherwise than it was, and nobody can show it.
            _ if decided => false,
            Status::Pending => false,
            Status::Success => !inside && times != 1,
            Status::Failed => times != 0,
        };
        if wrong {
            let detail = format!("{} is {} and was executed {times} times", row.id, row.stage);
            auditor.accuse("paid_is_paid", detail);
        }
    }
}

/// What a wallet holds is what came minus what went, by the bank and by what people asked.
fn wallets(outside: &Outside) {
    let world = &outside.world;
    let mut expected: BTreeMap<WalletId, i64> = (0..crate::plan::WALLETS)
        .map(|number| (World::wallet(number), OPENING))
        .collect();
    let rows = world.auditor.rows();
    let mut move_money = |wallet: WalletId, cents: i64| {
        *expected.entry(wallet).or_insert(0) += cents;
    };
    for row in &rows {
        let cents = row.amount.cents();
        match row.kind {
            Kind::Charge => {}
            Kind::Payout | Kind::Refund => {
                // A payment in review still holds its money, whatever became of it.
                if row.status == Status::Success {
                    move_money(row.wallet_id, -cents - row.fee.cents());
                }
                move_money(row.wallet_id, returned(outside, row));
            }
            // Whoever asked may never have been answered: where it goes is what was asked.
            Kind::Transfer => {
                if let Some(to) = outside
                    .destination(row)
                    .filter(|_| row.status == Status::Success)
                {
                    move_money(row.wallet_id, -cents);
                    move_money(to, cents);
                }
            }
        }
    }
    let now = world.runtime.elapsed();
    for gateway in Gateway::ALL {
        for pix in world.bank.all_received(gateway, now) {
            let owner = pix
                .code
                .as_ref()
                .and_then(|code| world.auditor.owner(gateway, code))
                .and_then(|id| rows.iter().find(|row| row.id == id));
            let taken = taken_back(&pix) - unbooked_reversal(outside, gateway, &pix);
            if let Some(owner) = owner {
                move_money(owner.wallet_id, pix.amount.cents() - taken);
            }
        }
    }
    for pay_in in world.auditor.pay_ins() {
        if let Some(wallet) = pay_in.wallet_id
            && pay_in.key.starts_with(app::payouts::inside::INSIDE_PREFIX)
        {
            move_money(wallet, pay_in.amount.cents());
        }
    }
    for row in world.auditor.wallet_rows() {
        let holds =
            row.available.cents() + row.held.cents() + row.blocked.cents() - row.receivable.cents();
        let should = expected.get(&row.id).copied().unwrap_or(0);
        if holds != should {
            let detail = format!(
                "{} holds {holds} instead of {should}",
                world.trace.name(row.id)
            );
            world.auditor.accuse("no_centavo_is_lost", detail);
        }
    }
}

/// What came back of a payout at the bank.
fn returned(outside: &Outside, row: &TransactionRow) -> i64 {
    let world = &outside.world;
    let now = world.runtime.elapsed();
    if row.status != Status::Success {
        return 0;
    }
    if world.auditor.was_decided(row.id) {
        // Which of several executions counts is what people said.
        let gateway = row.gateway;
        let booked = gateway.map_or(0, |gateway| world.auditor.booked_out(row.id, gateway));
        return (row.amount.cents() - booked).clamp(0, row.amount.cents());
    }
    let keys = world.auditor.keys(row.id);
    let back = keys
        .iter()
        .flat_map(|(gateway, key)| world.bank.returns(*gateway, key, now));
    back.map(|(_, amount)| amount.cents()).sum()
}

/// Our money at each gateway is what the journals say, but for payments still in review.
fn floats(outside: &Outside) {
    let world = &outside.world;
    let now = world.runtime.elapsed();
    for gateway in Gateway::ALL {
        let booked = world.auditor.float(gateway);
        let real = world.plan.float + world.bank.balance(gateway, now);
        let mut unbooked = 0;
        for row in world
            .auditor
            .rows()
            .iter()
            .filter(|row| is_outgoing(row.kind))
        {
            unbooked += not_booked(outside, row, gateway);
        }
        for pix in world.bank.all_received(gateway, now) {
            unbooked += unbooked_reversal(outside, gateway, &pix);
        }
        if booked != real + unbooked {
            let detail = format!(
                "{gateway} holds {real}, {unbooked} left without a proof, the books say {booked}"
            );
            world.auditor.accuse("floats_agree", detail);
        }
    }
}

fn taken_back(pix: &Received) -> i64 {
    pix.reversals.iter().map(|(_, amount)| amount.cents()).sum()
}

/// What a gateway took back of a PIX while a refund of it is in review: until people decide, it may
/// as well have been that refund.
fn unbooked_reversal(outside: &Outside, gateway: Gateway, pix: &Received) -> i64 {
    let auditor = &outside.world.auditor;
    let booked = auditor.pay_ins();
    let Some(row) = booked
        .iter()
        .find(|row| row.gateway == gateway && row.key == pix.key)
    else {
        return 0;
    };
    let of_it = |refund: &TransactionRow| {
        refund.kind == Kind::Refund
            && refund.status == Status::Pending
            && refund.parent == row.transaction_id
    };
    if auditor.rows().iter().any(of_it) {
        taken_back(pix) - row.reversed.cents()
    } else {
        0
    }
}

/// What left a gateway for this payment, less what came back, that no book tells: payments in
/// review, and those of which people decided otherwise than it was.
fn not_booked(outside: &Outside, row: &TransactionRow, gateway: Gateway) -> i64 {
    let world = &outside.world;
    let now = world.runtime.elapsed();
    let decided = world.auditor.was_decided(row.id);
    if row.status != Status::Pending && !decided {
        return 0;
    }
    let cents = row.amount.cents();
    let mut unbooked = 0;
    for key in world
        .auditor
        .keys(row.id)
        .iter()
        .filter(|key| key.0 == gateway)
    {
        let executed = world.bank.times_executed(gateway, &key.1, now);
        unbooked += i64::from(executed) * cents;
        let back = world.bank.returns(gateway, &key.1, now);
        unbooked -= back.iter().map(|(_, amount)| amount.cents()).sum::<i64>();
    }
    let booked = world.auditor.booked_out(row.id, gateway);
    unbooked - booked
}

/// The stream told every event, once and densely.
fn events(outside: &Outside) {
    let auditor = &outside.world.auditor;
    let mut versions: BTreeMap<_, u64> = BTreeMap::new();
    for (expected, event) in (1..).zip(outside.memory.consumed()) {
        if event.position != Some(expected) {
            let detail = format!("position {:?} after {}", event.position, expected - 1);
            return auditor.accuse("events_are_dense", detail);
        }
        if let (Some(id), Some(version)) = (event.transaction_id, event.transaction_version) {
            let last = versions.entry(id).or_insert(0);
            if version != *last + 1 {
                let detail = format!("{id}: version {version} was read after {last}");
                return auditor.accuse("events_are_dense", detail);
            }
            *last = version;
        }
    }
    let unread = outside.unread();
    if let Some(first) = unread.first() {
        let detail = format!("{} events were never told, {first} first", unread.len());
        auditor.accuse("events_are_told", detail);
    }
}

/// Every PIX that arrived stands somewhere, with what was taken back of it.
fn pay_ins(outside: &Outside) {
    let world = &outside.world;
    let now = world.runtime.elapsed();
    let booked = world.auditor.pay_ins();
    for gateway in Gateway::ALL {
        for pix in world.bank.all_received(gateway, now) {
            let row = booked
                .iter()
                .find(|row| row.gateway == gateway && row.key == pix.key);
            let Some(row) = row else {
                let detail = format!(
                    "{} of {} at {gateway} is booked nowhere",
                    pix.key, pix.amount
                );
                world.auditor.accuse("no_centavo_is_lost", detail);
                continue;
            };
            let taken: i64 = pix.reversals.iter().map(|(_, amount)| amount.cents()).sum();
            if row.reversed.cents() != taken && !in_review(outside) {
                let detail = format!("{}: {taken} taken back, {} booked", pix.key, row.reversed);
                world.auditor.accuse("reversed_what_was_taken", detail);
            }
        }
    }
}

/// The product's own checks, and the rows as they are stored.
async fn stored(outside: &Outside) {
    let world = &outside.world;
    let app = world.outside();
    match app::checks::check(&app).await {
        Ok(checks) => {
            for check in checks.iter().filter(|check| !check.broken.is_empty()) {
                let detail = format!("{}: {:?}", check.rule, check.broken);
                world.auditor.accuse("checks", detail);
            }
        }
        Err(error) => world.auditor.accuse("checks", error.to_string()),
    }
    for row in world.auditor.rows() {
        let found = world.store.transaction(row.id).await;
        let same = matches!(&found, Ok(Some(found)) if found.row.version == row.version
            && found.row.stage == row.stage && found.row.amount == row.amount);
        if !same {
            let detail = format!("{} is stored otherwise than it was committed", row.id);
            world.auditor.accuse("stored_is_committed", detail);
        }
    }
    for row in world.auditor.wallet_rows() {
        let found = world.store.wallet(row.id).await;
        let same = matches!(&found, Ok(Some(found)) if found.available == row.available
            && found.held == row.held && found.seq == row.seq);
        if !same {
            let detail = format!("{} is stored otherwise than it was committed", row.id);
            world.auditor.accuse("stored_is_committed", detail);
        }
    }
}
