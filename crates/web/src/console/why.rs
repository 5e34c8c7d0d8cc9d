//! `/console/transacoes/{id}`: why a transaction went as it did: each decision with its inputs,
//! each attempt with what was sent and answered, the licence for another gateway, the evidence, the
//! books, and everything that was written about it.

use app::ports::store::{EntryRow, JournalRow};
use app::story::{DecisionView, StoryAttempt, StoryView};
use app::views::{DetailsView, SendView, TransactionView};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use domain::gateway::Gateway;
use domain::status::Status;
use domain::time::Moment;

use super::Operator;
use super::audit::{self, AuditLine};
use super::jobs::{self, JobLine};
use super::reviews::{self, ProposalLine};
use super::words::{self, Tag};
use crate::Web;
use crate::format;
use crate::pages::detail::{self, Fact, gateway_name};
use crate::parts::words::{self as stages, Stage};
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::{Language, Texts, fill};

#[derive(Template)]
#[template(path = "console/why.html")]
struct WhyPage {
    shell: Shell,
    t: &'static Texts,
    id: String,
    title: String,
    stage: Stage,
    code: String,
    because: Option<String>,
    facts: Vec<Fact>,
    attempts: Vec<Attempt>,
    proposals: Vec<ProposalLine>,
    journals: Vec<Journal>,
    events: Vec<Event>,
    trail: Vec<AuditLine>,
    jobs: Vec<JobLine>,
    is_in_review: bool,
}

struct Attempt {
    title: String,
    outcome: Tag,
    reason: Option<String>,
    decision: Option<Decision>,
    licence: Option<String>,
    decided: Option<String>,
    facts: Vec<Fact>,
    sends: Vec<Send>,
    evidence: Vec<Seen>,
}

/// A routing decision in words.
struct Decision {
    rule: String,
    candidates: Vec<(&'static str, String)>,
    again: &'static str,
}

struct Send {
    number: u32,
    at: String,
    machine_time: String,
    took: String,
    verdict: Tag,
    code: String,
}

struct Seen {
    text: String,
    at: String,
    machine_time: String,
}

struct Journal {
    kind: String,
    at: String,
    entries: Vec<Entry>,
}

struct Entry {
    account: String,
    debit: String,
    credit: String,
}

struct Event {
    kind: String,
    version: String,
    position: String,
    at: String,
    machine_time: String,
}

pub async fn show(
    State(web): State<Web>,
    operator: Operator,
    Path(text): Path<String>,
) -> Result<Response, Stop> {
    let position = web.app.last_position().await?;
    let story = web.app.story(detail::id(&text)?).await?;
    let mut shell = operator.shell(&web, Place::Transactions).live(position);
    if story.transaction.status == Status::Pending {
        shell.reload_seconds = Some(5);
    }
    Ok(shell::ok(&page(shell, &story, web.app.now())))
}

fn page(shell: Shell, story: &StoryView, now: Moment) -> WhyPage {
    let (t, language) = (shell.t, shell.language);
    let view = &story.transaction;
    let failure = view.failure.as_ref();
    WhyPage {
        id: view.id.to_string(),
        title: format!(
            "{} · {}",
            stages::kind(view.kind, t),
            format::reais(view.amount)
        ),
        stage: stages::stage(view, t),
        code: view.stage.clone(),
        because: failure
            .map(|it| format!("{} ({})", stages::failure(&it.code, t), it.code))
            .or_else(|| stages::waiting(view, t).map(str::to_owned)),
        facts: facts(view, language, t),
        attempts: story
            .attempts
            .iter()
            .map(|it| attempt(it, language, t))
            .collect(),
        proposals: story
            .proposals
            .iter()
            .map(|row| reviews::proposal(row, language, t))
            .collect(),
        journals: story
            .journals
            .iter()
            .map(|it| journal(it, language))
            .collect(),
        events: story
            .events
            .iter()
            .map(|row| Event {
                kind: row.kind.clone(),
                version: row
                    .transaction_version
                    .map_or_else(String::new, |it| it.to_string()),
                position: row
                    .position
                    .map_or_else(|| "—".to_owned(), |it| it.to_string()),
                at: format::exact(row.occurred_at, language),
                machine_time: format::machine(row.occurred_at),
            })
            .collect(),
        trail: story
            .audit
            .iter()
            .map(|row| audit::line(row, &shell))
            .collect(),
        jobs: story
            .jobs
            .iter()
            .map(|row| jobs::line(row, &shell, now))
            .collect(),
        is_in_review: view.stage == "in_review",
        t,
        shell,
    }
}

/// What identifies it; names and descriptions of people stay with their owner.
fn facts(view: &TransactionView, language: Language, t: &'static Texts) -> Vec<Fact> {
    let (c, d) = (&t.console, &t.detail);
    let mut facts = Vec::new();
    let mut tell = |name, value: Option<String>, is_code, href: Option<String>| {
        facts.extend(value.map(|value| Fact {
            name,
            value,
            is_code,
            href,
        }));
    };
    tell(d.number, Some(view.id.to_string()), true, None);
    let user = view.user_id.to_string();
    let href = format!("/console/contas/{user}");
    tell(c.account, Some(user), true, Some(href));
    tell(c.wallet, Some(view.wallet_id.to_string()), true, None);
    let gateway = view.gateway.map(|it| gateway_name(it).to_owned());
    tell(d.gateway, gateway, false, None);
    if !view.fee.is_zero() {
        tell(d.fee, Some(format::reais(view.fee)), false, None);
    }
    match &view.details {
        DetailsView::Payout { pix_key, .. } => {
            tell(d.key, pix_key.as_deref().map(words::masked), false, None);
        }
        DetailsView::Charge { txid, .. } => tell("txid", txid.clone(), true, None),
        DetailsView::Transfer { to_wallet_id, .. } => {
            tell(c.to_wallet, Some(to_wallet_id.to_string()), true, None);
        }
        // Operators see the sender's side.
        DetailsView::Received { .. } => {}
        DetailsView::Refund { charge_id, .. } => {
            let href = format!("/console/transacoes/{charge_id}");
            tell(d.of_charge, Some(charge_id.to_string()), true, Some(href));
        }
    }
    tell(d.reference, view.reference.clone(), true, None);
    tell(d.end_to_end, view.end_to_end_id.clone(), true, None);
    let moment = |at: Moment| Some(format::exact(at, language));
    tell(c.created, moment(view.created_at), false, None);
    tell(c.changed, moment(view.updated_at), false, None);
    tell(c.version, Some(view.version.to_string()), false, None);
    facts
}

fn attempt(story: &StoryAttempt, language: Language, t: &'static Texts) -> Attempt {
    let c = &t.console;
    let view = &story.attempt;
    let fact = |name, value: String| Fact {
        name,
        value,
        is_code: true,
        href: None,
    };
    let mut facts = vec![fact(c.attempt_key, view.attempt_key.clone())];
    let known = story.gateway_reference.clone();
    facts.extend(known.map(|it| fact(c.gateway_reference, it)));
    let request = &story.request;
    facts.push(fact(
        c.request,
        fill(c.request_is, &[&request.bytes.to_string(), &request.sha256]),
    ));
    facts.push(fact(c.evidence_version, story.evidence_version.to_string()));
    facts.push(Fact {
        is_code: false,
        ..fact(
            c.live,
            if story.live { c.live_yes } else { c.live_no }.to_owned(),
        )
    });
    Attempt {
        title: fill(
            c.attempt,
            &[&view.number.to_string(), gateway_name(view.gateway)],
        ),
        outcome: words::outcome(words::standing(view), t),
        reason: view.reason.clone(),
        decision: story
            .decision
            .as_ref()
            .map(|it| decision(it, view.gateway, t)),
        licence: view.licence.as_ref().map(|it| words::licence(it, t)),
        decided: view.decision.clone(),
        facts,
        sends: view.sends.iter().map(|it| send(it, language, t)).collect(),
        evidence: story
            .evidence
            .iter()
            .map(|row| Seen {
                text: words::evidence(row, t),
                at: format::exact(row.first_at, language),
                machine_time: format::machine(row.first_at),
            })
            .collect(),
    }
}

fn decision(view: &DecisionView, gateway: Gateway, t: &'static Texts) -> Decision {
    let c = &t.console;
    let candidates = view.candidates.iter().map(|stored| {
        let name = Gateway::parse(&stored.gateway).map_or("?", gateway_name);
        (name, words::candidate(stored, t))
    });
    Decision {
        rule: words::rule(&view.rule, gateway, t),
        candidates: candidates.collect(),
        again: match view.is_same {
            Some(true) => c.again_same,
            Some(false) => c.again_differs,
            None => c.again_unknown,
        },
    }
}

fn send(view: &SendView, language: Language, t: &'static Texts) -> Send {
    let took = view.closed_at.map(|closed| closed.since(view.sent_at));
    Send {
        number: view.number,
        at: format::exact(view.sent_at, language),
        machine_time: format::machine(view.sent_at),
        took: took.map_or_else(|| "—".to_owned(), words::duration),
        verdict: words::verdict(view.verdict.as_deref(), t),
        code: view.code.clone().unwrap_or_default(),
    }
}

fn journal(row: &JournalRow, language: Language) -> Journal {
    let side = |cents: i64| match cents {
        0 => String::new(),
        cents => format::signed(cents),
    };
    let entry = |row: &EntryRow| Entry {
        account: row.account.code(),
        debit: side(row.debit_cents.max(0)),
        credit: side(row.debit_cents.min(0).saturating_neg()),
    };
    Journal {
        kind: row.kind.clone(),
        at: format::exact(row.created_at, language),
        entries: row.entries.iter().map(entry).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::detail::tests::payout;
    use app::ports::store::{AuditRow, EventRow};
    use app::routing::StoredCandidate;
    use app::story::{RequestDigest, StoryEvidence};
    use app::views::{AttemptView, LicenceView};
    use domain::ids::{AuditId, EventId, JournalId};
    use domain::ledger::Account;

    fn story() -> StoryView {
        let at = Moment::default();
        let candidate = |gateway: &str, circuit: &str| StoredCandidate {
            gateway: gateway.into(),
            capable: true,
            bound_elsewhere: false,
            paused: false,
            exhausted: false,
            circuit: circuit.into(),
            float_short: false,
            exposure_full: false,
            failed_recently: false,
        };
        StoryView {
            transaction: payout(Status::Pending, "in_review"),
            attempts: vec![StoryAttempt {
                attempt: AttemptView {
                    number: 2,
                    gateway: Gateway::MercadoPago,
                    attempt_key: "0123abcd".into(),
                    outcome: "unknown".into(),
                    reason: Some("<i>timeout</i>".into()),
                    why: "…".into(),
                    licence: Some(LicenceView {
                        kind: "never_sent".into(),
                        from_attempt: 1,
                        code: Some("connect".into()),
                        source: None,
                        in_words: "…".into(),
                    }),
                    decision: None,
                    sends: vec![SendView {
                        number: 1,
                        sent_at: at,
                        closed_at: None,
                        verdict: None,
                        code: None,
                    }],
                    created_at: at,
                },
                live: true,
                gateway_reference: Some("<b>E1".into()),
                evidence_version: 4,
                evidence: vec![StoryEvidence {
                    source: "lookup".into(),
                    class: "not_found".into(),
                    seen: 5,
                    first_at: at,
                    last_at: at,
                }],
                request: RequestDigest {
                    bytes: 321,
                    sha256: "abcdef012345".into(),
                },
                decision: Some(DecisionView {
                    rule: "fallback".into(),
                    draw: 7,
                    candidates: vec![
                        candidate("efi", "shut_by_failures"),
                        candidate("mercado_pago", "closed"),
                    ],
                    is_same: Some(true),
                }),
            }],
            proposals: Vec::new(),
            journals: vec![JournalRow {
                id: JournalId::from_bytes([1; 16]),
                transaction_id: None,
                kind: "payout_hold".into(),
                created_at: at,
                entries: vec![EntryRow {
                    account: Account::Equity,
                    debit_cents: -1_050,
                    seq: None,
                    balance_after: None,
                }],
            }],
            events: vec![EventRow {
                id: EventId::from_bytes([1; 16]),
                kind: "payout.in_review".into(),
                transaction_id: None,
                transaction_version: Some(3),
                wallet_id: None,
                user_id: None,
                body: "{\"untold\":1}".into(),
                occurred_at: at,
                position: Some(12),
            }],
            audit: vec![AuditRow {
                id: AuditId::from_bytes([1; 16]),
                actor: "usr_1".into(),
                action: "review.proposed".into(),
                subject: "txn_1".into(),
                detail: "{}".into(),
                at,
            }],
            jobs: Vec::new(),
        }
    }

    #[test]
    fn the_story_is_told_in_plain_words_and_escaped() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let text = page(Shell::sample(language), &story(), Moment::default())
                .render()
                .unwrap();
            assert!(
                !text.contains("<i>timeout") && !text.contains("<b>E1"),
                "{text}"
            );
            assert!(!text.contains("untold"), "bodies of events are not shown");
            for told in [
                t.console.stood_failing,
                t.console.again_same,
                t.console.verdict_open,
                t.console.evidence_not_found,
                "abcdef012345",
                "payout.in_review",
                "/console/revisoes/txn_",
            ] {
                assert!(text.contains(told), "{told}");
            }
            // The payee's key is masked.
            assert!(!text.contains("ana@example.com"), "{text}");
        }
    }
}
