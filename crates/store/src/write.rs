//! The writes of a unit, each one statement or a few, in the order in which the unit names them.
//!
//! Guarded writes (compare-and-set, leases, closing a send) must meet exactly one row, else the
//! unit fails as stale and everything it wrote is rolled back.

use app::ports::store::*;
use domain::review::ProposalState;

use crate::fault::{Fault, SETTING_NAME, stale};
use crate::outbound;
use crate::rows;
use crate::sql::{float_moves, ledger, people, queue, transactions};
use crate::tx::{Done, Tx};
use crate::value::{Val, args};

pub(crate) async fn apply(tx: &mut Tx, write: Write) -> Done<()> {
    match write {
        Write::InsertUser(row) => insert_user(tx, row).await,
        Write::InsertSession(row) => {
            let args = args![
                row.id,
                row.user_id,
                &row.token_hash,
                row.created_at,
                row.expires_at
            ];
            tx.exec(people::INSERT_SESSION, args).await.map(drop)
        }
        Write::DeleteSession(id) => tx.exec(people::DELETE_SESSION, args![id]).await.map(drop),
        Write::DeleteSessions(user) => {
            let args = args![user];
            tx.exec(people::DELETE_SESSIONS_OF, args).await.map(drop)
        }
        Write::BlockUser { id, at } => tx.exec(people::BLOCK_USER, args![at, id]).await.map(drop),
        Write::InsertApiKey(row) => insert_api_key(tx, row).await,
        Write::RevokeApiKey { id, user_id, at } => {
            let args = args![at, id, user_id];
            tx.exec_one(people::REVOKE_API_KEY, args, "api_key").await
        }
        Write::InsertWallet(row) => insert_wallet(tx, row).await,
        Write::SaveWallet(row) => save_wallet(tx, &row).await,
        Write::InsertTransaction(row) => insert_transaction(tx, row).await,
        Write::SaveTransaction(row) => save_transaction(tx, row).await,
        Write::InsertAttempt(row) => insert_attempt(tx, row).await,
        Write::SaveAttempt(row) => save_attempt(tx, row).await,
        Write::InsertSend(row) => insert_send(tx, row).await,
        Write::CloseSend(row) => close_send(tx, row).await,
        Write::InsertEvidence(row) => {
            let args = args![
                row.id,
                row.attempt_id,
                row.at,
                row.source,
                row.body,
                row.class,
                row.seen,
                row.last_at
            ];
            tx.exec(transactions::INSERT_EVIDENCE, args).await.map(drop)
        }
        Write::RepeatEvidence(row) => {
            let args = args![row.seen, row.last_at, row.id, row.seen];
            tx.exec_one(transactions::REPEAT_EVIDENCE, args, "evidence")
                .await
        }
        Write::InsertProposal(row) => insert_proposal(tx, row).await,
        Write::DecideProposal(row) => {
            let args = args![
                row.state.as_str(),
                row.decided_by,
                row.decided_at,
                row.id,
                row.transaction_id
            ];
            tx.exec_one(transactions::DECIDE_PROPOSAL, args, "proposal")
                .await
        }
        Write::InsertBrCode {
            hash,
            transaction_id,
        } => {
            let args = args![&hash, transaction_id];
            tx.exec(transactions::INSERT_BR_CODE, args).await.map(drop)
        }
        Write::InsertPayIn(row) => insert_pay_in(tx, row).await,
        Write::SavePayIn(row) => save_pay_in(tx, row).await,
        Write::InsertDispute(row) => insert_dispute(tx, row).await,
        Write::SaveDispute(row) => save_dispute(tx, row).await,
        Write::InsertJournal(row) => insert_journal(tx, row).await,
        Write::InsertJob(row) => insert_job(tx, row).await,
        Write::EnsureJob(row) => ensure_job(tx, row).await,
        Write::FinishJob(Lease { job_id, token }) => {
            tx.exec_one(queue::FINISH_JOB, args![job_id, token], "lease")
                .await
        }
        Write::RescheduleJob {
            lease,
            visible_at,
            tries,
            last_error,
        } => {
            let args = args![visible_at, tries, last_error, lease.job_id, lease.token];
            tx.exec_one(queue::RESCHEDULE_JOB, args, "lease").await
        }
        Write::ExtendLease { lease, until } => {
            let args = args![until, lease.job_id, lease.token];
            tx.exec_one(queue::EXTEND_LEASE, args, "lease").await
        }
        Write::BuryJob { lease, last_error } => {
            let args = args![last_error, lease.job_id, lease.token];
            tx.exec_one(queue::BURY_JOB, args, "lease").await
        }
        Write::ReviveJob { id, at } => tx.exec_one(queue::REVIVE_JOB, args![at, id], "job").await,
        Write::WakeJobs { transaction_id, at } => {
            let args = args![at, transaction_id, at];
            tx.exec(queue::WAKE_JOBS, args).await.map(drop)
        }
        Write::InsertEvent(row) => insert_event(tx, row).await,
        Write::InsertInbound(row) => insert_inbound(tx, row).await,
        Write::InsertAlert(row) => {
            let args = args![
                row.id,
                row.kind,
                row.transaction_id,
                row.gateway,
                row.message,
                row.raised_at
            ];
            tx.exec(people::INSERT_ALERT, args).await.map(drop)
        }
        Write::InsertAudit(row) => {
            let args = args![
                row.id,
                row.actor,
                row.action,
                row.subject,
                row.detail,
                row.at
            ];
            tx.exec(people::INSERT_AUDIT, args).await.map(drop)
        }
        Write::InsertIncident(row) => {
            let args = args![row.id, row.kind, row.transaction_id, row.detail, row.at];
            tx.exec(people::INSERT_INCIDENT, args).await.map(drop)
        }
        Write::PutSetting { name, value } => put_setting(tx, &name, &value).await,
        Write::Outbound(write) => outbound::apply(tx, write).await,
        Write::SaveControl(row) => save_control(tx, &row).await,
        Write::InsertReconciliation(row) => {
            let args = args![
                row.id,
                row.gateway,
                row.from,
                row.to,
                row.state.as_str(),
                row.requested_by,
                row.requested_at,
                row.finished_at,
                row.result
            ];
            let insert = tx.exec(people::INSERT_RECONCILIATION, args);
            insert.await.map(drop)
        }
        Write::SaveReconciliation(row) => {
            let args = args![row.state.as_str(), row.finished_at, row.result, row.id];
            tx.exec_one(people::SAVE_RECONCILIATION, args, "reconciliation")
                .await
        }
        Write::InsertFloatMove(row) => insert_float_move(tx, &row).await,
        Write::SaveFloatMove(row) => save_float_move(tx, &row).await,
    }
}

async fn insert_user(tx: &mut Tx, row: UserRow) -> Done<()> {
    let sealer = tx.sealer.clone();
    let key = row.id.bytes();
    let tax_id_sealed = match &row.tax_id {
        None => None,
        Some(tax_id) => Some(sealer.seal(rows::USER_TAX_ID, key, tax_id.as_bytes())?),
    };
    let tax_id_blind = row
        .tax_id
        .as_ref()
        .map(|tax_id| sealer.blind(rows::USER_TAX_ID, tax_id));
    let args = args![
        row.id,
        sealer.seal(rows::USER_NAME, key, row.name.as_bytes())?,
        sealer.seal(rows::USER_EMAIL, key, row.email.as_bytes())?,
        sealer.blind(rows::USER_EMAIL, &row.email),
        tax_id_sealed,
        tax_id_blind,
        row.password_hash,
        rows::role_name(row.role),
        row.created_at,
        row.blocked_at
    ];
    tx.exec(people::INSERT_USER, args).await.map(drop)
}

async fn insert_api_key(tx: &mut Tx, row: ApiKeyRow) -> Done<()> {
    let scopes = serde_json::Value::from(row.scopes).to_string();
    let args = args![
        row.id,
        row.user_id,
        row.name,
        scopes,
        &row.secret_hash,
        row.created_at,
        row.revoked_at
    ];
    tx.exec(people::INSERT_API_KEY, args).await.map(drop)
}

fn balances(row: &WalletRow) -> Vec<Val> {
    args![
        row.available,
        row.held,
        row.blocked,
        row.receivable,
        row.seq,
        row.limits.per_transaction,
        row.limits.per_day,
        row.limits.per_night,
        row.spent.day.window,
        row.spent.day.spent,
        row.spent.night.window,
        row.spent.night.spent,
        row.id
    ]
}

async fn insert_wallet(tx: &mut Tx, row: WalletRow) -> Done<()> {
    let args = args![row.id, row.user_id, row.created_at];
    tx.exec(ledger::INSERT_WALLET, args).await?;
    tx.exec(ledger::INSERT_BALANCES, balances(&row))
        .await
        .map(drop)
}

async fn save_wallet(tx: &mut Tx, row: &WalletRow) -> Done<()> {
    let mut args = balances(row);
    args.push(Val::from(row.seq));
    tx.exec_one(ledger::SAVE_BALANCES, args, "wallet").await
}

async fn insert_transaction(tx: &mut Tx, row: TransactionRow) -> Done<()> {
    let private = tx.sealer.seal(
        rows::TRANSACTION_PRIVATE,
        row.id.bytes(),
        row.private.as_bytes(),
    )?;
    let (account, key, fingerprint) = match row.idempotency {
        None => (None, None, None),
        Some(idempotency) => (
            Some(idempotency.account),
            Some(idempotency.key),
            Some(idempotency.fingerprint.to_vec()),
        ),
    };
    let args = args![
        row.id,
        row.wallet_id,
        row.user_id,
        row.kind.as_str(),
        row.status.as_str(),
        row.stage,
        row.version,
        row.amount,
        row.fee,
        row.gateway,
        account,
        key,
        fingerprint,
        row.reference,
        row.end_to_end_id,
        row.parent,
        row.stage_deadline,
        row.created_at,
        row.updated_at,
        row.settled_at,
        row.facts,
        private,
        row.payee_user_id
    ];
    tx.exec(transactions::INSERT_TRANSACTION, args)
        .await
        .map(drop)
}

async fn save_transaction(tx: &mut Tx, row: TransactionRow) -> Done<()> {
    let stored = row
        .version
        .checked_sub(1)
        .ok_or_else(|| stale("transaction"))?;
    let private = tx.sealer.seal(
        rows::TRANSACTION_PRIVATE,
        row.id.bytes(),
        row.private.as_bytes(),
    )?;
    let args = args![
        row.status.as_str(),
        row.stage,
        row.version,
        row.amount,
        row.fee,
        row.gateway,
        row.reference,
        row.end_to_end_id,
        row.parent,
        row.stage_deadline,
        row.updated_at,
        row.settled_at,
        row.facts,
        private,
        row.id,
        row.wallet_id,
        stored
    ];
    tx.exec_one(transactions::SAVE_TRANSACTION, args, "transaction")
        .await
}

/// 1 or NULL, so that a uniqueness rule can allow one live attempt (or open proposal) and many others.
fn live(live: bool) -> Option<i64> {
    live.then_some(1)
}

async fn insert_attempt(tx: &mut Tx, row: AttemptRow) -> Done<()> {
    let request = tx
        .sealer
        .seal(rows::ATTEMPT_REQUEST, row.id.bytes(), &row.request)?;
    let args = args![
        row.id,
        row.transaction_id,
        row.number,
        row.gateway,
        row.attempt_key,
        request,
        live(row.live),
        row.outcome,
        row.reason,
        row.why,
        row.licence,
        row.routing,
        row.gateway_reference,
        row.evidence_version,
        row.created_at,
        row.updated_at
    ];
    tx.exec(transactions::INSERT_ATTEMPT, args).await.map(drop)
}

async fn save_attempt(tx: &mut Tx, row: AttemptRow) -> Done<()> {
    let args = args![
        live(row.live),
        row.outcome,
        row.reason,
        row.why,
        row.licence,
        row.routing,
        row.gateway_reference,
        row.evidence_version,
        row.updated_at,
        row.id,
        row.transaction_id,
        row.evidence_version
    ];
    tx.exec_one(transactions::SAVE_ATTEMPT, args, "attempt")
        .await
}

async fn insert_send(tx: &mut Tx, row: SendRow) -> Done<()> {
    let args = args![
        row.attempt_id,
        row.number,
        row.opened_at,
        row.closed_at,
        row.verdict,
        row.class,
        row.code,
        row.lease_token
    ];
    tx.exec(transactions::INSERT_SEND, args).await.map(drop)
}

async fn close_send(tx: &mut Tx, row: SendRow) -> Done<()> {
    let args = args![
        row.closed_at,
        row.verdict,
        row.class,
        row.code,
        row.attempt_id,
        row.number
    ];
    tx.exec_one(transactions::CLOSE_SEND, args, "send").await
}

async fn insert_pay_in(tx: &mut Tx, row: PayInRow) -> Done<()> {
    let payer = tx
        .sealer
        .seal(rows::PAY_IN_PAYER, row.id.bytes(), row.payer.as_bytes())?;
    let suspense = row
        .transaction_id
        .is_none()
        .then(|| args![row.id, row.gateway, row.amount, row.created_at]);
    let args = args![
        row.id,
        row.gateway,
        row.key,
        row.transaction_id,
        row.wallet_id,
        row.amount,
        row.fee,
        row.reversed,
        row.refunded,
        row.disputed,
        row.end_to_end_id,
        row.paid_at,
        row.created_at,
        row.version,
        payer
    ];
    tx.exec(transactions::INSERT_PAY_IN, args).await?;
    match suspense {
        None => Ok(()),
        Some(args) => tx.exec(transactions::INSERT_SUSPENSE, args).await.map(drop),
    }
}

async fn save_pay_in(tx: &mut Tx, row: PayInRow) -> Done<()> {
    let stored = row.version.checked_sub(1).ok_or_else(|| stale("pay_in"))?;
    let payer = tx
        .sealer
        .seal(rows::PAY_IN_PAYER, row.id.bytes(), row.payer.as_bytes())?;
    let args = args![
        row.transaction_id,
        row.wallet_id,
        row.amount,
        row.fee,
        row.reversed,
        row.refunded,
        row.disputed,
        row.end_to_end_id,
        row.paid_at,
        row.version,
        payer,
        row.id,
        row.gateway,
        row.key,
        stored
    ];
    tx.exec_one(transactions::SAVE_PAY_IN, args, "pay_in")
        .await?;
    // Suspense is over when the pay-in gets its transaction, or when all of it was taken back.
    match row.transaction_id {
        None => {
            let left = row.amount.checked_sub(row.reversed);
            let left = left.unwrap_or(domain::money::Money::ZERO);
            let args = args![left, left.is_zero(), row.id];
            tx.exec(transactions::SAVE_SUSPENSE, args).await.map(drop)
        }
        Some(_) => {
            let args = args![row.id];
            tx.exec(transactions::RESOLVE_SUSPENSE, args)
                .await
                .map(drop)
        }
    }
}

async fn insert_dispute(tx: &mut Tx, row: DisputeRow) -> Done<()> {
    let args = args![
        row.pay_in_id,
        row.number,
        row.gateway,
        row.wallet_id,
        row.key,
        row.dispute.amount,
        row.dispute.stage.name(),
        row.dispute.seen_at,
        row.opened_at,
        row.dispute.stage.ended_at()
    ];
    tx.exec(transactions::INSERT_DISPUTE, args).await.map(drop)
}

async fn save_dispute(tx: &mut Tx, row: DisputeRow) -> Done<()> {
    let args = args![
        row.dispute.amount,
        row.dispute.stage.name(),
        row.dispute.seen_at,
        row.dispute.stage.ended_at(),
        row.pay_in_id,
        row.number
    ];
    tx.exec_one(transactions::SAVE_DISPUTE, args, "dispute")
        .await
}

async fn insert_journal(tx: &mut Tx, row: JournalRow) -> Done<()> {
    let args = args![row.id, row.transaction_id, row.kind, row.created_at];
    tx.exec(ledger::INSERT_JOURNAL, args).await?;
    for (leg, entry) in (0u32..).zip(row.entries) {
        let args = args![
            row.id,
            leg,
            entry.account.code(),
            entry.account.wallet(),
            entry.debit_cents,
            entry.seq,
            entry.balance_after,
            row.created_at
        ];
        tx.exec(ledger::INSERT_ENTRY, args).await?;
    }
    Ok(())
}

async fn insert_job(tx: &mut Tx, row: JobRow) -> Done<()> {
    let args = args![
        row.id,
        row.kind,
        row.transaction_id,
        row.payload,
        row.visible_at,
        rows::state_name(row.state),
        row.tries,
        row.token,
        row.last_error,
        row.created_at
    ];
    tx.exec(queue::INSERT_JOB, args).await.map(drop)
}

async fn ensure_job(tx: &mut Tx, row: JobRow) -> Done<()> {
    let args = args![row.visible_at, row.transaction_id, row.visible_at];
    tx.exec(queue::WAKE_JOBS, args).await?;
    let ready = tx
        .int(queue::READY_JOBS_OF, args![row.transaction_id])
        .await?;
    match ready {
        Some(count) if count > 0 => Ok(()),
        Some(_) | None => insert_job(tx, row).await,
    }
}

async fn insert_proposal(tx: &mut Tx, row: ProposalRow) -> Done<()> {
    let key = row.id.bytes();
    let is_open = live(row.state == ProposalState::Open);
    let args = args![
        row.id,
        row.transaction_id,
        row.attempt_number,
        row.evidence_version,
        row.outcome.as_str(),
        tx.sealer
            .seal(rows::PROPOSAL_EVIDENCE, key, row.evidence.as_bytes())?,
        tx.sealer
            .seal(rows::PROPOSAL_REASON, key, row.reason.as_bytes())?,
        row.proposed_by,
        row.proposed_at,
        row.state.as_str(),
        is_open,
        row.decided_by,
        row.decided_at
    ];
    tx.exec(transactions::INSERT_PROPOSAL, args).await.map(drop)
}

async fn insert_event(tx: &mut Tx, row: EventRow) -> Done<()> {
    let args = args![
        row.id,
        row.kind,
        row.transaction_id,
        row.transaction_version,
        row.wallet_id,
        row.user_id,
        row.body,
        row.occurred_at
    ];
    tx.exec(queue::INSERT_EVENT, args).await.map(drop)
}

async fn insert_inbound(tx: &mut Tx, row: InboundRow) -> Done<()> {
    let raw = tx
        .sealer
        .seal(rows::INBOUND_RAW, row.id.bytes(), &row.raw)?;
    let args = args![row.id, row.gateway, row.received_at, row.verified, raw];
    tx.exec(people::INSERT_INBOUND, args).await.map(drop)
}

async fn save_control(tx: &mut Tx, row: &ControlRow) -> Done<()> {
    let key = rows::control_key(row.gateway, row.operation);
    let reason = match &row.reason {
        None => None,
        Some(reason) => Some(
            tx.sealer
                .seal(rows::CONTROL_REASON, &key, reason.as_bytes())?,
        ),
    };
    let args = args![
        row.paused,
        live(row.primary),
        reason,
        row.changed.map(|(by, _)| by),
        row.changed.map(|(_, at)| at),
        row.gateway,
        row.operation.as_str()
    ];
    tx.exec_one(people::SAVE_CONTROL, args, "control").await
}

async fn insert_float_move(tx: &mut Tx, row: &FloatMoveRow) -> Done<()> {
    let key = row.id.bytes();
    let reason = tx
        .sealer
        .seal(rows::float_moves::REASON, key, row.reason.as_bytes())?;
    let decided = rows::float_moves::decided(&row.state);
    let args = args![
        row.id,
        row.from,
        row.to,
        row.amount,
        reason,
        row.state.as_str(),
        row.proposed_by,
        row.proposed_at,
        row.expires_at,
        decided.0,
        decided.1,
        row.state.transaction(),
        row.left,
        row.returned,
        row.arrived,
        row.arrived_at,
        row.alerted_at,
        row.version
    ];
    tx.exec(float_moves::INSERT_FLOAT_MOVE, args)
        .await
        .map(drop)
}

async fn save_float_move(tx: &mut Tx, row: &FloatMoveRow) -> Done<()> {
    let stored = row
        .version
        .checked_sub(1)
        .ok_or_else(|| stale("float_move"))?;
    let decided = rows::float_moves::decided(&row.state);
    let args = args![
        row.state.as_str(),
        decided.0,
        decided.1,
        row.state.transaction(),
        row.left,
        row.returned,
        row.arrived,
        row.arrived_at,
        row.alerted_at,
        row.version,
        row.id,
        stored
    ];
    tx.exec_one(float_moves::SAVE_FLOAT_MOVE, args, "float_move")
        .await
}

async fn put_setting(tx: &mut Tx, name: &str, value: &str) -> Done<()> {
    let updated = tx.exec(people::UPDATE_SETTING, args![value, name]).await?;
    if updated > 0 {
        return Ok(());
    }
    match tx.exec(people::INSERT_SETTING, args![name, value]).await {
        // Another unit made the row in between: a second run finds it.
        Err(Fault::Unique(_)) => Err(Fault::Again(SETTING_NAME)),
        other => other.map(drop),
    }
}
