//! What every use case works with: the ports, the settings, and the way to commit.
//!
//! [`App::commit`] wraps the store's untyped units: a use case names its locks and gives a pure
//! closure that returns either writes with an answer or a typed refusal. Ids and the time are
//! drawn before the unit, so that a re-run of the closure decides the same.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use domain::circuit::CircuitPolicy;
use domain::fee::FeeRule;
use domain::gateway::{Gateway, Operation};
use domain::limits::Limits;
use domain::money::Money;
use domain::pix::key::PixKey;
use domain::retry::{Backoff, RetryPolicy};
use domain::tax_id::TaxId;
use domain::time::{Moment, Span};
use tokio::sync::Notify;

use crate::availability::Availability;
use crate::controls::Controls;
use crate::guards::Guards;
use crate::ports::gateway::GatewayClient;
use crate::ports::outbound::OutboundStore;
use crate::ports::runtime::Runtime;
use crate::ports::store::{
    Answer, Locked, Locks, Store, StoreError, Unit, UnitResult, Verdict, Write,
};
use crate::webhooks::WebhookSettings;

/// What the operator may set, with the defaults of the embedded mode.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The dispatch epoch of the configuration; `None`: whichever the database holds.
    pub dispatch_epoch: Option<String>,
    pub primary_payout: Gateway,
    pub primary_charge: Gateway,
    /// Where gateways reach us, when they can.
    pub public_url: Option<String>,
    /// The secret part of the Efí webhook's path.
    pub efi_webhook_secret: String,
    /// Tries of one attempt at its gateway.
    pub send_retries: RetryPolicy,
    /// Between lookups of an attempt whose end is not known.
    pub lookups: Backoff,
    /// The longest time between two looks at a charge that waits for its payment.
    pub charge_look_interval: Span,
    pub circuit: CircuitPolicy,
    /// How long one gateway call may take in all; a lease outlives it.
    pub call_limit: Span,
    pub job_lease: Span,
    /// How far clocks may be off, between hosts or by a jump. A gateway's window for one key is
    /// trusted this much less than it is promised.
    pub clock_tolerance: Span,
    /// An idle worker looks at the queue at least this often: jobs of other processes ring no bell
    /// in this one.
    pub idle_look: Span,
    /// Maximum ages of the pending stages.
    pub queued_deadline: Span,
    pub sending_deadline: Span,
    pub accepted_deadline: Span,
    pub in_doubt_deadline: Span,
    pub creating_deadline: Span,
    /// A payout that no float covers waits this long.
    pub float_wait: Span,
    /// Our own PIX key at each gateway, where it is known: float moves there are paid to it.
    pub own_keys: BTreeMap<Gateway, PixKey>,
    /// Who holds our accounts at both gateways: the payer of a float move.
    pub account_holder: Option<TaxId>,
    /// A proposed float move that nobody approves expires after this.
    pub float_proposal_life: Span,
    /// Float that left one gateway and has not reached the other by then is alerted.
    pub float_arrival_wait: Span,
    /// Money in doubt at one gateway that stops further payouts there.
    pub max_in_doubt: Money,
    pub payout_fee: FeeRule,
    /// For pay-ins whose fee the gateway does not tell.
    pub pay_in_fee: BTreeMap<Gateway, FeeRule>,
    pub default_limits: Limits,
    /// How long after a charge's expiry the gateway is asked whether it was paid.
    pub expiry_grace: Span,
    pub session_length: Span,
    /// Runs of a job that may fail before it is buried (or its payment reviewed).
    pub job_tries: u32,
    pub webhooks: WebhookSettings,
}

impl Settings {
    /// The defaults of the embedded mode.
    pub fn standard() -> Settings {
        let reais =
            |amount: i64| Money::from_cents(amount * 100).expect("a constant within bounds");
        let rate = |basis_points| FeeRule {
            basis_points,
            ..FeeRule::FREE
        };
        Settings {
            dispatch_epoch: None,
            primary_payout: Gateway::Efi,
            primary_charge: Gateway::Efi,
            public_url: None,
            efi_webhook_secret: String::new(),
            send_retries: RetryPolicy::STANDARD,
            lookups: Backoff {
                first: Span::from_millis(500),
                longest: Span::from_seconds(60),
                jitter_percent: 20,
            },
            charge_look_interval: Span::from_seconds(15 * 60),
            circuit: CircuitPolicy::STANDARD,
            call_limit: Span::from_seconds(20),
            job_lease: Span::from_seconds(30),
            clock_tolerance: Span::from_seconds(5 * 60),
            idle_look: Span::from_seconds(1),
            queued_deadline: Span::from_seconds(30 * 60),
            sending_deadline: Span::from_seconds(5 * 60),
            accepted_deadline: Span::from_seconds(60 * 60),
            in_doubt_deadline: Span::from_seconds(15 * 60),
            creating_deadline: Span::from_seconds(5 * 60),
            float_wait: Span::from_seconds(10 * 60),
            own_keys: BTreeMap::new(),
            account_holder: None,
            float_proposal_life: Span::from_days(1),
            float_arrival_wait: Span::from_seconds(30 * 60),
            max_in_doubt: reais(50_000),
            payout_fee: FeeRule::FREE,
            pay_in_fee: BTreeMap::from([
                (Gateway::Efi, rate(119)),
                (Gateway::MercadoPago, rate(99)),
            ]),
            default_limits: Limits {
                per_transaction: reais(5_000),
                per_day: reais(20_000),
                per_night: reais(1_000),
            },
            expiry_grace: Span::from_seconds(60),
            session_length: Span::from_days(7),
            job_tries: 10,
            webhooks: WebhookSettings::standard(),
        }
    }

    /// The preferred gateway of an operation, as the configuration has it.
    pub fn primary(&self, operation: Operation) -> Gateway {
        match operation {
            Operation::Charge => self.primary_charge,
            Operation::Payout | Operation::Refund | Operation::Lookup => self.primary_payout,
        }
    }
}

/// The application: cheap to clone, shared by every request and worker.
#[derive(Clone)]
pub struct App {
    pub store: Arc<dyn Store>,
    /// The same store, for what leaves by the event stream.
    pub outbound: Arc<dyn OutboundStore>,
    pub gateways: Arc<BTreeMap<Gateway, Arc<dyn GatewayClient>>>,
    pub runtime: Arc<dyn Runtime>,
    pub settings: Arc<Settings>,
    pub availability: Arc<dyn Availability>,
    /// Rung after every commit: workers, the sequencer and waiting requests listen.
    pub bell: Arc<Notify>,
    /// What this process does for whoever knocks, bounded.
    pub guards: Arc<Guards>,
    /// What operators have set, as this process read it last.
    pub controls: Arc<Controls>,
}

/// What a pure decision says.
pub enum Decision<T, R> {
    Commit(Vec<Write>, T),
    Refuse(R),
}

/// Why a commit did not happen.
#[derive(Debug)]
pub enum CommitError<R> {
    Refused(R),
    Store(StoreError),
}

impl<R> From<StoreError> for CommitError<R> {
    fn from(error: StoreError) -> Self {
        CommitError::Store(error)
    }
}

/// How often a unit that met a fresh twin of its own unique row is run again: the second run finds
/// the twin and answers from it.
const CONFLICT_RUNS: u32 = 3;

impl App {
    pub fn now(&self) -> Moment {
        self.runtime.now()
    }

    pub fn gateway(&self, gateway: Gateway) -> &Arc<dyn GatewayClient> {
        self.gateways
            .get(&gateway)
            .expect("every gateway has a client")
    }

    /// A source of ids for one unit, drawn now.
    pub fn ids(&self) -> IdSeed {
        let mut random = [0; 10];
        self.runtime.random(&mut random);
        IdSeed {
            now: self.now(),
            random,
        }
    }

    /// A random draw for jitter and routing.
    pub fn draw(&self) -> u64 {
        let mut bytes = [0; 8];
        self.runtime.random(&mut bytes);
        u64::from_be_bytes(bytes)
    }

    /// Commits one unit and rings the bell.
    pub async fn commit<T, R>(
        &self,
        name: &'static str,
        locks: Locks,
        decide: impl Fn(&Locked) -> Decision<T, R> + Send + Sync + 'static,
    ) -> Result<T, CommitError<R>>
    where
        T: Any + Send,
        R: Any + Send,
    {
        let untyped = move |locked: &Locked| match decide(locked) {
            Decision::Commit(writes, answer) => Verdict::Commit {
                writes,
                answer: Box::new(answer),
            },
            Decision::Refuse(refusal) => Verdict::Refuse(Box::new(refusal)),
        };
        let unit = Unit {
            name,
            locks,
            decide: Arc::new(untyped),
        };
        let mut runs = 0;
        loop {
            runs += 1;
            let result = self
                .store
                .commit(vec![unit.clone()])
                .await
                .pop()
                .expect("one result per unit");
            match result {
                UnitResult::Committed(answer) => {
                    self.bell.notify_waiters();
                    return Ok(typed(answer));
                }
                UnitResult::Refused(refusal) => return Err(CommitError::Refused(typed(refusal))),
                UnitResult::Failed(StoreError::Conflict("transactions.idempotency"))
                    if runs < CONFLICT_RUNS => {}
                UnitResult::Failed(error) => return Err(CommitError::Store(error)),
            }
        }
    }
}

fn typed<T: Any>(answer: Answer) -> T {
    *answer
        .downcast::<T>()
        .unwrap_or_else(|_| panic!("a unit answers with the type of its decision"))
}

/// Makes the ids of one unit: UUIDv7 with the unit's time, told apart by a counter, so that every
/// run of the same decision makes the same ids.
#[derive(Clone, Copy, Debug)]
pub struct IdSeed {
    pub now: Moment,
    random: [u8; 10],
}

impl IdSeed {
    /// A seed without randomness.
    #[cfg(test)]
    pub(crate) fn for_tests(now: Moment) -> IdSeed {
        IdSeed {
            now,
            random: [0; 10],
        }
    }

    /// Starts the sequence; each run of a decision starts anew.
    pub fn start(&self) -> Ids {
        Ids {
            seed: *self,
            made: 0,
        }
    }
}

/// The running sequence of ids.
pub struct Ids {
    seed: IdSeed,
    made: u16,
}

impl Ids {
    /// The sixteen bytes of the next id (RFC 9562 section 5.7; the counter stands in `rand_a`, so
    /// that ids of one unit keep their order).
    pub fn make(&mut self) -> [u8; 16] {
        let millis = u64::try_from(self.seed.now.micros() / 1_000).unwrap_or(0);
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        bytes[6] = 0x70 | (self.made >> 8 & 0x0f) as u8;
        bytes[7] = self.made as u8;
        bytes[8..].copy_from_slice(&self.seed.random[2..]);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        self.made += 1;
        bytes
    }
}

/// What every id made at this moment or later is not below.
pub(crate) fn first_id_at(moment: Moment) -> [u8; 16] {
    let millis = u64::try_from(moment.micros() / 1_000).unwrap_or(0);
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_unit_are_ordered_repeatable_version_seven() {
        let seed = IdSeed {
            now: Moment::from_micros(1_700_000_000_000_000),
            random: [0xff; 10],
        };
        let mut ids = seed.start();
        let (first, second) = (ids.make(), ids.make());
        assert!(first < second);
        assert!(first_id_at(seed.now) <= first);
        let later = Moment::from_micros(seed.now.micros() + 1_000);
        assert!(second < first_id_at(later));
        assert_eq!(seed.start().make(), first);
        let uuid = uuid::Uuid::from_bytes(second);
        assert_eq!(
            (uuid.get_version_num(), uuid.get_variant()),
            (7, uuid::Variant::RFC4122)
        );
    }
}
