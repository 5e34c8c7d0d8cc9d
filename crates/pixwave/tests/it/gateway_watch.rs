//! People are called when a gateway is out of use, in virtual time.

use std::collections::BTreeMap;
use std::sync::Arc;

use app::availability::Sample;
use app::context::App;
use domain::circuit::Observation;
use domain::gateway::{Gateway, Operation};
use domain::time::Span;
use pixwave::config::Config;
use store::{Keyring, SqlStore, StoreConfig};
use testkit::ManualRuntime;

use crate::fleet::KEY;

fn bench() -> (App, ManualRuntime) {
    let config = StoreConfig {
        url: "sqlite::memory:".to_owned(),
        pool_size: 1,
        durability_required: false,
        mysql: Default::default(),
    };
    let keyring = Keyring::parse(KEY.1).expect("a key");
    let store = SqlStore::inline(&config, keyring).expect("a store");
    let config = Config::read(&|_| None).expect("the defaults");
    let runtime = ManualRuntime::new(7);
    let port = Arc::new(runtime.clone());
    let app = pixwave::wire::build_app(&config, store, BTreeMap::new(), port);
    (app, runtime)
}

async fn call(app: &App, outcome: Observation) {
    let (gateway, operation) = (Gateway::Efi, Operation::Payout);
    let sample = Sample {
        outcome,
        latency: Span::from_millis(5),
    };
    let availability = &app.availability;
    availability
        .observe(gateway, operation, sample, app.now())
        .await;
}

async fn told(app: &App) -> Vec<(String, Option<Gateway>)> {
    let alerts = app.store.alerts(10).await.expect("alerts");
    let told = alerts.into_iter().rev();
    told.map(|alert| (alert.kind, alert.gateway)).collect()
}

#[tokio::test]
async fn an_outage_of_a_minute_calls_people_and_so_does_its_end() {
    let (app, runtime) = bench();
    let look = || async { app::gateway_watch::look(app.clone()).await.expect("a look") };
    for _ in 0..4 {
        call(&app, Observation::Failed).await;
    }
    look().await;
    assert_eq!(told(&app).await, []);
    runtime.advance(Span::from_seconds(61));
    look().await;
    look().await;
    let down = ("gateway_down".to_owned(), Some(Gateway::Efi));
    assert_eq!(told(&app).await, std::slice::from_ref(&down));
    // Calls come through again, once a probe has.
    let (gateway, operation) = (Gateway::Efi, Operation::Payout);
    let availability = &app.availability;
    availability
        .probe_succeeded(gateway, operation, app.now())
        .await;
    look().await;
    assert_eq!(told(&app).await, std::slice::from_ref(&down));
    for _ in 0..8 {
        call(&app, Observation::Answered).await;
    }
    look().await;
    let up = ("gateway_up".to_owned(), Some(Gateway::Efi));
    assert_eq!(told(&app).await, [down, up]);
}
