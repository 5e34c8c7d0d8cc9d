//! What operators see live: the newest events, how many a minute, and how payments end at each
//! gateway. Pure but for its lock; times are the events' own.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard};

use domain::gateway::Gateway;
use domain::time::{Moment, Span};

use crate::cloud_events::SeenEvent;

/// Events that are shown.
const SHOWN: usize = 200;
/// Events that are known again when they come twice.
const KNOWN: usize = 10_000;
/// Minutes of which the rates are kept.
const MINUTES: i64 = 60;
/// The window in which an anomaly is looked for, in minutes.
const WINDOW: i64 = 5;
/// So many failures in the window, and at least half of what ended, are an anomaly.
const FAILURES: u64 = 20;
/// One gateway's anomaly is told again after so long.
const QUIET: Span = Span::from_seconds(15 * 60);
const MICROS_OF_MINUTE: i64 = 60_000_000;

/// How an event bears on its gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bearing {
    Succeeded,
    Failed,
    InDoubt,
}

fn bearing(kind: &str) -> Option<Bearing> {
    match kind {
        "charge.awaiting_payment" | "payout.settled" | "refund.settled" => Some(Bearing::Succeeded),
        "charge.creation_failed" | "payout.rejected" | "refund.rejected" => Some(Bearing::Failed),
        "payout.in_doubt" | "refund.in_doubt" => Some(Bearing::InDoubt),
        _ => None,
    }
}

/// How payments ended at a gateway within a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GatewayEnds {
    pub succeeded: u64,
    pub failed: u64,
    pub in_doubt: u64,
}

/// Most payments of a gateway failed lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anomaly {
    pub gateway: Gateway,
    pub failed: u64,
    pub ended: u64,
}

/// The events of one minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinuteRate {
    /// When the minute began.
    pub from: Moment,
    pub events: u64,
}

/// The view at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveSnapshot {
    /// Newest first.
    pub recent: Vec<SeenEvent>,
    /// Oldest first, minutes without events left out.
    pub per_minute: Vec<MinuteRate>,
    /// Of the last hour.
    pub gateways: BTreeMap<Gateway, GatewayEnds>,
    /// When an event of each type happened last, as far as this process has seen.
    pub last_seen: BTreeMap<String, Moment>,
    /// Events seen since the process began, each once.
    pub seen: u64,
}

#[derive(Default)]
struct Minute {
    events: u64,
    gateways: BTreeMap<Gateway, GatewayEnds>,
}

#[derive(Default)]
struct Inner {
    recent: VecDeque<SeenEvent>,
    known: HashSet<String>,
    order: VecDeque<String>,
    minutes: BTreeMap<i64, Minute>,
    last_seen: BTreeMap<String, Moment>,
    told: BTreeMap<Gateway, Moment>,
    seen: u64,
}

/// The view, shared by whoever feeds it and whoever shows it.
#[derive(Default)]
pub struct LiveView {
    inner: Mutex<Inner>,
}

impl LiveView {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Takes an event, once; whether it makes an anomaly that has not been told lately.
    pub fn record(&self, event: SeenEvent, now: Moment) -> Option<Anomaly> {
        self.lock().record(event, now)
    }

    pub fn snapshot(&self, now: Moment) -> LiveSnapshot {
        let inner = self.lock();
        let oldest = minute_of(now) - MINUTES;
        let mut gateways = BTreeMap::<Gateway, GatewayEnds>::new();
        for minute in inner.minutes.range(oldest..).map(|(_, minute)| minute) {
            for (gateway, ends) in &minute.gateways {
                gateways.entry(*gateway).or_default().add(ends);
            }
        }
        let rate = |(minute, of): (&i64, &Minute)| MinuteRate {
            from: Moment::from_micros(minute * MICROS_OF_MINUTE),
            events: of.events,
        };
        LiveSnapshot {
            recent: inner.recent.iter().rev().cloned().collect(),
            per_minute: inner.minutes.range(oldest..).map(rate).collect(),
            gateways,
            last_seen: inner.last_seen.clone(),
            seen: inner.seen,
        }
    }
}

impl GatewayEnds {
    fn add(&mut self, other: &GatewayEnds) {
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.in_doubt += other.in_doubt;
    }
}

fn minute_of(moment: Moment) -> i64 {
    moment.micros().div_euclid(MICROS_OF_MINUTE)
}

impl Inner {
    fn record(&mut self, event: SeenEvent, now: Moment) -> Option<Anomaly> {
        if !self.known.insert(event.id.clone()) {
            return None;
        }
        self.order.push_back(event.id.clone());
        if self.order.len() > KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.seen += 1;
        let last = self.last_seen.entry(event.kind.clone()).or_default();
        *last = (*last).max(event.occurred_at);
        let (this, gateway) = (minute_of(event.occurred_at), gateway(&event));
        let bearing = bearing(&event.kind);
        // What comes late, out of an old backlog, is shown and no longer counted.
        let is_late = this < minute_of(now) - MINUTES;
        self.recent.push_back(event);
        if self.recent.len() > SHOWN {
            self.recent.pop_front();
        }
        if is_late {
            return None;
        }
        self.minutes = self.minutes.split_off(&(minute_of(now) - MINUTES));
        let minute = self.minutes.entry(this).or_default();
        minute.events += 1;
        let (gateway, bearing) = gateway.zip(bearing)?;
        let ends = minute.gateways.entry(gateway).or_default();
        match bearing {
            Bearing::Succeeded => ends.succeeded += 1,
            Bearing::Failed => ends.failed += 1,
            Bearing::InDoubt => ends.in_doubt += 1,
        }
        match bearing {
            Bearing::Failed => self.anomaly(gateway, now),
            Bearing::Succeeded | Bearing::InDoubt => None,
        }
    }

    fn anomaly(&mut self, gateway: Gateway, now: Moment) -> Option<Anomaly> {
        let mut sum = GatewayEnds::default();
        for (_, minute) in self.minutes.range(minute_of(now) - WINDOW..) {
            sum.add(&minute.gateways.get(&gateway).copied().unwrap_or_default());
        }
        let ended = sum.failed + sum.succeeded;
        let is_anomaly = sum.failed >= FAILURES && sum.failed * 2 >= ended;
        let was_told = self
            .told
            .get(&gateway)
            .is_some_and(|at| now.since(*at) < QUIET);
        if !is_anomaly || was_told {
            return None;
        }
        self.told.insert(gateway, now);
        Some(Anomaly {
            gateway,
            failed: sum.failed,
            ended,
        })
    }
}

fn gateway(event: &SeenEvent) -> Option<Gateway> {
    let name = event.gateway.as_deref()?;
    Gateway::ALL
        .into_iter()
        .find(|gateway| gateway.as_str() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_micros(1_700_000_000_000_000);

    fn event(number: usize, kind: &str, at: Moment) -> SeenEvent {
        SeenEvent {
            id: format!("evt_{number}"),
            kind: kind.to_owned(),
            occurred_at: at,
            position: None,
            transaction_id: None,
            gateway: Some("efi".to_owned()),
            amount_cents: None,
        }
    }

    #[test]
    fn an_event_counts_once_and_the_newest_are_shown_first() {
        let view = LiveView::default();
        for number in [1, 2, 1, 2, 3] {
            assert_eq!(view.record(event(number, "payout.settled", NOW), NOW), None);
        }
        let shown = view.snapshot(NOW);
        let ids: Vec<&str> = shown.recent.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(ids, ["evt_3", "evt_2", "evt_1"]);
        assert_eq!(shown.seen, 3);
        assert_eq!(shown.per_minute.len(), 1);
        assert_eq!(shown.per_minute[0].events, 3);
        let succeeded = GatewayEnds {
            succeeded: 3,
            ..GatewayEnds::default()
        };
        assert_eq!(shown.gateways, BTreeMap::from([(Gateway::Efi, succeeded)]));
        assert_eq!(shown.last_seen["payout.settled"], NOW);
    }

    #[test]
    fn it_stays_bounded_and_forgets_old_minutes() {
        let view = LiveView::default();
        for number in 0..KNOWN + 500 {
            view.record(event(number, "payout.settled", NOW), NOW);
        }
        let inner = view.lock();
        assert_eq!((inner.recent.len(), inner.known.len()), (SHOWN, KNOWN));
        drop(inner);
        let later = NOW.plus(Span::from_seconds(2 * 3_600));
        view.record(event(99_999, "payout.settled", later), later);
        assert_eq!(view.lock().minutes.len(), 1);
        // An old one that comes now is shown, and counts in no minute.
        view.record(event(99_998, "payout.rejected", NOW), later);
        let shown = view.snapshot(later);
        assert_eq!(shown.recent[0].kind, "payout.rejected");
        assert_eq!(shown.gateways[&Gateway::Efi].failed, 0);
    }

    #[test]
    fn a_gateway_where_most_fails_is_told_once_in_a_while() {
        let view = LiveView::default();
        let mut number = 0;
        let mut fail = |count: usize, at: Moment| {
            let mut told = Vec::new();
            for _ in 0..count {
                number += 1;
                told.extend(view.record(event(number, "payout.rejected", at), at));
            }
            told
        };
        assert_eq!(fail(19, NOW), []);
        let anomaly = Anomaly {
            gateway: Gateway::Efi,
            failed: 20,
            ended: 20,
        };
        assert_eq!(fail(1, NOW), [anomaly]);
        assert_eq!(fail(50, NOW), []);
        assert_eq!(fail(20, NOW.plus(QUIET)).len(), 1);
    }

    #[test]
    fn failures_among_many_successes_are_no_anomaly() {
        let view = LiveView::default();
        for number in 0..100 {
            view.record(event(number, "payout.settled", NOW), NOW);
        }
        for number in 100..150 {
            assert_eq!(
                view.record(event(number, "payout.rejected", NOW), NOW),
                None
            );
        }
    }
}
