//! Shrinking a failing plan to the few elements that matter.
//!
//! Elements are left out in ever smaller groups, mishaps before operations, as long as what remains
//! still breaks the same rule. Leaving an element out changes whose turn it is ever after, so each
//! group is tried under a few other schedules as well: the result is a plan and a schedule, the
//! shortest that this way finds.

use crate::plan::{Keep, Plan};
use crate::run::{Report, run};
use crate::world::OpenStore;

/// Runs of one shrinking at most.
const MOST_RUNS: u32 = 1_500;
/// Schedules tried beside the one that failed last.
const OTHER_SCHEDULES: u64 = 4;

/// A failing plan made small.
#[derive(Clone, Debug)]
pub struct Shrunk {
    pub keep: Keep,
    pub schedule: u64,
    /// The run with these elements alone.
    pub report: Report,
    /// Runs that it took.
    pub runs: u32,
}

/// Shrinks a plan whose run broke a rule. Errors are defects of the set-up.
pub fn shrink(plan: &Plan, open: &OpenStore, first: Report) -> Result<Shrunk, String> {
    let mut best = Shrunk {
        keep: plan.elements().into_iter().collect(),
        schedule: plan.schedule,
        report: first,
        runs: 0,
    };
    let mut size = best.keep.len().div_ceil(2).max(1);
    while best.runs < MOST_RUNS {
        let mut shorter = false;
        let elements: Vec<(char, u32)> = best.keep.iter().copied().collect();
        for group in elements.chunks(size) {
            let mut without = best.keep.clone();
            without.retain(|element| !group.contains(element));
            if without.len() < best.keep.len() {
                shorter |= best.try_without(plan, open, &without)?;
            }
        }
        match (shorter, size) {
            (false, 1) => break,
            (false, _) => size = size.div_ceil(2),
            (true, _) => size = size.min(best.keep.len().div_ceil(2).max(1)),
        }
    }
    Ok(best)
}

impl Shrunk {
    /// Takes the shorter plan when some schedule breaks the same rule with it.
    fn try_without(&mut self, plan: &Plan, open: &OpenStore, keep: &Keep) -> Result<bool, String> {
        let rule = self.report.violations.first().map(|found| found.rule);
        let shorter = plan.keeping(keep);
        let others = (1..=OTHER_SCHEDULES).map(|n| plan.schedule.wrapping_add(n));
        for schedule in std::iter::once(self.schedule).chain(others) {
            if self.runs >= MOST_RUNS {
                return Ok(false);
            }
            self.runs += 1;
            let candidate = Plan {
                schedule,
                ..shorter.clone()
            };
            let report = run(&candidate, open, false)?;
            if report.violations.first().map(|found| found.rule) == rule {
                (self.keep, self.schedule, self.report) = (keep.clone(), schedule, report);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// `m2,o1,o7`: the elements as an argument.
pub fn written(keep: &Keep) -> String {
    let words: Vec<String> = keep
        .iter()
        .map(|(kind, number)| format!("{kind}{number}"))
        .collect();
    words.join(",")
}

/// Reads what [`written`] wrote.
pub fn read(text: &str) -> Option<Keep> {
    text.split(',')
        .filter(|word| !word.is_empty())
        .map(|word| {
            let kind = word
                .chars()
                .next()
                .filter(|kind| matches!(kind, 'm' | 'o'))?;
            Some((kind, word[1..].parse().ok()?))
        })
        .collect()
}
