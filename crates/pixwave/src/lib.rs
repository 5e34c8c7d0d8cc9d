//! The program's parts: configuration, wiring, life cycle and commands.
//!
//! ```text
//! main ─ cli ─┬─ commands ── database, clients
//!             └─ wire::start ─ config ► database ► sandbox or real clients ► app
//!                    │                   ► demo_data (once) ► serve (api) ► workers, periodic tasks
//!                    └─ lifecycle: runs until a signal or until a part ends by itself
//!    `roles` says which of these parts a process is; `sandbox_alone` is one without a database
//! ```
//!
//! Only this crate reads the environment, the clock and the machine's randomness, and only
//! [`wire`] knows every other crate. It is a library so that tests can start the whole service in
//! their own process.

pub mod announce;
pub mod app_key;
pub mod cli;
pub mod clients;
pub mod clock;
pub mod commands;
pub mod config;
pub mod database;
pub mod demo;
pub mod demo_data;
pub mod floats;
pub mod lifecycle;
pub mod logs;
pub mod metrics;
pub mod output;
mod own_accounts;
pub mod panel;
pub mod presence;
pub mod roles;
pub mod runtime;
pub mod sandbox_access;
pub mod sandbox_alone;
pub mod serve;
pub mod table;
pub mod tasks;
#[cfg(test)]
mod testing;
pub mod wire;
