//! Test support, for development only: time and randomness held in the hand (`runtime`), waiting
//! for a condition instead of for a while (`wait`), one MySQL database per test (`mysql`), a
//! way to it that fails at COMMIT (`mysql_proxy`), and private servers of Redis (`redis`) and MariaDB
//! (`mariadb`) that a test may kill.

mod guarded;
pub mod mariadb;
pub mod mysql;
pub mod mysql_proxy;
pub mod redis;
pub mod runtime;
pub mod wait;

pub use runtime::ManualRuntime;
pub use wait::wait_until;
