//! The pages, one file each, and their paths.

pub mod check;
pub mod demo;
pub mod error;
pub mod events;
pub mod home;
pub mod landing;
pub mod preferences;
pub mod sign_in;
pub mod sign_out;
pub mod sign_up;

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
        .route("/app/{*path}", any(nowhere))
}
