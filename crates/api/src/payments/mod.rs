//! Wallets, and everything that moves their money.

pub mod cancel_transaction;
pub(crate) mod common;
pub mod create_charge;
pub mod create_payout;
pub mod create_refund;
pub mod create_transfer;
pub mod list_attempts;
pub mod list_transactions;
pub mod list_wallets;
pub mod preview_payout;
mod qr;
mod receipt_html;
pub mod show_qr_png;
pub mod show_qr_svg;
pub mod show_receipt;
pub mod show_statement;
pub mod show_transaction;
pub mod show_wallet;
