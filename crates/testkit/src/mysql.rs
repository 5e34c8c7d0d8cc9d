//! One MySQL or MariaDB database per test, on the server that the test command started.
//!
//! A test that needs it has `mysql` in its name and runs its body in [`with_database`]. Without a
//! server the body does not run and the test says SKIPPED; the test command leaves such tests out of
//! its other suites, so that they are never counted as passed.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use futures::FutureExt;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};

/// The variable that holds the server's address, `mysql://user@host:port/`.
pub const URL_VARIABLE: &str = "PIXWAVE_TEST_MYSQL_URL";

/// The variable that names the file with the authority that signed the server's certificate, which
/// names `localhost` alone.
pub const AUTHORITY_VARIABLE: &str = "PIXWAVE_TEST_MYSQL_CA";

/// The authority of the test server, as PEM; `None` when the server speaks no TLS.
///
/// # Panics
/// When a file is named that cannot be read.
pub fn authority() -> Option<Vec<u8>> {
    let path = std::env::var(AUTHORITY_VARIABLE).ok()?;
    Some(std::fs::read(path).expect("the file of the test server's authority"))
}

/// Runs `body` with the address of a fresh, empty database, and drops the database afterwards, also
/// when the body panics.
///
/// # Panics
///
/// When a server is named but cannot be used, and when the body panics.
pub async fn with_database<B, F>(body: B)
where
    B: FnOnce(String) -> F,
    F: Future<Output = ()>,
{
    let Ok(server) = std::env::var(URL_VARIABLE) else {
        eprintln!("SKIPPED: {URL_VARIABLE} names no server (cargo xtask test mysql starts one)");
        return;
    };
    let name = unique_name();
    create_database(&server, &name).await;
    let outcome = std::panic::AssertUnwindSafe(body(database_url(&server, &name)))
        .catch_unwind()
        .await;
    execute(&server, &format!("DROP DATABASE `{name}`")).await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// Makes an empty database on a server.
///
/// # Panics
/// When the server cannot be used.
pub async fn create_database(server: &str, name: &str) {
    execute(server, &format!("CREATE DATABASE `{name}`")).await;
}

/// The address of one database on a server; the server's own path, if any, is replaced.
pub fn database_url(server: &str, name: &str) -> String {
    let start = server.find("://").map_or(0, |index| index + 3);
    let end = server[start..]
        .find('/')
        .map_or(server.len(), |index| start + index);
    format!("{}/{name}", &server[..end])
}

/// A name that no other test, process or run has used.
fn unique_name() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is past 1970");
    format!(
        "pixwave_test_{}_{}_{number}",
        std::process::id(),
        since_epoch.as_micros()
    )
}

async fn execute(server: &str, statement: &str) {
    let options = Opts::from_url(server).expect("the server's address is one of MySQL");
    let mut connection = Conn::new(options)
        .await
        .expect("the test server accepts connections");
    connection
        .query_drop(statement)
        .await
        .expect("the test server executes the statement");
    connection
        .disconnect()
        .await
        .expect("the test server lets us go");
}

#[cfg(test)]
mod tests {
    use super::{database_url, unique_name, with_database};
    use mysql_async::prelude::Queryable;
    use mysql_async::{Conn, Opts};
    use std::sync::{Arc, Mutex};

    #[test]
    fn addresses_are_those_of_one_database() {
        assert_eq!(
            database_url("mysql://root@127.0.0.1:3306/", "a"),
            "mysql://root@127.0.0.1:3306/a"
        );
        assert_eq!(
            database_url("mysql://root@127.0.0.1:3306", "a"),
            "mysql://root@127.0.0.1:3306/a"
        );
        assert_eq!(
            database_url("mysql://root@127.0.0.1:3306/old", "a"),
            "mysql://root@127.0.0.1:3306/a"
        );
    }

    #[test]
    fn names_differ_and_fit() {
        let (first, second) = (unique_name(), unique_name());
        assert_ne!(first, second);
        assert!(first.len() <= 64, "{first}");
    }

    #[tokio::test]
    async fn mysql_databases_are_empty_and_go_even_after_a_panic() {
        let used = Arc::new(Mutex::new(None));
        let remembered = Arc::clone(&used);
        let test = tokio::spawn(with_database(move |url| async move {
            let mut connection = Conn::new(Opts::from_url(&url).expect("an address"))
                .await
                .expect("it connects");
            let tables: Vec<String> = connection.query("SHOW TABLES").await.expect("it answers");
            connection.disconnect().await.expect("it lets go");
            assert_eq!(tables, Vec::<String>::new());
            *remembered.lock().expect("not poisoned") = Some(url);
            panic!("the body fails");
        }));
        let outcome = test.await;
        let Some(url) = used.lock().expect("not poisoned").take() else {
            assert!(outcome.is_ok(), "without a server the body does not run");
            return;
        };
        assert!(outcome.is_err(), "the body's panic is the test's");
        assert!(
            Conn::new(Opts::from_url(&url).expect("an address"))
                .await
                .is_err(),
            "the database is gone"
        );
    }
}
