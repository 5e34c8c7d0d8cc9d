//! What the wallet shows of what happened: movements of both directions, receipts, the statement.

use serde_json::json;

use crate::client::string;
use crate::harness::{Database, GATEWAYS, Person, TestApp, brisk};
use crate::pages::Browser;

fn people_start() -> impl Future<Output = TestApp> {
    TestApp::with_settings(Database::Sqlite, brisk())
}

async fn send(app: &TestApp, from: &Person, to: &Person, amount: i64) -> String {
    let body =
        json!({"amount_cents": amount, "to_wallet_id": to.wallet_id, "description": "só meu"});
    let call = app.post("/v1/transfers", &body).by(&from.token);
    call.key(&app.fresh_key()).expect(201).await.id()
}

/// The cells of a file without its head. Quoted cells of these tests hold no semicolon.
fn cells(text: &str) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    for line in text.lines().skip(1) {
        let cells = line.split(';').map(|cell| cell.trim_matches('"'));
        lines.push(cells.map(str::to_owned).collect());
    }
    lines
}

/// `-1234,56` as centavos.
fn cents(text: &str) -> i64 {
    text.replace(',', "").parse().expect("an amount")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_received_transfer_is_a_movement_like_others() {
    let app = people_start().await;
    let (ana, bia) = (app.person_with(50_000).await, app.person().await);
    let mut sent = Vec::new();
    for amount in 1..=21 {
        sent.push(send(&app, &ana, &bia, amount * 100).await);
    }
    let mut browser = Browser::signed_in(&app, &bia).await;
    assert!(
        browser
            .get("/app")
            .await
            .text
            .contains("Transferência recebida")
    );
    let first = browser
        .get("/app/transacoes?tipo=transfer")
        .await
        .text
        .clone();
    assert!(
        first.contains("21,00") && !first.contains("R$\u{a0}1,00"),
        "{first}"
    );
    let (_, more) = first.split_once("depois=txn_").expect("there is more");
    let more = more.split('"').next().unwrap_or_default();
    let path = format!("/app/transacoes?tipo=transfer&depois=txn_{more}");
    assert!(browser.get(&path).await.text.contains("R$\u{a0}1,00"));
    assert!(
        !browser
            .get("/app/transacoes?tipo=payout")
            .await
            .text
            .contains("recebida")
    );
    let csv = browser
        .get("/app/transacoes?formato=csv")
        .await
        .text
        .clone();
    let lines = cells(&csv);
    assert_eq!(lines.len(), 21, "{csv}");
    assert!(lines.iter().all(|line| line[1] == "Transferência recebida"));

    let path = format!("/app/transacoes/{}", sent[20]);
    let page = browser.get(&path).await.text.clone();
    assert!(
        page.contains("Pessoa") && page.contains("Recebido"),
        "{page}"
    );
    assert!(
        !page.contains("só meu") && !page.contains("/cancelar"),
        "{page}"
    );
    let found = browser
        .get(&format!("/app/transacoes?busca={}", sent[20]))
        .await;
    assert_eq!(found.location(), path);
    let receipt = browser.get(&format!("{path}/comprovante")).await;
    assert_eq!(receipt.status, 200);
    assert!(!receipt.text.contains("só meu"));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_is_a_picture_for_those_whose_money_moved() {
    let app = people_start().await;
    let (ana, bia) = (app.person_with(10_000).await, app.person().await);
    let path = format!("/app/transacoes/{}", send(&app, &ana, &bia, 1_234).await);
    for person in [&ana, &bia] {
        let mut browser = Browser::signed_in(&app, person).await;
        let page = browser.get(&format!("{path}/comprovante.png")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert_eq!(page.header("content-type"), "image/png");
        assert_eq!(page.header("cache-control"), "no-store");
        let kept = page.header("content-disposition");
        assert!(
            kept.starts_with("attachment; filename=\"comprovante-20"),
            "{kept}"
        );
        assert!(kept.ends_with(".png\""), "{kept}");
        assert!(page.text.get(..8).is_some_and(|it| it.contains("PNG")));
    }
    let mut browser = Browser::signed_in(&app, &ana).await;
    let charge = app.charge(&ana, 500).await;
    let open = format!("/app/transacoes/{}/comprovante.png", string(&charge, "id"));
    assert_eq!(
        browser.get(&open).await.status,
        404,
        "nothing is proven yet"
    );
    let mut stranger = Browser::new(&app);
    let page = stranger.get(&format!("{path}/comprovante.png")).await;
    assert!(page.location().starts_with("/app/entrar"));
    app.discard();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_statement_adds_up_line_by_line() {
    let app = people_start().await;
    let (ana, bia) = (app.person_with(10_000).await, app.person_with(5_000).await);
    let paid = app.payout(&ana, 1_234).await.id();
    app.ended(&ana, &paid).await;
    send(&app, &ana, &bia, 700).await;
    send(&app, &bia, &ana, 300).await;
    for gateway in GATEWAYS {
        let fault = json!({"operation": "payout", "mode": "reject"});
        app.fault(gateway, fault).await;
    }
    let refused = app.payout(&ana, 999).await.id();
    app.ended(&ana, &refused).await;
    app.heal().await;

    let mut browser = Browser::signed_in(&app, &ana).await;
    let csv = browser.get("/app/extrato?formato=csv").await.text.clone();
    let lines = cells(&csv);
    let titles: Vec<&str> = lines.iter().map(|line| line[1].as_str()).collect();
    let begins = [
        "Valor devolvido: Pix não enviado para",
        "Pix não enviado para",
        "Transferência recebida de Pessoa",
        "Transferência enviada para Pessoa",
        "Pix enviado para",
        "Pix recebido",
    ];
    assert_eq!(titles.len(), begins.len(), "{titles:?}");
    for (title, begin) in titles.iter().zip(begins) {
        assert!(title.starts_with(begin), "{title} is not {begin}");
    }
    // Newest first: each balance is the one below and the line's own amount.
    let mut balance = 0;
    for line in lines.iter().rev() {
        balance += cents(&line[2]);
        assert_eq!(cents(&line[4]), balance, "{csv}");
    }
    let (available, held) = app.balance(&ana).await;
    assert_eq!((balance, held), (available, 0));

    let page = browser.get("/app/extrato").await.text.clone();
    let closing = format!("R$\u{a0}{},{:02}", available / 100, available % 100);
    let (_, end) = page.split_once("sums__end").expect("a closing balance");
    assert!(end.contains(&closing), "{closing}: {page}");
    for line in &lines {
        assert!(
            page.contains(&format!("/app/transacoes/{}", line[5])),
            "{line:?}"
        );
    }
    let before = browser.get("/app/extrato?mes=2020-01").await;
    assert!(before.text.contains("Nenhum lançamento"), "{}", before.text);
    app.finish().await;
}
