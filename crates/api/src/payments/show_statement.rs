//! `GET /v1/wallets/{id}/statement`: entries with running balance, newest first, or with `at` the
//! balances as of a moment.
//!
//! As JSON in pages. As CSV (`Accept: text/csv` or `?format=csv`) in one stream of everything from
//! the cursor on, read page by page, unless a `limit` is given.

use app::commands::Caller;
use app::context::App;
use app::ports::store::{StatementFilter, StatementLine};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::ids::WalletId;
use domain::time::Moment;
use futures::stream;
use http::{HeaderMap, header};
use utoipa::IntoParams;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Reads};
use crate::extract::page::{Query, next_cursor};
use crate::extract::path::PathId;
use crate::extract::read;
use crate::wire::Page;
use crate::wire::wallet::{BalanceAtBody, CSV_HEADER, EntryBody, csv_line};

/// Which entries.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query that `parse` reads")]
pub(crate) struct Parameters {
    /// Entries at or after this time (RFC 3339).
    #[param(format = DateTime)]
    from: Option<String>,
    /// Entries before this time (RFC 3339).
    #[param(format = DateTime)]
    to: Option<String>,
    /// Instead of entries, the balances as of this time (RFC 3339); alone.
    #[param(format = DateTime)]
    at: Option<String>,
    /// `json` or `csv`; else as `Accept` says.
    format: Option<String>,
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

enum Wanted {
    Entries { filter: StatementFilter, csv: Csv },
    Balance(Moment),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Csv {
    No,
    OnePage,
    Everything,
}

/// Statement
#[utoipa::path(
    get,
    path = "/v1/wallets/{id}/statement",
    operation_id = "show_statement",
    tag = "Wallets",
    security(("bearer" = ["read"])),
    params(("id" = String, Path, description = "The wallet's id, `wal_…`."), Parameters),
    responses(
        (status = 200, description = "Entries, newest first; with `at` the balances then (`BalanceAt`).", content(
            (Page<EntryBody> = "application/json"),
            (String = "text/csv"),
        )),
    )
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Reads>,
    PathId(wallet_id): PathId<WalletId>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    let caller = authorized.caller;
    match parse(query, wallet_id, accepts_csv(&headers))? {
        Wanted::Balance(at) => {
            let balances = api.app.balance_at(&caller, wallet_id, at).await?;
            Ok(Json(BalanceAtBody::new(wallet_id, at, balances)).into_response())
        }
        Wanted::Entries {
            filter,
            csv: Csv::No,
        } => {
            let limit = filter.limit;
            let lines = api.app.statement(&caller, filter).await?;
            Ok(Json(Page {
                data: lines.iter().map(EntryBody::from).collect(),
                next_cursor: next_cursor(&lines, limit, |line| line.seq),
            })
            .into_response())
        }
        Wanted::Entries { filter, csv } => as_csv(api.app, caller, filter, csv).await,
    }
}

fn accepts_csv(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/csv"))
}

fn parse(mut query: Query, wallet_id: WalletId, accepts_csv: bool) -> Result<Wanted, Problem> {
    /// One page of a stream.
    const STREAMED_PAGE: u32 = 200;
    let has_limit = query.0.has("limit");
    let at = query.0.optional("at", read::moment);
    if at.is_some() && (query.0.has("from") || query.0.has("to")) {
        let message = "must not be given beside from or to";
        query.0.refuse("at", "not_allowed", message);
    }
    let csv = query.0.optional("format", |value| match value.as_str() {
        Some("csv") => Ok(true),
        Some("json") => Ok(false),
        Some(_) | None => Err(read::reason("not_allowed", "must be json or csv")),
    });
    let csv = match (csv.unwrap_or(accepts_csv), has_limit) {
        (false, _) => Csv::No,
        (true, true) => Csv::OnePage,
        (true, false) => Csv::Everything,
    };
    let limit = query.limit();
    let filter = StatementFilter {
        wallet_id,
        from: query.0.optional("from", read::moment),
        to: query.0.optional("to", read::moment),
        before_seq: query.cursor(|last| last.parse().ok()),
        limit: if csv == Csv::Everything {
            STREAMED_PAGE
        } else {
            limit
        },
    };
    query.0.finish(|| {
        Some(match at {
            Some(at) => Wanted::Balance(at),
            None => Wanted::Entries { filter, csv },
        })
    })
}

/// The first page is read before the answer begins, so that a refusal is still a problem; a failure
/// later on cuts the stream, which clients see as an incomplete body.
async fn as_csv(
    app: App,
    caller: Caller,
    filter: StatementFilter,
    csv: Csv,
) -> Result<Response, Problem> {
    let first = app.statement(&caller, filter.clone()).await?;
    let head = format!("{CSV_HEADER}{}", text(&first));
    let rest = following(&filter, &first).filter(|_| csv == Csv::Everything);
    let pages = stream::try_unfold((app, caller, rest), |(app, caller, filter)| async move {
        let Some(filter) = filter else {
            return Ok(None);
        };
        let lines = app
            .statement(&caller, filter.clone())
            .await
            .map_err(|error| std::io::Error::other(error.to_string()))?;
        let rest = following(&filter, &lines);
        Ok::<_, std::io::Error>(Some((text(&lines), (app, caller, rest))))
    });
    let body = futures::StreamExt::chain(stream::iter([Ok(head)]), pages);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"statement.csv\"",
        ),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

fn text(lines: &[StatementLine]) -> String {
    lines.iter().map(csv_line).collect()
}

/// The filter of the page after this one, if this one was full.
fn following(filter: &StatementFilter, lines: &[StatementLine]) -> Option<StatementFilter> {
    let is_full = u32::try_from(lines.len()).is_ok_and(|length| length >= filter.limit);
    let last = lines.last().filter(|_| is_full)?;
    Some(StatementFilter {
        before_seq: Some(last.seq),
        ..filter.clone()
    })
}
