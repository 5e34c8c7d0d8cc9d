//! The tries of a delivery, as they are kept with it.

use domain::time::Moment;
use domain::webhook::{Receipt, receipt};
use serde::{Deserialize, Serialize};

use crate::ports::store::StoreError;
use crate::ports::webhooks::WebhookFailure;

/// Of older tries only their number is known.
const KEPT: usize = 20;

/// One try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// When it began, in microseconds.
    at: i64,
    /// The status of the answer; `None` when none came.
    pub status: Option<u16>,
    /// Why none came: `forbidden_target`, `dns`, `connect`, `tls`, `timeout`, `connection_lost`.
    pub error: Option<String>,
    pub duration_ms: u64,
}

impl Try {
    pub(super) fn new(at: Moment, ended: Moment, outcome: &Result<u16, WebhookFailure>) -> Try {
        Try {
            at: at.micros(),
            status: outcome.as_ref().ok().copied(),
            error: outcome
                .as_ref()
                .err()
                .map(|error| error.as_str().to_owned()),
            duration_ms: u64::try_from(ended.since(at).millis()).unwrap_or(0),
        }
    }

    pub fn began_at(&self) -> Moment {
        Moment::from_micros(self.at)
    }

    pub(super) fn receipt(&self) -> Receipt {
        self.status.map_or(Receipt::Refused, receipt)
    }
}

pub(super) fn read(log: &str) -> Result<Vec<Try>, StoreError> {
    serde_json::from_str(log)
        .map_err(|error| StoreError::Corrupt(format!("webhook_deliveries.log: {error}")))
}

/// The log with one more try, without the oldest beyond those that are kept.
pub(super) fn append(log: &str, tried: &Try) -> Result<String, StoreError> {
    let mut tries = read(log)?;
    tries.push(tried.clone());
    let extra = tries.len().saturating_sub(KEPT);
    tries.drain(..extra);
    Ok(serde_json::to_string(&tries).expect("tries are plain data"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Span;

    #[test]
    fn the_latest_tries_are_kept() {
        let start = Moment::from_micros(5);
        let mut log = "[]".to_owned();
        for n in 0..30 {
            let tried = Try::new(start, start.plus(Span::from_millis(n)), &Ok(500));
            log = append(&log, &tried).unwrap();
        }
        let tries = read(&log).unwrap();
        assert_eq!(tries.len(), KEPT);
        assert_eq!((tries[0].duration_ms, tries[19].duration_ms), (10, 29));
        assert!(read("{}").is_err());
    }

    #[test]
    fn no_answer_is_a_refusal_with_a_reason() {
        let at = Moment::from_micros(5);
        let tried = Try::new(at, at, &Err(WebhookFailure::Dns));
        assert_eq!((tried.status, tried.error.as_deref()), (None, Some("dns")));
        assert_eq!(tried.receipt(), Receipt::Refused);
        let tried = Try::new(at, at, &Ok(204));
        assert_eq!(
            (tried.receipt(), tried.began_at()),
            (Receipt::Delivered, at)
        );
    }
}
