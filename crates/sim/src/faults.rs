//! What a simulated gateway does at each call: a script, a plan, or nothing but health.

use std::collections::VecDeque;
use std::sync::Mutex;

use domain::gateway::Gateway;
use domain::outcome::{NeverSent, RefusalReason, UnknownCause};
use domain::time::Span;

/// What happens to one money call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Executed and answered.
    Healthy,
    /// Taken; settles later.
    SettleLate(Span),
    /// Taken; refused later.
    RejectLate(Span),
    /// No byte leaves the host.
    NeverSent(NeverSent),
    /// Refused at once.
    Refuse(RefusalReason),
    /// Not executed, and the caller learns nothing.
    LostBefore(UnknownCause),
    /// Executed, and the caller learns nothing.
    LostAfter(UnknownCause),
    /// The caller learns nothing; the network delivers the request after this time, or when it is
    /// told to.
    Delayed(UnknownCause, Option<Span>),
}

/// What happens to one lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupFault {
    Healthy,
    /// The order is not visible yet.
    NotFound,
    Unclear(UnknownCause),
}

/// Decides the faults.
pub trait Faults: Send + Sync + 'static {
    fn on_send(&self, gateway: Gateway, key: &str) -> Fault;
    fn on_lookup(&self, gateway: Gateway, key: &str) -> LookupFault;

    fn on_refund(&self, gateway: Gateway, key: &str) -> Fault {
        self.on_send(gateway, key)
    }

    fn on_charge(&self, _gateway: Gateway, _key: &str) -> Fault {
        Fault::Healthy
    }
}

/// Faults from lists, one per call and gateway; healthy when a list has run out.
#[derive(Default)]
pub struct Script {
    sends: Mutex<Vec<(Gateway, VecDeque<Fault>)>>,
    lookups: Mutex<Vec<(Gateway, VecDeque<LookupFault>)>>,
}

impl Script {
    /// The next sends at `gateway` go like this.
    #[must_use]
    pub fn sends(self, gateway: Gateway, faults: impl IntoIterator<Item = Fault>) -> Script {
        lock(&self.sends).push((gateway, faults.into_iter().collect()));
        self
    }

    /// The next lookups at `gateway` go like this.
    #[must_use]
    pub fn lookups(
        self,
        gateway: Gateway,
        faults: impl IntoIterator<Item = LookupFault>,
    ) -> Script {
        lock(&self.lookups).push((gateway, faults.into_iter().collect()));
        self
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn next<T>(lists: &Mutex<Vec<(Gateway, VecDeque<T>)>>, gateway: Gateway) -> Option<T> {
    let mut lists = lock(lists);
    lists
        .iter_mut()
        .filter(|(of, _)| *of == gateway)
        .find_map(|(_, list)| list.pop_front())
}

impl Faults for Script {
    fn on_send(&self, gateway: Gateway, _key: &str) -> Fault {
        next(&self.sends, gateway).unwrap_or(Fault::Healthy)
    }

    fn on_lookup(&self, gateway: Gateway, _key: &str) -> LookupFault {
        next(&self.lookups, gateway).unwrap_or(LookupFault::Healthy)
    }
}
