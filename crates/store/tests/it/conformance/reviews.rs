//! Proposals of people, what lookups repeat, and what must still be looked at.

use std::sync::Arc;

use app::ports::store::*;
use domain::gateway::Gateway;
use domain::ids::*;
use domain::review::{ProposalState, ReviewOutcome};
use domain::status::{Kind, Status};
use domain::time::Span;

use crate::build::*;
use crate::environment::Environment;

/// A payout in review with its one attempt.
fn reviewed(n: u64) -> Vec<Write> {
    let row = TransactionRow {
        stage: "in_review".into(),
        stage_deadline: None,
        ..payout(n, n)
    };
    let doubtful = AttemptRow {
        outcome: "unknown".into(),
        ..attempt(n, n, 1)
    };
    vec![
        Write::InsertTransaction(row),
        Write::InsertAttempt(doubtful),
    ]
}

fn id(n: u64) -> TransactionId {
    TransactionId::from_bytes(bytes(n))
}

fn approved(row: &ProposalRow) -> ProposalRow {
    ProposalRow {
        state: ProposalState::Approved,
        decided_by: Some(UserId::from_bytes(bytes(91))),
        decided_at: Some(after(9)),
        ..row.clone()
    }
}

pub async fn one_proposal_is_open_and_is_decided_once(environment: Arc<Environment>) {
    let store = environment.port();
    put(store, reviewed(1)).await;
    assert_eq!(
        store.transaction(id(1)).await.unwrap().unwrap().proposal,
        None
    );
    let (first, second) = (proposal(10, 1), proposal(11, 1));
    put(store, vec![Write::InsertProposal(first.clone())]).await;
    let found = store.transaction(id(1)).await.unwrap().unwrap();
    assert_eq!(found.proposal.as_ref(), Some(&first));
    let locks = Locks {
        transactions: vec![id(1)],
        proposals: vec![first.id, ProposalId::from_bytes(bytes(99))],
        ..Locks::default()
    };
    let seen = see(store, locks.clone()).await;
    assert_eq!(seen.proposals.len(), 1, "what is absent is absent");
    assert_eq!(seen.transactions[&id(1)].proposal.as_ref(), Some(&first));
    assert_eq!(
        refusal(store, vec![Write::InsertProposal(second.clone())]).await,
        StoreError::Conflict("proposals.open")
    );

    let superseded = ProposalRow {
        state: ProposalState::Superseded,
        decided_by: Some(second.proposed_by),
        decided_at: Some(after(8)),
        ..first.clone()
    };
    put(
        store,
        vec![
            Write::DecideProposal(superseded.clone()),
            Write::InsertProposal(second.clone()),
        ],
    )
    .await;
    assert_eq!(
        refusal(store, vec![Write::DecideProposal(approved(&first))]).await,
        StoreError::Stale("proposal"),
        "it is not open any more"
    );
    put(store, vec![Write::DecideProposal(approved(&second))]).await;
    assert_eq!(
        store.proposals_of(id(1)).await.unwrap(),
        vec![superseded.clone(), approved(&second)]
    );
    assert_eq!(see(store, locks).await.proposals[&first.id], superseded);
    let decisions = store.decisions().await.unwrap();
    assert_eq!(
        decisions.into_iter().collect::<Vec<_>>(),
        [("retry".into(), 1)]
    );
}

pub async fn the_schema_refuses_a_decision_of_one_person(environment: Arc<Environment>) {
    let store = environment.port();
    put(store, reviewed(1)).await;
    let open = proposal(10, 1);
    put(store, vec![Write::InsertProposal(open.clone())]).await;
    let alone = ProposalRow {
        decided_by: Some(open.proposed_by),
        ..approved(&open)
    };
    assert!(matches!(
        refusal(store, vec![Write::DecideProposal(alone)]).await,
        StoreError::Corrupt(_)
    ));
}

pub async fn payments_in_review_come_in_pages(environment: Arc<Environment>) {
    let store = environment.port();
    for n in 1..=3 {
        put(store, reviewed(n)).await;
    }
    put(store, vec![Write::InsertTransaction(payout(4, 4))]).await;
    let open = proposal(20, 2);
    put(store, vec![Write::InsertProposal(open.clone())]).await;
    let first = store.in_review(None, 2).await.unwrap();
    let ids: Vec<_> = first.iter().map(|found| found.row.id).collect();
    assert_eq!(ids, [id(1), id(2)]);
    assert_eq!(first[0].attempts.len(), 1);
    assert_eq!(first[1].proposal.as_ref(), Some(&open));
    let rest = store.in_review(Some(id(2)), 2).await.unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].row.id, id(3));
}

pub async fn what_is_seen_again_is_counted(environment: Arc<Environment>) {
    let store = environment.port();
    put(store, reviewed(1)).await;
    let mut row = evidence(5, 1);
    put(store, vec![Write::InsertEvidence(row.clone())]).await;
    row.seen = 2;
    row.last_at = after(62);
    put(store, vec![Write::RepeatEvidence(row.clone())]).await;
    let found = store.transaction(id(1)).await.unwrap().unwrap();
    assert_eq!(found.attempts[0].evidence, vec![row.clone()]);
    assert_eq!(
        refusal(store, vec![Write::RepeatEvidence(row)]).await,
        StoreError::Stale("evidence"),
        "the count only grows"
    );
}

pub async fn unproven_attempts_without_a_job_are_watched(environment: Arc<Environment>) {
    let store = environment.port();
    let released = TransactionRow {
        status: Status::Failed,
        stage: "rejected".into(),
        stage_deadline: None,
        ..payout(1, 1)
    };
    let of = |n, transaction, number, outcome: &str| AttemptRow {
        outcome: outcome.into(),
        ..attempt(n, transaction, number)
    };
    let set_aside = AttemptRow {
        live: false,
        ..of(30, 3, 1, "unknown")
    };
    let besides = AttemptRow {
        live: false,
        reason: Some("executed_twice".into()),
        ..of(41, 4, 2, "done")
    };
    let settled = TransactionRow {
        status: Status::Success,
        stage: "settled".into(),
        stage_deadline: None,
        ..payout(4, 4)
    };
    put(
        store,
        vec![
            Write::InsertTransaction(released),
            Write::InsertAttempt(of(10, 1, 1, "unknown")),
            // Its own job looks at this one.
            Write::InsertTransaction(payout(2, 2)),
            Write::InsertAttempt(of(20, 2, 1, "unknown")),
            Write::InsertTransaction(payout(3, 3)),
            Write::InsertAttempt(set_aside),
            Write::InsertAttempt(of(31, 3, 2, "open")),
            Write::InsertTransaction(settled),
            Write::InsertAttempt(of(40, 4, 1, "done")),
            Write::InsertAttempt(besides),
        ],
    )
    .await;
    let watched = async |since, after, limit| {
        let found = store.attempts_to_watch(since, after, limit).await.unwrap();
        let ids: Vec<AttemptId> = found.iter().map(|row| row.id).collect();
        ids
    };
    let wanted = [10, 30, 41].map(|n| AttemptId::from_bytes(bytes(n)));
    assert_eq!(watched(START, None, 10).await, wanted);
    assert_eq!(watched(START, Some(wanted[0]), 1).await, [wanted[1]]);
    assert_eq!(watched(after(1), None, 10).await, [], "too old");
}

pub async fn attempts_without_a_name_at_their_gateway_are_found(environment: Arc<Environment>) {
    let store = environment.port();
    let of = |n, outcome: &str, reference: Option<&str>| AttemptRow {
        outcome: outcome.into(),
        gateway: Gateway::MercadoPago,
        gateway_reference: reference.map(str::to_owned),
        ..attempt(n, n, 1)
    };
    let rows = [
        of(1, "unknown", None),
        of(2, "unknown", Some("id-2")),
        of(3, "not_done", None),
        of(4, "open", None),
        AttemptRow {
            gateway: Gateway::Efi,
            ..of(5, "unknown", None)
        },
    ];
    for (n, row) in (1..).zip(rows) {
        let writes = vec![
            Write::InsertTransaction(payout(n, n)),
            Write::InsertAttempt(row),
        ];
        put(store, writes).await;
    }
    let refund = TransactionRow {
        kind: Kind::Refund,
        ..payout(6, 6)
    };
    let writes = vec![
        Write::InsertTransaction(refund),
        Write::InsertAttempt(of(6, "unknown", None)),
    ];
    put(store, writes).await;
    let nameless = async |gateway, limit| {
        let found = store.nameless_attempts(gateway, limit).await.unwrap();
        found.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let id = |n| AttemptId::from_bytes(bytes(n));
    assert_eq!(nameless(Gateway::MercadoPago, 9).await, [id(4), id(1)]);
    assert_eq!(nameless(Gateway::MercadoPago, 1).await, [id(4)]);
    assert_eq!(nameless(Gateway::Efi, 9).await, [id(5)]);
}

pub async fn a_job_is_woken_left_or_made(environment: Arc<Environment>) {
    let store = environment.port();
    let now = environment.now();
    let later = now.plus(Span::from_seconds(3_600));
    let past = now.minus(Span::from_seconds(60));
    let ensure = |n: u64, of: u64| {
        let mut row = job(n, past);
        row.transaction_id = Some(id(of));
        vec![Write::EnsureJob(row)]
    };
    let of = async |transaction: u64| {
        let jobs = store.jobs(None, 10).await.unwrap();
        let mine = jobs
            .into_iter()
            .filter(|job| job.transaction_id == Some(id(transaction)));
        mine.collect::<Vec<JobRow>>()
    };
    // None: made.
    put(store, ensure(1, 1)).await;
    assert_eq!(of(1).await.len(), 1);
    // Leased: left to its worker.
    let claimed = store
        .claim_jobs(&[], now, Span::from_seconds(3_600), 10)
        .await
        .unwrap();
    put(store, ensure(2, 1)).await;
    assert_eq!(of(1).await, claimed);
    // Ended: made anew.
    let lease = Lease {
        job_id: claimed[0].id,
        token: claimed[0].token,
    };
    put(store, vec![Write::FinishJob(lease)]).await;
    put(store, ensure(3, 1)).await;
    assert_eq!(of(1).await.len(), 2);
    // Waiting: woken.
    put(store, vec![Write::InsertJob(job(4, later))]).await;
    put(store, ensure(5, 4)).await;
    let woken = of(4).await;
    assert_eq!((woken.len(), woken[0].visible_at), (1, Some(past)));
}

pub async fn proposals_and_losses_have_their_rules(environment: Arc<Environment>) {
    let store = environment.port();
    let rules = async || {
        let broken = store.broken_rows(100).await.unwrap();
        let mut rules: Vec<&str> = broken.iter().map(|row| row.rule).collect();
        rules.sort_unstable();
        rules
    };
    let with_event = |n: u64, row: TransactionRow| {
        vec![
            Write::InsertTransaction(row),
            Write::InsertEvent(event(n, Some((n, 1)))),
        ]
    };
    // Paid twice after a decision, with its loss: an exception, not a broken rule.
    let settled = TransactionRow {
        status: Status::Success,
        stage: "settled".into(),
        stage_deadline: None,
        ..payout(1, 1)
    };
    let decided = ProposalRow {
        outcome: ReviewOutcome::Retry,
        ..approved(&proposal(10, 1))
    };
    let besides = AttemptRow {
        outcome: "done".into(),
        reason: Some("executed_twice".into()),
        live: false,
        ..attempt(11, 1, 1)
    };
    let second = AttemptRow {
        outcome: "done".into(),
        licence: Some(r#"{"kind":"operator_decision"}"#.into()),
        ..attempt(12, 1, 2)
    };
    let mut writes = with_event(1, settled);
    let paid = JournalRow {
        kind: "payout_settled".into(),
        ..fee_journal(1, 5)
    };
    writes.extend([
        Write::InsertProposal(decided),
        Write::InsertAttempt(besides),
        Write::InsertAttempt(second),
        Write::InsertJournal(paid),
    ]);
    put(store, writes).await;
    assert_eq!(rules().await, ["attempts.loss_booked"]);
    let loss = JournalRow {
        id: JournalId::from_bytes(bytes(13)),
        kind: "executed_twice".into(),
        ..fee_journal(1, 1_000)
    };
    put(store, vec![Write::InsertJournal(loss)]).await;
    assert_eq!(rules().await, [""; 0]);
    // A proposal that nobody can approve any more, and a licence that nobody gave.
    let mut writes = with_event(2, payout(2, 2));
    writes.push(Write::InsertProposal(proposal(20, 2)));
    writes.push(Write::InsertAttempt(AttemptRow {
        licence: Some(r#"{"kind":"operator_decision"}"#.into()),
        ..attempt(21, 2, 2)
    }));
    put(store, writes).await;
    assert_eq!(rules().await, ["attempts.decided", "proposals.in_review"]);
    // Settled by people, without a gateway's word.
    let by_people = TransactionRow {
        status: Status::Success,
        stage: "settled".into(),
        gateway: Some(Gateway::MercadoPago),
        stage_deadline: None,
        ..payout(3, 3)
    };
    let decided = ProposalRow {
        outcome: ReviewOutcome::Settled,
        ..approved(&proposal(30, 3))
    };
    let mut writes = with_event(3, by_people);
    writes.push(Write::InsertProposal(decided));
    writes.push(Write::InsertJournal(fee_journal(3, 5)));
    put(store, writes).await;
    assert_eq!(rules().await, ["attempts.decided", "proposals.in_review"]);
}
