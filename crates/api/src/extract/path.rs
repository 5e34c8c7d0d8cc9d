//! Ids in paths. What is not an id names nothing, so it is `not_found` like an id of nobody's.

use axum::extract::{FromRequestParts, Path};
use domain::gateway::Gateway;
use http::request::Parts;

use super::read::Id;
use crate::error::Problem;

pub struct PathId<T>(pub T);

impl<T: Id, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(Path(text)) = Path::<String>::from_request_parts(parts, state).await else {
            return Err(Problem::not_found());
        };
        T::parse(&text).map(PathId).ok_or_else(Problem::not_found)
    }
}

/// Two ids, in the order of the path.
pub struct PathIds<A, B>(pub A, pub B);

impl<A: Id, B: Id, S: Send + Sync> FromRequestParts<S> for PathIds<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        type Texts = Path<(String, String)>;
        let Ok(Path((first, second))) = Texts::from_request_parts(parts, state).await else {
            return Err(Problem::not_found());
        };
        A::parse(&first)
            .zip(B::parse(&second))
            .map(|(first, second)| PathIds(first, second))
            .ok_or_else(Problem::not_found)
    }
}

/// A gateway by its name.
pub struct PathGateway(pub Gateway);

impl<S: Send + Sync> FromRequestParts<S> for PathGateway {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(Path(text)) = Path::<String>::from_request_parts(parts, state).await else {
            return Err(Problem::not_found());
        };
        Gateway::parse(&text)
            .map(PathGateway)
            .ok_or_else(Problem::not_found)
    }
}
