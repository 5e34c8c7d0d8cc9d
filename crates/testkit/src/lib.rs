//! Test support, for development only: time and randomness held in the hand (`runtime`), waiting
//! for a condition instead of for a while (`wait`), one MySQL database per test (`mysql`), a
//! way to it that fails at COMMIT (`mysql_proxy`), private servers of Redis (`redis`), MariaDB
//! (`mariadb`) and an emulator of AWS (`moto`) that a test may kill, and a double of SNS (`sns`).

mod guarded;
pub mod mariadb;
pub mod moto;
pub mod mysql;
pub mod mysql_proxy;
pub mod redis;
pub mod runtime;
pub mod sns;
pub mod wait;

pub use runtime::ManualRuntime;
pub use wait::wait_until;
