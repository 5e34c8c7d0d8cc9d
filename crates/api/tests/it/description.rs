//! The description: pinned, complete, and the same as what is served.

use api::{ApiOptions, Area};
use axum::body::Body;
use serde_json::Value;

use crate::world::*;

/// One described operation.
pub struct Operation {
    pub path: String,
    pub method: String,
    /// `None`: open to everybody; empty: any token.
    pub scopes: Option<Vec<String>>,
    /// The schema of the JSON body, where it is an object of ours.
    pub body: Option<Value>,
    /// The names of the query's parameters.
    pub query: Vec<String>,
}

pub fn document() -> Value {
    serde_json::to_value(api::openapi()).expect("plain data")
}

pub fn operations() -> Vec<Operation> {
    let document = document();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let reference =
                operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str();
            let name = reference.and_then(|text| text.rsplit('/').next());
            let bearer = operation["security"][0]["bearer"].as_array();
            let parameters = operation["parameters"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let of_query = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "query");
            operations.push(Operation {
                path: path.clone(),
                method: method.to_uppercase(),
                scopes: bearer.map(|scopes| {
                    let text = |scope: &Value| scope.as_str().expect("a scope").to_owned();
                    scopes.iter().map(text).collect()
                }),
                body: name.map(|name| document["components"]["schemas"][name].clone()),
                query: of_query
                    .map(|parameter| parameter["name"].as_str().expect("a name").to_owned())
                    .collect(),
            });
        }
    }
    operations
}

/// The path with ids that have the right shape.
pub fn sample_path(path: &str) -> String {
    let id = "0".repeat(32);
    let prefix = match path {
        path if path.starts_with("/v1/wallets") => {
            return path.replace("{id}", &WALLET.to_string());
        }
        path if path.starts_with("/v1/api-keys") => "key",
        path if path.starts_with("/v1/webhook-endpoints") => "whe",
        path if path.starts_with("/v1/reconciliations") => "rec",
        path if path.starts_with("/v1/jobs") => "job",
        path if path.starts_with("/v1/users") => "usr",
        _ => "txn",
    };
    path.replace("{id}", &format!("{prefix}_{id}"))
        .replace("{proposal}", &format!("prp_{id}"))
        .replace("{delivery}", &format!("dlv_{id}"))
        .replace("{secret}", "wrong")
        .replace("{name}", "efi")
}

#[test]
fn the_committed_description_is_the_programs_own() {
    let text = serde_json::to_string_pretty(&document()).expect("plain data") + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/openapi.json is out of date: run `cargo xtask openapi`"
    );
}

#[test]
fn the_version_is_pinned_and_references_lead_somewhere() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a reference within");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn operations_have_their_own_ids_words_and_refusals() {
    let document = document();
    let tags: Vec<&Value> = document["tags"]
        .as_array()
        .expect("tags")
        .iter()
        .map(|tag| &tag["name"])
        .collect();
    let mut ids = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for operation in methods.as_object().expect("methods").values() {
            ids.push(operation["operationId"].as_str().expect("an id").to_owned());
            assert!(operation["summary"].is_string(), "{path}");
            assert!(tags.contains(&&operation["tags"][0]), "{path}");
            let responses = operation["responses"].as_object().expect("responses");
            assert!(
                responses.keys().any(|status| status.starts_with('2')),
                "{path}"
            );
            if operation["security"].is_array() {
                assert!(responses.contains_key("401"), "{path}");
            }
            if path.starts_with("/v1") {
                assert!(responses.contains_key("503"), "{path}");
            }
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
    let codes = document["components"]["schemas"]["Code"]["enum"]
        .as_array()
        .expect("codes");
    let names: Vec<&str> = codes.iter().filter_map(Value::as_str).collect();
    let all: Vec<&str> = api::error::Code::ALL
        .iter()
        .map(|code| code.as_str())
        .collect();
    assert_eq!(names, all);
}

#[tokio::test]
async fn an_area_serves_its_own_paths_and_health_only() {
    let serves = |area: Option<Area>| async move {
        let options = ApiOptions {
            areas: area.into_iter().collect(),
            ..ApiOptions::all()
        };
        let api = Api::with(World::default(), options);
        let mut served = Vec::new();
        for operation in operations() {
            let path = sample_path(&operation.path);
            let answer = api
                .send(request(&operation.method, &path, None, Body::empty()))
                .await;
            if answer.json["detail"] != "There is no such path." {
                served.push(operation.path);
            }
        }
        served
    };
    let health = serves(None).await;
    assert_eq!(health, ["/healthz", "/metrics", "/readyz"]);
    let mut total = health.len();
    for (area, one_of_them) in [
        (Area::Accounts, "/v1/sessions"),
        (Area::Payments, "/webhooks/efi/{secret}/pix"),
        (Area::Monitor, "/v1/events/stream"),
    ] {
        let served = serves(Some(area)).await;
        assert!(served.iter().any(|path| path == one_of_them), "{served:?}");
        total += served.len() - health.len();
    }
    assert_eq!(total, operations().len());
}

#[tokio::test]
async fn the_description_and_its_page_are_served() {
    let api = Api::new(World::default());
    let described = api
        .send(request("GET", "/openapi.json", None, Body::empty()))
        .await;
    assert_eq!(described.json, document());
    let page = api.send(request("GET", "/docs", None, Body::empty())).await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(!page.text.contains("<script") && !page.text.contains("src="));
    for operation in operations() {
        let shown = format!("<code>{}</code>", operation.path);
        assert!(page.text.contains(&shown), "{shown}");
    }
    for code in api::error::Code::ALL {
        let anchor = format!("id=\"problem-{}\"", code.as_str());
        assert!(page.text.contains(&anchor), "{anchor}");
    }
    for name in document()["components"]["schemas"]
        .as_object()
        .expect("schemas")
        .keys()
    {
        assert!(
            page.text.contains(&format!("id=\"schema-{name}\"")),
            "{name}"
        );
    }
}
