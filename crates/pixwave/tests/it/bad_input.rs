//! What cannot be accepted is refused with its code and field, and nothing is written.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Call};
use crate::harness::{Database, Person, TestApp, newcomer};

both_databases!(
    forged_webhooks_move_nothing,
    bad_sign_ups_are_refused,
    bad_fields_are_named_and_nothing_is_written,
    bad_bodies_and_headers_are_refused,
);

/// Field and code of the one thing that is wrong.
type Wrong = (&'static str, &'static str);

fn payout(change: Value) -> Value {
    merged(
        json!({"amount_cents": 100, "pix_key": "padaria@example.com"}),
        change,
    )
}

/// `base` with the members of `change` over it; null takes a member away.
fn merged(mut base: Value, change: Value) -> Value {
    for (name, value) in change.as_object().expect("an object") {
        base[name] = value.clone();
    }
    base.as_object_mut()
        .expect("an object")
        .retain(|_, value| !value.is_null());
    base
}

/// The amounts that no request may name.
fn bad_amounts() -> Vec<(Value, &'static str)> {
    vec![
        (json!("100"), "wrong_type"),
        (json!(true), "wrong_type"),
        (json!([100]), "wrong_type"),
        (json!({"cents": 100}), "wrong_type"),
        (json!(-1), "too_small"),
        (json!(0), "too_small"),
        (json!(10.5), "not_an_integer"),
        (json!(1.0), "not_an_integer"),
        (json!(1_000_000_000_000_i64), "too_large"),
        (json!(u64::MAX), "too_large"),
        (Value::Null, "required"),
    ]
}

fn payouts() -> Vec<(Value, Wrong)> {
    let mut cases: Vec<(Value, Wrong)> = bad_amounts()
        .into_iter()
        .map(|(amount, code)| {
            (
                payout(json!({"amount_cents": amount})),
                ("amount_cents", code),
            )
        })
        .collect();
    cases.extend([
        (payout(json!({"amount": 1})), ("amount", "unknown_field")),
        (
            payout(json!({"scheduled_for": "2030-01-01T00:00:00Z"})),
            ("scheduled_for", "unknown_field"),
        ),
        (payout(json!({"pix_key": null})), ("pix_key", "required")),
        (payout(json!({"pix_key": 7})), ("pix_key", "wrong_type")),
        (
            payout(json!({"pix_key": "not a key"})),
            ("pix_key", "invalid_pix_key"),
        ),
        (
            payout(json!({"pix_key": "a@"})),
            ("pix_key", "invalid_pix_key"),
        ),
        (
            payout(json!({"pix_key": "52998224726", "pix_key_type": "cpf"})),
            ("pix_key", "invalid_pix_key"),
        ),
        (
            payout(json!({"pix_key": "+0511", "pix_key_type": "phone"})),
            ("pix_key", "invalid_pix_key"),
        ),
        (
            payout(json!({"pix_key": "00000000-0000", "pix_key_type": "evp"})),
            ("pix_key", "invalid_pix_key"),
        ),
        (
            payout(json!({"pix_key": "a".repeat(500)})),
            ("pix_key", "too_long"),
        ),
        (
            payout(json!({"pix_key_type": "carrier_pigeon"})),
            ("pix_key_type", "not_allowed"),
        ),
        (
            payout(json!({"payee_tax_id": "123"})),
            ("payee_tax_id", "invalid_tax_id"),
        ),
        (
            payout(json!({"wallet_id": "mine"})),
            ("wallet_id", "invalid_id"),
        ),
        (payout(json!({"reference": ""})), ("reference", "too_short")),
        (
            payout(json!({"reference": "r".repeat(65)})),
            ("reference", "too_long"),
        ),
        (
            payout(json!({"description": "d".repeat(141)})),
            ("description", "too_long"),
        ),
        (
            payout(json!({"description": "line\nbreak"})),
            ("description", "invalid_characters"),
        ),
        (payout(json!({"metadata": [1]})), ("metadata", "wrong_type")),
        (
            payout(json!({"metadata": {"m": "m".repeat(5_000)}})),
            ("metadata", "too_long"),
        ),
        (
            json!({"amount_cents": 1, "br_code": "hello"}),
            ("br_code", "invalid_br_code"),
        ),
        (
            payout(json!({"br_code": good_code()})),
            ("pix_key", "not_allowed"),
        ),
    ]);
    for code in broken_codes() {
        cases.push((
            json!({"amount_cents": 1, "br_code": code}),
            ("br_code", "invalid_br_code"),
        ));
    }
    cases
}

fn good_code() -> String {
    let code = domain::pix::br_code::StaticCode {
        key: "padaria@example.com",
        info: None,
        amount_centavos: None,
        txid: None,
        merchant_name: "Padaria",
        merchant_city: "Recife",
    };
    domain::pix::br_code::encode_static(&code).expect("a code")
}

/// One flaw each: cut short, wrong check sum, a length that lies, another scheme's code.
fn broken_codes() -> Vec<String> {
    let good = good_code();
    let mut wrong_sum = good.clone();
    wrong_sum.replace_range(
        good.len() - 1..,
        if good.ends_with('0') { "1" } else { "0" },
    );
    vec![
        good[..good.len() - 9].to_owned(),
        wrong_sum,
        good.replace("br.gov.bcb.pix", "br.gov.bcb.pax"),
        good.replacen("0002", "0099", 1),
        "0".repeat(600),
    ]
}

fn others() -> Vec<(&'static str, Value, Wrong)> {
    let charge = |change| merged(json!({"amount_cents": 100}), change);
    let transfer = |change| {
        merged(
            json!({"amount_cents": 100, "to_pix_key": "someone@example.com"}),
            change,
        )
    };
    let unknown = format!("txn_{}", "0".repeat(32));
    let mut cases = vec![
        (
            "/v1/charges",
            charge(json!({"expires_in_seconds": 59})),
            ("expires_in_seconds", "too_small"),
        ),
        (
            "/v1/charges",
            charge(json!({"expires_in_seconds": "60"})),
            ("expires_in_seconds", "wrong_type"),
        ),
        (
            "/v1/charges",
            charge(json!({"payer": "Ana"})),
            ("payer", "wrong_type"),
        ),
        (
            "/v1/charges",
            charge(json!({"payer": {"tax_id": "1"}})),
            ("payer.tax_id", "invalid_tax_id"),
        ),
        (
            "/v1/charges",
            charge(json!({"due_date": "2030-01-01"})),
            ("due_date", "unknown_field"),
        ),
        (
            "/v1/transfers",
            transfer(json!({"to_pix_key": null})),
            ("to_wallet_id", "required"),
        ),
        (
            "/v1/transfers",
            transfer(json!({"to_pix_key": "+5511987654321"})),
            ("to_pix_key", "not_allowed"),
        ),
        (
            "/v1/transfers",
            transfer(json!({"to_wallet_id": "wal_1", "to_pix_key": null})),
            ("to_wallet_id", "invalid_id"),
        ),
        (
            "/v1/refunds",
            json!({"amount_cents": 1}),
            ("transaction_id", "required"),
        ),
        (
            "/v1/refunds",
            json!({"transaction_id": "txn_1"}),
            ("transaction_id", "invalid_id"),
        ),
        (
            "/v1/refunds",
            json!({"transaction_id": unknown, "pay_in_id": 1}),
            ("pay_in_id", "wrong_type"),
        ),
    ];
    for (amount, code) in bad_amounts() {
        if amount.is_null() {
            continue;
        }
        cases.push((
            "/v1/charges",
            charge(json!({"amount_cents": amount})),
            ("amount_cents", code),
        ));
        cases.push((
            "/v1/transfers",
            transfer(json!({"amount_cents": amount})),
            ("amount_cents", code),
        ));
        let refund = json!({"transaction_id": unknown, "amount_cents": amount});
        cases.push(("/v1/refunds", refund, ("amount_cents", code)));
    }
    cases
}

async fn refused(call: Call, shown: &str, wrong: Wrong) -> Answer {
    let answer = call.await;
    assert_eq!(answer.status, 422, "{shown}: {}", answer.text());
    assert_eq!(answer.code(), "validation_failed", "{shown}");
    let found = answer.fields();
    assert!(
        found.contains(&(wrong.0.to_owned(), wrong.1.to_owned())),
        "{shown}: {found:?} instead of {wrong:?}"
    );
    answer
}

async fn bad_fields_are_named_and_nothing_is_written(database: Database) {
    let app = TestApp::start(database).await;
    let person = app.person_with(10_000).await;
    app.quiet().await;
    let totals = app.app().store.totals().await.expect("totals");
    let post = |path: &str, body: &Value| app.post(path, body).by(&person.token).key("bad");
    for (body, wrong) in payouts() {
        let shown = format!("/v1/payouts {body}");
        let answer = refused(post("/v1/payouts", &body), &shown, wrong).await;
        if wrong.0 == "br_code" {
            let said = answer.body["errors"][0]["message"]
                .as_str()
                .expect("a message");
            assert!(said.len() > 8, "{shown}: which part? {said}");
        }
    }
    for (path, body, wrong) in others() {
        refused(post(path, &body), &format!("{path} {body}"), wrong).await;
    }
    for path in [
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=nonsense",
        "kind=gift",
        "status=lost",
        "gateway=bank",
        "from=yesterday",
        "color=red",
    ] {
        let field = path.split('=').next().expect("a name").to_owned();
        let answer = app
            .get(&format!("/v1/transactions?{path}"))
            .by(&person.token)
            .expect(422)
            .await;
        assert_eq!(answer.fields()[0].0, field, "{path}: {}", answer.text());
    }
    assert_eq!(
        app.app().store.totals().await.expect("totals"),
        totals,
        "something was written"
    );
    assert_eq!(app.balance(&person).await, (10_000, 0));
    // None of them bound the key.
    let done = post("/v1/payouts", &payout(json!({}))).expect(202).await;
    assert!(!done.replayed());
    app.ended(&person, &done.id()).await;
    app.finish().await;
}

async fn bad_sign_ups_are_refused(database: Database) {
    let app = TestApp::start(database).await;
    let totals = app.app().store.totals().await.expect("totals");
    let cases: Vec<(Value, Wrong)> = vec![
        (json!({"name": null}), ("name", "required")),
        (json!({"name": " "}), ("name", "too_short")),
        (json!({"email": "nobody"}), ("email", "invalid_email")),
        (json!({"password": "short"}), ("password", "too_short")),
        (
            json!({"password": "p".repeat(201)}),
            ("password", "too_long"),
        ),
        (
            json!({"tax_id": "12345678900"}),
            ("tax_id", "invalid_tax_id"),
        ),
        (json!({"tax_id": 12345678909_i64}), ("tax_id", "wrong_type")),
        (json!({"role": "operator"}), ("role", "unknown_field")),
    ];
    for (change, wrong) in cases {
        let body = merged(newcomer(), change);
        let call = app.post("/v1/users", &body);
        refused(call, &format!("{wrong:?}"), wrong).await;
    }
    assert_eq!(app.app().store.totals().await.expect("totals"), totals);
    app.finish().await;
}

/// What a call without a body field to blame is told.
async fn told(call: Call, status: u16, code: &str) {
    let answer = call.await;
    assert_eq!(
        (answer.status, answer.code()),
        (status, code),
        "{}",
        answer.text()
    );
}

async fn bad_bodies_and_headers_are_refused(database: Database) {
    let app = TestApp::start(database).await;
    let person = app.person_with(1_000).await;
    let totals = app.app().store.totals().await.expect("totals");
    for path in ["/v1/payouts", "/v1/charges", "/v1/transfers", "/v1/refunds"] {
        let call = || app.call(Method::POST, path).by(&person.token);
        let keyed = || call().key("k");
        told(keyed().raw(b"{".to_vec()), 400, "malformed_json").await;
        told(keyed().raw(Vec::new()), 400, "malformed_json").await;
        told(
            keyed().raw(b"{\"amount_cents\":100,\"description\":\"\xff\xfe\"}".to_vec()),
            400,
            "malformed_json",
        )
        .await;
        told(
            keyed().raw(b"{\"amount_cents\":1,\"amount_cents\":2}".to_vec()),
            400,
            "malformed_json",
        )
        .await;
        told(
            keyed().raw("[".repeat(50_000).into_bytes()),
            400,
            "malformed_json",
        )
        .await;
        told(keyed().raw(b"[]".to_vec()), 422, "validation_failed").await;
        let large = json!({"description": "x".repeat(256 * 1024)}).to_string();
        told(keyed().raw(large.into_bytes()), 413, "body_too_large").await;
        told(
            call().json(&payout(json!({}))),
            400,
            "missing_idempotency_key",
        )
        .await;
        told(
            call().key("two words").json(&payout(json!({}))),
            422,
            "validation_failed",
        )
        .await;
        told(
            call().key(&"k".repeat(256)).json(&payout(json!({}))),
            422,
            "validation_failed",
        )
        .await;
    }
    bad_tokens(&app, &person).await;
    told(app.call(Method::GET, "/v1/nothing"), 404, "not_found").await;
    told(
        app.call(Method::PUT, "/v1/payouts"),
        405,
        "method_not_allowed",
    )
    .await;
    for id in [
        "txn_",
        "txn_1",
        "wal_00000000000000000000000000000000",
        "..",
        "%00",
    ] {
        told(
            app.call(Method::GET, &format!("/v1/transactions/{id}"))
                .by(&person.token),
            404,
            "not_found",
        )
        .await;
    }
    assert_eq!(
        app.app().store.totals().await.expect("totals"),
        totals,
        "something was written"
    );
    app.finish().await;
}

async fn bad_tokens(app: &TestApp, person: &Person) {
    let mut altered = person.token.clone();
    let last = altered.pop().expect("a character");
    altered.push(if last == 'A' { 'B' } else { 'A' });
    for token in [
        "",
        "nonsense",
        &altered,
        &"t".repeat(600),
        &format!("{} x", person.token),
    ] {
        let call = app
            .get("/v1/wallets")
            .expect(401)
            .header("Authorization", &format!("Bearer {token}"));
        assert_eq!(call.await.code(), "unauthenticated", "{token:?}");
    }
    let basic = app
        .get("/v1/wallets")
        .expect(401)
        .header("Authorization", "Basic YTpi");
    assert_eq!(basic.await.header("www-authenticate"), Some("Bearer"));
    app.get("/v1/wallets").expect(401).await;
    // Who asks comes before what is asked.
    app.call(Method::POST, "/v1/payouts")
        .raw(b"{".to_vec())
        .expect(401)
        .await;
}

/// Nobody may tell us about payments who is not the gateway.
async fn forged_webhooks_move_nothing(database: Database) {
    let app = TestApp::start(database).await;
    let person = app.person().await;
    let charge = app.charge(&person, 1_000).await;
    let forged = json!({"pix": [{
        "endToEndId": "E00000000202601010000abcdefghijk", "txid": charge["txid"],
        "valor": "10.00", "horario": "2026-01-01T00:00:00.000Z",
    }]});
    for path in [
        "/webhooks/efi/wrong-secret",
        "/webhooks/efi/wrong-secret/pix",
    ] {
        let answer = app.post(path, &forged).await;
        assert!(
            (400..500).contains(&answer.status),
            "{path}: {}",
            answer.status
        );
    }
    let note = json!({"action": "payment.updated", "type": "payment", "data": {"id": "1"}});
    let answer = app
        .post("/webhooks/mercado-pago?data.id=1&type=payment", &note)
        .header("x-signature", "ts=1,v1=00")
        .header("x-request-id", "r")
        .await;
    assert!(
        answer.status == 401 || answer.status == 200,
        "{}",
        answer.status
    );
    app.pay_charge(&charge, json!({})).await;
    let paid = app
        .ended(&person, &crate::client::string(&charge, "id"))
        .await;
    assert_eq!(paid["pay_ins"].as_array().map(Vec::len), Some(1));
    assert_eq!(app.balance(&person).await, (1_000, 0));
    app.finish().await;
}
