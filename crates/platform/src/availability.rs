//! The availability of the gateways, shared by all processes through Redis.
//!
//! One key per gateway and operation holds the whole standing as one text. A change reads it, applies
//! the rules of `domain` and `app` here, and puts the new text in place of the very text it was made
//! from; when another process was faster, it starts over from what that one wrote. So a place in a
//! half-open circuit is taken once, and no rule is written a second time in Redis. Within a process
//! the changes of one key go one after the other, over the text that the last one left, which is
//! nearly always still there: one round trip.
//!
//! A key that nobody looks at for a while goes: a gateway that was forgotten does not stay ejected.
//!
//! [`WithTwin`] is what the application uses: it asks Redis, and when Redis is away the twin in this
//! process, which has followed along and goes on from what was last known.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use app::availability::{Availability, Health, InProcess, OwnPlace, Sample, Standing};
use async_trait::async_trait;
use domain::circuit::{CircuitPolicy, CircuitState};
use domain::gateway::{Gateway, Operation};
use domain::time::{Moment, Span};
use tokio::sync::Mutex;

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
    /// The text that stood there when this process last looked; one change at a time.
    last: Mutex<Vec<u8>>,
}

/// A change that was made, or was not because others were always faster.
enum Change<T> {
    Made(Standing, T),
    Outrun(Standing),
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

    async fn change<T>(
        &self,
        gateway: Gateway,
        operation: Operation,
        now: Moment,
        change: impl Fn(&mut Standing) -> T,
    ) -> Result<Change<T>, Away> {
        let key = self.key(gateway, operation);
        let work = |mut connection: Connection| async move {
            let mut last = key.last.lock().await;
            let mut tries = 0;
            loop {
                let held = Some(last.as_slice()).filter(|text| !text.is_empty());
                let (mut standing, number) = stored::read(held, now);
                if tries == TRIES {
                    return Ok(Change::Outrun(standing));
                }
                tries += 1;
                let answer = change(&mut standing);
                let next = stored::write(&standing, number.wrapping_add(1));
                let life = KEY_LIFE.millis();
                match connection.swap(&key.name, &last, &next, life).await? {
                    None => {
                        *last = next;
                        return Ok(Change::Made(standing, answer));
                    }
                    Some(held) => *last = held,
                }
            }
        };
        let changed = self.link.call(key.slot.into(), work).await?;
        if matches!(changed, Change::Outrun(_)) {
            self.outrun.fetch_add(1, Ordering::Relaxed);
        }
        Ok(changed)
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
        place: OwnPlace,
        now: Moment,
        change: impl Fn(&mut Standing),
    ) -> bool {
        match self.shared.change(gateway, operation, now, change).await {
            Ok(Change::Made(standing, ())) => {
                self.twin.adopt(gateway, operation, &standing, place, now);
                true
            }
            Ok(Change::Outrun(_)) | Err(Away) => false,
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
        let policy = self.shared.policy;
        let begin = move |standing: &mut Standing| standing.begin(&policy, now);
        match self.shared.change(gateway, operation, now, begin).await {
            Ok(Change::Made(standing, has_place)) => {
                let place = match has_place {
                    true => OwnPlace::Taken,
                    false => OwnPlace::Untouched,
                };
                self.twin.adopt(gateway, operation, &standing, place, now);
                has_place
            }
            // A place that could not be counted is not given out where places are few.
            Ok(Change::Outrun(standing))
                if matches!(standing.circuit.state, CircuitState::HalfOpen { .. }) =>
            {
                false
            }
            Ok(Change::Outrun(_)) | Err(Away) => self.twin.begin(gateway, operation, now).await,
        }
    }

    async fn abandon(&self, gateway: Gateway, operation: Operation, now: Moment) {
        let (place, policy) = (OwnPlace::Freed, self.shared.policy);
        let abandon = move |standing: &mut Standing| standing.abandon(&policy, now);
        if !self.change((gateway, operation), place, now, abandon).await {
            self.twin.abandon(gateway, operation, now).await;
        }
    }

    async fn observe(&self, gateway: Gateway, operation: Operation, sample: Sample, now: Moment) {
        let (place, policy) = (OwnPlace::Freed, self.shared.policy);
        let observe = move |standing: &mut Standing| standing.observe(&policy, sample, now);
        if !self.change((gateway, operation), place, now, observe).await {
            self.twin.observe(gateway, operation, sample, now).await;
        }
    }

    async fn probe_succeeded(&self, gateway: Gateway, operation: Operation, now: Moment) {
        let (place, policy) = (OwnPlace::Untouched, self.shared.policy);
        let succeeded = move |standing: &mut Standing| standing.probe_succeeded(&policy, now);
        if !self
            .change((gateway, operation), place, now, succeeded)
            .await
        {
            self.twin.probe_succeeded(gateway, operation, now).await;
        }
    }
}
