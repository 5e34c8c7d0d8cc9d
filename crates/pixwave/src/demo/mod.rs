//! `pixwave demo`: a narrated run against a server that it starts itself, with a temporary database
//! and free ports.
//!
//! The tour (`story`) does over HTTP what users do, breaks the gateways through the sandbox's fault
//! panel, and looks at what became of each payment. At the end (`audit`) everything that was told
//! is compared with what the sandbox's central bank really settled. Each row of the table
//! (`report`) is a promise; one that broke, or did not end in time, fails the run.

mod audit;
mod http;
mod report;
mod server;
mod story;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use self::http::Http;
use self::report::{Report, Row};
use self::server::Server;
use self::story::Tour;

/// No step takes longer, or it is broken.
const STEP_LIMIT: Duration = Duration::from_secs(20);

/// Runs the tour and prints it; it succeeds when every promise held.
///
/// # Errors
/// When the server cannot be started, or the output cannot be written.
pub async fn run() -> Result<ExitCode> {
    let began = Instant::now();
    let mut report = Report::new(std::io::stdout());
    let server = Server::start().await?;
    report.say(&format!(
        "PixWave serves at {} until this tour ends.\n",
        server.url()
    ))?;
    let told = tell(&server, &mut report).await;
    server.stop().await;
    told?;
    report.say("")?;
    report.sum()?;
    report.say(&format!(
        "The tour took {:.1} s.",
        began.elapsed().as_secs_f64()
    ))?;
    Ok(if report.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn tell(server: &Server, report: &mut Report<std::io::Stdout>) -> Result<()> {
    let mut tour = Tour::new(Http::new(server.url())?, server.app());
    report.head()?;
    /// One row for each step, in order.
    macro_rules! steps {
        ($($step:literal $does:literal $run:ident;)*) => {$(
            let seen = bounded(tour.$run()).await;
            report.row(&Row { step: $step, done: $does.to_owned(), seen })?;
        )*};
    }
    steps! {
        "(a)" "Ana and Bruno sign up" sign_up;
        "(b)" "Ana charges R$ 250.00; the sandbox plays the payer" charge_and_pay;
        "(c)" "Ana pays R$ 42.00 to a PIX key, and sends the same request once more" payout;
        "" "Ana transfers R$ 30.00 to Bruno, by his e-mail" transfer;
        "" "Ana gives R$ 50.00 of the charge back" refund;
        "(d)" "the primary gateway goes down; Ana pays R$ 19.90" fallback;
        "(e)" "both gateways are down; Ana pays R$ 15.00" both_down;
        "" "both gateways are repaired" repair;
        "(f)" "the primary pays R$ 27.50 and drops its reply" dropped_reply;
    }
    let audited = tokio::time::timeout(STEP_LIMIT, audit::rows(&tour)).await;
    let rows = audited.unwrap_or_else(|_| {
        vec![Row {
            step: "(g)",
            done: "everything is compared".to_owned(),
            seen: Err("it did not end in time".to_owned()),
        }]
    });
    for row in &rows {
        report.row(row)?;
    }
    Ok(())
}

async fn bounded(step: impl Future<Output = Result<String>>) -> Result<String, String> {
    match tokio::time::timeout(STEP_LIMIT, step).await {
        Ok(seen) => seen.map_err(|error| format!("{error:#}")),
        Err(_) => Err(format!("it did not end within {} s", STEP_LIMIT.as_secs())),
    }
}
