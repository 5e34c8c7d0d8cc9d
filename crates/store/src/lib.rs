//! The store: the port of `app` over SQLite and over MySQL or MariaDB.
//!
//! A caller hands over units (`app::ports::store`). `unit` reads and locks the rows a unit names,
//! lets it decide, and applies what it answers (`write`), all through one connection (`tx`) that
//! hides which engine it is. `lite` runs them on one writer thread that commits in groups, `my` on a
//! pool (`my_open` opens it and lists where MySQL and MariaDB differ), each with its own rules for
//! running a unit again. `query` holds the read-only side, `rows`
//! turns columns into rows, `sql` holds every statement, `migrate` the schema's versions, and
//! `keyring` seals the columns that hold personal data.

mod config;
mod fault;
mod keyring;
mod lite;
mod migrate;
mod my;
mod my_open;
mod outbound;
mod query;
mod rows;
mod store;
mod tx;
mod unit;
mod value;
mod write;

/// Every statement, for the test that prepares them all.
#[doc(hidden)]
pub mod sql;

pub use config::{MysqlOptions, MysqlTls, OpenError, StoreConfig};
pub use keyring::{Keyring, KeyringError};
pub use migrate::MigrationReport;
pub use my_open::Examination;
pub use store::{SqlStore, examine, migrate, open, open_for_reading};
