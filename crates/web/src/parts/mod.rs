//! Pieces that many pages are made of.

pub mod activity;
pub mod field;
pub mod qr;
pub mod refusal;
pub mod review;
pub mod words;
