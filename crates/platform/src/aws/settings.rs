//! The SDK's settings: no repetition of its own, bounded times, and whose credentials.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sns::config::Credentials;
use secrecy::ExposeSecret as _;

use super::access::AwsAccess;

/// Names a key pair of ours in the SDK's own texts.
const PROVIDER: &str = "pixwave";
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// A call with its connection and its answer; the longest wait for messages comes on top.
const CALL_LIMIT: Duration = Duration::from_secs(10);

impl AwsAccess {
    /// The SDK's settings; `waits` is how long a call may wait for an answer that is not there yet.
    pub(super) async fn settings(&self, waits: Duration) -> SdkConfig {
        let limits = TimeoutConfig::builder()
            .connect_timeout(CONNECT_LIMIT)
            .operation_attempt_timeout(CALL_LIMIT + waits)
            .operation_timeout(CALL_LIMIT + waits)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::new(self.region.clone()))
            .retry_config(RetryConfig::disabled())
            .timeout_config(limits);
        if let Some(endpoint) = &self.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(keys) = &self.keys {
            let token = keys.session_token.as_ref();
            loader = loader.credentials_provider(Credentials::new(
                keys.id.expose_secret(),
                keys.secret.expose_secret(),
                token.map(|token| token.expose_secret().to_owned()),
                None,
                PROVIDER,
            ));
        }
        loader.load().await
    }
}
