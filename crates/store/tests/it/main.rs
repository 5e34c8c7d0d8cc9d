//! The store's tests: one conformance suite for every engine, and what is special to each.

mod build;
mod conformance;
mod environment;
mod statements;
