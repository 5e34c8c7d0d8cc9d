//! The list of endpoints, each with its path, method, description and handler.
//!
//! Path and method stand once, in the `#[utoipa::path]` of the handler.

use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use utoipa::__dev::{SchemaReferences, Tags};
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::{RefOr, Schema};

use crate::Api;

/// Groups of endpoints that are served together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// Users, sessions, API keys.
    Accounts,
    /// Wallets, charges, payouts, transfers, refunds, transactions; webhooks in and out; the description.
    Payments,
    /// Operators' views and the event stream.
    Monitor,
    /// Health, readiness and metrics.
    Ops,
}

impl Area {
    pub const ALL: [Area; 4] = [Area::Accounts, Area::Payments, Area::Monitor, Area::Ops];
}

pub(crate) struct Endpoint {
    pub area: Area,
    pub path: String,
    pub method: HttpMethod,
    pub operation: Operation,
    pub schemas: Vec<(String, RefOr<Schema>)>,
    pub route: MethodRouter<Api>,
}

impl Endpoint {
    fn new<D, H, T>(area: Area, handler: H) -> Endpoint
    where
        D: utoipa::Path + SchemaReferences + for<'t> Tags<'t>,
        H: Handler<T, Api>,
        T: 'static,
    {
        let method = D::methods()
            .pop()
            .expect("an endpoint answers to one method");
        let mut operation = D::operation();
        operation.tags = Some(D::tags().into_iter().map(str::to_owned).collect());
        let mut schemas = Vec::new();
        D::schemas(&mut schemas);
        Endpoint {
            area,
            path: D::path(),
            operation,
            schemas,
            route: on(filter(&method), handler),
            method,
        }
    }
}

fn filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
    }
}

macro_rules! endpoints {
    ($($area:ident { $($folder:ident::$file:ident),* $(,)? })*) => {
        /// All endpoints, in the order in which they are described.
        pub(crate) fn endpoints() -> Vec<Endpoint> {
            vec![$($(
                Endpoint::new::<crate::$folder::$file::__path_handle, _, _>(
                    Area::$area,
                    crate::$folder::$file::handle,
                ),
            )*)*]
        }
    };
}

endpoints! {
    Accounts {
        accounts::create_user,
        accounts::show_me,
        accounts::create_session,
        accounts::delete_session,
        accounts::create_api_key,
        accounts::list_api_keys,
        accounts::revoke_api_key,
    }
    Payments {
        payments::list_wallets,
        payments::show_wallet,
        payments::show_statement,
        payments::create_charge,
        payments::create_payout,
        payments::preview_payout,
        payments::create_transfer,
        payments::create_refund,
        payments::cancel_transaction,
        payments::list_transactions,
        payments::show_transaction,
        payments::list_attempts,
        payments::show_qr_svg,
        payments::show_qr_png,
        payments::show_receipt,
        gateways::receive_mercado_pago,
        gateways::receive_efi,
        gateways::receive_efi_pix,
        webhooks::create_endpoint,
        webhooks::list_endpoints,
        webhooks::show_endpoint,
        webhooks::change_endpoint,
        webhooks::delete_endpoint,
        webhooks::rotate_secret,
        webhooks::list_deliveries,
        webhooks::replay_delivery,
        ops::show_openapi,
        ops::show_docs,
    }
    Monitor {
        operators::list_gateways,
        operators::change_gateway,
        operators::show_live,
        operators::list_alerts,
        operators::list_jobs,
        operators::retry_job,
        operators::block_user,
        operators::unblock_user,
        operators::list_audit,
        operators::list_reviews,
        operators::show_review,
        operators::propose_outcome,
        operators::approve_outcome,
        operators::create_reconciliation,
        operators::show_reconciliation,
        operators::propose_float_move,
        operators::list_float_moves,
        operators::show_float_move,
        operators::approve_float_move,
        operators::decline_float_move,
        operators::show_dispatch,
        operators::resume_dispatch,
        operators::stream_events,
    }
    Ops {
        ops::show_health,
        ops::show_readiness,
        ops::show_metrics,
    }
}
