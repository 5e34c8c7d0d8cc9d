//! Asks for each page again and again, one request at a time, and tells how long it took.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::people::Person;

/// What a page may take, at the hundredth part that takes longest.
const MOST: Duration = Duration::from_millis(10);

/// Requests one after the other of which the best is taken.
const TRIES: usize = 3;
const PICTURE: &str = "picture of a receipt";

struct Browser<'a> {
    http: reqwest::Client,
    url: &'a str,
    cookie: String,
}

/// A page: its name and its address.
struct Page {
    name: &'static str,
    path: String,
    /// Only the time to the first piece counts: the rest is sent while it is read.
    is_file: bool,
}

impl Browser<'_> {
    /// The page's text and how long it took to be there.
    async fn look(&self, path: &str, is_file: bool) -> Result<(String, Duration)> {
        let request = self.http.get(format!("{}{path}", self.url));
        let request = request.header("cookie", &self.cookie);
        let started = Instant::now();
        let mut answer = request.send().await?;
        ensure!(answer.status().is_success(), "{path}: {}", answer.status());
        let mut text = Vec::new();
        if let Some(piece) = answer.chunk().await? {
            text.extend(piece);
        }
        if is_file {
            // Whoever goes away ends it.
            return Ok((String::new(), started.elapsed()));
        }
        while let Some(piece) = answer.chunk().await? {
            text.extend(piece);
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok((text, started.elapsed()))
    }
}

pub async fn run(url: &str, owner: &Person, requests: usize) -> Result<ExitCode> {
    let browser = Browser {
        http: reqwest::Client::builder().no_proxy().build()?,
        url,
        cookie: format!("pixwave_session={}", owner.token),
    };
    let pages = pages(&browser).await?;
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); pages.len() + 1];
    let health = Page {
        name: "/healthz",
        path: "/healthz".to_owned(),
        is_file: false,
    };
    let all: Vec<&Page> = std::iter::once(&health).chain(&pages).collect();
    for round in 0..requests {
        for (page, times) in all.iter().zip(&mut times) {
            let is_file = page.is_file;
            // A person may have only so many pictures drawn in a minute.
            if page.name == PICTURE && round >= 9 {
                continue;
            }
            for _ in 0..TRIES {
                times.push(browser.look(&page.path, is_file).await?.1);
            }
        }
    }
    tell(&all, times)
}

/// Every page of the wallet, with what leads deep into the past.
async fn pages(browser: &Browser<'_>) -> Result<Vec<Page>> {
    let page = |name, path: &str| Page {
        name,
        path: path.to_owned(),
        is_file: false,
    };
    let month = months(browser).await?;
    let mut pages = vec![
        page("home", "/app"),
        page("history", "/app/transacoes"),
        page("history: charges", "/app/transacoes?tipo=charge"),
        page("history: payouts", "/app/transacoes?tipo=payout"),
        page("history: transfers", "/app/transacoes?tipo=transfer"),
        page("history: refunds", "/app/transacoes?tipo=refund"),
        page(
            "history: pending (none)",
            "/app/transacoes?situacao=pending",
        ),
        page("history: done", "/app/transacoes?situacao=success"),
        page("history: not done", "/app/transacoes?situacao=failed"),
        page(
            "history: transfers not done (none)",
            "/app/transacoes?tipo=transfer&situacao=failed",
        ),
        page("history: search (none)", "/app/transacoes?busca=nothing"),
    ];
    pages.push(page(
        "history: a month long ago",
        &format!("/app/transacoes?mes={month}"),
    ));
    pages.push(page(
        "history: refunds of a month long ago",
        &format!("/app/transacoes?mes={month}&tipo=refund"),
    ));
    let (text, _) = browser
        .look(&format!("/app/transacoes?mes={month}"), false)
        .await?;
    let deep = between(&text, "depois=", "\"").context("there is a next page")?;
    pages.push(page(
        "history: next page, deep down",
        &format!("/app/transacoes?depois={deep}"),
    ));
    pages.push(page(
        "history: next page of transfers, deep down",
        &format!("/app/transacoes?tipo=transfer&depois={deep}"),
    ));
    for (name, kind) in [
        ("a charge", "charge"),
        ("a payout", "payout"),
        ("a transfer", "transfer"),
    ] {
        let list = format!("/app/transacoes?mes={month}&tipo={kind}&situacao=success");
        let (text, _) = browser.look(&list, false).await?;
        let id = between(&text, "href=\"/app/transacoes/", "\"").context("there is one")?;
        pages.push(page(name, &format!("/app/transacoes/{id}")));
        if kind == "payout" {
            let receipt = format!("/app/transacoes/{id}/comprovante");
            pages.push(page("receipt", &receipt));
            pages.push(page(PICTURE, &format!("{receipt}.png")));
        }
    }
    pages.push(page("statement of this month", "/app/extrato"));
    let of_month = format!("/app/extrato?mes={month}");
    pages.push(page("statement of a month long ago", &of_month));
    let (text, _) = browser.look(&of_month, false).await?;
    let next = between(&text, "antes=", "\"").context("there is a next page")?;
    pages.push(page(
        "statement, next page",
        &format!("{of_month}&antes={next}"),
    ));
    pages.push(page("pay", "/app/pagar"));
    pages.push(page("receive", "/app/receber"));
    pages.push(page("account", "/app/conta"));
    for (name, path) in [
        (
            "history as a file, first piece",
            "/app/transacoes?formato=csv".to_owned(),
        ),
        (
            "statement as a file, first piece",
            format!("{of_month}&formato=csv"),
        ),
    ] {
        pages.push(Page {
            name,
            path,
            is_file: true,
        });
    }
    Ok(pages)
}

/// The third month before this one.
async fn months(browser: &Browser<'_>) -> Result<String> {
    let (text, _) = browser.look("/app/extrato", false).await?;
    let mut offered = text.split("<option value=\"").skip(1);
    let month = offered.nth(3).and_then(|rest| rest.split('"').next());
    month.map(str::to_owned).context("months are offered")
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split(after).next()
}

/// Two looks at the same times: all of them, as somebody beside other programs waits for pages, and the
/// best of each few that came one after the other, which is what the server itself takes: what else the
/// machine does rarely meets all of them.
fn tell(pages: &[&Page], times: Vec<Vec<Duration>>) -> Result<ExitCode> {
    let mut base = None;
    let mut over = 0;
    println!("| page | p50 ms | p99 ms | best of {TRIES}: p50 ms | p99 ms | to /healthz |");
    println!("|---|---|---|---|---|---|");
    for (page, times) in pages.iter().zip(times) {
        let best = times
            .chunks(TRIES)
            .filter_map(|few| few.iter().min().copied());
        let best: Vec<Duration> = best.collect();
        let (half, most) = (at(&times, 50)?, at(&times, 99)?);
        let (own_half, own_most) = (at(&best, 50)?, at(&best, 99)?);
        let base = *base.get_or_insert(own_half);
        // A picture is a file that is asked for, not a page on somebody's way.
        let is_over = own_most > MOST && page.name != PICTURE;
        over += u32::from(is_over);
        println!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.2}{} | {:.1} |",
            page.name,
            ms(half),
            ms(most),
            ms(own_half),
            ms(own_most),
            if is_over { " !" } else { "" },
            own_half.as_secs_f64() / base.as_secs_f64()
        );
    }
    println!("{over} pages over {} ms", MOST.as_millis());
    Ok(ExitCode::SUCCESS)
}

/// The time that so many of a hundred stay below.
fn at(times: &[Duration], percent: usize) -> Result<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort();
    let place = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(place).copied().context("it was asked for")
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
