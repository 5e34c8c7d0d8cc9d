//! `pixwave doctor`: the configuration and every outside system, one line each.
//!
//! A line is `ok`, a `warning` about what works but should be better, or `FAILED`; one that failed
//! fails the command. With a public address the gateways are told where to notify.

mod events;

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use app::dispatch_epoch::Dispatch;
use app::ports::runtime::Runtime as _;
use app::ports::store::Store as _;
use domain::gateway::Gateway;
use domain::time::{Moment, Span};
use gateways::{Environment, certificate_facts};
use platform::{Cause, Unfit};
use secrecy::ExposeSecret as _;
use store::{Examination, MysqlTls};

use crate::config::{Config, Gateways, RealGateways, longest_pending, reais};
use crate::runtime::SystemRuntime;
use crate::sandbox_access::Access;
use crate::{clients, database, output, table, wire};

/// A certificate this close to its end is warned of.
const EXPIRY_WARNING: Span = Span::from_days(30);
/// Signatures of webhooks and tokens suffer from clocks further apart.
const CLOCK_LIMIT: Duration = Duration::from_secs(5);
/// Leases and the ages of payments suffer from hosts and a database further apart.
const DATABASE_CLOCK_LIMIT: Span = Span::from_seconds(60);
const CALL_LIMIT: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ok,
    Warning,
    Failed,
}

struct Line {
    what: String,
    state: State,
    detail: String,
}

#[derive(Default)]
struct Findings(Vec<Line>);

impl Findings {
    fn add(&mut self, what: impl Into<String>, state: State, detail: impl Into<String>) {
        self.0.push(Line {
            what: what.into(),
            state,
            detail: detail.into(),
        });
    }

    fn failed(&self) -> usize {
        let failed = self.0.iter().filter(|line| line.state == State::Failed);
        failed.count()
    }

    fn lines(&self) -> Vec<String> {
        let row = |line: &Line| {
            let state = match line.state {
                State::Ok => "ok",
                State::Warning => "warning",
                State::Failed => "FAILED",
            };
            vec![state.to_owned(), line.what.clone(), line.detail.clone()]
        };
        table::lines(&self.0.iter().map(row).collect::<Vec<_>>())
    }
}

pub async fn run(config: &Config) -> Result<ExitCode> {
    let mut findings = Findings::default();
    configuration(config, &mut findings);
    check_database(config, &mut findings).await;
    check_redis(config, &mut findings).await;
    events::check(config, &mut findings).await;
    match &config.gateways {
        Gateways::Sandbox(_) => check_sandbox(config, &mut findings).await,
        Gateways::Real(real) => check_gateways(config, real, &mut findings).await,
    }
    output::line(findings.lines().join("\n"))?;
    Ok(match findings.failed() {
        0 => ExitCode::SUCCESS,
        count => {
            output::line(format!("{count} failed"))?;
            ExitCode::FAILURE
        }
    })
}

fn configuration(config: &Config, findings: &mut Findings) {
    let settings = &config.settings;
    findings.add("listens on", State::Ok, config.http.address().to_string());
    let key = match &config.app_key {
        Some(_) => "APP_KEY",
        None => "pixwave.key beside the database",
    };
    findings.add("application key", State::Ok, key);
    findings.add(
        "preferred gateways",
        State::Ok,
        format!(
            "payouts {}, charges {}",
            settings.primary_payout, settings.primary_charge
        ),
    );
    findings.add(
        "limits per wallet",
        State::Ok,
        format!(
            "{} per payment, {} per day, {} per night",
            reais(settings.default_limits.per_transaction),
            reais(settings.default_limits.per_day),
            reais(settings.default_limits.per_night),
        ),
    );
    findings.add(
        "T_end",
        State::Ok,
        format!(
            "no payout is pending for longer than {}, then people review it",
            words(longest_pending(settings))
        ),
    );
}

async fn check_database(config: &Config, findings: &mut Findings) {
    let what = format!("database {}", config.database.shown());
    let runtime = SystemRuntime::default();
    // A file belongs to the server that may be running; a server's database is tried as a role
    // would use it.
    let opened = match config.database.is_shared() {
        true => database::open(config, &runtime).await,
        false => database::open_for_reading(config, &runtime).await,
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(error) => return findings.add(what, State::Failed, format!("{error:#}")),
    };
    let answers = match latency(&opened).await {
        Some(micros) => format!(", answers in {micros} µs"),
        None => String::new(),
    };
    let detail = format!("opens with this key, at this program's version{answers}");
    findings.add(&what, State::Ok, detail);
    // A database that has to be durable and is not has just been refused.
    match config.database.durability_required {
        true => findings.add("durability", State::Ok, "a commit survives a power cut"),
        false => findings.add(
            "durability",
            State::Warning,
            "not required (DB_DURABILITY=accepted): a power cut may undo commits",
        ),
    }
    check_controls(config, opened, findings).await;
    match store::examine(&config.database.store()).await {
        Ok(Some(told)) => database_server(config, &told, runtime.now(), findings),
        Ok(None) => {}
        Err(error) => findings.add(what, State::Failed, error.to_string()),
    }
}

/// The shortest of a few round trips, in microseconds.
async fn latency(opened: &database::Opened) -> Option<u128> {
    let mut shortest = None;
    for _ in 0..3 {
        let begun = tokio::time::Instant::now();
        if opened.store.last_position().await.is_err() {
            return None;
        }
        let micros = begun.elapsed().as_micros();
        shortest = Some(shortest.map_or(micros, |least: u128| least.min(micros)));
    }
    shortest
}

fn database_server(config: &Config, told: &Examination, now: Moment, findings: &mut Findings) {
    findings.add("database version", State::Ok, &told.version);
    let (state, detail) = match (&told.cipher, &config.database.mysql.tls) {
        (None, _) if config.database.is_local() => {
            (State::Ok, "not encrypted, on this machine".to_owned())
        }
        (None, _) => (State::Warning, "not encrypted (DB_TLS)".to_owned()),
        (Some(cipher), MysqlTls::Verified { .. }) => {
            (State::Ok, format!("{cipher}, certificate verified"))
        }
        (Some(cipher), MysqlTls::Off | MysqlTls::Encrypted) => (
            State::Warning,
            format!("{cipher}, to whoever answers: DB_TLS=verify asks for a certificate"),
        ),
    };
    findings.add("way to the database", state, detail);
    let apart = told.clock.since(now).max(now.since(told.clock));
    let (state, detail) = match apart > DATABASE_CLOCK_LIMIT {
        true => (
            State::Failed,
            format!("{} apart: one of the two clocks is wrong", words(apart)),
        ),
        false => (State::Ok, "within two minutes of ours".to_owned()),
    };
    findings.add("database clock", state, detail);
}

/// A sandbox that runs apart, by what it left in the folder.
async fn check_sandbox(config: &Config, findings: &mut Findings) {
    let access = match &config.sandbox.folder {
        Some(folder) if config.database.is_shared() => Access::read(folder),
        Some(_) | None => Ok(None),
    };
    let url = match access {
        Ok(Some(access)) => access.control_url,
        Ok(None) => {
            return findings.add(
                "gateways",
                State::Ok,
                "played by the sandbox, which starts with the server: no real money moves",
            );
        }
        Err(error) => return findings.add("gateways", State::Failed, format!("{error:#}")),
    };
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(CALL_LIMIT)
        .build();
    let answer = match client {
        Ok(client) => client.get(format!("{url}/sandbox/balances")).send().await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(answer) if answer.status().is_success() => findings.add(
            "gateways",
            State::Ok,
            format!("played by the sandbox at {url}: no real money moves"),
        ),
        Ok(answer) => findings.add(
            "gateways",
            State::Failed,
            format!("the sandbox at {url} answers {}", answer.status().as_u16()),
        ),
        Err(_) => findings.add(
            "gateways",
            State::Failed,
            format!("no sandbox answers at {url} (SANDBOX_FOLDER): start `pixwave sandbox`"),
        ),
    }
}

/// What operators have set, and whether payments leave.
async fn check_controls(config: &Config, opened: database::Opened, findings: &mut Findings) {
    let runtime = std::sync::Arc::new(SystemRuntime::default());
    let store = opened.store;
    let app = wire::build_app(config, store.clone(), clients::Clients::new(), runtime);
    match app.read_dispatch().await {
        Ok(Dispatch::Running) => findings.add("dispatch", State::Ok, "payments leave"),
        Ok(stopped) => findings.add("dispatch", State::Failed, stopped.in_words()),
        Err(error) => findings.add("dispatch", State::Failed, error.to_string()),
    }
    for row in store.controls().await.unwrap_or_default() {
        if row.paused {
            let what = format!("{} at {}", row.operation.as_str(), row.gateway);
            findings.add(what, State::Warning, "paused by an operator");
        }
    }
    store.close().await;
}

async fn check_redis(config: &Config, findings: &mut Findings) {
    let Some(address) = &config.redis else {
        let alone = "not configured: each process learns by itself how the gateways are doing";
        return findings.add("redis", State::Ok, alone);
    };
    let what = format!("redis {}", address.shown());
    match platform::examine(address, platform::Limits::STANDARD).await {
        Ok(found) => {
            let micros = found.latency.as_micros();
            let detail = format!("version {}, writes in {micros} µs", found.version);
            findings.add(what, State::Ok, detail);
        }
        Err(unfit) => {
            let mut detail = unfit.to_string();
            if unfit == Unfit::Away(Cause::Unreachable) && address.is_encrypted() {
                detail += "; a certificate that is not trusted looks the same (SSL_CERT_FILE)";
            }
            findings.add(what, State::Failed, detail);
        }
    }
}

async fn check_gateways(config: &Config, real: &RealGateways, findings: &mut Findings) {
    let runtime = std::sync::Arc::new(SystemRuntime::default());
    let now = runtime.now();
    certificate(real, now, findings);
    if real.mercado_pago.signing_key.is_none() {
        findings.add(
            "mercado_pago payouts",
            State::Warning,
            "MERCADOPAGO_SIGNING_KEY is not set: production refuses unsigned payouts",
        );
    }
    if real.mercado_pago.pix_key.is_none() {
        findings.add(
            "float moves",
            State::Warning,
            "MERCADOPAGO_PIX_KEY is not set: no float can be moved to mercado_pago",
        );
    }
    if real.account_holder.is_none() {
        findings.add(
            "float moves",
            State::Warning,
            "ACCOUNT_HOLDER_TAX_ID is not set: no float can be moved out of mercado_pago",
        );
    }
    if real
        .mercado_pago
        .access_token
        .expose_secret()
        .starts_with("TEST-")
    {
        findings.add(
            "mercado_pago token",
            State::Warning,
            "a test token: nothing moves",
        );
    }
    clock(&real.mercado_pago.base_url, findings).await;
    let public_url = config.http.public_url.as_deref();
    let runtime: std::sync::Arc<dyn app::ports::runtime::Runtime> = runtime;
    let clients = match clients::real(real, public_url, &config.gateway_http, &runtime) {
        Ok(clients) => clients,
        Err(error) => return findings.add("gateways", State::Failed, format!("{error:#}")),
    };
    for gateway in Gateway::ALL {
        let Some(client) = clients.get(&gateway) else {
            continue;
        };
        match client.probe().await {
            Ok(()) => findings.add(
                format!("{gateway} answers"),
                State::Ok,
                "with our credentials",
            ),
            Err(error) => {
                findings.add(format!("{gateway} answers"), State::Failed, error.message);
                continue;
            }
        }
        let what = format!("{gateway} webhook");
        match public_url {
            None => findings.add(
                what,
                State::Warning,
                "PUBLIC_URL is not set: payments are noticed by asking only",
            ),
            Some(url) => match client.ensure_webhook(url).await {
                Ok(()) => findings.add(what, State::Ok, format!("registered below {url}")),
                Err(error) => findings.add(what, State::Failed, error.message),
            },
        }
    }
}

fn certificate(real: &RealGateways, now: Moment, findings: &mut Findings) {
    let what = "efi certificate";
    let facts = match certificate_facts(&real.efi.certificate) {
        Ok(facts) => facts,
        Err(error) => return findings.add(what, State::Failed, error.to_string()),
    };
    let left = words(facts.expires_at.since(now));
    let (state, detail) = if facts.expires_at <= now {
        (State::Failed, "it has expired".to_owned())
    } else if facts.valid_from > now {
        (State::Failed, "it is not valid yet".to_owned())
    } else if facts.expires_at.since(now) < EXPIRY_WARNING {
        (State::Warning, format!("it expires in {left}"))
    } else {
        (State::Ok, format!("valid for {left}"))
    };
    findings.add(what, state, detail);
    let is_test_host = real.efi.base_url.contains("-h.");
    let (state, detail) = match facts.environment {
        Environment::Production if is_test_host => (
            State::Failed,
            "made for production, but GERENCIANET_BASE_URL is the test environment",
        ),
        Environment::Homologation if !is_test_host => (
            State::Failed,
            "made for the test environment, but GERENCIANET_BASE_URL is not",
        ),
        Environment::Production => (State::Ok, "production"),
        Environment::Homologation => (State::Ok, "test environment: no real money moves"),
        Environment::Other => (State::Warning, "not made by Efí"),
    };
    findings.add("efi environment", state, detail);
}

/// This machine's clock against the `Date` of a gateway's answer, whatever the answer is.
async fn clock(url: &str, findings: &mut Findings) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(CALL_LIMIT)
        .build();
    let answer = match client {
        Ok(client) => client.head(url).send().await,
        Err(error) => Err(error),
    };
    let date = answer.ok().and_then(|answer| {
        let date = answer
            .headers()
            .get(http::header::DATE)?
            .to_str()
            .ok()?
            .to_owned();
        let date = jiff::fmt::rfc2822::parse(&date).ok()?;
        u64::try_from(date.timestamp().as_second()).ok()
    });
    let Some(date) = date else {
        return findings.add(
            "clock",
            State::Warning,
            format!("{url} tells no time to compare with"),
        );
    };
    let here = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let apart = here.abs_diff(Duration::from_secs(date));
    let (state, detail) = match apart > CLOCK_LIMIT {
        true => (State::Failed, format!("{} s from {url}", apart.as_secs())),
        false => (
            State::Ok,
            format!("within {} s of {url}", CLOCK_LIMIT.as_secs()),
        ),
    };
    findings.add("clock", state, detail);
}

/// A length of time in its two largest units.
fn words(span: Span) -> String {
    let minutes = span.millis() / 60_000;
    let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, hours) => format!("{hours} h {minutes} min"),
        (days, hours) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Folder, config};

    #[test]
    fn lengths_of_time_in_words() {
        for (seconds, text) in [(90, "1 min"), (7_260, "2 h 1 min"), (180_000, "2 d 2 h")] {
            assert_eq!(words(Span::from_seconds(seconds)), text);
        }
    }

    #[tokio::test]
    async fn a_server_of_hints_that_is_not_there_fails_without_its_password() {
        let folder = Folder::new();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let place = free.local_addr().unwrap();
        drop(free);
        let url = format!("redis://:hunter2@{place}");
        let mut findings = Findings::default();
        check_redis(&config(&folder, &[("REDIS_URL", &url)]), &mut findings).await;
        let lines = findings.lines().join("");
        assert_eq!(findings.failed(), 1);
        assert!(lines.contains(&place.to_string()) && lines.contains("unreachable"));
        assert!(!lines.contains("hunter2"), "{lines}");
        let mut findings = Findings::default();
        check_redis(&config(&folder, &[]), &mut findings).await;
        assert_eq!(findings.failed(), 0);
    }

    #[test]
    fn a_server_is_judged_by_its_clock_and_its_encryption() {
        let folder = Folder::new();
        let key = ("APP_KEY", "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
        let judge = |host: &str, tls: &str, cipher: Option<&str>, behind: u32| {
            let url = format!("mysql://u:hunter2@{host}/db");
            let variables = [("DATABASE_URL", url.as_str()), key, ("DB_TLS", tls)];
            let config = config(&folder, &variables);
            let now = Moment::from_micros(1_800_000_000_000_000);
            let told = Examination {
                version: "10.11.6-MariaDB".to_owned(),
                cipher: cipher.map(str::to_owned),
                clock: now.minus(Span::from_seconds(behind)),
            };
            let mut findings = Findings::default();
            database_server(&config, &told, now, &mut findings);
            assert!(!findings.lines().join("").contains("hunter2"));
            let state = |index: usize| findings.0[index].state;
            assert!(findings.lines()[0].contains("10.11.6-MariaDB"));
            (state(1), state(2))
        };
        use State::{Failed, Ok, Warning};
        assert_eq!(judge("127.0.0.1", "off", None, 59), (Ok, Ok));
        assert_eq!(judge("db", "off", None, 61), (Warning, Failed));
        assert_eq!(judge("db", "required", Some("AES"), 0), (Warning, Ok));
        assert_eq!(judge("db", "verify", Some("AES"), 0), (Ok, Ok));
    }

    #[tokio::test]
    async fn a_sandbox_apart_that_does_not_answer_fails() {
        let folder = Folder::new();
        let shared = folder.path().display().to_string();
        let variables = [
            ("DATABASE_URL", "mysql://u@127.0.0.1:1/db"),
            ("APP_KEY", "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
            ("SANDBOX_FOLDER", shared.as_str()),
        ];
        let config = config(&folder, &variables);
        let mut findings = Findings::default();
        check_sandbox(&config, &mut findings).await;
        assert_eq!(findings.failed(), 0, "none has ever run here");
        std::fs::write(folder.path().join("access.json"), "{}").unwrap();
        check_sandbox(&config, &mut findings).await;
        assert_eq!(findings.failed(), 1);
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_fails() {
        let folder = Folder::new();
        let mut findings = Findings::default();
        check_database(&config(&folder, &[]), &mut findings).await;
        assert_eq!(findings.failed(), 1);
        assert!(
            findings.lines()[0].contains("there is no database"),
            "{:?}",
            findings.lines()
        );
    }
}
