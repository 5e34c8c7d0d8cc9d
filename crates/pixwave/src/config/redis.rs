//! Where hints are shared between processes.

use platform::RedisAddress;
use secrecy::ExposeSecret as _;

use super::variables::Variables;

const EXPECTED: &str = "redis://[[user]:password@]host[:port][/database], redis+sentinel://…/service, \
    redis+cluster://…, or the same with rediss";

/// `None`: every process keeps its own.
pub(super) fn read(variables: &Variables<'_>) -> Option<RedisAddress> {
    let text = variables.secret("REDIS_URL")?;
    match RedisAddress::parse(text.expose_secret()) {
        Ok(address) => Some(address),
        Err(error) => {
            variables.complain_of_secret("REDIS_URL", format!("{EXPECTED} ({error})"));
            None
        }
    }
}
