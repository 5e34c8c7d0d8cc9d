//! `POST /v1/dispatch/resume`: payments leave again after a restore.

use app::commands::ResumeDispatch;
use axum::Json;
use axum::extract::State;
use domain::gateway::Gateway;
use serde_json::Value;
use utoipa::ToSchema;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::extract::fields::Fields;
use crate::extract::read::{self, Read, reason};
use crate::wire::reconciliation::ResumedBody;

const MOST_ACCEPTED: usize = 1_000;
const LONGEST_NAME: usize = 200;

/// From when on to compare, and what to go past.
#[derive(ToSchema)]
#[schema(as = DispatchResumption)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes the body that `parse` reads")]
pub(crate) struct Body {
    /// The moment that the restored database shows, at most 31 days ago.
    #[schema(format = DateTime, example = "2026-03-10T04:00:00Z")]
    since: String,
    /// The names, from a refusal's `errors`, of what you have looked at and go past.
    #[schema(example = json!(["mercado_pago:sent"]))]
    accept: Option<Vec<String>>,
}

/// Dispatch payments again
///
/// Compares everything since the restore point with both gateways. What was received is credited, what
/// was sent and taken for unsent is followed. If nothing else differs, or all that does is accepted by
/// its name, the database takes the configured epoch over and payments leave. Audited either way.
#[utoipa::path(
    post,
    path = "/v1/dispatch/resume",
    operation_id = "resume_dispatch",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    request_body = Body,
    responses(
        (status = 200, description = "Payments are dispatched.", body = ResumedBody),
        (status = 409, description = "`reconciliation_differs` with one of `errors` for each difference, whose `field` is its name; `dispatch_not_stopped`.",
            body = crate::error::ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Operators>,
    fields: Fields,
) -> Result<Json<ResumedBody>, Problem> {
    let request = parse(fields)?;
    let resumed = api.app.resume_dispatch(&authorized.caller, request).await?;
    Ok(Json(ResumedBody::from(&resumed)))
}

fn parse(mut fields: Fields) -> Result<ResumeDispatch, Problem> {
    let since = fields.required("since", read::moment);
    let accept = fields.optional("accept", names);
    fields.finish(|| {
        Some(ResumeDispatch {
            since: since?,
            accept: accept.unwrap_or_default(),
        })
    })
}

fn names(value: &Value) -> Read<Vec<String>> {
    let list = value
        .as_array()
        .ok_or_else(|| reason("wrong_type", "must be a list of names"))?;
    if list.len() > MOST_ACCEPTED {
        return Err(reason("too_long", "at most 1000 names"));
    }
    list.iter().map(name).collect()
}

/// Such as `efi:sent:…`.
fn name(value: &Value) -> Read<String> {
    let name = read::text(value, 1..=LONGEST_NAME)?;
    let gateway = name.split_once(':').map(|(gateway, _)| gateway);
    match gateway.and_then(Gateway::parse) {
        Some(_) => Ok(name),
        None => Err(reason("not_allowed", "must be the name of a difference")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payments::common::tests::{fields, refused};
    use serde_json::json;

    #[test]
    fn each_field_is_read_or_named() {
        let good = json!({"since": "2026-03-09T00:00:00Z", "accept": ["mercado_pago:sent"]});
        let read = parse(fields(good)).unwrap();
        assert_eq!(read.accept, ["mercado_pago:sent"]);
        for (accept, code) in [
            (json!("all"), "wrong_type"),
            (json!([1]), "wrong_type"),
            (json!([""]), "too_short"),
            (json!(["sent"]), "not_allowed"),
            (json!(vec!["x"; 1_001]), "too_long"),
        ] {
            let told = refused(parse(fields(json!({"since": "now", "accept": accept}))));
            let told: Vec<(&str, &str)> = told.iter().map(|(f, c)| (f.as_str(), *c)).collect();
            assert_eq!(told, [("since", "invalid_time"), ("accept", code)]);
        }
    }
}
