//! What the panel's buttons do: faults, and people outside who pay and give back.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use domain::gateway::Gateway;
use domain::ids::TransactionId;
use domain::status::Kind;

use super::{ArmedFault, OutsidePayment, Panel, heal as heal_all};
use crate::Web;
use crate::form::{Form, Pairs};
use crate::notice::Notice;
use crate::stop::Stop;

/// Back to the panel, which says what came of it.
fn back(web: &Web, notice: Notice) -> Response {
    notice.on(Redirect::to("/sandbox").into_response(), web.secure)
}

pub async fn arm(
    State(web): State<Web>,
    Panel(played): Panel,
    Form(form): Form,
) -> Result<Response, Stop> {
    let gateway = Gateway::parse(form.get("gateway")).ok_or(Stop::NotFound)?;
    let armed = match read(&form) {
        Some(fault) => played.arm(gateway, fault).await,
        None => false,
    };
    Ok(match armed {
        true => back(&web, Notice::FaultArmed),
        false => back(&web, Notice::FaultRefused),
    })
}

/// A fault as the form says it; `None` for numbers that are none.
fn read(form: &Pairs) -> Option<ArmedFault> {
    let percent: u8 = match form.get("chance") {
        "" => 100,
        text => text.parse().ok().filter(|percent| *percent <= 100)?,
    };
    let latency_ms = match form.get("latencia") {
        "" => None,
        text => Some(
            text.parse()
                .ok()
                .filter(|millis: &u64| *millis <= 600_000)?,
        ),
    };
    let operation = form.get("operacao");
    Some(ArmedFault {
        operation: (!operation.is_empty()).then(|| operation.to_owned()),
        mode: form.get("modo").to_owned(),
        percent,
        latency_ms,
        times: None,
    })
}

pub async fn heal(State(web): State<Web>, Panel(played): Panel, _: Form) -> Result<Response, Stop> {
    let notice = match heal_all(played.as_ref()).await {
        true => Notice::Healed,
        false => Notice::FaultRefused,
    };
    Ok(back(&web, notice))
}

pub async fn pay(
    State(web): State<Web>,
    Panel(played): Panel,
    Form(form): Form,
) -> Result<Response, Stop> {
    let id = TransactionId::parse(form.get("id")).map_err(|_| Stop::NotFound)?;
    let charge = web.app.outside(id).await?;
    let charge = charge
        .filter(|charge| charge.kind == Kind::Charge)
        .ok_or(Stop::NotFound)?;
    let plain = OutsidePayment::default();
    let name = charge.reference.as_str();
    let done = match form.get("como") {
        "parte" => {
            let half = charge.amount.cents() / 2;
            let cents = Some(half.max(1));
            played.pay(name, OutsidePayment { cents, ..plain }).await
        }
        "duas" => {
            let again = OutsidePayment {
                again: true,
                ..plain
            };
            played.pay(name, plain).await && played.pay(name, again).await
        }
        "tarde" => {
            let late = OutsidePayment {
                late: true,
                ..plain
            };
            played.pay(name, late).await
        }
        _ => played.pay(name, plain).await,
    };
    Ok(back(&web, moved(done)))
}

pub async fn move_back(
    State(web): State<Web>,
    Panel(played): Panel,
    Form(form): Form,
) -> Result<Response, Stop> {
    let id = TransactionId::parse(form.get("id")).map_err(|_| Stop::NotFound)?;
    let found = web.app.outside(id).await?.ok_or(Stop::NotFound)?;
    let half = Some((found.amount.cents() / 2).max(1));
    let cents = half.filter(|_| form.get("quanto") == "parte");
    let done = match found.kind {
        Kind::Charge => played.take_back(&found.reference, cents).await,
        Kind::Payout => played.give_back(&found.reference, cents).await,
        Kind::Transfer | Kind::Refund => false,
    };
    Ok(back(&web, moved(done)))
}

fn moved(done: bool) -> Notice {
    match done {
        true => Notice::Moved,
        false => Notice::NotMoved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_read_as_typed_or_refused() {
        let typed = Pairs::of(&[
            ("operacao", "payout"),
            ("modo", "flaky"),
            ("chance", "40"),
            ("latencia", "250"),
        ]);
        let fault = ArmedFault {
            operation: Some("payout".into()),
            mode: "flaky".into(),
            percent: 40,
            latency_ms: Some(250),
            times: None,
        };
        assert_eq!(read(&typed), Some(fault));
        let bare = read(&Pairs::of(&[("modo", "down")])).unwrap();
        assert_eq!(bare, ArmedFault::always("down"));
        for bad in [("chance", "101"), ("chance", "x"), ("latencia", "-1")] {
            assert_eq!(read(&Pairs::of(&[("modo", "slow"), bad])), None, "{bad:?}");
        }
    }
}
