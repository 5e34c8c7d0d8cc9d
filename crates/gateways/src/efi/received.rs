//! Received PIX: `GET /v2/pix/{e2eId}`, `GET /v2/pix`, and the `pix[]` of a charge.
//!
//! The account is ours by the credentials of the call, and the scheme knows no other currency.
//! What is listed has been settled: there is no status. A claim under the special return mechanism
//! (MED) shows as a devolução that nobody here asked for, told by its nature: while it is in process
//! the money is disputed. A claim before its devolução is not part of these answers.

use app::ports::gateway::{
    GatewayTrouble, ObservedDispute, ObservedPayIn, ObservedPayer, ObservedReturn,
};
use domain::dispute::ShownDispute;
use domain::time::Moment;

use super::pages::{self, List};
use super::session::Session;
use super::{encoded, map, trouble, wire};
use crate::answer::bounded;
use crate::time;
use crate::transport::Call;

const RECEIVED: List = List {
    path: "/v2/pix",
    operation: "pay_ins",
    row: "pay-in",
};

pub(super) async fn look_up(
    session: &Session,
    key: &str,
) -> Result<Option<ObservedPayIn>, GatewayTrouble> {
    let path = format!("/v2/pix/{}", encoded(key));
    let answer = session
        .read(|| Call::get("pay_in_lookup", &path))
        .await
        .map_err(|failure| trouble(failure.as_str()))?;
    if map::is_not_found(&answer) {
        return Ok(None);
    }
    if answer.status != 200 {
        return Err(trouble(format!("pay-in lookup answered {}", answer.status)));
    }
    let pix: wire::Received = answer
        .read()
        .ok_or_else(|| trouble("an unreadable pay-in"))?;
    match observed(&pix, None) {
        Some(pay_in) if pay_in.key == key => Ok(Some(pay_in)),
        Some(_) | None => Err(trouble("a pay-in without id, amount or time")),
    }
}

pub(super) async fn between(
    session: &Session,
    our_key: &str,
    from: Moment,
    to: Moment,
) -> Result<Vec<ObservedPayIn>, GatewayTrouble> {
    let received: Vec<wire::Received> = pages::between(session, RECEIVED, from, to).await?;
    // Other keys of the account belong to other uses of it.
    let is_ours = |pix: &&wire::Received| pix.chave.as_deref().is_none_or(|key| key == our_key);
    let ours = received.iter().filter(is_ours);
    let whole: Option<Vec<ObservedPayIn>> = ours.map(|pix| observed(pix, None)).collect();
    whole.ok_or_else(|| trouble("a pay-in without id, amount or time"))
}

/// A received PIX as the use cases see it; `None` without id, amount or time. Inside a charge the
/// charge's own txid is known already.
pub(super) fn observed(pix: &wire::Received, txid: Option<&str>) -> Option<ObservedPayIn> {
    let key = pix.end_to_end_id.clone()?;
    Some(ObservedPayIn {
        end_to_end_id: Some(key.clone()),
        key,
        amount: pix.valor?.0?,
        fee: pix
            .gn_extras
            .as_ref()
            .and_then(|extras| extras.tarifa)
            .and_then(|fee| fee.0),
        paid_at: time::parse(pix.horario.as_deref()?)?,
        payer: payer(pix),
        charge_reference: txid.map(str::to_owned).or_else(|| pix.txid.clone()),
        returned: pix.devolucoes.iter().filter_map(returned).collect(),
        disputes: pix.devolucoes.iter().filter_map(dispute).collect(),
    })
}

fn payer(pix: &wire::Received) -> ObservedPayer {
    let extras = pix.gn_extras.as_ref();
    let Some(payer) = pix
        .pagador
        .as_ref()
        .or_else(|| extras.and_then(|extras| extras.pagador.as_ref()))
    else {
        return ObservedPayer::default();
    };
    let account = payer.conta_banco.as_ref();
    ObservedPayer {
        name: payer.nome.clone(),
        tax_id: payer.cpf.clone().or_else(|| payer.cnpj.clone()),
        bank: payer
            .codigo_banco
            .clone()
            .or_else(|| account.and_then(|account| account.codigo_banco.clone())),
    }
}

/// Why a devolução is made: because the receiver wants it, or by the special return mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nature {
    Ordinary,
    Med,
}

fn nature(item: &wire::Returned) -> Nature {
    match item.natureza.as_deref() {
        Some("MED_OPERACIONAL" | "MED_FRAUDE" | "MED_PIX_AUTOMATICO") => Nature::Med,
        // `ORIGINAL`, `RETIRADA`, or what later versions may add: it took what it took.
        Some(_) | None => Nature::Ordinary,
    }
}

/// A devolução by the special return mechanism, as a dispute. A status that this version does not
/// know says nothing yet.
fn dispute(item: &wire::Returned) -> Option<ObservedDispute> {
    match nature(item) {
        Nature::Med => {}
        Nature::Ordinary => return None,
    }
    let amount = item.valor?.0?;
    let shown = match item.status.as_deref()? {
        "EM_PROCESSAMENTO" => ShownDispute::Open { amount },
        "DEVOLVIDO" => ShownDispute::Lost { amount },
        "NAO_REALIZADO" => ShownDispute::Nothing,
        _ => {
            tracing::warn!(
                gateway = "efi",
                "a devolução status that this version does not know"
            );
            return None;
        }
    };
    Some(ObservedDispute {
        key: bounded(item.id.as_deref().or(item.rtr_id.as_deref())?),
        shown,
        seen_at: None,
    })
}

/// A refund of the pay-in. One that was refused took nothing and is no return.
fn returned(item: &wire::Returned) -> Option<ObservedReturn> {
    match nature(item) {
        Nature::Ordinary => {}
        Nature::Med => return None,
    }
    let done = match item.status.as_deref() {
        Some("DEVOLVIDO") => true,
        Some("NAO_REALIZADO") => return None,
        Some(_) | None => false,
    };
    Some(ObservedReturn {
        key: item.rtr_id.clone()?,
        attempt_key: item.id.clone(),
        amount: item.valor?.0?,
        done,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::money::Money;

    fn pay_in(refund: &str) -> ObservedPayIn {
        let text = format!(
            r#"{{"endToEndId":"E1","valor":"10.00","horario":"2026-03-10T14:32:00.000Z","devolucoes":[{refund}]}}"#
        );
        observed(&serde_json::from_str(&text).unwrap(), None).unwrap()
    }

    #[test]
    fn an_ordinary_devolucao_is_a_return_and_no_dispute() {
        for nature in ["", r#","natureza":"ORIGINAL""#, r#","natureza":"NOVA""#] {
            for (status, done) in [
                ("EM_PROCESSAMENTO", Some(false)),
                ("DEVOLVIDO", Some(true)),
                ("NAO_REALIZADO", None),
            ] {
                let told = pay_in(&format!(
                    r#"{{"id":"d1","rtrId":"D1","valor":"4.00","status":"{status}"{nature}}}"#
                ));
                let shown = told.returned.first().map(|item| item.done);
                assert_eq!(shown, done, "{status}{nature}");
                assert_eq!(told.disputes, []);
            }
        }
    }

    #[test]
    fn a_devolucao_of_the_special_mechanism_is_a_dispute_and_no_return() {
        let amount = Money::from_cents(400).unwrap();
        for nature in ["MED_OPERACIONAL", "MED_FRAUDE", "MED_PIX_AUTOMATICO"] {
            for (status, expected) in [
                ("EM_PROCESSAMENTO", Some(ShownDispute::Open { amount })),
                ("DEVOLVIDO", Some(ShownDispute::Lost { amount })),
                ("NAO_REALIZADO", Some(ShownDispute::Nothing)),
                ("ADIADO", None),
            ] {
                let told = pay_in(&format!(
                    r#"{{"id":"d1","rtrId":"D1","valor":"4.00","status":"{status}","natureza":"{nature}"}}"#
                ));
                assert_eq!(told.returned, [], "{status}");
                let shown = told.disputes.first();
                assert_eq!(shown.map(|item| item.shown), expected, "{status}");
                assert!(shown.is_none_or(|item| item.key == "d1" && item.seen_at.is_none()));
            }
        }
    }
}
