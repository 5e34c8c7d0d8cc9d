//! Payments whose outcome stays unknown, decided by two people.
//!
//! One operator proposes an outcome, bound to what is known of the attempt at that moment
//! ([`propose`]). Another approves ([`approve`]): the gateway is asked once more, what it shows is
//! absorbed like any evidence, and then one commit decides under locks whether the proposal still
//! stands and carries it out. Nothing is sent from here: a decided retry makes the payment queued
//! again, and its own job dispatches it with the licence of the two, read from stored facts.

pub mod approve;
pub mod propose;
pub mod show;
