//! What is special to MySQL: connections that die, a schema half applied, plans.

use std::sync::Arc;
use std::time::Duration;

use app::ports::store::*;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};
use store::{Keyring, OpenError, migrate, open, sql};
use testkit::wait_until;

use crate::build::*;
use crate::environment::{Environment, config, keyring, with_mysql};

async fn raw(url: &str) -> Conn {
    Conn::new(Opts::from_url(url).unwrap()).await.unwrap()
}

/// Ends every other session in this database.
async fn kill_all(connection: &mut Conn) -> usize {
    let others = "SELECT id FROM information_schema.processlist \
                  WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    let ids: Vec<u64> = match connection.query(others).await {
        Ok(ids) => ids,
        // MySQL also reads what each session runs, and cannot show every byte of it.
        Err(mysql_async::Error::Server(error)) if error.code == 3854 => Vec::new(),
        Err(error) => panic!("{error}"),
    };
    for id in &ids {
        // It may have ended by itself.
        let _ = connection.query_drop(format!("KILL {id}")).await;
    }
    ids.len()
}

fn keyed(n: u64) -> Unit {
    let row = payout(n, 1);
    let key = row.idempotency.clone().unwrap();
    let locks = Locks {
        idempotency: Some((key.account, key.key)),
        ..Locks::default()
    };
    unit(locks, move |locked| match &locked.replay {
        Some(_) => Verdict::Refuse(Box::new(())),
        None => Verdict::Commit {
            writes: vec![
                Write::InsertTransaction(row.clone()),
                Write::InsertEvent(event(n, Some((n, 1)))),
            ],
            answer: Box::new(()),
        },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_connections_may_die_at_any_moment() {
    with_mysql(|environment: Arc<Environment>| async move {
        const UNITS: u64 = 120;
        let mut killer = raw(&environment.url).await;
        let mut calls = Vec::new();
        for n in 0..UNITS {
            let environment = Arc::clone(&environment);
            calls.push(tokio::spawn(async move {
                commit_one(environment.port(), keyed(n)).await
            }));
        }
        let mut killed = 0;
        while calls.iter().any(|call| !call.is_finished()) {
            killed += kill_all(&mut killer).await;
        }
        assert!(killed > 0);
        for call in calls {
            match call.await.unwrap() {
                UnitResult::Committed(_) | UnitResult::Refused(_) => {}
                UnitResult::Failed(error) => {
                    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
                }
            }
        }
        // Whatever became of them: run again, each is there once.
        let store = environment.port();
        for n in 0..UNITS {
            match commit_one(store, keyed(n)).await {
                UnitResult::Committed(_) | UnitResult::Refused(_) => {}
                UnitResult::Failed(error) => panic!("{error}"),
            }
        }
        let totals = store.totals().await.unwrap();
        assert_eq!((totals.transactions, totals.events), (UNITS, UNITS));
        killer.disconnect().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_dead_pooled_connections_are_not_the_callers_trouble() {
    with_mysql(|environment: Arc<Environment>| async move {
        let store = environment.port();
        let mut calls = Vec::new();
        for n in 0..16 {
            let environment = Arc::clone(&environment);
            calls.push(tokio::spawn(async move {
                put(environment.port(), vec![Write::InsertEvent(event(n, None))]).await;
            }));
        }
        for call in calls {
            call.await.unwrap();
        }
        let mut killer = raw(&environment.url).await;
        assert!(kill_all(&mut killer).await > 0);
        put(store, vec![Write::InsertEvent(event(100, None))]).await;
        assert!(kill_all(&mut killer).await > 0);
        assert_eq!(store.totals().await.unwrap().events, 17);
        killer.disconnect().await.unwrap();
    })
    .await;
}

/// What migration 9 made.
const HISTORY_UNDONE: &str = "ALTER TABLE transactions DROP INDEX transactions_payee, \
    DROP INDEX transactions_user_kind, DROP INDEX transactions_user_status, \
    DROP COLUMN payee_user_id";

#[tokio::test]
async fn mysql_a_half_applied_migration_is_taken_up_again() {
    with_mysql(|environment: Arc<Environment>| async move {
        environment.store.close().await;
        let mut connection = raw(&environment.url).await;
        // As if the program had been killed after some tables.
        for statement in [
            "DELETE FROM schema_migrations WHERE version > 1",
            "DROP TABLE proposals",
            "ALTER TABLE evidence DROP COLUMN seen, DROP COLUMN last_at",
            "UPDATE schema_migrations SET state = 'running' WHERE version = 1",
            "DROP TABLE counters",
            "DROP TABLE suspense",
            "DROP TABLE jobs",
            "DROP TABLE disputes",
            "ALTER TABLE pay_ins DROP COLUMN disputed",
            "DROP TABLE relays",
            "DROP TABLE webhook_endpoints",
            "DROP TABLE webhook_deliveries",
            "DROP TABLE gateway_controls",
            "DROP TABLE reconciliations",
            "ALTER TABLE sessions DROP INDEX sessions_user",
            "ALTER TABLE audit DROP INDEX audit_subject, DROP INDEX audit_actor",
            "ALTER TABLE users DROP COLUMN blocked_at",
            "DROP TABLE float_moves",
            HISTORY_UNDONE,
        ] {
            connection.query_drop(statement).await.unwrap();
        }
        let config = config(environment.url.clone());
        let error = open(&config, keyring()).await.err().unwrap();
        assert!(
            matches!(error, OpenError::NotMigrated { found: 0, .. }),
            "{error}"
        );
        let report = migrate(&config, Some(keyring())).await.unwrap();
        assert_eq!(report.from, 0);
        assert_eq!(
            report.applied,
            [
                "money",
                "review",
                "disputes",
                "webhooks",
                "controls",
                "sessions",
                "console",
                "float_moves",
                "history"
            ]
        );
        // As if it had been killed in the middle of the last one, too.
        for statement in [
            "DELETE FROM schema_migrations WHERE version > 2",
            "DROP TABLE disputes",
            "ALTER TABLE pay_ins DROP COLUMN disputed",
            "DROP TABLE relays",
            "DROP TABLE webhook_endpoints",
            "DROP TABLE webhook_deliveries",
            "DROP TABLE reconciliations",
            "DROP TABLE gateway_controls",
            "ALTER TABLE sessions DROP INDEX sessions_user",
            "ALTER TABLE audit DROP INDEX audit_subject, DROP INDEX audit_actor",
            "ALTER TABLE users DROP COLUMN blocked_at",
            "DROP TABLE float_moves",
            HISTORY_UNDONE,
            "UPDATE schema_migrations SET state = 'running' WHERE version = 2",
            "ALTER TABLE evidence DROP COLUMN last_at",
        ] {
            connection.query_drop(statement).await.unwrap();
        }
        let report = migrate(&config, Some(keyring())).await.unwrap();
        assert_eq!(
            (report.from, report.applied),
            (
                1,
                vec![
                    "review",
                    "disputes",
                    "webhooks",
                    "controls",
                    "sessions",
                    "console",
                    "float_moves",
                    "history"
                ]
            )
        );
        // And between the rows that a migration makes.
        for statement in [
            "DELETE FROM schema_migrations WHERE version > 5",
            "ALTER TABLE sessions DROP INDEX sessions_user",
            "ALTER TABLE audit DROP INDEX audit_subject, DROP INDEX audit_actor",
            "ALTER TABLE users DROP COLUMN blocked_at",
            "DROP TABLE float_moves",
            HISTORY_UNDONE,
            "UPDATE schema_migrations SET state = 'running' WHERE version = 5",
            "DROP TABLE reconciliations",
            "DELETE FROM gateway_controls WHERE gateway = 'mercado_pago'",
        ] {
            connection.query_drop(statement).await.unwrap();
        }
        let report = migrate(&config, Some(keyring())).await.unwrap();
        assert_eq!(
            report.applied,
            ["controls", "sessions", "console", "float_moves", "history"]
        );
        let store = open(&config, keyring()).await.unwrap();
        assert_eq!(store.controls().await.unwrap().len(), 6);
        put(&*store, vec![Write::InsertJob(job(1, START))]).await;
        assert_eq!(store.sequence(1).await.unwrap(), 0, "the counters are back");
        store.close().await;
        connection.disconnect().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_one_process_migrates_and_the_others_find_it_done() {
    testkit::mysql::with_database(|url| async move {
        let mut calls = Vec::new();
        for _ in 0..4 {
            let config = config(url.clone());
            calls.push(tokio::spawn(async move {
                migrate(&config, Some(keyring())).await.unwrap()
            }));
        }
        let mut applied = 0;
        for call in calls {
            applied += usize::from(!call.await.unwrap().applied.is_empty());
        }
        assert_eq!(applied, 1);
    })
    .await;
}

#[tokio::test]
async fn mysql_wrong_keys_newer_schemas_and_absent_servers_are_told() {
    with_mysql(|environment: Arc<Environment>| async move {
        let mut config = config(environment.url.clone());
        let other = Keyring::generate(&mut |bytes| bytes.fill(9));
        let error = open(&config, Keyring::parse(&other).unwrap()).await;
        assert_eq!(error.err(), Some(OpenError::WrongKey));
        let mut connection = raw(&environment.url).await;
        let future = "INSERT INTO schema_migrations SELECT 9999, 'future', checksum, 'done', 0 \
                      FROM schema_migrations WHERE version = 1";
        connection.query_drop(future).await.unwrap();
        let error = open(&config, keyring()).await.err().unwrap();
        assert!(
            matches!(error, OpenError::NewerDatabase { found: 9999, .. }),
            "{error}"
        );
        connection.disconnect().await.unwrap();

        // A port that nobody listens on.
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        config.url = format!("mysql://root:hidden@127.0.0.1:{port}/db");
        let error = open(&config, keyring()).await.err().unwrap();
        assert!(matches!(error, OpenError::Unreachable(_)), "{error}");
        assert!(!error.to_string().contains("hidden"));
    })
    .await;
}

#[tokio::test]
async fn mysql_readiness_wants_a_durable_server() {
    with_mysql(|environment: Arc<Environment>| async move {
        let mut connection = raw(&environment.url).await;
        let flush = "SELECT @@innodb_flush_log_at_trx_commit, @@log_bin, @@sync_binlog";
        let (flush, binlog, sync): (i64, i64, i64) =
            connection.query_first(flush).await.unwrap().unwrap();
        let durable = flush == 1 && (binlog == 0 || sync == 1);
        let mut config = config(environment.url.clone());
        config.durability_required = true;
        match open(&config, keyring()).await {
            Ok(store) => {
                assert!(durable);
                store.ready().await.unwrap();
                store.close().await;
            }
            Err(error) => {
                assert!(
                    !durable && matches!(error, OpenError::NotDurable(_)),
                    "{error}"
                );
            }
        }
        connection.disconnect().await.unwrap();
    })
    .await;
}

/// A row lock that somebody else holds is waited for, not failed on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_a_lock_wait_is_a_run_more() {
    with_mysql(|environment: Arc<Environment>| async move {
        put(environment.port(), vec![Write::InsertWallet(wallet(1))]).await;
        let mut holder = raw(&environment.url).await;
        holder.query_drop("START TRANSACTION").await.unwrap();
        holder
            .query_drop("SELECT * FROM wallet_balances FOR UPDATE")
            .await
            .unwrap();
        let waiting = Arc::clone(&environment);
        let call = tokio::spawn(async move {
            let unit = locking(
                lock_wallet(wallet(1).id),
                vec![Write::SaveWallet(wallet(1))],
            );
            must(commit_one(waiting.port(), unit).await);
        });
        let url = environment.url.as_str();
        wait_until("the unit's wait", Duration::from_secs(10), || async move {
            let mut watcher = raw(url).await;
            let waits = "SELECT COUNT(*) FROM information_schema.innodb_trx \
                         WHERE trx_state = 'LOCK WAIT'";
            let waits: u64 = watcher.query_first(waits).await.unwrap().unwrap();
            watcher.disconnect().await.unwrap();
            (waits > 0).then_some(())
        })
        .await;
        holder.query_drop("COMMIT").await.unwrap();
        call.await.unwrap();
        holder.disconnect().await.unwrap();
    })
    .await;
}

/// On a wallet that has most of the rows, pages still come by their index.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_pages_keep_their_index_on_a_skewed_table() {
    with_mysql(|environment: Arc<Environment>| async move {
        for chunk in 0..20u64 {
            let writes = (0..50).map(|n| {
                let n = chunk * 50 + n;
                Write::InsertTransaction(payout(n, if n % 20 == 0 { 2 } else { 1 }))
            });
            put(environment.port(), writes.collect()).await;
        }
        let mut connection = raw(&environment.url).await;
        connection
            .query_drop("ANALYZE TABLE transactions")
            .await
            .unwrap();
        for (name, index) in [
            ("LIST_BY_WALLET", "PRIMARY"),
            ("LIST_BY_USER", "transactions_user"),
            ("LIST_BY_USER_KIND", "transactions_user_kind"),
            ("LIST_BY_USER_STATUS", "transactions_user_status"),
            ("LIST_RECEIVED", "transactions_payee"),
            ("LIST_ALL", "transactions_id"),
        ] {
            let statement = sql::all().find(|statement| statement.name == name).unwrap();
            let text = format!("EXPLAIN FORMAT = TRADITIONAL {}", statement.my);
            let path = if name == "LIST_ALL" {
                [0; 16]
            } else {
                bytes(1)
            };
            let mut params: Vec<mysql_async::Value> = vec![path.as_slice().into()];
            match name {
                "LIST_BY_USER_KIND" => params.push("payout".into()),
                "LIST_BY_USER_STATUS" => params.push("pending".into()),
                _ => {}
            }
            params.extend([
                [0; 16].as_slice().into(),
                [0xff; 16].as_slice().into(),
                i64::MIN.into(),
                i64::MAX.into(),
            ]);
            params.extend(std::iter::repeat_n(mysql_async::Value::NULL, 16));
            params.push(50.into());
            let row: mysql_async::Row = connection.exec_first(text, params).await.unwrap().unwrap();
            let key: Option<String> = row.get("key").unwrap();
            let extra: Option<String> = row.get("Extra").unwrap();
            assert_eq!(key.as_deref(), Some(index), "{name}");
            let extra = extra.unwrap_or_default();
            assert!(!extra.contains("filesort"), "{name}: {extra}");
        }
        connection.disconnect().await.unwrap();
    })
    .await;
}
