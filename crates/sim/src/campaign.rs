//! Many runs, on several threads, each by its own seed.
//!
//! Run number n has the seed `first + n`, whichever thread plays it, so that a campaign finds the
//! same whatever the machine. A violation is reported with the seed that repeats it.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::audit::Counts;
use crate::plan::Plan;
use crate::run::{Report, run};
use crate::world::OpenStore;

/// Which runs to play.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    pub first: u64,
    pub runs: u64,
    pub threads: NonZeroUsize,
    /// Stop at the first violation.
    pub until_failure: bool,
}

/// What came of them.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub runs: u64,
    pub counts: Counts,
    /// Runs in which a promise was broken, by seed.
    pub failed: Vec<Report>,
}

/// Plays the runs; `progress` hears after each how many are done. Errors are defects of the set-up.
pub fn play(
    campaign: Campaign,
    open: &OpenStore,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Tally, String> {
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let tally: Mutex<Result<Tally, String>> = Mutex::new(Ok(Tally::default()));
    let one_thread = || {
        while !stop.load(Ordering::SeqCst) {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number >= campaign.runs {
                return;
            }
            let plan = Plan::of(campaign.first.wrapping_add(number));
            let played = run(&plan, open, false);
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            match (played, &mut *tally) {
                (Ok(report), Ok(tally)) => {
                    let failed = tally.add(report);
                    progress(tally.runs);
                    if failed && campaign.until_failure {
                        stop.store(true, Ordering::SeqCst);
                    }
                }
                (Err(error), tally) => {
                    *tally = Err(error);
                    stop.store(true, Ordering::SeqCst);
                }
                (Ok(_), Err(_)) => return,
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..campaign.threads.get() {
            scope.spawn(one_thread);
        }
        one_thread();
    });
    let mut tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner)?;
    tally.failed.sort_by_key(|report| report.seed);
    Ok(tally)
}

impl Tally {
    /// Adds a run; whether it failed.
    fn add(&mut self, report: Report) -> bool {
        self.runs += 1;
        self.counts.add(report.counts);
        let failed = !report.violations.is_empty();
        if failed {
            self.failed.push(report);
        }
        failed
    }
}
