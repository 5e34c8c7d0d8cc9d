//! Comparisons of a period with what the gateways list.

use app::ports::gateway::{Destination, PayoutOrder};
use domain::gateway::Gateway;
use domain::money::Money;
use domain::outcome::SendVerdict;
use domain::pix::key::{PixKey, PixKeyKind};
use serde_json::{Value, json};
use testkit::wait_until;

use crate::client::string;
use crate::harness::{Database, EFI, LIMIT, TestApp, brisk, without_circuits};

both_databases!(a_reconciliation_credits_what_was_missed_and_tells_what_differs);

/// The payee of the payouts of these tests.
pub const PADARIA: &str = "padaria@example.com";

/// A payout that no attempt of ours knows: straight through the gateway's client.
pub async fn leave(app: &TestApp, key: &str, amount: i64) {
    let order = PayoutOrder {
        attempt_key: key.to_owned(),
        amount: Money::from_cents(amount).expect("an amount"),
        destination: Destination::Key {
            key: PixKey::parse_as(PixKeyKind::Email, PADARIA).expect("a key"),
            owner: None,
        },
        description: None,
    };
    let client = app.app().gateway(Gateway::Efi);
    let request = client.prepare_payout(&order).expect("it can be carried");
    let verdict = client.send_payout(&request).await;
    assert!(
        matches!(verdict, SendVerdict::Accepted(_) | SendVerdict::Settled(_)),
        "{verdict:?}"
    );
}

pub fn an_hour_ago() -> String {
    let ago = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
    ago.to_string()
}

async fn alerts(app: &TestApp, kind: &str) -> usize {
    let alerts = app.app().alerts(200).await.expect("alerts");
    alerts.iter().filter(|alert| alert.kind == kind).count()
}

async fn reconcile(app: &TestApp, operator: &str, body: &Value) -> Value {
    let begun = app.post("/v1/reconciliations", body).by(operator);
    let path = format!("/v1/reconciliations/{}", begun.expect(202).await.id());
    wait_until("the end of the comparison", LIMIT, || async {
        let seen = app.get(&path).by(operator).await.body;
        let ended = seen["state"] == "done" || seen["state"] == "failed";
        ended.then_some(seen)
    })
    .await
}

async fn a_reconciliation_credits_what_was_missed_and_tells_what_differs(database: Database) {
    let mut settings = brisk();
    without_circuits(&mut settings);
    let app = TestApp::with_settings(database, settings).await;
    let person = app.person_with(20_000).await;
    let operator = app.operator().await;
    let payout = app.payout(&person, 1_000).await;
    app.ended(&person, &payout.id()).await;
    let since = an_hour_ago();
    let period = || json!({"from": since, "to": jiff::Timestamp::now().to_string()});
    let wrong = json!({"from": since, "to": "2020-01-01T00:00:00Z"});
    let refused = app.post("/v1/reconciliations", &wrong).by(&operator);
    let refused = refused.expect(422).await;
    assert_eq!(
        refused.fields(),
        [("to".to_owned(), "not_allowed".to_owned())]
    );
    let by_customer = app.post("/v1/reconciliations", &period()).by(&person.token);
    assert_eq!(by_customer.expect(403).await.code(), "forbidden");

    let clean = reconcile(&app, &operator, &period()).await;
    assert_eq!(
        (&clean["state"], &clean["differences"]),
        (&json!("done"), &json!(0)),
        "{clean}"
    );
    let gateways = clean["gateways"].as_array().expect("gateways");
    let efi = gateways
        .iter()
        .find(|one| one["gateway"] == EFI)
        .expect("efi");
    assert_eq!((&efi["received"], &efi["sent"]), (&json!(1), &json!(1)));
    assert_eq!(efi["books_cents"], efi["balance_cents"]);
    let unlisted = gateways
        .iter()
        .find(|one| one["gateway"] != EFI)
        .expect("the other");
    assert!(unlisted["sent"].is_null(), "{unlisted}");

    // Nobody tells of it, and the comparison is faster than the poller, sooner or later.
    app.fault(EFI, json!({"operation": "webhook", "mode": "lose"}))
        .await;
    let mut credited = false;
    for _ in 0..5 {
        let charge = app.charge(&person, 2_000).await;
        app.pay_charge(&charge, json!({})).await;
        let found = reconcile(&app, &operator, &period()).await;
        app.at_stage(&person, &string(&charge, "id"), "paid").await;
        let items = found["items"].as_array().expect("items");
        credited = items.iter().any(|item| {
            item["kind"] == "received_credited" && item["transaction_id"] == charge["id"]
        });
        if credited {
            break;
        }
    }
    assert!(credited, "the comparison has never credited anything");
    assert!(alerts(&app, "reconciliation_differs").await >= 1);
    app.fault(EFI, json!({"mode": "healthy"})).await;

    leave(&app, &"e".repeat(32), 300).await;
    wait_until("the stranger's settlement", LIMIT, || async {
        let settled = app.settled("sent", &["e".repeat(32)]).await;
        (settled.len() == 1).then_some(())
    })
    .await;
    let only =
        json!({"gateway": "gerencianet", "from": since, "to": jiff::Timestamp::now().to_string()});
    let found = reconcile(&app, &operator, &only).await;
    let mut kinds: Vec<&str> = found["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter_map(|item| item["kind"].as_str())
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["float_differs", "sent_unknown"], "{found}");
    assert_eq!(found["gateways"].as_array().expect("gateways").len(), 1);
    // What left without our asking cannot be judged as a promise of ours.
    app.discard();
}
