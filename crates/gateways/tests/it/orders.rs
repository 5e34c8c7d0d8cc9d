//! Orders to send, and what is known of an attempt afterwards.

use app::ports::gateway::{
    AttemptReference, ChargeOrder, Destination, PayoutOrder, PreparedRequest, RefundOrder,
};
use app::ports::runtime::Runtime;
use domain::money::Money;
use domain::outcome::SendVerdict;
use domain::pix::key::PixKey;

use crate::sandboxed::TestRuntime;

pub fn reais(cents: i64) -> Money {
    Money::from_cents(cents).unwrap()
}

/// 32 hex digits that differ by number.
pub fn attempt_key(number: u32) -> String {
    format!("{number:032x}")
}

pub fn payout_to(key: &str, number: u32, cents: i64) -> PayoutOrder {
    PayoutOrder {
        attempt_key: attempt_key(number),
        amount: reais(cents),
        destination: Destination::Key {
            key: PixKey::recognize(key).unwrap(),
            owner: None,
        },
        description: Some("Conta de luz".to_owned()),
    }
}

pub fn payout(number: u32) -> PayoutOrder {
    payout_to("ana@example.com", number, 1050)
}

pub fn charge(number: u32, cents: i64) -> ChargeOrder {
    ChargeOrder {
        attempt_key: attempt_key(number),
        amount: reais(cents),
        description: Some("Pedido 1".to_owned()),
        expires_in_seconds: 3600,
        created_at: TestRuntime::default().now(),
        payer: None,
        fallback_email: "user@example.com".to_owned(),
    }
}

pub fn refund(number: u32, pay_in_key: &str, cents: i64) -> RefundOrder {
    RefundOrder {
        attempt_key: attempt_key(number),
        pay_in_key: pay_in_key.to_owned(),
        amount: reais(cents),
        full: false,
    }
}

pub fn attempt(
    key: &str,
    amount: Money,
    request: &PreparedRequest,
    gateway_reference: Option<String>,
) -> AttemptReference {
    AttemptReference {
        attempt_key: key.to_owned(),
        gateway_reference,
        request: request.clone(),
        amount,
        created_at: TestRuntime::default().now(),
    }
}

/// The id that an acceptance told.
pub fn reference(verdict: &SendVerdict) -> Option<String> {
    match verdict {
        SendVerdict::Accepted(acceptance) => acceptance.gateway_reference.clone(),
        SendVerdict::Settled(execution) => execution.gateway_reference.clone(),
        SendVerdict::NotDone(_) | SendVerdict::NeverSent(_) | SendVerdict::Unknown(_) => None,
    }
}
