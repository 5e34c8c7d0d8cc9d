//! Looking at a charge attempt where it was made: the only way to learn that it was paid.

use domain::circuit::Observation;
use domain::gateway::Operation;
use domain::money::Money;

use crate::context::App;
use crate::ports::gateway::{AttemptReference, ChargeLookup, ChargeState, PreparedRequest};
use crate::ports::store::{AttemptRow, StoreError};

/// What a look showed, once every payment it listed has been credited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Found { state: ChargeState, paid: bool },
    NotFound,
    Unclear,
}

/// Looks the attempt up and credits every PIX that paid it.
pub(crate) async fn look(
    app: &App,
    attempt: &AttemptRow,
    amount: Money,
    source: &'static str,
) -> Result<Seen, StoreError> {
    let started = app.now();
    let client = app.gateway(attempt.gateway);
    let lookup = client.look_up_charge(&reference(attempt, amount)).await;
    let observation = match &lookup {
        ChargeLookup::Found(_) | ChargeLookup::NotFound => Observation::Answered,
        ChargeLookup::Unclear(_) => Observation::Failed,
    };
    app.observe_call(attempt.gateway, Operation::Lookup, observation, started)
        .await;
    match lookup {
        ChargeLookup::NotFound => Ok(Seen::NotFound),
        ChargeLookup::Unclear(cause) => {
            tracing::info!(
                attempt = %attempt.id,
                gateway = %attempt.gateway,
                cause = cause.as_str(),
                "a charge could not be looked up"
            );
            Ok(Seen::Unclear)
        }
        ChargeLookup::Found(found) => {
            let paid = !found.pay_ins.is_empty();
            for mut observed in found.pay_ins {
                // It was found at this attempt, whatever else it names.
                observed.charge_reference = Some(attempt.attempt_key.clone());
                app.credit(attempt.gateway, observed, source).await?;
            }
            Ok(Seen::Found {
                state: found.state,
                paid,
            })
        }
    }
}

/// The attempt as its gateway knows it.
pub(crate) fn reference(attempt: &AttemptRow, amount: Money) -> AttemptReference {
    AttemptReference {
        attempt_key: attempt.attempt_key.clone(),
        gateway_reference: attempt.gateway_reference.clone(),
        request: PreparedRequest(attempt.request.clone()),
        amount,
        created_at: attempt.created_at,
    }
}
