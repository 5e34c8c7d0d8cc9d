//! Counting tries of whoever knocks, per bucket: a bound on guessing, and nothing else depends on it.
//!
//! [`InProcess`] counts in memory and forgets at a restart; another implementation may share the
//! counts between processes. How a try counts is said once, by [`Allowance`].

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use domain::allowance::Allowance;
use domain::time::{Moment, Span};

#[async_trait]
pub trait Tries: Send + Sync + 'static {
    /// Counts a try in the bucket of this name, which may hold an address or an e-mail.
    ///
    /// # Errors
    /// How long to wait; nothing was counted.
    async fn take(&self, bucket: &str, allowance: Allowance, now: Moment) -> Result<(), Span>;

    /// Forgets what was counted in the bucket: who knocked has shown who it is.
    async fn forget(&self, bucket: &str);
}

/// Above this, buckets that are full again are forgotten, then those nearest to it.
const MOST_BUCKETS: usize = 20_000;

/// The buckets of this process.
#[derive(Default)]
pub struct InProcess {
    full_at: Mutex<HashMap<String, Moment>>,
}

impl InProcess {
    /// [`Tries::take`], without a wait.
    ///
    /// # Errors
    /// How long to wait; nothing was counted.
    pub fn count(&self, bucket: &str, allowance: Allowance, now: Moment) -> Result<(), Span> {
        // A panic while holding the lock leaves a whole map behind: every change is one insert.
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = allowance.take(buckets.get(bucket).copied(), now)?;
        buckets.insert(bucket.to_owned(), full_at);
        if buckets.len() > MOST_BUCKETS {
            make_room(&mut buckets, now);
        }
        Ok(())
    }

    /// [`Tries::forget`], without a wait.
    pub fn clear(&self, bucket: &str) {
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.remove(bucket);
    }
}

#[async_trait]
impl Tries for InProcess {
    async fn take(&self, bucket: &str, allowance: Allowance, now: Moment) -> Result<(), Span> {
        self.count(bucket, allowance, now)
    }

    async fn forget(&self, bucket: &str) {
        self.clear(bucket);
    }
}

fn make_room(buckets: &mut HashMap<String, Moment>, now: Moment) {
    buckets.retain(|_, full_at| *full_at > now);
    if buckets.len() <= MOST_BUCKETS {
        return;
    }
    let mut moments: Vec<Moment> = buckets.values().copied().collect();
    let (_, median, _) = moments.select_nth_unstable(MOST_BUCKETS / 2);
    let median = *median;
    buckets.retain(|_, full_at| *full_at > median);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Allowance = Allowance {
        tries: 1,
        per: Span::from_seconds(5),
    };
    const NOW: Moment = Moment::from_micros(1_000_000_000);

    #[test]
    fn buckets_are_counted_apart() {
        let tries = InProcess::default();
        assert_eq!(tries.count("a", ONE, NOW), Ok(()));
        assert_eq!(tries.count("a", ONE, NOW), Err(ONE.per));
        assert_eq!(tries.count("b", ONE, NOW), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_the_busiest_are_kept() {
        let tries = InProcess::default();
        let later = NOW.plus(Span::from_seconds(2));
        tries.count("busy", ONE, later).unwrap();
        for n in 0..MOST_BUCKETS + 10 {
            tries.count(&n.to_string(), ONE, NOW).unwrap();
        }
        assert!(tries.full_at.lock().unwrap().len() <= MOST_BUCKETS);
        assert!(tries.count("busy", ONE, later).is_err());
    }
}
