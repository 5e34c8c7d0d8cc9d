//! How long each page of the wallet takes when its owner has a hundred thousand transactions.
//!
//! `cargo xtask bench pages [TRANSACTIONS [REQUESTS]]` builds this in release and runs it. It starts the
//! whole service in this process on a SQLite file of its own, has one payment of each kind made through
//! the API and the played gateways, and copies their rows in bulk through the store's port: other ids,
//! other times, the money booked by `app::ledger` ([`copies`]). Every check of `pixwave check` that the
//! database alone can answer must hold over the result. Then each page is asked for one request at a
//! time over loopback, as a browser does, and the times are told beside those of `/healthz`
//! ([`measure`]).

mod copies;
mod measure;
mod people;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use app::context::App;
use domain::money::Money;
use pixwave::config::Config;

use crate::people::Person;

const TRANSACTIONS: usize = 100_000;
const REQUESTS: usize = 300;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let mut numbers = std::env::args().skip(1);
    let mut number = |usual| match numbers.next() {
        None => Ok(usual),
        Some(text) => text.parse().context("how many?"),
    };
    let (transactions, requests) = (number(TRANSACTIONS)?, number(REQUESTS)?);
    let name = format!("pixwave-bench-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder)?;
    let outcome = run(folder.clone(), transactions, requests).await;
    std::fs::remove_dir_all(&folder)?;
    outcome
}

async fn run(folder: PathBuf, transactions: usize, requests: usize) -> Result<ExitCode> {
    let running = pixwave::wire::start(config(&folder)?).await?;
    let outcome = prepare_and_measure(&running.app, &running.url, transactions, requests).await;
    running.shutdown().await;
    outcome
}

fn config(folder: &std::path::Path) -> Result<Config> {
    let file = folder.join("pixwave.db").display().to_string();
    let mut config = Config::read(&|name| match name {
        "HTTP_PORT" => Some("0".to_owned()),
        "DB_DATABASE" => Some(file.clone()),
        _ => None,
    })?;
    // Nobody is kept from paying because it is night.
    let much = Money::from_cents(100_000_000)?;
    let limits = &mut config.settings.default_limits;
    (limits.per_transaction, limits.per_day, limits.per_night) = (much, much, much);
    Ok(config)
}

async fn prepare_and_measure(
    app: &App,
    url: &str,
    transactions: usize,
    requests: usize,
) -> Result<ExitCode> {
    let sample = people::Sample::make(url).await?;
    let owner = Person::sign_up(url, "Clara Nunes", 7).await?;
    let other = Person::sign_up(url, "Tom Zé", 8).await?;
    let started = Instant::now();
    let models = copies::Models::read(app, &sample).await?;
    let made = copies::fill(app, &models, (&owner, &other), transactions).await?;
    println!(
        "{made} transactions over six months in {:.0} s",
        started.elapsed().as_secs_f64()
    );
    while app.store.sequence(1_000).await? > 0 {}
    let checks = app::checks::check(app).await?;
    for check in &checks {
        ensure!(
            check.broken.is_empty(),
            "{}: {:?}",
            check.rule,
            check.broken
        );
    }
    println!("{} rules hold", checks.len());
    measure::run(url, &owner, requests).await
}
