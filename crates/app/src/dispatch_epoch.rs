//! The dispatch epoch: whether this database is the one whose payments may be sent.
//!
//! A database that was restored, copied or failed over with loss does not know what was sent after
//! the moment that it shows. Whoever brings one up gives it a new `DISPATCH_EPOCH`. While that
//! differs from the epoch that the database holds, nothing new leaves: no first send and no further
//! one, of payouts and refunds alike. They wait, without their deadline running, since one that seems
//! unsent may have left. Lookups, credits and charges go on. Once the books have been compared with
//! the gateways ([`crate::reconcile::resume`]) the database takes the new epoch over.

use domain::ids::AlertId;
use serde_json::json;

use crate::audit::{Audited, SYSTEM, audit};
use crate::context::{App, CommitError, Decision};
use crate::events;
use crate::ports::store::{AlertRow, Locked, Locks, StoreError, Write};

/// The setting that holds the database's epoch.
pub const EPOCH: &str = "dispatch.epoch";
/// The setting that holds the pair of epochs that people were told of.
const TOLD: &str = "dispatch.told";

/// Whether payments leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dispatch {
    Running,
    Stopped {
        /// `None`: the database's epoch has not been read yet.
        stored: Option<String>,
        configured: String,
    },
}

impl Dispatch {
    pub fn of(stored: Option<String>, configured: Option<&str>) -> Dispatch {
        match configured {
            Some(configured) if stored.as_deref() != Some(configured) => Dispatch::Stopped {
                stored,
                configured: configured.to_owned(),
            },
            Some(_) | None => Dispatch::Running,
        }
    }

    /// In plain words.
    pub fn in_words(&self) -> String {
        match self {
            Dispatch::Running => "payments are dispatched".to_owned(),
            Dispatch::Stopped { stored, configured } => format!(
                "payouts and refunds wait: DISPATCH_EPOCH is {configured}, the database holds {}; \
                 compare it with the gateways and take the new epoch over with \
                 `pixwave dispatch resume`",
                stored.as_deref().unwrap_or("none")
            ),
        }
    }
}

impl App {
    /// Whether payments leave, by what this process knows; no read.
    pub fn dispatch(&self) -> Dispatch {
        match &self.settings.dispatch_epoch {
            None => Dispatch::Running,
            Some(configured) => Dispatch::of(self.controls.epoch(), Some(configured)),
        }
    }

    pub fn may_dispatch(&self) -> bool {
        self.dispatch() == Dispatch::Running
    }

    /// The same, read now: for commands without a copy of their own.
    pub async fn read_dispatch(&self) -> Result<Dispatch, StoreError> {
        let stored = self.store.setting(EPOCH).await?;
        Ok(Dispatch::of(
            stored,
            self.settings.dispatch_epoch.as_deref(),
        ))
    }

    /// The epoch that the database holds.
    pub async fn stored_epoch(&self) -> Result<Option<String>, StoreError> {
        self.store.setting(EPOCH).await
    }

    /// Gives a database without an epoch one: the configured epoch if no payment has ever been asked
    /// of it, else a random one, which no configuration can name by chance.
    pub async fn settle_epoch(&self) -> Result<(), StoreError> {
        if self.store.setting(EPOCH).await?.is_some() {
            return self.refresh_controls().await;
        }
        let is_fresh = self.store.totals().await?.transactions == 0;
        let seed = self.ids();
        let random: String = seed
            .start()
            .make()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let configured = self.settings.dispatch_epoch.clone();
        let epoch = configured.filter(|_| is_fresh).unwrap_or(random);
        let decide = move |locked: &Locked| {
            if locked.settings.contains_key(EPOCH) {
                return Decision::Refuse(());
            }
            let audited = Audited {
                actor: SYSTEM.to_owned(),
                action: "dispatch.epoch_made",
                subject: EPOCH.to_owned(),
                detail: json!({"epoch": epoch}),
            };
            let writes = vec![
                put(EPOCH, epoch.clone()),
                audit(&mut seed.start(), seed.now, audited),
            ];
            Decision::Commit(writes, ())
        };
        self.settle("dispatch_epoch", EPOCH, decide).await?;
        self.refresh_controls().await
    }

    /// One turn of the task that keeps the copy fresh; people are told once when dispatch stands
    /// still.
    pub async fn watch_controls(&self) -> Result<(), StoreError> {
        self.refresh_controls().await?;
        let standing = self.dispatch();
        let Dispatch::Stopped { stored, configured } = &standing else {
            return Ok(());
        };
        let pair = format!("{}>{configured}", stored.as_deref().unwrap_or_default());
        if self.store.setting(TOLD).await?.as_deref() == Some(pair.as_str()) {
            return Ok(());
        }
        let (seed, message) = (self.ids(), standing.in_words());
        let decide = move |locked: &Locked| {
            if locked.settings.get(TOLD) == Some(&pair) {
                return Decision::Refuse(());
            }
            let mut ids = seed.start();
            let alert = AlertRow {
                id: AlertId::from_bytes(ids.make()),
                kind: "dispatch_stopped".to_owned(),
                transaction_id: None,
                gateway: None,
                message: message.clone(),
                raised_at: seed.now,
            };
            let mut writes: Vec<Write> = events::alert(&mut ids, alert).into();
            writes.push(put(TOLD, pair.clone()));
            Decision::Commit(writes, ())
        };
        self.settle("dispatch_stopped", TOLD, decide).await
    }

    /// A commit over one setting; a refusal means that another process was first.
    async fn settle(
        &self,
        name: &'static str,
        setting: &str,
        decide: impl Fn(&Locked) -> Decision<(), ()> + Send + Sync + 'static,
    ) -> Result<(), StoreError> {
        let locks = Locks {
            settings: vec![setting.to_owned()],
            ..Locks::default()
        };
        match self.commit(name, locks, decide).await {
            Ok(()) | Err(CommitError::Refused(())) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
        }
    }
}

pub(crate) fn put(name: &str, value: String) -> Write {
    Write::PutSetting {
        name: name.to_owned(),
        value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_configured_epoch_permits_to_dispatch() {
        let of = |stored: Option<&str>, configured| {
            Dispatch::of(stored.map(str::to_owned), configured) == Dispatch::Running
        };
        assert!(of(None, None) && of(Some("a"), None) && of(Some("a"), Some("a")));
        assert!(!of(Some("a"), Some("b")), "another epoch");
        assert!(!of(None, Some("b")), "not read yet");
    }

    #[test]
    fn both_epochs_are_told() {
        let words = Dispatch::of(Some("old".into()), Some("new")).in_words();
        for part in ["DISPATCH_EPOCH is new", "holds old", "dispatch resume"] {
            assert!(words.contains(part), "{words}");
        }
    }
}
