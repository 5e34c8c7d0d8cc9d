//! Looks for a seed that catches each sabotage, from 1 on, on one thread, and prints the table. Fails
//! when one is not found within a minute.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use app::ports::runtime::Runtime as _;
use app::ports::store::Store;
use app::sabotage::{Sabotage, choose};
use sim::plan::Plan;
use sim::run::{Report, run};
use sim::runtime::VirtualRuntime;
use store::SqlStore;

/// The longest that a search may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn open(runtime: &VirtualRuntime) -> Result<Arc<dyn Store>, String> {
    match SqlStore::in_memory(&mut |bytes| runtime.random(bytes)) {
        Ok(store) => Ok(store),
        Err(error) => Err(error.to_string()),
    }
}

/// The first run that notices; `Err` tells in how many it was not.
fn search(sabotage: Sabotage, started: Instant) -> Result<Report, String> {
    for seed in 1.. {
        choose(Some(sabotage));
        let report = run(&Plan::of(seed), &open, false);
        choose(None);
        let report = report?;
        if !report.violations.is_empty() {
            return Ok(report);
        }
        if started.elapsed() > PATIENCE {
            return Err(format!("not in {seed} runs"));
        }
    }
    unreachable!("seeds do not end")
}

fn main() -> ExitCode {
    println!("| guard taken away | seed | rule that breaks | found after |");
    println!("|---|---|---|---|");
    let mut missed = 0;
    for sabotage in Sabotage::ALL {
        let (started, name) = (Instant::now(), sabotage.name());
        let found = search(*sabotage, started);
        let seconds = started.elapsed().as_secs_f64();
        match found {
            Ok(report) => {
                let rule = report.violations.first().map_or("", |found| found.rule);
                println!("| `{name}` | {} | `{rule}` | {seconds:.1} s |", report.seed);
            }
            Err(why) => {
                println!("| `{name}` | {why} | | {seconds:.1} s |");
                missed += 1;
            }
        }
    }
    if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
