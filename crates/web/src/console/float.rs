//! `/console/saldos`: our own money moved from one gateway to the other: what one person proposes, what
//! another approves, and where it is.

use app::commands::{Caller, FloatMoveRefusal, ProposeFloatMove};
use app::views::FloatMoveView;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::float_move::{DecisionRefusal, FloatMoveState};
use domain::gateway::Gateway;
use domain::ids::FloatMoveId;

use super::words::Tag;
use super::{Operator, ROWS, next};
use crate::Web;
use crate::form::{self, Form, Pairs, Query};
use crate::format;
use crate::notice::Notice;
use crate::pages::detail::gateway_name;
use crate::parts::field::{Field, Input};
use crate::parts::words::Tone;
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::Texts;

const LONGEST_REASON: usize = 500;

#[derive(Template)]
#[template(path = "console/float.html")]
struct ListPage {
    shell: Shell,
    t: &'static Texts,
    moves: Vec<Line>,
    more: Option<String>,
    wrong: Option<String>,
    /// Value, label, whether it is chosen.
    directions: Vec<(String, String, bool)>,
    amount: Field,
    reason: Field,
}

/// A move in one line.
struct Line {
    id: String,
    short: String,
    way: String,
    amount: String,
    state: Tag,
    in_transit: String,
    when: String,
    machine_time: String,
}

#[derive(Template)]
#[template(path = "console/float_move.html")]
struct MovePage {
    shell: Shell,
    t: &'static Texts,
    line: Line,
    reason: String,
    by: String,
    decided_by: Option<String>,
    expires: String,
    left: String,
    returned: String,
    arrived: String,
    payout: Option<String>,
    failure: Option<String>,
    wrong: Option<String>,
    is_open: bool,
    is_own: bool,
}

fn state(name: &str, t: &Texts) -> Tag {
    let f = &t.float_moves;
    let (text, tone) = match name {
        "proposed" => (f.state_proposed, Tone::Doubt),
        "declined" => (f.state_declined, Tone::Quiet),
        "expired" => (f.state_expired, Tone::Quiet),
        "in_transit" => (f.state_in_transit, Tone::Busy),
        "arrived" => (f.state_arrived, Tone::Good),
        "returned" => (f.state_returned, Tone::Plain),
        "failed" => (f.state_failed, Tone::Bad),
        _ => (f.state_sending, Tone::Busy),
    };
    Tag { text, tone }
}

fn way(from: Gateway, to: Gateway) -> String {
    format!("{} → {}", gateway_name(from), gateway_name(to))
}

fn line(view: &FloatMoveView, shell: &Shell) -> Line {
    let row = &view.row;
    let id = row.id.to_string();
    Line {
        short: super::rows::short(&id),
        id,
        way: way(row.from, row.to),
        amount: format::reais(row.amount),
        state: state(view.state, shell.t),
        in_transit: match row.in_transit() {
            0 => "—".to_owned(),
            cents => format::signed(cents),
        },
        when: format::exact(row.proposed_at, shell.language),
        machine_time: format::machine(row.proposed_at),
    }
}

/// What is wrong with a proposal.
#[derive(Default)]
struct Wrong {
    form: Option<String>,
    amount: Option<String>,
    reason: Option<&'static str>,
}

async fn list_page(
    web: &Web,
    operator: &Operator,
    (query, typed): (&Pairs, &Pairs),
    wrong: Wrong,
) -> Result<ListPage, Stop> {
    let position = web.app.last_position().await?;
    let before = FloatMoveId::parse(query.get("depois")).ok();
    let found = web.app.float_moves(before, ROWS).await?;
    let shell = operator.shell(web, Place::Float).live(position);
    Ok(page(shell, (query, typed), &found, wrong))
}

fn page(
    shell: Shell,
    (query, typed): (&Pairs, &Pairs),
    found: &[FloatMoveView],
    wrong: Wrong,
) -> ListPage {
    let t = shell.t;
    let last = found.last().map(|view| view.row.id.to_string());
    let direction = |from: Gateway| {
        let value = from.as_str().to_owned();
        let is_chosen = typed.get("from") == value;
        (value, way(from, from.other()), is_chosen)
    };
    ListPage {
        moves: found.iter().map(|view| line(view, &shell)).collect(),
        more: next("/console/saldos", query, &[], found.len(), last),
        directions: Gateway::ALL.map(direction).to_vec(),
        amount: Field::new("amount", t.console.amount, Input::Money)
            .value(typed.get("amount"))
            .error(wrong.amount)
            .longest(20),
        reason: Field::new("reason", t.float_moves.reason, Input::Text)
            .value(typed.get("reason"))
            .error(wrong.reason)
            .longest(500),
        wrong: wrong.form,
        t,
        shell,
    }
}

pub async fn list(
    State(web): State<Web>,
    operator: Operator,
    Query(query): Query,
) -> Result<Response, Stop> {
    let typed = Pairs::default();
    let page = list_page(&web, &operator, (&query, &typed), Wrong::default()).await?;
    Ok(shell::ok(&page))
}

pub async fn propose(
    State(web): State<Web>,
    operator: Operator,
    Form(form): Form,
) -> Result<Response, Stop> {
    let t = operator.shell(&web, Place::Float).t;
    let wrong = match read(&form, t) {
        Ok(request) => {
            let proposed = web.app.propose_float_move(&operator.0.caller, request);
            match proposed.await {
                Ok(view) => {
                    let there = format!("/console/saldos/{}", view.row.id);
                    let there = Redirect::to(&there).into_response();
                    return Ok(Notice::Proposed.on(there, web.secure));
                }
                Err(refusal) => Wrong {
                    form: Some(refused(refusal, t)?),
                    ..Wrong::default()
                },
            }
        }
        Err(wrong) => wrong,
    };
    let query = Pairs::default();
    let page = list_page(&web, &operator, (&query, &form), wrong).await?;
    Ok(shell::again(&page))
}

fn read(form: &Pairs, t: &'static Texts) -> Result<ProposeFloatMove, Wrong> {
    let from = Gateway::parse(form.get("from"));
    let amount = form::amount(form.get("amount"), t);
    let reason = form::text(form.get("reason"), LONGEST_REASON, t);
    match (from, amount, reason) {
        (Some(from), Ok(amount), Ok(reason)) if !amount.is_zero() => Ok(ProposeFloatMove {
            from,
            to: from.other(),
            amount,
            reason,
        }),
        (from, amount, reason) => Err(Wrong {
            form: from
                .is_none()
                .then(|| t.float_moves.choose_direction.to_owned()),
            amount: match amount {
                Ok(amount) if amount.is_zero() => Some(t.errors.amount_needed.to_owned()),
                Ok(_) => None,
                Err(wrong) => Some(wrong.to_owned()),
            },
            reason: reason.err(),
        }),
    }
}

/// Why nothing was proposed or decided, with its code.
fn refused(refusal: FloatMoveRefusal, t: &Texts) -> Result<String, Stop> {
    let f = &t.float_moves;
    let (text, code) = match refusal {
        FloatMoveRefusal::NotFound => return Err(Stop::NotFound),
        FloatMoveRefusal::Store(error) => return Err(error.into()),
        FloatMoveRefusal::Invalid { code, message, .. } => {
            let text = match code {
                "same_gateway" => f.refused_same_gateway,
                "no_own_key" => f.refused_no_key,
                "account_holder_unknown" => f.refused_holder,
                "exceeds_float" => f.refused_float,
                "too_small" => f.refused_small,
                _ => return Ok(message),
            };
            (text, code)
        }
        FloatMoveRefusal::Decision(refusal) => {
            let text = match refusal {
                DecisionRefusal::SamePerson => t.console.refused_same_person,
                DecisionRefusal::Decided => t.console.refused_closed,
                DecisionRefusal::Expired => f.refused_expired,
            };
            (text, refusal.code())
        }
    };
    Ok(format!("{text} ({code})"))
}

fn id(text: &str) -> Result<FloatMoveId, Stop> {
    FloatMoveId::parse(text).map_err(|_| Stop::NotFound)
}

async fn found(web: &Web, id: FloatMoveId) -> Result<FloatMoveView, Stop> {
    match web.app.float_move(id).await {
        Ok(view) => Ok(view),
        Err(FloatMoveRefusal::Store(error)) => Err(error.into()),
        Err(_) => Err(Stop::NotFound),
    }
}

fn move_page(
    shell: Shell,
    view: &FloatMoveView,
    caller: &Caller,
    wrong: Option<String>,
) -> MovePage {
    let row = &view.row;
    let decided_by = match row.state {
        FloatMoveState::Approved { by, .. } | FloatMoveState::Declined { by, .. } => Some(by),
        FloatMoveState::Proposed | FloatMoveState::Expired { .. } => None,
    };
    MovePage {
        line: line(view, &shell),
        reason: row.reason.clone(),
        by: row.proposed_by.to_string(),
        decided_by: decided_by.map(|by| by.to_string()),
        expires: format::exact(row.expires_at, shell.language),
        left: format::reais(row.left),
        returned: format::reais(row.returned),
        arrived: format::reais(row.arrived),
        payout: row.state.transaction().map(|id| id.to_string()),
        failure: view.failure.as_ref().map(|failure| failure.code.clone()),
        wrong,
        is_open: view.state == "proposed",
        is_own: row.proposed_by == caller.user_id,
        t: shell.t,
        shell,
    }
}

pub async fn show(
    State(web): State<Web>,
    operator: Operator,
    Path(text): Path<String>,
) -> Result<Response, Stop> {
    let position = web.app.last_position().await?;
    let view = found(&web, id(&text)?).await?;
    let shell = operator.shell(&web, Place::Float).live(position);
    Ok(shell::ok(&move_page(
        shell,
        &view,
        &operator.0.caller,
        None,
    )))
}

pub async fn approve(
    State(web): State<Web>,
    operator: Operator,
    Path(text): Path<String>,
    _: Form,
) -> Result<Response, Stop> {
    let id = id(&text)?;
    let decided = web.app.approve_float_move(&operator.0.caller, id).await;
    decided_page(&web, &operator, id, decided, Some(Notice::Approved)).await
}

pub async fn decline(
    State(web): State<Web>,
    operator: Operator,
    Path(text): Path<String>,
    _: Form,
) -> Result<Response, Stop> {
    let id = id(&text)?;
    let decided = web.app.decline_float_move(&operator.0.caller, id).await;
    decided_page(&web, &operator, id, decided, None).await
}

/// Back to the move, or the same page with what was refused.
async fn decided_page(
    web: &Web,
    operator: &Operator,
    id: FloatMoveId,
    decided: Result<FloatMoveView, FloatMoveRefusal>,
    notice: Option<Notice>,
) -> Result<Response, Stop> {
    match decided {
        Ok(_) => {
            let there = Redirect::to(&format!("/console/saldos/{id}")).into_response();
            Ok(match notice {
                Some(notice) => notice.on(there, web.secure),
                None => there,
            })
        }
        Err(refusal) => {
            let shell = operator.shell(web, Place::Float);
            let wrong = Some(refused(refusal, shell.t)?);
            let view = found(web, id).await?;
            let page = move_page(shell, &view, &operator.0.caller, wrong);
            Ok(shell::again(&page))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::{Language, PT};
    use app::ports::store::{FloatMoveRow, UserRole};
    use domain::ids::UserId;
    use domain::money::Money;
    use domain::time::Moment;

    const ANA: UserId = UserId::from_bytes([1; 16]);

    fn view(state: &'static str, left: i64) -> FloatMoveView {
        FloatMoveView {
            row: FloatMoveRow {
                id: FloatMoveId::from_bytes([7; 16]),
                from: Gateway::Efi,
                to: Gateway::MercadoPago,
                amount: Money::from_cents(123_456).unwrap(),
                reason: "<b>low</b>".into(),
                state: FloatMoveState::Proposed,
                proposed_by: ANA,
                proposed_at: Moment::default(),
                expires_at: Moment::default(),
                left: Money::from_cents(left).unwrap(),
                returned: Money::ZERO,
                arrived: Money::ZERO,
                arrived_at: None,
                alerted_at: None,
                version: 1,
            },
            state,
            failure: None,
        }
    }

    fn caller(user_id: UserId) -> Caller {
        Caller {
            user_id,
            role: UserRole::Operator,
            scopes: Vec::new(),
            session_id: None,
        }
    }

    #[test]
    fn moves_are_listed_beside_the_form() {
        for language in [Language::Portuguese, Language::English] {
            let typed = Pairs::of(&[("from", "efi"), ("reason", "\"><i>low")]);
            let query = Pairs::default();
            let moves = [view("in_transit", 123_456)];
            let shell = Shell::sample(language);
            let page = page(shell, (&query, &typed), &moves, Wrong::default());
            let text = page.render().unwrap();
            assert!(text.contains("Efí → Mercado Pago") && !text.contains("<i>low"));
            assert!(text.contains("value=\"efi\" checked"), "{text}");
            assert_eq!(text.matches("1.234,56").count(), 2, "amount and transit");
        }
    }

    #[test]
    fn only_another_person_is_shown_the_approval() {
        let shown = |user, state| {
            let shell = Shell::sample(Language::Portuguese);
            move_page(shell, &view(state, 0), &caller(user), None)
                .render()
                .unwrap()
        };
        let other = shown(UserId::from_bytes([2; 16]), "proposed");
        assert!(other.contains("/aprovar\"") && other.contains("/recusar\""));
        assert!(!other.contains("<b>low"));
        let own = shown(ANA, "proposed");
        assert!(!own.contains("/aprovar\"") && own.contains(PT.float_moves.withdraw));
        let closed = shown(ANA, "declined");
        assert!(!closed.contains("/recusar\""));
    }

    #[test]
    fn what_is_typed_is_read_or_told() {
        let good = Pairs::of(&[
            ("from", "mercado_pago"),
            ("amount", "10,50"),
            ("reason", "x"),
        ]);
        let read_well = read(&good, &PT).map_err(|_| ()).unwrap();
        assert_eq!(
            (read_well.to, read_well.amount.cents()),
            (Gateway::Efi, 1_050)
        );
        let bad = Pairs::of(&[("from", "itau"), ("amount", "0")]);
        let wrong = read(&bad, &PT).err().unwrap();
        assert!(wrong.form.is_some() && wrong.amount.is_some() && wrong.reason.is_some());
    }
}
