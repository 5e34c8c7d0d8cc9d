//! Payouts as Efí lists them: `GET /v2/gn/pix/enviados`.

use app::ports::gateway::{GatewayTrouble, ObservedSent, SentState};
use domain::time::Moment;

use super::session::Session;
use super::{encoded, trouble, wire};
use crate::answer::bounded;
use crate::time;
use crate::transport::Call;

const PER_PAGE: u32 = 100;
/// The caller asks for windows of some hundreds at most.
const MOST_PAGES: u32 = 20;

pub(super) async fn between(
    session: &Session,
    from: Moment,
    to: Moment,
) -> Result<Vec<ObservedSent>, GatewayTrouble> {
    let mut found = Vec::new();
    for page in 0..MOST_PAGES {
        let (sent, is_last) = fetch(session, from, to, page).await?;
        for one in &sent {
            let one =
                observed(one).ok_or_else(|| trouble("a listed payout without ids or amount"))?;
            found.push(one);
        }
        if is_last {
            return Ok(found);
        }
    }
    Err(trouble("more payouts than one window may hold"))
}

async fn fetch(
    session: &Session,
    from: Moment,
    to: Moment,
    page: u32,
) -> Result<(Vec<wire::Sent>, bool), GatewayTrouble> {
    let path = format!(
        "/v2/gn/pix/enviados?inicio={}&fim={}&paginacao.paginaAtual={page}&paginacao.itensPorPagina={PER_PAGE}",
        encoded(&time::utc(from)),
        encoded(&time::utc(to)),
    );
    let answer = session
        .read(|| Call::get("payouts", &path))
        .await
        .map_err(|failure| trouble(failure.as_str()))?;
    if answer.status != 200 {
        return Err(trouble(format!("payout list answered {}", answer.status)));
    }
    let list: wire::SentPage = answer
        .read()
        .ok_or_else(|| trouble("an unreadable payout list"))?;
    let pages = list
        .parametros
        .and_then(|parameters| parameters.paginacao)
        .and_then(|paging| paging.quantidade_de_paginas);
    let is_last = match pages {
        Some(pages) => page + 1 >= pages,
        None => list.pix.len() < PER_PAGE as usize,
    };
    Ok((list.pix, is_last))
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
