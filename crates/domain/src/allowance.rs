//! How often something may be tried: so many times at once, and the same number again in each span.
//!
//! A bucket is one moment, the one at which it is full again. A try moves it forward by the time that
//! one try costs, and is refused when it would reach further ahead than the whole allowance (the
//! generic cell rate algorithm).

use crate::time::{Moment, Span};

/// So many tries at once, and the same number again in each span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    pub tries: u32,
    pub per: Span,
}

impl Allowance {
    /// Counts a try against a bucket that is full again at `full_at`; `None` is full now. Answers
    /// when it is full after this try.
    ///
    /// # Errors
    /// How long to wait for the next try; nothing was counted.
    pub fn take(self, full_at: Option<Moment>, now: Moment) -> Result<Moment, Span> {
        let cost = self.per.micros() / i64::from(self.tries.max(1));
        // Further ahead than a whole span it can only have been put by a clock that is wrong.
        let full_at = full_at.unwrap_or(now).max(now).min(now.plus(self.per));
        let next = Moment::from_micros(full_at.micros().saturating_add(cost));
        let latest = now.plus(self.per);
        if next > latest {
            return Err(next.since(latest));
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: Allowance = Allowance {
        tries: 3,
        per: Span::from_seconds(30),
    };

    fn at(seconds: u32) -> Moment {
        Moment::from_micros(1_000_000_000).plus(Span::from_seconds(seconds))
    }

    #[test]
    fn a_burst_is_allowed_then_one_try_as_often_as_the_rate_says() {
        let mut full_at = None;
        for _ in 0..3 {
            full_at = Some(THREE.take(full_at, at(0)).unwrap());
        }
        assert_eq!(THREE.take(full_at, at(0)), Err(Span::from_seconds(10)));
        assert_eq!(THREE.take(full_at, at(4)), Err(Span::from_seconds(6)));
        full_at = Some(THREE.take(full_at, at(10)).unwrap());
        assert_eq!(THREE.take(full_at, at(10)), Err(Span::from_seconds(10)));
        assert_eq!(THREE.take(full_at, at(3_600)), THREE.take(None, at(3_600)));
    }

    #[test]
    fn a_clock_that_is_ahead_shuts_nobody_out_for_longer_than_the_span() {
        let ahead = Some(at(1_000_000));
        assert_eq!(THREE.take(ahead, at(0)), Err(Span::from_seconds(10)));
        let limits = [Moment::from_micros(i64::MAX), Moment::from_micros(i64::MIN)];
        for now in limits {
            for full_at in limits {
                // Whatever it answers, it does not overflow.
                let _answer = THREE.take(Some(full_at), now);
            }
        }
    }
}
