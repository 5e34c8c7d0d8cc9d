//! The whole program over HTTP, with both gateways played by the sandbox over real sockets.
//!
//! [`harness::TestApp`] starts the server in this process, with a database of its own and free
//! ports; [`client`] is a typed client that says which status it expects; [`oracle`] compares, at
//! the end of every test, what was told with what the sandbox's central bank settled. `crash` and
//! `startup` run the real executable. Behavior that must not depend on the database is written once
//! and run on SQLite and on MySQL ([`both_databases`]).

/// Tests of one module, on each database: `async fn name(database: Database)`.
macro_rules! both_databases {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(crate::harness::Database::Sqlite).await;
                }
            )*
        }
        mod mysql {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    testkit::mysql::with_database(|url| {
                        super::$name(crate::harness::Database::Mysql(url))
                    })
                    .await;
                }
            )*
        }
    };
}

mod accounts;
mod bad_input;
mod charges;
mod child;
mod client;
mod console;
mod crash;
mod disputes;
mod faults;
mod harness;
mod invariants;
mod oracle;
mod pages;
mod payouts;
mod redis;
mod refunds;
mod review_commands;
mod reviews;
mod simulate;
mod startup;
mod tampering;
mod transfers;
