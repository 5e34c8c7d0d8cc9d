//! A runtime whose time moves only when the test moves it, and whose randomness is a seed's.
//!
//! Sleepers wait on a channel that carries the present moment: `advance` publishes the new moment
//! and everyone whose hour has come goes on. Tasks are ordinary tokio tasks.

use app::ports::runtime::{BoxFuture, Runtime};
use domain::time::{Moment, Span};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// 2026-03-02T12:00:00Z, a Monday noon: no test sits on the edge of a day by chance.
pub const START: Moment = Moment::from_micros(1_772_452_800_000_000);

/// Time and randomness held by the test; clones share both.
#[derive(Clone)]
pub struct ManualRuntime {
    clock: Arc<watch::Sender<Moment>>,
    generator: Arc<Mutex<ChaCha8Rng>>,
}

impl ManualRuntime {
    /// A runtime at [`START`] that draws the same bytes for the same seed.
    pub fn new(seed: u64) -> Self {
        Self {
            clock: Arc::new(watch::Sender::new(START)),
            generator: Arc::new(Mutex::new(ChaCha8Rng::seed_from_u64(seed))),
        }
    }

    /// Moves time forward and wakes those whose hour has come.
    pub fn advance(&self, span: Span) {
        self.clock.send_modify(|now| *now = now.plus(span));
    }

    /// How many sleepers there are: a test that advances time may first wait until they are there.
    pub fn sleepers(&self) -> usize {
        self.clock.receiver_count()
    }
}

impl Runtime for ManualRuntime {
    fn now(&self) -> Moment {
        *self.clock.borrow()
    }

    fn random(&self, buffer: &mut [u8]) {
        self.generator
            .lock()
            .expect("no holder of the generator panics")
            .fill_bytes(buffer);
    }

    fn sleep(&self, span: Span) -> BoxFuture<'static, ()> {
        let deadline = self.now().plus(span);
        let mut clock = self.clock.subscribe();
        let sender = Arc::clone(&self.clock);
        Box::pin(async move {
            let woken = clock.wait_for(|now| *now >= deadline).await;
            woken.expect("the sleeper holds the clock itself");
            drop(sender);
        })
    }

    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn blocking(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
        let done = tokio::task::spawn_blocking(work);
        Box::pin(async move { done.await.expect("blocking work does not panic") })
    }
}

#[cfg(test)]
mod tests {
    use super::{ManualRuntime, START};
    use crate::wait::wait_until;
    use app::ports::runtime::Runtime;
    use domain::time::Span;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    const SECOND: Span = Span::from_seconds(1);

    #[test]
    fn the_same_seed_draws_the_same_bytes() {
        let draw = |seed| {
            let mut bytes = [0; 16];
            ManualRuntime::new(seed).random(&mut bytes);
            bytes
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[tokio::test]
    async fn sleepers_wake_when_their_hour_has_come_and_not_before() {
        let runtime = ManualRuntime::new(1);
        let woken = Arc::new(AtomicBool::new(false));
        let (sleeper, flag) = (runtime.sleep(SECOND.times(2)), Arc::clone(&woken));
        runtime.spawn(
            "sleeper",
            Box::pin(async move {
                sleeper.await;
                flag.store(true, Ordering::SeqCst);
            }),
        );
        runtime.advance(SECOND);
        tokio::task::yield_now().await;
        assert_eq!(runtime.now(), START.plus(SECOND));
        assert!(!woken.load(Ordering::SeqCst));
        runtime.advance(SECOND);
        wait_until("waking", Duration::from_secs(10), || async {
            woken.load(Ordering::SeqCst).then_some(())
        })
        .await;
        wait_until("leaving", Duration::from_secs(10), || async {
            (runtime.sleepers() == 0).then_some(())
        })
        .await;
    }

    #[tokio::test]
    async fn blocking_work_is_done_when_its_future_is() {
        let done = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&done);
        ManualRuntime::new(1)
            .blocking(Box::new(move || flag.store(true, Ordering::SeqCst)))
            .await;
        assert!(done.load(Ordering::SeqCst));
    }
}
