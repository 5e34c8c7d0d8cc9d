//! What operators set over the gateways: operations paused, gateways preferred.
//!
//! It is stored in SQL and wins over the configuration. Each process works with a copy in memory,
//! read at its start, after a change of its own, and every second. A payment on its way asks the copy
//! and never waits for the database because of it; so a change reaches every process within about a
//! second, and a payment that was just being routed may still go by what held before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};

use domain::gateway::{Gateway, Operation};
use domain::ids::AlertId;
use serde_json::json;

use crate::audit::{Audited, audit};
use crate::commands::{Caller, SetControl};
use crate::context::{App, CommitError, Decision, IdSeed};
use crate::dispatch_epoch::EPOCH;
use crate::events;
use crate::ports::store::{AlertRow, ControlRow, Locked, Locks, StoreError, Write};
use crate::views::OperationHealthView;

/// The copy of one process; before it is read first, nothing is set.
#[derive(Default)]
pub struct Controls(RwLock<Copied>);

#[derive(Default)]
struct Copied {
    paused: BTreeSet<(Gateway, Operation)>,
    primary: BTreeMap<Operation, Gateway>,
    epoch: Option<String>,
}

impl Controls {
    /// Whether new calls of this operation are kept from the gateway. What an attempt needs that
    /// exists already (lookups, the same bytes again) is never kept from it.
    pub fn is_paused(&self, gateway: Gateway, operation: Operation) -> bool {
        self.read(|copied| copied.paused.contains(&(gateway, operation)))
    }

    fn primary(&self, operation: Operation) -> Option<Gateway> {
        self.read(|copied| copied.primary.get(&operation).copied())
    }

    /// The dispatch epoch that the database holds; `None` before it is read first.
    pub fn epoch(&self) -> Option<String> {
        self.read(|copied| copied.epoch.clone())
    }

    fn read<T>(&self, look: impl FnOnce(&Copied) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, rows: &[ControlRow], epoch: Option<String>) {
        let pairs = |row: &ControlRow| (row.gateway, row.operation);
        let fresh = Copied {
            paused: rows.iter().filter(|row| row.paused).map(pairs).collect(),
            primary: rows
                .iter()
                .filter(|row| row.primary)
                .map(|row| (row.operation, row.gateway))
                .collect(),
            epoch,
        };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
    }
}

/// One operation of one gateway: what operators have set, what the configuration says, what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlView {
    /// As stored.
    pub row: ControlRow,
    /// Preferred by the configuration.
    pub is_configured_primary: bool,
    /// Preferred now; false for a refund, which goes back the way its money came.
    pub is_primary: bool,
    pub health: OperationHealthView,
}

impl App {
    /// Everything that operators may set, by gateway and operation.
    pub async fn controls_view(&self) -> Result<Vec<ControlView>, StoreError> {
        let rows = self.store.controls().await?;
        let mut views = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut of_operation = rows.iter().filter(|one| one.operation == row.operation);
            let stored = of_operation.find(|one| one.primary).map(|one| one.gateway);
            let configured = self.settings.primary(row.operation);
            let may_be_preferred = row.operation != Operation::Refund;
            views.push(ControlView {
                is_configured_primary: may_be_preferred && configured == row.gateway,
                is_primary: may_be_preferred && stored.unwrap_or(configured) == row.gateway,
                health: self.operation_health(row.gateway, row.operation).await,
                row: row.clone(),
            });
        }
        Ok(views)
    }

    /// The preferred gateway of an operation: what an operator has set, else the configuration's.
    pub fn primary(&self, operation: Operation) -> Gateway {
        self.controls
            .primary(operation)
            .unwrap_or_else(|| self.settings.primary(operation))
    }

    /// Reads the copy anew.
    pub async fn refresh_controls(&self) -> Result<(), StoreError> {
        let rows = self.store.controls().await?;
        let epoch = self.store.setting(EPOCH).await?;
        self.controls.replace(&rows, epoch);
        Ok(())
    }

    /// Pauses, resumes or prefers a gateway for one operation. What is so already changes nothing and
    /// is written nowhere.
    ///
    /// # Errors
    /// The store's; an operation that cannot be set at all is a corrupt row.
    pub async fn set_control(
        &self,
        caller: &Caller,
        gateway: Gateway,
        change: SetControl,
    ) -> Result<(), StoreError> {
        let unit = ChangeUnit {
            caller: caller.clone(),
            gateway,
            change,
            seed: self.ids(),
        };
        let locks = Locks {
            controls: true,
            ..Locks::default()
        };
        let changed = self
            .commit("set_control", locks, move |locked| {
                match unit.decide(locked) {
                    Ok(writes) => Decision::Commit(writes, ()),
                    Err(error) => Decision::Refuse(error),
                }
            })
            .await;
        match changed {
            Ok(()) => self.refresh_controls().await,
            Err(CommitError::Refused(error) | CommitError::Store(error)) => Err(error),
        }
    }
}

struct ChangeUnit {
    caller: Caller,
    gateway: Gateway,
    change: SetControl,
    seed: IdSeed,
}

impl ChangeUnit {
    fn decide(&self, locked: &Locked) -> Result<Vec<Write>, StoreError> {
        let operation = self.change.operation;
        let of_operation = || {
            let rows = locked.controls.iter();
            rows.filter(move |row| row.operation == operation)
        };
        let row = of_operation().find(|row| row.gateway == self.gateway);
        let row = row.ok_or_else(|| {
            let what = format!(
                "there is no control of {} at {}",
                operation.as_str(),
                self.gateway
            );
            StoreError::Corrupt(what)
        })?;
        let (now, mut ids) = (self.seed.now, self.seed.start());
        let mut changed = row.clone();
        let mut done = Vec::new();
        let mut writes = Vec::new();
        if let Some(paused) = self.change.paused.filter(|paused| *paused != row.paused) {
            changed.paused = paused;
            done.push(if paused { "paused" } else { "resumed" });
        }
        if self.change.primary && !row.primary {
            changed.primary = true;
            done.push("preferred");
            // The other gives way first: one gateway of an operation is preferred.
            let other = of_operation().find(|row| row.primary);
            writes.extend(other.map(|other| {
                Write::SaveControl(ControlRow {
                    primary: false,
                    ..other.clone()
                })
            }));
        }
        if done.is_empty() {
            return Ok(Vec::new());
        }
        changed.reason = self.change.reason.clone();
        changed.changed = Some((self.caller.user_id, now));
        writes.push(Write::SaveControl(changed));
        for what in done {
            let audited = Audited {
                actor: self.caller.user_id.to_string(),
                action: &format!("gateway.{what}"),
                subject: self.gateway.to_string(),
                detail: json!({"operation": operation.as_str()}),
            };
            writes.push(audit(&mut ids, now, audited));
            let alert = AlertRow {
                id: AlertId::from_bytes(ids.make()),
                kind: format!("gateway_{what}"),
                transaction_id: None,
                gateway: Some(self.gateway),
                message: format!(
                    "an operator {what} {} at {}",
                    operation.as_str(),
                    self.gateway
                ),
                raised_at: now,
            };
            writes.extend(events::alert(&mut ids, alert));
        }
        Ok(writes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::store::UserRole;
    use domain::ids::UserId;
    use domain::time::Moment;

    fn row(gateway: Gateway, operation: Operation) -> ControlRow {
        ControlRow {
            gateway,
            operation,
            paused: false,
            primary: false,
            reason: None,
            changed: None,
        }
    }

    fn unit(paused: Option<bool>, primary: bool) -> ChangeUnit {
        ChangeUnit {
            caller: Caller {
                user_id: UserId::from_bytes([7; 16]),
                role: UserRole::Operator,
                scopes: Vec::new(),
                session_id: None,
            },
            gateway: Gateway::Efi,
            change: SetControl {
                operation: Operation::Payout,
                paused,
                primary,
                reason: Some("their maintenance".to_owned()),
            },
            seed: IdSeed::for_tests(Moment::from_micros(5)),
        }
    }

    fn locked(change: impl Fn(&mut [ControlRow; 2])) -> Locked {
        let mut rows = [
            row(Gateway::Efi, Operation::Payout),
            row(Gateway::MercadoPago, Operation::Payout),
        ];
        change(&mut rows);
        Locked {
            controls: rows.to_vec(),
            ..Locked::default()
        }
    }

    #[test]
    fn a_pause_is_written_audited_and_told_once() {
        let writes = unit(Some(true), false).decide(&locked(|_| ())).unwrap();
        let [
            Write::SaveControl(saved),
            Write::InsertAudit(line),
            Write::InsertAlert(alert),
            Write::InsertEvent(_),
        ] = &writes[..]
        else {
            panic!("{writes:?}")
        };
        assert!(saved.paused && saved.changed.is_some());
        assert_eq!(line.action, "gateway.paused");
        assert!(!line.detail.contains("maintenance"), "{}", line.detail);
        assert_eq!(alert.kind, "gateway_paused");
        let again = unit(Some(true), false).decide(&locked(|rows| rows[0].paused = true));
        assert_eq!(again.unwrap().len(), 0, "it is so already");
    }

    #[test]
    fn a_preference_takes_the_place_of_the_others_before_it_is_written() {
        let writes = unit(None, true)
            .decide(&locked(|rows| rows[1].primary = true))
            .unwrap();
        let saved = |write: &Write| match write {
            Write::SaveControl(row) => Some((row.gateway, row.primary)),
            _ => None,
        };
        let saved: Vec<_> = writes.iter().filter_map(saved).collect();
        let expected = [(Gateway::MercadoPago, false), (Gateway::Efi, true)];
        assert_eq!(saved, expected);
    }

    #[test]
    fn what_cannot_be_set_is_refused() {
        let none = Locked::default();
        assert!(unit(Some(true), false).decide(&none).is_err());
    }

    #[test]
    fn the_copy_answers_what_was_read_last() {
        let controls = Controls::default();
        let (efi, payout) = (Gateway::Efi, Operation::Payout);
        assert!(!controls.is_paused(efi, payout) && controls.epoch().is_none());
        let mut paused = row(efi, payout);
        (paused.paused, paused.primary) = (true, true);
        controls.replace(&[paused], Some("one".to_owned()));
        assert!(controls.is_paused(efi, payout) && !controls.is_paused(efi, Operation::Charge));
        assert_eq!(controls.primary(payout), Some(efi));
        controls.replace(&[], None);
        assert!(!controls.is_paused(efi, payout) && controls.primary(payout).is_none());
    }
}
