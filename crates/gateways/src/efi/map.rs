//! What a refusal by Efí proves, for each kind of order.
//!
//! A row is a status together with the code in the body; what is in no row is unknown. Source:
//! the error tables of Efí's documentation and BACEN's API Pix 2.9.0.

use domain::outcome::{RefusalReason, UnknownCause};

use super::wire::ErrorBody;
use crate::answer::{Answer, Rejection};

/// What an error body names: the first member it has, by the order in which the API's layers
/// write them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ErrorCode {
    pub code: String,
    /// The property that a problem's violation is about.
    pub violated: Vec<String>,
}

impl ErrorCode {
    pub(super) fn read(answer: &Answer) -> ErrorCode {
        let Some(body) = answer.read::<ErrorBody>() else {
            return ErrorCode::default();
        };
        let kind = body
            .r#type
            .as_deref()
            .and_then(|url| url.rsplit('/').next().map(str::to_owned));
        let code = body.nome.or(kind).or(body.error).or(body.message);
        ErrorCode {
            code: code.unwrap_or_default(),
            violated: body
                .violacoes
                .into_iter()
                .filter_map(|violation| violation.propriedade)
                .collect(),
        }
    }

    fn is(&self, names: &[&str]) -> bool {
        names.contains(&self.code.as_str())
    }
}

/// The kinds of order, whose tables differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Payout,
    Charge,
    Refund,
}

/// Classifies an answer that is not a recognized success.
pub(super) fn reject(order: Order, answer: &Answer, fresh_token: bool) -> Rejection {
    let error = ErrorCode::read(answer);
    let reason = common(answer.status, &error, fresh_token).or_else(|| match order {
        Order::Payout => payout(answer.status, &error),
        Order::Charge => charge(answer.status, &error),
        Order::Refund => refund(answer.status, &error),
    });
    match reason {
        Some(reason) if answer.status == 401 => Rejection::not_done(reason, "token_refused"),
        Some(reason) => Rejection::not_done(reason, &error.code),
        None if is_duplicate(answer.status, &error) => {
            Rejection::Unknown(UnknownCause::DuplicateKey)
        }
        None => {
            if answer.status < 500 {
                tracing::warn!(
                    gateway = "efi",
                    status = answer.status,
                    "an answer that no table knows"
                );
            }
            Rejection::unlisted(answer.status)
        }
    }
}

/// Refusals before the order itself was looked at.
fn common(status: u16, error: &ErrorCode, fresh_token: bool) -> Option<RefusalReason> {
    match status {
        // A cached token may just have ended: the next send gets another. A token fetched for
        // this call that is refused all the same will not be better next time.
        401 if fresh_token => Some(RefusalReason::NotAuthorized),
        401 => Some(RefusalReason::TryLater),
        403 if error.is(&["insufficient_scope", "Forbidden"]) => Some(RefusalReason::NotAuthorized),
        429 if error.is(&["balde_fichas_vazio", "BaldeFichasVazio"]) => {
            Some(RefusalReason::TryLater)
        }
        _ => None,
    }
}

fn payout(status: u16, error: &ErrorCode) -> Option<RefusalReason> {
    match status {
        400 if error.is(&["json_invalido", "valor_invalido"]) => Some(RefusalReason::Malformed),
        400 if error.is(&["chave_nao_pertence_ao_documento"]) => Some(RefusalReason::PayeeMismatch),
        400 if error.is(&["chave_invalida", "documento_bloqueado"]) => {
            Some(RefusalReason::AccountNotEnabled)
        }
        400 | 422 if is_short_of_money(error) => Some(RefusalReason::InsufficientFloat),
        404 if error.is(&["chave_favorecido_nao_encontrada"]) => {
            Some(RefusalReason::PayeeKeyNotFound)
        }
        422 if error.is(&["pagamento_negado"]) => Some(RefusalReason::RiskRefused),
        _ => None,
    }
}

/// The QR payment tells it as a violation on the payer; the direct send's shape is undocumented,
/// so only a name that says just this is taken for it.
fn is_short_of_money(error: &ErrorCode) -> bool {
    let on_payer = error
        .violated
        .iter()
        .any(|property| property == "qrcode.pagador");
    error.is(&["saldo_insuficiente"]) || (error.is(&["QrcodeOperacaoInvalida"]) && on_payer)
}

fn charge(status: u16, error: &ErrorCode) -> Option<RefusalReason> {
    match status {
        400 if error.is(&["json_invalido", "valor_invalido", "CobOperacaoInvalida"]) => {
            Some(RefusalReason::Malformed)
        }
        400 if error.is(&["chave_invalida", "documento_bloqueado"]) => {
            Some(RefusalReason::AccountNotEnabled)
        }
        _ => None,
    }
}

fn refund(status: u16, error: &ErrorCode) -> Option<RefusalReason> {
    match status {
        400 if error.is(&["json_invalido"]) => Some(RefusalReason::Malformed),
        400 if error.is(&[
            "pix_nao_encontrado",
            "valor_invalido",
            "PixDevolucaoInvalida",
        ]) =>
        {
            Some(RefusalReason::RefundNotAllowed)
        }
        404 if error.is(&["PixNaoEncontrado"]) => Some(RefusalReason::RefundNotAllowed),
        _ => None,
    }
}

/// Our key stands there already: an earlier transmission arrived.
fn is_duplicate(status: u16, error: &ErrorCode) -> bool {
    status == 409
        && error.is(&[
            "id_envio_duplicado",
            "txid_duplicado",
            "devolucao_id_duplicado",
        ])
}

/// Whether a query says that what it asks for is not there.
pub(super) fn is_not_found(answer: &Answer) -> bool {
    matches!(answer.status, 400 | 404)
        && ErrorCode::read(answer).is(&[
            "PixEnviadoNaoEncontrado",
            "pix_enviado_nao_encontrado",
            "cobranca_nao_encontrada",
            "CobNaoEncontrado",
            "pix_nao_encontrado",
            "PixNaoEncontrado",
            "devolucao_nao_encontrada",
            "PixDevolucaoNaoEncontrada",
        ])
}

/// Whether a charge refuses to change because of its state.
pub(super) fn is_wrong_state(answer: &Answer) -> bool {
    answer.status == 400
        && ErrorCode::read(answer).is(&["status_cobranca_invalido", "CobOperacaoInvalida"])
}

#[cfg(test)]
#[path = "map_tests.rs"]
mod tests;
