//! The availability of the gateways, shared by all processes through Redis.
//!
//! One key per gateway and operation holds the whole standing as one text. A change reads it, applies
//! the rules of `domain` and `app` here, and puts the new text in place of the very text it was made
//! from; when another process was faster, it starts over from what that one wrote. So a place in a
//! half-open circuit is taken once, and no rule is written a second time in Redis. Within a process
//! the changes of one key that wait for each other go together, in one round trip, over the text that
//! the last ones left: a busy process would otherwise outrun the others again and again.
//!
//! A key that nobody looks at for a while goes: a gateway that was forgotten does not stay ejected.
//!
//! [`WithTwin`] is what the application uses: it asks Redis, and when Redis is away the twin in this
//! process, which has followed along and goes on from what was last known.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};

use app::availability::{Availability, Health, InProcess, OwnPlace, Sample, Standing};
use async_trait::async_trait;
use domain::circuit::{CircuitPolicy, CircuitState};
use domain::gateway::{Gateway, Operation};
use domain::time::{Moment, Span};
use tokio::sync::{Mutex, oneshot};

use crate::link::{Away, Connection, Link};
use crate::stored;

/// How long a key lives after the last look at it.
pub const KEY_LIFE: Span = Span::from_seconds(10 * 60);

/// Tries of one change. Each that fails is one in which another process got on.
const TRIES: u32 = 32;

/// The standings in Redis.
pub struct RedisAvailability {
    link: Arc<Link>,
    policy: CircuitPolicy,
    keys: BTreeMap<(Gateway, Operation), Key>,
    /// Changes that others outran every time.
    outrun: AtomicU64,
}

struct Key {
    slot: &'static str,
    name: String,
    /// Changes that wait to be made together.
    waiting: std::sync::Mutex<Vec<Waiting>>,
    /// The text that stood there when this process last looked; whoever holds it makes what waits.
    last: Mutex<Vec<u8>>,
}

/// What a call changes.
#[derive(Clone, Copy)]
enum Step {
    Begin,
    Abandon,
    Observe(Sample),
    ProbeSucceeded,
}

impl Step {
    /// False when it was to begin and there is no place.
    fn apply(self, standing: &mut Standing, policy: &CircuitPolicy, now: Moment) -> bool {
        match self {
            Step::Begin => return standing.begin(policy, now),
            Step::Abandon => standing.abandon(policy, now),
            Step::Observe(sample) => standing.observe(policy, sample, now),
            Step::ProbeSucceeded => standing.probe_succeeded(policy, now),
        }
        true
    }
}

struct Waiting {
    step: Step,
    now: Moment,
    told: oneshot::Sender<Changed>,
}

/// What became of a change.
#[derive(Clone)]
enum Changed {
    /// The standing after it, and what [`Step::apply`] answered.
    Made(Standing, bool),
    /// Others were faster every time; what stands there.
    Outrun(Standing),
    /// Whoever was to make it gave up.
    Dropped,
}

/// The part of a key between braces, which alone says where in a cluster it lies.
pub const fn slot(gateway: Gateway, operation: Operation) -> &'static str {
    match (gateway, operation) {
        (Gateway::Efi, Operation::Charge) => "efi:charge",
        (Gateway::Efi, Operation::Payout) => "efi:payout",
        (Gateway::Efi, Operation::Refund) => "efi:refund",
        (Gateway::Efi, Operation::Lookup) => "efi:lookup",
        (Gateway::MercadoPago, Operation::Charge) => "mercado_pago:charge",
        (Gateway::MercadoPago, Operation::Payout) => "mercado_pago:payout",
        (Gateway::MercadoPago, Operation::Refund) => "mercado_pago:refund",
        (Gateway::MercadoPago, Operation::Lookup) => "mercado_pago:lookup",
    }
}

/// The key of one standing. Its number is that of the text's form: programs that write another form
/// use another key.
pub fn key(gateway: Gateway, operation: Operation) -> String {
    format!("pixwave:{{{}}}:standing:1", slot(gateway, operation))
}

impl RedisAvailability {
    pub fn new(link: Arc<Link>, policy: CircuitPolicy) -> RedisAvailability {
        let each = Gateway::ALL.into_iter().flat_map(|gateway| {
            Operation::ALL.into_iter().map(move |operation| {
                let state = Key {
                    slot: slot(gateway, operation),
                    name: key(gateway, operation),
                    waiting: std::sync::Mutex::default(),
                    last: Mutex::new(Vec::new()),
                };
                ((gateway, operation), state)
            })
        });
        RedisAvailability {
            link,
            policy,
            keys: each.collect(),
            outrun: AtomicU64::new(0),
        }
    }

    /// Changes that were given up because other processes were faster every time.
    pub fn outrun(&self) -> u64 {
        self.outrun.load(Ordering::Relaxed)
    }

    fn key(&self, gateway: Gateway, operation: Operation) -> &Key {
        self.keys
            .get(&(gateway, operation))
            .expect("every operation of every gateway has a key")
    }

    /// Reads a standing, which keeps its key alive.
    async fn read(
        &self,
        gateway: Gateway,
        operation: Operation,
        now: Moment,
    ) -> Result<Standing, Away> {
        let key = self.key(gateway, operation);
        let mut commands = redis::pipe();
        commands
            .get(&key.name)
            .pexpire(&key.name, KEY_LIFE.millis())
            .ignore();
        let work = |mut connection: Connection| async move {
            let (text,): (Option<Vec<u8>>,) = connection.run_all(&commands).await?;
            Ok(text)
        };
        let text = self.link.call(key.slot.into(), work).await?;
        Ok(stored::read(text.as_deref(), now).0)
    }

    async fn change(
        &self,
        gateway: Gateway,
        operation: Operation,
        step: Step,
        now: Moment,
    ) -> Result<Changed, Away> {
        let key = self.key(gateway, operation);
        let work = |connection: Connection| async move {
            let (told, mut answer) = oneshot::channel();
            key.waiting().push(Waiting { step, now, told });
            tokio::select! {
                biased;
                answer = &mut answer => Ok(answer.unwrap_or(Changed::Dropped)),
                mut last = key.last.lock() => {
                    if let Ok(answer) = answer.try_recv() {
                        return Ok(answer);
                    }
                    self.make_waiting(key, connection, &mut last, now).await?;
                    Ok(answer.try_recv().unwrap_or(Changed::Dropped))
                }
            }
        };
        let changed = self.link.call(key.slot.into(), work).await?;
        if matches!(changed, Changed::Outrun(_)) {
            self.outrun.fetch_add(1, Ordering::Relaxed);
        }
        Ok(changed)
    }

    /// Makes every change that waits, in one swap.
    async fn make_waiting(
        &self,
        key: &Key,
        mut connection: Connection,
        last: &mut Vec<u8>,
        now: Moment,
    ) -> redis::RedisResult<()> {
        // Who no longer waits has turned to the twin.
        let waiting: Vec<Waiting> = std::mem::take(&mut *key.waiting())
            .into_iter()
            .filter(|waiting| !waiting.told.is_closed())
            .collect();
        for _ in 0..TRIES {
            let (mut standing, number) = read_held(last, now);
            let apply = |one: &Waiting| one.step.apply(&mut standing, &self.policy, one.now);
            let answers: Vec<bool> = waiting.iter().map(apply).collect();
            let next = stored::write(&standing, number.wrapping_add(1));
            let life = KEY_LIFE.millis();
            match connection.swap(&key.name, last, &next, life).await? {
                None => {
                    *last = next;
                    for (one, answer) in waiting.into_iter().zip(answers) {
                        // Who stopped waiting in this moment has turned to the twin as well: a
                        // place that is taken twice ends by itself.
                        let _gone = one.told.send(Changed::Made(standing.clone(), answer));
                    }
                    return Ok(());
                }
                Some(held) => *last = held,
            }
        }
        let (standing, _) = read_held(last, now);
        for one in waiting {
            let _gone = one.told.send(Changed::Outrun(standing.clone()));
        }
        Ok(())
    }
}

fn read_held(last: &[u8], now: Moment) -> (Standing, u64) {
    stored::read(Some(last).filter(|text| !text.is_empty()), now)
}

impl Key {
    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        // Every change is one push or one take, so a panic leaves a whole list behind.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Availability by Redis, and by the twin in this process while Redis is away.
pub struct WithTwin {
    shared: RedisAvailability,
    twin: InProcess,
}

impl WithTwin {
    pub fn new(shared: RedisAvailability) -> WithTwin {
        let twin = InProcess::new(shared.policy);
        WithTwin { shared, twin }
    }

    pub fn shared(&self) -> &RedisAvailability {
        &self.shared
    }

    /// Makes a change in Redis and lets the twin follow; false when only the twin can make it.
    async fn change(
        &self,
        (gateway, operation): (Gateway, Operation),
        step: Step,
        place: OwnPlace,
        now: Moment,
    ) -> bool {
        match self.shared.change(gateway, operation, step, now).await {
            Ok(Changed::Made(standing, _)) => {
                self.twin.adopt(gateway, operation, &standing, place, now);
                true
            }
            Ok(Changed::Outrun(_) | Changed::Dropped) | Err(Away) => false,
        }
    }
}

#[async_trait]
impl Availability for WithTwin {
    async fn health(&self, gateway: Gateway, operation: Operation, now: Moment) -> Health {
        match self.shared.read(gateway, operation, now).await {
            Ok(standing) => {
                let place = OwnPlace::Untouched;
                self.twin.adopt(gateway, operation, &standing, place, now);
                standing.health(&self.shared.policy, now)
            }
            Err(Away) => self.twin.health(gateway, operation, now).await,
        }
    }

    async fn begin(&self, gateway: Gateway, operation: Operation, now: Moment) -> bool {
        let changed = self.shared.change(gateway, operation, Step::Begin, now);
        match changed.await {
            Ok(Changed::Made(standing, has_place)) => {
                let place = match has_place {
                    true => OwnPlace::Taken,
                    false => OwnPlace::Untouched,
                };
                self.twin.adopt(gateway, operation, &standing, place, now);
                has_place
            }
            // A place that could not be counted is not given out where places are few.
            Ok(Changed::Outrun(standing))
                if matches!(standing.circuit.state, CircuitState::HalfOpen { .. }) =>
            {
                false
            }
            Ok(Changed::Outrun(_) | Changed::Dropped) | Err(Away) => {
                self.twin.begin(gateway, operation, now).await
            }
        }
    }

    async fn abandon(&self, gateway: Gateway, operation: Operation, now: Moment) {
        let place = (gateway, operation);
        if !self
            .change(place, Step::Abandon, OwnPlace::Freed, now)
            .await
        {
            self.twin.abandon(gateway, operation, now).await;
        }
    }

    async fn observe(&self, gateway: Gateway, operation: Operation, sample: Sample, now: Moment) {
        let place = (gateway, operation);
        let step = Step::Observe(sample);
        if !self.change(place, step, OwnPlace::Freed, now).await {
            self.twin.observe(gateway, operation, sample, now).await;
        }
    }

    async fn probe_succeeded(&self, gateway: Gateway, operation: Operation, now: Moment) {
        let place = (gateway, operation);
        let step = Step::ProbeSucceeded;
        if !self.change(place, step, OwnPlace::Untouched, now).await {
            self.twin.probe_succeeded(gateway, operation, now).await;
        }
    }
}
