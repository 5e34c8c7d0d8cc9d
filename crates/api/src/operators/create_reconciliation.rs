//! `POST /v1/reconciliations`: compare a period with what the gateways list.

use app::commands::RequestReconciliation;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa::ToSchema;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::extract::fields::Fields;
use crate::extract::read;
use crate::wire::reconciliation::ReconciliationBody;

/// A period of at most 31 days, which is over.
#[derive(ToSchema)]
#[schema(as = NewReconciliation)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes the body that `parse` reads")]
pub(crate) struct Body {
    /// `efi` or `mercado_pago`; left out: both.
    gateway: Option<String>,
    #[schema(format = DateTime, example = "2026-03-09T00:00:00Z")]
    from: String,
    #[schema(format = DateTime, example = "2026-03-10T00:00:00Z")]
    to: String,
}

/// Compare with the gateways
///
/// What they list as received and sent in the period is compared with the books, as durable work.
/// What was received and is not booked is credited after a lookup; what was sent and taken for unsent
/// is followed; the rest is told, with an alert.
#[utoipa::path(
    post,
    path = "/v1/reconciliations",
    operation_id = "create_reconciliation",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    request_body = Body,
    responses((status = 202, description = "It is begun; ask for it by its id.", body = ReconciliationBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Operators>,
    fields: Fields,
) -> Result<(StatusCode, Json<ReconciliationBody>), Problem> {
    let request = parse(fields)?;
    let app = &api.app;
    let row = app
        .request_reconciliation(&authorized.caller, request)
        .await?;
    let (row, report) = app.reconciliation(row.id).await?;
    let body = ReconciliationBody::new(&row, &report);
    Ok((StatusCode::ACCEPTED, Json(body)))
}

fn parse(mut fields: Fields) -> Result<RequestReconciliation, Problem> {
    let gateway = fields.optional("gateway", read::gateway);
    let from = fields.required("from", read::moment);
    let to = fields.required("to", read::moment);
    fields.finish(|| {
        Some(RequestReconciliation {
            gateway,
            from: from?,
            to: to?,
            id: None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payments::common::tests::{fields, refused};
    use domain::gateway::Gateway;
    use serde_json::json;

    #[test]
    fn each_field_is_read_or_named() {
        let good = json!({"gateway": "gerencianet", "from": "2026-03-09T00:00:00Z",
            "to": "2026-03-10T00:00:00Z"});
        let read = parse(fields(good)).unwrap();
        assert_eq!(read.gateway, Some(Gateway::Efi));
        assert!(read.from < read.to);
        let told = refused(parse(fields(
            json!({"gateway": "x", "from": "today", "all": 1}),
        )));
        let told: Vec<(&str, &str)> = told.iter().map(|(f, c)| (f.as_str(), *c)).collect();
        let expected = [
            ("gateway", "not_allowed"),
            ("from", "invalid_time"),
            ("to", "required"),
            ("all", "unknown_field"),
        ];
        assert_eq!(told, expected);
    }
}
