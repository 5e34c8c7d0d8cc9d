//! One clock for all processes on one database: the server's.
//!
//! Hosts' clocks differ, and some are wrong. A job that a host two minutes ahead put off would wait two
//! minutes longer, one of a host behind would come round at once, again and again. So each process goes
//! by its machine's clock and by what that differs from the server's: measured before it serves, and
//! now and then after. What is within a second counts as equal.

use app::ports::store::{Store, StoreError};
use domain::time::{Moment, Span};
use metrics::gauge;

use crate::runtime::SystemRuntime;

/// Between two looks.
pub const LOOK: Span = Span::from_seconds(30);
/// Less is not told from the way to the server and back.
const NOTICED: Span = Span::from_seconds(1);
/// From here on the machine's clock is wrong, and people should mend it.
const WRONG: Span = Span::from_seconds(60);

/// Compares the machine's clock with the database's before the process serves, and follows the latter.
///
/// # Errors
/// The store's.
pub async fn settle(store: &dyn Store, runtime: &SystemRuntime) -> Result<(), StoreError> {
    if let Some(ahead) = measure(store, runtime).await? {
        runtime.follow_from_the_start(ahead);
    }
    Ok(())
}

/// The same while the process serves.
///
/// # Errors
/// The store's.
pub async fn look(store: &dyn Store, runtime: &SystemRuntime) -> Result<(), StoreError> {
    if let Some(ahead) = measure(store, runtime).await? {
        runtime.follow(ahead);
    }
    Ok(())
}

/// How far the database's clock is ahead of the machine's, when that has changed.
async fn measure(store: &dyn Store, runtime: &SystemRuntime) -> Result<Option<i64>, StoreError> {
    let before = runtime.machine_now();
    let Some(server) = store.clock().await? else {
        return Ok(None);
    };
    let between = (before, runtime.machine_now());
    let changed = changed(runtime.ahead(), between, server);
    if let Some(ahead) = changed {
        let seconds = ahead / 1_000_000;
        if ahead.abs() >= WRONG.micros() {
            tracing::error!(
                seconds,
                "this machine's clock is wrong: the database's is ahead of it by so much, and is followed"
            );
        } else {
            tracing::warn!(
                seconds,
                "the database's clock is ahead of this machine's by so much, and is followed"
            );
        }
    }
    let ahead = changed.unwrap_or(runtime.ahead());
    gauge!("pixwave_database_clock_ahead_seconds").set(ahead as f64 / 1e6);
    Ok(changed)
}

/// What to follow from now on, when it is something else than until now.
fn changed(followed: i64, (before, after): (Moment, Moment), server: Moment) -> Option<i64> {
    let took = after.since(before);
    if took >= NOTICED || after < before {
        // Too slow to tell, or the machine's clock was just set.
        return None;
    }
    let middle = before.micros() + took.micros() / 2;
    let measured = server.micros() - middle;
    let ahead = match measured.abs() < NOTICED.micros() {
        true => 0,
        false => measured,
    };
    ((ahead - followed).abs() >= NOTICED.micros()).then_some(ahead)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Moment {
        Moment::from_micros(1_800_000_000_000_000 + millis * 1_000)
    }

    #[test]
    fn a_difference_is_followed_from_a_second_on_and_once() {
        let asked = (at(0), at(20));
        assert_eq!(changed(0, asked, at(900)), None);
        let two_minutes = 120_000_000;
        assert_eq!(changed(0, asked, at(120_010)), Some(two_minutes));
        assert_eq!(changed(two_minutes, asked, at(120_400)), None);
        assert_eq!(
            changed(two_minutes, asked, at(-119_990)),
            Some(-two_minutes)
        );
        // Mended: nothing is followed any more.
        assert_eq!(changed(two_minutes, asked, at(200)), Some(0));
    }

    #[test]
    fn a_slow_answer_and_a_clock_that_was_just_set_tell_nothing() {
        assert_eq!(changed(0, (at(0), at(1_500)), at(120_000)), None);
        assert_eq!(changed(0, (at(500), at(0)), at(120_000)), None);
    }
}
