//! The commands beside running the service, one file each.

pub mod asking;
pub mod check;
pub mod dispatch;
pub mod doctor;
pub mod explain;
pub mod float;
pub mod gateway;
pub mod health;
pub mod key;
pub mod migrate;
pub mod openapi;
pub mod operator;
pub mod reconcile;
pub mod review;
pub mod seed;
pub mod sim;
