//! The statement: pages as JSON, everything as CSV, balances as of a moment.

use app::ports::store::StatementLine;
use axum::body::Body;
use domain::ids::JournalId;
use domain::ledger::{Account, Pocket};
use domain::time::Moment;
use http::StatusCode;
use serde_json::json;

use crate::world::*;

/// So many entries, newest first.
fn lines(count: u64) -> Vec<StatementLine> {
    let line = |seq| StatementLine {
        seq,
        at: Moment::from_micros(0),
        journal_id: JournalId::from_bytes([0; 16]),
        journal_kind: "pay_in".into(),
        transaction_id: None,
        account: Account::Wallet(WALLET, Pocket::Available),
        cents: 1,
        balance_after: seq.cast_signed(),
    };
    (1..=count).rev().map(line).collect()
}

fn world(count: u64) -> World {
    World {
        lines: lines(count),
        ..World::default()
    }
}

#[tokio::test]
async fn pages_lead_through_all_entries_once() {
    let api = Api::new(world(120));
    let mut path = format!("/v1/wallets/{WALLET}/statement");
    let mut seen = Vec::new();
    loop {
        let answer = api.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let page = answer.json["data"].as_array().expect("a page").clone();
        seen.extend(
            page.iter()
                .map(|entry| entry["seq"].as_u64().expect("a number")),
        );
        match answer.json["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/wallets/{WALLET}/statement?cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, (1..=120).rev().collect::<Vec<u64>>());
}

#[tokio::test]
async fn csv_holds_everything_unless_a_limit_is_given() {
    let api = Api::new(world(450));
    let path = format!("/v1/wallets/{WALLET}/statement");
    let by_query = api.get(&format!("{path}?format=csv")).await;
    assert_eq!(by_query.headers["content-type"], "text/csv; charset=utf-8");
    let rows: Vec<&str> = by_query.text.split_terminator("\r\n").collect();
    assert_eq!(rows.len(), 451);
    assert_eq!(
        rows[1],
        "450,1970-01-01T00:00:00.000000Z,available,pay_in,,1,450"
    );
    assert!(rows[450].starts_with("1,"));
    let mut accept = request("GET", &path, Some(SESSION), Body::empty());
    accept
        .headers_mut()
        .insert("accept", "text/csv".parse().expect("a header"));
    assert_eq!(api.send(accept).await.text, by_query.text);
    let limited = api.get(&format!("{path}?format=csv&limit=10")).await;
    assert_eq!(limited.text.lines().count(), 11);
}

#[tokio::test]
async fn the_balance_as_of_a_moment_is_told() {
    let api = Api::new(World::default());
    let path = format!("/v1/wallets/{WALLET}/statement?at=2026-01-01T00:00:00-03:00");
    assert_eq!(
        api.get(&path).await.json,
        json!({
            "wallet_id": WALLET.to_string(),
            "at": "2026-01-01T03:00:00.000000Z",
            "available_cents": 5,
            "held_cents": 6,
            "blocked_cents": 7,
            "currency": "BRL",
        })
    );
}
