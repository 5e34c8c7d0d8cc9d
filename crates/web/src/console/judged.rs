//! The checks of the ledger, as they last came out.
//!
//! They read the whole database, so no page waits for them: a page that is looked at has them run
//! again in the background when the last result is old, and shows the last one. The more they
//! cost, the rarer they run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use app::checks::{Check, check};
use app::context::App;
use domain::time::{Moment, Span};

/// A result is good for so long at least, and for so many times what it took.
const GOOD_FOR: Span = Span::from_seconds(10);
const COST: u32 = 20;

/// One result of all checks.
pub struct Verdict {
    pub at: Moment,
    took: Span,
    pub checks: Vec<Check>,
}

#[derive(Default)]
pub struct Judged {
    last: Mutex<Option<Arc<Verdict>>>,
    running: AtomicBool,
}

/// Lets the next run start, however this one ends.
struct Running(Arc<Judged>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::SeqCst);
    }
}

impl Judged {
    /// The last result; `None` until the first run has ended.
    pub fn look(self: &Arc<Judged>, app: &App) -> Option<Arc<Verdict>> {
        let last = self.last();
        let is_due = last.as_ref().is_none_or(|last| last.is_old(app.now()));
        if is_due && !self.running.swap(true, Ordering::SeqCst) {
            let running = Running(self.clone());
            let judge = app.clone();
            let run = async move { running.0.run(&judge).await };
            app.runtime.spawn("checks for the console", Box::pin(run));
        }
        last
    }

    fn last(&self) -> Option<Arc<Verdict>> {
        let last = self.last.lock();
        last.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn run(&self, app: &App) {
        let started = app.now();
        match check(app).await {
            Ok(checks) => {
                let at = app.now();
                let took = at.since(started);
                let verdict = Verdict { at, took, checks };
                let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                *last = Some(Arc::new(verdict));
            }
            Err(error) => tracing::warn!(%error, "the checks for the console did not run"),
        }
    }
}

impl Verdict {
    fn is_old(&self, now: Moment) -> bool {
        let age = now.since(self.at);
        age > GOOD_FOR && age > self.took.times(COST)
    }

    #[cfg(test)]
    pub fn sample(check: Check) -> Verdict {
        Verdict {
            at: Moment::default(),
            took: Span::ZERO,
            checks: vec![check],
        }
    }

    /// How many rules are broken.
    pub fn broken(&self) -> usize {
        let broken = self.checks.iter().filter(|check| !check.broken.is_empty());
        broken.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_costs_more_runs_less_often() {
        let at = Moment::from_micros(0);
        let verdict = |took| Verdict {
            at,
            took,
            checks: Vec::new(),
        };
        let cheap = verdict(Span::from_millis(5));
        assert!(!cheap.is_old(at.plus(Span::from_seconds(9))));
        assert!(cheap.is_old(at.plus(Span::from_seconds(11))));
        let dear = verdict(Span::from_seconds(6));
        assert!(!dear.is_old(at.plus(Span::from_seconds(100))));
        assert!(dear.is_old(at.plus(Span::from_seconds(121))));
    }
}
