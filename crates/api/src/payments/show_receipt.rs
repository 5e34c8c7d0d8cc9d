//! `GET /v1/transactions/{id}/receipt`: proof of a payment that succeeded, as JSON or as a page to
//! print (`Accept: text/html`).

use app::views::{DetailsView, TransactionView};
use axum::Json;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use domain::ids::TransactionId;
use domain::status::Status;
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::receipt_html;
use crate::Api;
use crate::error::{Code, Problem};
use crate::extract::caller::{Authorized, Reads};
use crate::extract::path::PathId;
use crate::wire::time;
use crate::wire::transaction::PartyBody;

/// Proof of a payment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Receipt)]
pub(crate) struct ReceiptBody {
    pub transaction_id: String,
    /// `charge`, `payout`, `transfer` or `refund`.
    pub kind: &'static str,
    pub amount_cents: i64,
    pub fee_cents: i64,
    /// Always `BRL`.
    pub currency: &'static str,
    #[schema(format = DateTime)]
    pub settled_at: String,
    pub end_to_end_id: Option<String>,
    pub gateway: Option<&'static str>,
    pub payer: Option<PartyBody>,
    pub payee: Option<PartyBody>,
    pub description: Option<String>,
}

/// Receipt
///
/// Only a transaction whose status is `success` has one.
#[utoipa::path(
    get,
    path = "/v1/transactions/{id}/receipt",
    operation_id = "show_receipt",
    tag = "Payments",
    security(("bearer" = ["read"])),
    params(("id" = String, Path, description = "The transaction's id, `txn_…`.")),
    responses((status = 200, description = "The receipt.", content(
        (ReceiptBody = "application/json"),
        (String = "text/html"),
    )))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Reads>,
    PathId(id): PathId<TransactionId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let view = api.app.transaction(&authorized.caller, id).await?;
    if view.status != Status::Success {
        return Err(Problem::new(
            Code::NotFound,
            "A receipt exists once the transaction succeeded.",
        ));
    }
    let wants_html = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    if !wants_html {
        return Ok(Json(receipt(&view)).into_response());
    }
    let mut response = Html(receipt_html::page(&view)).into_response();
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(receipt_html::CONTENT_SECURITY_POLICY),
    );
    Ok(response)
}

fn receipt(view: &TransactionView) -> ReceiptBody {
    let (payer, payee) = parties(&view.details);
    ReceiptBody {
        transaction_id: view.id.to_string(),
        kind: view.kind.as_str(),
        amount_cents: view.amount.cents(),
        fee_cents: view.fee.cents(),
        currency: "BRL",
        settled_at: time::format(view.settled_at.unwrap_or(view.updated_at)),
        end_to_end_id: view.end_to_end_id.clone(),
        gateway: view.gateway.map(|gateway| gateway.as_str()),
        payer,
        payee,
        description: view.description.clone(),
    }
}

/// Who paid and who was paid, as far as the view tells: the caller's own side is the wallet.
pub(super) fn parties(details: &DetailsView) -> (Option<PartyBody>, Option<PartyBody>) {
    match details {
        DetailsView::Charge { payer, pay_ins, .. } => {
            let paid_by = pay_ins.first().map(|pay_in| &pay_in.payer);
            (paid_by.or(payer.as_ref()).map(PartyBody::from), None)
        }
        DetailsView::Payout { payee, .. } | DetailsView::Transfer { payee, .. } => {
            (None, payee.as_ref().map(PartyBody::from))
        }
        DetailsView::Received { payer } => (Some(PartyBody::from(payer)), None),
        DetailsView::Refund { .. } => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payouts_receipt_names_the_payee_and_the_end_to_end_id() {
        let body = receipt(&crate::wire::transaction::tests::payout());
        assert_eq!(body.amount_cents, 1_050);
        assert_eq!(body.settled_at, "1970-01-01T00:00:00.000000Z");
        assert!(body.end_to_end_id.is_some() && body.payer.is_none());
        assert_eq!(
            body.payee.unwrap().tax_id_masked.as_deref(),
            Some("***.982.247-**")
        );
    }
}
