//! Turns: of all processes that run a periodic task, one runs it in each period.
//!
//! Every task is safe when several run it (what it finds is judged under locks), so a turn saves
//! work and calls, and nothing depends on it. A row of the settings holds the moment from which the
//! next turn may be taken. Whoever takes one moves it a little ahead, and after the work to the end
//! of the period; who dies in between is followed soon.

use domain::time::{Moment, Span};

use crate::context::{App, CommitError, Decision};
use crate::ports::store::{Locks, StoreError, Write};

/// How long a turn is its taker's own at most.
const LONGEST: Span = Span::from_seconds(600);

/// The setting that holds from when (microseconds) the next turn of a task may be taken.
fn setting(task: &str) -> String {
    format!("turn.{task}")
}

/// Whether the turn is ours, and from when on the next one is another's.
fn next(stored: Option<&str>, now: Moment, period: Span) -> Option<Moment> {
    let free_at = stored.and_then(|text| text.parse::<i64>().ok());
    let free_at = free_at.map(Moment::from_micros);
    // A moment further ahead than any turn lies was written by a clock that is wrong.
    let farthest = now.plus(period.max(LONGEST));
    let is_taken = free_at.is_some_and(|at| at > now && at <= farthest);
    (!is_taken).then(|| now.plus(period.min(LONGEST)))
}

/// Runs the task if its turn has come and no other process has taken it.
///
/// # Errors
/// The task's own, or the store's when a turn can be neither taken nor ended.
pub async fn in_turn<F>(
    app: App,
    task: &'static str,
    period: Span,
    run: impl FnOnce(App) -> F,
) -> Result<(), StoreError>
where
    F: Future<Output = Result<(), StoreError>>,
{
    let began = app.now();
    if !take(&app, task, began, period).await? {
        return Ok(());
    }
    let outcome = run(app.clone()).await;
    // Also after a failure: the next turn tries again.
    let value = began.plus(period).micros().to_string();
    let name = setting(task);
    let ended = app
        .write_all("end_turn", vec![Write::PutSetting { name, value }])
        .await;
    outcome.and(ended)
}

async fn take(app: &App, task: &str, now: Moment, period: Span) -> Result<bool, StoreError> {
    let name = setting(task);
    let locks = Locks {
        settings: vec![name.clone()],
        ..Locks::default()
    };
    let taken = app.commit("take_turn", locks, move |locked| {
        let stored = locked.settings.get(&name).map(String::as_str);
        match next(stored, now, period) {
            Some(at) => {
                let name = name.clone();
                let value = at.micros().to_string();
                Decision::Commit(vec![Write::PutSetting { name, value }], ())
            }
            None => Decision::Refuse(()),
        }
    });
    match taken.await {
        Ok(()) => Ok(true),
        Err(CommitError::Refused(())) => Ok(false),
        Err(CommitError::Store(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u32) -> Moment {
        Moment::default().plus(Span::from_seconds(seconds))
    }

    fn taken(stored: Option<Moment>, now: Moment, period: u32) -> Option<Moment> {
        let stored = stored.map(|at| at.micros().to_string());
        next(stored.as_deref(), now, Span::from_seconds(period))
    }

    #[test]
    fn a_turn_is_free_when_its_moment_has_come() {
        assert_eq!(taken(None, at(100), 5), Some(at(105)));
        assert_eq!(taken(Some(at(100)), at(100), 5), Some(at(105)));
        assert_eq!(taken(Some(at(101)), at(100), 5), None);
    }

    #[test]
    fn a_long_task_that_dies_is_followed_before_its_period_ends() {
        assert_eq!(taken(None, at(0), 6 * 3_600), Some(at(600)));
    }

    #[test]
    fn a_moment_of_a_wrong_clock_does_not_hold_the_task_for_ever() {
        assert_eq!(taken(Some(at(100_000)), at(100), 5), Some(at(105)));
        assert_eq!(taken(Some(at(5 * 3_600)), at(0), 6 * 3_600), None);
        assert_eq!(
            next(Some("soon"), at(0), Span::from_seconds(5)),
            Some(at(5))
        );
    }
}
