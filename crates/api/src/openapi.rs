//! The OpenAPI 3.1 description, gathered from the endpoints.
//!
//! Each handler describes what is its own. What follows from its shape (a token may be missing, a
//! path id unknown, a body too large) is added here to all alike.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, Header, InfoBuilder, LicenseBuilder, Object, OpenApi,
    OpenApiBuilder, OpenApiVersion, PathsBuilder, Ref, RefOr, Response, ResponseBuilder, Type,
};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{Code, FieldError, ProblemBody};
use crate::routes::{Endpoint, endpoints};
use crate::wire::wallet::BalanceAtBody;

const DESCRIPTION: &str = "A digital wallet for PIX payments.\n\n\
Amounts are integer centavos, times are RFC 3339 in UTC. Unknown fields are refused. Lists come in \
pages: `?limit=` and `?cursor=`, answered by `data` and `next_cursor`. Refusals are \
`application/problem+json` (RFC 9457) with a stable `code`. Requests that move money need an \
`Idempotency-Key`; a repeat answers the same transaction, marked `Idempotency-Replayed: true`. Every \
answer names itself in `x-request-id`.";

const TAGS: &[(&str, &str)] = &[
    ("Accounts", "Users, sessions and API keys."),
    ("Wallets", "Balances and statements."),
    ("Payments", "Charges, payouts, transfers, refunds."),
    ("Events", "What happened, as it happens."),
    (
        "Webhooks",
        "Events sent to your servers, and what became of each.",
    ),
    ("Operations", "For operators."),
    ("Gateways", "Where the gateways send their notifications."),
    ("Health", "For probes."),
    ("Description", "This description."),
];

/// The whole API, whatever areas a server serves.
pub fn openapi() -> OpenApi {
    let mut paths = PathsBuilder::new();
    let mut components = ComponentsBuilder::new()
        .security_scheme(
            "bearer",
            SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
        )
        .schema(ProblemBody::name(), ProblemBody::schema())
        .schema(FieldError::name(), FieldError::schema())
        .schema(Code::name(), Code::schema())
        .schema(BalanceAtBody::name(), BalanceAtBody::schema());
    for endpoint in endpoints() {
        components = components.schemas_from_iter(endpoint.schemas.clone());
        let operation = complete(&endpoint);
        paths = paths.path(endpoint.path, PathItem::new(endpoint.method, operation));
    }
    let tags = TAGS.iter().map(|(name, description)| {
        TagBuilder::new()
            .name(*name)
            .description(Some(*description))
            .build()
    });
    OpenApiBuilder::new()
        .openapi(OpenApiVersion::Version31)
        .info(
            InfoBuilder::new()
                .title("PixWave")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(DESCRIPTION))
                .license(Some(
                    LicenseBuilder::new()
                        .name("Apache-2.0")
                        .identifier(Some("Apache-2.0"))
                        .build(),
                ))
                .build(),
        )
        .paths(paths)
        .components(Some(components.build()))
        .tags(Some(tags.collect::<Vec<_>>()))
        .build()
}

/// Adds the refusals that follow from the operation's shape.
fn complete(endpoint: &Endpoint) -> Operation {
    let mut operation = endpoint.operation.clone();
    let is_open = operation.security.as_ref().is_none_or(Vec::is_empty);
    let needs_scope = serde_json::to_value(&operation.security)
        .is_ok_and(|security| security[0]["bearer"][0].is_string());
    let has_body = operation.request_body.is_some();
    let has_query = names_parameter(&operation, "query");
    let has_header = names_parameter(&operation, "header");
    let has_path = endpoint.path.starts_with("/v1") && endpoint.path.contains('{');
    let moves_money = serde_json::to_string(&operation.parameters)
        .is_ok_and(|parameters| parameters.contains("Idempotency-Key"));
    let is_counted = matches!(endpoint.path.as_str(), "/v1/users" | "/v1/sessions");
    let is_static = matches!(
        endpoint.path.as_str(),
        "/healthz" | "/docs" | "/openapi.json"
    );
    let refusals = [
        (
            has_body,
            "400",
            if moves_money {
                "`malformed_json` or `missing_idempotency_key`."
            } else {
                "`malformed_json`."
            },
        ),
        (!is_open, "401", "`unauthenticated`."),
        (
            needs_scope,
            "403",
            "`forbidden`: the token lacks the scope.",
        ),
        (
            has_path || moves_money,
            "404",
            "`not_found`, also for what is another user's.",
        ),
        (moves_money, "409", "`idempotency_conflict`."),
        (has_body, "413", "`body_too_large`."),
        (
            has_body || has_query || has_header,
            "422",
            if moves_money {
                "`validation_failed` with `errors`, or `insufficient_funds` with `available_cents`."
            } else {
                "`validation_failed` with `errors`."
            },
        ),
        (
            is_counted || moves_money,
            "429",
            "`rate_limited`; see `Retry-After`.",
        ),
        (!is_static, "500", "`internal_error`."),
        (!is_static, "503", "`unavailable`."),
    ];
    for (applies, status, description) in refusals {
        if applies {
            operation
                .responses
                .responses
                .entry(status.to_owned())
                .or_insert_with(|| RefOr::T(problem(description)));
        }
    }
    let takes_wait = serde_json::to_string(&operation.parameters)
        .is_ok_and(|parameters| parameters.contains("\"Prefer\""));
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else {
            continue;
        };
        if !status.starts_with('2') {
            continue;
        }
        let headers = [
            (
                moves_money,
                "Idempotency-Replayed",
                "`true` when the answer repeats an earlier request.",
            ),
            (moves_money, "Location", "The transaction's path."),
            (
                takes_wait,
                "Preference-Applied",
                "The wait that was granted.",
            ),
        ];
        for (applies, name, description) in headers {
            if applies {
                let mut header = Header::new(Object::with_type(Type::String));
                header.description = Some(description.to_owned());
                response.headers.insert(name.to_owned(), RefOr::T(header));
            }
        }
    }
    operation
}

fn names_parameter(operation: &Operation, place: &str) -> bool {
    serde_json::to_value(&operation.parameters).is_ok_and(|parameters| {
        parameters
            .as_array()
            .is_some_and(|list| list.iter().any(|parameter| parameter["in"] == place))
    })
}

fn problem(description: &str) -> Response {
    let schema = RefOr::Ref(Ref::from_schema_name("Problem"));
    ResponseBuilder::new()
        .description(description)
        .content(
            "application/problem+json",
            ContentBuilder::new().schema(Some(schema)).build(),
        )
        .build()
}
