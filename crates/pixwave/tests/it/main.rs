//! The whole program over HTTP, with both gateways played by the sandbox over real sockets.
//!
//! [`harness::TestApp`] starts the server in this process, with a database of its own and free
//! ports; [`client`] is a typed client that says which status it expects; [`oracle`] compares, at
//! the end of every test, what was told with what the sandbox's central bank settled. `crash` and
//! `startup` run the real executable, `roles` several at once. Behavior that must not depend on the
//! database is written once and run on SQLite and on MySQL ([`both_databases`]). On SQLite alone run
//! what is about its file (`startup`, `tampering`, a full disk), what takes a minute by the clock (a
//! charge paid late), and what is about something else (`redis`, `review_commands`, `simulate`).
//! `roles` says by itself what needs MySQL.

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
#[cfg(feature = "aws")]
mod cloud;
mod console;
mod console_controls;
mod control_commands;
mod controls;
mod crash;
mod dispatch;
mod disputes;
mod faults;
mod fleet;
mod float_moves;
mod gateway_watch;
mod harness;
mod invariants;
mod metrics;
#[cfg(feature = "aws")]
mod moto;
mod oracle;
mod pages;
mod pages_of_the_past;
mod payouts;
mod publishing;
mod receiver;
mod reconciliations;
mod redis;
mod refunds;
mod review_commands;
mod reviews;
mod roles;
mod simulate;
#[cfg(feature = "aws")]
mod soak;
mod startup;
mod tampering;
mod transfers;
mod webhook_turns;
mod webhooks;
