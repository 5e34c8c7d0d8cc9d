//! Where a process may be interrupted: at every await on a port.
//!
//! Every call of the store and of a gateway passes a point before and after it. At a point others
//! get their turn, and the plan may strike: the process dies there and is started again later, or
//! it stands still for a while and then goes on as if nothing had happened, its leases long lost.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use app::ports::runtime::Runtime;
use domain::time::{Moment, Span};
use tokio::sync::Notify;

use crate::runtime::{Process, VirtualRuntime};
use crate::trace::Trace;

/// What strikes at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// The process dies, and starts again after this.
    Crash(Span),
    /// The task stands still.
    Freeze(Span),
}

/// An interruption to come.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    pub process: Process,
    /// Points are counted from then on.
    pub from: Moment,
    /// It strikes when this many have been passed.
    pub left: u64,
    pub how: Interruption,
}

/// The points of one run.
pub struct Points {
    runtime: VirtualRuntime,
    trace: Arc<Trace>,
    state: Mutex<State>,
    /// Rung when a process has died.
    pub died: Notify,
}

struct State {
    planned: Vec<Planned>,
    dead: Vec<(Process, Span)>,
    /// When the last of those that stand still goes on.
    still_until: Moment,
}

impl Points {
    pub fn new(runtime: VirtualRuntime, trace: Arc<Trace>, planned: Vec<Planned>) -> Points {
        Points {
            runtime,
            trace,
            state: Mutex::new(State {
                planned,
                dead: Vec::new(),
                still_until: Moment::default(),
            }),
            died: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes one point.
    pub async fn pass(&self, process: Process) {
        Yield(false).await;
        match self.struck(process) {
            None => {}
            Some(Interruption::Freeze(span)) => self.stand_still(process, span).await,
            Some(Interruption::Crash(down)) => {
                self.trace.tell(process, || "dies".to_owned());
                self.state().dead.push((process, down));
                self.died.notify_one();
                self.runtime.kill(process);
                pending::<()>().await;
            }
        }
    }

    /// Counts the point, and takes the interruption that it brings.
    fn struck(&self, process: Process) -> Option<Interruption> {
        let now = self.runtime.elapsed();
        let mut state = self.state();
        let mut here = None;
        for (index, planned) in state.planned.iter_mut().enumerate() {
            if planned.process == process && planned.from <= now {
                planned.left -= 1;
                if planned.left == 0 {
                    here = Some(index);
                    break;
                }
            }
        }
        here.map(|index| state.planned.remove(index).how)
    }

    /// The task stands still, and goes on as if nothing had happened.
    pub async fn stand_still(&self, process: Process, span: Span) {
        self.trace.tell(process, || {
            format!("freezes for {} s", span.millis() / 1_000)
        });
        let until = self.runtime.elapsed().plus(span);
        let last = self.state().still_until.max(until);
        self.state().still_until = last;
        self.runtime.sleep(span).await;
        self.trace.tell(process, || "goes on".to_owned());
    }

    /// When everybody who stands still will have gone on.
    pub fn still_until(&self) -> Moment {
        self.state().still_until
    }

    /// The processes that have died since the last call, and how long each stays down.
    pub fn take_dead(&self) -> Vec<(Process, Span)> {
        std::mem::take(&mut self.state().dead)
    }
}

/// Lets others have their turn, once.
struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
