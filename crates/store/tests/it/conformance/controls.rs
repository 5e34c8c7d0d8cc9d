//! What operators set over the gateways, and comparisons with the gateways' lists.

use std::sync::Arc;

use app::ports::store::*;
use domain::gateway::{Gateway, Operation};
use domain::ids::{ReconciliationId, UserId};
use domain::time::Span;

use crate::build::*;
use crate::environment::Environment;

fn changed(row: &ControlRow) -> ControlRow {
    ControlRow {
        reason: Some("manutenção às 22h".into()),
        changed: Some((UserId::from_bytes(bytes(9)), after(3))),
        ..row.clone()
    }
}

pub async fn what_operators_set_is_kept_and_one_gateway_is_preferred(
    environment: Arc<Environment>,
) {
    let store = environment.port();
    let fresh = store.controls().await.unwrap();
    let pairs: Vec<_> = fresh
        .iter()
        .map(|row| (row.gateway, row.operation))
        .collect();
    let operations = [Operation::Charge, Operation::Payout, Operation::Refund];
    let expected: Vec<_> = [Gateway::Efi, Gateway::MercadoPago]
        .into_iter()
        .flat_map(|gateway| operations.map(|operation| (gateway, operation)))
        .collect();
    assert_eq!(pairs, expected);
    let is_unset = |row: &ControlRow| {
        !row.paused && !row.primary && row.reason.is_none() && row.changed.is_none()
    };
    assert!(fresh.iter().all(is_unset), "{fresh:?}");

    let locks = Locks {
        controls: true,
        ..Locks::default()
    };
    assert_eq!(see(store, locks.clone()).await.controls, fresh);
    assert!(see(store, Locks::default()).await.controls.is_empty());

    let paused = ControlRow {
        paused: true,
        primary: true,
        ..changed(&fresh[1])
    };
    put(store, vec![Write::SaveControl(paused.clone())]).await;
    // Saved as it is: nothing changes, and nothing is refused.
    put(store, vec![Write::SaveControl(paused.clone())]).await;
    let mut now = fresh.clone();
    now[1] = paused.clone();
    assert_eq!(store.controls().await.unwrap(), now);
    assert_eq!(see(store, locks).await.controls, now);

    let other = ControlRow {
        primary: true,
        ..changed(&fresh[4])
    };
    assert_eq!(
        refusal(store, vec![Write::SaveControl(other.clone())]).await,
        StoreError::Conflict("gateway_controls.primary")
    );
    let gives_way = ControlRow {
        primary: false,
        ..paused
    };
    let both = vec![Write::SaveControl(gives_way), Write::SaveControl(other)];
    put(store, both).await;
    let preferred: Vec<_> = store
        .controls()
        .await
        .unwrap()
        .into_iter()
        .filter(|row| row.primary)
        .map(|row| row.gateway)
        .collect();
    assert_eq!(preferred, [Gateway::MercadoPago]);
    let lookups = ControlRow {
        operation: Operation::Lookup,
        ..fresh[0].clone()
    };
    assert_eq!(
        refusal(store, vec![Write::SaveControl(lookups)]).await,
        StoreError::Stale("control")
    );
}

pub async fn a_reconciliation_is_kept_and_ends_once(environment: Arc<Environment>) {
    let store = environment.port();
    let asked = ReconciliationRow {
        id: ReconciliationId::from_bytes(bytes(1)),
        gateway: Some(Gateway::Efi),
        from: START,
        to: START.plus(Span::from_days(1)),
        state: ReconciliationState::Queued,
        requested_by: "system".into(),
        requested_at: after(1),
        finished_at: None,
        result: "{}".into(),
    };
    assert_eq!(store.reconciliation(asked.id).await.unwrap(), None);
    put(store, vec![Write::InsertReconciliation(asked.clone())]).await;
    assert_eq!(
        store.reconciliation(asked.id).await.unwrap(),
        Some(asked.clone())
    );
    assert_eq!(
        refusal(store, vec![Write::InsertReconciliation(asked.clone())]).await,
        StoreError::Conflict("reconciliations.id")
    );
    let running = ReconciliationRow {
        state: ReconciliationState::Running,
        result: "{\"cursor\":1}".into(),
        ..asked.clone()
    };
    put(store, vec![Write::SaveReconciliation(running.clone())]).await;
    let done = ReconciliationRow {
        state: ReconciliationState::Done,
        finished_at: Some(after(9)),
        ..running.clone()
    };
    put(store, vec![Write::SaveReconciliation(done.clone())]).await;
    assert_eq!(
        refusal(store, vec![Write::SaveReconciliation(running)]).await,
        StoreError::Stale("reconciliation"),
        "it has ended"
    );
    assert_eq!(store.reconciliation(asked.id).await.unwrap(), Some(done));
    let everywhere = ReconciliationRow {
        id: ReconciliationId::from_bytes(bytes(2)),
        gateway: None,
        ..asked
    };
    put(store, vec![Write::InsertReconciliation(everywhere.clone())]).await;
    let found = store.reconciliation(everywhere.id).await.unwrap();
    assert_eq!(found, Some(everywhere));
}

pub async fn reconciliations_come_newest_first(environment: Arc<Environment>) {
    let store = environment.port();
    let row = |n| ReconciliationRow {
        id: ReconciliationId::from_bytes(bytes(n)),
        gateway: None,
        from: START,
        to: after(60),
        state: ReconciliationState::Queued,
        requested_by: "system".into(),
        requested_at: after(60),
        finished_at: None,
        result: "{}".into(),
    };
    let writes = [2, 3, 1].map(|n| Write::InsertReconciliation(row(n)));
    put(store, writes.into()).await;
    let newest = store.reconciliations_before(None, 2).await.unwrap();
    assert_eq!(newest, [row(3), row(2)]);
    let older = store.reconciliations_before(Some(row(2).id), 9).await;
    assert_eq!(older.unwrap(), [row(1)]);
}
