//! What is special to SQLite: the file, its lock, the secrecy of its bytes, plans, the group.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use app::ports::store::*;
use domain::ledger::{Account, Pocket};
use domain::status::Kind;
use store::{Keyring, OpenError, SqlStore, StoreConfig, migrate, open, sql};

use crate::build::*;
use crate::environment::{Folder, config, keyring, with_file};

async fn migrated() -> (Folder, StoreConfig) {
    let folder = Folder::new();
    let config = config(folder.url());
    let report = migrate(&config, Some(keyring())).await.unwrap();
    assert_eq!((report.from, report.applied.first()), (0, Some(&"money")));
    (folder, config)
}

fn raw(folder: &Folder) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.0.join("pixwave.db")).unwrap()
}

async fn refused(config: &StoreConfig, keyring: Keyring) -> OpenError {
    match open(config, keyring).await {
        Ok(_) => panic!("it opened"),
        Err(error) => {
            let line = error.to_string();
            assert!(!line.contains('\n') && !line.is_empty(), "{line}");
            error
        }
    }
}

#[tokio::test]
async fn an_unmigrated_file_is_not_opened_and_not_made() {
    let folder = Folder::new();
    let config = config(folder.url());
    let error = refused(&config, keyring()).await;
    assert!(
        matches!(error, OpenError::NotMigrated { found: 0, .. }),
        "{error}"
    );
    assert!(!folder.0.join("pixwave.db").exists());
}

#[tokio::test]
async fn migrating_twice_changes_nothing() {
    let (_folder, config) = migrated().await;
    let again = migrate(&config, Some(keyring())).await.unwrap();
    assert_eq!(again.applied, Vec::<&str>::new());
    assert_eq!(again.from, again.to);
    open(&config, keyring()).await.unwrap().close().await;
}

#[tokio::test]
async fn what_was_committed_is_there_after_closing() {
    let (_folder, config) = migrated().await;
    let store = open(&config, keyring()).await.unwrap();
    put(&*store, vec![Write::InsertUser(user(1))]).await;
    store.close().await;
    let late = error_of(commit_one(&*store, plain(vec![])).await);
    assert!(matches!(late, StoreError::Unavailable(_)));
    assert!(store.user(user(1).id).await.is_err());
    let store = open(&config, keyring()).await.unwrap();
    assert_eq!(store.user(user(1).id).await.unwrap(), Some(user(1)));
    store.close().await;
    let inline = SqlStore::inline(&config, keyring()).unwrap();
    assert_eq!(inline.user(user(1).id).await.unwrap(), Some(user(1)));
    assert!(matches!(
        refused(&config, keyring()).await,
        OpenError::InUse(_)
    ));
    inline.close().await;
    open(&config, keyring()).await.unwrap().close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_waits_for_what_was_handed_over() {
    let (_folder, config) = migrated().await;
    let store = open(&config, keyring()).await.unwrap();
    let working = Arc::clone(&store);
    let units = (0..200).map(|n| plain(vec![Write::InsertEvent(event(n, None))]));
    let units: Vec<Unit> = units.collect();
    let (started, has_started) = tokio::sync::oneshot::channel();
    let call = tokio::spawn(async move {
        let mut commit = working.commit(units);
        // All are in the queue after one poll: it holds more than these.
        let pending = futures::poll!(&mut commit);
        started.send(()).unwrap();
        match pending {
            std::task::Poll::Ready(results) => results,
            std::task::Poll::Pending => commit.await,
        }
    });
    has_started.await.unwrap();
    store.close().await;
    for result in call.await.unwrap() {
        must(result);
    }
}

#[tokio::test]
async fn a_second_process_is_refused_until_the_first_ends() {
    let (_folder, config) = migrated().await;
    let first = open(&config, keyring()).await.unwrap();
    let error = refused(&config, keyring()).await;
    assert!(matches!(error, OpenError::InUse(_)), "{error}");
    let error = migrate(&config, None).await.unwrap_err();
    assert!(matches!(error, OpenError::InUse(_)), "{error}");
    first.close().await;
    open(&config, keyring()).await.unwrap().close().await;
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    let folder = Folder::new();
    let file = folder.0.join("file");
    std::fs::write(&file, "not a folder").unwrap();
    for path in [file.join("pixwave.db"), folder.0.join("absent/pixwave.db")] {
        let config = config(format!("sqlite:{}", path.display()));
        let error = migrate(&config, None).await.unwrap_err();
        assert!(matches!(error, OpenError::Unwritable { .. }), "{error}");
        assert!(error.to_string().contains(&path.display().to_string()));
    }
    let config = config(format!("sqlite:{}", file.display()));
    let error = migrate(&config, None).await.unwrap_err();
    assert!(error.to_string().contains("not a database"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a folder");
}

#[tokio::test]
async fn a_wrong_key_is_told_at_once() {
    let (_folder, config) = migrated().await;
    let other = Keyring::generate(&mut |bytes| bytes.fill(9));
    let error = refused(&config, Keyring::parse(&other).unwrap()).await;
    assert_eq!(error, OpenError::WrongKey);
    let renamed = other.replace("k1:", "k2:");
    let error = refused(&config, Keyring::parse(&renamed).unwrap()).await;
    assert_eq!(error, OpenError::WrongKey);
    open(&config, keyring()).await.unwrap().close().await;
}

#[tokio::test]
async fn a_new_key_in_front_of_the_old_one_is_taken_up() {
    let (_folder, config) = migrated().await;
    let store = open(&config, keyring()).await.unwrap();
    put(&*store, vec![Write::InsertUser(user(1))]).await;
    store.close().await;
    let other = Keyring::generate(&mut |bytes| bytes.fill(9)).replace("k1:", "k2:");
    let both = format!("{other},{}", crate::environment::KEY);
    let store = open(&config, Keyring::parse(&both).unwrap()).await.unwrap();
    put(&*store, vec![Write::InsertUser(user(2))]).await;
    for n in 1..=2 {
        let found = store.user_by_email(&user(n).email).await.unwrap();
        assert_eq!(found, Some(user(n)));
    }
    let twin = UserRow {
        id: user(3).id,
        ..user(1)
    };
    let error = refusal(&*store, vec![Write::InsertUser(twin)]).await;
    assert!(matches!(
        error,
        StoreError::Conflict("users.email" | "users.tax_id")
    ));
    store.close().await;
    assert_eq!(refused(&config, keyring()).await, OpenError::WrongKey);
}

#[tokio::test]
async fn a_newer_or_edited_database_is_refused() {
    let (folder, config) = migrated().await;
    let insert = "INSERT INTO schema_migrations SELECT 9999, 'future', checksum, 'done', 0 \
                  FROM schema_migrations WHERE version = 1";
    raw(&folder).execute(insert, []).unwrap();
    let error = refused(&config, keyring()).await;
    assert!(
        matches!(error, OpenError::NewerDatabase { found: 9999, .. }),
        "{error}"
    );
    let error = migrate(&config, None).await.unwrap_err();
    assert!(matches!(error, OpenError::NewerDatabase { .. }), "{error}");
    let connection = raw(&folder);
    connection
        .execute("DELETE FROM schema_migrations WHERE version = 9999", [])
        .unwrap();
    connection
        .execute("UPDATE schema_migrations SET checksum = zeroblob(32)", [])
        .unwrap();
    let error = refused(&config, keyring()).await;
    assert!(
        matches!(error, OpenError::Migration { version: 1, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_and_runs_again() {
    let folder = Folder::new();
    let config = config(folder.url());
    // A table of a stranger stands in the way, late in the migration.
    raw(&folder)
        .execute_batch("CREATE TABLE counters (strange INTEGER)")
        .unwrap();
    let error = migrate(&config, Some(keyring())).await.unwrap_err();
    assert!(
        matches!(error, OpenError::Migration { version: 1, .. }),
        "{error}"
    );
    let tables: i64 = raw(&folder)
        .query_row(
            "SELECT COUNT(*) FROM sqlite_master WHERE name = 'users'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(tables, 0);
    raw(&folder).execute_batch("DROP TABLE counters").unwrap();
    migrate(&config, Some(keyring())).await.unwrap();
    open(&config, keyring()).await.unwrap().close().await;
}

/// Rows of the time before the column get what their journals tell.
#[tokio::test]
async fn transfers_made_before_learn_whom_they_reached() {
    let (folder, config) = migrated().await;
    let store = open(&config, keyring()).await.unwrap();
    let transfer = |payee| TransactionRow {
        kind: Kind::Transfer,
        payee_user_id: payee,
        ..payout(1, 1)
    };
    let entry = |n: u64, debit_cents| EntryRow {
        account: Account::Wallet(wallet(n).id, Pocket::Available),
        debit_cents,
        seq: Some(1),
        balance_after: Some(0),
    };
    let booked = journal(1, "transfer", START, vec![entry(1, 5), entry(2, -5)]);
    put(
        &*store,
        vec![
            Write::InsertWallet(wallet(1)),
            Write::InsertWallet(wallet(2)),
            Write::InsertTransaction(transfer(None)),
            Write::InsertTransaction(payout(3, 1)),
            Write::InsertJournal(booked),
        ],
    )
    .await;
    store.close().await;
    raw(&folder)
        .execute_batch(
            "DROP INDEX transactions_payee; DROP INDEX transactions_user_kind; \
             DROP INDEX transactions_user_status; \
             ALTER TABLE transactions DROP COLUMN payee_user_id; \
             DELETE FROM schema_migrations WHERE version = 9",
        )
        .unwrap();
    let report = migrate(&config, Some(keyring())).await.unwrap();
    assert_eq!(report.applied, ["history"]);
    let store = open(&config, keyring()).await.unwrap();
    let row = async |n| {
        store
            .transaction(payout(n, 1).id)
            .await
            .unwrap()
            .unwrap()
            .row
    };
    assert_eq!(row(1).await, transfer(Some(user(2).id)));
    assert_eq!(row(3).await, payout(3, 1));
    store.close().await;
}

fn holds(folder: &Path, needle: &str) -> bool {
    let mut files = std::fs::read_dir(folder).unwrap();
    files.any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes
            .windows(needle.len())
            .any(|window| window == needle.as_bytes())
    })
}

#[tokio::test]
async fn personal_data_cannot_be_read_in_the_files() {
    let (folder, config) = migrated().await;
    let store = open(&config, keyring()).await.unwrap();
    let inbound = InboundRow {
        id: domain::ids::InboundId::from_bytes(bytes(1)),
        gateway: domain::gateway::Gateway::Efi,
        received_at: START,
        verified: false,
        raw: b"pagador Dora".to_vec(),
    };
    let mut row = user(1);
    row.tax_id = Some("52998224725".into());
    put(
        &*store,
        vec![
            Write::InsertUser(row.clone()),
            Write::InsertTransaction(payout(1, 1)),
            Write::InsertAttempt(attempt(1, 1, 1)),
            Write::InsertPayIn(pay_in(1, Some(1))),
            Write::InsertInbound(inbound),
            Write::InsertProposal(proposal(1, 1)),
        ],
    )
    .await;
    assert!(holds(&folder.0, "order 1"), "the search itself works");
    for secret in [
        &row.name,
        &row.email,
        "52998224725",
        "Bruno",
        "valor",
        "Carla",
        "Dora",
        "the panel shows",
        "a day has passed",
    ] {
        assert!(
            !holds(&folder.0, secret),
            "{secret} in the open, before closing"
        );
    }
    store.close().await;
    for secret in [
        &row.name,
        &row.email,
        "52998224725",
        "Bruno",
        "valor",
        "Carla",
        "Dora",
        "the panel shows",
        "a day has passed",
    ] {
        assert!(
            !holds(&folder.0, secret),
            "{secret} in the open, after closing"
        );
    }
}

#[tokio::test]
async fn a_changed_row_is_named_and_not_believed() {
    let (folder, config) = migrated().await;
    let store = open(&config, keyring()).await.unwrap();
    let writes = vec![
        Write::InsertTransaction(payout(1, 1)),
        Write::InsertTransaction(payout(2, 1)),
        Write::InsertWallet(wallet(1)),
    ];
    put(&*store, writes).await;
    let change = |sql: &str| assert!(raw(&folder).execute(sql, []).unwrap() >= 1);
    // The sealed column of one row copied to another does not open there.
    change(
        "UPDATE transactions SET private_sealed = (SELECT private_sealed FROM transactions ORDER BY id LIMIT 1)",
    );
    let error = store.transaction(payout(2, 1).id).await.unwrap_err();
    let id: String = bytes(2).iter().map(|byte| format!("{byte:02x}")).collect();
    let told = error.to_string();
    assert!(
        told.contains("transactions.private_sealed") && told.contains(&id),
        "{told}"
    );
    change("UPDATE transactions SET gateway = 'nobody'");
    let told = store
        .transaction(payout(1, 1).id)
        .await
        .unwrap_err()
        .to_string();
    assert!(told.contains("transactions.gateway"), "{told}");
    change("UPDATE wallet_balances SET limit_day = -1");
    let told = store.wallet(wallet(1).id).await.unwrap_err().to_string();
    assert!(told.contains("wallets.limit_day"), "{told}");
    store.close().await;
}

/// The hot statements are searches in the index meant for them, without a sort.
#[tokio::test]
async fn hot_queries_use_their_indexes() {
    let (folder, _config) = migrated().await;
    let connection = raw(&folder);
    let expected = [
        ("TRANSACTION", "transactions_id"),
        ("TRANSACTION_BY_IDEMPOTENCY", "transactions_idempotency"),
        (
            "LIST_BY_WALLET",
            "sqlite_autoindex_transactions_1 (wallet_id=? AND id>? AND id<?)",
        ),
        (
            "LIST_BY_USER",
            "transactions_user (user_id=? AND id>? AND id<?)",
        ),
        (
            "LIST_BY_USER_KIND",
            "transactions_user_kind (user_id=? AND kind=? AND id>? AND id<?)",
        ),
        (
            "LIST_BY_USER_STATUS",
            "transactions_user_status (user_id=? AND status=? AND id>? AND id<?)",
        ),
        (
            "LIST_RECEIVED",
            "transactions_payee (payee_user_id=? AND id>? AND id<?)",
        ),
        (
            "ACCOUNT_LINES",
            "entries_account (wallet_id=? AND account=? AND seq>? AND seq<?)",
        ),
        ("LIST_ALL", "transactions_id (id>? AND id<?)"),
        ("LIST_BY_REFERENCE", "transactions_reference"),
        ("LIST_BY_END_TO_END_ID", "transactions_end_to_end_id"),
        ("REFUNDS_OF", "transactions_parent"),
        ("OVERDUE", "transactions_deadline"),
        ("JOBLESS", "transactions_status"),
        ("JOBLESS", "jobs_transaction"),
        ("IN_DOUBT", "transactions_status"),
        ("ATTEMPTS_OF", "attempts_number"),
        ("ATTEMPT_BY_KEY", "attempts_key"),
        ("ATTEMPT_BY_REFERENCE", "attempts_reference"),
        ("BY_GATEWAY_REFERENCE", "attempts_reference"),
        ("DONE_ATTEMPTS", "attempts_outcome"),
        ("PAY_IN", "pay_ins_key"),
        ("PAY_INS_OF", "pay_ins_transaction"),
        ("SUSPENSE", "suspense_open"),
        ("DISPUTES_OF", "sqlite_autoindex_disputes_1"),
        ("OPEN_DISPUTES", "disputes_wallet"),
        ("EVIDENCE_OF", "evidence_attempt"),
        ("JOURNALS_OF", "journals_transaction"),
        (
            "STATEMENT",
            "entries_wallet (wallet_id=? AND seq>? AND seq<?)",
        ),
        ("SEQ_AT", "entries_time"),
        ("BALANCE_AT_SEQ", "entries_account"),
        ("SYSTEM_BALANCE", "journals_seal"),
        ("CLAIMABLE", "jobs_visible"),
        ("NEXT_JOB_AT", "jobs_visible"),
        ("WAKE_JOBS", "jobs_transaction"),
        ("JOBS_IN", "jobs_state"),
        ("POSITION_EVENTS", "events_position"),
        ("SEAL_JOURNALS", "journals_seal"),
        ("EVENTS_AFTER", "events_position"),
        ("EVENTS_AFTER_OF", "events_user"),
        ("SESSION_BY_TOKEN", "sessions_token"),
        ("API_KEY_BY_SECRET", "api_keys_secret"),
        ("USER_BY_EMAIL", "users_email"),
        ("WALLETS_OF", "wallets_user"),
        ("ALERTS", "alerts_time"),
        ("ENDPOINTS_OF", "webhook_endpoints_slot"),
        ("CLAIMABLE_ENDPOINTS", "webhook_endpoints_due"),
        ("NEXT_ENDPOINT_AT", "webhook_endpoints_due"),
        ("DUE_DELIVERIES", "webhook_deliveries_due"),
        ("DUE_DELIVERIES", "events_position"),
        ("FIRST_DUE", "webhook_deliveries_due"),
        ("DELIVERIES", "sqlite_autoindex_webhook_deliveries_1"),
        ("DELIVERIES_IN", "webhook_deliveries_state"),
        ("OLD_DELIVERIES", "webhook_deliveries_age"),
        ("ORPHANED_DELIVERIES", "webhook_endpoints_state"),
    ];
    // Lists that sort a handful of rows of one transaction or gateway.
    let may_sort = [
        "ATTEMPT_BY_REFERENCE",
        "BY_GATEWAY_REFERENCE",
        "ENDPOINTS_OF",
        "EVIDENCE_OF",
        "IN_DOUBT",
        "POSITION_EVENTS",
        "SEAL_JOURNALS",
        "SUSPENSE",
    ];
    for (name, index) in expected {
        let statement = sql::all().find(|statement| statement.name == name).unwrap();
        let plan = plan(&connection, statement.lite);
        assert!(plan.contains(index), "{name}:\n{plan}");
        let sorts = plan.contains("USE TEMP B-TREE");
        assert!(!sorts || may_sort.contains(&name), "{name}:\n{plan}");
    }
}

fn plan(connection: &rusqlite::Connection, text: &str) -> String {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {text}"))
        .unwrap();
    let nulls = vec![rusqlite::types::Null; statement.parameter_count()];
    let lines = statement
        .query_map(rusqlite::params_from_iter(nulls), |row| {
            row.get::<_, String>(3)
        })
        .unwrap();
    lines.map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

/// Many callers share commits: the writer needs fewer than one for each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_units_share_a_commit() {
    with_file(|environment| async move {
        let decided = Arc::new(AtomicU64::new(0));
        let mut units = Vec::new();
        for n in 0..256 {
            let decided = Arc::clone(&decided);
            units.push(unit(Locks::default(), move |_| {
                decided.fetch_add(1, Ordering::Relaxed);
                Verdict::Commit {
                    writes: vec![Write::InsertEvent(event(n, None))],
                    answer: Box::new(()),
                }
            }));
        }
        let path = environment.url.strip_prefix("sqlite:").unwrap().to_owned();
        let reader = rusqlite::Connection::open(path).unwrap();
        let version = || -> i64 {
            reader
                .query_row("PRAGMA data_version", [], |row| row.get(0))
                .unwrap()
        };
        let (before, watched) = (version(), Arc::clone(&environment));
        let call = tokio::spawn(async move { watched.store.commit(units).await });
        let results = call.await.unwrap();
        assert!(version() > before, "another connection has committed");
        assert_eq!(results.len(), 256);
        results.into_iter().for_each(must);
        assert_eq!(decided.load(Ordering::Relaxed), 256, "each decided once");
        assert_eq!(environment.store.totals().await.unwrap().events, 256);
    })
    .await;
}

/// A file that somebody else is writing fails the group, tells so, and what comes later is fine.
#[tokio::test]
async fn a_file_locked_by_a_stranger_fails_the_group_and_no_more() {
    let (folder, config) = migrated().await;
    let store = open(&config, keyring()).await.unwrap();
    put(&*store, vec![Write::InsertEvent(event(1, None))]).await;
    // Somebody's tool holds the write lock for longer than the writer waits.
    let blocker = raw(&folder);
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let results = store
        .commit(vec![
            plain(vec![Write::InsertEvent(event(2, None))]),
            plain(vec![]),
        ])
        .await;
    for result in results {
        assert!(matches!(error_of(result), StoreError::Unavailable(_)));
    }
    blocker.execute_batch("ROLLBACK").unwrap();
    put(&*store, vec![Write::InsertEvent(event(3, None))]).await;
    assert_eq!(store.totals().await.unwrap().events, 2);
    store.close().await;
}

#[tokio::test]
async fn a_reader_works_beside_the_writer_and_writes_nothing() {
    let (_folder, config) = migrated().await;
    let writer = open(&config, keyring()).await.unwrap();
    let reader = store::open_for_reading(&config, keyring()).await.unwrap();
    let put = |store: Arc<SqlStore>| async move {
        let write = || Write::PutSetting {
            name: "a.setting".to_owned(),
            value: "1".to_owned(),
        };
        let unit = Unit {
            name: "put",
            locks: Locks::default(),
            decide: Arc::new(move |_| Verdict::Commit {
                writes: vec![write()],
                answer: Box::new(()),
            }),
        };
        store.commit(vec![unit]).await.pop().unwrap()
    };
    assert!(matches!(
        put(writer.clone()).await,
        UnitResult::Committed(_)
    ));
    assert_eq!(
        reader.setting("a.setting").await.unwrap(),
        Some("1".to_owned())
    );
    assert!(matches!(
        put(reader.clone()).await,
        UnitResult::Failed(StoreError::Unavailable(_))
    ));
    writer.close().await;
    // A file has no clock of its own.
    assert_eq!(reader.clock().await.unwrap(), None);
    // Nobody else has it open now.
    assert_eq!(reader.totals().await.unwrap().users, 0);
}
