//! Payouts as Efí lists them: `GET /v2/gn/pix/enviados`.

use app::ports::gateway::{GatewayTrouble, ObservedSent, SentState};
use domain::time::Moment;

use super::pages::{self, List};
use super::session::Session;
use super::{trouble, wire};
use crate::answer::bounded;

const SENT: List = List {
    path: "/v2/gn/pix/enviados",
    operation: "payouts",
    row: "payout",
};

pub(super) async fn between(
    session: &Session,
    from: Moment,
    to: Moment,
) -> Result<Vec<ObservedSent>, GatewayTrouble> {
    let sent: Vec<wire::Sent> = pages::between(session, SENT, from, to).await?;
    let observed = sent.iter().map(observed);
    let whole: Option<Vec<ObservedSent>> = observed.collect();
    whole.ok_or_else(|| trouble("a listed payout without ids or amount"))
}

/// `None` without an amount, or without any id to find it by.
fn observed(sent: &wire::Sent) -> Option<ObservedSent> {
    let end_to_end_id = sent.end_to_end_id();
    let attempt_key = sent.id_envio.as_deref().map(bounded);
    if attempt_key.is_none() && end_to_end_id.is_none() {
        return None;
    }
    Some(ObservedSent {
        attempt_key,
        end_to_end_id,
        amount: sent.valor?.0?,
        state: match sent.status.as_deref() {
            Some("REALIZADO") => SentState::Executed,
            Some("EM_PROCESSAMENTO") => SentState::InProgress,
            Some("NAO_REALIZADO") => SentState::NotExecuted,
            Some(_) | None => SentState::Unrecognized,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::money::Money;

    #[test]
    fn a_listed_payout_tells_key_amount_and_state() {
        for (status, state) in [
            ("REALIZADO", SentState::Executed),
            ("EM_PROCESSAMENTO", SentState::InProgress),
            ("NAO_REALIZADO", SentState::NotExecuted),
            ("ADIADO", SentState::Unrecognized),
        ] {
            let text = format!(
                r#"{{"idEnvio":"k1","endToEndId":"E1","valor":"10.50","status":"{status}"}}"#
            );
            let told = observed(&serde_json::from_str(&text).unwrap()).unwrap();
            assert_eq!(told.state, state);
            assert_eq!(told.attempt_key.as_deref(), Some("k1"));
            assert_eq!(told.end_to_end_id.as_deref(), Some("E1"));
            assert_eq!(told.amount, Money::from_cents(1_050).unwrap());
        }
        for odd in [r#"{"valor":"1.00"}"#, r#"{"idEnvio":"k1"}"#] {
            assert_eq!(observed(&serde_json::from_str(odd).unwrap()), None);
        }
    }
}
