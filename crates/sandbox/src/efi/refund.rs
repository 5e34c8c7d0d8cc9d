//! Devolução of a received Pix: `PUT`/`GET /v2/pix/{e2eId}/devolucao/{id}`.

use super::{error, received, views};
use crate::{
    config::GatewayName,
    http::{Outcome, Reply, Request},
    ids::{EFI_ISPB, is_alphanumeric},
    money,
    pipeline::Effect,
    settle,
    state::{
        Record, State,
        efi::{Refund, RefundStatus},
    },
};

/// A Pix may be given back for so long (BCB, Regulamento do Pix).
const WINDOW_DAYS: i64 = 90;

pub fn create(
    state: &mut State,
    request: &Request,
    (pix, id): (&str, &str),
    effect: Effect,
) -> Outcome {
    let body = super::object(request)?;
    let mut pix = state
        .book
        .received
        .get(pix)
        .cloned()
        .ok_or_else(received::not_found)?;
    if !is_alphanumeric(id, 1..=35) {
        return Err(error::malformed_json(
            "id deve ter de 1 a 35 letras e números.",
        ));
    }
    if pix.refunds.iter().any(|refund| refund.id == id) {
        return Err(error::named(
            409,
            "devolucao_id_duplicado",
            "O id da devolução já foi utilizado.",
        ));
    }
    let cents = body["valor"].as_str().and_then(money::parse_fixed);
    let cents = cents.ok_or_else(|| error::malformed_json("valor deve ter o formato 0.00."))?;
    if cents < 1 || pix.refunded() + cents > pix.cents {
        return Err(error::invalid_value(
            "A soma das devoluções excede o valor do Pix.",
        ));
    }
    let now = state.now;
    if now - pix.at > WINDOW_DAYS * 86_400_000 {
        return Err(error::invalid_value("O prazo para devolução expirou."));
    }
    let refund = Refund {
        id: id.to_owned(),
        rtr_id: state.ids.return_id(EFI_ISPB, now),
        cents,
        requested: now,
        settled: None,
        settle_at: Some(effect.settle_at(state)),
        refusal: refusal(state, cents, effect).map(str::to_owned),
        status: RefundStatus::InProcess,
        nature: None,
    };
    let (answer, settle_at) = (views::refund_with_reason(&refund), refund.settle_at);
    let end_to_end_id = pix.end_to_end_id.clone();
    pix.refunds.push(refund);
    state.put(Record::Received(Box::new(pix)));
    settle::refund_or_plan(state, &end_to_end_id, id, settle_at.unwrap_or(now));
    Ok(Reply::json(201, &answer).executed())
}

fn refusal(state: &State, cents: i64, effect: Effect) -> Option<&'static str> {
    if cents > state.available(GatewayName::Efi) {
        return Some("Saldo insuficiente para realizar a devolução.");
    }
    let refused = effect.refused_later() || (state.homologation && cents == 1);
    refused.then_some("Devolução rejeitada por tempo esgotado.")
}

pub fn read(state: &State, (pix, id): (&str, &str), effect: Effect) -> Outcome {
    let pix = state
        .book
        .received
        .get(pix)
        .ok_or_else(received::not_found)?;
    let found = pix
        .refunds
        .iter()
        .find(|refund| refund.id == id && !effect.hides(state.now, refund.requested));
    let missing = || {
        error::named(
            400,
            "devolucao_nao_encontrada",
            "A devolução não foi encontrada.",
        )
    };
    Ok(Reply::json(
        200,
        &views::refund_with_reason(found.ok_or_else(missing)?),
    ))
}
