//! What stands at an address, for an operator.

use std::time::Duration;

use redis::InfoDict;
use tokio::time::Instant;

use crate::address::{Form, RedisAddress};
use crate::availability::slot;
use crate::connect::connect;
use crate::link::{Cause, Connection, Limits};
use domain::gateway::{Gateway, Operation};

/// The oldest major version that is supported.
pub const OLDEST_MAJOR: u32 = 6;

/// A Redis that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// As the server tells it, such as `7.0.15`.
    pub version: String,
    /// Of one write.
    pub latency: Duration,
}

/// A Redis that cannot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("it cannot be used: {}", .0.as_str())]
    Away(Cause),
    #[error("it is version {0}; {OLDEST_MAJOR} or newer is needed")]
    Old(String),
}

/// Connects, asks for the version (of a cluster: of the first node that answers), and writes a mark
/// that goes by itself.
///
/// # Errors
/// Why it cannot be used.
pub async fn examine(address: &RedisAddress, limits: Limits) -> Result<Examined, Unfit> {
    let version = bounded(limits.connect, version(address, &limits)).await?;
    let major = version
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < OLDEST_MAJOR) {
        return Err(Unfit::Old(version));
    }
    let mut connection = bounded(limits.connect, connect(address, &limits)).await?;
    let slot = slot(Gateway::Efi, Operation::Payout);
    bounded(limits.connect, connection.mark(slot)).await?;
    let start = Instant::now();
    bounded(limits.connect, connection.mark(slot)).await?;
    Ok(Examined {
        version,
        latency: start.elapsed(),
    })
}

async fn bounded<T>(
    limit: Duration,
    work: impl Future<Output = redis::RedisResult<T>>,
) -> Result<T, Unfit> {
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Unfit::Away(Cause::of(&error))),
        Err(_) => Err(Unfit::Away(Cause::Slow)),
    }
}

/// A cluster's nodes are asked one by one, as servers: each tells its own version.
async fn version(address: &RedisAddress, limits: &Limits) -> redis::RedisResult<String> {
    if address.form != Form::Cluster {
        return version_of(&mut connect(address, limits).await?).await;
    }
    let mut last = None;
    for node in address.each_host() {
        match connect(&node, limits).await {
            Ok(mut connection) => return version_of(&mut connection).await,
            Err(error) => last = Some(error),
        }
    }
    Err(last.expect("an address has a host"))
}

async fn version_of(connection: &mut Connection) -> redis::RedisResult<String> {
    let mut command = redis::cmd("INFO");
    command.arg("server");
    let info: InfoDict = connection.run(&command).await?;
    let told: String = info.get("redis_version").unwrap_or_default();
    // It is shown to people: nothing but a version.
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    Ok(told.chars().filter(plain).take(40).collect())
}
