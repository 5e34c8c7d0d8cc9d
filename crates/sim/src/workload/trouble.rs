//! Mishaps that come by the clock, and not at a point of the product.

use std::sync::Arc;

use app::ports::store::{JobState, Lease, Locks, UnitResult, Write};
use domain::gateway::Gateway;
use domain::time::Span;

use super::Outside;
use crate::gateway::{About, Notice};
use crate::mishaps::after;
use crate::plan::Trouble;

impl Outside {
    pub(super) async fn suffer(&self, what: Trouble) {
        let world = &self.world;
        match what {
            Trouble::CacheForgets { process, at } => {
                self.rest_until(after(at)).await;
                world.trace.tell(process, || "forgets its cache".to_owned());
                world.forget_cache(process);
            }
            Trouble::JobsDeleted { at } => {
                self.rest_until(after(at)).await;
                self.delete_jobs().await;
            }
            Trouble::ClockJumps { at, millis, back } => {
                self.rest_until(after(at)).await;
                self.tell(|| format!("the clock jumps {millis} ms, back: {back}"));
                world
                    .runtime
                    .set_wall_clock(Span::from_millis(millis), back);
            }
            Trouble::Forgery { gateway, at, of } => {
                self.rest_until(after(at)).await;
                self.forge(gateway, of).await;
            }
            Trouble::Call { .. }
            | Trouble::Lookup { .. }
            | Trouble::Outage { .. }
            | Trouble::Interrupt { .. }
            | Trouble::Stall { .. }
            | Trouble::StoreAway { .. }
            | Trouble::CommitUnanswered { .. }
            | Trouble::Notice { .. } => {}
        }
    }

    async fn delete_jobs(&self) {
        self.tell(|| "every job is deleted".to_owned());
        let store = &self.world.store;
        let jobs = store.jobs(Some(JobState::Ready), 10_000).await;
        for job in jobs.unwrap_or_default() {
            let lease = Lease {
                job_id: job.id,
                token: job.token,
            };
            let locks = Locks {
                lease: Some(lease),
                ..Locks::default()
            };
            let unit = app::ports::store::Unit {
                name: "delete_job",
                locks,
                decide: Arc::new(move |_| app::ports::store::Verdict::Commit {
                    writes: vec![Write::FinishJob(lease)],
                    answer: Box::new(()),
                }),
            };
            if let Some(UnitResult::Committed(_)) = store.commit(vec![unit]).await.pop() {
                self.world.auditor.robbed(job.id);
            }
        }
    }

    /// A notification that nobody at the gateway has sent.
    async fn forge(&self, gateway: Gateway, of: u32) {
        let id = self.memory.told().ids.get(&of).copied();
        let keys = id.map(|id| self.world.auditor.keys(id)).unwrap_or_default();
        let key = keys.into_iter().find(|(at, _)| *at == gateway);
        let reference = key.map_or_else(|| "ffffffffffffffff".to_owned(), |(_, key)| key);
        let notice = Notice {
            gateway,
            at: self.world.runtime.elapsed(),
            about: [About::Charge, About::Payout, About::PayIn, About::Refund]
                [usize::try_from(of % 4).unwrap_or(0)],
            reference,
        };
        self.tell(|| "somebody forges a notice".to_owned());
        if self.notify_api(&notice, false).await == Some(true) && gateway == Gateway::Efi {
            let detail = "a notification without a signature was taken".to_owned();
            self.world.auditor.accuse("forged_notices", detail);
        }
    }
}
