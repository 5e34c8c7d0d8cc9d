//! One simulated gateway behind the port.
//!
//! Like Efí it can be asked by our key, or like Mercado Pago it only repeats itself: the two differ
//! in how an unknown outcome is resolved, and both are played. Charges are never paid here; the
//! simulated outside world is about money going out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use app::ports::gateway::*;
use app::ports::runtime::Runtime;
use async_trait::async_trait;
use domain::gateway::{Capabilities, Gateway, Resolution};
use domain::money::Money;
use domain::outcome::{
    Acceptance, Evidence, Execution, Refusal, RefusalReason, SendVerdict, UnknownCause,
};
use domain::pix::br_code::{DynamicCode, encode_dynamic};
use domain::time::{Moment, Span};
use serde::{Deserialize, Serialize};

use crate::bank::{Bank, Order};
use crate::faults::{Fault, Faults, LookupFault};

pub struct SimulatedGateway {
    gateway: Gateway,
    bank: Arc<Bank>,
    faults: Arc<dyn Faults>,
    runtime: Arc<dyn Runtime>,
    /// Money calls that reached the port.
    sends: AtomicU64,
}

#[derive(Serialize, Deserialize)]
struct Request {
    key: String,
    cents: i64,
}

impl SimulatedGateway {
    pub fn new(
        gateway: Gateway,
        bank: Arc<Bank>,
        faults: Arc<dyn Faults>,
        runtime: Arc<dyn Runtime>,
    ) -> Self {
        SimulatedGateway {
            gateway,
            bank,
            faults,
            runtime,
            sends: AtomicU64::new(0),
        }
    }

    /// How often money was asked to leave.
    pub fn sends(&self) -> u64 {
        self.sends.load(Ordering::SeqCst)
    }

    fn by_key(&self) -> bool {
        self.gateway == Gateway::Efi
    }

    fn request(key: &str, amount: Money) -> PreparedRequest {
        let request = Request {
            key: key.to_owned(),
            cents: amount.cents(),
        };
        PreparedRequest(serde_json::to_vec(&request).expect("a plain record serializes"))
    }

    fn send(&self, request: &PreparedRequest) -> SendVerdict {
        self.sends.fetch_add(1, Ordering::SeqCst);
        let Ok(Request { key, cents }) = serde_json::from_slice(&request.0) else {
            return refused(RefusalReason::Malformed);
        };
        let amount = Money::from_cents(cents).expect("prepared from money");
        let now = self.runtime.now();
        match self.faults.on_send(self.gateway, &key) {
            Fault::NeverSent(cause) => SendVerdict::NeverSent(cause),
            Fault::Refuse(reason) => refused(reason),
            Fault::LostBefore(cause) => SendVerdict::Unknown(cause),
            Fault::LostAfter(cause) => {
                self.bank.take(
                    self.gateway,
                    &key,
                    amount,
                    Order::Accepted { settles_at: now },
                    now,
                );
                SendVerdict::Unknown(cause)
            }
            Fault::Delayed(cause) => {
                self.bank.delay(self.gateway, &key, amount);
                SendVerdict::Unknown(cause)
            }
            Fault::Healthy => self.take(&key, amount, Order::Accepted { settles_at: now }, now),
            Fault::SettleLate(span) => self.take(
                &key,
                amount,
                Order::Accepted {
                    settles_at: now.plus(span),
                },
                now,
            ),
            Fault::RejectLate(span) => self.take(
                &key,
                amount,
                Order::Doomed {
                    fails_at: now.plus(span),
                },
                now,
            ),
        }
    }

    /// A key that is known is answered as its gateway answers: Efí refuses the duplicate, Mercado
    /// Pago repeats what it said.
    fn take(&self, key: &str, amount: Money, order: Order, now: Moment) -> SendVerdict {
        let fresh = self.bank.take(self.gateway, key, amount, order, now);
        if !fresh && self.by_key() {
            return SendVerdict::Unknown(UnknownCause::DuplicateKey);
        }
        SendVerdict::Accepted(Acceptance {
            gateway_reference: (!self.by_key()).then(|| reference(key)),
            end_to_end_id: None,
        })
    }

    fn evidence(&self, attempt: &AttemptReference) -> Evidence {
        let key = &attempt.attempt_key;
        match self.faults.on_lookup(self.gateway, key) {
            LookupFault::NotFound => return Evidence::NotFound,
            LookupFault::Unclear(cause) => return Evidence::Unclear(cause),
            LookupFault::Healthy => {}
        }
        if !self.by_key() && attempt.gateway_reference.is_none() {
            return Evidence::Unclear(UnknownCause::UnrecognizedAnswer);
        }
        let gateway_reference = (!self.by_key()).then(|| reference(key));
        match self.bank.order(self.gateway, key, self.runtime.now()) {
            None => Evidence::NotFound,
            Some(Order::Accepted { .. } | Order::Doomed { .. }) => {
                Evidence::InProgress(Acceptance {
                    gateway_reference,
                    end_to_end_id: None,
                })
            }
            Some(Order::Executed) => Evidence::Settled(Execution {
                gateway_reference,
                end_to_end_id: Some(format!("E{key}")),
            }),
            Some(Order::Failed) => Evidence::Refused(Refusal {
                reason: RefusalReason::Unexplained,
                code: "failed".to_owned(),
            }),
        }
    }
}

/// A code that decodes, as real gateways make them.
fn br_code(key: &str) -> String {
    let code = DynamicCode {
        url: &format!("qr.example.com/v2/{key}"),
        recurrence_url: None,
        is_single_use: true,
        merchant_name: "SIMULATED",
        merchant_city: "SAO PAULO",
    };
    encode_dynamic(&code).expect("a key of 32 characters fits")
}

fn reference(key: &str) -> String {
    format!("id-{key}")
}

fn refused(reason: RefusalReason) -> SendVerdict {
    SendVerdict::NotDone(Refusal {
        code: reason.as_str().to_owned(),
        reason,
    })
}

#[async_trait]
impl GatewayClient for SimulatedGateway {
    fn gateway(&self) -> Gateway {
        self.gateway
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            dynamic_br_code: self.by_key(),
            smallest_payout_cents: 1,
            shortest_charge_expiry: Span::from_seconds(60),
            longest_charge_expiry: Span::from_days(30),
            resolution: if self.by_key() {
                Resolution::LookUpByKey
            } else {
                Resolution::ReplaySameBytes
            },
            dedup_window: if self.by_key() {
                Span::from_days(30)
            } else {
                Span::from_seconds(3_600)
            },
            refund_window: Span::from_days(90),
        }
    }

    fn prepare_payout(&self, order: &PayoutOrder) -> Result<PreparedRequest, CannotCarry> {
        Ok(Self::request(&order.attempt_key, order.amount))
    }

    async fn send_payout(&self, request: &PreparedRequest) -> SendVerdict {
        self.runtime.sleep(Span::from_millis(1)).await;
        let verdict = self.send(request);
        self.runtime.sleep(Span::from_millis(1)).await;
        verdict
    }

    async fn look_up_payout(&self, attempt: &AttemptReference) -> PayoutLookup {
        self.runtime.sleep(Span::from_millis(1)).await;
        PayoutLookup {
            evidence: self.evidence(attempt),
            gateway_reference: attempt.gateway_reference.clone(),
            payee_name: None,
            returns: Vec::new(),
        }
    }

    fn prepare_charge(&self, order: &ChargeOrder) -> Result<PreparedRequest, CannotCarry> {
        Ok(Self::request(&order.attempt_key, order.amount))
    }

    async fn create_charge(&self, request: &PreparedRequest) -> ChargeAnswer {
        let Ok(Request { key, .. }) = serde_json::from_slice(&request.0) else {
            return ChargeAnswer::NotDone(Refusal {
                reason: RefusalReason::Malformed,
                code: "malformed".into(),
            });
        };
        let expires_at = self.runtime.now().plus(Span::from_seconds(3_600));
        ChargeAnswer::Created(CreatedCharge {
            br_code: br_code(&key),
            gateway_reference: key,
            expires_at,
        })
    }

    async fn look_up_charge(&self, attempt: &AttemptReference) -> ChargeLookup {
        ChargeLookup::Found(FoundCharge {
            gateway_reference: attempt.attempt_key.clone(),
            state: ChargeState::Active,
            br_code: None,
            expires_at: None,
            pay_ins: Vec::new(),
        })
    }

    async fn cancel_charge(&self, _attempt: &AttemptReference) -> CancelAnswer {
        CancelAnswer::Cancelled
    }

    async fn look_up_pay_in(&self, _key: &str) -> Result<Option<ObservedPayIn>, GatewayTrouble> {
        Ok(None)
    }

    async fn received(
        &self,
        _from: Moment,
        _to: Moment,
    ) -> Result<Vec<ObservedPayIn>, GatewayTrouble> {
        Ok(Vec::new())
    }

    fn prepare_refund(
        &self,
        order: &RefundOrder,
        _before: &[ObservedReturn],
    ) -> Result<PreparedRequest, CannotCarry> {
        Ok(Self::request(&order.attempt_key, order.amount))
    }

    async fn send_refund(&self, request: &PreparedRequest) -> SendVerdict {
        self.send_payout(request).await
    }

    async fn look_up_refund(&self, attempt: &AttemptReference) -> Evidence {
        self.look_up_payout(attempt).await.evidence
    }

    async fn balance(&self) -> Result<Option<Money>, GatewayTrouble> {
        Ok(None)
    }

    async fn probe(&self) -> Result<(), GatewayTrouble> {
        Ok(())
    }

    fn read_inbound(
        &self,
        _request: &InboundRequest,
        _now: Moment,
    ) -> Result<ParsedInbound, InboundRefusal> {
        Err(InboundRefusal::Malformed(
            "the simulated gateway sends no notifications".to_owned(),
        ))
    }

    async fn ensure_webhook(&self, _public_url: &str) -> Result<(), GatewayTrouble> {
        Ok(())
    }
}
