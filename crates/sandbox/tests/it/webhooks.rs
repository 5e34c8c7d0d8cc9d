//! Deliveries: addresses, bodies, signatures, retries, and everything that can go wrong on the way.

use aws_lc_rs::hmac;
use sandbox::{Fault, FaultMode, GatewayName, SandboxConfig};
use serde_json::{Value, json};

use crate::support::{Received, Receiver, World, intent_body, txid, until};

const FAST: f64 = 0.000_01; // five minutes become three milliseconds

async fn world() -> World {
    World::with(SandboxConfig {
        webhook_retry_scale: FAST,
        ..SandboxConfig::default()
    })
    .await
}

fn data_id(received: &Received) -> String {
    let url = url::Url::parse(&format!("http://x{}", received.uri)).unwrap();
    url.query_pairs()
        .find(|(name, _)| name == "data.id")
        .unwrap()
        .1
        .into_owned()
}

fn signature_holds(received: &Received, secret: &str) -> bool {
    let header = |name: &str| {
        received
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let Some(signature) = header("x-signature") else {
        return false;
    };
    let (ts, v1) = signature
        .strip_prefix("ts=")
        .unwrap()
        .split_once(",v1=")
        .unwrap();
    let request_id = header("x-request-id").map_or(String::new(), |id| format!("request-id:{id};"));
    let manifest = format!("id:{};{request_id}ts:{ts};", data_id(received));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::verify(&key, manifest.as_bytes(), &hex::decode(v1).unwrap()).is_ok()
}

#[tokio::test]
async fn efi_tells_of_every_event_at_the_url_with_its_suffix() {
    let world = world().await;
    let receiver = Receiver::new(&[]).await;
    let key = world.sandbox.efi().pix_key;
    let url = format!("{}/hook?hmac=S&ignorar=", receiver.url);
    assert_eq!(
        world
            .efi(
                "PUT",
                &format!("/v2/webhook/{key}"),
                json!({"webhookUrl": url})
            )
            .await
            .0,
        201
    );

    let e2e = world.paid_cob(&txid(1), "10.50").await;
    let seen = receiver.wait_for(1).await;
    assert_eq!(seen[0].uri, "/hook?hmac=S&ignorar=/pix");
    assert!(seen[0].headers.get("x-signature").is_none());
    let pix = &seen[0].body["pix"][0];
    assert_eq!(
        (
            &pix["endToEndId"],
            &pix["txid"],
            &pix["chave"],
            &pix["valor"]
        ),
        (&json!(e2e), &json!(txid(1)), &json!(key), &json!("10.50"))
    );
    assert_eq!(pix["gnExtras"]["tarifa"], "0.12");
    assert_eq!(pix["gnExtras"]["pagador"]["cpf"], "***.456.789-**");

    assert_eq!(
        world
            .efi(
                "PUT",
                &format!("/v2/pix/{e2e}/devolucao/r1"),
                json!({"valor": "1.00"})
            )
            .await
            .0,
        201
    );
    let pix = receiver.wait_for(2).await[1].body["pix"][0].clone();
    assert_eq!(
        (&pix["devolucoes"][0]["id"], &pix["devolucoes"][0]["status"]),
        (&json!("r1"), &json!("DEVOLVIDO"))
    );

    assert_eq!(
        world
            .efi("PUT", "/v3/gn/pix/w1", world.send_body("2.00", "a@b.c"))
            .await
            .0,
        201
    );
    let pix = receiver.wait_for(3).await[2].body["pix"][0].clone();
    assert_eq!(
        (&pix["tipo"], &pix["status"], &pix["gnExtras"]["idEnvio"]),
        (&json!("SOLICITACAO"), &json!("REALIZADO"), &json!("w1"))
    );

    assert_eq!(
        world
            .efi(
                "PUT",
                "/v3/gn/pix/w2",
                world.send_body("2.00", "refuse-ac03@b.c")
            )
            .await
            .0,
        201
    );
    let pix = receiver.wait_for(4).await[3].body["pix"][0].clone();
    assert_eq!(
        (
            &pix["status"],
            &pix["horario"],
            &pix["gnExtras"]["erro"]["codigo"]
        ),
        (&json!("NAO_REALIZADO"), &Value::Null, &json!("AC03"))
    );

    assert_eq!(
        world
            .control(
                "POST",
                "/sandbox/payouts/w1/return",
                json!({"amount_cents": 50})
            )
            .await
            .0,
        200
    );
    let pix = receiver.wait_for(5).await[4].body["pix"][0].clone();
    assert_eq!(
        (&pix["gnExtras"]["idEnvio"], &pix["devolucoes"][0]["valor"]),
        (&json!("w1"), &json!("0.50"))
    );

    let again = json!({"tipo": "PIX_RECEBIDO", "e2eids": [e2e]});
    assert_eq!(
        world.efi("POST", "/v2/gn/webhook/reenviar", again).await.0,
        202
    );
    assert_eq!(
        receiver.wait_for(6).await[5].body["pix"][0]["endToEndId"],
        json!(e2e)
    );
    assert_eq!(
        world
            .efi(
                "POST",
                "/v2/gn/webhook/reenviar",
                json!({"tipo": "PIX_RECEBIDO", "e2eids": []})
            )
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn efi_keeps_quiet_about_what_was_switched_off() {
    let world = world().await;
    let receiver = Receiver::new(&[]).await;
    world
        .sandbox
        .set_webhook_targets(Some(receiver.url.clone()), None);
    let key = world.sandbox.efi().pix_key;
    let off =
        json!({"recebimento": {"webhook": {"notificacao": {"tarifa": false, "pagador": false}}}});
    assert_eq!(
        world
            .efi(
                "PUT",
                "/v2/gn/config",
                json!({"pix": {"chaves": {key: off}}})
            )
            .await
            .0,
        204
    );
    world.paid_cob(&txid(1), "10.50").await;
    let seen = receiver.wait_for(1).await;
    assert_eq!(seen[0].uri, "/pix");
    assert!(seen[0].body["pix"][0]["gnExtras"].is_null());
}

#[tokio::test]
async fn mercado_pago_signs_payments_and_not_payouts() {
    let world = world().await;
    let receiver = Receiver::new(&[]).await;
    world
        .sandbox
        .set_webhook_targets(None, Some(format!("{}/mp", receiver.url)));
    let secret = world.sandbox.mercado_pago().webhook_secret;
    let id = world.paid_payment("dep-1", json!(10)).await.to_string();
    let seen = receiver.wait_for(2).await;
    for received in &seen {
        assert!(
            received
                .uri
                .starts_with(&format!("/mp?data.id={id}&type=payment")),
            "{}",
            received.uri
        );
        assert_eq!(
            (&received.body["data"]["id"], &received.body["type"]),
            (&json!(id), &json!("payment"))
        );
        assert!(received.body["status"].is_null());
        assert!(signature_holds(received, &secret));
        let ts = received.headers["x-signature"]
            .to_str()
            .unwrap()
            .split(',')
            .next()
            .unwrap()
            .len();
        assert_eq!(ts, "ts=".len() + 13);
    }
    assert_eq!(
        (&seen[0].body["action"], &seen[1].body["action"]),
        (&json!("payment.created"), &json!("payment.updated"))
    );
    let (status, _) = world
        .mp(
            "POST",
            "/v1/transaction-intents/process",
            "k",
            intent_body("wd-1", json!(1), "a@b.c"),
        )
        .await;
    assert_eq!(status, 202);
    let seen = receiver.wait_for(3).await;
    assert_eq!(seen[2].body["type"], "transaction_intent");
    assert!(seen[2].headers.get("x-signature").is_none());
}

#[tokio::test]
async fn signatures_can_be_spoilt_on_request() {
    let world = world().await;
    let receiver = Receiver::new(&[]).await;
    world
        .sandbox
        .set_webhook_targets(None, Some(receiver.url.clone()));
    let secret = world.sandbox.mercado_pago().webhook_secret;
    let mut count = 0;
    let mut next = async |change: fn(&mut sandbox::Options)| {
        world.sandbox.change_options(change);
        let key = format!("k{count}");
        world
            .mp(
                "POST",
                "/v1/payments",
                &key,
                crate::support::payment_body(&key, json!(1)),
            )
            .await;
        count += 1;
        receiver.wait_for(count).await[count - 1].clone()
    };
    assert!(!signature_holds(
        &next(|options| options.webhook_wrong_secret = true).await,
        &secret
    ));
    let received = next(|options| {
        (
            options.webhook_wrong_secret,
            options.webhook_without_request_id,
        ) = (false, true)
    })
    .await;
    assert!(received.headers.get("x-request-id").is_none() && signature_holds(&received, &secret));
    let received = next(|options| options.signature_ts_seconds = true).await;
    assert_eq!(
        received.headers["x-signature"]
            .to_str()
            .unwrap()
            .split(',')
            .next()
            .unwrap()
            .len(),
        "ts=".len() + 10
    );
    assert!(
        next(|options| options.webhook_unsigned = true)
            .await
            .headers
            .get("x-signature")
            .is_none()
    );
}

#[tokio::test]
async fn a_charge_s_own_url_wins_over_the_panel() {
    let world = world().await;
    let (own, panel) = (Receiver::new(&[]).await, Receiver::new(&[]).await);
    world
        .sandbox
        .set_webhook_targets(None, Some(panel.url.clone()));
    let mut body = crate::support::payment_body("dep-1", json!(1));
    body["notification_url"] = json!(format!("{}/own?x=1", own.url));
    assert_eq!(world.mp("POST", "/v1/payments", "k", body).await.0, 201);
    assert!(
        own.wait_for(1).await[0]
            .uri
            .starts_with("/own?x=1&data.id=")
    );
    assert!(panel.seen().is_empty());
}

#[tokio::test]
async fn failed_deliveries_are_repeated_and_signed_anew() {
    let world = world().await;
    world
        .sandbox
        .change_options(|options| options.new_id_on_redelivery = true);
    let receiver = Receiver::new(&[500, 429]).await;
    world
        .sandbox
        .set_webhook_targets(None, Some(receiver.url.clone()));
    let secret = world.sandbox.mercado_pago().webhook_secret;
    world
        .mp(
            "POST",
            "/v1/payments",
            "k",
            crate::support::payment_body("dep-1", json!(1)),
        )
        .await;
    let seen = receiver.wait_for(3).await;
    assert!(
        seen.iter()
            .all(|received| signature_holds(received, &secret))
    );
    assert_ne!(
        seen[0].headers["x-request-id"],
        seen[1].headers["x-request-id"]
    );
    assert_ne!(seen[0].body["id"], seen[1].body["id"]);
    let delivery = until("it is delivered", || {
        world
            .sandbox
            .deliveries()
            .into_iter()
            .find(|delivery| delivery.delivered)
    })
    .await;
    assert_eq!((delivery.attempts, delivery.last_status), (3, Some(200)));
}

#[tokio::test]
async fn the_schedule_ends() {
    // So small a scale that even the last wait, of weeks, is milliseconds.
    let world = World::with(SandboxConfig {
        webhook_retry_scale: 1e-9,
        ..SandboxConfig::default()
    })
    .await;
    world
        .sandbox
        .set_webhook_targets(Some("http://127.0.0.1:9/nobody".to_owned()), None);
    world.paid_cob(&txid(1), "1.00").await;
    let given_up = || {
        world
            .sandbox
            .deliveries()
            .into_iter()
            .find(|delivery| delivery.attempts == 11 && delivery.next_at.is_none())
    };
    let delivery = until("eleven attempts", given_up).await;
    assert!(!delivery.delivered && !delivery.lost);
}

#[tokio::test]
async fn deliveries_are_lost_doubled_delayed_and_reordered() {
    let world = world().await;
    let receiver = Receiver::new(&[]).await;
    world
        .sandbox
        .set_webhook_targets(Some(receiver.url.clone()), None);
    let efi = GatewayName::Efi;
    world
        .sandbox
        .set_fault(efi, Fault::new(FaultMode::Lose).times(1))
        .await;
    world.paid_cob(&txid(1), "1.00").await;
    world
        .sandbox
        .set_fault(efi, Fault::new(FaultMode::Duplicate).times(1))
        .await;
    world.paid_cob(&txid(2), "2.00").await;
    let seen = receiver.wait_for(2).await;
    assert_eq!(seen[0].body, seen[1].body);
    assert_eq!(seen[0].body["pix"][0]["valor"], "2.00");
    assert_eq!(
        world
            .sandbox
            .deliveries()
            .iter()
            .filter(|delivery| delivery.lost)
            .count(),
        1
    );

    world
        .sandbox
        .set_fault(efi, Fault::new(FaultMode::Reorder).latency_ms(300).times(2))
        .await;
    world.paid_cob(&txid(3), "3.00").await;
    world.paid_cob(&txid(4), "4.00").await;
    let seen = receiver.wait_for(4).await;
    assert_eq!(
        (
            &seen[2].body["pix"][0]["valor"],
            &seen[3].body["pix"][0]["valor"]
        ),
        (&json!("4.00"), &json!("3.00"))
    );

    world
        .sandbox
        .set_fault(
            efi,
            Fault::new(FaultMode::Delay).latency_ms(3_600_000).times(1),
        )
        .await;
    world.paid_cob(&txid(5), "5.00").await;
    world.paid_cob(&txid(6), "6.00").await;
    assert_eq!(
        receiver.wait_for(5).await[4].body["pix"][0]["valor"],
        "6.00"
    );
    world
        .sandbox
        .advance_clock(std::time::Duration::from_secs(3_601));
    assert_eq!(
        receiver.wait_for(6).await[5].body["pix"][0]["valor"],
        "5.00"
    );
}

/// A receiver behind TLS, with or without demanding the client certificate; answers `status`.
async fn tls_receiver(world: &World, demands: bool, status: u16) -> String {
    use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::from_pem_slice(own.signing_key.serialize_pem().as_bytes()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    let ca = world.sandbox.efi().ca_pem;
    roots
        .add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap())
        .unwrap();
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let verifier = if demands {
        verifier
    } else {
        verifier.allow_unauthenticated()
    };
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/hook", socket.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut seen = vec![0; 4096];
                let _ = stream.read(&mut seen).await;
                let answer = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    url
}

#[tokio::test]
async fn an_https_address_is_tried_before_it_is_stored() {
    let world = world().await;
    let path = format!("/v2/webhook/{}", world.sandbox.efi().pix_key);
    for (demands, status, skip, expected) in [
        (true, 200, false, 201),
        (false, 200, false, 400), // lets callers in without a certificate
        (false, 200, true, 201),
        (true, 500, false, 400),
    ] {
        let url = tls_receiver(&world, demands, status).await;
        let request = world.efi_request("PUT", &path).await;
        let request = request.header("x-skip-mtls-checking", skip.to_string());
        let (code, body) = crate::support::answer(request.json(&json!({"webhookUrl": url}))).await;
        assert_eq!(code, expected, "{demands} {status} {skip}: {body}");
        let stored = world.efi("GET", &path, Value::Null).await.1["webhookUrl"] == url.as_str();
        assert_eq!(stored, expected == 201);
    }
}
