//! Efí's error bodies: `nome`/`mensagem`, problem+json, OAuth and the edge's own.

use serde_json::{Value, json};

use crate::http::Reply;

/// `{"nome","mensagem"}`, the shape of Efí's own checks.
pub fn named(status: u16, name: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"nome": name, "mensagem": message}))
}

pub fn malformed_json(message: &str) -> Reply {
    named(400, "json_invalido", message)
}

pub fn invalid_value(message: &str) -> Reply {
    named(400, "valor_invalido", message)
}

pub fn not_our_key() -> Reply {
    named(
        400,
        "chave_invalida",
        "A chave informada não pertence à conta autenticada.",
    )
}

pub fn blocked() -> Reply {
    named(400, "documento_bloqueado", "A conta está bloqueada.")
}

/// RFC 7807 with the base of the BCB's API Pix.
pub fn problem(status: u16, kind: &str, title: &str, violations: Option<Value>) -> Reply {
    let mut body = json!({
        "type": format!("https://pix.bcb.gov.br/api/v2/error/{kind}"),
        "title": title,
        "status": status,
        "detail": title,
    });
    if let Some(violations) = violations {
        body["violacoes"] = violations;
    }
    Reply::problem(status, &body)
}

pub fn qr_refused(property: &str, reason: &str) -> Reply {
    let violations = json!([{"razao": reason, "propriedade": property}]);
    problem(
        400,
        "QrcodeOperacaoInvalida",
        "Operação inválida.",
        Some(violations),
    )
}

pub fn oauth(status: u16, error: &str, description: &str) -> Reply {
    Reply::json(
        status,
        &json!({"error": error, "error_description": description}),
    )
}

/// The key-query bucket of the DICT is empty.
pub fn bucket_empty(retry_after_seconds: u64) -> Reply {
    named(
        429,
        "balde_fichas_vazio",
        "Não há fichas disponíveis para consulta de chaves.",
    )
    .with_header("retry-after", retry_after_seconds.to_string())
    .with_header("bucket-size", "0")
}

pub fn internal() -> Reply {
    named(
        500,
        "erro_aplicacao",
        "Ocorreu um erro interno, tente novamente.",
    )
}
