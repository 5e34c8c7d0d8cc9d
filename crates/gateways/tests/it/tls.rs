//! Mutual TLS against the sandbox: whose certificate gets in, and what a refusal proves.

use std::sync::Arc;

use app::ports::gateway::GatewayClient;
use domain::outcome::{NeverSent, SendVerdict};
use gateways::{CertificateSource, EfiClient, EfiConfig};
use rcgen::{CertificateParams, KeyPair};
use sandbox::{ClientCertificate, Sandbox, SandboxConfig};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::aws_lc_rs};

use crate::orders::payout;
use crate::sandboxed::{TestRuntime, efi_config};

fn client(config: EfiConfig) -> EfiClient {
    EfiClient::new(config, Arc::new(TestRuntime::default())).unwrap()
}

async fn send(client: &EfiClient) -> SendVerdict {
    let request = client.prepare_payout(&payout(1)).unwrap();
    client.send_payout(&request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_panels_certificate_works_as_p12_and_as_pem() {
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    let access = sandbox.efi();
    let pem = format!("{}{}", access.private_key_pem, access.certificate_pem);
    for bytes in [access.p12, pem.into_bytes()] {
        let certificate = CertificateSource::from_file(bytes, String::new().into());
        let facts = gateways::certificate_facts(&certificate).unwrap();
        assert_eq!(facts.environment, gateways::Environment::Homologation);
        let client = client(EfiConfig {
            certificate,
            ..efi_config(&sandbox)
        });
        client.probe().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_certificate_sends_nothing() {
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    let legacy = include_bytes!("../fixtures/legacy.p12").to_vec();
    let client = client(EfiConfig {
        certificate: CertificateSource::from_file(legacy, String::new().into()),
        ..efi_config(&sandbox)
    });
    let verdict = send(&client).await;
    assert_eq!(verdict.class(), "never_sent", "{verdict:?}");
    assert!(sandbox.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_authority_is_not_spoken_to() {
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    let client = client(EfiConfig {
        extra_root_pem: Some(include_str!("../fixtures/pkcs8.pem").to_owned()),
        ..efi_config(&sandbox)
    });
    assert_eq!(
        send(&client).await,
        SendVerdict::NeverSent(NeverSent::TlsHandshake)
    );
    assert!(sandbox.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_drops_everybody_was_never_reached() {
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    let client = client(efi_config(&sandbox));
    sandbox.change_options(|options| options.client_certificate = ClientCertificate::Dropped);
    let verdict = send(&client).await;
    assert_eq!(verdict.class(), "never_sent", "{verdict:?}");
    assert!(sandbox.requests().is_empty());
}

/// With TLS 1.3 the client takes the handshake for finished and writes its request before it
/// learns that its certificate is refused: the alert proves that nothing of it was read.
#[tokio::test(flavor = "multi_thread")]
async fn an_alert_after_the_handshake_proves_that_nothing_was_read() {
    let server = PickyServer::start().await;
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    let client = client(EfiConfig {
        base_url: format!("https://localhost:{}", server.port),
        extra_root_pem: Some(server.root_pem.clone()),
        ..efi_config(&sandbox)
    });
    assert_eq!(
        send(&client).await,
        SendVerdict::NeverSent(NeverSent::TlsHandshake)
    );
}

/// Asks for a client certificate of an authority that nobody has, and reads on after its alert,
/// so that a reset cannot overtake it.
struct PickyServer {
    port: u16,
    root_pem: String,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for PickyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl PickyServer {
    async fn start() -> PickyServer {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(server_config(&certificate, &key)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                if let Err((_, mut socket)) = acceptor.accept(socket).into_fallible().await {
                    let mut sink = Vec::new();
                    let _ = socket.read_to_end(&mut sink).await;
                }
            }
        });
        PickyServer {
            port,
            root_pem: certificate.pem(),
            task,
        }
    }
}

fn server_config(certificate: &rcgen::Certificate, key: &KeyPair) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .unwrap();
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap()
}
