//! Payouts and refunds as rows.

use domain::dispatch::{AttemptOutcome, FailoverLicence, judge};
use domain::gateway::Gateway;
use domain::ids::{FloatMoveId, PayInId, UserId};
use domain::limits::Windows;
use domain::money::Money;
use domain::outcome::{
    Acceptance, Evidence, Execution, NeverSent, Refusal, RefusalReason, SendVerdict, UnknownCause,
};
use domain::payout::{Failure, IllegalStep, Outgoing, OutgoingStage, OutgoingStep};
use domain::pix::key::{PixKey, PixKeyKind};
use domain::review::ReviewOutcome;
use domain::status::{Kind, Status};
use domain::tax_id::TaxId;
use domain::time::Moment;
use serde::{Deserialize, Serialize};

use super::{corrupt, read, write};
use crate::ports::gateway::Destination;
use crate::ports::store::{AttemptRecord, StoreError, TransactionRow};

/// The open facts of a payout or refund.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutgoingFacts {
    pub since: i64,
    pub attempt: Option<u32>,
    pub failure: Option<StoredFailure>,
    pub returned_cents: i64,
    pub returns: Vec<StoredReturn>,
    /// The limit windows in which the payment was counted.
    pub day: i32,
    pub night: Option<i32>,
    /// A payout that only a gateway able to resolve the code can carry.
    pub dynamic: bool,
    /// Of a refund: the pay-in given back, `pin_…`, and its key at its gateway.
    pub pay_in_id: Option<String>,
    pub pay_in_key: Option<String>,
    /// Of a refund: it gives back all that was paid.
    pub full: bool,
    /// Why it waits, while it waits.
    pub waiting_for: Option<String>,
    /// When it first had to wait for that.
    pub waiting_since: Option<i64>,
    /// Evidence contradicted an earlier end, and the status was corrected.
    pub corrected: bool,
    /// What two people decided about it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided: Option<StoredDecided>,
    /// Of the platform's own payout: the move of our money that it carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub float_move: Option<StoredFloatMove>,
    /// Money of executions besides the one that counts that came back to us.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recovered: Vec<StoredReturn>,
}

/// A float move, as its payout knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredFloatMove {
    /// `fmv_…`
    pub id: String,
    pub from: String,
    pub to: String,
}

/// The same, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CarriedMove {
    pub id: FloatMoveId,
    /// The one gateway that it may leave through.
    pub from: Gateway,
    pub to: Gateway,
}

/// The float move that the platform's own payout carries, for its lock.
pub fn float_move_id(row: &TransactionRow) -> Option<FloatMoveId> {
    if !row.is_systems() {
        return None;
    }
    let facts: OutgoingFacts = read(row, "facts", &row.facts).ok()?;
    FloatMoveId::parse(&facts.float_move?.id).ok()
}

/// A decision of two people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredDecided {
    /// `settled`, `release` or `retry`.
    pub outcome: String,
    /// `prp_…`
    pub proposal: String,
    /// `usr_…` of both.
    pub by: String,
    pub approved_by: String,
    /// The attempt that was in review, and the last one made by then.
    pub attempt: u32,
    pub after: u32,
    pub at: i64,
}

impl StoredDecided {
    /// The licence of the attempt after a decided retry; `None` for another outcome or when a
    /// further attempt was made since.
    pub fn licence(&self, last_attempt: u32) -> Option<FailoverLicence> {
        let retry = ReviewOutcome::parse(&self.outcome) == Some(ReviewOutcome::Retry);
        if !retry || self.after != last_attempt {
            return None;
        }
        let by = UserId::parse(&self.by).ok()?;
        let approved_by = UserId::parse(&self.approved_by).ok()?;
        FailoverLicence::from_operators(last_attempt, by, approved_by).ok()
    }

    /// For people.
    pub fn in_words(&self) -> String {
        let decided = match ReviewOutcome::parse(&self.outcome) {
            Some(ReviewOutcome::Settled) => "that the money has left",
            Some(ReviewOutcome::Release) => "to give the money back",
            Some(ReviewOutcome::Retry) => "to pay by another attempt",
            None => "something unreadable",
        };
        format!(
            "{} decided {decided} after attempt {}, {} approved ({})",
            self.by, self.attempt, self.approved_by, self.proposal
        )
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFailure {
    pub code: String,
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredReturn {
    pub key: String,
    pub cents: i64,
    pub at: i64,
}

/// The sealed facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutgoingPrivate {
    pub description: Option<String>,
    pub metadata: Option<String>,
    pub pix_key: Option<String>,
    pub pix_key_type: Option<String>,
    pub payee_tax_id: Option<String>,
    pub br_code: Option<String>,
    pub payee_name: Option<String>,
    /// As shown: masked.
    pub payee_tax_id_masked: Option<String>,
}

/// A payout or refund as the machine sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingRecord {
    pub row: TransactionRow,
    pub kind: Outgoing,
    pub stage: OutgoingStage,
    pub facts: OutgoingFacts,
    pub private: OutgoingPrivate,
}

impl OutgoingRecord {
    pub fn load(row: &TransactionRow) -> Result<OutgoingRecord, StoreError> {
        let kind = match row.kind {
            Kind::Payout => Outgoing::Payout,
            Kind::Refund => Outgoing::Refund,
            Kind::Charge | Kind::Transfer => {
                return Err(corrupt(row, "kind", "not outgoing money"));
            }
        };
        let facts: OutgoingFacts = read(row, "facts", &row.facts)?;
        let stage = stage_of(row, &facts)?;
        if stage.status() != row.status {
            return Err(corrupt(row, "status", "does not fit the stage"));
        }
        Ok(OutgoingRecord {
            kind,
            stage,
            private: read(row, "private", &row.private)?,
            facts,
            row: row.clone(),
        })
    }

    /// Amount plus reserved fee: what is held.
    pub fn total(&self) -> Money {
        self.row
            .amount
            .checked_add(self.row.fee)
            .expect("checked when it was requested")
    }

    pub fn windows(&self) -> Windows {
        Windows {
            day: self.facts.day,
            night: self.facts.night,
        }
    }

    /// The float move that it carries; a platform payout without one cannot be read.
    pub fn float_move(&self) -> Result<Option<CarriedMove>, StoreError> {
        let Some(stored) = &self.facts.float_move else {
            return match self.row.is_systems() {
                true => Err(corrupt(&self.row, "facts", "no float move")),
                false => Ok(None),
            };
        };
        let carried = || {
            Some(CarriedMove {
                id: FloatMoveId::parse(&stored.id).ok()?,
                from: Gateway::parse(&stored.from)?,
                to: Gateway::parse(&stored.to)?,
            })
        };
        match carried() {
            Some(carried) => Ok(Some(carried)),
            None => Err(corrupt(&self.row, "facts", "an unreadable float move")),
        }
    }

    /// Takes a step of the machine.
    pub fn step(mut self, step: OutgoingStep, now: Moment) -> Result<OutgoingRecord, IllegalStep> {
        self.stage = self.stage.step(self.kind, step, now)?;
        Ok(self)
    }

    /// The next version of the row, with the deadline of its stage.
    pub fn into_row(self, now: Moment, deadline: Option<Moment>) -> TransactionRow {
        let OutgoingRecord {
            mut row,
            stage,
            mut facts,
            private,
            ..
        } = self;
        facts.since = stage.since().micros();
        facts.attempt = stage.attempt();
        facts.failure = None;
        match &stage {
            OutgoingStage::Rejected { failure, .. } => {
                facts.failure = Some(StoredFailure {
                    code: failure.code.clone(),
                    message: failure.message.clone(),
                });
            }
            OutgoingStage::Returned { returned, .. } => facts.returned_cents = returned.cents(),
            OutgoingStage::Settled { .. } => facts.returned_cents = 0,
            OutgoingStage::Queued { .. }
            | OutgoingStage::Sending { .. }
            | OutgoingStage::Accepted { .. }
            | OutgoingStage::InDoubt { .. }
            | OutgoingStage::InReview { .. }
            | OutgoingStage::Cancelled { .. } => {}
        }
        row.stage = stage.name().to_owned();
        row.status = stage.status();
        row.version += 1;
        row.updated_at = now;
        row.stage_deadline = deadline.filter(|_| row.status == Status::Pending);
        row.settled_at = match &stage {
            OutgoingStage::Settled { at, .. } | OutgoingStage::Returned { at, .. } => Some(*at),
            OutgoingStage::Queued { .. }
            | OutgoingStage::Sending { .. }
            | OutgoingStage::Accepted { .. }
            | OutgoingStage::InDoubt { .. }
            | OutgoingStage::InReview { .. }
            | OutgoingStage::Rejected { .. }
            | OutgoingStage::Cancelled { .. } => None,
        };
        row.facts = write(&facts);
        row.private = write(&private);
        row
    }

    /// Where the payout goes, as the gateways are told.
    pub fn destination(&self) -> Result<Destination, StoreError> {
        if let Some(br_code) = self.private.br_code.as_ref().filter(|_| self.facts.dynamic) {
            return Ok(Destination::BrCode(br_code.clone()));
        }
        let wrong = |why: &str| corrupt(&self.row, "private", why);
        let text = self
            .private
            .pix_key
            .as_deref()
            .ok_or_else(|| wrong("no destination"))?;
        let kind = self
            .private
            .pix_key_type
            .as_deref()
            .and_then(PixKeyKind::from_name);
        let kind = kind.ok_or_else(|| wrong("no kind of key"))?;
        let key = PixKey::parse_as(kind, text).map_err(|_| wrong("unreadable key"))?;
        let owner = self
            .private
            .payee_tax_id
            .as_deref()
            .map(TaxId::parse)
            .transpose();
        Ok(Destination::Key {
            key,
            owner: owner.map_err(|_| wrong("unreadable tax id"))?,
        })
    }

    pub fn pay_in_id(&self) -> Option<PayInId> {
        self.facts
            .pay_in_id
            .as_deref()
            .and_then(|text| PayInId::parse(text).ok())
    }
}

fn stage_of(row: &TransactionRow, facts: &OutgoingFacts) -> Result<OutgoingStage, StoreError> {
    let since = Moment::from_micros(facts.since);
    let attempt = || {
        facts
            .attempt
            .ok_or_else(|| corrupt(row, "facts", "no attempt"))
    };
    let settled_at = || {
        row.settled_at
            .ok_or_else(|| corrupt(row, "settled_at", "absent"))
    };
    Ok(match row.stage.as_str() {
        "queued" => OutgoingStage::Queued { since },
        "sending" => OutgoingStage::Sending {
            attempt: attempt()?,
            since,
        },
        "accepted" => OutgoingStage::Accepted {
            attempt: attempt()?,
            since,
        },
        "in_doubt" => OutgoingStage::InDoubt {
            attempt: attempt()?,
            since,
        },
        "in_review" => OutgoingStage::InReview {
            attempt: attempt()?,
            since,
        },
        "settled" => OutgoingStage::Settled {
            attempt: facts.attempt,
            at: settled_at()?,
        },
        "returned" => OutgoingStage::Returned {
            attempt: facts.attempt,
            at: settled_at()?,
            returned: Money::from_cents(facts.returned_cents)
                .map_err(|error| corrupt(row, "facts", &error.to_string()))?,
        },
        "rejected" => {
            let failure = facts
                .failure
                .clone()
                .ok_or_else(|| corrupt(row, "facts", "no failure"))?;
            OutgoingStage::Rejected {
                at: since,
                failure: Failure {
                    code: failure.code,
                    message: failure.message,
                },
            }
        }
        "cancelled" => OutgoingStage::Cancelled { at: since },
        _ => return Err(corrupt(row, "stage", "unknown")),
    })
}

// ---------------------------------------------------------------- verdicts and evidence

#[derive(Serialize, Deserialize)]
#[serde(tag = "class", rename_all = "snake_case")]
enum StoredVerdict {
    Settled {
        gateway_reference: Option<String>,
        end_to_end_id: Option<String>,
    },
    Accepted {
        gateway_reference: Option<String>,
        end_to_end_id: Option<String>,
    },
    NotDone {
        reason: String,
        code: String,
    },
    NeverSent {
        cause: String,
    },
    Unknown {
        cause: String,
    },
}

/// Scheme refusals keep their code with the reason, whatever code the gateway wrapped them in.
const SCHEME_PREFIX: &str = "scheme:";

fn reason_text(reason: &RefusalReason) -> String {
    match reason {
        RefusalReason::Scheme(code) => format!("{SCHEME_PREFIX}{code}"),
        other => other.as_str().to_owned(),
    }
}

fn parse_reason(text: &str) -> Option<RefusalReason> {
    match text.strip_prefix(SCHEME_PREFIX) {
        Some(code) => Some(RefusalReason::Scheme(code.to_owned())),
        None => RefusalReason::parse(text),
    }
}

/// A send's verdict as stored.
pub fn verdict_text(verdict: &SendVerdict) -> String {
    write(&match verdict.clone() {
        SendVerdict::Settled(Execution {
            gateway_reference,
            end_to_end_id,
        }) => StoredVerdict::Settled {
            gateway_reference,
            end_to_end_id,
        },
        SendVerdict::Accepted(Acceptance {
            gateway_reference,
            end_to_end_id,
        }) => StoredVerdict::Accepted {
            gateway_reference,
            end_to_end_id,
        },
        SendVerdict::NotDone(Refusal { reason, code }) => StoredVerdict::NotDone {
            reason: reason_text(&reason),
            code,
        },
        SendVerdict::NeverSent(cause) => StoredVerdict::NeverSent {
            cause: cause.as_str().to_owned(),
        },
        SendVerdict::Unknown(cause) => StoredVerdict::Unknown {
            cause: cause.as_str().to_owned(),
        },
    })
}

/// Reads a stored verdict.
pub fn parse_verdict(text: &str) -> Option<SendVerdict> {
    Some(match serde_json::from_str(text).ok()? {
        StoredVerdict::Settled {
            gateway_reference,
            end_to_end_id,
        } => SendVerdict::Settled(Execution {
            gateway_reference,
            end_to_end_id,
        }),
        StoredVerdict::Accepted {
            gateway_reference,
            end_to_end_id,
        } => SendVerdict::Accepted(Acceptance {
            gateway_reference,
            end_to_end_id,
        }),
        StoredVerdict::NotDone { reason, code } => SendVerdict::NotDone(Refusal {
            reason: parse_reason(&reason)?,
            code,
        }),
        StoredVerdict::NeverSent { cause } => SendVerdict::NeverSent(NeverSent::parse(&cause)?),
        StoredVerdict::Unknown { cause } => SendVerdict::Unknown(UnknownCause::parse(&cause)?),
    })
}

/// The gateway's code beside a verdict, for people.
pub fn verdict_code(verdict: &SendVerdict) -> Option<String> {
    match verdict {
        SendVerdict::NotDone(refusal) => Some(refusal.code.clone()),
        SendVerdict::NeverSent(cause) => Some(cause.as_str().to_owned()),
        SendVerdict::Unknown(cause) => Some(cause.as_str().to_owned()),
        SendVerdict::Settled(_) | SendVerdict::Accepted(_) => None,
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "class", rename_all = "snake_case")]
enum StoredEvidence {
    Settled {
        gateway_reference: Option<String>,
        end_to_end_id: Option<String>,
    },
    Refused {
        reason: String,
        code: String,
    },
    InProgress {
        gateway_reference: Option<String>,
        end_to_end_id: Option<String>,
    },
    NotFound,
    Unclear {
        cause: String,
    },
    /// The true answer to a send that was closed as unknown while its owner was away.
    LateAnswer {
        send: u32,
        verdict: String,
    },
}

/// What a lookup showed, as stored.
pub fn evidence_text(evidence: &Evidence) -> String {
    write(&match evidence.clone() {
        Evidence::Settled(Execution {
            gateway_reference,
            end_to_end_id,
        }) => StoredEvidence::Settled {
            gateway_reference,
            end_to_end_id,
        },
        Evidence::Refused(Refusal { reason, code }) => StoredEvidence::Refused {
            reason: reason_text(&reason),
            code,
        },
        Evidence::InProgress(Acceptance {
            gateway_reference,
            end_to_end_id,
        }) => StoredEvidence::InProgress {
            gateway_reference,
            end_to_end_id,
        },
        Evidence::NotFound => StoredEvidence::NotFound,
        Evidence::Unclear(cause) => StoredEvidence::Unclear {
            cause: cause.as_str().to_owned(),
        },
    })
}

/// A late answer, as stored among the evidence.
pub fn late_answer_text(send: u32, verdict: &SendVerdict) -> String {
    write(&StoredEvidence::LateAnswer {
        send,
        verdict: verdict_text(verdict),
    })
}

/// What is proven about a stored attempt. `None`: a stored text cannot be read, which proves
/// nothing.
pub fn judge_stored(attempt: &AttemptRecord) -> Option<AttemptOutcome> {
    let mut verdicts = Vec::with_capacity(attempt.sends.len());
    for send in &attempt.sends {
        verdicts.push(match &send.verdict {
            Some(text) => Some(parse_verdict(text)?),
            None => None,
        });
    }
    let mut evidence = Vec::with_capacity(attempt.evidence.len());
    for row in &attempt.evidence {
        match serde_json::from_str(&row.body).ok()? {
            StoredEvidence::Settled {
                gateway_reference,
                end_to_end_id,
            } => {
                evidence.push(Evidence::Settled(Execution {
                    gateway_reference,
                    end_to_end_id,
                }));
            }
            StoredEvidence::Refused { reason, code } => {
                let reason = parse_reason(&reason)?;
                evidence.push(Evidence::Refused(Refusal { reason, code }));
            }
            StoredEvidence::InProgress {
                gateway_reference,
                end_to_end_id,
            } => {
                evidence.push(Evidence::InProgress(Acceptance {
                    gateway_reference,
                    end_to_end_id,
                }));
            }
            StoredEvidence::NotFound => evidence.push(Evidence::NotFound),
            StoredEvidence::Unclear { cause } => {
                evidence.push(Evidence::Unclear(UnknownCause::parse(&cause)?))
            }
            StoredEvidence::LateAnswer { send, verdict } => {
                let index = attempt.sends.iter().position(|row| row.number == send)?;
                verdicts[index] = Some(parse_verdict(&verdict)?);
            }
        }
    }
    crate::sabotage::misread(&mut verdicts, &mut evidence);
    Some(judge(&verdicts, &evidence))
}

/// The end-to-end ids that the gateway told of this attempt, in its answers or lookups.
pub fn end_to_end_ids(attempt: &AttemptRecord) -> impl Iterator<Item = String> {
    let sends =
        attempt
            .sends
            .iter()
            .filter_map(|send| match parse_verdict(send.verdict.as_deref()?)? {
                SendVerdict::Settled(execution) => execution.end_to_end_id,
                SendVerdict::Accepted(acceptance) => acceptance.end_to_end_id,
                SendVerdict::NotDone(_) | SendVerdict::NeverSent(_) | SendVerdict::Unknown(_) => {
                    None
                }
            });
    let looks = attempt
        .evidence
        .iter()
        .filter_map(|row| serde_json::from_str(&row.body).ok())
        .filter_map(|seen| match seen {
            StoredEvidence::Settled { end_to_end_id, .. }
            | StoredEvidence::InProgress { end_to_end_id, .. } => end_to_end_id,
            StoredEvidence::Refused { .. }
            | StoredEvidence::NotFound
            | StoredEvidence::Unclear { .. }
            | StoredEvidence::LateAnswer { .. } => None,
        });
    sends.chain(looks)
}

/// The last attempt besides this one that is not proven not done: what a retry went past. While
/// there is one, only a proof or people give the money back.
pub fn unproven_besides(attempts: &[AttemptRecord], number: Option<u32>) -> Option<u32> {
    attempts
        .iter()
        .rev()
        .filter(|attempt| Some(attempt.row.number) != number)
        .find(|attempt| !matches!(judge_stored(attempt), Some(AttemptOutcome::NotDone(_))))
        .map(|attempt| attempt.row.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decided_retry_licenses_one_attempt_and_nothing_else_does() {
        let user = |n| UserId::from_bytes([n; 16]).to_string();
        let retry = StoredDecided {
            outcome: "retry".into(),
            proposal: "prp_1".into(),
            by: user(1),
            approved_by: user(2),
            attempt: 1,
            after: 1,
            at: 0,
        };
        let licence = retry.licence(1).unwrap();
        assert_eq!(
            (licence.kind(), licence.from_attempt()),
            ("operator_decision", 1)
        );
        assert_eq!(retry.licence(2), None, "it was used by attempt 2");
        let alone = StoredDecided {
            approved_by: user(1),
            ..retry.clone()
        };
        assert_eq!(alone.licence(1), None);
        let release = StoredDecided {
            outcome: "release".into(),
            ..retry
        };
        assert_eq!(release.licence(1), None);
    }

    #[test]
    fn verdicts_round_trip() {
        let verdicts = [
            SendVerdict::Settled(Execution {
                gateway_reference: None,
                end_to_end_id: Some("E".into()),
            }),
            SendVerdict::Accepted(Acceptance {
                gateway_reference: Some("r".into()),
                end_to_end_id: None,
            }),
            SendVerdict::NotDone(Refusal {
                reason: RefusalReason::Scheme("AC03".into()),
                code: "wrapped".into(),
            }),
            SendVerdict::NeverSent(NeverSent::Connect),
            SendVerdict::Unknown(UnknownCause::Timeout),
        ];
        for verdict in verdicts {
            assert_eq!(parse_verdict(&verdict_text(&verdict)), Some(verdict));
        }
        assert_eq!(parse_verdict("{\"class\":\"unheard_of\"}"), None);
    }
}
