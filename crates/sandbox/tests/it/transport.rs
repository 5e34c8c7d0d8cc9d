//! TLS with client certificates, PKCS#12, and what an edge does to strangers.

use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use reqwest::{Certificate, Client, Identity};
use sandbox::ClientCertificate;
use serde_json::Value;

use crate::support::{World, answer, efi_client};

fn stranger(world: &World) -> Client {
    let ca = Certificate::from_pem(world.sandbox.efi().ca_pem.as_bytes()).unwrap();
    Client::builder()
        .no_proxy()
        .tls_certs_only([ca])
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_client_without_certificate_is_refused() {
    let world = World::new().await;
    let url = format!("{}/oauth/token", world.sandbox.efi().base_url);
    assert!(stranger(&world).post(&url).send().await.is_err());
    world
        .sandbox
        .change_options(|options| options.client_certificate = ClientCertificate::Forbidden);
    let (status, body) = answer(stranger(&world).post(&url)).await;
    assert_eq!((status, &body["message"]), (403, &Value::from("Forbidden")));
    world
        .sandbox
        .change_options(|options| options.client_certificate = ClientCertificate::Dropped);
    assert!(efi_client(&world.sandbox).post(&url).send().await.is_err());
    assert!(
        world
            .sandbox
            .requests()
            .iter()
            .all(|request| !request.executed)
    );
}

#[tokio::test]
async fn another_sandbox_s_certificate_is_refused_both_ways() {
    let (world, other) = (World::new().await, World::new().await);
    let (ours, theirs) = (world.sandbox.efi(), other.sandbox.efi());
    let url = format!("{}/oauth/token", ours.base_url);
    assert!(efi_client(&other.sandbox).post(&url).send().await.is_err());
    let pem = format!("{}{}", theirs.certificate_pem, theirs.private_key_pem);
    let mixed = Client::builder()
        .no_proxy()
        .tls_certs_only([Certificate::from_pem(ours.ca_pem.as_bytes()).unwrap()])
        .identity(Identity::from_pem(pem.as_bytes()).unwrap())
        .build()
        .unwrap();
    assert!(mixed.post(&url).send().await.is_err());
    assert!(world.sandbox.requests().is_empty());
}

#[tokio::test]
async fn the_server_answers_by_name_as_well_as_by_address() {
    let world = World::new().await;
    let url = world
        .sandbox
        .efi()
        .base_url
        .replace("127.0.0.1", "localhost");
    assert_eq!(
        world
            .efi
            .get(format!("{url}/v2/gn/saldo"))
            .send()
            .await
            .unwrap()
            .status(),
        401
    );
}

#[tokio::test]
async fn the_p12_opens_the_door() {
    let world = World::new().await;
    let access = world.sandbox.efi();
    let store = KeyStore::from_pkcs12(&access.p12, "", Pkcs12ImportPolicy::Relaxed).unwrap();
    let (_, chain) = store.private_key_chain().unwrap();
    let pem = |label: &str, der: &[u8]| {
        let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    };
    let identity = format!(
        "{}{}",
        pem("CERTIFICATE", chain.certs()[0].as_der()),
        pem("PRIVATE KEY", chain.key().as_der())
    );
    let client = Client::builder()
        .no_proxy()
        .tls_certs_only([Certificate::from_pem(access.ca_pem.as_bytes()).unwrap()])
        .identity(Identity::from_pem(identity.as_bytes()).unwrap())
        .build()
        .unwrap();
    let url = format!("{}/v2/gn/saldo", access.base_url);
    assert_eq!(client.get(url).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let world = World::new().await;
    let request = world
        .mp_request("POST", "/v1/payments")
        .body("x".repeat((1 << 20) + 1));
    // The refusal may arrive as an answer or as a connection cut under a body still on its way.
    if let Ok(answer) = request.send().await {
        assert_eq!(answer.status(), 413);
    }
    assert!(world.sandbox.requests().is_empty());
}
