//! The use cases: what PixWave does with money, and the ports it needs to do it.
//!
//! A use case reads what it needs, builds a unit of work whose pure `decide` applies the domain's
//! rules to locked rows, and commits it: the change, the idempotency row, the job and the event in
//! one commit. Gateways are called between commits, never inside one.

pub mod accounts;
pub mod attempt_key;
pub mod audit;
pub mod availability;
pub mod calendar;
pub mod charges;
pub mod checks;
pub mod cloud_events;
pub mod commands;
pub mod context;
pub mod controls;
pub mod cursor;
pub mod dispatch_epoch;
pub mod events;
pub mod explain;
pub mod feed;
pub mod float_moves;
pub mod gateway_watch;
pub mod guards;
pub mod idempotency;
pub mod inbound;
pub mod jobs;
pub mod ledger;
pub mod measure;
pub mod monitor;
pub mod operators;
pub mod outgoing;
pub mod outside;
pub mod pay_ins;
pub mod payouts;
pub mod poller;
pub mod ports;
pub mod publishing;
pub mod reconcile;
pub mod records;
pub mod refunds;
pub mod relay;
pub mod review;
pub mod routing;
pub mod sabotage;
pub mod samples;
pub mod seed;
pub mod sequencer;
pub mod story;
pub mod sweeper;
pub mod throttle;
pub mod transactions;
pub mod transfers;
pub mod tries;
pub mod turns;
pub mod views;
pub mod waiting;
pub mod wallets;
pub mod watch;
pub mod webhooks;
pub mod worker;
