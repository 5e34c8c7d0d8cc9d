//! One simulated gateway behind the port.
//!
//! Like Efí it can be asked by our key, or like Mercado Pago it only repeats itself: the two differ
//! in how an unknown outcome is resolved, and both are played. A call first meets the network (its
//! latency and its points), then the faults of the run, and then the bank, which alone decides what
//! is executed. Notifications are queued for whoever delivers them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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
use tokio::sync::Notify;

use crate::audit::Auditor;
use crate::bank::{Bank, Instruction, Order, Purpose, Received, Taken};
use crate::faults::{Fault, Faults, LookupFault};
use crate::points::Points;
use crate::runtime::{Process, VirtualRuntime};
use crate::trace::Trace;

/// What lies around a gateway in a whole run; a gateway alone needs none of it.
#[derive(Clone)]
pub struct Surroundings {
    /// The process that calls.
    pub process: Process,
    pub runtime: VirtualRuntime,
    pub points: Arc<Points>,
    pub trace: Arc<Trace>,
    pub notices: Arc<Notices>,
    pub auditor: Arc<Auditor>,
}

/// A notification that a gateway will send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub gateway: Gateway,
    /// Not before this time that has passed.
    pub at: Moment,
    pub about: About,
    pub reference: String,
}

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    Charge,
    PayIn,
    Payout,
    Refund,
}

/// The notifications that wait to be sent.
#[derive(Default)]
pub struct Notices {
    waiting: Mutex<Vec<Notice>>,
    pub added: Notify,
}

impl Notices {
    pub fn add(&self, notice: Notice) {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(notice);
        self.added.notify_one();
    }

    pub fn take(&self) -> Vec<Notice> {
        std::mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The body of a notification.
#[derive(Serialize, Deserialize)]
pub struct Notification {
    pub about: About,
    pub reference: String,
}

/// The header that says that a notification is genuine.
pub const SIGNATURE: (&str, &str) = ("x-signature", "genuine");

pub struct SimulatedGateway {
    gateway: Gateway,
    bank: Arc<Bank>,
    faults: Arc<dyn Faults>,
    runtime: Arc<dyn Runtime>,
    around: Option<Surroundings>,
    /// Money calls that reached the port.
    sends: AtomicU64,
}

#[derive(Serialize, Deserialize)]
struct Request {
    key: String,
    cents: i64,
    /// The pay-in that a refund gives back.
    pay_in: Option<String>,
    /// How long a charge can be paid.
    expires_in: Option<u32>,
}

impl Request {
    fn new(key: &str, amount: Money) -> Request {
        Request {
            key: key.to_owned(),
            cents: amount.cents(),
            pay_in: None,
            expires_in: None,
        }
    }

    fn prepared(&self) -> PreparedRequest {
        PreparedRequest(serde_json::to_vec(self).expect("a plain record serializes"))
    }

    fn read(request: &PreparedRequest) -> Option<Request> {
        serde_json::from_slice(&request.0).ok()
    }

    fn amount(&self) -> Money {
        Money::from_cents(self.cents).expect("prepared from money")
    }
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
            around: None,
            sends: AtomicU64::new(0),
        }
    }

    /// The same in a whole run.
    #[must_use]
    pub fn within(mut self, around: Surroundings) -> Self {
        self.around = Some(around);
        self
    }

    /// How often money was asked to leave.
    pub fn sends(&self) -> u64 {
        self.sends.load(Ordering::SeqCst)
    }

    const fn by_key(&self) -> bool {
        matches!(self.gateway, Gateway::Efi)
    }

    /// The time of the bank: what has passed, whatever wall clocks show.
    fn bank_time(&self) -> Moment {
        match &self.around {
            Some(around) => around.runtime.elapsed(),
            None => self.runtime.now(),
        }
    }

    /// What the product's clocks show.
    fn wall_clock(&self) -> Moment {
        match &self.around {
            Some(around) => around.runtime.now(),
            None => self.runtime.now(),
        }
    }

    /// One way through the network.
    async fn travel(&self) {
        match &self.around {
            None => self.runtime.sleep(Span::from_millis(1)).await,
            Some(around) => {
                around.points.pass(around.process).await;
                let millis = u32::try_from(around.runtime.draw() % 200).unwrap_or(0);
                self.runtime.sleep(Span::from_millis(1 + millis)).await;
                around.points.pass(around.process).await;
            }
        }
    }

    fn tell(&self, what: impl FnOnce(&Trace) -> String) {
        if let Some(around) = &self.around {
            around.trace.tell(around.process, || what(&around.trace));
        }
    }

    fn notify(&self, about: About, reference: &str, at: Moment) {
        if let Some(around) = &self.around {
            around.notices.add(Notice {
                gateway: self.gateway,
                at,
                about,
                reference: reference.to_owned(),
            });
        }
    }

    // ------------------------------------------------------------ money out

    async fn carry(&self, request: &PreparedRequest) -> SendVerdict {
        let left_at = self.bank_time();
        self.travel().await;
        self.sends.fetch_add(1, Ordering::SeqCst);
        let Some(order) = Request::read(request) else {
            return refused(RefusalReason::Malformed);
        };
        if let Some(around) = &self.around {
            around.auditor.transmitted(self.gateway, &order.key);
        }
        let fault = match order.pay_in {
            None => self.faults.on_send(self.gateway, &order.key),
            Some(_) => self.faults.on_refund(self.gateway, &order.key),
        };
        let verdict = self.meet(&order, &fault, left_at);
        if let (Some(around), SendVerdict::NotDone(refused)) = (&self.around, &verdict)
            && refused.reason == RefusalReason::RiskRefused
        {
            around.auditor.refused_as_risk(self.gateway, &order.key);
        }
        self.tell(|trace| {
            let name = trace.name(&order.key);
            format!(
                "{name} to {}: {fault:?}, answered {verdict:?}",
                self.gateway
            )
        });
        self.travel().await;
        verdict
    }

    fn meet(&self, order: &Request, fault: &Fault, left_at: Moment) -> SendVerdict {
        let now = self.bank_time();
        let at = |settles_at| Order::Accepted { settles_at };
        match fault {
            Fault::NeverSent(cause) => SendVerdict::NeverSent(*cause),
            Fault::Refuse(reason) => refused(reason.clone()),
            Fault::LostBefore(cause) => SendVerdict::Unknown(*cause),
            Fault::LostAfter(cause) => {
                self.take(order, at(now), left_at);
                SendVerdict::Unknown(*cause)
            }
            Fault::Delayed(cause, span) => {
                let until = span.map(|span| now.plus(span));
                self.bank.delay(self.instruction(order, left_at), until);
                SendVerdict::Unknown(*cause)
            }
            Fault::Healthy => self.take(order, at(now), left_at),
            Fault::SettleLate(span) => self.take(order, at(now.plus(*span)), left_at),
            Fault::RejectLate(span) => {
                let fails_at = now.plus(*span);
                self.take(order, Order::Doomed { fails_at }, left_at)
            }
        }
    }

    fn instruction(&self, order: &Request, left_at: Moment) -> Instruction {
        let purpose = match &order.pay_in {
            None => Purpose::Payout,
            Some(key) => Purpose::Refund {
                pay_in_key: key.clone(),
            },
        };
        Instruction {
            gateway: self.gateway,
            key: order.key.clone(),
            amount: order.amount(),
            purpose,
            left_at,
        }
    }

    /// A key that is known is answered as its gateway answers: Efí refuses the duplicate, Mercado
    /// Pago repeats what it said.
    fn take(&self, request: &Request, order: Order, left_at: Moment) -> SendVerdict {
        let key = &request.key;
        let instruction = self.instruction(request, left_at);
        match self.bank.take(instruction, order, self.bank_time()) {
            Taken::OverRemainder => return refused(RefusalReason::RefundNotAllowed),
            Taken::Known if self.by_key() => {
                return SendVerdict::Unknown(UnknownCause::DuplicateKey);
            }
            Taken::Known => {}
            Taken::New => {
                let (Order::Accepted { settles_at: at } | Order::Doomed { fails_at: at }) = order
                else {
                    return refused(RefusalReason::Malformed);
                };
                match &request.pay_in {
                    None => self.notify(About::Payout, key, at),
                    Some(pay_in) => self.notify(About::Refund, pay_in, at),
                }
            }
        }
        SendVerdict::Accepted(Acceptance {
            gateway_reference: (!self.by_key()).then(|| reference(key)),
            end_to_end_id: None,
        })
    }

    async fn ask(&self, attempt: &AttemptReference) -> Evidence {
        self.travel().await;
        let evidence = self.evidence(attempt);
        self.tell(|trace| {
            let name = trace.name(&attempt.attempt_key);
            format!("{} shows {name}: {evidence:?}", self.gateway)
        });
        if self.around.is_some() {
            self.travel().await;
        }
        evidence
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
        match self.bank.order(self.gateway, key, self.bank_time()) {
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

    /// What came back of a payout: each return, or at Mercado Pago the grown total.
    fn returns(&self, attempt: &AttemptReference) -> Vec<ObservedReturn> {
        let key = &attempt.attempt_key;
        let returns = self.bank.returns(self.gateway, key, self.bank_time());
        if self.by_key() {
            return returns
                .into_iter()
                .map(|(key, amount)| observed_return(key, None, amount))
                .collect();
        }
        let total = Money::sum(returns.iter().map(|(_, amount)| *amount));
        match total {
            Some(total) if !total.is_zero() => {
                vec![observed_return(reference(key), None, total)]
            }
            Some(_) | None => Vec::new(),
        }
    }

    // ------------------------------------------------------------ money in

    fn create(&self, order: &Request) -> ChargeAnswer {
        let now = self.bank_time();
        match self.faults.on_charge(self.gateway, &order.key) {
            Fault::NeverSent(cause) => ChargeAnswer::NeverSent(cause),
            Fault::Refuse(reason) => ChargeAnswer::NotDone(Refusal {
                code: reason.as_str().to_owned(),
                reason,
            }),
            Fault::LostBefore(cause) => ChargeAnswer::Unknown(cause),
            Fault::LostAfter(cause) | Fault::Delayed(cause, _) => {
                let _made = self.make(order, now);
                ChargeAnswer::Unknown(cause)
            }
            Fault::Healthy | Fault::SettleLate(_) | Fault::RejectLate(_) => {
                ChargeAnswer::Created(self.make(order, now))
            }
        }
    }

    fn make(&self, order: &Request, now: Moment) -> CreatedCharge {
        let span = Span::from_seconds(order.expires_in.unwrap_or(3_600));
        let expires_at = now.plus(span);
        let code = self
            .bank
            .make_code(self.gateway, &order.key, order.amount(), expires_at);
        CreatedCharge {
            br_code: br_code(&order.key),
            gateway_reference: self.charge_reference(&order.key),
            expires_at: code.expires_at,
        }
    }

    fn charge_reference(&self, key: &str) -> String {
        if self.by_key() {
            key.to_owned()
        } else {
            reference(key)
        }
    }

    fn show_charge(&self, attempt: &AttemptReference) -> ChargeLookup {
        let key = &attempt.attempt_key;
        match self.faults.on_lookup(self.gateway, key) {
            LookupFault::NotFound => return ChargeLookup::NotFound,
            LookupFault::Unclear(cause) => return ChargeLookup::Unclear(cause),
            LookupFault::Healthy => {}
        }
        let now = self.bank_time();
        let Some(code) = self.bank.code(self.gateway, key) else {
            return ChargeLookup::NotFound;
        };
        // Where the gateway never says "expired", the product has only its own clock to go by.
        self.bank
            .note_look(self.gateway, key, now.max(self.wall_clock()));
        let pay_ins: Vec<ObservedPayIn> = self
            .bank
            .all_received(self.gateway, now)
            .into_iter()
            .filter(|pix| pix.code.as_deref() == Some(key))
            .map(|pix| self.observed(pix))
            .collect();
        let paid: i64 = pay_ins.iter().map(|pay_in| pay_in.amount.cents()).sum();
        let state = match (paid >= code.amount.cents(), code.removed) {
            (true, _) => ChargeState::Paid,
            (false, true) => ChargeState::Removed,
            // Efí shows an expired charge as active for ever.
            (false, false) if !self.by_key() && code.expires_at <= now => ChargeState::Expired,
            (false, false) => ChargeState::Active,
        };
        ChargeLookup::Found(FoundCharge {
            gateway_reference: self.charge_reference(key),
            state,
            br_code: Some(br_code(key)),
            expires_at: Some(code.expires_at),
            pay_ins,
        })
    }

    fn observed(&self, pix: Received) -> ObservedPayIn {
        let refunds = pix.refunds.into_iter().map(|(key, amount)| {
            let ours = self.by_key().then(|| key.clone());
            observed_return(key, ours, amount)
        });
        let reversals = pix
            .reversals
            .into_iter()
            .map(|(key, amount)| observed_return(key, None, amount));
        ObservedPayIn {
            end_to_end_id: Some(pix.key.clone()),
            key: pix.key,
            amount: pix.amount,
            fee: Some(pix.fee),
            paid_at: pix.at,
            payer: ObservedPayer::default(),
            charge_reference: pix.code,
            returned: refunds.chain(reversals).collect(),
            disputes: Vec::new(),
        }
    }

    /// Whether a lookup that names no attempt is in trouble.
    fn trouble(&self, key: &str) -> Result<(), GatewayTrouble> {
        match self.faults.on_lookup(self.gateway, key) {
            LookupFault::Healthy | LookupFault::NotFound => Ok(()),
            LookupFault::Unclear(cause) => Err(GatewayTrouble {
                gateway: self.gateway,
                message: cause.as_str().to_owned(),
            }),
        }
    }
}

fn observed_return(key: String, attempt_key: Option<String>, amount: Money) -> ObservedReturn {
    ObservedReturn {
        key,
        attempt_key,
        amount,
        done: true,
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
            dedup_window: self.bank.window(self.gateway),
            refund_window: Span::from_days(90),
        }
    }

    fn prepare_payout(&self, order: &PayoutOrder) -> Result<PreparedRequest, CannotCarry> {
        Ok(Request::new(&order.attempt_key, order.amount).prepared())
    }

    async fn send_payout(&self, request: &PreparedRequest) -> SendVerdict {
        self.carry(request).await
    }

    async fn look_up_payout(&self, attempt: &AttemptReference) -> PayoutLookup {
        PayoutLookup {
            evidence: self.ask(attempt).await,
            gateway_reference: attempt.gateway_reference.clone(),
            payee_name: None,
            returns: self.returns(attempt),
        }
    }

    fn prepare_charge(&self, order: &ChargeOrder) -> Result<PreparedRequest, CannotCarry> {
        let mut request = Request::new(&order.attempt_key, order.amount);
        request.expires_in = Some(order.expires_in_seconds);
        Ok(request.prepared())
    }

    async fn create_charge(&self, request: &PreparedRequest) -> ChargeAnswer {
        self.travel().await;
        let Some(order) = Request::read(request) else {
            return ChargeAnswer::NotDone(Refusal {
                reason: RefusalReason::Malformed,
                code: "malformed".into(),
            });
        };
        let answer = self.create(&order);
        self.tell(|trace| {
            let name = trace.name(&order.key);
            match &answer {
                ChargeAnswer::Created(_) => format!("{} made the code of {name}", self.gateway),
                other => format!("{} asked for the code of {name}: {other:?}", self.gateway),
            }
        });
        self.travel().await;
        answer
    }

    async fn look_up_charge(&self, attempt: &AttemptReference) -> ChargeLookup {
        self.travel().await;
        let shown = self.show_charge(attempt);
        self.travel().await;
        shown
    }

    async fn cancel_charge(&self, attempt: &AttemptReference) -> CancelAnswer {
        self.travel().await;
        let key = &attempt.attempt_key;
        let answer = match self.faults.on_lookup(self.gateway, key) {
            LookupFault::Unclear(cause) => CancelAnswer::Unclear(cause),
            LookupFault::NotFound => CancelAnswer::NotFound,
            LookupFault::Healthy if self.bank.code(self.gateway, key).is_none() => {
                CancelAnswer::NotFound
            }
            LookupFault::Healthy if self.bank.remove_code(self.gateway, key) => {
                CancelAnswer::Cancelled
            }
            LookupFault::Healthy => CancelAnswer::NotCancellable,
        };
        self.tell(|trace| {
            let name = trace.name(key);
            format!("{} takes the code of {name} away: {answer:?}", self.gateway)
        });
        self.travel().await;
        answer
    }

    async fn look_up_pay_in(&self, key: &str) -> Result<Option<ObservedPayIn>, GatewayTrouble> {
        self.travel().await;
        self.trouble(key)?;
        let received = self.bank.received(self.gateway, key, self.bank_time());
        Ok(received.map(|pix| self.observed(pix)))
    }

    async fn received(
        &self,
        from: Moment,
        to: Moment,
    ) -> Result<Vec<ObservedPayIn>, GatewayTrouble> {
        self.travel().await;
        self.trouble("received")?;
        let all = self.bank.all_received(self.gateway, self.bank_time());
        let within = all.into_iter().filter(|pix| pix.at >= from && pix.at <= to);
        Ok(within.map(|pix| self.observed(pix)).collect())
    }

    fn prepare_refund(
        &self,
        order: &RefundOrder,
        _before: &[ObservedReturn],
    ) -> Result<PreparedRequest, CannotCarry> {
        let mut request = Request::new(&order.attempt_key, order.amount);
        request.pay_in = Some(order.pay_in_key.clone());
        Ok(request.prepared())
    }

    async fn send_refund(&self, request: &PreparedRequest) -> SendVerdict {
        self.carry(request).await
    }

    async fn look_up_refund(&self, attempt: &AttemptReference) -> Evidence {
        self.ask(attempt).await
    }

    async fn balance(&self) -> Result<Option<Money>, GatewayTrouble> {
        Ok(None)
    }

    async fn probe(&self) -> Result<(), GatewayTrouble> {
        self.travel().await;
        self.trouble("probe")
    }

    fn read_inbound(
        &self,
        request: &InboundRequest,
        _now: Moment,
    ) -> Result<ParsedInbound, InboundRefusal> {
        let verified = request
            .headers
            .get(SIGNATURE.0)
            .is_some_and(|value| value == SIGNATURE.1);
        // Efí's notifications prove where they come from; some of Mercado Pago's kinds do not.
        if !verified && self.by_key() {
            return Err(InboundRefusal::BadSignature);
        }
        let told: Notification = serde_json::from_slice(&request.body)
            .map_err(|error| InboundRefusal::Malformed(error.to_string()))?;
        let reference = told.reference;
        let hint = match told.about {
            About::Charge => Hint::Charge { reference },
            About::PayIn => Hint::PayIn { key: reference },
            About::Payout => Hint::Payout { reference },
            About::Refund => Hint::Refund {
                pay_in_key: reference,
            },
        };
        Ok(ParsedInbound {
            verified,
            hints: vec![hint],
        })
    }

    async fn ensure_webhook(&self, _public_url: &str) -> Result<(), GatewayTrouble> {
        Ok(())
    }
}
