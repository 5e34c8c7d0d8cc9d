//! Counting: what each suite ran, read from the summary lines that its tools print.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

/// How many checks passed, failed and could not be run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Counts {
    pub const PASSED: Self = Self {
        passed: 1,
        failed: 0,
        skipped: 0,
    };
    pub const FAILED: Self = Self {
        passed: 0,
        failed: 1,
        skipped: 0,
    };
    pub const SKIPPED: Self = Self {
        passed: 0,
        failed: 0,
        skipped: 1,
    };

    pub fn executed(self) -> u64 {
        self.passed + self.failed
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// A suite that has run: its counts, how long it took, and why something was skipped or failed.
pub struct Finished {
    pub suite: &'static str,
    pub counts: Counts,
    pub time: Duration,
    pub notes: Vec<String>,
}

/// The table of suites, and alone on the last line the sums.
pub fn render(finished: &[Finished]) -> String {
    let mut text = String::from("\n");
    let mut total = Counts::default();
    for suite in finished {
        total += suite.counts;
        text += &format!(
            "{:8} {:7.1} s   {}\n",
            suite.suite,
            suite.time.as_secs_f64(),
            suite.counts
        );
        for note in &suite.notes {
            text += &format!("{:8} {note}\n", "");
        }
    }
    format!("{text}{total}")
}

/// Whether a run counts as good: something was executed and nothing failed.
pub fn is_good(finished: &[Finished]) -> bool {
    let mut total = Counts::default();
    for suite in finished {
        total += suite.counts;
    }
    total.failed == 0 && total.executed() > 0
}

/// The sum of all summary lines in a tool's output; `None` when it printed none.
///
/// Tests left out by a filter belong to another suite and are not counted as skipped.
pub fn counts_in(output: &str) -> Option<Counts> {
    let found: Vec<Counts> = output.lines().filter_map(summary_line).collect();
    (!found.is_empty()).then(|| {
        let mut sum = Counts::default();
        found.into_iter().for_each(|counts| sum += counts);
        sum
    })
}

fn summary_line(line: &str) -> Option<Counts> {
    let line = line.trim();
    if let Some(rest) = line.strip_prefix("Summary [") {
        return nextest_summary(rest);
    }
    if let Some(rest) = line.strip_prefix("test result: ") {
        let rest = rest.split_once(". ")?.1;
        return Some(Counts {
            passed: number(rest, "passed"),
            failed: number(rest, "failed"),
            skipped: number(rest, "ignored"),
        });
    }
    let rest = line
        .strip_prefix("sdk: ")
        .or_else(|| line.strip_prefix("e2e: "))?;
    Some(Counts {
        passed: number(rest, "passed"),
        failed: number(rest, "failed"),
        skipped: number(rest, "skipped"),
    })
}

/// `   0.123s] 28/30 tests run: 26 passed (1 slow), 1 failed, 1 timed out, 3 skipped`: whatever was
/// run and did not pass has failed.
fn nextest_summary(rest: &str) -> Option<Counts> {
    let (_, rest) = rest.split_once("] ")?;
    let (run, verdicts) = rest.split_once(" run: ")?;
    let run = run.split([' ', '/']).next()?.parse::<u64>().ok()?;
    let passed = number(verdicts, "passed");
    Some(Counts {
        passed,
        failed: run.saturating_sub(passed),
        skipped: 0,
    })
}

/// The number before a word in `12 passed (1 slow), 3 failed; 0 ignored`.
fn number(text: &str, word: &str) -> u64 {
    let items = text.split([',', ';']).map(str::trim);
    items
        .filter_map(|item| item.split_once(' '))
        .filter(|(_, rest)| rest.split(' ').next() == Some(word))
        .filter_map(|(number, _)| number.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::{Counts, Finished, counts_in, is_good, render};
    use std::time::Duration;

    fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn nextest_summaries_are_read() {
        let all_good = "     Summary [   0.771s] 28 tests run: 28 passed (2 slow), 5 skipped\n";
        assert_eq!(counts_in(all_good), Some(counts(28, 0, 0)));
        let bad = "noise\n Summary [  12.0s] 28/30 tests run: 25 passed, 2 failed, 1 timed out, 0 skipped";
        assert_eq!(counts_in(bad), Some(counts(25, 3, 0)));
        assert_eq!(
            counts_in(" Summary [ 0.0s] 1 test run: 1 passed, 0 skipped"),
            Some(counts(1, 0, 0))
        );
        assert_eq!(
            counts_in(" Summary [ 0.0s] 0 tests run: 0 passed, 9 skipped"),
            Some(counts(0, 0, 0))
        );
    }

    #[test]
    fn cargo_test_results_are_summed() {
        let output = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.1s\n\
                      test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(counts_in(output), Some(counts(4, 2, 1)));
    }

    #[test]
    fn the_sdk_line_is_read() {
        assert_eq!(
            counts_in("x\nsdk: 11 passed, 1 failed, 2 skipped\n"),
            Some(counts(11, 1, 2))
        );
    }

    #[test]
    fn output_without_a_summary_counts_nothing() {
        assert_eq!(counts_in("error: could not compile"), None);
        assert_eq!(counts_in("Summary [ of nothing"), None);
    }

    fn finished(counts: Counts) -> Finished {
        Finished {
            suite: "unit",
            counts,
            time: Duration::from_millis(1500),
            notes: vec!["why".to_owned()],
        }
    }

    #[test]
    fn the_last_line_is_the_sum_alone() {
        let text = render(&[finished(counts(3, 0, 1)), finished(counts(4, 2, 0))]);
        assert_eq!(text.lines().last(), Some("7 passed, 2 failed, 1 skipped"));
        assert!(
            text.contains("unit         1.5 s   3 passed, 0 failed, 1 skipped"),
            "{text}"
        );
    }

    #[test]
    fn a_run_that_executed_nothing_is_not_good() {
        assert!(is_good(&[finished(counts(1, 0, 5))]));
        assert!(!is_good(&[finished(counts(0, 0, 5))]));
        assert!(!is_good(&[finished(counts(9, 1, 0))]));
        assert!(!is_good(&[]));
    }
}
