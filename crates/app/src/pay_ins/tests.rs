//! What a pay-in becomes: credited, known, taken back, or put into suspense.

use super::*;
use crate::ports::gateway::{ObservedPayer, ObservedReturn};
use crate::ports::store::{AttemptRecord, EntryRow, SendRow, WalletRow};
use crate::records::charge::tests::{cents, creating};
use domain::dispute::DisputeStage;
use domain::ids::{AttemptId, UserId};
use domain::limits::Spent;
use domain::status::Status;
use domain::time::{Moment, Span};

const NOW: Moment = Moment::from_micros(1_000_000);

fn observed(amount: i64, returned: &[(i64, bool)]) -> ObservedPayIn {
    ObservedPayIn {
        key: "E1".into(),
        end_to_end_id: Some("E1".into()),
        amount: cents(amount),
        fee: Some(cents(2)),
        paid_at: Moment::from_micros(500),
        payer: ObservedPayer::default(),
        charge_reference: Some("a".into()),
        returned: returned
            .iter()
            .map(|(amount, done)| ObservedReturn {
                key: format!("D{amount}"),
                attempt_key: None,
                amount: cents(*amount),
                done: *done,
            })
            .collect(),
        disputes: Vec::new(),
    }
}

fn home(charge: &ChargeRecord) -> Home {
    Home {
        transaction: charge.row.id,
        wallet: charge.row.wallet_id,
        attempt: Some(1),
        moved: None,
    }
}

fn unit(home: Option<Home>, observed: ObservedPayIn) -> CreditUnit {
    CreditUnit {
        gateway: Gateway::Efi,
        observed: Arc::new(observed),
        home,
        settings: Arc::new(Settings::standard()),
        seed: IdSeed::for_tests(NOW),
    }
}

fn awaiting() -> ChargeRecord {
    creating().step(ChargeStep::Created, NOW).unwrap()
}

/// The rows that crediting one charge meets, as the store would lock them.
fn world(charge: &ChargeRecord, available: i64) -> Locked {
    let wallet = WalletRow {
        id: charge.row.wallet_id,
        user_id: UserId::from_bytes([3; 16]),
        available: cents(available),
        held: Money::ZERO,
        blocked: Money::ZERO,
        receivable: Money::ZERO,
        seq: 0,
        limits: Settings::standard().default_limits,
        spent: Spent::default(),
        created_at: Moment::default(),
    };
    let record = TransactionRecord {
        row: charge.clone().into_row(NOW, None),
        attempts: Vec::new(),
        pay_ins: Vec::new(),
        proposal: None,
    };
    Locked {
        wallets: [(wallet.id, wallet)].into(),
        transactions: [(record.row.id, record)].into(),
        ..Locked::default()
    }
}

/// Decides and applies the writes, as the store would.
fn apply(unit: &CreditUnit, locked: &mut Locked) -> (Credited, Vec<Write>) {
    let (writes, credited) = match unit.decide(locked) {
        Decision::Commit(writes, credited) => (writes, credited),
        Decision::Refuse(Ok(credited)) => (Vec::new(), credited),
        Decision::Refuse(Err(error)) => panic!("{error}"),
    };
    for write in writes.clone() {
        match write {
            Write::SaveWallet(row) => {
                locked.wallets.insert(row.id, row);
            }
            Write::InsertPayIn(row) | Write::SavePayIn(row) => {
                if let Some(home) = row.transaction_id {
                    let record = locked.transactions.get_mut(&home).unwrap();
                    record.pay_ins.retain(|known| known.key != row.key);
                    record.pay_ins.push(row.clone());
                }
                locked.pay_ins.insert((row.gateway, row.key.clone()), row);
            }
            Write::InsertDispute(row) => locked.disputes.push(row),
            Write::SaveDispute(row) => {
                locked.disputes.retain(|known| known.number != row.number);
                locked.disputes.push(row);
            }
            Write::SaveTransaction(row) => {
                let id = row.id;
                locked.transactions.get_mut(&id).unwrap().row = row;
            }
            _ => {}
        }
    }
    (credited, writes)
}

fn available(locked: &Locked) -> i64 {
    locked.wallets.values().next().unwrap().available.cents()
}

fn events(writes: &[Write]) -> Vec<(String, Option<u64>)> {
    writes
        .iter()
        .filter_map(|write| match write {
            Write::InsertEvent(event) => Some((event.kind.clone(), event.transaction_version)),
            _ => None,
        })
        .collect()
}

fn entries(writes: &[Write]) -> Vec<EntryRow> {
    writes
        .iter()
        .filter_map(|write| match write {
            Write::InsertJournal(journal) => Some(journal.entries.clone()),
            _ => None,
        })
        .flatten()
        .collect()
}

#[test]
fn a_payment_is_credited_gross_with_the_fee_as_its_own_line() {
    let charge = awaiting();
    let mut locked = world(&charge, 10);
    let (credited, writes) = apply(&unit(Some(home(&charge)), observed(100, &[])), &mut locked);
    assert_eq!((credited, available(&locked)), (Credited::New, 110));
    let mut lines: Vec<(String, i64)> = entries(&writes)
        .iter()
        .map(|entry| (entry.account.code(), entry.debit_cents))
        .collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            ("float_available.efi".to_owned(), 98),
            ("gateway_fees.efi".to_owned(), 2),
            ("wallet.available".to_owned(), -100),
        ]
    );
    assert_eq!(events(&writes), [("charge.paid".to_owned(), Some(3))]);
    let row = &locked.transactions[&charge.row.id].row;
    assert_eq!(
        (row.status, row.end_to_end_id.as_deref()),
        (Status::Success, Some("E1"))
    );
}

#[test]
fn bringing_the_same_payment_again_changes_nothing() {
    let charge = awaiting();
    let mut locked = world(&charge, 0);
    let again = unit(Some(home(&charge)), observed(100, &[]));
    apply(&again, &mut locked);
    let (credited, writes) = apply(&again, &mut locked);
    assert_eq!(
        (credited, writes.len(), available(&locked)),
        (Credited::Known, 0, 100)
    );
}

#[test]
fn several_payments_add_up_and_are_told_apart() {
    let charge = awaiting();
    let mut locked = world(&charge, 0);
    let mut told = Vec::new();
    for (key, amount) in [("E1", 40), ("E2", 20), ("E3", 60), ("E4", 5)] {
        let part = ObservedPayIn {
            key: key.into(),
            ..observed(amount, &[])
        };
        let (_, writes) = apply(&unit(Some(home(&charge)), part), &mut locked);
        let stage = locked.transactions[&charge.row.id].row.stage.clone();
        told.push((events(&writes)[0].0.clone(), stage));
    }
    let expected = [
        ("charge.underpaid", "underpaid"),
        ("charge.pay_in", "underpaid"),
        ("charge.paid", "paid"),
        ("charge.pay_in", "paid"),
    ];
    assert_eq!(
        told,
        expected.map(|(kind, stage)| (kind.to_owned(), stage.to_owned()))
    );
    let paid = ChargeRecord::load(&locked.transactions[&charge.row.id].row).unwrap();
    assert_eq!(
        (paid.paid(), paid.overpaid(), available(&locked)),
        (cents(125), true, 125)
    );
}

#[test]
fn money_is_credited_in_every_stage() {
    for (steps, stage, kind) in [
        (&[][..], "paid", "charge.paid"),
        (&[ChargeStep::CreationFailed][..], "paid", "charge.paid"),
        (&[ChargeStep::ConfirmedCancelled][..], "paid", "charge.paid"),
        (
            &[ChargeStep::Created, ChargeStep::ConfirmedExpired][..],
            "paid",
            "charge.paid",
        ),
    ] {
        let mut charge = creating();
        for step in steps {
            charge = charge.step(*step, NOW).unwrap();
        }
        let mut locked = world(&charge, 0);
        let (credited, writes) = apply(&unit(Some(home(&charge)), observed(100, &[])), &mut locked);
        assert_eq!((credited, available(&locked)), (Credited::New, 100));
        let row = &locked.transactions[&charge.row.id].row;
        assert_eq!(
            (row.stage.as_str(), events(&writes)[0].0.as_str()),
            (stage, kind)
        );
        let late = ChargeRecord::load(row).unwrap().facts.paid_late;
        assert_eq!(late, !steps.is_empty());
    }
    let cancelled = awaiting()
        .step(ChargeStep::ConfirmedCancelled, NOW)
        .unwrap();
    let mut locked = world(&cancelled, 0);
    let (_, writes) = apply(
        &unit(Some(home(&cancelled)), observed(99, &[])),
        &mut locked,
    );
    assert_eq!(available(&locked), 99);
    assert_eq!(events(&writes)[0].0, "charge.pay_in");
    assert_eq!(
        locked.transactions[&cancelled.row.id].row.stage,
        "cancelled"
    );
}

#[test]
fn what_names_no_charge_stands_in_suspense_with_an_alert() {
    let mut locked = Locked::default();
    let stray = unit(None, observed(100, &[]));
    let (credited, writes) = apply(&stray, &mut locked);
    assert_eq!(credited, Credited::Suspense);
    let suspense: i64 = entries(&writes)
        .iter()
        .filter(|entry| entry.account.code() == "suspense.efi")
        .map(|entry| entry.debit_cents)
        .sum();
    assert_eq!(suspense, -100);
    assert!(
        writes
            .iter()
            .any(|write| matches!(write, Write::InsertAlert(alert) if alert.kind == "suspense"))
    );
    assert_eq!(apply(&stray, &mut locked).0, Credited::Known);
    let taken = unit(None, observed(100, &[(30, true)]));
    assert_eq!(apply(&taken, &mut locked).0, Credited::Reversed);
    assert_eq!(apply(&taken, &mut locked).0, Credited::Known);
}

#[test]
fn what_the_gateway_takes_back_is_booked_once_and_the_rest_is_owed() {
    let charge = awaiting();
    let mut locked = world(&charge, 0);
    apply(&unit(Some(home(&charge)), observed(100, &[])), &mut locked);
    // The money was spent meanwhile, but for R$ 0.30.
    locked
        .wallets
        .get_mut(&charge.row.wallet_id)
        .unwrap()
        .available = cents(30);
    let taken = unit(
        Some(home(&charge)),
        observed(100, &[(60, true), (40, false)]),
    );
    let (credited, writes) = apply(&taken, &mut locked);
    assert_eq!((credited, available(&locked)), (Credited::Reversed, 0));
    assert_eq!(locked.wallets[&charge.row.wallet_id].receivable, cents(30));
    let told = events(&writes);
    assert_eq!(told[0], ("charge.reversed".to_owned(), Some(4)));
    assert_eq!(told[1].0, "alert.raised");
    assert_eq!(locked.transactions[&charge.row.id].row.stage, "paid");
    let (again, writes) = apply(&taken, &mut locked);
    assert_eq!((again, writes.len()), (Credited::Known, 0));
}

#[test]
fn our_own_refunds_are_no_reversals() {
    let pay_in = |refunded, reversed| PayInRow {
        id: PayInId::from_bytes([1; 16]),
        gateway: Gateway::Efi,
        key: "E1".into(),
        transaction_id: None,
        wallet_id: None,
        amount: cents(100),
        fee: Money::ZERO,
        reversed: cents(reversed),
        refunded: cents(refunded),
        disputed: Money::ZERO,
        end_to_end_id: None,
        paid_at: NOW,
        created_at: NOW,
        version: 1,
        payer: "{}".into(),
    };
    for (refunded, reversed, returned, growth) in [
        (0, 0, &[(40, true)][..], 40),
        (40, 0, &[(40, true)][..], 0),
        (40, 0, &[(40, true), (25, true)][..], 25),
        (40, 25, &[(40, true), (25, true)][..], 0),
        // A refund that is still open explains what it may have given back.
        (40, 0, &[(25, true)][..], 0),
        (0, 0, &[(40, false)][..], 0),
        // A gateway cannot take back more than arrived.
        (0, 0, &[(100, true), (30, true)][..], 100),
    ] {
        let known = pay_in(refunded, reversed);
        assert_eq!(
            taken::foreign_growth(&known, Money::ZERO, &observed(100, returned)),
            cents(growth)
        );
    }
}

#[test]
fn a_fee_that_the_gateway_does_not_tell_is_estimated_and_never_above_the_amount() {
    let told = |fee, amount| {
        let observed = ObservedPayIn {
            fee,
            ..observed(amount, &[])
        };
        unit(None, observed)
            .pay_in_row(&mut IdSeed::for_tests(NOW).start(), None)
            .fee
    };
    assert_eq!(told(Some(cents(7)), 10_000), cents(7));
    assert_eq!(told(None, 10_000), cents(119));
    assert_eq!(told(Some(cents(7)), 5), cents(5));
}

#[test]
fn what_a_full_wallet_cannot_hold_is_kept_in_suspense() {
    let charge = awaiting();
    let mut locked = world(&charge, Money::MAX.cents());
    let (credited, _) = apply(&unit(Some(home(&charge)), observed(100, &[])), &mut locked);
    assert_eq!(credited, Credited::Suspense);
}

/// A look at a pay-in of R$ 1.00 whose dispute is shown so, at this time of the gateway's.
fn looked(shown: ShownDispute, time: i64, returned: &[(i64, bool)]) -> ObservedPayIn {
    let dispute = ObservedDispute {
        key: "payment".into(),
        shown,
        seen_at: Some(Moment::from_micros(time)),
    };
    ObservedPayIn {
        disputes: vec![dispute],
        ..observed(100, returned)
    }
}

fn open(amount: i64) -> ShownDispute {
    ShownDispute::Open {
        amount: cents(amount),
    }
}

fn lost(amount: i64) -> ShownDispute {
    ShownDispute::Lost {
        amount: cents(amount),
    }
}

/// Follows what is shown until nothing more changes; the outcomes and all that was written.
fn settle(unit: &CreditUnit, locked: &mut Locked) -> (Vec<Credited>, Vec<Write>) {
    let (mut outcomes, mut all) = (Vec::new(), Vec::new());
    while outcomes.len() < 8 {
        let (credited, writes) = apply(unit, locked);
        all.extend(writes);
        if credited == Credited::Known {
            return (outcomes, all);
        }
        outcomes.push(credited);
    }
    panic!("it does not come to rest: {outcomes:?}");
}

/// `available/blocked/receivable` of the wallet, and `reversed/disputed` of the pay-in.
fn money(locked: &Locked) -> String {
    let wallet = locked.wallets.values().next().unwrap();
    let pay_in = locked.pay_ins.values().next().unwrap();
    format!(
        "{}/{}/{} {}/{}",
        wallet.available.cents(),
        wallet.blocked.cents(),
        wallet.receivable.cents(),
        pay_in.reversed.cents(),
        pay_in.disputed.cents()
    )
}

/// A charge paid with R$ 1.00, of which the wallet still holds so much.
fn paid(holds: i64) -> (ChargeRecord, Locked) {
    let charge = awaiting();
    let mut locked = world(&charge, 0);
    apply(&unit(Some(home(&charge)), observed(100, &[])), &mut locked);
    let wallet = locked.wallets.get_mut(&charge.row.wallet_id).unwrap();
    wallet.available = cents(holds);
    (charge, locked)
}

fn kinds(writes: &[Write]) -> Vec<String> {
    let told = events(writes).into_iter().map(|(kind, _)| kind);
    told.filter(|kind| kind != "alert.raised").collect()
}

fn alerts(writes: &[Write]) -> Vec<String> {
    let alert = |write: &Write| match write {
        Write::InsertAlert(alert) => Some(alert.kind.clone()),
        _ => None,
    };
    writes.iter().filter_map(alert).collect()
}

#[test]
fn a_dispute_blocks_and_ends_lost_or_released() {
    for (end, outcome, event, after, stage) in [
        (
            lost(100),
            Credited::Reversed,
            "charge.reversed",
            "0/0/70 100/0",
            DisputeStage::Lost { at: NOW },
        ),
        (
            ShownDispute::Nothing,
            Credited::Released,
            "charge.dispute_released",
            "30/0/0 0/0",
            DisputeStage::Released { at: NOW },
        ),
    ] {
        let (charge, mut locked) = paid(30);
        let look = |shown, time| unit(Some(home(&charge)), looked(shown, time, &[]));
        assert_eq!(settle(&look(ShownDispute::Nothing, 1), &mut locked).0, []);
        let (outcomes, writes) = settle(&look(open(100), 2), &mut locked);
        assert_eq!(outcomes, [Credited::Disputed]);
        assert_eq!(kinds(&writes), ["charge.disputed"]);
        assert_eq!(alerts(&writes), ["pay_in_disputed"]);
        assert_eq!(money(&locked), "0/100/70 0/100");
        assert_eq!(locked.transactions[&charge.row.id].row.stage, "paid");

        let (outcomes, writes) = settle(&look(end, 3), &mut locked);
        assert_eq!(
            (outcomes, kinds(&writes)),
            (vec![outcome], vec![event.to_owned()])
        );
        assert_eq!(money(&locked), after);
        assert_eq!(locked.disputes[0].dispute.stage, stage);
        // Seen again, and what is older or no newer than that: nothing.
        for (shown, time) in [
            (end, 3),
            (end, 9),
            (open(100), 3),
            (open(100), 2),
            (lost(100), 1),
        ] {
            assert_eq!(
                settle(&look(shown, time), &mut locked).0,
                [],
                "{shown:?} {time}"
            );
        }
        assert_eq!(money(&locked), after);
    }
}

#[test]
fn a_dispute_seen_first_at_its_end_is_begun_and_lost() {
    let (charge, mut locked) = paid(100);
    let look = unit(Some(home(&charge)), looked(lost(100), 5, &[]));
    let (outcomes, writes) = settle(&look, &mut locked);
    assert_eq!(outcomes, [Credited::Disputed, Credited::Reversed]);
    assert_eq!(kinds(&writes), ["charge.disputed", "charge.reversed"]);
    assert_eq!(money(&locked), "0/0/0 100/0");
}

#[test]
fn a_dispute_lost_by_a_refund_of_the_gateway_takes_what_is_blocked() {
    let (charge, mut locked) = paid(100);
    let look = |shown, time, returned| unit(Some(home(&charge)), looked(shown, time, returned));
    settle(&look(open(100), 2, &[]), &mut locked);
    // Money of another pay-in, which the refund must not touch.
    let wallet = locked.wallets.get_mut(&charge.row.wallet_id).unwrap();
    wallet.available = cents(40);
    let part = look(open(70), 3, &[(30, true)]);
    assert_eq!(settle(&part, &mut locked).0, [Credited::Reversed]);
    assert_eq!(money(&locked), "40/70/0 30/70");
    let rest = look(ShownDispute::Nothing, 4, &[(30, true), (70, true)]);
    let (outcomes, writes) = settle(&rest, &mut locked);
    assert_eq!(outcomes, [Credited::Reversed]);
    assert_eq!(kinds(&writes), ["charge.reversed"]);
    assert_eq!(money(&locked), "40/0/0 100/0");
    assert_eq!(
        locked.disputes[0].dispute.stage,
        DisputeStage::Lost { at: NOW }
    );
}

#[test]
fn returns_are_told_from_what_a_lost_dispute_took() {
    let (charge, mut locked) = paid(100);
    let look = |shown, time, returned| unit(Some(home(&charge)), looked(shown, time, returned));
    settle(&look(open(60), 2, &[]), &mut locked);
    settle(&look(lost(60), 3, &[]), &mut locked);
    assert_eq!(money(&locked), "40/0/0 60/0");
    let returned = look(lost(60), 4, &[(25, true)]);
    assert_eq!(settle(&returned, &mut locked).0, [Credited::Reversed]);
    assert_eq!(money(&locked), "15/0/0 85/0");
    assert_eq!(settle(&returned, &mut locked).0, []);
    // The gateway thinks again, later: what the dispute took comes back, the return does not.
    let back = look(ShownDispute::Nothing, 5, &[(25, true)]);
    assert_eq!(settle(&back, &mut locked).0, [Credited::Released]);
    assert_eq!(money(&locked), "75/0/0 25/0");
}

#[test]
fn money_in_suspense_is_matched_once_its_charge_is_known() {
    let charge = awaiting();
    let mut locked = world(&charge, 10);
    let stray = unit(None, observed(100, &[]));
    assert_eq!(apply(&stray, &mut locked).0, Credited::Suspense);
    assert_eq!(apply(&stray, &mut locked).0, Credited::Known);
    let named = unit(Some(home(&charge)), observed(100, &[]));
    let (outcomes, writes) = settle(&named, &mut locked);
    assert_eq!(outcomes, [Credited::Matched]);
    assert_eq!(kinds(&writes), ["charge.paid", "suspense.resolved"]);
    assert_eq!(available(&locked), 110);
    let mut lines: Vec<(String, i64)> = entries(&writes)
        .iter()
        .map(|entry| (entry.account.code(), entry.debit_cents))
        .collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            ("suspense.efi".to_owned(), 100),
            ("wallet.available".to_owned(), -100),
        ]
    );
    let row = &locked.transactions[&charge.row.id].row;
    assert_eq!((row.stage.as_str(), row.version), ("paid", 3));
    // Brought again, by whoever.
    assert_eq!(settle(&named, &mut locked).0, []);
    // By one that looked before it was matched, and has not locked its wallet.
    let refused = stray.decide(&locked);
    assert!(matches!(
        refused,
        Decision::Refuse(Err(StoreError::Stale("pay_in")))
    ));
    assert_eq!(available(&locked), 110);
}

#[test]
fn what_was_taken_back_in_suspense_is_not_credited() {
    let charge = awaiting();
    let named = |returned: &[(i64, bool)]| unit(Some(home(&charge)), observed(100, returned));
    let mut locked = world(&charge, 0);
    apply(&unit(None, observed(100, &[])), &mut locked);
    apply(&unit(None, observed(100, &[(30, true)])), &mut locked);
    let (outcomes, writes) = settle(&named(&[(30, true)]), &mut locked);
    assert_eq!(outcomes, [Credited::Matched]);
    assert_eq!(
        kinds(&writes),
        ["charge.paid", "charge.reversed", "suspense.resolved"]
    );
    assert_eq!(available(&locked), 70);
    assert_eq!(settle(&named(&[(30, true)]), &mut locked).0, []);

    let mut locked = world(&charge, 0);
    apply(&unit(None, observed(100, &[])), &mut locked);
    apply(&unit(None, observed(100, &[(100, true)])), &mut locked);
    assert_eq!(settle(&named(&[(100, true)]), &mut locked).0, []);
    assert_eq!(available(&locked), 0);
}

#[test]
fn disputed_money_in_suspense_waits_for_the_end_of_the_dispute() {
    for (end, outcomes, after) in [
        (
            ShownDispute::Nothing,
            vec![Credited::Released, Credited::Matched],
            100,
        ),
        (lost(100), vec![Credited::Reversed], 0),
    ] {
        let charge = awaiting();
        let mut locked = world(&charge, 0);
        let stray = unit(None, looked(open(100), 2, &[]));
        assert_eq!(
            settle(&stray, &mut locked).0,
            [Credited::Suspense, Credited::Disputed]
        );
        assert_eq!(locked.disputes[0].wallet_id, None);
        let open = unit(Some(home(&charge)), looked(open(100), 2, &[]));
        assert_eq!(settle(&open, &mut locked).0, []);
        let ended = unit(Some(home(&charge)), looked(end, 3, &[]));
        assert_eq!(settle(&ended, &mut locked).0, outcomes);
        assert_eq!(available(&locked), after);
    }
}

#[test]
fn what_a_full_wallet_could_not_hold_is_credited_when_it_can() {
    let charge = awaiting();
    let mut locked = world(&charge, Money::MAX.cents());
    let named = unit(Some(home(&charge)), observed(100, &[]));
    apply(&named, &mut locked);
    assert_eq!(settle(&named, &mut locked).0, []);
    let wallet = locked.wallets.get_mut(&charge.row.wallet_id).unwrap();
    wallet.available = cents(1);
    assert_eq!(settle(&named, &mut locked).0, [Credited::Matched]);
    assert_eq!(available(&locked), 101);
}

#[test]
fn a_code_that_is_learnt_by_its_payment_lives_as_long_as_its_last_send_allows() {
    let charge = creating();
    let mut locked = world(&charge, 0);
    let sent = NOW.plus(Span::from_seconds(30));
    let id = AttemptId::from_bytes([1; 16]);
    let record = locked.transactions.get_mut(&charge.row.id).unwrap();
    record.attempts.push(AttemptRecord {
        row: AttemptRow {
            id,
            transaction_id: charge.row.id,
            number: 1,
            gateway: Gateway::Efi,
            attempt_key: "0".repeat(32),
            request: Vec::new(),
            live: true,
            outcome: "sending".into(),
            reason: None,
            why: "it is the preferred gateway".into(),
            licence: None,
            routing: "{}".into(),
            gateway_reference: None,
            evidence_version: 0,
            created_at: NOW,
            updated_at: NOW,
        },
        sends: vec![SendRow {
            attempt_id: id,
            number: 1,
            opened_at: sent,
            closed_at: None,
            verdict: None,
            class: None,
            code: None,
            lease_token: 4,
        }],
        evidence: Vec::new(),
    });
    apply(&unit(Some(home(&charge)), observed(40, &[])), &mut locked);
    let charge = ChargeRecord::load(&locked.transactions[&charge.row.id].row).unwrap();
    assert_eq!(charge.stage.name(), "underpaid");
    let life = Span::from_seconds(charge.facts.expires_in_seconds);
    let call = Settings::standard().call_limit;
    assert_eq!(charge.expires_at(), sent.plus(life).plus(call));
}
