//! The router against a store and gateways that are not there: what must be refused is refused
//! before anything is written, and what is described is what is served.

mod access;
mod bad_input;
mod description;
mod envelope;
mod inbound;
mod live;
mod statement;
mod stream;
mod world;
