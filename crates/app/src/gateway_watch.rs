//! Calls people when an operation of a gateway is out of use, and tells them when it is back.
//!
//! What is out of use, and since when, stands in a setting, in the same commit as the alerts, so that
//! of several processes one tells each once. The moment is that of the first look, and not the
//! circuit's own, which begins anew with each call that fails in between.

use std::collections::BTreeMap;

use domain::circuit::{Circuit, CircuitState, OpenCause};
use domain::gateway::{Gateway, Operation};
use domain::ids::AlertId;
use domain::time::{Moment, Span};

use crate::context::{App, CommitError, Decision, IdSeed};
use crate::events;
use crate::ports::store::{AlertRow, Locks, StoreError, Write};

/// A line for each operation that is out of use: `gateway operation micros told|untold`.
const KNOWN: &str = "watch.gateways";
const DOWN: &str = "gateway_down";
const UP: &str = "gateway_up";
/// Shorter outages are what failover is for.
const PATIENCE: Span = Span::from_seconds(60);

type Place = (Gateway, Operation);

/// What one look shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Works,
    /// A probe has come through; whether calls do, only calls show. Nobody is called for that, and
    /// no outage is over by it.
    Proving,
    OutOfUse(OpenCause),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outage {
    since: Moment,
    is_told: bool,
}

/// Looks at every circuit once.
///
/// # Errors
/// The store's.
pub async fn look(app: App) -> Result<(), StoreError> {
    let seed = app.ids();
    let mut seen = BTreeMap::new();
    for gateway in Gateway::ALL {
        for operation in Operation::ALL {
            let health = app.availability.health(gateway, operation, seed.now).await;
            seen.insert((gateway, operation), judged(&health.circuit));
        }
    }
    let locks = Locks {
        settings: vec![KNOWN.to_owned()],
        ..Locks::default()
    };
    let told = app.commit("watch_gateways", locks, move |locked| {
        let stored = locked.settings.get(KNOWN).map_or("", String::as_str);
        let known = read(stored);
        let (next, alerts) = change(&known, &seen, &seed);
        if next == known {
            return Decision::Refuse(());
        }
        let (name, value) = (KNOWN.to_owned(), written(&next));
        let mut writes = vec![Write::PutSetting { name, value }];
        writes.extend(alerts);
        Decision::Commit(writes, ())
    });
    match told.await {
        Ok(()) | Err(CommitError::Refused(())) => Ok(()),
        Err(CommitError::Store(error)) => Err(error),
    }
}

fn judged(circuit: &Circuit) -> Seen {
    match circuit.state {
        CircuitState::Closed => Seen::Works,
        CircuitState::HalfOpen { .. } => Seen::Proving,
        CircuitState::Open { cause, .. } => Seen::OutOfUse(cause),
    }
}

/// What is out of use from now on, and the alerts that tell of it.
fn change(
    known: &BTreeMap<Place, Outage>,
    seen: &BTreeMap<Place, Seen>,
    seed: &IdSeed,
) -> (BTreeMap<Place, Outage>, Vec<Write>) {
    let mut ids = seed.start();
    let (mut next, mut alerts) = (BTreeMap::new(), Vec::new());
    for (place, seen) in seen {
        let before = known.get(place).copied();
        let told = match (*seen, before) {
            (Seen::Works, Some(outage)) if outage.is_told => Some((UP, outage, None)),
            (Seen::Works, Some(_) | None) | (Seen::Proving, None) => None,
            (Seen::Proving, Some(outage)) => {
                next.insert(*place, outage);
                None
            }
            (Seen::OutOfUse(cause), before) => {
                // A moment ahead of us was written by a clock that is wrong.
                let since = before.map_or(seed.now, |outage| outage.since.min(seed.now));
                let was_told = before.is_some_and(|outage| outage.is_told);
                let is_due = seed.now.since(since) >= PATIENCE;
                let outage = Outage {
                    since,
                    is_told: was_told || is_due,
                };
                next.insert(*place, outage);
                (is_due && !was_told).then_some((DOWN, outage, Some(cause)))
            }
        };
        if let Some((kind, outage, cause)) = told {
            let alert = AlertRow {
                id: AlertId::from_bytes(ids.make()),
                kind: kind.to_owned(),
                transaction_id: None,
                gateway: Some(place.0),
                message: message(*place, outage, cause, seed.now),
                raised_at: seed.now,
            };
            alerts.extend(events::alert(&mut ids, alert));
        }
    }
    (next, alerts)
}

fn message(
    (gateway, operation): Place,
    outage: Outage,
    cause: Option<OpenCause>,
    now: Moment,
) -> String {
    let seconds = now.since(outage.since).millis() / 1_000;
    let (gateway, operation) = (gateway.as_str(), operation.as_str());
    match cause {
        Some(OpenCause::Failures) => {
            format!("{operation} at {gateway} is out of use for {seconds} s: calls fail")
        }
        Some(OpenCause::Unknowns) => {
            format!("{operation} at {gateway} is out of use for {seconds} s: answers are lost")
        }
        None => format!("{operation} at {gateway} works again, after {seconds} s"),
    }
}

/// A line that cannot be read is forgotten: the next look finds it anew.
fn read(text: &str) -> BTreeMap<Place, Outage> {
    let line = |line: &str| {
        let mut words = line.split(' ');
        let gateway = Gateway::parse(words.next()?)?;
        let operation = Operation::parse(words.next()?)?;
        let since = Moment::from_micros(words.next()?.parse().ok()?);
        let is_told = words.next()? == "told";
        Some(((gateway, operation), Outage { since, is_told }))
    };
    text.lines().filter_map(line).collect()
}

fn written(known: &BTreeMap<Place, Outage>) -> String {
    let line = |((gateway, operation), outage): (&Place, &Outage)| {
        let told = if outage.is_told { "told" } else { "untold" };
        let since = outage.since.micros();
        format!("{} {} {since} {told}", gateway.as_str(), operation.as_str())
    };
    known.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = (Gateway::Efi, Operation::Payout);

    fn at(seconds: u32) -> IdSeed {
        IdSeed::for_tests(Moment::from_micros(1_000_000_000).plus(Span::from_seconds(seconds)))
    }

    fn seen(what: Seen) -> BTreeMap<Place, Seen> {
        BTreeMap::from([
            (PLACE, what),
            ((Gateway::Efi, Operation::Charge), Seen::Works),
        ])
    }

    fn told(writes: &[Write]) -> Vec<(&str, &str)> {
        let alerts = writes.iter().filter_map(|write| match write {
            Write::InsertAlert(alert) => Some((alert.kind.as_str(), alert.message.as_str())),
            _ => None,
        });
        alerts.collect()
    }

    #[test]
    fn an_outage_is_told_once_after_a_minute_and_so_is_its_end() {
        let failing = seen(Seen::OutOfUse(OpenCause::Failures));
        let (known, alerts) = change(&BTreeMap::new(), &failing, &at(0));
        assert!(told(&alerts).is_empty());
        // Between two looks a call may have failed again: the outage is as old as it is.
        let (known, alerts) = change(&read(&written(&known)), &failing, &at(59));
        assert!(told(&alerts).is_empty());
        let (known, alerts) = change(&known, &seen(Seen::Proving), &at(60));
        assert!(told(&alerts).is_empty());
        let (known, alerts) = change(&read(&written(&known)), &failing, &at(60));
        let message = "payout at efi is out of use for 60 s: calls fail";
        assert_eq!(told(&alerts), [(DOWN, message)]);
        let (known, alerts) = change(&read(&written(&known)), &failing, &at(600));
        assert!(told(&alerts).is_empty());
        let (known, alerts) = change(&known, &seen(Seen::Proving), &at(650));
        assert!(told(&alerts).is_empty());
        let (known, alerts) = change(&read(&written(&known)), &seen(Seen::Works), &at(700));
        let message = "payout at efi works again, after 700 s";
        assert_eq!(told(&alerts), [(UP, message)]);
        assert!(known.is_empty());
    }

    #[test]
    fn a_short_outage_is_not_told_at_all() {
        let lost = seen(Seen::OutOfUse(OpenCause::Unknowns));
        let (known, _) = change(&BTreeMap::new(), &lost, &at(0));
        let (known, alerts) = change(&known, &seen(Seen::Works), &at(30));
        assert!(known.is_empty() && alerts.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_found_anew() {
        assert!(read("efi payout soon told\nnobody payout 1 told\n").is_empty());
        let ahead = read("efi payout 9999999999999999 untold");
        let lost = seen(Seen::OutOfUse(OpenCause::Unknowns));
        let (known, alerts) = change(&ahead, &lost, &at(0));
        assert_eq!((known[&PLACE].since, alerts.len()), (at(0).now, 0));
    }
}
