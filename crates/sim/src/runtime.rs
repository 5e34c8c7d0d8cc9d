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

/// The clock, the draws and the tasks of one run. Clones share them; each belongs to one process.
#[derive(Clone)]
pub struct VirtualRuntime {
    state: Arc<Mutex<State>>,
    process: Process,
}

/// A simulated process: what dies and freezes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process(pub u8);

impl Process {
    /// The world outside of the product; it never dies.
    pub const OUTSIDE: Process = Process(0);
}

struct State {
    /// Only grows; sleepers go by it.
    elapsed: Moment,
    /// What the wall clock shows beside it: grows and shrinks by jumps.
    skew: Span,
    skewed_back: bool,
    clock_moved: bool,
    seed: u64,
    /// The draws that each process has made at this very moment.
    draws: BTreeMap<Process, u64>,
    /// Sleepers by the time they wake at, then by order of arrival.
    sleepers: BTreeMap<(Moment, u64), Waker>,
    arrivals: u64,
    tasks: BTreeMap<u64, Task>,
    /// How often each process has died.
    deaths: BTreeMap<Process, u32>,
    /// How many tasks were spawned under a name.
    serials: BTreeMap<(Process, &'static str), u64>,
    ready: Arc<Mutex<BTreeSet<u64>>>,
}

struct Task {
    process: Process,
    /// The deaths of its process when it was spawned.
    life: u32,
    /// Stays what it is when other tasks are left out of a run.
    label: u64,
    polls: u64,
    future: BoxFuture<'static, ()>,
}

impl State {
    fn life(&self, process: Process) -> u32 {
        self.deaths.get(&process).copied().unwrap_or(0)
    }

    fn elapse_to(&mut self, at: Moment) {
        if at > self.elapsed {
            self.elapsed = at;
            self.draws.clear();
        }
    }

    /// A task's place in the order of this moment.
    fn turn(&self, id: u64) -> u64 {
        let (label, polls) = self
            .tasks
            .get(&id)
            .map_or((ROOT, 0), |task| (task.label, task.polls));
        mixed(&[
            self.seed,
            self.elapsed.micros().cast_unsigned(),
            label,
            polls,
        ])
    }

    fn spawn(&mut self, process: Process, label: u64, future: BoxFuture<'static, ()>) {
        self.arrivals += 1;
        let id = self.arrivals;
        let task = Task {
            process,
            life: self.life(process),
            label,
            polls: 0,
            future,
        };
        self.tasks.insert(id, task);
        mark(&self.ready, id);
    }
}

/// The root future of [`VirtualRuntime::block_on`].
const ROOT: u64 = 0;

impl VirtualRuntime {
    pub fn new(seed: u64) -> VirtualRuntime {
        let state = State {
            elapsed: START,
            skew: Span::ZERO,
            skewed_back: false,
            clock_moved: false,
            seed,
            draws: BTreeMap::new(),
            sleepers: BTreeMap::new(),
            arrivals: 0,
            tasks: BTreeMap::new(),
            deaths: BTreeMap::new(),
            serials: BTreeMap::new(),
            ready: Arc::default(),
        };
        VirtualRuntime {
            state: Arc::new(Mutex::new(state)),
            process: Process::OUTSIDE,
        }
    }

    /// The same runtime as seen by one process: what it spawns dies with that process.
    pub fn of(&self, process: Process) -> VirtualRuntime {
        VirtualRuntime {
            state: self.state.clone(),
            process,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets time pass without anything running.
    pub fn advance(&self, span: Span) {
        let mut state = self.lock();
        let later = state.elapsed.plus(span);
        state.elapse_to(later);
    }

    /// The time that has passed, whatever wall clocks show, as a moment from [`START`].
    pub fn elapsed(&self) -> Moment {
        self.lock().elapsed
    }

    /// Sets the wall clock off from the time that has passed: ahead of it, or behind.
    pub fn set_wall_clock(&self, skew: Span, back: bool) {
        let mut state = self.lock();
        state.skew = skew;
        state.clock_moved = true;
        state.skewed_back = back;
    }

    /// Whether the wall clock was ever set.
    pub fn clock_moved(&self) -> bool {
        self.lock().clock_moved
    }

    /// Ends every task of the process at once, as `kill -9` does: the one that runs right now goes
    /// no further than its next await.
    pub fn kill(&self, process: Process) {
        let dead = {
            let mut state = self.lock();
            *state.deaths.entry(process).or_insert(0) += 1;
            let ids: Vec<u64> = state
                .tasks
                .iter()
                .filter(|(_, task)| task.process == process)
                .map(|(id, _)| *id)
                .collect();
            let take = |id: &u64| state.tasks.remove(id);
            ids.iter().filter_map(take).collect::<Vec<Task>>()
        };
        // Dropped outside the lock: what a task held may wake others or forget its sleep.
        drop(dead);
    }

    /// Ends every task there is: they hold the runtime, which holds them.
    pub fn end(&self) {
        let tasks = std::mem::take(&mut self.lock().tasks);
        drop(tasks);
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
        task.polls += 1;
        if task.future.as_mut().poll(context).is_ready() {
            return;
        }
        let mut state = self.lock();
        if state.life(task.process) == task.life {
            state.tasks.insert(id, task);
            return;
        }
        drop(state);
        drop(task);
    }

    fn draw_ready(&self, ready: &Mutex<BTreeSet<u64>>) -> Option<u64> {
        let state = self.lock();
        let mut ready = ready.lock().unwrap_or_else(PoisonError::into_inner);
        let id = if ready.len() == 1 {
            ready.first().copied()?
        } else {
            ready.iter().copied().min_by_key(|id| state.turn(*id))?
        };
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
            let elapsed = state.elapsed.max(*at);
            state.elapse_to(elapsed);
            let later = state.sleepers.split_off(&(elapsed, u64::MAX));
            std::mem::replace(&mut state.sleepers, later)
        };
        due.into_values().for_each(Waker::wake);
        true
    }

    /// The next draw. It depends on the seed, the process, the time, and how often the process has
    /// drawn at this very moment, on nothing else: what happens elsewhere or earlier does not change
    /// it, so that a run with fewer elements goes on as the whole one did.
    pub fn draw(&self) -> u64 {
        let mut state = self.lock();
        let drawn = state.draws.entry(self.process).or_insert(0);
        *drawn += 1;
        let (nth, process) = (*drawn, u64::from(self.process.0));
        mixed(&[
            state.seed,
            state.elapsed.micros().cast_unsigned(),
            process,
            nth,
        ])
    }

    /// Spawns a task whose turn depends on its label alone.
    pub fn spawn_labelled(&self, label: u64, task: BoxFuture<'static, ()>) {
        self.lock().spawn(self.process, label, task);
    }
}

/// One step of SplitMix64.
pub fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// Several words folded into one draw.
pub fn mixed(words: &[u64]) -> u64 {
    words.iter().fold(0, |mut state, word| {
        state ^= word;
        splitmix(&mut state)
    })
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
    /// Where it stands among the sleepers.
    place: Option<(Moment, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let runtime = self.runtime.clone();
        let mut state = runtime.lock();
        if state.elapsed >= self.until {
            return Poll::Ready(());
        }
        let place = self.place.unwrap_or_else(|| {
            state.arrivals += 1;
            (self.until, state.arrivals)
        });
        self.place = Some(place);
        state.sleepers.insert(place, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.runtime.lock().sleepers.remove(&place);
        }
    }
}

impl Runtime for VirtualRuntime {
    fn now(&self) -> Moment {
        let state = self.lock();
        if state.skewed_back {
            state.elapsed.minus(state.skew)
        } else {
            state.elapsed.plus(state.skew)
        }
    }

    fn random(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let bytes = self.draw().to_be_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }

    fn sleep(&self, span: Span) -> BoxFuture<'static, ()> {
        let until = self.elapsed().plus(span);
        Box::pin(Sleep {
            runtime: self.clone(),
            until,
            place: None,
        })
    }

    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>) {
        let mut state = self.lock();
        let serial = state.serials.entry((self.process, name)).or_insert(0);
        *serial += 1;
        let serial = *serial;
        let name = name
            .bytes()
            .map(u64::from)
            .fold(0, |sum, byte| mixed(&[sum, byte]));
        let label = mixed(&[u64::from(self.process.0), name, serial]);
        state.spawn(self.process, label, task);
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

    #[test]
    fn a_killed_process_goes_no_further_and_takes_no_other_with_it() {
        let runtime = VirtualRuntime::new(7);
        let told: Arc<Mutex<Vec<u8>>> = Arc::default();
        for process in [Process(1), Process(2)] {
            let of = runtime.of(process);
            let told = told.clone();
            of.clone().spawn(
                "story",
                Box::pin(async move {
                    told.lock().unwrap().push(process.0);
                    of.sleep(Span::from_seconds(2)).await;
                    told.lock().unwrap().push(10 + process.0);
                }),
            );
        }
        let all = runtime.clone();
        runtime.block_on(async move {
            all.sleep(Span::from_seconds(1)).await;
            all.kill(Process(1));
            all.sleep(Span::from_seconds(5)).await;
        });
        let mut told = told.lock().unwrap().clone();
        told.sort_unstable();
        assert_eq!(told, [1, 2, 12]);
    }

    #[test]
    fn a_task_that_kills_its_own_process_ends_at_its_next_await() {
        let runtime = VirtualRuntime::new(7);
        let told: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (of, noted) = (runtime.of(Process(1)), told.clone());
        of.clone().spawn(
            "suicide",
            Box::pin(async move {
                of.kill(Process(1));
                noted.lock().unwrap().push(1);
                of.sleep(Span::from_millis(1)).await;
                noted.lock().unwrap().push(2);
            }),
        );
        let end = runtime.sleep(Span::from_seconds(1));
        runtime.block_on(end);
        assert_eq!(*told.lock().unwrap(), [1]);
    }

    #[test]
    fn a_wall_clock_that_jumps_wakes_nobody_early() {
        let runtime = VirtualRuntime::new(7);
        let sleep = runtime.sleep(Span::from_seconds(10));
        runtime.set_wall_clock(Span::from_seconds(3_600), false);
        assert_eq!(runtime.now(), START.plus(Span::from_seconds(3_600)));
        runtime.block_on(sleep);
        assert_eq!(runtime.elapsed(), START.plus(Span::from_seconds(10)));
        runtime.set_wall_clock(Span::from_seconds(5), true);
        assert_eq!(runtime.now(), START.plus(Span::from_seconds(5)));
    }
}
