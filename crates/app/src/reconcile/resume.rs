//! Letting payments leave again after a restore: everything since the restore point is compared with
//! the gateways first, and what bars the way must be named by whoever goes past it.

use std::collections::BTreeSet;

use domain::gateway::Gateway;
use domain::ids::AlertId;
use domain::status::{Kind, Status};
use domain::time::{Moment, Span};
use serde_json::json;

use super::compare::Trouble;
use super::{Finding, LONGEST};
use crate::audit::{Audited, audit};
use crate::commands::{Caller, ResumeDispatch};
use crate::context::{App, CommitError, Decision};
use crate::dispatch_epoch::{Dispatch, EPOCH, put};
use crate::events;
use crate::ports::gateway::GatewayTrouble;
use crate::ports::store::{AlertRow, Locked, Locks, StoreError, TransactionFilter};

/// What one call asks a gateway for, at first.
pub(super) const WINDOW: Span = Span::from_seconds(6 * 3_600);
/// What a gateway may show under a time a little before, clocks being what they are.
const OVERLAP: Span = Span::from_seconds(10 * 60);
/// Payments that wait and are counted for people.
const COUNTED: u32 = 200;

/// What stands in the way of dispatching again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// By which it is accepted: `efi:sent:<key>`, `mercado_pago:sent` …
    pub name: String,
    /// The kind of finding, or `not_listed`.
    pub kind: &'static str,
    pub in_words: String,
}

/// Dispatch goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumed {
    pub epoch: String,
    /// What was put in order by the comparison, and what was accepted.
    pub findings: Vec<Finding>,
}

#[derive(Debug, thiserror::Error)]
pub enum ResumeRefusal {
    #[error("dispatch is not stopped")]
    NotStopped,
    /// From when on is not within the last 31 days.
    #[error("the restore point is not within the last 31 days")]
    TooLongAgo,
    /// A gateway could not be asked; nothing was changed but what was received and is credited.
    #[error(transparent)]
    Gateway(GatewayTrouble),
    #[error("the gateways show what these books do not")]
    Differs(Vec<Obstacle>),
    /// The epoch was changed meanwhile.
    #[error("the stored epoch has changed")]
    Moved,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Trouble> for ResumeRefusal {
    fn from(trouble: Trouble) -> ResumeRefusal {
        match trouble {
            Trouble::Gateway(trouble) => ResumeRefusal::Gateway(trouble),
            Trouble::Store(error) => ResumeRefusal::Store(error),
        }
    }
}

impl App {
    /// Compares everything since the restore point with both gateways and takes the configured epoch
    /// over, unless something bars the way that the request does not name. Both are audited.
    pub async fn resume_dispatch(
        &self,
        caller: &Caller,
        request: ResumeDispatch,
    ) -> Result<Resumed, ResumeRefusal> {
        let (stored, configured) = match self.read_dispatch().await? {
            Dispatch::Running => return Err(ResumeRefusal::NotStopped),
            Dispatch::Stopped { stored, configured } => (stored, configured),
        };
        let now = self.now();
        if request.since > now || now.since(request.since) > LONGEST {
            return Err(ResumeRefusal::TooLongAgo);
        }
        let mut findings = Vec::new();
        let mut obstacles = Vec::new();
        for gateway in Gateway::ALL {
            let (found, is_listed) = self.compare_since(gateway, request.since, now).await?;
            obstacles.extend(found.iter().filter_map(|one| obstacle(gateway, one)));
            findings.extend(found);
            if !is_listed {
                obstacles.push(self.not_listed(gateway).await?);
            }
        }
        let accepted: BTreeSet<String> = request.accept.into_iter().collect();
        let (known, open): (Vec<_>, Vec<_>) = obstacles
            .into_iter()
            .partition(|obstacle| accepted.contains(&obstacle.name));
        let detail = json!({
            "from": stored,
            "to": configured,
            "since": request.since.micros(),
            "accepted": known.iter().map(|one| &one.name).collect::<Vec<_>>(),
            "open": open.iter().map(|one| &one.name).collect::<Vec<_>>(),
            "adjusted": findings.len(),
        });
        if !open.is_empty() {
            let action = "dispatch.resume_refused";
            self.conclude(caller, (stored, None), (action, detail))
                .await?;
            return Err(ResumeRefusal::Differs(open));
        }
        let taken = Some(configured.clone());
        let action = "dispatch.resumed";
        self.conclude(caller, (stored, taken), (action, detail))
            .await?;
        self.refresh_controls().await?;
        Ok(Resumed {
            epoch: configured,
            findings,
        })
    }

    /// All windows since then; whether the gateway lists what it sent.
    async fn compare_since(
        &self,
        gateway: Gateway,
        since: Moment,
        now: Moment,
    ) -> Result<(Vec<Finding>, bool), Trouble> {
        let (mut findings, mut is_listed) = (Vec::new(), true);
        let mut from = since.minus(OVERLAP);
        while from < now {
            let to = from.plus(WINDOW).min(now);
            let (end, compared) = self.compare_window(gateway, from, to).await?;
            is_listed &= compared.sent.is_some();
            findings.extend(compared.findings);
            from = end;
        }
        Ok((findings, is_listed))
    }

    /// A gateway that tells nobody what it sent: how much may have left through it unseen.
    async fn not_listed(&self, gateway: Gateway) -> Result<Obstacle, StoreError> {
        let filter = TransactionFilter {
            kind: Some(Kind::Payout),
            status: Some(Status::Pending),
            stage: Some("queued".to_owned()),
            limit: COUNTED,
            ..TransactionFilter::default()
        };
        let waiting = self.store.transactions(&filter).await?.len();
        let shown = match waiting < COUNTED as usize {
            true => waiting.to_string(),
            false => format!("{COUNTED} or more"),
        };
        Ok(Obstacle {
            name: format!("{gateway}:sent"),
            kind: "not_listed",
            in_words: format!(
                "{gateway} lists no payouts; {shown} wait here as unsent: compare its statement by hand"
            ),
        })
    }

    /// The line of the audit trail, and the new epoch where there is one.
    async fn conclude(
        &self,
        caller: &Caller,
        (stored, taken): (Option<String>, Option<String>),
        (action, detail): (&'static str, serde_json::Value),
    ) -> Result<(), ResumeRefusal> {
        let (seed, actor) = (self.ids(), caller.user_id.to_string());
        let locks = Locks {
            settings: vec![EPOCH.to_owned()],
            ..Locks::default()
        };
        let decide = move |locked: &Locked| {
            if locked.settings.get(EPOCH) != stored.as_ref() {
                return Decision::Refuse(());
            }
            let (now, mut ids) = (seed.now, seed.start());
            let audited = Audited {
                actor: actor.clone(),
                action,
                subject: EPOCH.to_owned(),
                detail: detail.clone(),
            };
            let mut writes = vec![audit(&mut ids, now, audited)];
            if let Some(epoch) = &taken {
                let alert = AlertRow {
                    id: AlertId::from_bytes(ids.make()),
                    kind: "dispatch_resumed".to_owned(),
                    transaction_id: None,
                    gateway: None,
                    message: format!("payments are dispatched again, under the epoch {epoch}"),
                    raised_at: now,
                };
                writes.push(put(EPOCH, epoch.clone()));
                writes.extend(events::alert(&mut ids, alert));
            }
            Decision::Commit(writes, ())
        };
        match self.commit("resume_dispatch", locks, decide).await {
            Ok(()) => Ok(()),
            Err(CommitError::Refused(())) => Err(ResumeRefusal::Moved),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }
}

fn obstacle(gateway: Gateway, finding: &Finding) -> Option<Obstacle> {
    if !finding.kind.bars_dispatch() {
        return None;
    }
    let kind = finding.kind.as_str();
    let direction = match kind.split_once('_') {
        Some((direction, _)) => direction,
        None => kind,
    };
    let amount = finding
        .gateway_cents
        .map_or_else(String::new, |cents| format!("{cents} centavos "));
    let transaction = match &finding.transaction_id {
        Some(id) => format!(" ({id})"),
        None => String::new(),
    };
    Some(Obstacle {
        name: format!("{gateway}:{direction}:{}", finding.reference),
        kind,
        in_words: format!("{amount}{}{transaction}", finding.kind.in_words()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::FindingKind;
    use super::*;

    #[test]
    fn what_is_in_order_now_bars_nothing_and_the_rest_has_a_name() {
        let of = |kind| obstacle(Gateway::Efi, &Finding::new(kind, Gateway::Efi, "k1"));
        for settled in [
            FindingKind::ReceivedCredited,
            FindingKind::ReceivedInSuspense,
            FindingKind::SentAdopted,
            FindingKind::FloatDiffers,
        ] {
            assert_eq!(of(settled), None);
        }
        let unknown = of(FindingKind::SentUnknown).unwrap();
        assert_eq!(unknown.name, "efi:sent:k1");
        let differs = of(FindingKind::ReceivedAmountDiffers).unwrap();
        assert_eq!(differs.name, "efi:received:k1");
    }
}
