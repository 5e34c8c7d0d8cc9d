//! The steps of the tour. Each does something over HTTP as a user would, looks at what became of
//! it, and tells it in a sentence; what is not as promised is an error, which the table shows as
//! BROKEN.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use app::context::App;
use domain::money::Money;
use serde_json::{Value, json};

use super::http::{Http, until};

/// Someone who signed up.
pub struct Person {
    pub email: &'static str,
    pub token: String,
}

/// The tour so far.
pub struct Tour {
    pub http: Http,
    /// The use cases, for what only operators see.
    pub app: App,
    pub people: Vec<Person>,
    /// The charge that a later step gives back in part.
    charge: Option<String>,
}

const PASSWORD: &str = "correct horse battery staple";
const PRIMARY: &str = "efi";
const FALLBACK: &str = "mercado_pago";

/// `R$ 12.34`.
pub fn reais(cents: i64) -> String {
    Money::from_cents(cents).map_or_else(|_| format!("{cents} centavos"), |money| money.to_string())
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name]
        .as_str()
        .with_context(|| format!("no {name} in {value}"))
}

fn cents(value: &Value, name: &str) -> Result<i64> {
    value[name]
        .as_i64()
        .with_context(|| format!("no {name} in {value}"))
}

impl Tour {
    pub fn new(http: Http, app: App) -> Tour {
        Tour {
            http,
            app,
            people: Vec::new(),
            charge: None,
        }
    }

    // ------------------------------------------------------------ (a)

    pub async fn sign_up(&mut self) -> Result<String> {
        let people = [
            ("Ana Lima", "ana@demo.example", "27182818205"),
            ("Bruno Reis", "bruno@demo.example", "31415926590"),
        ];
        for (name, email, tax_id) in people {
            let user =
                json!({"name": name, "email": email, "password": PASSWORD, "tax_id": tax_id});
            let user = self
                .http
                .post("/v1/users", &user)
                .expect(201)
                .body()
                .await?;
            let wallet = &user["wallet"];
            ensure!(
                wallet["available_cents"] == 0,
                "a new wallet is not empty: {wallet}"
            );
            let session = json!({"email": email, "password": PASSWORD});
            let session = self
                .http
                .post("/v1/sessions", &session)
                .expect(201)
                .body()
                .await?;
            let token = text(&session, "token")?.to_owned();
            self.people.push(Person { email, token });
        }
        Ok("Ana and Bruno signed in, with an empty wallet each".to_owned())
    }

    fn person(&self, index: usize) -> Result<&Person> {
        self.people.get(index).context("nobody has signed up")
    }

    async fn available(&self, index: usize) -> Result<(i64, i64)> {
        let token = &self.person(index)?.token;
        let wallets = self.http.get("/v1/wallets").by(token).body().await?;
        let wallet = &wallets["data"][0];
        Ok((
            cents(wallet, "available_cents")?,
            cents(wallet, "held_cents")?,
        ))
    }

    async fn transaction(&self, token: &str, id: &str) -> Result<Value> {
        self.http
            .get(&format!("/v1/transactions/{id}"))
            .by(token)
            .body()
            .await
    }

    /// Waits until a transaction has ended, and notes the stages seen on the way.
    async fn ended(&self, token: &str, id: &str) -> Result<(Value, Vec<String>)> {
        let mut stages: Vec<String> = Vec::new();
        loop {
            let seen = self.transaction(token, id).await?;
            let stage = text(&seen, "stage")?.to_owned();
            if stages.last() != Some(&stage) {
                stages.push(stage);
            }
            if seen["status"] != "pending" {
                return Ok((seen, stages));
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    async fn attempts(&self, token: &str, id: &str) -> Result<Vec<Value>> {
        let path = format!("/v1/transactions/{id}/attempts");
        let list = self.http.get(&path).by(token).body().await?;
        let list = list["data"].as_array().cloned();
        list.context("attempts is not a list")
    }

    /// What the central bank executed under these keys.
    async fn executed(&self, kind: &str, keys: &[String]) -> Result<Vec<Value>> {
        let ledger = self.http.get("/sandbox/ledger").body().await?;
        let entries = ledger["entries"].as_array().context("no entries")?;
        let ours = |entry: &&Value| {
            let named = |name: &str| {
                entry[name]
                    .as_str()
                    .is_some_and(|key| keys.iter().any(|k| k == key))
            };
            entry["kind"] == kind && (named("reference") || named("key"))
        };
        Ok(entries.iter().filter(ours).cloned().collect())
    }

    // ------------------------------------------------------------ (b)

    pub async fn charge_and_pay(&mut self) -> Result<String> {
        let token = self.person(0)?.token.clone();
        let body = json!({"amount_cents": 25_000, "description": "Order 1042"});
        let call = self.http.post("/v1/charges", &body).by(&token);
        let call = call
            .idempotency_key("order-1042")
            .header("Prefer", "wait=10");
        let charge = call.expect(201).body().await?;
        let id = text(&charge, "id")?.to_owned();
        let code = text(&charge, "br_code")?;
        ensure!(code.starts_with("000201"), "this is no BR Code: {code}");
        let txid = text(&charge, "txid")?;
        self.http
            .post(&format!("/sandbox/charges/{txid}/pay"), &json!({}))
            .body()
            .await?;
        let (paid, _) = self.ended(&token, &id).await?;
        ensure!(paid["stage"] == "paid", "the charge ended as {paid}");
        let (available, held) = self.available(0).await?;
        ensure!(
            (available, held) == (25_000, 0),
            "the wallet holds {available} and {held} centavos"
        );
        let pay_in = &paid["pay_ins"][0];
        let line = format!(
            "paid through {}, credited {} once; the gateway's fee of {} is a line of its own",
            text(&paid, "gateway")?,
            reais(cents(pay_in, "amount_cents")?),
            reais(cents(pay_in, "fee_cents")?),
        );
        self.charge = Some(id);
        Ok(line)
    }

    // ------------------------------------------------------------ (c)

    async fn pay_out(&self, key: &str, amount: i64) -> Result<(Value, Vec<String>)> {
        let token = &self.person(0)?.token;
        let body =
            json!({"amount_cents": amount, "pix_key": "padaria@demo.example", "description": key});
        let call = self
            .http
            .post("/v1/payouts", &body)
            .by(token)
            .idempotency_key(key);
        let payout = call.expect(202).body().await?;
        self.ended(token, text(&payout, "id")?).await
    }

    /// The single settlement of a payout that ended well.
    async fn settled_once(&self, payout: &Value, gateway: &str) -> Result<Vec<Value>> {
        ensure!(
            payout["stage"] == "settled",
            "it ended as {}: {}",
            payout["stage"],
            payout["failure"]
        );
        ensure!(
            payout["gateway"] == gateway,
            "it went by {} instead of {gateway}",
            payout["gateway"]
        );
        let token = &self.person(0)?.token;
        let attempts = self.attempts(token, text(payout, "id")?).await?;
        let keys: Vec<String> = attempts
            .iter()
            .filter_map(|attempt| attempt["attempt_key"].as_str().map(str::to_owned))
            .collect();
        let sent = self.executed("sent", &keys).await?;
        ensure!(
            sent.len() == 1,
            "the central bank executed it {} times",
            sent.len()
        );
        ensure!(
            sent[0]["amount_cents"] == payout["amount_cents"] && sent[0]["gateway"] == gateway,
            "the central bank executed {}",
            sent[0]
        );
        Ok(attempts)
    }

    pub async fn payout(&mut self) -> Result<String> {
        let (payout, _) = self.pay_out("rent", 4_200).await?;
        self.settled_once(&payout, PRIMARY).await?;
        let token = &self.person(0)?.token;
        let body = json!({"amount_cents": 4_200, "pix_key": "padaria@demo.example", "description": "rent"});
        let call = self
            .http
            .post("/v1/payouts", &body)
            .by(token)
            .idempotency_key("rent");
        let again = call.expect(202).answer().await?;
        ensure!(
            again.replayed && again.body["id"] == payout["id"],
            "the repeated request made another payout"
        );
        Ok(format!(
            "settled through {PRIMARY}, executed once; the same request again answers the same payout"
        ))
    }

    // ------------------------------------------------------------ transfer and refund

    pub async fn transfer(&mut self) -> Result<String> {
        let token = &self.person(0)?.token;
        let (before, _) = self.available(0).await?;
        let body = json!({"amount_cents": 3_000, "to_pix_key": self.person(1)?.email});
        let call = self
            .http
            .post("/v1/transfers", &body)
            .by(token)
            .idempotency_key("lunch");
        let transfer = call.expect(201).body().await?;
        ensure!(
            transfer["stage"] == "settled",
            "it is {}",
            transfer["stage"]
        );
        let (ana, bruno) = (self.available(0).await?.0, self.available(1).await?.0);
        ensure!(
            (ana, bruno) == (before - 3_000, 3_000),
            "the wallets hold {ana} and {bruno} centavos"
        );
        Ok(format!(
            "Ana has {} left, Bruno has {}",
            reais(ana),
            reais(bruno)
        ))
    }

    pub async fn refund(&mut self) -> Result<String> {
        let charge = self.charge.clone().context("there is no paid charge")?;
        let token = &self.person(0)?.token;
        let body = json!({"transaction_id": charge, "amount_cents": 5_000});
        let call = self
            .http
            .post("/v1/refunds", &body)
            .by(token)
            .idempotency_key("refund");
        let refund = call.expect(202).body().await?;
        let (refund, _) = self.ended(token, text(&refund, "id")?).await?;
        ensure!(
            refund["stage"] == "settled",
            "it ended as {}: {}",
            refund["stage"],
            refund["failure"]
        );
        let charge = self.transaction(token, &charge).await?;
        ensure!(
            charge["refunded_cents"] == 5_000,
            "the charge says {}",
            charge["refunded_cents"]
        );
        Ok(format!(
            "given back through {}, which had received it; the charge shows {} refunded",
            text(&refund, "gateway")?,
            reais(5_000)
        ))
    }

    // ------------------------------------------------------------ (d) (e) (f)

    async fn fault(&self, gateway: &str, fault: Value) -> Result<()> {
        let path = format!("/sandbox/gateways/{gateway}/faults");
        self.http.put(&path, &fault).body().await?;
        Ok(())
    }

    pub async fn fallback(&mut self) -> Result<String> {
        self.fault(PRIMARY, json!({"mode": "down"})).await?;
        let (payout, _) = self.pay_out("fallback", 1_990).await?;
        let attempts = self.settled_once(&payout, FALLBACK).await?;
        let last = attempts.last().context("no attempt")?;
        ensure!(attempts.len() == 2, "it took {} attempts", attempts.len());
        let licence = text(&last["licence"], "in_words")?;
        Ok(format!(
            "settled through {FALLBACK}, executed once.\nlicence: {licence}"
        ))
    }

    pub async fn both_down(&mut self) -> Result<String> {
        let before = self.available(0).await?;
        self.fault(FALLBACK, json!({"mode": "down"})).await?;
        let (payout, _) = self.pay_out("nobody", 1_500).await?;
        ensure!(
            payout["status"] == "failed" && payout["failure"]["code"] == "all_gateways_unavailable",
            "it ended as {}: {}",
            payout["stage"],
            payout["failure"]
        );
        let after = self.available(0).await?;
        ensure!(
            after == before,
            "the wallet had {before:?} centavos and has {after:?}"
        );
        let id = text(&payout, "id")?;
        let alerts = self.app.alerts(50).await?;
        let alert = alerts
            .iter()
            .find(|alert| {
                alert
                    .transaction_id
                    .is_some_and(|about| about.to_string() == id)
            })
            .context("no alert was raised")?;
        Ok(format!(
            "failed ({}), {} are available again, alert event {} written",
            text(&payout["failure"], "code")?,
            reais(after.0),
            alert.kind
        ))
    }

    /// Both gateways are repaired; the primary takes payouts again once a probe has succeeded.
    pub async fn repair(&mut self) -> Result<String> {
        for gateway in [PRIMARY, FALLBACK] {
            self.fault(gateway, json!({"mode": "healthy"})).await?;
        }
        let circuits = until(|| async {
            let views = self.app.gateways_view().await?;
            let circuits: BTreeMap<&str, &str> = views
                .iter()
                .flat_map(|view| {
                    let payout = view
                        .operations
                        .iter()
                        .find(|health| health.operation == "payout");
                    payout.map(|health| (view.gateway.as_str(), health.circuit))
                })
                .collect();
            let shut = circuits.values().any(|circuit| *circuit == "open");
            Ok((!shut && !circuits.is_empty()).then_some(circuits))
        })
        .await?;
        let shown: Vec<String> = circuits
            .iter()
            .map(|(gateway, circuit)| format!("{gateway} {circuit}"))
            .collect();
        Ok(format!(
            "payout circuits after a harmless probe: {}",
            shown.join(", ")
        ))
    }

    pub async fn dropped_reply(&mut self) -> Result<String> {
        let fault = json!({"operation": "payout", "mode": "drop_reply", "times": 1});
        self.fault(PRIMARY, fault).await?;
        let (payout, stages) = self.pay_out("dropped", 2_750).await?;
        let attempts = self.settled_once(&payout, PRIMARY).await?;
        ensure!(attempts.len() == 1, "it took {} attempts", attempts.len());
        let first = &attempts[0]["sends"][0];
        if first["verdict"] != "unknown" {
            bail!("the dropped reply was judged {}", first["verdict"]);
        }
        Ok(format!(
            "{}: the first send is unknown ({}), a lookup by our own key settled it; executed once",
            stages.join(", "),
            first["code"].as_str().unwrap_or("no code"),
        ))
    }
}
