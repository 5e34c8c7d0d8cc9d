//! Money from wallet to wallet: decided, settled and told in one commit.
//!
//! The payee is named by wallet or by another user's sign-up e-mail or tax id. A key that nobody
//! has and one that may not be paid get the same answer, and one user may look only so many keys up
//! in a minute, so that the register of users cannot be read out. Limits count as for payouts.

use std::sync::Arc;

use domain::ids::{JournalId, TransactionId, UserId, WalletId};
use domain::money::Money;
use domain::pix::key::{PixKey, PixKeyKind};
use domain::status::{Kind, Status};
use domain::time::Span;

use crate::accounts::normalized_email;
use crate::calendar;
use crate::commands::{
    Accepted, Caller, MoneyRefusal, MoneyRequest, RequestTransfer, TransferDestination,
};
use crate::context::{App, Decision, IdSeed};
use crate::events;
use crate::idempotency::{self, Claim};
use crate::ledger::{Books, Heading};
use crate::ports::store::{Locked, Locks, StoreError, TransactionRow, UserRow, WalletRow, Write};
use crate::records::transfer::{TransferFacts, TransferPrivate};
use crate::records::write;
use crate::transactions::view::masked;
use crate::views::{PartyView, TransactionView};

impl App {
    /// Moves money between wallets; settled when this returns.
    pub async fn request_transfer(
        &self,
        caller: &Caller,
        request: RequestTransfer,
    ) -> Result<Accepted<TransactionView>, MoneyRefusal> {
        let from = self.wallet_of(caller, request.common.wallet_id).await?;
        let cents = request.amount.cents().to_string();
        let destination = match &request.to {
            TransferDestination::Wallet(id) => id.to_string(),
            TransferDestination::Key(key) => format!("{}:{}", key.kind(), key.as_str()),
        };
        let fingerprint =
            idempotency::fingerprint("transfer", &request.common, from, &[&cents, &destination]);
        let key = &request.common.idempotency_key;
        if let Some(replayed) = self.replayed(caller, key, &fingerprint).await? {
            return Ok(replayed);
        }
        let (payee, to) = self.payee_of(caller, &request.to).await?;
        let locks = Locks {
            idempotency: Some((caller.user_id.to_string(), key.clone())),
            wallets: vec![from, to],
            ..Locks::default()
        };
        let unit = TransferUnit {
            user_id: caller.user_id,
            from,
            to,
            payee: Arc::new(payee),
            amount: request.amount,
            common: request.common,
            fingerprint,
            seed: self.ids(),
        };
        let decided = self
            .commit("request_transfer", locks, move |locked| unit.decide(locked))
            .await;
        self.accepted(decided).await
    }

    /// Whom a transfer to this destination would pay; looked up within the same bounds as one.
    ///
    /// # Errors
    /// What a transfer to this destination would be refused for.
    pub async fn preview_transfer(
        &self,
        caller: &Caller,
        to: &TransferDestination,
    ) -> Result<PartyView, MoneyRefusal> {
        let (payee, _) = self.payee_of(caller, to).await?;
        Ok(PartyView {
            tax_id_masked: payee.tax_id.as_deref().and_then(masked),
            name: Some(payee.name),
            bank: None,
        })
    }

    /// A repeated request is answered before its destination is looked up again.
    async fn replayed(
        &self,
        caller: &Caller,
        key: &str,
        fingerprint: &[u8; 32],
    ) -> Result<Option<Accepted<TransactionView>>, MoneyRefusal> {
        let account = caller.user_id.to_string();
        let bound = self.store.transaction_by_idempotency(&account, key).await?;
        match idempotency::claim(bound.as_ref(), fingerprint) {
            Claim::Fresh => Ok(None),
            Claim::Conflict => Err(MoneyRefusal::IdempotencyConflict),
            Claim::Replay(record) => Ok(Some(Accepted {
                view: self.view_of(record.row.id).await?,
                replayed: true,
            })),
        }
    }

    /// Who is paid, and in which wallet.
    async fn payee_of(
        &self,
        caller: &Caller,
        to: &TransferDestination,
    ) -> Result<(UserRow, WalletId), MoneyRefusal> {
        match to {
            TransferDestination::Wallet(id) => {
                let wallet = self.store.wallet(*id).await?;
                let wallet = wallet.ok_or(MoneyRefusal::NotFound("wallet"))?;
                let user = self.store.user(wallet.user_id).await?;
                Ok((user.ok_or(MoneyRefusal::NotFound("wallet"))?, *id))
            }
            TransferDestination::Key(key) => {
                let now = self.now();
                let counted = self.guards.take_destination(caller.user_id, now).await;
                counted.map_err(|wait| MoneyRefusal::RateLimited {
                    retry_after_seconds: whole_seconds(wait),
                })?;
                let user = self.user_by_key(key).await?;
                let user = user.filter(|user| user.id != caller.user_id);
                let user = user.ok_or(MoneyRefusal::NotFound("payee"))?;
                let wallets = self.store.wallets_of(user.id).await?;
                let wallet = wallets.first().ok_or(MoneyRefusal::NotFound("payee"))?;
                let wallet = wallet.id;
                Ok((user, wallet))
            }
        }
    }

    /// The user who signed up with this e-mail or tax id. Other keys name no user of ours.
    async fn user_by_key(&self, key: &PixKey) -> Result<Option<UserRow>, StoreError> {
        match key.kind() {
            PixKeyKind::Email => {
                let email = normalized_email(key.as_str());
                self.store.user_by_email(&email).await
            }
            PixKeyKind::Cpf | PixKeyKind::Cnpj => match key.tax_id() {
                Some(tax_id) => self.store.user_by_tax_id(tax_id.as_str()).await,
                None => Ok(None),
            },
            PixKeyKind::Phone | PixKeyKind::Evp => Ok(None),
        }
    }
}

/// Rounded up, so that whoever waits that long may come in.
fn whole_seconds(span: Span) -> u32 {
    u32::try_from((span.millis() + 999) / 1_000).unwrap_or(u32::MAX)
}

struct TransferUnit {
    user_id: UserId,
    from: WalletId,
    to: WalletId,
    payee: Arc<UserRow>,
    amount: Money,
    common: MoneyRequest,
    fingerprint: [u8; 32],
    seed: IdSeed,
}

impl TransferUnit {
    fn decide(&self, locked: &Locked) -> Decision<(TransactionId, bool), MoneyRefusal> {
        match idempotency::claim(locked.replay.as_ref(), &self.fingerprint) {
            Claim::Replay(record) => Decision::Commit(Vec::new(), (record.row.id, true)),
            Claim::Conflict => Decision::Refuse(MoneyRefusal::IdempotencyConflict),
            Claim::Fresh => match self.settle(locked) {
                Ok((writes, id)) => Decision::Commit(writes, (id, false)),
                Err(refusal) => Decision::Refuse(refusal),
            },
        }
    }

    fn settle(&self, locked: &Locked) -> Result<(Vec<Write>, TransactionId), MoneyRefusal> {
        let (now, mut ids) = (self.seed.now, self.seed.start());
        let payer = self.check_parties(locked)?;
        let windows = calendar::windows(now);
        let spent = payer
            .spent
            .spend(&payer.limits, windows, self.amount)
            .map_err(|exceeded| MoneyRefusal::LimitExceeded {
                kind: exceeded.kind.as_str(),
                left: exceeded.left,
            })?;
        let id = TransactionId::from_bytes(ids.make());
        let heading = Heading {
            id: JournalId::from_bytes(ids.make()),
            kind: "transfer",
            transaction_id: Some(id),
            at: now,
        };
        let mut books = Books::new(&locked.wallets);
        books
            .transfer(heading, self.from, self.to, self.amount)
            .map_err(|_| MoneyRefusal::InsufficientFunds {
                available: payer.available,
            })?;
        books
            .set_spent(self.from, spent)
            .map_err(|_| MoneyRefusal::NotFound("wallet"))?;
        // After this point the transfer succeeds.
        let row = self.row(
            id,
            &TransferFacts {
                to_wallet_id: self.to.to_string(),
                day: windows.day,
                night: windows.night,
            },
        );
        let event = events::of_transaction(&mut ids, &row, "transfer.settled");
        let mut writes = vec![Write::InsertTransaction(row), event];
        writes.extend(books.into_writes());
        Ok((writes, id))
    }

    /// The payer's wallet, once both may take part.
    fn check_parties<'a>(&self, locked: &'a Locked) -> Result<&'a WalletRow, MoneyRefusal> {
        let invalid = |field, code, message: &str| MoneyRefusal::Invalid {
            field,
            code,
            message: message.to_owned(),
        };
        if self.amount.is_zero() {
            return Err(invalid("amount_cents", "too_small", "at least one centavo"));
        }
        if self.from == self.to {
            return Err(invalid(
                "to_wallet_id",
                "same_wallet",
                "a wallet cannot pay itself",
            ));
        }
        let payer = locked.wallets.get(&self.from);
        let payer = payer.filter(|wallet| wallet.user_id == self.user_id);
        let payer = payer.ok_or(MoneyRefusal::NotFound("wallet"))?;
        let payee = locked.wallets.get(&self.to);
        let payee = payee.ok_or(MoneyRefusal::NotFound("wallet"))?;
        if payee.available.checked_add(self.amount).is_none() {
            return Err(invalid(
                "amount_cents",
                "too_large",
                "the payee's wallet cannot hold that much",
            ));
        }
        Ok(payer)
    }

    fn row(&self, id: TransactionId, facts: &TransferFacts) -> TransactionRow {
        let now = self.seed.now;
        let key = &self.common.idempotency_key;
        TransactionRow {
            id,
            wallet_id: self.from,
            user_id: self.user_id,
            kind: Kind::Transfer,
            status: Status::Success,
            stage: "settled".to_owned(),
            version: 1,
            amount: self.amount,
            fee: Money::ZERO,
            gateway: None,
            idempotency: Some(idempotency::bind(self.user_id, key, self.fingerprint)),
            reference: self.common.reference.clone(),
            end_to_end_id: None,
            parent: None,
            stage_deadline: None,
            created_at: now,
            updated_at: now,
            settled_at: Some(now),
            facts: write(facts),
            private: write(&TransferPrivate {
                description: self.common.description.clone(),
                metadata: self.common.metadata.clone(),
                payee_name: Some(self.payee.name.clone()),
                payee_tax_id_masked: self.payee.tax_id.as_deref().and_then(masked),
            }),
            payee_user_id: Some(self.payee.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::store::{TransactionRecord, UserRole};
    use crate::records::transfer::TransferRecord;
    use domain::limits::{Limits, Spent};
    use domain::time::Moment;

    fn cents(cents: i64) -> Money {
        Money::from_cents(cents).unwrap()
    }

    fn wallet(n: u8, available: i64) -> WalletRow {
        WalletRow {
            id: WalletId::from_bytes([n; 16]),
            user_id: UserId::from_bytes([n; 16]),
            available: cents(available),
            held: Money::ZERO,
            blocked: Money::ZERO,
            receivable: Money::ZERO,
            seq: 0,
            limits: Limits {
                per_transaction: cents(500),
                per_day: cents(600),
                per_night: cents(300),
            },
            spent: Spent::default(),
            created_at: Moment::default(),
        }
    }

    fn unit(to: u8, amount: i64) -> TransferUnit {
        TransferUnit {
            user_id: UserId::from_bytes([1; 16]),
            from: WalletId::from_bytes([1; 16]),
            to: WalletId::from_bytes([to; 16]),
            payee: Arc::new(UserRow {
                id: UserId::from_bytes([2; 16]),
                name: "Bia".into(),
                email: "bia@example.com".into(),
                tax_id: Some("52998224725".into()),
                password_hash: String::new(),
                role: UserRole::Customer,
                created_at: Moment::default(),
                blocked_at: None,
            }),
            amount: cents(amount),
            common: MoneyRequest {
                idempotency_key: "k".into(),
                wallet_id: None,
                reference: None,
                metadata: None,
                description: Some("lunch".into()),
            },
            fingerprint: [7; 32],
            // 2026-03-02T12:00:00Z, morning in Brasília.
            seed: IdSeed::for_tests(Moment::from_micros(1_772_452_800_000_000)),
        }
    }

    fn locked(wallets: &[WalletRow]) -> Locked {
        Locked {
            wallets: wallets.iter().map(|row| (row.id, row.clone())).collect(),
            ..Locked::default()
        }
    }

    fn settled(unit: &TransferUnit, locked: &Locked) -> Vec<Write> {
        match unit.decide(locked) {
            Decision::Commit(writes, (_, false)) => writes,
            Decision::Commit(..) | Decision::Refuse(_) => panic!("the transfer settles"),
        }
    }

    fn refused(unit: &TransferUnit, locked: &Locked) -> MoneyRefusal {
        match unit.decide(locked) {
            Decision::Refuse(refusal) => refusal,
            Decision::Commit(..) => panic!("the transfer is refused"),
        }
    }

    #[test]
    fn a_transfer_writes_everything_in_one_unit() {
        let writes = settled(&unit(2, 100), &locked(&[wallet(1, 150), wallet(2, 5)]));
        let mut saved = Vec::new();
        let (mut rows, mut journals, mut versions) = (Vec::new(), 0, Vec::new());
        for write in writes {
            match write {
                Write::InsertTransaction(row) => rows.push(row),
                Write::InsertJournal(journal) => {
                    journals += 1;
                    assert_eq!(journal.transaction_id, Some(rows[0].id));
                }
                Write::SaveWallet(row) => {
                    saved.push((row.available.cents(), row.spent.day.spent.cents()))
                }
                Write::InsertEvent(event) => versions.push((event.kind, event.transaction_version)),
                other => panic!("unexpected {other:?}"),
            }
        }
        saved.sort_unstable();
        assert_eq!(saved, [(50, 100), (105, 0)]);
        assert_eq!((rows.len(), journals), (1, 1));
        assert_eq!(versions, [("transfer.settled".to_owned(), Some(1))]);
        let record = TransferRecord::load(&rows[0]).unwrap();
        assert_eq!(record.to_wallet_id, WalletId::from_bytes([2; 16]));
        assert_eq!(
            record.private.payee_tax_id_masked.as_deref(),
            Some("***.982.247-**")
        );
    }

    #[test]
    fn a_transfer_is_refused_without_writing() {
        let wallets = locked(&[wallet(1, 150), wallet(2, 5)]);
        assert!(matches!(
            refused(&unit(2, 151), &wallets),
            MoneyRefusal::InsufficientFunds { available } if available == cents(150)
        ));
        assert!(matches!(
            refused(&unit(2, 501), &wallets),
            MoneyRefusal::LimitExceeded {
                kind: "transaction",
                ..
            }
        ));
        assert!(matches!(
            refused(&unit(3, 1), &wallets),
            MoneyRefusal::NotFound("wallet")
        ));
        for (to, amount, code) in [(1, 1, "same_wallet"), (2, 0, "too_small")] {
            assert!(matches!(
                refused(&unit(to, amount), &wallets),
                MoneyRefusal::Invalid { code: found, .. } if found == code
            ));
        }
        let full = locked(&[wallet(1, 150), wallet(2, Money::MAX.cents())]);
        assert!(matches!(
            refused(&unit(2, 1), &full),
            MoneyRefusal::Invalid {
                code: "too_large",
                ..
            }
        ));
    }

    #[test]
    fn limits_add_up_over_the_day() {
        let mut payer = wallet(1, 10_000);
        for write in settled(&unit(2, 500), &locked(&[payer.clone(), wallet(2, 0)])) {
            if let Write::SaveWallet(row) = write
                && row.id == payer.id
            {
                payer = row;
            }
        }
        let wallets = locked(&[payer, wallet(2, 0)]);
        assert!(matches!(
            refused(&unit(2, 101), &wallets),
            MoneyRefusal::LimitExceeded { kind: "day", left } if left == cents(100)
        ));
        settled(&unit(2, 100), &wallets);
    }

    #[test]
    fn the_same_key_answers_the_same_transfer_or_refuses_another() {
        let mut wallets = locked(&[wallet(1, 150), wallet(2, 5)]);
        let first = unit(2, 100);
        let row = first.row(
            TransactionId::from_bytes([9; 16]),
            &TransferFacts {
                to_wallet_id: first.to.to_string(),
                day: 0,
                night: None,
            },
        );
        wallets.replay = Some(TransactionRecord {
            row,
            attempts: Vec::new(),
            pay_ins: Vec::new(),
            proposal: None,
        });
        match first.decide(&wallets) {
            Decision::Commit(writes, (id, true)) => {
                assert!(writes.is_empty());
                assert_eq!(id, TransactionId::from_bytes([9; 16]));
            }
            Decision::Commit(..) | Decision::Refuse(_) => panic!("a replay answers the first"),
        }
        let other = TransferUnit {
            fingerprint: [8; 32],
            ..unit(2, 100)
        };
        assert!(matches!(
            refused(&other, &wallets),
            MoneyRefusal::IdempotencyConflict
        ));
    }
}
