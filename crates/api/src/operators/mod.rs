//! What operators see and decide, and the stream of events.

pub mod approve_float_move;
pub mod approve_outcome;
pub mod block_user;
pub mod change_gateway;
pub mod create_reconciliation;
pub mod decline_float_move;
pub mod list_alerts;
pub mod list_audit;
pub mod list_float_moves;
pub mod list_gateways;
pub mod list_jobs;
pub mod list_reviews;
pub mod propose_float_move;
pub mod propose_outcome;
pub mod resume_dispatch;
pub mod retry_job;
pub mod show_dispatch;
pub mod show_float_move;
pub mod show_live;
pub mod show_reconciliation;
pub mod show_review;
pub mod stream_events;
pub mod unblock_user;
