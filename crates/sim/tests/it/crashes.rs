//! Workers that die or freeze at every await, and what another makes of what they left.

use std::task::{Context, Poll, Waker};

use app::worker::run_claimed;
use domain::gateway::Gateway::{Efi, MercadoPago};
use domain::outcome::{NeverSent, RefusalReason, UnknownCause};
use domain::time::Span;
use futures::FutureExt;
use futures::future::BoxFuture;
use sim::faults::{Fault, Script};

use crate::world::World;

/// More awaits than any single run has.
const MOST_AWAITS: u32 = 40;

fn scripts() -> Vec<Script> {
    let unreachable = || std::iter::repeat_n(Fault::NeverSent(NeverSent::Connect), 3);
    vec![
        Script::default(),
        Script::default().sends(Efi, unreachable()),
        Script::default().sends(Efi, [Fault::Refuse(RefusalReason::InsufficientFloat)]),
        Script::default().sends(Efi, [Fault::LostAfter(UnknownCause::Timeout)]),
        Script::default().sends(Efi, [Fault::RejectLate(Span::from_seconds(2))]),
        Script::default().sends(Efi, unreachable()).sends(
            MercadoPago,
            [Fault::LostAfter(UnknownCause::ConnectionLost)],
        ),
    ]
}

/// Polls a future until it has been pending this often, or is done; time passes for sleepers.
fn run_some(world: &World, future: &mut BoxFuture<'_, ()>, awaits: u32) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..awaits {
        if let Poll::Ready(()) = future.as_mut().poll(&mut context) {
            return true;
        }
        world.runtime.advance(Span::from_millis(1));
    }
    false
}

#[test]
fn a_worker_may_die_at_any_await() {
    for script in 0..scripts().len() {
        for awaits in 0..MOST_AWAITS {
            let world = World::new(11, scripts().remove(script));
            let id = world.runtime.block_on(world.request("order-1", 1_000));
            let job = world.runtime.block_on(world.claim()).remove(0);
            let mut dying = run_claimed(&world.app, &job).boxed();
            let finished = run_some(&world, &mut dying, awaits);
            drop(dying);
            world.runtime.block_on(async {
                world.work_for(Span::from_seconds(1_200)).await;
                world.audit(id).await;
                world.audit_sends(&[id]).await;
                assert_eq!(
                    world.record(id).await.row.stage,
                    "settled",
                    "script {script}, dead after {awaits} awaits"
                );
            });
            if finished {
                break;
            }
            assert!(
                awaits < MOST_AWAITS - 1,
                "the run has more awaits than are tried"
            );
        }
    }
}

#[test]
fn a_worker_may_freeze_past_its_lease_at_any_await() {
    for script in 0..scripts().len() {
        for awaits in 0..MOST_AWAITS {
            let world = World::new(13, scripts().remove(script));
            let id = world.runtime.block_on(world.request("order-1", 1_000));
            let job = world.runtime.block_on(world.claim()).remove(0);
            let mut frozen = run_claimed(&world.app, &job).boxed();
            let finished = run_some(&world, &mut frozen, awaits);
            world
                .runtime
                .block_on(world.work_for(Span::from_seconds(1_200)));
            // It thaws, finds its lease lost, and whatever it still learns is only evidence.
            if !finished {
                assert!(run_some(&world, &mut frozen, 200), "the thawed worker ends");
            }
            drop(frozen);
            world.runtime.block_on(async {
                world.work_for(Span::from_seconds(1_200)).await;
                world.audit(id).await;
                world.audit_sends(&[id]).await;
                assert_eq!(
                    world.record(id).await.row.stage,
                    "settled",
                    "script {script}, frozen after {awaits} awaits"
                );
            });
            if finished {
                break;
            }
        }
    }
}

#[test]
fn a_payment_whose_jobs_are_all_gone_gets_a_new_one() {
    let world = World::new(17, Script::default());
    let runtime = world.runtime.clone();
    runtime.block_on(async {
        let id = world.request("order-1", 1_000).await;
        let job = world.claim().await.remove(0);
        let lease = app::ports::store::Lease {
            job_id: job.id,
            token: job.token,
        };
        app::outgoing::ends::finish(&world.app, lease)
            .await
            .unwrap();
        world.app.runtime.sleep(Span::from_seconds(10)).await;
        app::sweeper::sweep(world.app.clone()).await.unwrap();
        world.work_for(Span::from_seconds(60)).await;
        world.audit(id).await;
        world.audit_sends(&[id]).await;
        assert_eq!(world.record(id).await.row.stage, "settled");
    });
}
