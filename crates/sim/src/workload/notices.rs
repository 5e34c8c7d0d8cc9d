//! The gateways' notifications on their way: late, doubled, lost, and watched for what follows.

use app::ports::gateway::InboundRequest;
use app::ports::store::TransactionRow;
use domain::gateway::Gateway;
use domain::status::{Kind, Status};
use domain::time::Span;

use super::{AT_ONCE, DELIVERIES, NOTICES, Outside};
use crate::gateway::{About, Notice, Notification, SIGNATURE};
use crate::mishaps::notice_trouble;
use crate::plan::NoticeTrouble;
use crate::runtime::START;

impl Outside {
    pub(super) async fn deliver_notices(&self) {
        loop {
            self.world.notices.added.notified().await;
            for notice in self.world.notices.take() {
                let of = self
                    .world
                    .auditor
                    .operation(notice.gateway, &notice.reference);
                let number = {
                    let mut told = self.memory.told();
                    let number = told.notices.entry(of).or_insert(0);
                    *number += 1;
                    *number
                };
                let copies = match notice_trouble(&self.world.plan, of, number) {
                    None => vec![Span::ZERO],
                    Some(NoticeTrouble::Lost) => Vec::new(),
                    Some(NoticeTrouble::Doubled) => vec![Span::ZERO, Span::ZERO],
                    Some(NoticeTrouble::Late(span)) => vec![span],
                };
                for late in copies {
                    let (outside, notice) = (self.clone(), notice.clone());
                    let label = NOTICES + (u64::from(of) << 16) + number;
                    self.spawn(label, async move { outside.deliver(notice, late).await });
                }
            }
        }
    }

    pub(super) async fn deliver(&self, notice: Notice, late: Span) {
        self.rest_until(notice.at.plus(late)).await;
        for turn in 0..DELIVERIES {
            self.rest(50 + u32::try_from(self.world.runtime.draw() % 2_000).unwrap_or(0))
                .await;
            if self.notify_api(&notice, true).await == Some(true) {
                if matches!(notice.about, About::Refund) {
                    let now = self.world.runtime.elapsed();
                    let slot = (notice.gateway, notice.reference);
                    self.memory.told().delivered.insert(slot.clone(), now);
                    self.watch_notified(slot).await;
                }
                return;
            }
            self.rest(2_000 << turn).await;
        }
    }

    /// What was notified is acted upon at once while nothing stands in the way: scans are for what
    /// nobody told.
    pub(super) async fn watch_notified(&self, (gateway, key): (Gateway, String)) {
        let now = self.world.runtime.elapsed();
        let from = u32::try_from(now.since(START).millis()).unwrap_or(u32::MAX);
        let Some(real) = self.world.bank.received(gateway, &key, now) else {
            return;
        };
        if !self.world.plan.is_calm(from, AT_ONCE) {
            return;
        }
        self.rest(AT_ONCE).await;
        let taken: i64 = real
            .reversals
            .iter()
            .map(|(_, amount)| amount.cents())
            .sum();
        let rows = self.world.auditor.pay_ins();
        let row = rows
            .iter()
            .find(|row| row.gateway == gateway && row.key == key);
        // While a refund of ours is open, what it gave back cannot be told from this.
        let open = |row: &TransactionRow| row.kind == Kind::Refund && row.status == Status::Pending;
        if self.world.auditor.rows().iter().any(open) {
            return;
        }
        let booked = row.map_or(0, |row| row.reversed.cents());
        if booked < taken {
            let detail =
                format!("{gateway} took {taken} of {key} back and said so; booked {booked}");
            self.world.auditor.accuse("notified_is_booked", detail);
        }
    }

    /// Hands a notification to the API; whether it was taken.
    pub(super) async fn notify_api(&self, notice: &Notice, genuine: bool) -> Option<bool> {
        let told = Notification {
            about: notice.about,
            reference: notice.reference.clone(),
        };
        let (name, value) = SIGNATURE;
        let signature = genuine.then(|| (name.to_owned(), value.to_owned()));
        let request = InboundRequest {
            path: format!("/webhooks/{}", notice.gateway),
            query: String::new(),
            headers: signature.into_iter().collect(),
            body: serde_json::to_vec(&told).unwrap_or_default(),
        };
        let gateway = notice.gateway;
        let taken = self
            .world
            .ask(move |app| {
                Box::pin(async move { app.receive_inbound(gateway, request).await.is_ok() })
            })
            .await;
        self.tell(|| {
            let name = self.world.trace.name(&notice.reference);
            let what = match taken {
                Some(true) => "is taken",
                Some(false) => "is refused",
                None => "gets no answer",
            };
            format!("notice of {gateway} about {name} {what}")
        });
        taken
    }
}
