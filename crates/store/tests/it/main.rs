//! The store's tests: one conformance suite for every engine, and what is special to each.

// Helpers of tests may unwrap, as tests may.
#![allow(clippy::unwrap_used)]

mod build;
mod conformance;
mod environment;
mod mysql;
mod mysql_commit;
mod mysql_open;
mod sqlite;
mod statements;
