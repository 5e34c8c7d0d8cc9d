//! A server that does not let us in, or not far enough, is told in one line that says why.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};
use store::{MysqlTls, OpenError, StoreConfig, examine, migrate, open, open_for_reading};
use testkit::mysql_proxy::Proxy;

use crate::environment::{Environment, config, keyring, with_mysql};

async fn raw(url: &str) -> Conn {
    Conn::new(Opts::from_url(url).unwrap()).await.unwrap()
}

/// The same place for another user.
fn as_user(url: &str, user: &str) -> String {
    let (_, place) = url.rsplit_once('@').unwrap();
    format!("mysql://{user}@{place}")
}

/// The same server by another database or host.
fn at(url: &str, host: &str, database: Option<&str>) -> String {
    let (head, place) = url.rsplit_once('@').unwrap();
    let (server, name) = place.split_once('/').unwrap();
    let (_, port) = server.rsplit_once(':').unwrap();
    let name = database.unwrap_or(name);
    format!("{head}@{host}:{port}/{name}")
}

async fn refusal(config: &StoreConfig) -> OpenError {
    let error = open(config, keyring()).await.err().unwrap();
    let line = error.to_string();
    assert!(!line.contains('\n') && !line.contains("hidden"), "{line}");
    error
}

#[tokio::test]
async fn who_is_not_let_in_is_told_why() {
    with_mysql(|environment: Arc<Environment>| async move {
        let url = &environment.url;
        let wrong = config(as_user(url, "nobody:hidden"));
        assert!(matches!(refusal(&wrong).await, OpenError::Denied(_)));
        let missing = config(at(url, "127.0.0.1", Some("no_such_database")));
        assert_eq!(
            refusal(&missing).await,
            OpenError::NoDatabase("no_such_database".into())
        );
        let nowhere = config(at(url, "no-such-host.invalid", None));
        assert!(matches!(refusal(&nowhere).await, OpenError::Unreachable(_)));
    })
    .await;
}

#[tokio::test]
async fn a_server_that_takes_connections_and_says_nothing_is_given_up() {
    with_mysql(|environment: Arc<Environment>| async move {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = silent.local_addr().unwrap().port();
        let mut config = config(format!("mysql://u:hidden@127.0.0.1:{port}/db"));
        config.mysql.acquire_limit = Duration::from_millis(300);
        match refusal(&config).await {
            OpenError::Unreachable(what) => assert!(what.contains("0.3 s"), "{what}"),
            other => panic!("{other}"),
        }
        drop(environment);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_too_old_is_refused() {
    with_mysql(|environment: Arc<Environment>| async move {
        let proxy = Proxy::before(&environment.url).await;
        let told = examine(&config(environment.url.clone())).await.unwrap();
        let version = told.expect("a server").version;
        let digits = version.find('.').unwrap();
        let old = format!("{:0>digits$}{}", 5, &version[digits..]);
        proxy.rewrite(&version, &old);
        let found = refusal(&config(proxy.url.clone())).await;
        assert_eq!(found, OpenError::TooOld { found: old.clone() });
        let error = migrate(&config(proxy.url.clone()), None).await;
        assert_eq!(error.err(), Some(OpenError::TooOld { found: old }));
    })
    .await;
}

#[tokio::test]
async fn a_user_who_may_only_read_serves_nothing_but_may_check() {
    with_mysql(|environment: Arc<Environment>| async move {
        let name = environment.url.rsplit_once('/').unwrap().1.to_owned();
        let user = format!("reader_{}", &name[name.len() - 12..]);
        let mut root = raw(&environment.url).await;
        for statement in [
            format!("CREATE USER '{user}'@'%' IDENTIFIED BY 'hidden'"),
            format!("GRANT SELECT ON `{name}`.* TO '{user}'@'%'"),
        ] {
            root.query_drop(statement).await.unwrap();
        }
        let mut config = config(as_user(&environment.url, &format!("{user}:hidden")));
        match refusal(&config).await {
            OpenError::ReadOnly(what) => assert!(what.contains("1142"), "{what}"),
            other => panic!("{other}"),
        }
        let reading = open_for_reading(&config, keyring()).await.unwrap();
        assert_eq!(reading.totals_now().await, 0);
        reading.close().await;
        root.query_drop("DELETE FROM schema_migrations WHERE version > 1")
            .await
            .unwrap();
        let error = migrate(&config, None).await.err().unwrap();
        assert!(matches!(error, OpenError::Migration { .. }), "{error}");
        assert!(error.to_string().contains("1142"), "{error}");
        // Another database than the one that it was given.
        config.url = at(&config.url, "127.0.0.1", Some("mysql"));
        assert_eq!(
            refusal(&config).await,
            OpenError::NoDatabase("mysql".into())
        );
        root.query_drop(format!("DROP USER '{user}'@'%'"))
            .await
            .unwrap();
        root.disconnect().await.unwrap();
    })
    .await;
}

/// What an opened store is asked in these tests.
trait TotalsNow {
    async fn totals_now(&self) -> u64;
}

impl TotalsNow for store::SqlStore {
    async fn totals_now(&self) -> u64 {
        use app::ports::store::Store as _;
        self.totals().await.unwrap().transactions
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_no_free_connection_is_told_after_a_while() {
    with_mysql(|environment: Arc<Environment>| async move {
        use app::ports::store::{Store as _, StoreError};
        let mut config = config(environment.url.clone());
        config.pool_size = 1;
        config.mysql.acquire_limit = Duration::from_millis(200);
        let store = open(&config, keyring()).await.unwrap();
        let mut root = raw(&environment.url).await;
        root.query_drop("LOCK TABLES counters WRITE").await.unwrap();
        let stuck = Arc::clone(&store);
        let stuck = tokio::spawn(async move { stuck.sequence(1).await });
        let holder = environment.url.as_str();
        testkit::wait_until("the stuck call", Duration::from_secs(10), || async move {
            let mut watcher = raw(holder).await;
            let waits = "SELECT COUNT(*) FROM information_schema.processlist \
                         WHERE db = DATABASE() AND state LIKE '%lock%'";
            let waits: u64 = watcher.query_first(waits).await.unwrap().unwrap();
            watcher.disconnect().await.unwrap();
            (waits > 0).then_some(())
        })
        .await;
        match store.ready().await.err().unwrap() {
            StoreError::Unavailable(what) => {
                assert!(what.contains("all 1 are in use"), "{what}");
            }
            other => panic!("{other}"),
        }
        root.query_drop("UNLOCK TABLES").await.unwrap();
        stuck.await.unwrap().unwrap();
        store.ready().await.unwrap();
        root.disconnect().await.unwrap();
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_way_is_encrypted_as_asked_or_not_taken() {
    let Some(authority) = testkit::mysql::authority() else {
        eprintln!("SKIPPED: the test server speaks no TLS");
        return;
    };
    with_mysql(|environment: Arc<Environment>| async move {
        let with = |tls: MysqlTls, host: &str| {
            let mut config = config(at(&environment.url, host, None));
            config.mysql.tls = tls;
            config
        };
        let verified = |pem: &[u8]| MysqlTls::Verified {
            authorities: Some(pem.to_vec()),
        };
        let cipher = |config: StoreConfig| async move {
            let told = examine(&config).await?;
            Ok::<_, OpenError>(told.expect("a server").cipher)
        };
        assert_eq!(cipher(with(MysqlTls::Off, "127.0.0.1")).await, Ok(None));
        for encrypted in [
            with(MysqlTls::Encrypted, "127.0.0.1"),
            with(verified(&authority), "localhost"),
        ] {
            let store = open(&encrypted, keyring()).await.unwrap();
            assert_eq!(store.totals_now().await, 0);
            store.close().await;
            assert!(cipher(encrypted).await.unwrap().is_some());
        }
        // A public authority has not signed it, and the certificate does not name the address.
        let unsigned = MysqlTls::Verified { authorities: None };
        for refused in [
            with(unsigned, "localhost"),
            with(verified(&authority), "127.0.0.1"),
        ] {
            let error = refusal(&refused).await;
            assert!(matches!(error, OpenError::Tls(_)), "{error}");
        }
    })
    .await;
}
