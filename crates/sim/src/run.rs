//! One run from its seed to its verdict.
//!
//! The plan's people and mishaps act for two minutes; then nothing goes wrong any more, and the
//! product gets the time that its promises name. When everything has come to rest, requests that
//! the network kept back are delivered after all, the daily scans are made, and the auditor compares
//! the whole.

use std::sync::Arc;

use app::ports::runtime::Runtime;
use domain::status::{Kind, Status};
use domain::time::{Moment, Span};
use futures::FutureExt;
use futures::future::select;

use crate::audit::{Counts, Violation};
use crate::mishaps::after;
use crate::plan::Plan;
use crate::runtime::START;
use crate::verdict;
use crate::workload::{Memory, Outside};
use crate::world::{API, OpenStore, WORKERS, World};

/// The longest that a run may take, far beyond the sum of all maxima.
const LONGEST: Span = Span::from_seconds(3_600);
/// Between two looks whether everything has come to rest.
const LOOK: Span = Span::from_seconds(10);
/// What is delivered late or scanned gets this long.
const AFTERMATH: Span = Span::from_seconds(30);

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    pub seed: u64,
    pub violations: Vec<Violation>,
    pub counts: Counts,
    /// The time that passed in it.
    pub lasted: Span,
    /// The story, when it was wanted.
    pub trace: Vec<String>,
}

/// Plays a plan. Errors are defects of the set-up: a store that does not open.
pub fn run(plan: &Plan, open: &OpenStore, wanted: bool) -> Result<Report, String> {
    let world = World::new(plan.clone(), open, wanted)?;
    let runtime = world.runtime.clone();
    runtime.block_on(world.furnish())?;
    let outside = Outside {
        world: world.clone(),
        memory: Arc::new(Memory::default()),
    };
    for process in WORKERS.into_iter().chain([API]) {
        world.start(process);
    }
    let supervisor = world.clone().supervise();
    runtime.spawn("supervisor", Box::pin(supervisor));
    outside.start();
    let found = world.auditor.found.notified();
    runtime.block_on(select(play(&outside).boxed(), found.boxed()));
    let violations = world.auditor.violations();
    for Violation { rule, detail, at } in &violations {
        world.trace.tell(crate::runtime::Process::OUTSIDE, || {
            format!(
                "VIOLATION of {rule} ({}): {detail}",
                crate::trace::clock(*at)
            )
        });
    }
    runtime.end();
    Ok(Report {
        seed: plan.seed,
        violations,
        counts: world.auditor.counts(),
        lasted: runtime.elapsed().since(START),
        trace: world.trace.take(),
    })
}

async fn play(outside: &Outside) {
    let world = &outside.world;
    if !come_to_rest(outside).await {
        return;
    }
    verdict::notified_reversals(outside).await;
    world.bank.deliver_delayed(world.runtime.elapsed());
    world.runtime.sleep(AFTERMATH).await;
    let scans = async {
        let app = world.outside();
        app::sweeper::scan_returns(app.clone()).await?;
        app::sweeper::scan_reversals(app).await
    };
    if let Err(error) = scans.await {
        let detail = format!("a scan failed though nothing is wrong: {error}");
        return world.auditor.accuse("scans", detail);
    }
    world.runtime.sleep(AFTERMATH).await;
    outside.catch_up().await;
    verdict::at_the_end(outside).await;
}

/// Waits until nothing is pending that may not be; false when that never comes.
async fn come_to_rest(outside: &Outside) -> bool {
    let world = &outside.world;
    let end = START.plus(LONGEST);
    loop {
        world.runtime.sleep(LOOK).await;
        world.auditor.look_at_bank();
        let restless = restless(outside);
        let due = world.bank.next_due().is_some();
        let Some(what) = restless else {
            let last = after(world.plan.troubled_until()).max(world.points.still_until());
            let over = world.runtime.elapsed() > last;
            if over && outside.memory.is_quiet() && !due && !world.auditor.has_inbound() {
                return true;
            }
            continue;
        };
        if world.runtime.elapsed() >= end {
            world.auditor.accuse("every_payment_ends", what);
            return false;
        }
    }
}

/// A transaction that is pending and not in review.
fn restless(outside: &Outside) -> Option<String> {
    let rows = outside.world.auditor.rows();
    rows.into_iter()
        .find(|row| row.status == Status::Pending && row.stage != "in_review")
        .map(|row| {
            let deadline = row.stage_deadline.map(Moment::micros);
            format!(
                "{} {} is {} since {}, deadline {deadline:?}",
                row.kind.as_str(),
                outside.world.trace.name(row.id),
                row.stage,
                row.updated_at.micros(),
            )
        })
}

/// Kinds that gateways carry out.
pub(crate) const fn is_outgoing(kind: Kind) -> bool {
    matches!(kind, Kind::Payout | Kind::Refund)
}
