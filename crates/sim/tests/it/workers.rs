//! Several workers at once, and cancels that race with them.

use app::commands::CancelRefusal;
use app::worker::run_claimed;
use domain::gateway::Gateway::Efi;
use domain::gateway::Operation;
use domain::outcome::{NeverSent, UnknownCause};
use domain::time::Span;
use futures::FutureExt;
use sim::faults::{Fault, Script};
use tokio::sync::watch;

use crate::world::{OPENING, World};

#[test]
fn two_workers_share_the_queue_and_pay_each_order_once() {
    for seed in 0..20 {
        let faults = [
            Fault::LostAfter(UnknownCause::Timeout),
            Fault::Healthy,
            Fault::NeverSent(NeverSent::Connect),
            Fault::SettleLate(Span::from_seconds(3)),
            Fault::LostBefore(UnknownCause::ServerError),
        ];
        let world = World::new(seed, Script::default().sends(Efi, faults));
        let runtime = world.runtime.clone();
        runtime.block_on(async {
            let mut ids = Vec::new();
            for n in 0..12 {
                ids.push(world.request(&format!("order-{n}"), 100 + n).await);
            }
            let (stop, stopped) = watch::channel(false);
            for _ in 0..2 {
                let work = app::worker::work(world.app.clone(), 3, stopped.clone());
                world.app.runtime.spawn("worker", work.boxed());
            }
            world.app.runtime.sleep(Span::from_seconds(600)).await;
            stop.send(true).unwrap();
            for id in &ids {
                assert_eq!(world.record(*id).await.row.stage, "settled", "seed {seed}");
                world.audit(*id).await;
            }
            world.audit_sends(&ids).await;
            assert_eq!(world.executed().len(), ids.len());
            let wallet = world.app.store.wallet(world.wallet).await.unwrap().unwrap();
            assert_eq!(
                wallet.available.cents(),
                OPENING - (0..12).map(|n| 100 + n).sum::<i64>()
            );
        });
    }
}

#[test]
fn cancel_and_dispatch_are_one_compare_and_set() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..60 {
        let world = World::new(seed, Script::default());
        let runtime = world.runtime.clone();
        runtime.block_on(async {
            let id = world.request("order-1", 1_000).await;
            let (stop, stopped) = watch::channel(false);
            let work = app::worker::work(world.app.clone(), 1, stopped);
            world.app.runtime.spawn("worker", work.boxed());
            world
                .app
                .runtime
                .sleep(Span::from_millis(u32::try_from(seed % 5).unwrap()))
                .await;
            let found = world.record(id).await;
            let cancelled = match world.app.cancel_payout(&found).await {
                Ok(()) => true,
                Err(CancelRefusal::AlreadyDispatched { .. }) => false,
                Err(other) => panic!("{other}"),
            };
            world.app.runtime.sleep(Span::from_seconds(60)).await;
            stop.send(true).unwrap();
            world.audit(id).await;
            let stage = world.record(id).await.row.stage;
            assert_eq!(stage, if cancelled { "cancelled" } else { "settled" });
            seen.insert(stage);
        });
    }
    assert_eq!(seen.len(), 2, "both must win sometimes: {seen:?}");
}

#[test]
fn a_worker_that_lost_its_lease_leaves_no_call_counted() {
    let world = World::new(29, Script::default());
    let runtime = world.runtime.clone();
    runtime.block_on(async {
        let id = world.request("order-1", 1_000).await;
        let lost = world.claim().await.remove(0);
        world.app.runtime.sleep(world.app.settings.job_lease).await;
        let held = world.claim().await.remove(0);
        run_claimed(&world.app, &lost).await;
        assert_eq!(
            world.record(id).await.attempts.len(),
            0,
            "the lost lease opens nothing"
        );
        let now = world.app.now();
        let health = world
            .app
            .availability
            .health(Efi, Operation::Payout, now)
            .await;
        assert_eq!(health.in_flight, 0);
        run_claimed(&world.app, &held).await;
        world.work_for(Span::from_seconds(60)).await;
        assert_eq!(world.record(id).await.row.stage, "settled");
        world.audit(id).await;
    });
}

#[test]
fn equal_requests_make_one_payout() {
    let world = World::new(5, Script::default());
    let runtime = world.runtime.clone();
    runtime.block_on(async {
        let first = world.request("order-1", 1_000).await;
        assert_eq!(world.request("order-1", 1_000).await, first);
        let wallet = world.app.store.wallet(world.wallet).await.unwrap().unwrap();
        assert_eq!(wallet.held.cents(), 1_000);
    });
}
