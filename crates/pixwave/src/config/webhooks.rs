//! Events to customers' servers.

use app::webhooks::WebhookSettings;
use domain::time::Span;
use domain::webhook::DeliveryPolicy;

use super::parse;
use super::variables::Variables;

/// As long as tries may take, and time to see how they ended.
const SHORTEST_RETENTION: Span = Span::from_days(3);
const RETENTION: &str = "a length of time from 3d, such as 30d";
const FLAG: &str = "true or false";
const DEFAULT_AT_ONCE: u32 = 32;

/// What the use cases are told.
pub(super) fn read(variables: &Variables<'_>, allow_private: bool) -> WebhookSettings {
    let standard = WebhookSettings::standard();
    let disable_after = variables.parsed("WEBHOOK_DISABLE_AFTER", parse::SPAN, parse::span);
    let retention = variables.parsed("WEBHOOK_RETENTION", RETENTION, |text| {
        parse::span(text).filter(|span| *span >= SHORTEST_RETENTION)
    });
    let stated = variables.parsed("WEBHOOK_ALLOW_PRIVATE", FLAG, |text| text.parse().ok());
    WebhookSettings {
        allow_private: stated.unwrap_or(allow_private),
        retention: retention.unwrap_or(standard.retention),
        policy: DeliveryPolicy {
            disable_after: disable_after.unwrap_or(standard.policy.disable_after),
            ..standard.policy
        },
        ..standard
    }
}

/// Endpoints that are sent to at once.
pub(super) fn at_once(variables: &Variables<'_>) -> usize {
    let stated = variables.parsed("WEBHOOKS_AT_ONCE", "a number from 1 to 1000", parse::count);
    stated.unwrap_or(DEFAULT_AT_ONCE) as usize
}
