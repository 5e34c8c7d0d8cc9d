//! Events on their way to customers: when a delivery is tried again, and when an endpoint that keeps
//! failing is left alone.

use crate::retry::Backoff;
use crate::time::{Moment, Span};

/// Why an endpoint gets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisabledReason {
    /// Its owner or an operator said so.
    Owner,
    /// It failed for too long.
    Failing,
    /// It answered that it is gone for good (410).
    Gone,
}

impl DisabledReason {
    pub const ALL: [DisabledReason; 3] = [
        DisabledReason::Owner,
        DisabledReason::Failing,
        DisabledReason::Gone,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            DisabledReason::Owner => "owner",
            DisabledReason::Failing => "failing",
            DisabledReason::Gone => "gone",
        }
    }

    pub fn parse(text: &str) -> Option<DisabledReason> {
        DisabledReason::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointState {
    Enabled,
    Disabled(DisabledReason),
    /// Its rows are being removed.
    Deleted,
}

impl EndpointState {
    pub const fn is_enabled(self) -> bool {
        matches!(self, EndpointState::Enabled)
    }

    /// Whether new events are kept for it. What waits for an endpoint that failed is sent once it is
    /// enabled again; one whose owner or whose server wants nothing misses what happens meanwhile.
    pub const fn takes_events(self) -> bool {
        match self {
            EndpointState::Enabled | EndpointState::Disabled(DisabledReason::Failing) => true,
            EndpointState::Disabled(DisabledReason::Owner | DisabledReason::Gone)
            | EndpointState::Deleted => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// To be tried, or tried again.
    Pending,
    Delivered,
    /// Every try has failed.
    Failed,
}

impl DeliveryState {
    pub const ALL: [DeliveryState; 3] = [
        DeliveryState::Pending,
        DeliveryState::Delivered,
        DeliveryState::Failed,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Pending => "pending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Failed => "failed",
        }
    }

    pub fn parse(text: &str) -> Option<DeliveryState> {
        DeliveryState::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// What an answer's status means for a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    Delivered,
    /// The endpoint wants nothing more.
    Gone,
    Refused,
}

/// Any 2xx is a receipt. A redirect is not followed: the address that was registered is the one that
/// may see events.
pub const fn receipt(status: u16) -> Receipt {
    match status {
        200..=299 => Receipt::Delivered,
        410 => Receipt::Gone,
        0..=199 | 300..=409 | 411..=u16::MAX => Receipt::Refused,
    }
}

/// When deliveries are tried again, and endpoints given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryPolicy {
    /// The wait after the first failed try, the second, and so on; after the last there is none.
    pub waits: Vec<Span>,
    /// Added to each wait, in percent at most.
    pub jitter_percent: u8,
    /// How long an endpoint rests that failed with nothing delivered in between, whatever waits for
    /// it: so that one that is dead costs little.
    pub rest: Backoff,
    /// An endpoint is disabled after so long without a success,
    pub disable_after: Span,
    /// and at least so many failures in a row.
    pub disable_failures: u32,
}

impl DeliveryPolicy {
    /// Eleven tries over a day; disabled after a day of failures.
    pub fn standard() -> DeliveryPolicy {
        const MINUTE: u32 = 60;
        const HOUR: u32 = 60 * MINUTE;
        let waits = [
            5,
            30,
            2 * MINUTE,
            10 * MINUTE,
            30 * MINUTE,
            HOUR,
            2 * HOUR,
            4 * HOUR,
            8 * HOUR,
            8 * HOUR,
        ];
        DeliveryPolicy {
            waits: waits.into_iter().map(Span::from_seconds).collect(),
            jitter_percent: 10,
            rest: Backoff {
                first: Span::from_seconds(5),
                longest: Span::from_seconds(5 * MINUTE),
                jitter_percent: 20,
            },
            disable_after: Span::from_seconds(24 * HOUR),
            disable_failures: 10,
        }
    }

    /// The wait after so many failed tries (1 is the first); `None` when that was the last.
    pub fn next_wait(&self, failed: u32, draw: u64) -> Option<Span> {
        let index = usize::try_from(failed).ok()?.checked_sub(1)?;
        let base = self.waits.get(index)?.millis();
        let reach = base * i64::from(self.jitter_percent) / 100;
        let more = i64::try_from(draw % (reach.unsigned_abs() + 1)).unwrap_or(0);
        Some(Span::from_millis(
            u32::try_from(base + more).unwrap_or(u32::MAX),
        ))
    }
}

/// How an endpoint has been doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointHealth {
    /// Failed tries since the last success.
    pub failures: u32,
    /// When the first of them ended.
    pub failing_since: Option<Moment>,
    /// Nothing is sent before.
    pub rest_until: Option<Moment>,
}

impl EndpointHealth {
    /// After some tries of which one or more failed and none succeeded.
    pub fn failed(
        self,
        tries: u32,
        at: Moment,
        policy: &DeliveryPolicy,
        draw: u64,
    ) -> EndpointHealth {
        let failures = self.failures.saturating_add(tries);
        EndpointHealth {
            failures,
            failing_since: self.failing_since.or(Some(at)),
            rest_until: Some(at.plus(policy.rest.after(failures, draw))),
        }
    }

    /// Whether it is time to leave the endpoint alone.
    pub fn is_hopeless(&self, at: Moment, policy: &DeliveryPolicy) -> bool {
        let failing = self.failing_since.map(|since| at.since(since));
        self.failures >= policy.disable_failures
            && failing.is_some_and(|span| span >= policy.disable_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tries_cover_a_day_and_end() {
        let policy = DeliveryPolicy::standard();
        let total =
            (1..)
                .map_while(|failed| policy.next_wait(failed, 0))
                .fold(Span::ZERO, |sum, wait| {
                    Moment::default()
                        .plus(sum)
                        .plus(wait)
                        .since(Moment::default())
                });
        assert!(total >= Span::from_seconds(23 * 3_600), "{total:?}");
        assert!(total <= Span::from_days(1), "{total:?}");
        assert_eq!(policy.next_wait(0, 0), None);
        assert_eq!(policy.next_wait(11, 0), None);
    }

    proptest! {
        #[test]
        fn jitter_only_adds(failed in 1u32..=10, draw: u64) {
            let policy = DeliveryPolicy::standard();
            let base = policy.next_wait(failed, 0).expect("a wait").millis();
            let wait = policy.next_wait(failed, draw).expect("a wait").millis();
            prop_assert!(wait >= base && wait <= base + base / 10);
        }
    }

    #[test]
    fn every_status_is_a_receipt_a_farewell_or_a_refusal() {
        for (status, wanted) in [
            (200, Receipt::Delivered),
            (204, Receipt::Delivered),
            (299, Receipt::Delivered),
            (301, Receipt::Refused),
            (307, Receipt::Refused),
            (404, Receipt::Refused),
            (410, Receipt::Gone),
            (500, Receipt::Refused),
            (100, Receipt::Refused),
        ] {
            assert_eq!(receipt(status), wanted, "{status}");
        }
    }

    #[test]
    fn an_endpoint_is_hopeless_after_long_and_many_failures() {
        let policy = DeliveryPolicy::standard();
        let start = Moment::from_micros(1_000_000);
        let later = start.plus(Span::from_days(1));
        let health = EndpointHealth::default().failed(1, start, &policy, 0);
        assert_eq!(health.failing_since, Some(start));
        assert!(health.rest_until > Some(start));
        assert!(!health.is_hopeless(later, &policy), "too few failures");
        let health = health.failed(9, later, &policy, 0);
        assert_eq!((health.failures, health.failing_since), (10, Some(start)));
        assert!(health.is_hopeless(later, &policy));
        let early = start.plus(Span::from_seconds(60));
        assert!(!health.is_hopeless(early, &policy), "too soon");
        assert!(!EndpointHealth::default().is_hopeless(later, &policy));
    }

    #[test]
    fn names_round_trip_and_only_a_failing_endpoint_keeps_its_events() {
        for reason in DisabledReason::ALL {
            assert_eq!(DisabledReason::parse(reason.as_str()), Some(reason));
            let state = EndpointState::Disabled(reason);
            assert!(!state.is_enabled());
            assert_eq!(state.takes_events(), reason == DisabledReason::Failing);
        }
        for state in DeliveryState::ALL {
            assert_eq!(DeliveryState::parse(state.as_str()), Some(state));
        }
        assert!(EndpointState::Enabled.takes_events());
        assert!(!EndpointState::Deleted.takes_events());
    }
}
