//! From columns to rows of the port. Every conversion may fail, and names table, column and row.

pub(crate) mod float_moves;
pub(crate) mod outbound;

use app::ports::store::*;
use domain::dispute::{Dispute, DisputeStage};
use domain::gateway::{Gateway, Operation};
use domain::ids::*;
use domain::ledger::Account;
use domain::limits::{Limits, Spent, SpentWindow};
use domain::money::Money;
use domain::review::{ProposalState, ReviewOutcome};
use domain::status::{Kind, Status};
use domain::time::Moment;

use crate::keyring::{Column, Sealer};
use crate::tx::{Columns, Done};
use crate::value::Val;

pub(crate) const USER_NAME: Column = Column::new("users", "name_sealed");
pub(crate) const USER_EMAIL: Column = Column::new("users", "email_sealed");
pub(crate) const USER_TAX_ID: Column = Column::new("users", "tax_id_sealed");
pub(crate) const TRANSACTION_PRIVATE: Column = Column::new("transactions", "private_sealed");
pub(crate) const ATTEMPT_REQUEST: Column = Column::new("attempts", "request_sealed");
pub(crate) const PAY_IN_PAYER: Column = Column::new("pay_ins", "payer_sealed");
pub(crate) const PROPOSAL_EVIDENCE: Column = Column::new("proposals", "evidence_sealed");
pub(crate) const PROPOSAL_REASON: Column = Column::new("proposals", "reason_sealed");
pub(crate) const CONTROL_REASON: Column = Column::new("gateway_controls", "reason_sealed");
pub(crate) const INBOUND_RAW: Column = Column::new("inbound_events", "raw_sealed");

/// Takes the columns of a row one by one, in the order of the statement.
pub(crate) struct Reader {
    table: &'static str,
    columns: std::vec::IntoIter<Val>,
    /// The first column, by which people find the row.
    row: String,
}

impl Reader {
    pub(crate) fn new(table: &'static str, columns: Columns) -> Reader {
        let row = match columns.first() {
            Some(Val::Bytes(bytes)) if bytes.len() == 16 => hex::encode(bytes),
            Some(Val::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            Some(Val::Int(number)) => number.to_string(),
            Some(Val::Text(text)) => text.clone(),
            Some(Val::Null) | None => "?".to_owned(),
        };
        Reader {
            table,
            columns: columns.into_iter(),
            row,
        }
    }

    fn broken(&self, column: &str, why: &str) -> StoreError {
        StoreError::Corrupt(format!(
            "{}.{column} of row {}: {why}",
            self.table, self.row
        ))
    }

    fn next(&mut self, column: &str) -> Result<Val, StoreError> {
        let next = self.columns.next();
        next.ok_or_else(|| self.broken(column, "the statement has no such column"))
    }

    pub(crate) fn int(&mut self, column: &str) -> Result<i64, StoreError> {
        self.optional_int(column)?
            .ok_or_else(|| self.broken(column, "NULL"))
    }

    pub(crate) fn optional_int(&mut self, column: &str) -> Result<Option<i64>, StoreError> {
        match self.next(column)? {
            Val::Null => Ok(None),
            Val::Int(number) => Ok(Some(number)),
            Val::Text(_) | Val::Bytes(_) => Err(self.broken(column, "not an integer")),
        }
    }

    fn optional_bytes(&mut self, column: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self.next(column)? {
            Val::Null => Ok(None),
            Val::Bytes(bytes) => Ok(Some(bytes)),
            Val::Text(text) => Ok(Some(text.into_bytes())),
            Val::Int(_) => Err(self.broken(column, "not bytes")),
        }
    }

    pub(crate) fn bytes(&mut self, column: &str) -> Result<Vec<u8>, StoreError> {
        self.optional_bytes(column)?
            .ok_or_else(|| self.broken(column, "NULL"))
    }

    pub(crate) fn optional_text(&mut self, column: &str) -> Result<Option<String>, StoreError> {
        let bytes = self.optional_bytes(column)?;
        bytes
            .map(|bytes| String::from_utf8(bytes).map_err(|_| self.broken(column, "not UTF-8")))
            .transpose()
    }

    pub(crate) fn text(&mut self, column: &str) -> Result<String, StoreError> {
        self.optional_text(column)?
            .ok_or_else(|| self.broken(column, "NULL"))
    }

    fn optional_array<const N: usize>(
        &mut self,
        column: &str,
    ) -> Result<Option<[u8; N]>, StoreError> {
        let bytes = self.optional_bytes(column)?;
        bytes
            .map(|bytes| {
                let length = bytes.len();
                <[u8; N]>::try_from(bytes)
                    .map_err(|_| self.broken(column, &format!("{length} bytes, not {N}")))
            })
            .transpose()
    }

    fn array<const N: usize>(&mut self, column: &str) -> Result<[u8; N], StoreError> {
        self.optional_array(column)?
            .ok_or_else(|| self.broken(column, "NULL"))
    }

    pub(crate) fn id<T>(&mut self, column: &str, make: fn([u8; 16]) -> T) -> Result<T, StoreError> {
        self.array(column).map(make)
    }

    pub(crate) fn optional_id<T>(
        &mut self,
        column: &str,
        make: fn([u8; 16]) -> T,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.optional_array(column)?.map(make))
    }

    fn moment(&mut self, column: &str) -> Result<Moment, StoreError> {
        self.int(column).map(Moment::from_micros)
    }

    fn optional_moment(&mut self, column: &str) -> Result<Option<Moment>, StoreError> {
        Ok(self.optional_int(column)?.map(Moment::from_micros))
    }

    fn money(&mut self, column: &str) -> Result<Money, StoreError> {
        let cents = self.int(column)?;
        Money::from_cents(cents).map_err(|error| self.broken(column, &error.to_string()))
    }

    pub(crate) fn count(&mut self, column: &str) -> Result<u64, StoreError> {
        let number = self.int(column)?;
        u64::try_from(number).map_err(|_| self.broken(column, "negative"))
    }

    fn optional_count(&mut self, column: &str) -> Result<Option<u64>, StoreError> {
        let number = self.optional_int(column)?;
        number
            .map(|number| u64::try_from(number).map_err(|_| self.broken(column, "negative")))
            .transpose()
    }

    fn small<T: TryFrom<i64>>(&mut self, column: &str) -> Result<T, StoreError> {
        let number = self.int(column)?;
        T::try_from(number).map_err(|_| self.broken(column, "out of range"))
    }

    fn named<T>(
        &mut self,
        column: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let text = self.text(column)?;
        parse(&text).ok_or_else(|| self.broken(column, "an unknown name"))
    }

    pub(crate) fn gateway(&mut self, column: &str) -> Result<Gateway, StoreError> {
        self.named(column, Gateway::parse)
    }

    fn optional_gateway(&mut self, column: &str) -> Result<Option<Gateway>, StoreError> {
        let text = self.optional_text(column)?;
        text.map(|text| {
            Gateway::parse(&text).ok_or_else(|| self.broken(column, "an unknown gateway"))
        })
        .transpose()
    }

    /// An account, from its code and the wallet in the next column.
    fn account(&mut self) -> Result<Account, StoreError> {
        let code = self.text("account")?;
        let wallet = self.optional_id("wallet_id", WalletId::from_bytes)?;
        Account::parse(&code, wallet).ok_or_else(|| self.broken("account", "an unknown account"))
    }

    fn sealed(
        &mut self,
        sealer: &Sealer,
        column: Column,
        row: &[u8; 16],
    ) -> Result<Vec<u8>, StoreError> {
        let bytes = self.bytes(column.name)?;
        sealer.open(column, row, &bytes)
    }

    fn sealed_text(
        &mut self,
        sealer: &Sealer,
        column: Column,
        row: &[u8; 16],
    ) -> Result<String, StoreError> {
        let bytes = self.sealed(sealer, column, row)?;
        String::from_utf8(bytes).map_err(|_| self.broken(column.name, "not UTF-8"))
    }
}

pub(crate) fn role_name(role: UserRole) -> &'static str {
    match role {
        UserRole::Customer => "customer",
        UserRole::Operator => "operator",
    }
}

pub(crate) fn state_name(state: JobState) -> &'static str {
    match state {
        JobState::Ready => "ready",
        JobState::Done => "done",
        JobState::Dead => "dead",
    }
}

pub(crate) fn user(columns: Columns, sealer: &Sealer) -> Done<UserRow> {
    let mut row = Reader::new("users", columns);
    let id = row.id("id", UserId::from_bytes)?;
    let name = row.sealed_text(sealer, USER_NAME, id.bytes())?;
    let email = row.sealed_text(sealer, USER_EMAIL, id.bytes())?;
    let tax_id = match row.optional_bytes(USER_TAX_ID.name)? {
        None => None,
        Some(sealed) => {
            let bytes = sealer.open(USER_TAX_ID, id.bytes(), &sealed)?;
            let text = String::from_utf8(bytes);
            Some(text.map_err(|_| row.broken(USER_TAX_ID.name, "not UTF-8"))?)
        }
    };
    Ok(UserRow {
        id,
        name,
        email,
        tax_id,
        password_hash: row.text("password_hash")?,
        role: row.named("role", |name| match name {
            "customer" => Some(UserRole::Customer),
            "operator" => Some(UserRole::Operator),
            _ => None,
        })?,
        created_at: row.moment("created_at")?,
        blocked_at: row.optional_moment("blocked_at")?,
    })
}

pub(crate) fn session(columns: Columns) -> Done<SessionRow> {
    let mut row = Reader::new("sessions", columns);
    Ok(SessionRow {
        id: row.id("id", SessionId::from_bytes)?,
        user_id: row.id("user_id", UserId::from_bytes)?,
        token_hash: row.array("token_hash")?,
        created_at: row.moment("created_at")?,
        expires_at: row.moment("expires_at")?,
    })
}

pub(crate) fn api_key(columns: Columns) -> Done<ApiKeyRow> {
    let mut row = Reader::new("api_keys", columns);
    Ok(ApiKeyRow {
        id: row.id("id", ApiKeyId::from_bytes)?,
        user_id: row.id("user_id", UserId::from_bytes)?,
        name: row.text("name")?,
        scopes: row.named("scopes", |text| serde_json::from_str(text).ok())?,
        secret_hash: row.array("secret_hash")?,
        created_at: row.moment("created_at")?,
        revoked_at: row.optional_moment("revoked_at")?,
    })
}

pub(crate) fn wallet(columns: Columns) -> Done<WalletRow> {
    let mut row = Reader::new("wallets", columns);
    Ok(WalletRow {
        id: row.id("id", WalletId::from_bytes)?,
        user_id: row.id("user_id", UserId::from_bytes)?,
        available: row.money("available")?,
        held: row.money("held")?,
        blocked: row.money("blocked")?,
        receivable: row.money("receivable")?,
        seq: row.count("seq")?,
        limits: Limits {
            per_transaction: row.money("limit_transaction")?,
            per_day: row.money("limit_day")?,
            per_night: row.money("limit_night")?,
        },
        spent: Spent {
            day: SpentWindow {
                window: row.small("day_number")?,
                spent: row.money("day_spent")?,
            },
            night: SpentWindow {
                window: row.small("night_number")?,
                spent: row.money("night_spent")?,
            },
        },
        created_at: row.moment("created_at")?,
    })
}

pub(crate) fn transaction(columns: Columns, sealer: &Sealer) -> Done<TransactionRow> {
    let mut row = Reader::new("transactions", columns);
    let id = row.id("id", TransactionId::from_bytes)?;
    Ok(TransactionRow {
        id,
        wallet_id: row.id("wallet_id", WalletId::from_bytes)?,
        user_id: row.id("user_id", UserId::from_bytes)?,
        kind: row.named("kind", Kind::parse)?,
        status: row.named("status", Status::parse)?,
        stage: row.text("stage")?,
        version: row.count("version")?,
        amount: row.money("amount")?,
        fee: row.money("fee")?,
        gateway: row.optional_gateway("gateway")?,
        idempotency: idempotency(&mut row)?,
        reference: row.optional_text("reference")?,
        end_to_end_id: row.optional_text("end_to_end_id")?,
        parent: row.optional_id("parent_id", TransactionId::from_bytes)?,
        stage_deadline: row.optional_moment("stage_deadline")?,
        created_at: row.moment("created_at")?,
        updated_at: row.moment("updated_at")?,
        settled_at: row.optional_moment("settled_at")?,
        facts: row.text("facts")?,
        private: row.sealed_text(sealer, TRANSACTION_PRIVATE, id.bytes())?,
        payee_user_id: row.optional_id("payee_user_id", UserId::from_bytes)?,
    })
}

fn idempotency(row: &mut Reader) -> Result<Option<Idempotency>, StoreError> {
    let account = row.optional_text("account")?;
    let key = row.optional_text("idempotency_key")?;
    let fingerprint = row.optional_array("fingerprint")?;
    match (account, key, fingerprint) {
        (None, None, None) => Ok(None),
        (Some(account), Some(key), Some(fingerprint)) => Ok(Some(Idempotency {
            account,
            key,
            fingerprint,
        })),
        _ => Err(row.broken("idempotency_key", "only in part")),
    }
}

pub(crate) fn attempt(columns: Columns, sealer: &Sealer) -> Done<AttemptRow> {
    let mut row = Reader::new("attempts", columns);
    let id = row.id("id", AttemptId::from_bytes)?;
    Ok(AttemptRow {
        id,
        transaction_id: row.id("transaction_id", TransactionId::from_bytes)?,
        number: row.small("number")?,
        gateway: row.gateway("gateway")?,
        attempt_key: row.text("attempt_key")?,
        request: row.sealed(sealer, ATTEMPT_REQUEST, id.bytes())?,
        live: row.optional_int("live")?.is_some(),
        outcome: row.text("outcome")?,
        reason: row.optional_text("reason")?,
        why: row.text("why")?,
        licence: row.optional_text("licence")?,
        routing: row.text("routing")?,
        gateway_reference: row.optional_text("gateway_reference")?,
        evidence_version: row.count("evidence_version")?,
        created_at: row.moment("created_at")?,
        updated_at: row.moment("updated_at")?,
    })
}

pub(crate) fn send(columns: Columns) -> Done<SendRow> {
    let mut row = Reader::new("sends", columns);
    Ok(SendRow {
        attempt_id: row.id("attempt_id", AttemptId::from_bytes)?,
        number: row.small("number")?,
        opened_at: row.moment("opened_at")?,
        closed_at: row.optional_moment("closed_at")?,
        verdict: row.optional_text("verdict")?,
        class: row.optional_text("class")?,
        code: row.optional_text("code")?,
        lease_token: row.count("lease_token")?,
    })
}

pub(crate) fn evidence(columns: Columns) -> Done<EvidenceRow> {
    let mut row = Reader::new("evidence", columns);
    Ok(EvidenceRow {
        id: row.id("id", EvidenceId::from_bytes)?,
        attempt_id: row.id("attempt_id", AttemptId::from_bytes)?,
        at: row.moment("at")?,
        source: row.text("source")?,
        body: row.text("body")?,
        class: row.text("class")?,
        seen: row.small("seen")?,
        last_at: row.moment("last_at")?,
    })
}

pub(crate) fn proposal(columns: Columns, sealer: &Sealer) -> Done<ProposalRow> {
    let mut row = Reader::new("proposals", columns);
    let id = row.id("id", ProposalId::from_bytes)?;
    Ok(ProposalRow {
        id,
        transaction_id: row.id("transaction_id", TransactionId::from_bytes)?,
        attempt_number: row.small("attempt_number")?,
        evidence_version: row.count("evidence_version")?,
        outcome: row.named("outcome", ReviewOutcome::parse)?,
        evidence: row.sealed_text(sealer, PROPOSAL_EVIDENCE, id.bytes())?,
        reason: row.sealed_text(sealer, PROPOSAL_REASON, id.bytes())?,
        proposed_by: row.id("proposed_by", UserId::from_bytes)?,
        proposed_at: row.moment("proposed_at")?,
        state: row.named("state", ProposalState::parse)?,
        decided_by: row.optional_id("decided_by", UserId::from_bytes)?,
        decided_at: row.optional_moment("decided_at")?,
    })
}

/// What a control's reason is sealed to: its gateway and operation, eight bytes of each name.
pub(crate) fn control_key(gateway: Gateway, operation: Operation) -> [u8; 16] {
    let mut key = [0; 16];
    let names = [gateway.as_str(), operation.as_str()];
    for (half, name) in key.chunks_exact_mut(8).zip(names) {
        for (byte, letter) in half.iter_mut().zip(name.bytes()) {
            *byte = letter;
        }
    }
    key
}

pub(crate) fn control(columns: Columns, sealer: &Sealer) -> Done<ControlRow> {
    let mut row = Reader::new("gateway_controls", columns);
    let gateway = row.gateway("gateway")?;
    let operation = row.named("operation", Operation::parse)?;
    let paused = row.int("paused")? == 1;
    let primary = row.optional_int("is_primary")?.is_some();
    let reason = match row.optional_bytes("reason_sealed")? {
        None => None,
        Some(sealed) => {
            let key = control_key(gateway, operation);
            let plain = sealer.open(CONTROL_REASON, &key, &sealed)?;
            let text = String::from_utf8(plain);
            Some(text.map_err(|_| row.broken("reason_sealed", "not UTF-8"))?)
        }
    };
    let by = row.optional_id("changed_by", UserId::from_bytes)?;
    Ok(ControlRow {
        gateway,
        operation,
        paused,
        primary,
        reason,
        changed: by.zip(row.optional_moment("changed_at")?),
    })
}

pub(crate) fn reconciliation(columns: Columns) -> Done<ReconciliationRow> {
    let mut row = Reader::new("reconciliations", columns);
    Ok(ReconciliationRow {
        id: row.id("id", ReconciliationId::from_bytes)?,
        gateway: row.optional_gateway("gateway")?,
        from: row.moment("from_at")?,
        to: row.moment("to_at")?,
        state: row.named("state", ReconciliationState::parse)?,
        requested_by: row.text("requested_by")?,
        requested_at: row.moment("requested_at")?,
        finished_at: row.optional_moment("finished_at")?,
        result: row.text("result")?,
    })
}

pub(crate) fn pay_in(columns: Columns, sealer: &Sealer) -> Done<PayInRow> {
    let mut row = Reader::new("pay_ins", columns);
    let id = row.id("id", PayInId::from_bytes)?;
    Ok(PayInRow {
        id,
        gateway: row.gateway("gateway")?,
        key: row.text("pay_in_key")?,
        transaction_id: row.optional_id("transaction_id", TransactionId::from_bytes)?,
        wallet_id: row.optional_id("wallet_id", WalletId::from_bytes)?,
        amount: row.money("amount")?,
        fee: row.money("fee")?,
        reversed: row.money("reversed")?,
        refunded: row.money("refunded")?,
        disputed: row.money("disputed")?,
        end_to_end_id: row.optional_text("end_to_end_id")?,
        paid_at: row.moment("paid_at")?,
        created_at: row.moment("created_at")?,
        version: row.count("version")?,
        payer: row.sealed_text(sealer, PAY_IN_PAYER, id.bytes())?,
    })
}

pub(crate) fn dispute(columns: Columns) -> Done<DisputeRow> {
    let mut row = Reader::new("disputes", columns);
    let (pay_in_id, number) = (
        row.id("pay_in_id", PayInId::from_bytes)?,
        row.small("number")?,
    );
    let (gateway, wallet_id, key) = (
        row.gateway("gateway")?,
        row.optional_id("wallet_id", WalletId::from_bytes)?,
        row.text("dispute_key")?,
    );
    let (amount, stage, seen_at, opened_at) = (
        row.money("amount")?,
        row.text("stage")?,
        row.optional_moment("seen_at")?,
        row.moment("opened_at")?,
    );
    let stage = DisputeStage::restore(&stage, row.optional_moment("ended_at")?)
        .ok_or_else(|| row.broken("stage", "unknown, or not as ended as it says"))?;
    Ok(DisputeRow {
        pay_in_id,
        number,
        gateway,
        wallet_id,
        key,
        dispute: Dispute {
            amount,
            stage,
            seen_at,
        },
        opened_at,
    })
}

/// A journal's head; its entries are read apart.
pub(crate) fn journal(columns: Columns) -> Done<JournalRow> {
    let mut row = Reader::new("journals", columns);
    Ok(JournalRow {
        id: row.id("id", JournalId::from_bytes)?,
        transaction_id: row.optional_id("transaction_id", TransactionId::from_bytes)?,
        kind: row.text("kind")?,
        created_at: row.moment("created_at")?,
        entries: Vec::new(),
    })
}

pub(crate) fn entry(columns: Columns) -> Done<(JournalId, EntryRow)> {
    let mut row = Reader::new("entries", columns);
    let journal_id = row.id("journal_id", JournalId::from_bytes)?;
    let entry = EntryRow {
        account: row.account()?,
        debit_cents: row.int("debit_cents")?,
        seq: row.optional_count("seq")?,
        balance_after: row.optional_int("balance_after")?,
    };
    Ok((journal_id, entry))
}

pub(crate) fn statement_line(columns: Columns) -> Done<StatementLine> {
    let mut row = Reader::new("entries", columns);
    let seq = row.count("seq")?;
    let at = row.moment("at")?;
    let journal_id = row.id("journal_id", JournalId::from_bytes)?;
    let journal_kind = row.text("kind")?;
    let transaction_id = row.optional_id("transaction_id", TransactionId::from_bytes)?;
    let account = row.account()?;
    Ok(StatementLine {
        seq,
        at,
        journal_id,
        journal_kind,
        transaction_id,
        cents: account.natural(row.int("debit_cents")?),
        account,
        balance_after: row.int("balance_after")?,
    })
}

/// An entry as the fold needs it: number, account, natural change, balance after it.
pub(crate) fn folded(columns: Columns) -> Done<(u64, Account, i64, i64)> {
    let mut row = Reader::new("entries", columns);
    let seq = row.count("seq")?;
    let account = row.account()?;
    let cents = account.natural(row.int("debit_cents")?);
    Ok((seq, account, cents, row.int("balance_after")?))
}

pub(crate) fn job(columns: Columns) -> Done<JobRow> {
    let mut row = Reader::new("jobs", columns);
    Ok(JobRow {
        id: row.id("id", JobId::from_bytes)?,
        kind: row.text("kind")?,
        transaction_id: row.optional_id("transaction_id", TransactionId::from_bytes)?,
        payload: row.text("payload")?,
        visible_at: row.optional_moment("visible_at")?,
        state: row.named("state", |name| match name {
            "ready" => Some(JobState::Ready),
            "done" => Some(JobState::Done),
            "dead" => Some(JobState::Dead),
            _ => None,
        })?,
        tries: row.small("tries")?,
        token: row.count("token")?,
        last_error: row.optional_text("last_error")?,
        created_at: row.moment("created_at")?,
    })
}

pub(crate) fn event(columns: Columns) -> Done<EventRow> {
    let mut row = Reader::new("events", columns);
    Ok(EventRow {
        id: row.id("id", EventId::from_bytes)?,
        kind: row.text("kind")?,
        transaction_id: row.optional_id("transaction_id", TransactionId::from_bytes)?,
        transaction_version: row.optional_count("transaction_version")?,
        wallet_id: row.optional_id("wallet_id", WalletId::from_bytes)?,
        user_id: row.optional_id("user_id", UserId::from_bytes)?,
        body: row.text("body")?,
        occurred_at: row.moment("occurred_at")?,
        position: row.optional_count("position")?,
    })
}

pub(crate) fn inbound(columns: Columns, sealer: &Sealer) -> Done<InboundRow> {
    let mut row = Reader::new("inbound_events", columns);
    let id = row.id("id", InboundId::from_bytes)?;
    Ok(InboundRow {
        id,
        gateway: row.gateway("gateway")?,
        received_at: row.moment("received_at")?,
        verified: row.int("verified")? == 1,
        raw: row.sealed(sealer, INBOUND_RAW, id.bytes())?,
    })
}

pub(crate) fn alert(columns: Columns) -> Done<AlertRow> {
    let mut row = Reader::new("alerts", columns);
    Ok(AlertRow {
        id: row.id("id", AlertId::from_bytes)?,
        kind: row.text("kind")?,
        transaction_id: row.optional_id("transaction_id", TransactionId::from_bytes)?,
        gateway: row.optional_gateway("gateway")?,
        message: row.text("message")?,
        raised_at: row.moment("raised_at")?,
    })
}

pub(crate) fn audit(columns: Columns) -> Done<AuditRow> {
    let mut row = Reader::new("audit", columns);
    Ok(AuditRow {
        id: row.id("id", AuditId::from_bytes)?,
        actor: row.text("actor")?,
        action: row.text("action")?,
        subject: row.text("subject")?,
        detail: row.text("detail")?,
        at: row.moment("at")?,
    })
}
