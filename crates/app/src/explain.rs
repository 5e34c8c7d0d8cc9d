//! Why a payment went where it went: the stored inputs of each decision, chosen again.
//!
//! The router is a pure function, so its decisions can be recomputed from what was stored beside
//! each attempt. A line that says "differs" means that the router's rules have changed since, or
//! that a row was altered.

use domain::ids::TransactionId;
use domain::review::ProposalState;
use domain::routing::{Choice, Need, choose};
use domain::status::Kind;

use crate::context::App;
use crate::ports::store::{AttemptRecord, ProposalRow, StoreError, TransactionRecord};
use crate::records::outgoing::OutgoingRecord;
use crate::routing::StoredDecision;

/// The story of a transaction in lines, oldest first; `None` when it does not exist.
pub async fn explain(app: &App, id: TransactionId) -> Result<Option<Vec<String>>, StoreError> {
    let Some(found) = app.store.transaction(id).await? else {
        return Ok(None);
    };
    let mut lines = vec![headline(&found)];
    lines.extend(waits_for(&found)?);
    let proposals = app.store.proposals_of(id).await?;
    for attempt in &found.attempts {
        lines.extend(explain_attempt(found.row.kind, attempt));
        let about = proposals
            .iter()
            .filter(|proposal| proposal.attempt_number == attempt.row.number);
        lines.extend(about.map(explain_proposal));
    }
    if is_corrected(&found)? {
        lines.push("evidence contradicted its first end, which was corrected".to_owned());
    }
    for pay_in in &found.pay_ins {
        lines.push(format!(
            "pay-in {}: {} arrived through {}, fee {}",
            pay_in.id, pay_in.amount, pay_in.gateway, pay_in.fee
        ));
    }
    for journal in app.store.journals_of(id).await? {
        let legs: Vec<String> = journal
            .entries
            .iter()
            .map(|entry| {
                format!(
                    "{} {:+}",
                    entry.account.code(),
                    entry.account.natural(entry.debit_cents)
                )
            })
            .collect();
        lines.push(format!("booked {}: {}", journal.kind, legs.join(", ")));
    }
    Ok(Some(lines))
}

fn headline(found: &TransactionRecord) -> String {
    let row = &found.row;
    format!(
        "{} is a {} of {} and stands at {} ({}), version {}",
        row.id,
        row.kind.as_str(),
        row.amount,
        row.stage,
        row.status.as_str(),
        row.version
    )
}

/// Why a queued payment goes nowhere yet.
fn waits_for(found: &TransactionRecord) -> Result<Option<String>, StoreError> {
    if found.row.stage != "queued" {
        return Ok(None);
    }
    let waiting_for = match found.row.kind {
        Kind::Payout | Kind::Refund => OutgoingRecord::load(&found.row)?.facts.waiting_for,
        Kind::Charge | Kind::Transfer => None,
    };
    Ok(waiting_for.map(|reason| {
        let why = match reason.as_str() {
            "paused" => "an operator has paused every gateway that could carry it",
            "float_short" => "our money at no gateway covers it",
            "outcomes_unknown" => "too many payments are in doubt at the gateways",
            "dispatch_stopped" => "nothing is dispatched from a restored database yet",
            other => other,
        };
        format!("it waits: {why}")
    }))
}

fn explain_attempt(kind: Kind, attempt: &AttemptRecord) -> Vec<String> {
    let row = &attempt.row;
    let mut lines = vec![format!("attempt {}: {}", row.number, row.why)];
    if let Some(licence) = row.licence.as_deref().and_then(licence_words) {
        lines.push(format!("  licence: {licence}"));
    }
    lines.extend(recomputed(kind, attempt));
    for send in &attempt.sends {
        let verdict = send.class.as_deref().unwrap_or("no answer yet");
        let code = send
            .code
            .as_deref()
            .map(|code| format!(" ({code})"))
            .unwrap_or_default();
        lines.push(format!("  send {}: {verdict}{code}", send.number));
    }
    for item in &attempt.evidence {
        let times = if item.seen > 1 {
            format!(" ({} times)", item.seen)
        } else {
            String::new()
        };
        lines.push(format!("  {}: {}{times}", item.source, item.class));
    }
    let reason = row
        .reason
        .as_deref()
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default();
    lines.push(format!("  outcome: {}{reason}", row.outcome));
    lines
}

/// What people proposed and decided; their evidence and reason are personal and stay out.
fn explain_proposal(proposal: &ProposalRow) -> String {
    let outcome = proposal.outcome.as_str();
    let by = proposal.proposed_by;
    let what = format!("  {}: {by} proposed {outcome}", proposal.id);
    match (proposal.state, proposal.decided_by) {
        (ProposalState::Approved, Some(approver)) => format!("{what}, {approver} approved"),
        (state, _) => format!("{what} ({})", state.as_str()),
    }
}

fn is_corrected(found: &TransactionRecord) -> Result<bool, StoreError> {
    match found.row.kind {
        Kind::Payout | Kind::Refund => Ok(OutgoingRecord::load(&found.row)?.facts.corrected),
        Kind::Charge | Kind::Transfer => Ok(false),
    }
}

fn licence_words(text: &str) -> Option<String> {
    let licence: serde_json::Value = serde_json::from_str(text).ok()?;
    licence.get("in_words")?.as_str().map(str::to_owned)
}

/// The decision made again from its stored inputs.
fn recomputed(kind: Kind, attempt: &AttemptRecord) -> Option<String> {
    let decision: StoredDecision = serde_json::from_str(&attempt.row.routing).ok()?;
    let inputs = decision.inputs().filter(|inputs| !inputs.is_empty())?;
    let need = if kind == Kind::Charge {
        Need::Charge
    } else {
        Need::Payout
    };
    let again = choose(need, &inputs, decision.draw);
    let same = matches!(again, Choice::Use { gateway, .. } if gateway == attempt.row.gateway);
    let verdict = if same {
        "the same choice"
    } else {
        "a choice that differs"
    };
    Some(format!(
        "  recomputed from its stored inputs: {verdict} (rule {})",
        decision.rule
    ))
}
