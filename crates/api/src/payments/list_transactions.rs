//! `GET /v1/transactions`: the caller's transactions, newest first.

use app::commands::ListTransactions;
use axum::Json;
use axum::extract::State;
use domain::ids::TransactionId;
use utoipa::IntoParams;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Reads};
use crate::extract::page::{Query, next_cursor};
use crate::extract::read;
use crate::wire::Page;
use crate::wire::transaction::TransactionBody;

/// Which transactions.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query that `parse` reads")]
pub(crate) struct Parameters {
    /// `charge`, `payout`, `transfer` or `refund`.
    kind: Option<String>,
    /// `pending`, `success` or `failed`.
    status: Option<String>,
    /// `efi` or `mercado_pago`.
    gateway: Option<String>,
    /// The caller's own reference.
    #[param(max_length = 64)]
    reference: Option<String>,
    #[param(max_length = 64)]
    end_to_end_id: Option<String>,
    /// The gateway's id of a charge, or the key of an attempt.
    #[param(max_length = 64)]
    txid: Option<String>,
    /// Made at or after this time (RFC 3339).
    #[param(format = DateTime)]
    from: Option<String>,
    /// Made before this time (RFC 3339).
    #[param(format = DateTime)]
    to: Option<String>,
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List transactions
#[utoipa::path(
    get,
    path = "/v1/transactions",
    operation_id = "list_transactions",
    tag = "Payments",
    security(("bearer" = ["read"])),
    params(Parameters),
    responses((status = 200, description = "A page, newest first.", body = Page<TransactionBody>))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Reads>,
    query: Query,
) -> Result<Json<Page<TransactionBody>>, Problem> {
    let list = parse(query)?;
    let limit = list.limit;
    let views = api.app.transactions(&authorized.caller, list).await?;
    Ok(Json(Page {
        data: views.iter().map(TransactionBody::from).collect(),
        next_cursor: next_cursor(&views, limit, |view| view.id),
    }))
}

fn parse(mut query: Query) -> Result<ListTransactions, Problem> {
    let short = |value: &_| read::text(value, 1..=64);
    let fields = &mut query.0;
    let list = ListTransactions {
        stage: None,
        kind: fields.optional("kind", read::kind),
        status: fields.optional("status", read::status),
        gateway: fields.optional("gateway", read::gateway),
        reference: fields.optional("reference", short),
        end_to_end_id: fields.optional("end_to_end_id", short),
        txid: fields.optional("txid", short),
        from: fields.optional("from", read::moment),
        to: fields.optional("to", read::moment),
        before: query.cursor(|last| TransactionId::parse(last).ok()),
        limit: query.limit(),
    };
    query.0.finish(|| Some(list))
}
