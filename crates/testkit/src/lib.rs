//! Test support, for development only: time and randomness held in the hand (`runtime`), waiting
//! for a condition instead of for a while (`wait`), one MySQL database per test (`mysql`), and
//! private Redis servers (`redis`), a double of SNS (`sns`), and private emulators of AWS (`moto`).

pub mod moto;
pub mod mysql;
pub mod redis;
pub mod runtime;
pub mod sns;
pub mod wait;

pub use runtime::ManualRuntime;
pub use wait::wait_until;
