//! The story of one run, for people.
//!
//! One line per event: the time that has passed, who, and what. Ids are told by the short names
//! that the run has given them. Nothing in it depends on the machine, so that the same seed tells
//! the same story, byte for byte.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::time::Moment;

use crate::runtime::{Process, START, VirtualRuntime};

/// Collects the lines, when anybody wants them.
pub struct Trace {
    runtime: VirtualRuntime,
    wanted: bool,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    lines: Vec<String>,
    names: BTreeMap<String, String>,
}

impl Trace {
    pub fn new(runtime: VirtualRuntime, wanted: bool) -> Trace {
        Trace {
            runtime,
            wanted,
            told: Mutex::default(),
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line.
    pub fn tell(&self, who: Process, what: impl FnOnce() -> String) {
        if self.wanted {
            let line = format!(
                "{} {:<8} {}",
                clock(self.runtime.elapsed()),
                name(who),
                what()
            );
            self.told().lines.push(line);
        }
    }

    /// From now on the id is told by this name.
    pub fn call(&self, id: impl ToString, name: impl FnOnce() -> String) {
        if self.wanted {
            self.told().names.entry(id.to_string()).or_insert_with(name);
        }
    }

    /// The name of an id, or the id.
    pub fn name(&self, id: impl ToString) -> String {
        let id = id.to_string();
        self.told().names.get(&id).cloned().unwrap_or(id)
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.told().lines)
    }
}

/// Minutes, seconds and milliseconds since the start.
pub fn clock(at: Moment) -> String {
    let millis = at.since(START).millis();
    format!(
        "{:02}:{:02}.{:03}",
        millis / 60_000,
        millis / 1_000 % 60,
        millis % 1_000
    )
}

/// The processes of a run.
pub fn name(process: Process) -> &'static str {
    match process.0 {
        0 => "outside",
        1 => "api",
        2 => "worker-a",
        _ => "worker-b",
    }
}
