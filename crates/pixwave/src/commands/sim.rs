//! `pixwave sim`: attacks the boundary to the gateways, run by run, and says what broke.
//!
//! Needs nothing that is configured: a store in memory, both gateways played. It refuses to start
//! where a real gateway is configured, so that nobody mistakes the one for the other.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use app::ports::runtime::Runtime as _;
use app::ports::store::Store;
use sim::campaign::{self, Campaign, Tally};
use sim::plan::Plan;
use sim::run::{Report, run as play};
use sim::runtime::VirtualRuntime;
use sim::shrink::{self, Shrunk};
use store::SqlStore;

use crate::{config, output};

const SHORTEST_PROGRESS: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub struct Arguments {
    /// The first run's seed; the n-th run after it has seed + n
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many runs
    #[arg(long, default_value_t = 100)]
    runs: u64,
    /// Stop at the first broken promise, whatever --runs says
    #[arg(long)]
    until_failure: bool,
    /// Tell the story of the one run of --seed, line by line
    #[arg(long)]
    trace: bool,
    /// Only these elements of the plan, such as m3,o5,o9 (one run)
    #[arg(long, value_parser = elements)]
    keep: Option<Kept>,
    /// Another schedule than the seed's own (one run)
    #[arg(long)]
    schedule: Option<u64>,
    /// Threads; all cores unless said otherwise
    #[arg(long)]
    threads: Option<NonZeroUsize>,
}

/// Named, because a bare set would be read as many arguments.
#[derive(Clone, Debug)]
struct Kept(sim::plan::Keep);

fn elements(text: &str) -> Result<Kept, String> {
    let read = shrink::read(text).map(Kept);
    read.ok_or_else(|| "expected names such as m3,o5,o9".to_owned())
}

/// Plays the runs; the exit code says whether every promise held.
///
/// # Errors
/// A real gateway is configured, or no store can be opened.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let real = config::of_real_gateways()?;
    ensure!(
        real.is_empty(),
        "the simulator plays both gateways itself and does not run where a real one is configured: \
         unset {}",
        real.join(", ")
    );
    if arguments.trace || arguments.keep.is_some() || arguments.schedule.is_some() {
        return one(arguments);
    }
    many(arguments)
}

fn open(runtime: &VirtualRuntime) -> Result<Arc<dyn Store>, String> {
    match SqlStore::in_memory(&mut |bytes| runtime.random(bytes)) {
        Ok(store) => Ok(store),
        Err(error) => Err(error.to_string()),
    }
}

fn verdict(whole: bool) -> ExitCode {
    if whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn one(arguments: &Arguments) -> Result<ExitCode> {
    let mut plan = Plan::of(arguments.seed);
    if let Some(Kept(keep)) = &arguments.keep {
        plan = plan.keeping(keep);
    }
    plan.schedule = arguments.schedule.unwrap_or(plan.schedule);
    output::line(plan.to_string())?;
    let report = play(&plan, &open, arguments.trace).map_err(|error| anyhow!(error))?;
    output::line(report.trace.join("\n"))?;
    for found in &report.violations {
        output::line(format!("BROKEN {}: {}", found.rule, found.detail))?;
    }
    let seconds = report.lasted.millis() / 1_000;
    output::line(format!(
        "{} payments in {seconds} simulated seconds, {} promises broken",
        report.counts.transactions,
        report.violations.len()
    ))?;
    Ok(verdict(report.violations.is_empty()))
}

fn many(arguments: &Arguments) -> Result<ExitCode> {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let campaign = Campaign {
        first: arguments.seed,
        runs: if arguments.until_failure {
            u64::MAX
        } else {
            arguments.runs
        },
        threads: arguments.threads.unwrap_or(cores),
        until_failure: arguments.until_failure,
    };
    let started = Instant::now();
    let told = std::sync::Mutex::new(started);
    let progress = |done: u64| {
        let mut last = told
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.elapsed() >= SHORTEST_PROGRESS {
            *last = Instant::now();
            eprintln!("{done} runs, {} s", started.elapsed().as_secs());
        }
    };
    let tally = campaign::play(campaign, &open, &progress).map_err(|error| anyhow!(error))?;
    output::line(figures(&tally, started.elapsed(), campaign.threads))?;
    if let Some(first) = tally.failed.first() {
        output::line(failed_seeds(&tally))?;
        let shrunk = shrink::shrink(&Plan::of(first.seed), &open, first.clone());
        output::line(told_failure(
            first,
            &shrunk.map_err(|error| anyhow!(error))?,
        ))?;
    }
    Ok(verdict(tally.failed.is_empty()))
}

fn figures(tally: &Tally, took: Duration, threads: NonZeroUsize) -> String {
    let counts = &tally.counts;
    let thread_seconds = took.as_secs_f64() * threads.get() as f64;
    format!(
        "{} runs, {} payments, {} sends, {} licences, {} reviews, {} corrections, {} commits\n\
         {:.1} s on {threads} threads: {:.0} payments per second and thread\n\
         {} promises broken",
        tally.runs,
        counts.transactions,
        counts.sends,
        counts.licences,
        counts.reviews,
        counts.corrections,
        counts.commits,
        took.as_secs_f64(),
        counts.transactions as f64 / thread_seconds,
        tally.failed.len(),
    )
}

fn failed_seeds(tally: &Tally) -> String {
    let seeds = tally
        .failed
        .iter()
        .take(20)
        .map(|report| report.seed.to_string());
    format!("failing seeds: {}", seeds.collect::<Vec<_>>().join(" "))
}

fn told_failure(first: &Report, shrunk: &Shrunk) -> String {
    let broken = shrunk.report.violations.first();
    let (rule, detail) = broken.map_or(("", ""), |found| (found.rule, found.detail.as_str()));
    let plan = Plan::of(first.seed).keeping(&shrunk.keep);
    let keep = shrink::written(&shrunk.keep);
    format!(
        "\nBROKEN {rule}: {detail}\n\
         shrunk to {} elements in {} runs:\n{plan}\n\
         the whole run:  pixwave sim --trace --seed {seed}\n\
         the short one:  pixwave sim --trace --seed {seed} --schedule {} --keep {keep}",
        shrunk.keep.len(),
        shrunk.runs,
        shrunk.schedule,
        seed = first.seed,
    )
}
