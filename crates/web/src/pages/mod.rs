//! The pages, one file each, and their paths.

pub mod account;
pub mod check;
pub mod demo;
pub mod detail;
pub mod error;
pub mod events;
pub mod history;
pub mod home;
pub mod landing;
pub mod pay;
pub mod preferences;
pub mod receipt;
pub mod receive;
pub mod refund;
pub mod sign_in;
pub mod sign_out;
pub mod sign_up;
pub mod statement;
pub mod transfer;

use axum::Router;
use axum::routing::{any, get, post};

use crate::Web;
use crate::stop::Stop;

pub fn routes() -> Router<Web> {
    let nowhere = async || Stop::NotFound;
    Router::new()
        .route("/", get(landing::show))
        .route("/app", get(home::show))
        .route("/app/entrar", get(sign_in::show).post(sign_in::enter))
        .route("/app/cadastro", get(sign_up::show).post(sign_up::create))
        .route("/app/demo", post(demo::enter))
        .route("/app/sair", post(sign_out::leave))
        .route("/app/preferencias", post(preferences::save))
        .route("/app/conferir", post(check::check))
        .route("/app/eventos", get(events::stream))
        .route("/app/receber", get(receive::show).post(receive::create))
        .route("/app/pagar", get(pay::show).post(pay::look))
        .route("/app/pagar/confirmar", post(pay::confirm))
        .route("/app/transferir", get(transfer::show).post(transfer::look))
        .route("/app/transferir/confirmar", post(transfer::confirm))
        .route("/app/transacoes", get(history::show))
        .route("/app/extrato", get(statement::show))
        .route("/app/conta", get(account::show))
        .route("/app/conta/sessoes", post(account::end_others))
        .route("/app/conta/chaves", post(account::create_key))
        .route("/app/conta/chaves/{id}/revogar", post(account::revoke_key))
        .route("/app/transacoes/{id}", get(detail::show))
        .route("/app/transacoes/{id}/cancelar", post(detail::cancel))
        .route("/app/transacoes/{id}/simular", post(detail::simulate))
        .route("/app/transacoes/{id}/comprovante", get(receipt::show))
        .route(
            "/app/transacoes/{id}/comprovante.png",
            get(receipt::picture),
        )
        .route(
            "/app/transacoes/{id}/devolver",
            get(refund::show).post(refund::create),
        )
        .route("/app/{*path}", any(nowhere))
}
