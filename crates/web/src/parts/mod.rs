//! Pieces that many pages are made of.

pub mod activity;
pub mod csv;
pub mod field;
pub mod lines;
pub mod order;
pub mod picture;
pub mod qr;
pub mod refusal;
pub mod review;
pub mod words;
