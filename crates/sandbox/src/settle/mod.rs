//! Money moving at the fake central bank, and the events that follow.
//!
//! Charges are paid, payouts and refunds settle or are refused, settled payouts come back,
//! received money is taken back. Each ends in at most one ledger entry, through
//! [`State::execute`], together with the new state of the record and its webhook.

mod arrival;
mod back;
mod charge;
mod dispute;
mod payout;
mod refund;

pub use arrival::{Receipt, receive};
pub use back::{Reversal, return_intent, return_send, reverse};
pub use charge::{NotPayable, Payment, find_charge, pay, payable};
pub use dispute::{Dispute, DisputeStep, dispute};
pub use payout::{intent, send};
pub use refund::{next_refund_id, payment_refund_or_plan, refund_or_plan};

use crate::state::{State, Task};

/// Runs one task that has come due; a task whose record has moved on does nothing.
pub fn run(state: &mut State, task: Task) {
    match task {
        Task::SettleSend(id) => payout::send(state, &id),
        Task::SettleRefund { end_to_end_id, id } => refund::settle(state, &end_to_end_id, &id),
        Task::SettleIntent(id) => payout::intent(state, &id),
        Task::SettlePaymentRefund { payment, refund } => {
            refund::settle_payment(state, payment, refund)
        }
        Task::ExpirePayment(id) => charge::expire_payment(state, id),
        Task::PayCob(txid) => charge::pay_by_itself(state, &txid),
        Task::ReturnSend { id_envio, cents } => drop(back::return_send(state, &id_envio, cents)),
        Task::Deliver(_) => {}
    }
}
