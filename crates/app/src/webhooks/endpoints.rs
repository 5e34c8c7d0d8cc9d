//! Registering endpoints, changing them, and taking them away.

use domain::ids::WebhookEndpointId;
use domain::webhook::{DisabledReason, EndpointHealth, EndpointState};
use serde_json::{Value, json};

use super::{WebhookRefusal, sign, url};
use crate::audit::{Audited, audit};
use crate::commands::Caller;
use crate::context::{App, CommitError, Decision, IdSeed};
use crate::ports::outbound::{EndpointRow, OutboundLocks, OutboundWrite};
use crate::ports::store::{Locks, StoreError, Write};

/// What an endpoint is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEndpoint {
    pub url: String,
    /// Of `events::owners_types`; `None`: all.
    pub event_types: Option<Vec<String>>,
    pub description: Option<String>,
}

/// What is to change; `None`: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeEndpoint {
    pub url: Option<String>,
    /// `Some(None)`: all.
    pub event_types: Option<Option<Vec<String>>>,
    pub description: Option<Option<String>>,
    pub enabled: Option<bool>,
}

/// How often a registration is tried again that another one of the same account outran.
const RACES: u32 = 16;

impl App {
    /// Registers an endpoint. Its row holds the secret, to be shown this once.
    pub async fn create_endpoint(
        &self,
        caller: &Caller,
        request: NewEndpoint,
    ) -> Result<EndpointRow, WebhookRefusal> {
        let url = url::checked(&request.url, self.settings.webhooks.allow_private)?;
        let limit = self.settings.webhooks.endpoints;
        let secret = sign::new_secret(self.runtime.as_ref());
        for _ in 0..RACES {
            let others = self.outbound.endpoints_of(&[caller.user_id]).await?;
            let is_free = |slot: &u32| others.iter().all(|row| row.slot != Some(*slot));
            let slot = (0..limit).find(is_free);
            let seed = self.ids();
            let mut ids = seed.start();
            let row = EndpointRow {
                id: WebhookEndpointId::from_bytes(ids.make()),
                user_id: caller.user_id,
                slot: Some(slot.ok_or(WebhookRefusal::TooMany { limit })?),
                url: url.clone(),
                description: request.description.clone(),
                event_types: request.event_types.clone(),
                secret: secret.clone(),
                old_secret: None,
                state: EndpointState::Enabled,
                disabled_at: None,
                after_position: self.store.last_position().await?,
                health: EndpointHealth::default(),
                due_at: None,
                leased: false,
                token: 0,
                created_at: seed.now,
                updated_at: seed.now,
            };
            let audited = audited(caller, "webhook_endpoint.created", row.id, json!({}));
            let writes = vec![
                Write::Outbound(OutboundWrite::InsertEndpoint(row.clone())),
                audit(&mut ids, seed.now, audited),
            ];
            match self.write_all("create_webhook_endpoint", writes).await {
                Ok(()) => return Ok(row),
                // Another registration took the place: look for the next.
                Err(StoreError::Conflict("webhook_endpoints.slot")) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(WebhookRefusal::TooMany { limit })
    }

    /// The caller's endpoints, oldest first.
    pub async fn endpoints(&self, caller: &Caller) -> Result<Vec<EndpointRow>, StoreError> {
        self.outbound.endpoints_of(&[caller.user_id]).await
    }

    pub async fn own_endpoint(
        &self,
        caller: &Caller,
        id: WebhookEndpointId,
    ) -> Result<EndpointRow, WebhookRefusal> {
        self.endpoint_within((caller, Reach::Own), id).await
    }

    async fn endpoint_within(
        &self,
        (caller, reach): (&Caller, Reach),
        id: WebhookEndpointId,
    ) -> Result<EndpointRow, WebhookRefusal> {
        let found = self.outbound.endpoint(id).await?;
        found
            .filter(|row| reach.covers(row, caller))
            .ok_or(WebhookRefusal::NotFound)
    }

    /// Enabling it again sends what waits for it; another address is a fresh start.
    pub async fn change_endpoint(
        &self,
        caller: &Caller,
        id: WebhookEndpointId,
        change: ChangeEndpoint,
    ) -> Result<EndpointRow, WebhookRefusal> {
        let mut change = change;
        if let Some(url) = &change.url {
            let url = url::checked(url, self.settings.webhooks.allow_private)?;
            change.url = Some(url);
        }
        let detail = json!({
            "url": change.url.is_some(),
            "event_types": change.event_types.is_some(),
            "description": change.description.is_some(),
            "enabled": change.enabled,
        });
        let audited = Audit("webhook_endpoint.changed", detail);
        self.alter((caller, Reach::Own), id, audited, move |row, seed| {
            change.apply(row, seed);
        })
        .await
    }

    /// A new secret, to be shown this once. The one before signs beside it for a while.
    pub async fn rotate_endpoint_secret(
        &self,
        caller: &Caller,
        id: WebhookEndpointId,
    ) -> Result<EndpointRow, WebhookRefusal> {
        let secret = sign::new_secret(self.runtime.as_ref());
        let life = self.settings.webhooks.old_secret_life;
        let audited = Audit("webhook_endpoint.secret_rotated", json!({}));
        self.alter((caller, Reach::Own), id, audited, move |row, seed| {
            let old = std::mem::replace(&mut row.secret, secret.clone());
            row.old_secret = Some((old, seed.now.plus(life)));
            row.updated_at = seed.now;
        })
        .await
    }

    /// Nothing is sent to it any more; its deliveries are removed in time.
    pub async fn delete_endpoint(
        &self,
        caller: &Caller,
        id: WebhookEndpointId,
    ) -> Result<(), WebhookRefusal> {
        let audited = Audit("webhook_endpoint.deleted", json!({}));
        let deleted = self.alter((caller, Reach::Own), id, audited, |row, seed| {
            row.state = EndpointState::Deleted;
            row.slot = None;
            row.url = String::new();
            row.description = None;
            row.secret = String::new();
            row.old_secret = None;
            row.disabled_at = Some(seed.now);
            row.updated_at = seed.now;
        });
        deleted.await.map(drop)
    }

    pub(super) async fn alter(
        &self,
        (caller, reach): (&Caller, Reach),
        id: WebhookEndpointId,
        Audit(action, detail): Audit,
        change: impl Fn(&mut EndpointRow, IdSeed) + Send + Sync + 'static,
    ) -> Result<EndpointRow, WebhookRefusal> {
        self.endpoint_within((caller, reach), id).await?;
        let seed = self.ids();
        let caller = caller.clone();
        let locks = Locks {
            outbound: OutboundLocks {
                endpoints: vec![id],
                ..OutboundLocks::default()
            },
            ..Locks::default()
        };
        let altered = self
            .commit("alter_webhook_endpoint", locks, move |locked| {
                let found = locked.outbound.endpoints.get(&id);
                let Some(found) = found.filter(|row| reach.covers(row, &caller)) else {
                    return Decision::Refuse(());
                };
                let mut row = found.clone();
                change(&mut row, seed);
                let audited = audited(&caller, action, id, detail.clone());
                let writes = vec![
                    Write::Outbound(OutboundWrite::SaveEndpoint(row.clone())),
                    Write::Outbound(OutboundWrite::Requeue(id)),
                    audit(&mut seed.start(), seed.now, audited),
                ];
                Decision::Commit(writes, row)
            })
            .await;
        match altered {
            Ok(row) => Ok(row),
            Err(CommitError::Refused(())) => Err(WebhookRefusal::NotFound),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }
}

/// An action and its detail in the audit trail.
pub(super) struct Audit(pub &'static str, pub Value);

pub(super) fn audited<'a>(
    caller: &Caller,
    action: &'a str,
    subject: impl ToString,
    detail: Value,
) -> Audited<'a> {
    Audited {
        actor: caller.user_id.to_string(),
        action,
        subject: subject.to_string(),
        detail,
    }
}

/// Whose endpoints a use case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The caller's.
    Own,
    /// Everybody's: for operators.
    Any,
}

impl Reach {
    pub(super) fn covers(self, row: &EndpointRow, caller: &Caller) -> bool {
        let is_within = match self {
            Reach::Own => row.user_id == caller.user_id,
            Reach::Any => true,
        };
        is_within && row.state != EndpointState::Deleted
    }
}

impl ChangeEndpoint {
    pub(super) fn apply(&self, row: &mut EndpointRow, seed: IdSeed) {
        if let Some(url) = self.url.clone().filter(|url| *url != row.url) {
            row.url = url;
            row.health = EndpointHealth::default();
        }
        if let Some(event_types) = &self.event_types {
            row.event_types.clone_from(event_types);
        }
        if let Some(description) = &self.description {
            row.description.clone_from(description);
        }
        match self.enabled {
            Some(true) if !row.state.is_enabled() => {
                row.state = EndpointState::Enabled;
                row.disabled_at = None;
                row.health = EndpointHealth::default();
            }
            Some(false) => {
                row.state = EndpointState::Disabled(DisabledReason::Owner);
                row.disabled_at = row.disabled_at.or(Some(seed.now));
            }
            Some(true) | None => {}
        }
        row.updated_at = seed.now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhooks::relay::tests::endpoint;
    use domain::time::{Moment, Span};

    #[test]
    fn a_change_touches_what_it_names() {
        let now = Moment::from_micros(7);
        let seed = IdSeed::for_tests(now);
        let failing = EndpointHealth {
            failures: 3,
            failing_since: Some(now),
            rest_until: Some(now.plus(Span::from_seconds(9))),
        };
        let mut row = EndpointRow {
            state: EndpointState::Disabled(DisabledReason::Failing),
            disabled_at: Some(now),
            health: failing,
            description: Some("shop".into()),
            ..endpoint(1)
        };
        let before = row.clone();
        ChangeEndpoint::default().apply(&mut row, seed);
        assert_eq!(row.health, before.health);
        let change = ChangeEndpoint {
            event_types: Some(Some(vec!["charge.paid".into()])),
            description: Some(None),
            enabled: Some(true),
            ..ChangeEndpoint::default()
        };
        change.apply(&mut row, seed);
        assert_eq!((row.state, row.disabled_at), (EndpointState::Enabled, None));
        assert_eq!(row.health, EndpointHealth::default());
        assert_eq!(row.description, None);
        assert_eq!(row.url, before.url);
        let off = ChangeEndpoint {
            enabled: Some(false),
            event_types: Some(None),
            ..ChangeEndpoint::default()
        };
        off.apply(&mut row, seed);
        assert_eq!(row.state, EndpointState::Disabled(DisabledReason::Owner));
        assert_eq!(
            (row.disabled_at, row.event_types.clone()),
            (Some(now), None)
        );
    }

    #[test]
    fn another_address_is_a_fresh_start_and_the_same_one_is_not() {
        let seed = IdSeed::for_tests(Moment::default());
        let failing = EndpointHealth {
            failures: 3,
            ..EndpointHealth::default()
        };
        for (url, failures) in [("https://shop.example/", 3), ("https://other.example/", 0)] {
            let mut row = EndpointRow {
                health: failing,
                ..endpoint(1)
            };
            let change = ChangeEndpoint {
                url: Some(url.into()),
                ..ChangeEndpoint::default()
            };
            change.apply(&mut row, seed);
            assert_eq!(row.health.failures, failures, "{url}");
        }
    }
}
