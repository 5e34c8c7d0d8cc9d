//! Magic payee keys: e-mail keys whose part before the `@` decides what becomes of a payout.
//!
//! | key | at Efí | at Mercado Pago |
//! |---|---|---|
//! | `unknown-key@…` | 404 `chave_favorecido_nao_encontrada` | 400 `Invalid chave` |
//! | `wrong-owner@…` | 400 `chave_nao_pertence_ao_documento` | 400 `Invalid identification` |
//! | `risk@…` | 422 `pagamento_negado` | accepted, then `failed`/`by_high_risk` |
//! | `refuse-ac03@…` (any SPI code) | accepted, then `NAO_REALIZADO` with that code | accepted, then `failed`/`by_bank` |
//!
//! Every other key exists and accepts the money. A CPF or CNPJ key given together with another
//! document is a wrong owner, too.

use crate::state::efi::Refusal;

/// What a payee's key leads to.
#[derive(Debug, Clone)]
pub enum Fate {
    Paid,
    UnknownKey,
    WrongOwner,
    Risk,
    Refused(Refusal),
}

/// Decides by the key and the document that was given with it.
pub fn fate(key: Option<&str>, document: Option<&str>) -> Fate {
    let Some(key) = key else { return Fate::Paid };
    let is_document =
        key.bytes().all(|byte| byte.is_ascii_digit()) && [11, 14].contains(&key.len());
    if is_document && document.is_some_and(|document| document != key) {
        return Fate::WrongOwner;
    }
    match key.split_once('@').map(|(name, _)| name) {
        Some("unknown-key") => Fate::UnknownKey,
        Some("wrong-owner") => Fate::WrongOwner,
        Some("risk") => Fate::Risk,
        Some(name) => name.strip_prefix("refuse-").map_or(Fate::Paid, |code| {
            Fate::Refused(refusal(&code.to_uppercase()))
        }),
        None => Fate::Paid,
    }
}

/// A refusal by the payee's bank with an SPI reason code.
pub fn refusal(code: &str) -> Refusal {
    Refusal {
        code: code.to_owned(),
        origin: "PSP do usuário recebedor".to_owned(),
        reason: format!("Pagamento rejeitado pelo PSP do usuário recebedor ({code})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_decide() {
        assert!(matches!(fate(Some("ana@example.com"), None), Fate::Paid));
        assert!(matches!(fate(None, None), Fate::Paid));
        assert!(matches!(
            fate(Some("unknown-key@x"), None),
            Fate::UnknownKey
        ));
        assert!(matches!(fate(Some("risk@x"), None), Fate::Risk));
        assert!(matches!(fate(Some("refuse-ac03@x"), None), Fate::Refused(r) if r.code == "AC03"));
        assert!(matches!(
            fate(Some("12345678909"), Some("98765432100")),
            Fate::WrongOwner
        ));
        assert!(matches!(
            fate(Some("12345678909"), Some("12345678909")),
            Fate::Paid
        ));
    }
}
