//! Making connections, to each form of Redis.
//!
//! The client's own retries are off or few: a call that fails is answered by the caller's twin, and
//! the link is what connects again.

use redis::cluster::ClusterClientBuilder;
use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{AsyncConnectionConfig, Client, RedisResult, TlsMode};

use crate::address::{Form, RedisAddress};
use crate::link::{Connection, Limits};

/// Retries of one command within a cluster: enough to follow a slot that has moved.
const CLUSTER_RETRIES: u32 = 2;

/// Connects to the server, to the master that Sentinels name, or to a cluster.
pub(crate) async fn connect(address: &RedisAddress, limits: &Limits) -> RedisResult<Connection> {
    let nodes = address.nodes()?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(limits.connect))
        .set_response_timeout(Some(limits.call));
    match &address.form {
        Form::Single => {
            let node = nodes.into_iter().next();
            let client = Client::open(node.expect("an address has a host"))?;
            let connection = client
                .get_multiplexed_async_connection_with_config(&config)
                .await?;
            Ok(Connection::One(connection))
        }
        Form::Sentinel { service } => {
            let mut of_master =
                SentinelNodeConnectionInfo::default().set_redis_connection_info(address.login());
            if address.tls {
                of_master = of_master.set_tls_mode(TlsMode::Secure);
            }
            let kind = SentinelServerType::Master;
            let mut sentinels = SentinelClient::build(nodes, service, Some(of_master), kind)?;
            let connection = sentinels.get_async_connection_with_config(&config).await?;
            Ok(Connection::One(connection))
        }
        Form::Cluster => {
            let cluster = ClusterClientBuilder::new(nodes)
                .connection_timeout(limits.connect)
                .response_timeout(limits.call)
                .retries(CLUSTER_RETRIES)
                .min_retry_wait(1)
                .max_retry_wait(5)
                .build()?;
            Ok(Connection::Cluster(cluster.get_async_connection().await?))
        }
    }
}
