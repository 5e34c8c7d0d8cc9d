//! When to try again.
//!
//! Pure functions of the number of the try and one random draw, so that a run can be repeated.

use crate::time::Span;

/// Growing delays with jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    pub first: Span,
    pub longest: Span,
    /// The jitter to both sides, in percent.
    pub jitter_percent: u8,
}

impl Backoff {
    /// The delay after the `tries`-th try (1 is the first), doubling each time.
    pub fn after(&self, tries: u32, draw: u64) -> Span {
        let doubled = self.first.times(
            1u32.checked_shl(tries.saturating_sub(1))
                .unwrap_or(u32::MAX),
        );
        let base = doubled.min(self.longest).millis();
        let reach = base * i64::from(self.jitter_percent) / 100;
        let offset = i64::try_from(draw % (2 * reach.unsigned_abs() + 1)).unwrap_or(0) - reach;
        Span::from_millis(u32::try_from(base + offset).unwrap_or(u32::MAX))
    }
}

/// How often one attempt may be sent to its gateway, and how long to wait in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    pub tries: u32,
    pub backoff: Backoff,
}

impl RetryPolicy {
    /// Three tries, half a second and a second apart, give or take half.
    pub const STANDARD: RetryPolicy = RetryPolicy {
        tries: 3,
        backoff: Backoff {
            first: Span::from_millis(500),
            longest: Span::from_seconds(60),
            jitter_percent: 50,
        },
    };

    /// The delay before another try, or `None` when all are used.
    pub fn next(&self, tries_made: u32, draw: u64) -> Option<Span> {
        (tries_made < self.tries).then(|| self.backoff.after(tries_made, draw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_tries_then_no_more() {
        let policy = RetryPolicy::STANDARD;
        assert!(policy.next(1, 0).is_some());
        assert!(policy.next(2, 0).is_some());
        assert_eq!(policy.next(3, 0), None);
    }

    proptest! {
        #[test]
        fn delays_stay_within_their_jitter(tries in 1u32..64, draw: u64) {
            let backoff = RetryPolicy::STANDARD.backoff;
            let delay = backoff.after(tries, draw).millis();
            let base = 500i64.saturating_mul(1i64 << (tries - 1).min(30)).min(60_000);
            prop_assert!(delay >= base / 2 && delay <= base * 3 / 2, "{delay} around {base}");
        }
    }
}
