//! What goes wrong in a run, as the plan has it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use app::availability::{Availability, Health, InProcess, Sample};
use async_trait::async_trait;
use domain::circuit::CircuitPolicy;
use domain::gateway::{Gateway, Operation};
use domain::outcome::UnknownCause;
use domain::time::{Moment, Span};

use crate::audit::Auditor;
use crate::faults::{Fault, Faults, LookupFault};
use crate::plan::{Call, NoticeTrouble, Plan, Trouble};
use crate::points::Planned;
use crate::runtime::{START, VirtualRuntime};
use crate::watched;

/// The faults of a plan: single calls by their operation, and outages by time.
pub struct PlannedFaults {
    runtime: VirtualRuntime,
    auditor: Arc<Auditor>,
    calls: BTreeMap<(Gateway, Call, u32, u64), Fault>,
    lookups: BTreeMap<(Gateway, u32, u64), LookupFault>,
    outages: Vec<(Gateway, Moment, Moment, Fault)>,
    counts: Mutex<Counts>,
}

/// Calls so far, by gateway, kind (`None` are lookups) and operation.
type Counts = BTreeMap<(Gateway, Option<Call>, u32), u64>;

impl PlannedFaults {
    pub fn new(plan: &Plan, runtime: VirtualRuntime, auditor: Arc<Auditor>) -> PlannedFaults {
        let mut faults = PlannedFaults {
            runtime,
            auditor,
            calls: BTreeMap::new(),
            lookups: BTreeMap::new(),
            outages: Vec::new(),
            counts: Mutex::default(),
        };
        for mishap in &plan.mishaps {
            match mishap.what.clone() {
                Trouble::Call {
                    gateway,
                    call,
                    of,
                    nth,
                    fault,
                } => {
                    faults.calls.insert((gateway, call, of, nth), fault);
                }
                Trouble::Lookup {
                    gateway,
                    of,
                    nth,
                    fault,
                } => {
                    faults.lookups.insert((gateway, of, nth), fault);
                }
                Trouble::Outage {
                    gateway,
                    at,
                    millis,
                    fault,
                } => {
                    let from = after(at);
                    let to = from.plus(Span::from_millis(millis));
                    faults.outages.push((gateway, from, to, fault));
                }
                _ => {}
            }
        }
        faults
    }

    /// The operation that a call is for, and the how manieth such call it is.
    fn count(&self, gateway: Gateway, call: Option<Call>, key: &str) -> (u32, u64) {
        let of = self.auditor.operation(gateway, key);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry((gateway, call, of)).or_insert(0);
        *count += 1;
        (of, *count)
    }

    fn outage(&self, gateway: Gateway) -> Option<&Fault> {
        let now = self.runtime.elapsed();
        let mut outages = self.outages.iter();
        outages
            .find(|(of, from, to, _)| *of == gateway && *from <= now && now < *to)
            .map(|(_, _, _, fault)| fault)
    }

    fn call(&self, gateway: Gateway, call: Call, key: &str) -> Fault {
        let (of, nth) = self.count(gateway, Some(call), key);
        let own = self.calls.get(&(gateway, call, of, nth));
        own.or_else(|| self.outage(gateway))
            .cloned()
            .unwrap_or(Fault::Healthy)
    }
}

impl Faults for PlannedFaults {
    fn on_send(&self, gateway: Gateway, key: &str) -> Fault {
        self.call(gateway, Call::Send, key)
    }

    fn on_refund(&self, gateway: Gateway, key: &str) -> Fault {
        self.call(gateway, Call::Refund, key)
    }

    fn on_charge(&self, gateway: Gateway, key: &str) -> Fault {
        self.call(gateway, Call::Charge, key)
    }

    fn on_lookup(&self, gateway: Gateway, key: &str) -> LookupFault {
        let (of, nth) = self.count(gateway, None, key);
        if let Some(fault) = self.lookups.get(&(gateway, of, nth)) {
            return *fault;
        }
        match self.outage(gateway) {
            Some(Fault::NeverSent(_)) => LookupFault::Unclear(UnknownCause::ConnectionLost),
            Some(Fault::LostBefore(cause) | Fault::LostAfter(cause) | Fault::Delayed(cause, _)) => {
                LookupFault::Unclear(*cause)
            }
            Some(
                Fault::Healthy | Fault::SettleLate(_) | Fault::RejectLate(_) | Fault::Refuse(_),
            )
            | None => LookupFault::Healthy,
        }
    }
}

/// A time of the plan as a moment.
pub fn after(millis: u32) -> Moment {
    START.plus(Span::from_millis(millis))
}

/// Where the plan interrupts processes.
pub fn interruptions(plan: &Plan) -> Vec<Planned> {
    let planned = plan.mishaps.iter().filter_map(|mishap| match mishap.what {
        Trouble::Interrupt {
            process,
            at,
            nth,
            how,
        } => Some(Planned {
            process,
            from: after(at),
            left: nth,
            how,
        }),
        _ => None,
    });
    planned.collect()
}

/// What is wrong with the database.
pub fn store_trouble(plan: &Plan) -> watched::Trouble {
    let mut trouble = watched::Trouble::default();
    for mishap in &plan.mishaps {
        match mishap.what {
            Trouble::StoreAway { at, millis } => {
                let from = after(at);
                trouble
                    .away
                    .push((from, from.plus(Span::from_millis(millis))));
            }
            Trouble::Stall { of, nth, seconds } => {
                trouble.stalls(of, nth, Span::from_seconds(seconds));
            }
            Trouble::CommitUnanswered { at, nth } => trouble.loses_answer(after(at), nth),
            _ => {}
        }
    }
    trouble
}

/// What happens to the n-th notification about an operation.
pub fn notice_trouble(plan: &Plan, operation: u32, number: u64) -> Option<NoticeTrouble> {
    plan.mishaps.iter().find_map(|mishap| match mishap.what {
        Trouble::Notice { of, nth, how } if (of, nth) == (operation, number) => Some(how),
        _ => None,
    })
}

/// Availability as a cache that may forget everything at any moment.
pub struct ForgetfulCache {
    policy: CircuitPolicy,
    kept: Mutex<Arc<InProcess>>,
}

impl ForgetfulCache {
    pub fn new(policy: CircuitPolicy) -> ForgetfulCache {
        ForgetfulCache {
            policy,
            kept: Mutex::new(Arc::new(InProcess::new(policy))),
        }
    }

    pub fn forget(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(InProcess::new(self.policy));
    }

    fn kept(&self) -> Arc<InProcess> {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[async_trait]
impl Availability for ForgetfulCache {
    async fn health(&self, gateway: Gateway, operation: Operation, now: Moment) -> Health {
        self.kept().health(gateway, operation, now).await
    }

    async fn begin(&self, gateway: Gateway, operation: Operation, now: Moment) -> bool {
        self.kept().begin(gateway, operation, now).await
    }

    async fn abandon(&self, gateway: Gateway, operation: Operation, now: Moment) {
        self.kept().abandon(gateway, operation, now).await;
    }

    async fn observe(&self, gateway: Gateway, operation: Operation, sample: Sample, now: Moment) {
        self.kept().observe(gateway, operation, sample, now).await;
    }

    async fn probe_succeeded(&self, gateway: Gateway, operation: Operation, now: Moment) {
        self.kept().probe_succeeded(gateway, operation, now).await;
    }
}
