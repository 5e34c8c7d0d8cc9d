//! The account: balance, settings, random keys and the key-query bucket.

use serde_json::json;

use super::error;
use crate::{
    config::GatewayName,
    http::{Outcome, Reply, Request},
    money,
    state::{Record, State},
};

const RANDOM_KEYS_AT_MOST: usize = 20;

pub fn balance(state: &State, request: &Request) -> Outcome {
    let mut body = json!({"saldo": money::fixed(state.available(GatewayName::Efi))});
    if request.query("bloqueios") == Some("true") {
        body["bloqueios"] = json!({"judicial": "0.00", "med": "0.00", "total": "0.00"});
    }
    Ok(Reply::json(200, &body))
}

pub fn settings(state: &State) -> Outcome {
    let unset = json!({"pix": {"receberSemChave": true, "chaves": {}}});
    Ok(Reply::json(
        200,
        state.book.efi_settings.as_ref().unwrap_or(&unset),
    ))
}

pub fn change_settings(state: &mut State, request: &Request) -> Outcome {
    let body = super::object(request)?;
    if !body["pix"].is_object() {
        return Err(error::malformed_json("pix é obrigatório."));
    }
    state.put(Record::EfiSettings(body));
    Ok(Reply::empty(204).executed())
}

pub fn create_random_key(state: &mut State) -> Outcome {
    if state.book.random_keys.len() >= RANDOM_KEYS_AT_MOST {
        return Err(error::named(
            400,
            "limite_criacao_chave_atingido",
            "O limite de chaves foi atingido.",
        ));
    }
    let key = state.ids.uuid();
    state.put(Record::RandomKey(key.clone()));
    Ok(Reply::json(201, &json!({"chave": key})).executed())
}

pub fn random_keys(state: &State) -> Outcome {
    Ok(Reply::json(200, &json!({"chaves": state.book.random_keys})))
}

pub fn delete_random_key(state: &mut State, key: &str) -> Outcome {
    if !state.book.random_keys.iter().any(|found| found == key) {
        return Err(error::named(
            400,
            "chave_nao_encontrada",
            "A chave não foi encontrada.",
        ));
    }
    state.put(Record::RandomKeyRemoved(key.to_owned()));
    Ok(Reply::empty(204).executed())
}

pub fn key_bucket() -> Outcome {
    let bucket = |kinds: [&str; 2]| json!({"tiposChave": kinds, "capacidade": 1000, "fichasDisponiveis": 1000, "taxaDeReposicaoFichas": 2, "periodoReposicaoEmSegundos": 60});
    let mut documents = bucket(["cpf", "cnpj"]);
    documents["tiposChave"] = json!(["cpf", "cnpj", "evp"]);
    Ok(Reply::json(
        200,
        &json!({"baldeA": documents, "baldeB": bucket(["telefone", "email"])}),
    ))
}
