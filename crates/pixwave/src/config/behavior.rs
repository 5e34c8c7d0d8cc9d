//! How payments behave: preferred gateways, patience, limits.

use app::context::Settings;
use domain::circuit::CircuitPolicy;
use domain::gateway::Gateway;
use domain::limits::Limits;
use domain::money::Money;
use domain::retry::{Backoff, RetryPolicy};
use domain::time::Span;
use gateways::HttpLimits;

use super::parse;
use super::variables::Variables;

const EPOCH: &str = "1 to 64 letters, digits, dots, dashes or underscores";
const GATEWAY: &str = "efi (or gerencianet) or mercado_pago";

pub(super) fn read(variables: &Variables<'_>, http: &HttpLimits) -> Settings {
    let standard = Settings::standard();
    let span = |name| variables.parsed(name, parse::SPAN, parse::span);
    let money = |name| variables.parsed(name, parse::CENTS, parse::cents);
    let gateway = |name| variables.parsed(name, GATEWAY, Gateway::parse);
    let both = gateway("PRIMARY_GATEWAY");
    let limits = standard.default_limits;
    Settings {
        dispatch_epoch: variables.parsed("DISPATCH_EPOCH", EPOCH, parse::epoch),
        primary_payout: gateway("PRIMARY_GATEWAY_PAYOUT")
            .or(both)
            .unwrap_or(standard.primary_payout),
        primary_charge: gateway("PRIMARY_GATEWAY_CHARGE")
            .or(both)
            .unwrap_or(standard.primary_charge),
        send_retries: send_retries(variables, standard.send_retries),
        charge_look_interval: span("CHARGE_LOOK_INTERVAL").unwrap_or(standard.charge_look_interval),
        circuit: CircuitPolicy {
            // A place outlives the longest call.
            place_lease: call_limit(http).times(2),
            ..standard.circuit
        },
        call_limit: call_limit(http),
        queued_deadline: span("QUEUED_DEADLINE").unwrap_or(standard.queued_deadline),
        sending_deadline: span("SENDING_DEADLINE").unwrap_or(standard.sending_deadline),
        accepted_deadline: span("ACCEPTED_DEADLINE").unwrap_or(standard.accepted_deadline),
        in_doubt_deadline: span("IN_DOUBT_DEADLINE").unwrap_or(standard.in_doubt_deadline),
        creating_deadline: span("CREATING_DEADLINE").unwrap_or(standard.creating_deadline),
        float_wait: span("FLOAT_WAIT").unwrap_or(standard.float_wait),
        float_arrival_wait: span("FLOAT_ARRIVAL_WAIT").unwrap_or(standard.float_arrival_wait),
        max_in_doubt: money("MAX_IN_DOUBT_CENTS").unwrap_or(standard.max_in_doubt),
        default_limits: Limits {
            per_transaction: money("LIMIT_PER_TRANSACTION_CENTS").unwrap_or(limits.per_transaction),
            per_day: money("LIMIT_PER_DAY_CENTS").unwrap_or(limits.per_day),
            per_night: money("LIMIT_PER_NIGHT_CENTS").unwrap_or(limits.per_night),
        },
        ..standard
    }
}

fn send_retries(variables: &Variables<'_>, standard: RetryPolicy) -> RetryPolicy {
    let tries = variables.parsed("SEND_TRIES", "a number from 1 to 10", |text| {
        text.parse().ok().filter(|tries| (1..=10).contains(tries))
    });
    let first = variables.parsed("SEND_RETRY_DELAY", parse::SPAN, parse::span);
    RetryPolicy {
        tries: tries.unwrap_or(standard.tries),
        backoff: Backoff {
            first: first.unwrap_or(standard.backoff.first),
            ..standard.backoff
        },
    }
}

/// How long a call may take in all: a wait for a free place and a token may precede it, each
/// within the limits of a call of its own.
fn call_limit(http: &HttpLimits) -> Span {
    let millis = (http.connect + http.total).as_millis() * 2;
    Span::from_millis(u32::try_from(millis).unwrap_or(u32::MAX))
}

/// The longest time that anything may be pending, but for what people review: the sum of the
/// longest stays in each stage of a payout.
pub fn longest_pending(settings: &Settings) -> Span {
    [
        settings.queued_deadline,
        settings.float_wait,
        settings.sending_deadline,
        settings.accepted_deadline,
        settings.in_doubt_deadline,
    ]
    .into_iter()
    .fold(Span::ZERO, |sum, stage| {
        let end = domain::time::Moment::from_micros(0).plus(sum).plus(stage);
        end.since(domain::time::Moment::from_micros(0))
    })
}

/// An amount for people: `R$ 1.234,50` would need a locale; this is its decimal text.
pub fn reais(money: Money) -> String {
    format!("R$ {}", money.to_decimal())
}
