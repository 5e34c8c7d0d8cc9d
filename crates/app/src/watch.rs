//! What the monitor does by itself: runs the checks, looks at the queue more often, and raises an
//! alert for each rule that has newly broken.
//!
//! A rule that stays broken is told once. Which ones are known to be broken stands in a setting, in
//! the same commit as the alerts, so that several monitors tell each once. An alert says which rule
//! and how many rows; `pixwave check` lists them.

use std::collections::BTreeSet;

use domain::ids::AlertId;
use domain::time::{Moment, Span};

use crate::checks::{Check, check};
use crate::context::{App, CommitError, Decision, IdSeed};
use crate::events;
use crate::ports::store::{AlertRow, Locks, QueueDepth, StoreError, Write};
use crate::waiting::{Step, Waiting};

/// The settings with the rules that are known to be broken, one a line.
const KNOWN: &str = "monitor.broken";
const KNOWN_OF_QUEUE: &str = "monitor.queue";
const INVARIANT_BROKEN: &str = "invariant_broken";
/// A job that has been ready for so long finds no worker.
const QUEUE_PATIENCE: Span = Span::from_seconds(120);
const QUEUE_RULE: &str = "a ready job finds a worker within two minutes";
/// What a payment between two reads can break is whole again by then.
const SECOND_LOOK: Span = Span::from_seconds(5);

/// Runs all checks.
///
/// # Errors
/// The store's.
pub async fn look(app: App) -> Result<(), StoreError> {
    let mut broken = broken_rules(&app).await?;
    if !broken.is_empty() {
        app.runtime.sleep(SECOND_LOOK).await;
        let again = broken_rules(&app).await?;
        broken.retain(|(rule, _)| again.iter().any(|(other, _)| other == rule));
    }
    tell(&app, KNOWN, broken).await
}

/// Looks for jobs that no worker takes and events that do not leave, which is a few small reads.
///
/// # Errors
/// The store's.
pub async fn look_at_queue(app: App) -> Result<(), StoreError> {
    let mut broken = late(&app.waiting().await?, app.now());
    if !broken.is_empty() {
        app.runtime.sleep(SECOND_LOOK).await;
        let again = late(&app.waiting().await?, app.now());
        broken.retain(|(rule, _)| again.iter().any(|(other, _)| other == rule));
    }
    broken.extend(stuck(&app.store.queue_depth().await?, app.now()));
    tell(&app, KNOWN_OF_QUEUE, broken).await
}

/// The steps at which an event has waited for more than a minute.
fn late(waiting: &Waiting, now: Moment) -> Vec<(&'static str, String)> {
    let late = Step::ALL.into_iter();
    let late = late.filter(|step| waiting.is_late(*step, now));
    late.map(|step| {
        let seconds = waiting.age(step, now).millis() / 1_000;
        (rule(step), format!("the oldest waits for {seconds} s"))
    })
    .collect()
}

const fn rule(step: Step) -> &'static str {
    match step {
        Step::Numbering => "an event has its place in the stream within a minute",
        Step::Topic => "the topic has an event within a minute",
        Step::Webhooks => {
            "an event on its way to a webhook endpoint finds a worker within a minute"
        }
    }
}

/// Each broken rule with how it is broken, in figures.
async fn broken_rules(app: &App) -> Result<Vec<(&'static str, String)>, StoreError> {
    let checks = check(app).await?;
    Ok(checks.iter().filter_map(figures).collect())
}

fn figures(check: &Check) -> Option<(&'static str, String)> {
    let count = check.broken.len();
    (count > 0).then(|| (check.rule, format!("rows that break it: {count}")))
}

fn stuck(depth: &QueueDepth, now: Moment) -> Option<(&'static str, String)> {
    let waits = now.since(depth.oldest_ready?);
    (waits > QUEUE_PATIENCE).then(|| {
        let seconds = waits.millis() / 1_000;
        let ready = depth.ready;
        (
            QUEUE_RULE,
            format!("{ready} ready, the oldest for {seconds} s"),
        )
    })
}

/// Remembers what is broken and raises an alert for what was not before.
async fn tell(
    app: &App,
    known: &'static str,
    broken: Vec<(&'static str, String)>,
) -> Result<(), StoreError> {
    for (rule, figures) in &broken {
        tracing::error!(rule, figures, "a rule is broken");
    }
    let seed = app.ids();
    let locks = Locks {
        settings: vec![known.to_owned()],
        ..Locks::default()
    };
    let told = app.commit("tell_broken", locks, move |locked| {
        let stored = locked.settings.get(known).map_or("", String::as_str);
        let Some((value, alerts)) = change(stored, &broken, &seed) else {
            return Decision::Refuse(());
        };
        let name = known.to_owned();
        let mut writes = vec![Write::PutSetting { name, value }];
        writes.extend(alerts);
        Decision::Commit(writes, ())
    });
    match told.await {
        Ok(()) | Err(CommitError::Refused(())) => Ok(()),
        Err(CommitError::Store(error)) => Err(error),
    }
}

/// What is known from now on, and the alerts that tell what is new; `None` when nothing has changed.
fn change(
    stored: &str,
    broken: &[(&'static str, String)],
    seed: &IdSeed,
) -> Option<(String, Vec<Write>)> {
    let known: BTreeSet<&str> = stored.lines().collect();
    let now: BTreeSet<&str> = broken.iter().map(|(rule, _)| *rule).collect();
    if known == now {
        return None;
    }
    let mut ids = seed.start();
    let mut alerts = Vec::new();
    for (rule, figures) in broken.iter().filter(|(rule, _)| !known.contains(rule)) {
        let alert = AlertRow {
            id: AlertId::from_bytes(ids.make()),
            kind: INVARIANT_BROKEN.to_owned(),
            transaction_id: None,
            gateway: None,
            message: format!("broken: {rule} ({figures})"),
            raised_at: seed.now,
        };
        alerts.extend(events::alert(&mut ids, alert));
    }
    Some((now.iter().copied().collect::<Vec<_>>().join("\n"), alerts))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: (&str, &str) = ("a rule", "rows that break it: 2");

    fn broken() -> Vec<(&'static str, String)> {
        vec![(RULE.0, RULE.1.to_owned())]
    }

    fn seed() -> IdSeed {
        IdSeed::for_tests(Moment::default())
    }

    #[test]
    fn a_rule_is_told_when_it_breaks_and_not_while_it_stays_broken() {
        let (known, writes) = change("", &broken(), &seed()).expect("news");
        assert_eq!(known, RULE.0);
        let alerts = writes.iter().filter_map(|write| match write {
            Write::InsertAlert(alert) => Some(alert.message.as_str()),
            _ => None,
        });
        assert_eq!(
            alerts.collect::<Vec<_>>(),
            ["broken: a rule (rows that break it: 2)"]
        );
        assert!(change("a rule", &broken(), &seed()).is_none());
        // Whole again: forgotten without an alert, and told anew when it breaks again.
        let (known, alerts) = change("a rule", &[], &seed()).expect("news");
        assert!(known.is_empty() && alerts.is_empty());
        assert!(change("", &[], &seed()).is_none());
    }

    #[test]
    fn an_event_that_does_not_leave_is_told() {
        let now = Moment::default().plus(Span::from_seconds(1_000));
        let waiting = Waiting {
            numbering: Some(now.minus(Span::from_seconds(61))),
            topic: Some(now.minus(Span::from_seconds(9))),
            webhooks: None,
        };
        let told = late(&waiting, now);
        let expected = (
            rule(Step::Numbering),
            "the oldest waits for 61 s".to_owned(),
        );
        assert_eq!(told, [expected]);
        assert!(late(&Waiting::default(), now).is_empty());
    }

    #[test]
    fn a_queue_without_a_worker_is_stuck() {
        let now = Moment::default().plus(Span::from_seconds(1_000));
        let depth = |age: u32| QueueDepth {
            ready: 3,
            dead: 0,
            oldest_ready: Some(now.minus(Span::from_seconds(age))),
        };
        assert!(stuck(&depth(119), now).is_none());
        let (rule, figures) = stuck(&depth(300), now).expect("stuck");
        assert_eq!(rule, QUEUE_RULE);
        assert_eq!(figures, "3 ready, the oldest for 300 s");
        let empty = QueueDepth {
            oldest_ready: None,
            ..depth(0)
        };
        assert!(stuck(&empty, now).is_none());
    }
}
