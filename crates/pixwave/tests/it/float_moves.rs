//! Our own money moved from one gateway to the other: two people, one way out, and a proven arrival.

use std::sync::Arc;

use app::commands::{Caller, FloatMoveRefusal, ProposeFloatMove};
use app::context::App;
use app::ports::store::UserRole;
use domain::gateway::Gateway;
use domain::ids::{TransactionId, UserId};
use domain::ledger::{Account, Float};
use domain::money::Money;
use domain::time::{Moment, Span};
use serde_json::{Value, json};
use testkit::wait_until;

use crate::child::{self, ServerProcess, free_port, pixwave, run, stderr, stdout};
use crate::client::{Answer, cents, string};
use crate::harness::{
    Database, EFI, Folder, LIMIT, MERCADO_PAGO, PASSWORD, TestApp, brisk, verdicts,
    without_circuits,
};
use crate::pages::Browser;

both_databases!(
    float_moves_both_ways_and_every_centavo_is_booked,
    every_refusal_of_a_move,
    a_lost_reply_moves_once,
    a_move_never_leaves_through_the_other_gateway,
    what_comes_back_is_float_again,
    a_strangers_money_is_not_taken_for_float,
    an_arrival_may_come_before_its_sending_is_known,
    what_does_not_arrive_is_alerted_once,
);

const MERCADO_PAGO_ISPB: &str = "10573521";

/// A server with two operators.
struct Desk {
    app: TestApp,
    ana: String,
    bia: String,
}

impl Desk {
    async fn open(database: Database) -> Desk {
        Desk::with(database, |_| ()).await
    }

    async fn with(database: Database, change: impl FnOnce(&mut app::context::Settings)) -> Desk {
        let mut settings = brisk();
        without_circuits(&mut settings);
        change(&mut settings);
        let app = TestApp::with_settings(database, settings).await;
        for name in ["ana", "bia"] {
            let email = format!("{name}@operators.example.com");
            let added = app.app().add_operator(name.into(), email, PASSWORD.into());
            added.await.expect("an operator");
        }
        let ana = app.sign_in("ana@operators.example.com").await;
        let bia = app.sign_in("bia@operators.example.com").await;
        Desk { app, ana, bia }
    }

    async fn propose(&self, way: (&str, &str), amount: i64, status: u16) -> Answer {
        let (from, to) = way;
        let body = json!({
            "from": from, "to": to, "amount_cents": amount, "reason": "the target runs low",
        });
        let post = self.app.post("/v1/float-moves", &body).by(&self.ana);
        post.expect(status).await
    }

    async fn say(&self, by: &str, id: &str, word: &str, status: u16) -> Answer {
        let path = format!("/v1/float-moves/{id}/{word}");
        self.app.post(&path, &json!({})).by(by).expect(status).await
    }

    /// Ana proposes, Bia approves; gives the move's id.
    async fn moved(&self, way: (&str, &str), amount: i64) -> String {
        let id = self.propose(way, amount, 201).await.id();
        let approved = self.say(&self.bia, &id, "approve", 200).await.body;
        assert!(approved["transaction_id"].is_string(), "{approved}");
        id
    }

    async fn show(&self, id: &str) -> Value {
        let path = format!("/v1/float-moves/{id}");
        self.app.get(&path).by(&self.bia).await.body
    }

    /// The move in this state. What has arrived may be seen before it is booked that it left: an
    /// arrival is evidence, and the second commit.
    async fn once(&self, id: &str, state: &str) -> Value {
        wait_until(&format!("{id} to be {state}"), LIMIT, || async {
            let seen = self.show(id).await;
            let has_left = cents(&seen, "left_cents") >= cents(&seen, "amount_cents");
            (seen["state"] == state && (state != "arrived" || has_left)).then_some(seen)
        })
        .await
    }

    async fn attempts(&self, moved: &Value) -> Vec<Value> {
        let path = format!(
            "/v1/transactions/{}/attempts",
            string(moved, "transaction_id")
        );
        self.app.get(&path).by(&self.bia).await.list()
    }

    async fn float(&self, gateway: Gateway) -> i64 {
        let account = Account::GatewayFloat(gateway, Float::Available);
        self.balance(account).await
    }

    async fn balance(&self, account: Account) -> i64 {
        let store = &self.app.app().store;
        store.account_balance(account).await.expect("a balance")
    }

    async fn alerted(&self, kind: &str) -> usize {
        let alerts = self.app.app().alerts(200).await.expect("alerts");
        alerts.iter().filter(|alert| alert.kind == kind).count()
    }

    async fn audited(&self, id: &str) -> Vec<String> {
        let rows = self.app.app().audit(200).await.expect("the trail");
        let of_move = rows.iter().filter(|row| row.subject == id);
        let mut actions: Vec<_> = of_move.map(|row| row.action.clone()).collect();
        actions.reverse();
        actions
    }

    async fn in_suspense(&self) -> Vec<i64> {
        let rows = self.app.app().store.suspense(Moment::default(), None, 99);
        let rows = rows.await.expect("suspense");
        rows.iter().map(|row| row.amount.cents()).collect()
    }

    /// Somebody pays to our bare key; gives the end-to-end id.
    async fn stranger(&self, gateway: &str, how: Value) -> String {
        let path = format!("/sandbox/gateways/{gateway}/receive");
        let paid = self.app.post(&path, &how).expect(200).await;
        string(&paid.body, "end_to_end_id")
    }

    /// Nobody hears by notification or lookup what becomes of payouts or arrivals there.
    async fn deafen(&self, gateway: &str) {
        for fault in [
            json!({"operation": "lookup", "mode": "error_500"}),
            json!({"operation": "webhook", "mode": "lose"}),
        ] {
            self.app.fault(gateway, fault).await;
        }
    }

    /// What each gateway lists as received, at once.
    async fn poll(&self) {
        let polled = app::poller::poll_received(self.app.app()).await;
        polled.expect("the poller runs");
    }

    async fn finish(self) {
        assert_eq!(self.balance(Account::InTransit).await, 0, "all has arrived");
        self.app.finish().await;
    }
}

async fn float_moves_both_ways_and_every_centavo_is_booked(database: Database) {
    let desk = Desk::open(database).await;
    let id = desk.moved((EFI, MERCADO_PAGO), 100_000).await;
    let there = desk.once(&id, "arrived").await;
    assert_eq!(cents(&there, "left_cents"), 100_000);
    assert_eq!(cents(&there, "arrived_cents"), 100_000);
    // Mercado Pago keeps 0.99 % of what it receives.
    assert_eq!(desk.float(Gateway::Efi).await, 900_000);
    assert_eq!(desk.float(Gateway::MercadoPago).await, 1_099_010);
    let back = desk.moved((MERCADO_PAGO, EFI), 50_000).await;
    let back = desk.once(&back, "arrived").await;
    // Efí keeps 1.19 %.
    assert_eq!(desk.float(Gateway::Efi).await, 949_405);
    assert_eq!(desk.float(Gateway::MercadoPago).await, 1_049_010);
    let fees = desk
        .balance(Account::GatewayFees(Gateway::MercadoPago))
        .await;
    assert_eq!(fees, 990, "a line of its own");

    let attempts = desk.attempts(&there).await;
    let why = string(&attempts[0], "why");
    assert!(why.contains("our own money is moved out of it"), "{why}");
    assert!(
        why.contains("mercado_pago: not where this money lies"),
        "{why}"
    );
    let payout = TransactionId::parse(&string(&there, "transaction_id")).expect("an id");
    let story = app::explain::explain(desk.app.app(), payout).await;
    let story = story.expect("a story").expect("it exists").join("\n");
    assert!(story.contains("the same choice (rule bound)"), "{story}");
    assert!(
        story.contains("booked float_left: float_available.efi"),
        "{story}"
    );
    let path = format!("/v1/transactions/{}", string(&back, "transaction_id"));
    let shown = desk.app.get(&path).by(&desk.bia).await.body;
    assert_eq!(
        (&shown["kind"], &shown["stage"]),
        (&json!("payout"), &json!("settled"))
    );
    assert_eq!(shown["wallet_id"], format!("wal_{}", "0".repeat(32)));

    let steps = ["proposed", "approved", "arrived"].map(|step| format!("float_move.{step}"));
    assert_eq!(desk.audited(&id).await, steps);
    assert_eq!(desk.alerted("float_move_proposed").await, 2);
    assert_eq!(desk.alerted("float_move_late").await, 0);
    let listed = desk.app.get("/v1/float-moves?limit=1").by(&desk.ana).await;
    assert_eq!(listed.list()[0]["id"], back["id"]);
    let cursor = string(&listed.body, "next_cursor");
    let path = format!("/v1/float-moves?limit=1&cursor={cursor}");
    assert_eq!(desk.app.get(&path).by(&desk.ana).await.list()[0]["id"], id);
    // Customers do not hear of it.
    let person = desk.app.person().await;
    let refused = desk.app.call(reqwest::Method::GET, "/v1/float-moves");
    let refused = refused.by(&person.token).expect(403).await;
    assert_eq!(refused.code(), "forbidden");
    desk.finish().await;
}

fn operator(byte: u8) -> Caller {
    Caller {
        user_id: UserId::from_bytes([byte; 16]),
        role: UserRole::Operator,
        scopes: Vec::new(),
        session_id: None,
    }
}

/// The same server with other settings.
fn changed(app: &TestApp, change: impl FnOnce(&mut app::context::Settings)) -> App {
    let mut app = app.app().clone();
    change(Arc::make_mut(&mut app.settings));
    app
}

async fn every_refusal_of_a_move(database: Database) {
    let desk = Desk::open(database).await;
    let refused = async |way, amount, field: &str, code: &str| {
        let answer = desk.propose(way, amount, 422).await;
        let errors = answer.body["errors"].clone();
        assert_eq!(errors[0]["field"], field, "{errors}");
        assert_eq!(errors[0]["code"], code, "{errors}");
    };
    refused((EFI, EFI), 1_000, "to", "same_gateway").await;
    refused(
        (EFI, MERCADO_PAGO),
        1_000_001,
        "amount_cents",
        "exceeds_float",
    )
    .await;
    let ask = |from: Gateway| ProposeFloatMove {
        from,
        to: from.other(),
        amount: Money::from_cents(100).expect("an amount"),
        reason: "x".into(),
    };
    let keyless = changed(&desk.app, |settings| {
        settings.own_keys.remove(&Gateway::MercadoPago);
    });
    let nobodys = changed(&desk.app, |settings| settings.account_holder = None);
    for (app, from, told) in [
        (&keyless, Gateway::Efi, ("to", "no_own_key")),
        (
            &nobodys,
            Gateway::MercadoPago,
            ("from", "account_holder_unknown"),
        ),
    ] {
        match app.propose_float_move(&operator(9), ask(from)).await {
            Err(FloatMoveRefusal::Invalid { field, code, .. }) => assert_eq!((field, code), told),
            other => panic!("{other:?}"),
        }
    }

    let id = desk.propose((EFI, MERCADO_PAGO), 2_000, 201).await.id();
    let own = desk.say(&desk.ana, &id, "approve", 403).await;
    assert_eq!(own.code(), "same_person");
    assert_eq!(desk.show(&id).await["state"], "proposed");
    desk.say(&desk.bia, &id, "approve", 200).await;
    for word in ["approve", "decline"] {
        let late = desk.say(&desk.bia, &id, word, 409).await;
        assert_eq!(late.code(), "proposal_closed");
    }
    let declined = desk.propose((EFI, MERCADO_PAGO), 2_000, 201).await.id();
    let withdrawn = desk.say(&desk.ana, &declined, "decline", 200).await;
    assert_eq!(withdrawn.body["state"], "declined");
    let late = desk.say(&desk.bia, &declined, "approve", 409).await;
    assert_eq!(late.code(), "proposal_closed");
    let nowhere = format!("fmv_{}", "0".repeat(32));
    desk.say(&desk.bia, &nowhere, "approve", 404).await;

    // Nobody looked in time.
    let hasty = changed(&desk.app, |settings| {
        settings.float_proposal_life = Span::ZERO
    });
    let lapsed = hasty
        .propose_float_move(&operator(9), ask(Gateway::Efi))
        .await;
    let lapsed = lapsed.expect("a proposal").row.id.to_string();
    let late = desk.say(&desk.bia, &lapsed, "approve", 409).await;
    assert_eq!(late.code(), "proposal_expired");
    wait_until("the proposal to expire", LIMIT, || async {
        let actions = desk.audited(&lapsed).await;
        actions
            .iter()
            .any(|action| action == "float_move.expired")
            .then_some(())
    })
    .await;
    assert_eq!(desk.show(&lapsed).await["state"], "expired");
    desk.once(&id, "arrived").await;
    assert_eq!(desk.app.settled_sum("sent").await, 2_000, "one move left");
    desk.finish().await;
}

async fn a_lost_reply_moves_once(database: Database) {
    let desk = Desk::open(database).await;
    for (from, to) in [(EFI, MERCADO_PAGO), (MERCADO_PAGO, EFI)] {
        let lost = json!({"operation": "payout", "mode": "drop_reply"});
        desk.app.fault(from, lost).await;
        let id = desk.propose((from, to), 3_000, 201).await.id();
        desk.say(&desk.bia, &id, "approve", 200).await;
        let sending = desk.show(&id).await;
        wait_until("a reply to be lost", LIMIT, || async {
            let attempts = desk.attempts(&sending).await;
            let lost = attempts
                .first()
                .is_some_and(|one| verdicts(one).contains(&"unknown".into()));
            lost.then_some(())
        })
        .await;
        desk.app.heal().await;
        let there = desk.once(&id, "arrived").await;
        assert_eq!(desk.attempts(&there).await.len(), 1, "{there}");
    }
    assert_eq!(desk.app.settled_sum("sent").await, 6_000);
    desk.finish().await;
}

async fn a_move_never_leaves_through_the_other_gateway(database: Database) {
    let desk = Desk::open(database).await;
    for (from, to) in [(EFI, MERCADO_PAGO), (MERCADO_PAGO, EFI)] {
        desk.app.fault(from, json!({"mode": "down"})).await;
        let id = desk.moved((from, to), 4_000).await;
        let ended = desk.once(&id, "failed").await;
        assert_eq!(
            ended["failure"]["code"], "all_gateways_unavailable",
            "{ended}"
        );
        let message = string(&ended["failure"], "message");
        assert!(
            message.contains("our money stayed where it was"),
            "{message}"
        );
        let attempts = desk.attempts(&ended).await;
        assert!(
            attempts.iter().all(|attempt| attempt["gateway"] == from),
            "{attempts:?}"
        );
        assert_eq!(verdicts(&attempts[0]), ["never_sent"; 3]);
        desk.app.heal().await;
    }
    desk.app
        .fault(EFI, json!({"operation": "payout", "mode": "reject"}))
        .await;
    let refused = desk.moved((EFI, MERCADO_PAGO), 4_000).await;
    let refused = desk.once(&refused, "failed").await;
    assert_eq!(refused["failure"]["code"], "risk_refused", "{refused}");
    assert_eq!(desk.app.settled_sum("sent").await, 0);
    for gateway in Gateway::ALL {
        assert_eq!(desk.float(gateway).await, 1_000_000, "{gateway}");
    }
    assert_eq!(cents(&refused, "left_cents"), 0);
    // A pause of the source is waited for.
    desk.app.heal().await;
    let pause = |paused: bool| json!({"operation": "payout", "paused": paused});
    let set = async |paused| {
        let patch = desk.app.call(reqwest::Method::PATCH, "/v1/gateways/efi");
        patch.json(&pause(paused)).by(&desk.ana).expect(200).await;
    };
    set(true).await;
    let id = desk.moved((EFI, MERCADO_PAGO), 4_000).await;
    let path = format!(
        "/v1/transactions/{}",
        string(&desk.show(&id).await, "transaction_id")
    );
    wait_until("the move to wait", LIMIT, || async {
        let seen = desk.app.get(&path).by(&desk.bia).await.body;
        (seen["waiting_for"] == "paused").then_some(())
    })
    .await;
    set(false).await;
    desk.once(&id, "arrived").await;
    desk.finish().await;
}

async fn what_comes_back_is_float_again(database: Database) {
    let desk = Desk::open(database).await;
    for (from, to) in [(EFI, MERCADO_PAGO), (MERCADO_PAGO, EFI)] {
        let id = desk.moved((from, to), 5_000).await;
        let there = desk.once(&id, "arrived").await;
        let attempts = desk.attempts(&there).await;
        let key = string(&attempts[0], "attempt_key");
        let path = format!("/sandbox/payouts/{key}/return");
        desk.app
            .post(&path, &json!({"amount_cents": 2_000}))
            .expect(200)
            .await;
        wait_until("a part to be back", LIMIT, || async {
            let seen = desk.show(&id).await;
            let counted = (
                cents(&seen, "returned_cents"),
                cents(&seen, "arrived_cents"),
            );
            (counted == (2_000, 3_000)).then_some(())
        })
        .await;
        assert_eq!(desk.show(&id).await["state"], "arrived");
        desk.app.post(&path, &json!({})).expect(200).await;
        let back = desk.once(&id, "returned").await;
        assert_eq!(cents(&back, "returned_cents"), 5_000);
        assert_eq!(cents(&back, "arrived_cents"), 0);
    }
    desk.finish().await;
}

async fn a_strangers_money_is_not_taken_for_float(database: Database) {
    let desk = Desk::open(database).await;
    // While the move's own arrival cannot be seen, others pay the same amount.
    desk.deafen(MERCADO_PAGO).await;
    let id = desk.moved((EFI, MERCADO_PAGO), 6_000).await;
    desk.once(&id, "in_transit").await;
    desk.stranger(MERCADO_PAGO, json!({"amount_cents": 6_000, "info": id}))
        .await;
    desk.app.heal().await;
    desk.poll().await;
    desk.once(&id, "arrived").await;
    wait_until("the stranger's money", LIMIT, || async {
        (desk.in_suspense().await == [6_000]).then_some(())
    })
    .await;

    // The other way no end-to-end id is told: only the payer tells a stranger from us.
    let payer = json!({"name": "Titular da Conta", "tax_id": "11444777000161"});
    let forged = json!({"amount_cents": 7_000, "payer": payer, "ispb": MERCADO_PAGO_ISPB});
    desk.deafen(EFI).await;
    let id = desk.moved((MERCADO_PAGO, EFI), 7_000).await;
    desk.once(&id, "in_transit").await;
    desk.stranger(EFI, forged.clone()).await;
    let mut own_bank_elsewhere = forged;
    own_bank_elsewhere["payer"]["tax_id"] = json!(sandbox::ACCOUNT_HOLDER);
    own_bank_elsewhere["ispb"] = json!("60701190");
    desk.stranger(EFI, own_bank_elsewhere).await;
    desk.app.heal().await;
    desk.poll().await;
    desk.once(&id, "arrived").await;
    wait_until("the strangers' money", LIMIT, || async {
        (desk.in_suspense().await == [6_000, 7_000, 7_000]).then_some(())
    })
    .await;
    assert_eq!(desk.alerted("suspense").await, 3);
    for gateway in Gateway::ALL {
        let suspense = desk.balance(Account::Suspense(gateway)).await;
        let expected = if gateway == Gateway::Efi {
            14_000
        } else {
            6_000
        };
        assert_eq!(suspense, expected, "{gateway}");
    }
    desk.finish().await;
}

async fn an_arrival_may_come_before_its_sending_is_known(database: Database) {
    let desk = Desk::open(database).await;
    // Efí told by which id it pays: what arrives under it proves that it did.
    desk.deafen(EFI).await;
    let id = desk.moved((EFI, MERCADO_PAGO), 8_000).await;
    let there = desk.once(&id, "arrived").await;
    let path = format!("/v1/transactions/{}", string(&there, "transaction_id"));
    let payout = desk.app.get(&path).by(&desk.bia).await.body;
    assert_eq!(payout["stage"], "settled", "Efí is silent: {payout}");
    desk.app.heal().await;

    // Mercado Pago tells none: it stands in suspense until the payout is known to have left.
    desk.deafen(MERCADO_PAGO).await;
    let id = desk.moved((MERCADO_PAGO, EFI), 9_000).await;
    wait_until("the money in suspense", LIMIT, || async {
        (desk.in_suspense().await == [9_000]).then_some(())
    })
    .await;
    assert_eq!(desk.show(&id).await["state"], "sending");
    desk.app.heal().await;
    desk.once(&id, "arrived").await;
    assert!(desk.in_suspense().await.is_empty(), "matched again");
    desk.finish().await;
}

async fn what_does_not_arrive_is_alerted_once(database: Database) {
    let desk = Desk::with(database, |settings| {
        settings.float_arrival_wait = Span::from_millis(500);
    })
    .await;
    desk.deafen(MERCADO_PAGO).await;
    let id = desk.moved((EFI, MERCADO_PAGO), 10_000).await;
    wait_until("the alert", LIMIT, || async {
        (desk.alerted("float_move_late").await == 1).then_some(())
    })
    .await;
    let seen = desk.show(&id).await;
    assert_eq!(seen["state"], "in_transit");
    assert_eq!(desk.balance(Account::InTransit).await, 10_000);
    for check in app::checks::check(desk.app.app()).await.expect("checks") {
        assert!(
            check.broken.is_empty(),
            "{}: {:?}",
            check.rule,
            check.broken
        );
    }
    app::float_moves::watch::watch(desk.app.app().clone())
        .await
        .expect("another look");
    assert_eq!(desk.alerted("float_move_late").await, 1, "told once");
    desk.app.heal().await;
    desk.poll().await;
    desk.once(&id, "arrived").await;
    desk.finish().await;
}

/// `pixwave float …` with a line on its standard input.
async fn typed(folder: &Folder, port: &str, words: &[&str], line: &str) -> std::process::Output {
    child::operate(&folder.0, port, &[&["float"], words].concat(), line).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_operators_move_float_from_the_command_line() {
    let folder = Folder::new();
    let [_, ana, bia] = &child::seeded(&folder.0).await;
    let port = free_port().to_string();
    let variables = [("HTTP_PORT", port.as_str())];
    let mut server = ServerProcess::start(&folder.0, &variables).await;
    let none = stdout(&typed(&folder, &port, &["list"], "").await);
    assert!(none.contains("no float was ever moved"), "{none}");
    let way = ["move", "--from", "efi", "--to", "mercado_pago"];
    let amount = [
        "--amount",
        "12345",
        "--reason",
        "it runs low",
        "--as",
        &ana[1],
    ];
    let proposed = typed(&folder, &port, &[&way[..], &amount].concat(), &ana[2]).await;
    assert!(proposed.status.success(), "{}", stderr(&proposed));
    let said = stdout(&proposed);
    let id = said.split_whitespace().next().expect("an id").to_owned();
    let same = typed(&folder, &port, &["approve", &id, "--as", &ana[1]], &ana[2]).await;
    assert_eq!(same.status.code(), Some(3));
    assert!(stderr(&same).contains("same_person"), "{}", stderr(&same));
    let approved = typed(&folder, &port, &["approve", &id, "--as", &bia[1]], &bia[2]).await;
    assert!(
        stdout(&approved).contains("is sending (txn_"),
        "{}",
        stdout(&approved)
    );
    let late = typed(&folder, &port, &["decline", &id, "--as", &bia[1]], &bia[2]).await;
    assert!(
        stderr(&late).contains("proposal_closed"),
        "{}",
        stderr(&late)
    );
    wait_until("the arrival", LIMIT, || async {
        let listed = stdout(&typed(&folder, &port, &["list"], "").await);
        let row = listed.lines().find(|line| line.contains(&id))?;
        (row.contains("arrived") && row.contains("R$ 123.45")).then_some(())
    })
    .await;
    let mut check = pixwave(&folder.0, &[]);
    check.arg("check");
    let checked = run(check).await;
    assert!(
        checked.status.success(),
        "{}{}",
        stdout(&checked),
        stderr(&checked)
    );
    server.signal("TERM");
    assert!(server.ended().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_move_float_in_the_browser() {
    let desk = Desk::open(Database::Sqlite).await;
    let mut ana = Browser::signed_in_as(&desk.app, "ana@operators.example.com").await;
    let mut bia = Browser::signed_in_as(&desk.app, "bia@operators.example.com").await;
    let person = desk.app.person().await;
    let mut customer = Browser::signed_in_as(&desk.app, &person.email).await;
    assert_eq!(customer.get("/console/saldos").await.status, 404);
    assert!(
        ana.get("/console/saldos")
            .await
            .text
            .contains("Nada foi movido ainda.")
    );
    let too_much = [
        ("from", EFI),
        ("amount", "90.000,00"),
        ("reason", "<b>baixo</b>"),
    ];
    let page = ana.post("/console/saldos/propor", &too_much).await;
    assert_eq!(page.status, 422);
    assert!(page.text.contains("(exceeds_float)") && !page.text.contains("<b>baixo"));
    ana.get("/console/saldos").await;
    let fields = [
        ("from", EFI),
        ("amount", "123,45"),
        ("reason", "acaba logo"),
    ];
    ana.post("/console/saldos/propor", &fields).await;
    let path = ana.page.location();
    let page = ana.follow().await;
    assert!(page.text.contains("Efí → Mercado Pago") && page.text.contains("Retirar a proposta"));
    assert!(!page.text.contains("/aprovar\""), "it is her own");
    let approve = format!("{path}/aprovar");
    let own = ana.post(&approve, &[]).await;
    assert_eq!(
        (own.status, own.text.contains("(same_person)")),
        (422, true)
    );
    assert!(bia.get(&path).await.text.contains("Aprovar e mover"));
    assert_eq!(bia.post(&approve, &[]).await.status, 303);
    bia.until(&path, "tag--good").await;
    let id = path.rsplit('/').next().expect("an id").to_owned();
    let moved = desk.show(&id).await;
    let payout = string(&moved, "transaction_id");
    let why = bia.get(&format!("/console/transacoes/{payout}")).await;
    assert!(
        why.text.contains("o nosso dinheiro sai dele"),
        "{}",
        why.text
    );
    let late = bia.post(&format!("{path}/recusar"), &[]).await;
    assert_eq!(
        (late.status, late.text.contains("(proposal_closed)")),
        (422, true)
    );
    desk.finish().await;
}
