//! Virtual time on one thread: a run is a function of its seed.
//!
//! Tasks are polled one at a time in an order drawn from the seed. Time stands still while anything
//! can run and jumps to the next sleeper when nothing can, so that a day passes in a moment and no
//! run ever depends on the machine.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use app::ports::runtime::{BoxFuture, Runtime};
use domain::time::{Moment, Span};

/// 2026-03-02T15:00:00Z: noon in Brasília, far from the edges of a day.
pub const START: Moment = Moment::from_micros(1_772_463_600_000_000);

/// The clock, the draws and the tasks of one run. Clones share them.
#[derive(Clone)]
pub struct VirtualRuntime {
    state: Arc<Mutex<State>>,
}

struct State {
    now: Moment,
    draws: u64,
    /// Sleepers by the time they wake at, then by order of arrival.
    sleepers: BTreeMap<(Moment, u64), Waker>,
    arrivals: u64,
    tasks: BTreeMap<u64, BoxFuture<'static, ()>>,
    ready: Arc<Mutex<BTreeSet<u64>>>,
}

/// The root future of [`VirtualRuntime::block_on`].
const ROOT: u64 = 0;

impl VirtualRuntime {
    pub fn new(seed: u64) -> VirtualRuntime {
        let state = State {
            now: START,
            draws: seed,
            sleepers: BTreeMap::new(),
            arrivals: 0,
            tasks: BTreeMap::new(),
            ready: Arc::default(),
        };
        VirtualRuntime {
            state: Arc::new(Mutex::new(state)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets time pass without anything running.
    pub fn advance(&self, span: Span) {
        let mut state = self.lock();
        state.now = state.now.plus(span);
    }

    /// Runs the future, and every task spawned, until the future is done. Panics when nothing can
    /// run and nobody sleeps: the run would never end.
    pub fn block_on<T>(&self, root: impl Future<Output = T>) -> T {
        let mut root = pin!(root);
        let ready = self.lock().ready.clone();
        mark(&ready, ROOT);
        loop {
            while let Some(id) = self.draw_ready(&ready) {
                let waker = Waker::from(Arc::new(TaskWaker {
                    id,
                    ready: ready.clone(),
                }));
                let mut context = Context::from_waker(&waker);
                if id == ROOT {
                    if let Poll::Ready(done) = root.as_mut().poll(&mut context) {
                        return done;
                    }
                } else {
                    self.poll_task(id, &mut context);
                }
            }
            assert!(self.jump(), "nothing can run and nobody sleeps");
        }
    }

    fn poll_task(&self, id: u64, context: &mut Context<'_>) {
        // Taken out while it runs, so that it may spawn others.
        let Some(mut task) = self.lock().tasks.remove(&id) else {
            return;
        };
        if task.as_mut().poll(context).is_pending() {
            self.lock().tasks.insert(id, task);
        }
    }

    fn draw_ready(&self, ready: &Mutex<BTreeSet<u64>>) -> Option<u64> {
        let mut ready = ready.lock().unwrap_or_else(PoisonError::into_inner);
        let count = ready.len() as u64;
        if count == 0 {
            return None;
        }
        let index = usize::try_from(self.draw() % count).unwrap_or(0);
        let id = ready.iter().nth(index).copied()?;
        ready.remove(&id);
        Some(id)
    }

    /// Moves time to the next sleeper and wakes all whose time has come; false when there is none.
    fn jump(&self) -> bool {
        let due = {
            let mut state = self.lock();
            let Some(((at, _), _)) = state.sleepers.first_key_value() else {
                return false;
            };
            let now = state.now.max(*at);
            state.now = now;
            let later = state.sleepers.split_off(&(now, u64::MAX));
            std::mem::replace(&mut state.sleepers, later)
        };
        due.into_values().for_each(Waker::wake);
        true
    }

    /// The next draw (SplitMix64).
    pub fn draw(&self) -> u64 {
        let mut state = self.lock();
        state.draws = state.draws.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state.draws;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

fn mark(ready: &Mutex<BTreeSet<u64>>, id: u64) {
    ready
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(id);
}

struct TaskWaker {
    id: u64,
    ready: Arc<Mutex<BTreeSet<u64>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        mark(&self.ready, self.id);
    }
}

struct Sleep {
    runtime: VirtualRuntime,
    until: Moment,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.runtime.lock();
        if state.now >= self.until {
            return Poll::Ready(());
        }
        state.arrivals += 1;
        let place = (self.until, state.arrivals);
        state.sleepers.insert(place, context.waker().clone());
        Poll::Pending
    }
}

impl Runtime for VirtualRuntime {
    fn now(&self) -> Moment {
        self.lock().now
    }

    fn random(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let bytes = self.draw().to_be_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }

    fn sleep(&self, span: Span) -> BoxFuture<'static, ()> {
        let until = self.now().plus(span);
        Box::pin(Sleep {
            runtime: self.clone(),
            until,
        })
    }

    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) {
        let mut state = self.lock();
        state.arrivals += 1;
        let id = state.arrivals;
        state.tasks.insert(id, task);
        mark(&state.ready, id);
    }

    fn blocking(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
        Box::pin(async move { work() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_passes_in_a_moment_and_the_order_is_the_seeds() {
        let story = |seed| {
            let runtime = VirtualRuntime::new(seed);
            let told: Arc<Mutex<Vec<u32>>> = Arc::default();
            for n in 0..8 {
                let (runtime, told) = (runtime.clone(), told.clone());
                let sleep = runtime.sleep(Span::from_seconds(86_400 * (n % 2)));
                runtime.spawn(
                    "n",
                    Box::pin(async move {
                        sleep.await;
                        told.lock().unwrap().push(n);
                    }),
                );
            }
            let end = runtime.sleep(Span::from_days(2));
            runtime.block_on(end);
            assert_eq!(runtime.now(), START.plus(Span::from_days(2)));
            std::mem::take(&mut *told.lock().unwrap())
        };
        assert_eq!(story(1), story(1));
        assert_eq!(story(1).len(), 8);
        assert!((2..20).any(|seed| story(seed) != story(1)));
        assert!(
            story(3)[..4].iter().all(|n| n % 2 == 0),
            "sleepers wake after those who need not wait"
        );
    }
}
