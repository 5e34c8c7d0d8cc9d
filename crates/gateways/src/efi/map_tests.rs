//! Every row of Efí's tables, and the property that nothing outside them is a proof.

use proptest::prelude::*;

use super::*;
use RefusalReason::{
    AccountNotEnabled, InsufficientFloat, Malformed, NotAuthorized, PayeeKeyNotFound,
    PayeeMismatch, RefundNotAllowed, RiskRefused, TryLater,
};

/// Status, body, and the reason that it proves.
type Row = (u16, &'static str, RefusalReason);

const BUCKET_PROBLEM: &str =
    r#"{"type":"https://pix.bcb.gov.br/api/v2/error/BaldeFichasVazio","title":"x","status":429}"#;
const NO_FUNDS_PROBLEM: &str = r#"{"type":"https://pix.bcb.gov.br/api/v2/error/QrcodeOperacaoInvalida","title":"t","status":400,
    "violacoes":[{"razao":"Saldo insuficiente","propriedade":"qrcode.pagador"}]}"#;

const COMMON: &[Row] = &[
    (401, "", NotAuthorized),
    (401, "<html>", NotAuthorized),
    (
        401,
        r#"{"error":"invalid_token","error_description":"x"}"#,
        NotAuthorized,
    ),
    (
        403,
        r#"{"error":"insufficient_scope","error_description":"x"}"#,
        NotAuthorized,
    ),
    (403, r#"{"message":"Forbidden"}"#, NotAuthorized),
    (
        429,
        r#"{"nome":"balde_fichas_vazio","mensagem":"x"}"#,
        TryLater,
    ),
    (429, BUCKET_PROBLEM, TryLater),
];

const PAYOUT: &[Row] = &[
    (400, r#"{"nome":"json_invalido","mensagem":"x"}"#, Malformed),
    (
        400,
        r#"{"nome":"valor_invalido","mensagem":"{\"a\":1}","erros":[{"chave":"c"}]}"#,
        Malformed,
    ),
    (
        400,
        r#"{"nome":"chave_nao_pertence_ao_documento"}"#,
        PayeeMismatch,
    ),
    (400, r#"{"nome":"chave_invalida"}"#, AccountNotEnabled),
    (400, r#"{"nome":"documento_bloqueado"}"#, AccountNotEnabled),
    (400, NO_FUNDS_PROBLEM, InsufficientFloat),
    (422, NO_FUNDS_PROBLEM, InsufficientFloat),
    (400, r#"{"nome":"saldo_insuficiente"}"#, InsufficientFloat),
    (422, r#"{"nome":"saldo_insuficiente"}"#, InsufficientFloat),
    (
        404,
        r#"{"nome":"chave_favorecido_nao_encontrada"}"#,
        PayeeKeyNotFound,
    ),
    (422, r#"{"nome":"pagamento_negado"}"#, RiskRefused),
];

const CHARGE: &[Row] = &[
    (400, r#"{"nome":"json_invalido"}"#, Malformed),
    (400, r#"{"nome":"valor_invalido"}"#, Malformed),
    (
        400,
        r#"{"type":"https://pix.bcb.gov.br/api/v2/error/CobOperacaoInvalida"}"#,
        Malformed,
    ),
    (400, r#"{"nome":"chave_invalida"}"#, AccountNotEnabled),
    (400, r#"{"nome":"documento_bloqueado"}"#, AccountNotEnabled),
];

const REFUND: &[Row] = &[
    (400, r#"{"nome":"json_invalido"}"#, Malformed),
    (400, r#"{"nome":"pix_nao_encontrado"}"#, RefundNotAllowed),
    (
        404,
        r#"{"type":"https://pix.bcb.gov.br/api/v2/error/PixNaoEncontrado"}"#,
        RefundNotAllowed,
    ),
    (400, r#"{"nome":"valor_invalido"}"#, RefundNotAllowed),
    (
        400,
        r#"{"type":"https://pix.bcb.gov.br/api/v2/error/PixDevolucaoInvalida"}"#,
        RefundNotAllowed,
    ),
];

const ORDERS: [(Order, &[Row]); 3] = [
    (Order::Payout, PAYOUT),
    (Order::Charge, CHARGE),
    (Order::Refund, REFUND),
];

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        body: body.as_bytes().to_vec(),
    }
}

fn reason(rejection: &Rejection) -> Option<&RefusalReason> {
    match rejection {
        Rejection::NotDone(refusal) => Some(&refusal.reason),
        Rejection::Unknown(_) => None,
    }
}

#[test]
fn every_listed_refusal() {
    for (order, rows) in ORDERS {
        for (status, body, expected) in COMMON.iter().chain(rows) {
            let rejection = reject(order, &answer(*status, body), true);
            assert_eq!(
                reason(&rejection),
                Some(expected),
                "{order:?} {status} {body}"
            );
        }
    }
}

#[test]
fn the_code_is_kept_verbatim() {
    let rejection = reject(Order::Payout, &answer(400, NO_FUNDS_PROBLEM), true);
    let Rejection::NotDone(refusal) = rejection else {
        panic!("{rejection:?}")
    };
    assert_eq!(refusal.code, "QrcodeOperacaoInvalida");
}

#[test]
fn a_cached_token_that_is_refused_may_be_renewed_a_fresh_one_not() {
    let refused = answer(401, r#"{"error":"invalid_token"}"#);
    let with = |fresh| reject(Order::Payout, &refused, fresh);
    assert_eq!(with(false), Rejection::not_done(TryLater, "token_refused"));
    assert_eq!(
        with(true),
        Rejection::not_done(NotAuthorized, "token_refused")
    );
}

#[test]
fn every_unknown() {
    use UnknownCause::{
        DuplicateKey, Redirect, ServerError, Timeout, UnrecognizedAnswer, UnrecognizedRateLimit,
    };
    let table: &[(u16, &str, UnknownCause)] = &[
        (409, r#"{"nome":"id_envio_duplicado"}"#, DuplicateKey),
        (409, r#"{"nome":"txid_duplicado"}"#, DuplicateKey),
        (409, r#"{"nome":"devolucao_id_duplicado"}"#, DuplicateKey),
        (409, r#"{"nome":"other"}"#, UnrecognizedAnswer),
        (409, "", UnrecognizedAnswer),
        (429, "", UnrecognizedRateLimit),
        (429, "<html>slow down</html>", UnrecognizedRateLimit),
        (
            429,
            r#"{"message":"Too Many Requests"}"#,
            UnrecognizedRateLimit,
        ),
        (500, r#"{"nome":"erro_aplicacao"}"#, ServerError),
        (500, r#"{"nome":"pagamento_negado"}"#, ServerError),
        (502, "<html>", ServerError),
        (503, "", ServerError),
        (504, "", ServerError),
        (408, "", Timeout),
        (301, "", Redirect),
        (404, "", UnrecognizedAnswer),
        (404, r#"{"nome":"nao_encontrado"}"#, UnrecognizedAnswer),
        (405, "", UnrecognizedAnswer),
        (410, "", UnrecognizedAnswer),
        (400, "", UnrecognizedAnswer),
        (400, r#"{"nome":"new_code"}"#, UnrecognizedAnswer),
        (
            400,
            r#"{"mensagem":"Saldo insuficiente"}"#,
            UnrecognizedAnswer,
        ),
        (403, "", UnrecognizedAnswer),
        (
            403,
            r#"{"message":"Forbidden by policy"}"#,
            UnrecognizedAnswer,
        ),
        (422, r#"{"nome":"json_invalido"}"#, UnrecognizedAnswer),
        (404, r#"{"nome":"pagamento_negado"}"#, UnrecognizedAnswer),
    ];
    for (status, body, cause) in table {
        let rejection = reject(Order::Payout, &answer(*status, body), true);
        assert_eq!(rejection, Rejection::Unknown(*cause), "{status} {body}");
    }
}

#[test]
fn a_qr_problem_that_is_not_about_our_funds_proves_nothing() {
    let body = NO_FUNDS_PROBLEM.replace("qrcode.pagador", "qrcode.status");
    let rejection = reject(Order::Payout, &answer(400, &body), true);
    assert_eq!(
        rejection,
        Rejection::Unknown(UnknownCause::UnrecognizedAnswer)
    );
}

#[test]
fn absence_is_told_in_either_family_of_names() {
    for (status, body) in [
        (400, r#"{"nome":"cobranca_nao_encontrada"}"#),
        (
            404,
            r#"{"type":"https://pix.bcb.gov.br/api/v2/error/CobNaoEncontrado"}"#,
        ),
        (
            404,
            r#"{"type":"https://api-pix.gerencianet.com.br/v2/gn/PixEnviadoNaoEncontrado"}"#,
        ),
    ] {
        assert!(is_not_found(&answer(status, body)));
    }
    assert!(!is_not_found(&answer(404, "")));
    assert!(!is_not_found(&answer(
        500,
        r#"{"nome":"cobranca_nao_encontrada"}"#
    )));
}

/// A body that names something, drawn mostly from the words that mean something somewhere.
fn any_body() -> impl Strategy<Value = String> {
    let known: Vec<String> = COMMON
        .iter()
        .chain(PAYOUT)
        .chain(CHARGE)
        .chain(REFUND)
        .map(|row| row.1.to_owned())
        .collect();
    prop_oneof![
        proptest::sample::select(known),
        "[a-z_]{1,20}".prop_map(|code| format!("{{\"nome\":\"{code}\"}}")),
        any::<String>(),
    ]
}

proptest! {
    #![proptest_config(crate::testing::repeatable(2000))]

    /// *Not done* is said of a row of the table and of nothing else.
    #[test]
    fn nothing_outside_the_tables_is_a_proof(
        status in 100u16..600,
        body in any_body(),
        which in 0usize..3,
        fresh in any::<bool>(),
    ) {
        let (order, rows) = ORDERS[which];
        let rejection = reject(order, &answer(status, &body), fresh);
        let listed = status == 401 || COMMON.iter().chain(rows).any(|row| row.0 == status && row.1 == body);
        prop_assert_eq!(reason(&rejection).is_some(), listed, "{} {}", status, body);
    }
}
