//! `/console/revisoes`: payments whose outcome stays unknown: what is known of them, what one person
//! proposes, and what another approves after having seen what it does.

use app::commands::{ProposeOutcome, ReviewRefusal};
use app::ports::store::ProposalRow;
use app::story::StoryEvidence;
use app::views::{ReviewSummary, ReviewView, ReviewedAttempt};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::ids::{ProposalId, TransactionId};
use domain::review::{ApprovalRefusal, ProposalState, ReviewOutcome};
use domain::status::Kind;
use domain::time::Moment;

use super::words::{self, Tag};
use super::{Operator, ROWS, next};
use crate::Web;
use crate::form::{self, Form, Pairs, Query};
use crate::format;
use crate::notice::Notice;
use crate::pages::detail::{self, gateway_name};
use crate::parts::field::{Field, Input};
use crate::parts::words as stages;
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::{Language, Texts, fill};

const LONGEST_EVIDENCE: usize = 2_000;
const LONGEST_REASON: usize = 500;

#[derive(Template)]
#[template(path = "console/reviews.html")]
struct ListPage {
    shell: Shell,
    t: &'static Texts,
    reviews: Vec<Line>,
    more: Option<String>,
}

struct Line {
    id: String,
    short: String,
    what: String,
    gateway: &'static str,
    since: String,
    version: u64,
    proposal: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "console/review.html")]
struct ReviewPage {
    shell: Shell,
    t: &'static Texts,
    id: String,
    title: String,
    /// Since when it is in review; `None` when it is not.
    since: Option<String>,
    attempts: Vec<Known>,
    proposals: Vec<ProposalLine>,
    wrong: Option<String>,
    form: Option<ProposalForm>,
}

/// What is known of an attempt.
struct Known {
    title: String,
    outcome: Tag,
    is_in_review: bool,
    version: u64,
    evidence: Vec<(String, String)>,
    absence: &'static str,
}

struct ProposalForm {
    /// What was looked at.
    version: u64,
    outcomes: Vec<OutcomeChoice>,
    evidence: Field,
    reason: Field,
}

struct OutcomeChoice {
    value: &'static str,
    name: &'static str,
    means: &'static str,
    is_chosen: bool,
}

/// A proposal and what became of it.
pub struct ProposalLine {
    pub id: String,
    pub transaction: String,
    pub outcome: &'static str,
    pub state: Tag,
    pub is_open: bool,
    pub attempt: String,
    pub evidence: String,
    pub reason: String,
    pub by: String,
    pub decided_by: Option<String>,
    pub at: String,
}

#[derive(Template)]
#[template(path = "console/approve.html")]
struct ApprovePage {
    shell: Shell,
    t: &'static Texts,
    id: String,
    title: String,
    proposal: ProposalLine,
    means: &'static str,
    wrong: Option<String>,
}

pub fn proposal(row: &ProposalRow, language: Language, t: &'static Texts) -> ProposalLine {
    ProposalLine {
        id: row.id.to_string(),
        transaction: row.transaction_id.to_string(),
        outcome: words::review_outcome(row.outcome, t).0,
        state: words::proposal_state(row.state, t),
        is_open: row.state == ProposalState::Open,
        attempt: fill(
            t.console.bound_to,
            &[
                &row.attempt_number.to_string(),
                &row.evidence_version.to_string(),
            ],
        ),
        evidence: row.evidence.clone(),
        reason: row.reason.clone(),
        by: row.proposed_by.to_string(),
        decided_by: row.decided_by.map(|id| id.to_string()),
        at: format::exact(row.proposed_at, language),
    }
}

pub async fn list(
    State(web): State<Web>,
    operator: Operator,
    Query(query): Query,
) -> Result<Response, Stop> {
    let position = web.app.last_position().await?;
    let after = TransactionId::parse(query.get("depois")).ok();
    let found = web.app.reviews(after, ROWS).await?;
    let shell = operator.shell(&web, Place::Reviews).live(position);
    Ok(shell::ok(&list_page(shell, &query, &found, web.app.now())))
}

fn list_page(shell: Shell, query: &Pairs, found: &[ReviewSummary], now: Moment) -> ListPage {
    let t = shell.t;
    let last = found.last().map(|view| view.transaction_id.to_string());
    let line = |view: &ReviewSummary| {
        let id = view.transaction_id.to_string();
        let open = view.proposal.as_ref();
        Line {
            short: super::rows::short(&id),
            id,
            what: format!(
                "{} · {}",
                stages::kind(view.kind, t),
                format::reais(view.amount)
            ),
            gateway: view.gateway.map_or("—", gateway_name),
            since: words::age(now.since(view.in_review_since)),
            version: view.evidence_version,
            proposal: open.map(|row| words::review_outcome(row.outcome, t).0),
        }
    };
    ListPage {
        reviews: found.iter().map(line).collect(),
        more: next("/console/revisoes", query, &[], found.len(), last),
        t,
        shell,
    }
}

pub async fn show(
    State(web): State<Web>,
    operator: Operator,
    Path(text): Path<String>,
) -> Result<Response, Stop> {
    let view = web.app.review(detail::id(&text)?).await?;
    let shell = operator.shell(&web, Place::Reviews);
    let page = review_page(shell, &view, &Pairs::default(), Wrong::default());
    Ok(shell::ok(&page))
}

/// What is wrong with a proposal.
#[derive(Default)]
struct Wrong {
    form: Option<String>,
    evidence: Option<&'static str>,
    reason: Option<&'static str>,
}

fn review_page(shell: Shell, view: &ReviewView, typed: &Pairs, wrong: Wrong) -> ReviewPage {
    let (t, language) = (shell.t, shell.language);
    let transaction = &view.transaction;
    ReviewPage {
        id: transaction.id.to_string(),
        title: title(view, t),
        since: view.in_review_since.map(|at| format::exact(at, language)),
        attempts: view
            .attempts
            .iter()
            .map(|it| known(it, language, t))
            .collect(),
        proposals: view
            .proposals
            .iter()
            .map(|row| proposal(row, language, t))
            .collect(),
        form: proposal_form(view, typed, &wrong, t),
        wrong: wrong.form,
        t,
        shell,
    }
}

fn title(view: &ReviewView, t: &Texts) -> String {
    let transaction = &view.transaction;
    let kind = stages::kind(transaction.kind, t);
    format!("{kind} · {}", format::reais(transaction.amount))
}

fn known(reviewed: &ReviewedAttempt, language: Language, t: &'static Texts) -> Known {
    let attempt = &reviewed.attempt;
    let evidence = reviewed.evidence.iter().map(|row| {
        let row = StoryEvidence {
            source: row.source.clone(),
            class: row.class.clone(),
            seen: row.seen,
            first_at: row.first_at,
            last_at: row.last_at,
        };
        (
            words::evidence(&row, t),
            format::exact(row.last_at, language),
        )
    });
    Known {
        title: fill(
            t.console.attempt,
            &[&attempt.number.to_string(), gateway_name(attempt.gateway)],
        ),
        outcome: words::outcome(words::standing(attempt), t),
        is_in_review: reviewed.in_review,
        version: reviewed.evidence_version,
        evidence: evidence.collect(),
        absence: words::absence(reviewed.absence.verdict, t),
    }
}

/// Only what is in review can be decided.
fn proposal_form(
    view: &ReviewView,
    typed: &Pairs,
    wrong: &Wrong,
    t: &'static Texts,
) -> Option<ProposalForm> {
    view.in_review_since?;
    let reviewed = view.attempts.iter().find(|attempt| attempt.in_review)?;
    let c = &t.console;
    let outcomes = ReviewOutcome::ALL
        .iter()
        // A refund has nowhere else to go.
        .filter(|it| view.transaction.kind != Kind::Refund || **it != ReviewOutcome::Retry)
        .map(|outcome| {
            let (name, means) = words::review_outcome(*outcome, t);
            OutcomeChoice {
                value: outcome.as_str(),
                name,
                means,
                is_chosen: typed.get("outcome") == outcome.as_str(),
            }
        });
    Some(ProposalForm {
        version: reviewed.evidence_version,
        outcomes: outcomes.collect(),
        evidence: Field::new("evidence", c.what_was_seen, Input::Lines)
            .value(typed.get("evidence"))
            .hint(c.what_was_seen_hint)
            .error(wrong.evidence)
            .longest(2_000),
        reason: Field::new("reason", c.reason, Input::Text)
            .value(typed.get("reason"))
            .error(wrong.reason)
            .longest(500),
    })
}

pub async fn propose(
    State(web): State<Web>,
    operator: Operator,
    Path(text): Path<String>,
    Form(form): Form,
) -> Result<Response, Stop> {
    let id = detail::id(&text)?;
    let shell = operator.shell(&web, Place::Reviews);
    let t = shell.t;
    let wrong = match read(&form, t) {
        Ok(request) => match web
            .app
            .propose_outcome(&operator.0.caller, id, request)
            .await
        {
            Ok(_) => {
                let there = Redirect::to(&format!("/console/revisoes/{id}")).into_response();
                return Ok(Notice::Proposed.on(there, web.secure));
            }
            Err(refusal) => Wrong {
                form: Some(refused(refusal, t)?),
                ..Wrong::default()
            },
        },
        Err(wrong) => wrong,
    };
    let view = web.app.review(id).await?;
    Ok(shell::again(&review_page(shell, &view, &form, wrong)))
}

fn read(form: &Pairs, t: &'static Texts) -> Result<ProposeOutcome, Wrong> {
    let outcome = ReviewOutcome::parse(form.get("outcome"));
    let evidence = lines(form.get("evidence"), t);
    let reason = form::text(form.get("reason"), LONGEST_REASON, t);
    match (outcome, evidence, reason, form.get("version").parse().ok()) {
        (Some(outcome), Ok(evidence), Ok(reason), Some(version)) => Ok(ProposeOutcome {
            outcome,
            evidence,
            reason,
            evidence_version: Some(version),
        }),
        (outcome, evidence, reason, _) => Err(Wrong {
            form: outcome
                .is_none()
                .then(|| t.console.choose_outcome.to_owned()),
            evidence: evidence.err(),
            reason: reason.err(),
        }),
    }
}

/// Text of several lines.
fn lines(text: &str, t: &'static Texts) -> form::Read<String> {
    let text = text.replace("\r\n", "\n");
    let one_line = text.replace('\n', " ");
    form::text(one_line.trim(), LONGEST_EVIDENCE, t).map(|_| text)
}

/// Why nothing was proposed or approved, with its code.
fn refused(refusal: ReviewRefusal, t: &Texts) -> Result<String, Stop> {
    let c = &t.console;
    let (text, code) = match refusal {
        ReviewRefusal::NotFound => return Err(Stop::NotFound),
        ReviewRefusal::Store(error) => return Err(error.into()),
        ReviewRefusal::NotInReview { .. } => (c.refused_not_in_review, "not_in_review"),
        ReviewRefusal::CannotRetry => (c.refused_cannot_retry, "cannot_retry"),
        ReviewRefusal::Approval(refusal) => (approval_words(refusal, t), refusal.code()),
    };
    Ok(format!("{text} ({code})"))
}

fn approval_words(refusal: ApprovalRefusal, t: &Texts) -> &'static str {
    let c = &t.console;
    match refusal {
        ApprovalRefusal::SamePerson => c.refused_same_person,
        ApprovalRefusal::NotInReview => c.refused_not_in_review,
        ApprovalRefusal::ProposalClosed => c.refused_closed,
        ApprovalRefusal::SendOpen => c.refused_send_open,
        ApprovalRefusal::EvidenceChanged => c.refused_evidence,
    }
}

/// The transaction, and the proposal about it that the path names.
async fn named(web: &Web, (id, proposal): (&str, &str)) -> Result<(ReviewView, ProposalRow), Stop> {
    let id = detail::id(id)?;
    let proposal = ProposalId::parse(proposal).map_err(|_| Stop::NotFound)?;
    let view = web.app.review(id).await?;
    let row = view
        .proposals
        .iter()
        .find(|row| row.id == proposal)
        .cloned();
    Ok((view, row.ok_or(Stop::NotFound)?))
}

fn approve_page(
    shell: Shell,
    view: &ReviewView,
    row: &ProposalRow,
    wrong: Option<String>,
) -> ApprovePage {
    let t = shell.t;
    ApprovePage {
        id: view.transaction.id.to_string(),
        title: title(view, t),
        proposal: proposal(row, shell.language, t),
        means: words::review_outcome(row.outcome, t).1,
        wrong,
        t,
        shell,
    }
}

pub async fn confirm(
    State(web): State<Web>,
    operator: Operator,
    Path((id, proposal)): Path<(String, String)>,
) -> Result<Response, Stop> {
    let (view, row) = named(&web, (&id, &proposal)).await?;
    let shell = operator.shell(&web, Place::Reviews);
    let t = shell.t;
    let own = row.proposed_by == operator.0.caller.user_id;
    let wrong = own.then(|| t.console.refused_same_person.to_owned());
    Ok(shell::ok(&approve_page(shell, &view, &row, wrong)))
}

pub async fn approve(
    State(web): State<Web>,
    operator: Operator,
    Path((id, proposal)): Path<(String, String)>,
    _: Form,
) -> Result<Response, Stop> {
    let (view, row) = named(&web, (&id, &proposal)).await?;
    let caller = &operator.0.caller;
    match web
        .app
        .approve_outcome(caller, view.transaction.id, row.id)
        .await
    {
        Ok(_) => {
            let target = format!("/console/transacoes/{}", view.transaction.id);
            Ok(Notice::Approved.on(Redirect::to(&target).into_response(), web.secure))
        }
        Err(refusal) => {
            let shell = operator.shell(&web, Place::Reviews);
            let wrong = refused(refusal, shell.t)?;
            let (view, row) = named(&web, (&id, &proposal)).await?;
            Ok(shell::again(&approve_page(shell, &view, &row, Some(wrong))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::detail::tests::payout;
    use crate::texts::PT;
    use app::views::{AbsenceView, AttemptView, EvidenceView};
    use domain::gateway::Gateway;
    use domain::ids::UserId;
    use domain::status::Status;

    fn row(state: ProposalState) -> ProposalRow {
        ProposalRow {
            id: ProposalId::from_bytes([3; 16]),
            transaction_id: TransactionId::from_bytes([7; 16]),
            attempt_number: 1,
            evidence_version: 4,
            outcome: ReviewOutcome::Release,
            evidence: "<b>panel</b>".into(),
            reason: "a day".into(),
            proposed_by: UserId::from_bytes([1; 16]),
            proposed_at: Moment::default(),
            state,
            decided_by: None,
            decided_at: None,
        }
    }

    fn view(state: ProposalState) -> ReviewView {
        let at = Moment::default();
        ReviewView {
            transaction: payout(Status::Pending, "in_review"),
            in_review_since: Some(at),
            attempts: vec![ReviewedAttempt {
                attempt: AttemptView {
                    number: 1,
                    gateway: Gateway::Efi,
                    attempt_key: "ab".into(),
                    outcome: "unknown".into(),
                    reason: None,
                    why: "…".into(),
                    licence: None,
                    decision: None,
                    sends: Vec::new(),
                    created_at: at,
                },
                in_review: true,
                evidence_version: 4,
                evidence: vec![EvidenceView {
                    source: "lookup".into(),
                    class: "unclear".into(),
                    seen: 3,
                    first_at: at,
                    last_at: at,
                    in_words: "…".into(),
                }],
                absence: AbsenceView {
                    verdict: "too_few_lookups",
                    in_words: "…".into(),
                },
            }],
            proposals: vec![row(state)],
        }
    }

    #[test]
    fn what_is_known_stands_beside_what_is_proposed() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let shell = Shell::sample(language);
            let typed = Pairs::of(&[("outcome", "retry"), ("evidence", "\"><i>")]);
            let page = review_page(shell, &view(ProposalState::Open), &typed, Wrong::default());
            let text = page.render().unwrap();
            assert!(text.contains("name=\"version\" value=\"4\""), "{text}");
            assert!(text.contains("value=\"retry\" checked"), "{text}");
            assert!(text.contains("/aprovar/prp_03") && text.contains(t.console.absence_few));
            assert!(!text.contains("<b>panel") && !text.contains("\"><i>"));
            let shell = Shell::sample(language);
            let closed = view(ProposalState::Superseded);
            let page = review_page(shell, &closed, &Pairs::default(), Wrong::default());
            assert!(!page.render().unwrap().contains("/aprovar/"));
            let shell = Shell::sample(language);
            let row = row(ProposalState::Open);
            let page = approve_page(shell, &closed, &row, Some("<u>no</u>".into()));
            let text = page.render().unwrap();
            assert!(text.contains(t.console.release_means) && !text.contains("<u>no"));
        }
    }

    #[test]
    fn a_proposal_is_read_or_each_field_is_named() {
        let good = Pairs::of(&[
            ("outcome", "settled"),
            ("evidence", "a\r\nb"),
            ("reason", "seen"),
            ("version", "4"),
        ]);
        let request = read(&good, &PT).ok().unwrap();
        assert_eq!(
            (request.evidence.as_str(), request.evidence_version),
            ("a\nb", Some(4))
        );
        let wrong = read(&Pairs::default(), &PT).err().unwrap();
        assert!(wrong.form.is_some() && wrong.evidence.is_some() && wrong.reason.is_some());
    }

    #[test]
    fn every_refusal_is_told_with_its_code() {
        for refusal in [
            ApprovalRefusal::SamePerson,
            ApprovalRefusal::NotInReview,
            ApprovalRefusal::ProposalClosed,
            ApprovalRefusal::SendOpen,
            ApprovalRefusal::EvidenceChanged,
        ] {
            let told = refused(ReviewRefusal::Approval(refusal), &PT).unwrap();
            assert!(told.contains(refusal.code()), "{told}");
        }
        assert_eq!(refused(ReviewRefusal::NotFound, &PT), Err(Stop::NotFound));
    }

    #[test]
    fn the_list_tells_how_long_each_has_waited() {
        let summary = ReviewSummary {
            transaction_id: TransactionId::from_bytes([7; 16]),
            kind: Kind::Payout,
            wallet_id: domain::ids::WalletId::from_bytes([1; 16]),
            amount: domain::money::Money::from_cents(1_050).unwrap(),
            gateway: Some(Gateway::Efi),
            attempt: 1,
            evidence_version: 4,
            in_review_since: Moment::default(),
            proposal: Some(row(ProposalState::Open)),
        };
        let now = Moment::from_micros(7_200_000_000);
        let page = list_page(
            Shell::sample(Language::English),
            &Pairs::default(),
            &[summary],
            now,
        );
        let text = page.render().unwrap();
        assert!(
            text.contains("2 h") && text.contains("/console/revisoes/txn_07"),
            "{text}"
        );
    }
}
