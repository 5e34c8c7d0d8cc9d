//! What has waited longest on its way out: to be numbered in the stream, to be taken by the topic, to
//! be sent to a customer's endpoint.
//!
//! Nothing depends on it. It is shown to people, measured, and told when it is long
//! ([`crate::watch`]).

use domain::time::{Moment, Span};

use crate::context::App;
use crate::ports::store::StoreError;
use crate::publishing;
use crate::webhooks::relay;

/// What waits longer is something for people to look at.
pub const PATIENCE: Span = Span::from_seconds(60);
/// A relay passes over what concerns nobody without storing its place each time; what concerns
/// somebody is looked for so many events beyond it.
const LOOKED_AT: u64 = 10_000;

/// The steps by which events leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Committed events get their position.
    Numbering,
    /// The topic takes them, where one was ever configured.
    Topic,
    /// Endpoints get them. A try that waits for its time, and an endpoint that rests after failures,
    /// are not late.
    Webhooks,
}

impl Step {
    pub const ALL: [Step; 3] = [Step::Numbering, Step::Topic, Step::Webhooks];

    pub const fn as_str(self) -> &'static str {
        match self {
            Step::Numbering => "numbering",
            Step::Topic => "topic",
            Step::Webhooks => "webhooks",
        }
    }
}

/// Since when the oldest has waited at each step; `None`: nothing waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    pub numbering: Option<Moment>,
    pub topic: Option<Moment>,
    pub webhooks: Option<Moment>,
}

impl Waiting {
    pub fn since(&self, step: Step) -> Option<Moment> {
        match step {
            Step::Numbering => self.numbering,
            Step::Topic => self.topic,
            Step::Webhooks => self.webhooks,
        }
    }

    /// For how long; zero when nothing waits.
    pub fn age(&self, step: Step, now: Moment) -> Span {
        let since = self.since(step).filter(|at| *at < now);
        since.map_or(Span::ZERO, |at| now.since(at))
    }

    pub fn is_late(&self, step: Step, now: Moment) -> bool {
        self.age(step, now) > PATIENCE
    }
}

impl App {
    /// Four small reads.
    pub async fn waiting(&self) -> Result<Waiting, StoreError> {
        let topic = self.lag(publishing::NAME).await?;
        let unrelayed = match self.outbound.relay(relay::NAME).await? {
            None => None,
            Some(place) => {
                let to = place.position.saturating_add(LOOKED_AT);
                self.outbound.first_unrelayed(place.position, to).await?
            }
        };
        let now = self.now();
        let due = self.outbound.next_endpoint_at().await?;
        let due = due.filter(|at| *at < now);
        Ok(Waiting {
            numbering: self.outbound.first_unnumbered().await?,
            topic: topic.and_then(|lag| lag.oldest),
            webhooks: unrelayed.into_iter().chain(due).min(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_late_after_a_minute() {
        let now = Moment::default().plus(Span::from_seconds(1_000));
        let ago = |seconds| Some(now.minus(Span::from_seconds(seconds)));
        let waiting = Waiting {
            numbering: ago(60),
            topic: ago(61),
            // A clock that is behind another makes nothing late.
            webhooks: Some(now.plus(Span::from_seconds(90))),
        };
        let late = Step::ALL.map(|step| waiting.is_late(step, now));
        assert_eq!(late, [false, true, false]);
        assert_eq!(waiting.age(Step::Webhooks, now), Span::ZERO);
        assert_eq!(
            Waiting::default().age(Step::Numbering, now),
            Span::ZERO,
            "nothing waits"
        );
    }
}
