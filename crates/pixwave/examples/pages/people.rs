//! People who use the service, and one payment of each kind.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

static KEYS: AtomicU64 = AtomicU64::new(1);
const PASSWORD: &str = "correct horse battery staple";
/// No payment takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// Somebody with a session.
pub struct Person {
    http: reqwest::Client,
    url: String,
    pub user_id: String,
    pub wallet_id: String,
    pub token: String,
}

impl Person {
    /// `number` makes e-mail and document its own.
    pub async fn sign_up(url: &str, name: &str, number: u64) -> Result<Person> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let mut person = Person {
            http,
            url: url.to_owned(),
            user_id: String::new(),
            wallet_id: String::new(),
            token: String::new(),
        };
        let email = format!("person{number}@example.com");
        let body = json!({
            "name": name, "email": email, "password": PASSWORD, "tax_id": cpf(200_000_000 + number),
        });
        let user = person.post("/v1/users", body).await?;
        let body = json!({"email": email, "password": PASSWORD});
        let session = person.post("/v1/sessions", body).await?;
        person.user_id = text(&user, "id")?;
        person.wallet_id = text(&user["wallet"], "id")?;
        person.token = text(&session, "token")?;
        Ok(person)
    }

    async fn send(&self, request: reqwest::RequestBuilder, what: &str) -> Result<Value> {
        let answer = request.bearer_auth(&self.token).send().await?;
        let status = answer.status();
        let bytes = answer.bytes().await?;
        let told = String::from_utf8_lossy(&bytes);
        ensure!(status.is_success(), "{what}: {status} {told}");
        Ok(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    pub async fn post(&self, path: &str, body: Value) -> Result<Value> {
        let request = self.http.post(format!("{}{path}", self.url));
        let number = KEYS.fetch_add(1, Ordering::Relaxed);
        let request = request.header("Idempotency-Key", format!("bench-{number}"));
        self.send(request.json(&body), path).await
    }

    async fn put(&self, path: &str, body: Value) -> Result<Value> {
        let request = self.http.put(format!("{}{path}", self.url));
        self.send(request.json(&body), path).await
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let request = self.http.get(format!("{}{path}", self.url));
        self.send(request, path).await
    }

    /// Its id, once it has ended or shows its code.
    async fn until(&self, body: &Value, done: fn(&Value) -> bool) -> Result<Value> {
        let id = text(body, "id")?;
        let started = Instant::now();
        loop {
            let seen = self.get(&format!("/v1/transactions/{id}")).await?;
            if done(&seen) {
                return Ok(seen);
            }
            ensure!(started.elapsed() < LIMIT, "it does not end: {seen}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn ended(&self, body: &Value) -> Result<String> {
        let seen = self.until(body, |seen| seen["status"] != "pending").await?;
        text(&seen, "id")
    }

    async fn paid_charge(&self, amount: i64) -> Result<String> {
        let body = json!({"amount_cents": amount, "description": "Aula de violão"});
        let made = self.post("/v1/charges", body).await?;
        let open = self.until(&made, |seen| !seen["br_code"].is_null()).await?;
        let path = format!("/sandbox/charges/{}/pay", text(&open, "txid")?);
        self.post(&path, json!({})).await?;
        self.ended(&open).await
    }

    async fn payout(&self, amount: i64) -> Result<String> {
        let body = json!({
            "amount_cents": amount, "pix_key": "padaria@example.com", "description": "Pão e leite",
        });
        let made = self.post("/v1/payouts", body).await?;
        self.ended(&made).await
    }
}

fn text(body: &Value, name: &str) -> Result<String> {
    let text = body[name].as_str();
    text.map(str::to_owned)
        .with_context(|| format!("no {name} in {body}"))
}

/// The CPF with these first nine digits.
fn cpf(first_nine: u64) -> String {
    let mut digits: Vec<u64> = format!("{first_nine:09}")
        .bytes()
        .map(|byte| u64::from(byte - b'0'))
        .collect();
    for weight in [10, 11] {
        let sum: u64 = digits
            .iter()
            .zip(0..)
            .map(|(digit, place)| digit * (weight - place))
            .sum();
        digits.push(sum * 10 % 11 % 10);
    }
    digits.iter().map(u64::to_string).collect()
}

/// The ids of one payment of each kind.
pub struct Sample {
    pub sender: Person,
    pub receiver: Person,
    pub charge: String,
    /// A charge of which a part was given back, and the refund.
    pub refunded: String,
    pub refund: String,
    pub payout: String,
    pub refused: String,
    /// From the sender to the receiver.
    pub transfer: String,
}

impl Sample {
    pub async fn make(url: &str) -> Result<Sample> {
        let sender = Person::sign_up(url, "Ana Souza", 1).await?;
        let receiver = Person::sign_up(url, "Bia Lima", 2).await?;
        let charge = sender.paid_charge(10_000).await?;
        let refunded = sender.paid_charge(9_000).await?;
        let body = json!({"transaction_id": refunded, "amount_cents": 3_000});
        let refund = sender.post("/v1/refunds", body).await?;
        let refund = sender.ended(&refund).await?;
        let payout = sender.payout(2_000).await?;
        let body = json!({
            "amount_cents": 1_000, "to_wallet_id": receiver.wallet_id, "description": "Almoço",
        });
        let transfer = text(&sender.post("/v1/transfers", body).await?, "id")?;
        for gateway in ["efi", "mercado_pago"] {
            let fault = json!({"operation": "payout", "mode": "reject"});
            let path = format!("/sandbox/gateways/{gateway}/faults");
            sender.put(&path, fault).await?;
        }
        let refused = sender.payout(2_500).await?;
        Ok(Sample {
            sender,
            receiver,
            charge,
            refunded,
            refund,
            payout,
            refused,
            transfer,
        })
    }
}
