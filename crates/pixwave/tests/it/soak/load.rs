//! What people ask for during the soak, under one seed, and how a careful client asks.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use testkit::wait_until;

use crate::client::{Client, string};

/// Longer than everything that is broken at once takes to come back.
pub const PATIENCE: Duration = Duration::from_secs(300);
/// Between two tries of one request.
const PAUSE: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Debug)]
pub enum Wish {
    Payout { who: usize, cents: i64 },
    Transfer { who: usize, to: usize, cents: i64 },
    Charge { who: usize, cents: i64 },
    Refund { who: usize },
}

/// So many wishes of so many people.
pub fn wishes(seed: u64, count: usize, people: usize) -> Vec<Wish> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let wish = |_| {
        let who = random.random_range(0..people);
        let cents = random.random_range(100..2_000);
        match random.random_range(0..100) {
            0..50 => Wish::Payout { who, cents },
            50..72 => {
                let to = (who + random.random_range(1..people)) % people;
                Wish::Transfer { who, to, cents }
            }
            72..94 => Wish::Charge { who, cents },
            _ => Wish::Refund { who },
        }
    };
    (0..count).map(wish).collect()
}

pub struct Customer {
    pub token: String,
    pub wallet_id: String,
    /// Charges that were paid and not yet given back.
    pub paid: Mutex<Vec<String>>,
}

/// A request that was accepted.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub who: usize,
    pub id: String,
}

/// Everybody who asks, and what they were told.
pub struct Load {
    pub customers: Vec<Customer>,
    pub wishes: Vec<Wish>,
    /// Where requests may be sent; the place of a server that is away answers nothing.
    pub payments: Vec<Client>,
    pub sandbox: Client,
    begun: AtomicUsize,
    pub done: AtomicUsize,
    pub accepted: Mutex<Vec<Accepted>>,
    /// Wishes that were refused, by code.
    pub refused: Mutex<BTreeMap<String, usize>>,
    /// Requests that had to be asked again.
    pub asked_again: AtomicUsize,
}

impl Load {
    pub fn new(
        customers: Vec<Customer>,
        wishes: Vec<Wish>,
        payments: Vec<Client>,
        sandbox: Client,
    ) -> Load {
        Load {
            customers,
            wishes,
            payments,
            sandbox,
            begun: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            accepted: Mutex::default(),
            refused: Mutex::default(),
            asked_again: AtomicUsize::new(0),
        }
    }

    /// Asks for one wish after the other until none is left.
    pub async fn run(&self) {
        loop {
            let number = self.begun.fetch_add(1, Ordering::Relaxed);
            let Some(wish) = self.wishes.get(number) else {
                return;
            };
            self.fulfil(number, *wish).await;
            self.done.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn fulfil(&self, number: usize, wish: Wish) {
        let (who, path, body) = match wish {
            Wish::Payout { who, cents } => {
                let body = json!({"amount_cents": cents, "pix_key": "padaria@example.com"});
                (who, "/v1/payouts", body)
            }
            Wish::Transfer { who, to, cents } => {
                let to = &self.customers[to].wallet_id;
                let body = json!({"amount_cents": cents, "to_wallet_id": to});
                (who, "/v1/transfers", body)
            }
            Wish::Charge { who, cents } => (who, "/v1/charges", json!({"amount_cents": cents})),
            Wish::Refund { who } => {
                let paid = self.customers[who].paid.lock().expect("not poisoned").pop();
                let Some(charge) = paid else {
                    return self.refuse("nothing_to_refund");
                };
                (who, "/v1/refunds", json!({"transaction_id": charge}))
            }
        };
        let Some(id) = self.ask(number, who, path, &body).await else {
            return;
        };
        let accepted = Accepted {
            who,
            id: id.clone(),
        };
        self.accepted.lock().expect("not poisoned").push(accepted);
        if let Wish::Charge { .. } = wish {
            self.pay(who, &id).await;
        }
    }

    fn refuse(&self, code: &str) {
        let mut refused = self.refused.lock().expect("not poisoned");
        *refused.entry(code.to_owned()).or_default() += 1;
    }

    /// Asks under the wish's own key until there is an answer that means something; the id of what
    /// was accepted.
    async fn ask(&self, number: usize, who: usize, path: &str, body: &Value) -> Option<String> {
        let token = &self.customers[who].token;
        let mut turn = number;
        let answer = wait_until(&format!("an answer to wish {number}"), PATIENCE, || {
            turn += 1;
            let client = &self.payments[turn % self.payments.len()];
            let call = client.post(path, body).by(token).unchecked();
            let call = call.key(&format!("soak-{number}"));
            async move {
                match call.attempt().await {
                    Ok(answer) if answer.status < 500 => Some(answer),
                    // 500 is no answer that this server ever means to give.
                    Ok(answer) if answer.status == 500 => panic!("{}", answer.text()),
                    Ok(_) | Err(_) => {
                        self.asked_again.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(PAUSE).await;
                        None
                    }
                }
            }
        })
        .await;
        match answer.status {
            200..=202 => Some(answer.id()),
            409 | 422 => {
                self.refuse(answer.code());
                None
            }
            _ => panic!("{path}: {}", answer.text()),
        }
    }

    /// A transaction as any of the servers shows it now.
    pub async fn seen(&self, who: usize, id: &str) -> Option<Value> {
        let path = format!("/v1/transactions/{id}");
        for client in &self.payments {
            let call = client.get(&path).by(&self.customers[who].token);
            if let Ok(answer) = call.unchecked().attempt().await
                && answer.status == 200
            {
                return Some(answer.body);
            }
        }
        tokio::time::sleep(PAUSE).await;
        None
    }

    /// Somebody pays the charge once its code is there.
    async fn pay(&self, who: usize, id: &str) {
        let awaiting = wait_until(&format!("the code of {id}"), PATIENCE, || async {
            let seen = self.seen(who, id).await?;
            (seen["stage"] != "creating").then_some(seen)
        })
        .await;
        if awaiting["stage"] == "creation_failed" {
            // Neither gateway answered: there is nothing to pay.
            return;
        }
        assert_eq!(awaiting["stage"], "awaiting_payment", "{awaiting}");
        let reference = self.reference(who, &awaiting).await;
        let path = format!("/sandbox/charges/{reference}/pay");
        // The sandbox drops its connections when a gateway of it goes down.
        let what = format!("the payment of {id}");
        wait_until(&what, PATIENCE, || async {
            let call = self.sandbox.post(&path, &json!({})).unchecked();
            let answer = call.attempt().await.ok()?;
            matches!(answer.status, 200 | 409 | 422).then_some(())
        })
        .await;
        let mut paid = self.customers[who].paid.lock().expect("not poisoned");
        paid.push(id.to_owned());
    }

    /// What the bank knows the charge by: its txid at Efí, our reference at Mercado Pago.
    async fn reference(&self, who: usize, charge: &Value) -> String {
        if charge["gateway"] == "efi" {
            return string(charge, "txid");
        }
        let path = format!("/v1/transactions/{}/attempts", string(charge, "id"));
        let attempts = wait_until("the charge's attempts", PATIENCE, || async {
            let client = &self.payments[0];
            let call = client.get(&path).by(&self.customers[who].token);
            let answer = call.unchecked().attempt().await.ok()?;
            (answer.status == 200).then(|| answer.list())
        })
        .await;
        let mut shown = attempts.iter().rev();
        let shown = shown.find(|attempt| attempt["gateway"] == charge["gateway"]);
        string(shown.expect("an attempt"), "attempt_key")
    }
}
