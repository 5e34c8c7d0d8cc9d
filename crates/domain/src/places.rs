//! Calls under way through one circuit, counted so that a call that never ends frees its place.
//!
//! A call takes a place when it starts and frees one when it ends. A process that dies in between
//! frees nothing, and where the count is shared its place would be lost for ever: a half-open
//! circuit that admits one call would admit none. So each place is taken for a time only. Places
//! are counted in slices of an eighth of that time, which bounds what has to be kept; a place that
//! is never freed counts for the whole time and at most an eighth longer.

use crate::time::{Moment, Span};

const SLICES: i64 = 8;

/// How many places are taken, by the slice of time in which they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The end of the slice and the calls that started within it; the oldest first.
    taken: Vec<(Moment, u32)>,
}

impl Places {
    /// Places as they were listed by [`Places::taken`], in any order.
    pub fn restore(mut taken: Vec<(Moment, u32)>) -> Places {
        taken.sort_unstable_by_key(|(slice, _)| *slice);
        Places { taken }
    }

    /// The end of each slice and the calls that started within it.
    pub fn taken(&self) -> &[(Moment, u32)] {
        &self.taken
    }

    /// How many are taken, each for `lease` at most.
    pub fn count(&self, lease: Span, now: Moment) -> u32 {
        self.taken
            .iter()
            .filter(|(slice, _)| is_held(*slice, lease, now))
            .fold(0, |sum, (_, calls)| sum.saturating_add(*calls))
    }

    /// Takes one.
    pub fn take(&mut self, lease: Span, now: Moment) {
        self.taken.retain(|(slice, _)| is_held(*slice, lease, now));
        let width = (lease.micros() / SLICES).max(1);
        let ends = Moment::from_micros(
            now.micros()
                .div_euclid(width)
                .saturating_add(1)
                .saturating_mul(width),
        );
        match self.taken.binary_search_by_key(&ends, |(slice, _)| *slice) {
            Ok(index) => self.taken[index].1 = self.taken[index].1.saturating_add(1),
            Err(index) => self.taken.insert(index, (ends, 1)),
        }
    }

    /// Frees the oldest: which call it was does not matter, only how many there are.
    pub fn free(&mut self, lease: Span, now: Moment) {
        self.taken.retain(|(slice, _)| is_held(*slice, lease, now));
        if let Some((_, calls)) = self.taken.first_mut() {
            *calls = calls.saturating_sub(1);
        }
        self.taken.retain(|(_, calls)| *calls > 0);
    }
}

/// A slice far ahead was counted by a clock that is wrong: it would hold its places too long.
fn is_held(slice: Moment, lease: Span, now: Moment) -> bool {
    slice.plus(lease) > now && slice <= now.plus(lease).plus(lease)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LEASE: Span = Span::from_seconds(80);
    fn at(seconds: u32) -> Moment {
        Moment::from_micros(1_000_000_000).plus(Span::from_seconds(seconds))
    }

    #[test]
    fn a_place_is_taken_until_it_is_freed() {
        let mut places = Places::default();
        places.take(LEASE, at(0));
        places.take(LEASE, at(30));
        assert_eq!(places.count(LEASE, at(30)), 2);
        places.free(LEASE, at(40));
        assert_eq!(places.count(LEASE, at(79)), 1);
        places.free(LEASE, at(79));
        places.free(LEASE, at(79));
        assert_eq!(places, Places::default());
    }

    #[test]
    fn a_place_that_nobody_frees_is_free_after_its_time() {
        let mut places = Places::default();
        places.take(LEASE, at(0));
        assert_eq!(places.count(LEASE, at(80)), 1, "not before its time");
        assert_eq!(places.count(LEASE, at(91)), 0);
    }

    #[test]
    fn a_clock_that_is_far_ahead_holds_nothing() {
        let mut places = Places::default();
        places.take(LEASE, at(100_000));
        assert_eq!(places.count(LEASE, at(0)), 0);
    }

    proptest! {
        #[test]
        fn little_is_kept_and_the_count_is_that_of_the_calls(
            steps in proptest::collection::vec((any::<bool>(), 0u32..9), 0..200),
        ) {
            let (mut places, mut seconds, mut calls) = (Places::default(), 0, 0u32);
            for (starts, pause) in steps {
                // Within one lease nothing is forgotten.
                seconds = (seconds + pause).min(79);
                match starts {
                    true => {
                        places.take(LEASE, at(seconds));
                        calls += 1;
                    }
                    false => {
                        places.free(LEASE, at(seconds));
                        calls = calls.saturating_sub(1);
                    }
                }
                prop_assert_eq!(places.count(LEASE, at(seconds)), calls);
                prop_assert!(places.taken().len() <= 9);
                prop_assert_eq!(Places::restore(places.taken().to_vec()), places.clone());
            }
        }
    }
}
