//! Whole runs: the same seed is the same run, and a run can be told and made shorter.

use std::sync::Arc;

use app::ports::runtime::Runtime as _;
use app::ports::store::Store;
use sim::campaign::{Campaign, play};
use sim::plan::{Keep, Plan};
use sim::run::run;
use sim::runtime::VirtualRuntime;
use sim::shrink;
use store::SqlStore;

pub fn open(runtime: &VirtualRuntime) -> Result<Arc<dyn Store>, String> {
    match SqlStore::in_memory(&mut |bytes| runtime.random(bytes)) {
        Ok(store) => Ok(store),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn the_same_seed_tells_the_same_story_byte_for_byte() {
    let told = |seed| run(&Plan::of(seed), &open, true).unwrap().trace.join("\n");
    for seed in [3, 11] {
        let first = told(seed);
        assert!(first.lines().count() > 100, "{first}");
        assert!(first == told(seed), "seed {seed} told two stories");
    }
    assert!(told(3) != told(11));
}

#[test]
fn no_promise_breaks_whatever_the_threads() {
    let tally = |threads: usize| {
        let campaign = Campaign {
            first: 500,
            runs: 12,
            threads: threads.try_into().unwrap(),
            until_failure: false,
        };
        play(campaign, &open, &|_| {}).unwrap()
    };
    let (alone, together) = (tally(1), tally(2));
    assert!(alone.failed.is_empty(), "{:?}", alone.failed);
    assert_eq!((alone.runs, alone.counts), (together.runs, together.counts));
    assert!(alone.counts.transactions > 300, "{:?}", alone.counts);
}

#[test]
fn a_part_of_a_plan_is_played_alone() {
    let plan = Plan::of(11);
    let keep: Keep = plan
        .elements()
        .into_iter()
        .filter(|element| element.0 == 'o')
        .take(3)
        .collect();
    assert_eq!(shrink::read(&shrink::written(&keep)), Some(keep.clone()));
    assert_eq!(shrink::read("x7"), None);
    let report = run(&plan.keeping(&keep), &open, false).unwrap();
    assert!(report.violations.is_empty(), "{:?}", report.violations);
    assert!(report.counts.transactions <= 3);
}
