//! Attempts as people read them: which gateway, why, with what licence, and what came of it.

use serde::Deserialize;

use crate::ports::store::{AttemptRecord, SendRow, StoreError};
use crate::records::outgoing::StoredDecided;
use crate::views::{AttemptView, LicenceView, SendView};

/// The licence as stored beside the attempt.
#[derive(Deserialize)]
struct StoredLicence {
    kind: String,
    from_attempt: u32,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    source: Option<String>,
    in_words: String,
}

/// `decided`: what two people decided about the transaction last.
pub(crate) fn view(
    record: &AttemptRecord,
    decided: Option<&StoredDecided>,
) -> Result<AttemptView, StoreError> {
    let row = &record.row;
    let licence = row
        .licence
        .as_deref()
        .map(serde_json::from_str::<StoredLicence>);
    let licence = licence
        .transpose()
        .map_err(|error| StoreError::Corrupt(format!("attempts.licence of {}: {error}", row.id)))?;
    Ok(AttemptView {
        number: row.number,
        gateway: row.gateway,
        attempt_key: row.attempt_key.clone(),
        outcome: shown_outcome(&row.outcome).to_owned(),
        reason: row.reason.clone(),
        why: row.why.clone(),
        licence: licence.map(|licence| LicenceView {
            kind: licence.kind,
            from_attempt: licence.from_attempt,
            code: licence.code,
            source: licence.source,
            in_words: licence.in_words,
        }),
        decision: decided
            .filter(|decided| decided.attempt == row.number)
            .map(StoredDecided::in_words),
        sends: record.sends.iter().map(send).collect(),
        created_at: row.created_at,
    })
}

/// What is not decided yet is unknown to whoever asks.
fn shown_outcome(stored: &str) -> &str {
    if stored == "open" { "unknown" } else { stored }
}

fn send(row: &SendRow) -> SendView {
    SendView {
        number: row.number,
        sent_at: row.opened_at,
        closed_at: row.closed_at,
        verdict: row.class.clone(),
        code: row.code.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::store::AttemptRow;
    use domain::gateway::Gateway;
    use domain::ids::{AttemptId, TransactionId};
    use domain::time::Moment;

    fn record(licence: Option<&str>) -> AttemptRecord {
        AttemptRecord {
            row: AttemptRow {
                id: AttemptId::from_bytes([1; 16]),
                transaction_id: TransactionId::from_bytes([2; 16]),
                number: 2,
                gateway: Gateway::MercadoPago,
                attempt_key: "0".repeat(32),
                request: Vec::new(),
                live: true,
                outcome: "open".into(),
                reason: None,
                why: "the preferred gateway could not be used".into(),
                licence: licence.map(str::to_owned),
                routing: "{}".into(),
                gateway_reference: None,
                evidence_version: 0,
                created_at: Moment::default(),
                updated_at: Moment::default(),
            },
            sends: Vec::new(),
            evidence: Vec::new(),
        }
    }

    #[test]
    fn the_licence_is_told_in_words() {
        let stored = r#"{"kind":"never_sent","from_attempt":1,"code":"connect","source":null,
            "in_words":"no byte left the host"}"#;
        let shown = view(&record(Some(stored)), None).unwrap();
        let licence = shown.licence.unwrap();
        assert_eq!(
            (licence.kind.as_str(), licence.from_attempt),
            ("never_sent", 1)
        );
        assert_eq!(licence.in_words, "no byte left the host");
        assert_eq!(shown.outcome, "unknown");
    }

    #[test]
    fn a_decision_is_told_at_the_attempt_that_was_in_review() {
        let decided = |attempt| StoredDecided {
            outcome: "release".into(),
            proposal: "prp_1".into(),
            by: "usr_1".into(),
            approved_by: "usr_2".into(),
            attempt,
            after: attempt,
            at: 0,
        };
        let words = view(&record(None), Some(&decided(2))).unwrap().decision;
        assert_eq!(
            words.as_deref(),
            Some("usr_1 decided to give the money back after attempt 2, usr_2 approved (prp_1)")
        );
        assert_eq!(
            view(&record(None), Some(&decided(1))).unwrap().decision,
            None
        );
    }

    #[test]
    fn an_unreadable_licence_is_corrupt_rather_than_absent() {
        assert!(matches!(
            view(&record(Some("{}")), None),
            Err(StoreError::Corrupt(_))
        ));
        assert_eq!(view(&record(None), None).unwrap().licence, None);
    }
}
