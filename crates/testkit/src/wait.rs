//! Waiting for a condition, with a bound: no test sleeps for a fixed time and hopes.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(2);

/// Waits until `condition` yields a value, and hands it back.
///
/// # Panics
///
/// When `limit` has passed without it; the message says `what` was awaited.
pub async fn wait_until<T, C, F>(what: &str, limit: Duration, mut condition: C) -> T
where
    C: FnMut() -> F,
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(
            Instant::now() < deadline,
            "{what} did not happen within {limit:?}"
        );
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::wait_until;
    use std::time::Duration;

    #[tokio::test]
    async fn a_condition_is_looked_at_until_it_holds() {
        let mut looks = 0;
        let seen = wait_until("the third look", Duration::from_secs(10), || {
            looks += 1;
            let now = looks;
            async move { (now == 3).then_some(now) }
        })
        .await;
        assert_eq!(seen, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "the impossible did not happen within 5ms")]
    async fn the_wait_is_bounded() {
        wait_until::<(), _, _>("the impossible", Duration::from_millis(5), || async {
            None
        })
        .await;
    }
}
