//! The heart shared by both listeners: the state behind its mutex, the clock, the scheduler.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use crate::{
    clock::Clock,
    delivery, settle,
    state::{State, Task},
};

/// Longest sleep of the scheduler; the clock may be advanced, and then it is woken at once.
const LONGEST_NAP: Duration = Duration::from_secs(60);

/// Shared by every connection.
pub struct Core {
    pub clock: Clock,
    /// Sends webhooks, with the client identity.
    pub webhooks: reqwest::Client,
    /// The same without an identity, for the first step of a webhook registration.
    pub anonymous: reqwest::Client,
    state: Mutex<State>,
    wake: Notify,
}

impl Core {
    pub fn new(
        clock: Clock,
        state: State,
        webhooks: reqwest::Client,
        anonymous: reqwest::Client,
    ) -> Self {
        Self {
            clock,
            webhooks,
            anonymous,
            state: Mutex::new(state),
            wake: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// One change of state: decided under the lock and on disk before the lock goes.
    pub fn transact<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        state.now = self.clock.now();
        let result = change(&mut state);
        if let Err(error) = state.flush() {
            // An answer must not outlive what it answers for.
            panic!("the sandbox cannot keep its journal: {error:#}");
        }
        drop(state);
        self.wake.notify_one();
        result
    }

    /// The journal's directory is free for the next sandbox.
    pub fn close(&self) {
        self.lock().close();
    }

    pub fn advance_clock(&self, by: Duration) {
        self.clock.advance(by);
        self.wake.notify_one();
    }

    /// Runs due tasks for as long as the sandbox lives.
    pub async fn run_agenda(self: Arc<Self>) {
        loop {
            while let Some(task) = self.transact_quietly(State::due) {
                self.run(task);
            }
            let next = self.read(State::next_due);
            let wait = next.map_or(LONGEST_NAP, |at| {
                Duration::from_millis(u64::try_from(at - self.clock.now()).unwrap_or(0))
                    .min(LONGEST_NAP)
            });
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Like `transact`, without waking the scheduler that calls it.
    fn transact_quietly<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        state.now = self.clock.now();
        change(&mut state)
    }

    fn run(self: &Arc<Self>, task: Task) {
        if let Task::Deliver(id) = task {
            let core = Arc::clone(self);
            tokio::spawn(async move { delivery::attempt(&core, id).await });
        } else {
            self.transact(|state| settle::run(state, task));
        }
    }
}
