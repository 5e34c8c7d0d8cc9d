//! What the machine gives, on tokio: the clock, secure randomness, sleeping, tasks, CPU work.
//!
//! Tasks are tracked, so that a graceful stop can wait for them. The clock is the machine's, put
//! forward or back by what it differs from the one that all processes share ([`crate::clock`]). It never
//! runs backwards once the process serves, even when the machine's is set back: it stands still.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use app::ports::runtime::{BoxFuture, Runtime};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use domain::time::{Moment, Span};
use tokio_util::task::TaskTracker;

/// The machine.
pub struct SystemRuntime {
    random: SystemRandom,
    tasks: TaskTracker,
    latest: AtomicI64,
    /// Microseconds by which the shared clock is ahead of the machine's.
    ahead: AtomicI64,
}

impl Default for SystemRuntime {
    fn default() -> SystemRuntime {
        SystemRuntime {
            random: SystemRandom::new(),
            tasks: TaskTracker::new(),
            latest: AtomicI64::new(0),
            ahead: AtomicI64::new(0),
        }
    }
}

impl SystemRuntime {
    /// What the machine's own clock says.
    pub fn machine_now(&self) -> Moment {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Moment::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    /// Microseconds by which the clock that is followed is ahead of the machine's.
    pub fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }

    /// Follows a clock that is so many microseconds ahead of the machine's from now on.
    pub fn follow(&self, ahead: i64) {
        self.ahead.store(ahead, Ordering::Relaxed);
    }

    /// The same before the process serves: nobody has seen its time yet, so it may go back.
    pub fn follow_from_the_start(&self, ahead: i64) {
        self.follow(ahead);
        self.latest.store(0, Ordering::Relaxed);
    }

    /// Waits until every task has ended; those that are spawned meanwhile count.
    pub async fn drain(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Runtime for SystemRuntime {
    fn now(&self) -> Moment {
        let micros = self.machine_now().micros().saturating_add(self.ahead());
        let before = self.latest.fetch_max(micros, Ordering::Relaxed);
        Moment::from_micros(micros.max(before))
    }

    fn random(&self, buffer: &mut [u8]) {
        self.random
            .fill(buffer)
            .expect("the operating system gives random bytes");
    }

    fn sleep(&self, span: Span) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration(span)))
    }

    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>) {
        let task = self.tasks.spawn(task);
        // A panic has been printed by the hook; here it gets the task's name.
        self.tasks.spawn(async move {
            if let Err(error) = task.await
                && error.is_panic()
            {
                tracing::error!(task = name, "a task panicked");
            }
        });
    }

    fn blocking(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
        let work = self.tasks.spawn_blocking(work);
        Box::pin(async move {
            if work.await.is_err() {
                tracing::error!("blocking work panicked");
            }
        })
    }
}

/// The same length of time in the standard library's words.
pub fn duration(span: Span) -> Duration {
    Duration::from_micros(u64::try_from(span.micros()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;

    #[test]
    fn time_does_not_run_backwards() {
        let runtime = SystemRuntime::default();
        let first = runtime.now();
        runtime.latest.store(i64::MAX - 1, Ordering::Relaxed);
        assert!(first.micros() > 1_600_000_000_000_000);
        assert_eq!(runtime.now().micros(), i64::MAX - 1);
    }

    #[test]
    fn a_clock_that_is_followed_goes_back_before_the_start_only() {
        const MINUTE: i64 = 60_000_000;
        let runtime = SystemRuntime::default();
        let wrong = runtime.now();
        runtime.follow_from_the_start(-2 * MINUTE);
        let back = runtime.now();
        assert!(wrong.since(back).micros() > MINUTE);
        runtime.follow(2 * MINUTE);
        let ahead = runtime.now();
        assert!(ahead.since(wrong).micros() > MINUTE);
        runtime.follow(-2 * MINUTE);
        assert_eq!(runtime.now(), ahead);
    }

    #[test]
    fn random_bytes_differ() {
        let runtime = SystemRuntime::default();
        let draw = || {
            let mut bytes = [0; 32];
            runtime.random(&mut bytes);
            bytes
        };
        assert_ne!(draw(), draw());
    }

    #[tokio::test]
    async fn draining_waits_for_tasks_and_survives_their_panics() {
        let runtime = SystemRuntime::default();
        let ended = Arc::new(AtomicU32::new(0));
        let count = ended.clone();
        let sleep = runtime.sleep(Span::from_millis(20));
        runtime.spawn(
            "slow",
            Box::pin(async move {
                sleep.await;
                count.fetch_add(1, Ordering::SeqCst);
            }),
        );
        runtime.spawn("broken", Box::pin(async { panic!("on purpose") }));
        let count = ended.clone();
        let work = Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        runtime.blocking(work).await;
        runtime.drain().await;
        assert_eq!(ended.load(Ordering::SeqCst), 2);
    }
}
