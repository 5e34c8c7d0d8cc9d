//! Asking for a charge: one commit, no gateway.

use std::sync::Arc;

use domain::gateway::Capabilities;
use domain::ids::{JobId, TransactionId, UserId, WalletId};
use domain::money::Money;
use domain::status::{Kind, Status};
use domain::time::Span;

use crate::commands::{Accepted, Caller, MoneyRefusal, MoneyRequest, RequestCharge};
use crate::context::{App, Decision, IdSeed, Settings};
use crate::events;
use crate::idempotency::{self, Claim};
use crate::jobs;
use crate::ports::gateway::Payer;
use crate::ports::store::{JobRow, JobState, Locked, Locks, TransactionRow, Write};
use crate::records::charge::{ChargeFacts, ChargePrivate, StoredPayer};
use crate::records::write;
use crate::views::TransactionView;

impl App {
    /// Accepts a charge; a gateway makes its code soon after.
    pub async fn request_charge(
        &self,
        caller: &Caller,
        request: RequestCharge,
    ) -> Result<Accepted<TransactionView>, MoneyRefusal> {
        let wallet_id = self.wallet_of(caller, request.common.wallet_id).await?;
        let capabilities: Vec<Capabilities> = self
            .gateways
            .values()
            .map(|client| client.capabilities())
            .collect();
        check(&request, &capabilities)?;
        let unit = ChargeUnit {
            user_id: caller.user_id,
            wallet_id,
            fingerprint: fingerprint(&request, wallet_id),
            request,
            settings: self.settings.clone(),
            seed: self.ids(),
        };
        let key = unit.request.common.idempotency_key.clone();
        let locks = Locks {
            idempotency: Some((caller.user_id.to_string(), key)),
            ..Locks::default()
        };
        let decided = self.commit("request_charge", locks, move |locked| unit.decide(locked));
        self.accepted(decided.await).await
    }
}

/// Whether a gateway can carry such an expiry.
pub(super) fn carries_expiry(capabilities: &Capabilities, seconds: u32) -> bool {
    let span = Span::from_seconds(seconds);
    span >= capabilities.shortest_charge_expiry && span <= capabilities.longest_charge_expiry
}

fn check(request: &RequestCharge, gateways: &[Capabilities]) -> Result<(), MoneyRefusal> {
    if request.amount.is_zero() {
        return Err(MoneyRefusal::Invalid {
            field: "amount_cents",
            code: "too_small",
            message: "at least one centavo".to_owned(),
        });
    }
    let seconds = request.expires_in_seconds;
    if !gateways
        .iter()
        .any(|gateway| carries_expiry(gateway, seconds))
    {
        return Err(MoneyRefusal::Invalid {
            field: "expires_in_seconds",
            code: "out_of_range",
            message: "no gateway makes a charge that lasts so long or so short".to_owned(),
        });
    }
    Ok(())
}

fn fingerprint(request: &RequestCharge, wallet_id: WalletId) -> [u8; 32] {
    let cents = request.amount.cents().to_string();
    let seconds = request.expires_in_seconds.to_string();
    let payer = request
        .payer
        .as_ref()
        .map(|payer| write(&StoredPayer::new(payer)));
    let payer = payer.unwrap_or_default();
    idempotency::fingerprint(
        "charge",
        &request.common,
        wallet_id,
        &[&cents, &seconds, &payer],
    )
}

struct ChargeUnit {
    user_id: UserId,
    wallet_id: WalletId,
    request: RequestCharge,
    fingerprint: [u8; 32],
    settings: Arc<Settings>,
    seed: IdSeed,
}

impl ChargeUnit {
    fn decide(&self, locked: &Locked) -> Decision<(TransactionId, bool), MoneyRefusal> {
        match idempotency::claim(locked.replay.as_ref(), &self.fingerprint) {
            Claim::Replay(record) => Decision::Commit(Vec::new(), (record.row.id, true)),
            Claim::Conflict => Decision::Refuse(MoneyRefusal::IdempotencyConflict),
            Claim::Fresh => {
                let (writes, id) = self.accept();
                Decision::Commit(writes, (id, false))
            }
        }
    }

    fn accept(&self) -> (Vec<Write>, TransactionId) {
        let (now, mut ids) = (self.seed.now, self.seed.start());
        let row = self.row(TransactionId::from_bytes(ids.make()));
        let job = Write::InsertJob(JobRow {
            id: JobId::from_bytes(ids.make()),
            kind: jobs::CHARGE.to_owned(),
            transaction_id: Some(row.id),
            payload: "{}".to_owned(),
            visible_at: Some(now),
            state: JobState::Ready,
            tries: 0,
            token: 0,
            last_error: None,
            created_at: now,
        });
        let event = events::of_transaction(&mut ids, &row, "charge.creating");
        let id = row.id;
        (vec![Write::InsertTransaction(row), job, event], id)
    }

    fn row(&self, id: TransactionId) -> TransactionRow {
        let now = self.seed.now;
        let RequestCharge {
            common,
            amount,
            expires_in_seconds,
            payer,
        } = &self.request;
        let expires_at = now.plus(Span::from_seconds(*expires_in_seconds));
        TransactionRow {
            id,
            wallet_id: self.wallet_id,
            user_id: self.user_id,
            kind: Kind::Charge,
            status: Status::Pending,
            stage: "creating".to_owned(),
            version: 1,
            amount: *amount,
            fee: Money::ZERO,
            gateway: None,
            idempotency: Some(idempotency::bind(
                self.user_id,
                &common.idempotency_key,
                self.fingerprint,
            )),
            reference: common.reference.clone(),
            end_to_end_id: None,
            parent: None,
            stage_deadline: Some(now.plus(self.settings.creating_deadline)),
            created_at: now,
            updated_at: now,
            settled_at: None,
            facts: write(&ChargeFacts {
                since: now.micros(),
                expires_in_seconds: *expires_in_seconds,
                expires_at: expires_at.micros(),
                ..ChargeFacts::default()
            }),
            private: write(&private(common, payer.as_ref())),
            payee_user_id: None,
        }
    }
}

fn private(common: &MoneyRequest, payer: Option<&Payer>) -> ChargePrivate {
    ChargePrivate {
        description: common.description.clone(),
        metadata: common.metadata.clone(),
        payer: payer.map(StoredPayer::new),
        br_code: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::store::TransactionRecord;
    use crate::records::charge::ChargeRecord;
    use domain::charge::ChargeStage;
    use domain::gateway::Resolution;
    use domain::time::Moment;

    fn request(seconds: u32) -> RequestCharge {
        RequestCharge {
            common: MoneyRequest {
                idempotency_key: "k".into(),
                wallet_id: None,
                reference: Some("order 7".into()),
                metadata: None,
                description: Some("book".into()),
            },
            amount: Money::from_cents(1_050).unwrap(),
            expires_in_seconds: seconds,
            payer: None,
        }
    }

    fn unit(seconds: u32) -> ChargeUnit {
        let request = request(seconds);
        let wallet_id = WalletId::from_bytes([2; 16]);
        ChargeUnit {
            user_id: UserId::from_bytes([3; 16]),
            wallet_id,
            fingerprint: fingerprint(&request, wallet_id),
            request,
            settings: Arc::new(Settings::standard()),
            seed: IdSeed::for_tests(Moment::from_micros(1_000_000)),
        }
    }

    fn capabilities(shortest: u32, longest: u32) -> Capabilities {
        Capabilities {
            dynamic_br_code: true,
            smallest_payout_cents: 1,
            shortest_charge_expiry: Span::from_seconds(shortest),
            longest_charge_expiry: Span::from_seconds(longest),
            resolution: Resolution::LookUpByKey,
            dedup_window: Span::ZERO,
            refund_window: Span::ZERO,
        }
    }

    #[test]
    fn a_charge_is_accepted_with_its_job_and_first_event() {
        let Decision::Commit(writes, (id, false)) = unit(3_600).decide(&Locked::default()) else {
            panic!("a fresh request is accepted")
        };
        let [
            Write::InsertTransaction(row),
            Write::InsertJob(job),
            Write::InsertEvent(event),
        ] = &writes[..]
        else {
            panic!("{writes:?}")
        };
        let charge = ChargeRecord::load(row).unwrap();
        assert_eq!((charge.stage, row.id), (ChargeStage::Creating, id));
        assert_eq!(charge.expires_at(), Moment::from_micros(3_601_000_000));
        assert_eq!(job.transaction_id, Some(id));
        assert_eq!(
            (event.kind.as_str(), event.transaction_version),
            ("charge.creating", Some(1))
        );
    }

    #[test]
    fn the_same_key_with_another_expiry_is_refused() {
        let first = unit(3_600);
        let mut locked = Locked {
            replay: Some(TransactionRecord {
                row: first.row(TransactionId::from_bytes([1; 16])),
                attempts: Vec::new(),
                pay_ins: Vec::new(),
                proposal: None,
            }),
            ..Locked::default()
        };
        assert!(
            matches!(first.decide(&locked), Decision::Commit(writes, (_, true)) if writes.is_empty())
        );
        assert!(matches!(
            unit(3_601).decide(&locked),
            Decision::Refuse(MoneyRefusal::IdempotencyConflict)
        ));
        locked.replay = None;
        assert!(matches!(
            unit(3_601).decide(&locked),
            Decision::Commit(_, (_, false))
        ));
    }

    #[test]
    fn an_expiry_that_one_gateway_carries_is_enough() {
        let gateways = [capabilities(1, 86_400), capabilities(1_800, 2_592_000)];
        for (seconds, accepted) in [(0, false), (1, true), (2_592_000, true), (2_592_001, false)] {
            assert_eq!(
                check(&request(seconds), &gateways).is_ok(),
                accepted,
                "{seconds}"
            );
        }
    }
}
