//! Our books of the money at each gateway against the gateway's own figure.
//!
//! Payments under way may stand between the two: what may have left already without our books
//! knowing is listed, and the difference has to fit into it. A difference that does not fit is
//! looked at a few times, since a payment that arrives meanwhile is credited within seconds.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use app::checks::Check;
use app::context::App;
use app::ports::runtime::Runtime;
use app::reconcile::float::FloatBooks;
use app::routing::float_tracked_setting;
use domain::gateway::Gateway;

use crate::config::{Config, Gateways};
use crate::{clients, presence};

const LOOKS: u32 = 4;
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// One check per gateway whose balance is known; nothing when none is.
pub async fn compare(config: &Config, app: &App) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for gateway in Gateway::ALL {
        if app
            .store
            .setting(&float_tracked_setting(gateway))
            .await?
            .is_none()
        {
            continue;
        }
        if let Some(check) = compare_one(config, app, gateway).await? {
            checks.push(check);
        }
    }
    Ok(checks)
}

async fn compare_one(config: &Config, app: &App, gateway: Gateway) -> Result<Option<Check>> {
    let mut look = 1;
    loop {
        let Some(theirs) = balances(config, app).await.get(&gateway).copied() else {
            return Ok(None);
        };
        let books = FloatBooks::read(app, gateway).await?;
        if books.explain(theirs) || look == LOOKS {
            return Ok(Some(check(&books, gateway, theirs)));
        }
        look += 1;
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// What the gateways say they hold, in centavos; those that say nothing are absent.
async fn balances(config: &Config, app: &App) -> BTreeMap<Gateway, i64> {
    match &config.gateways {
        Gateways::Sandbox(_) => presence::sandbox_balances(config).await,
        Gateways::Real(real) => {
            let runtime: std::sync::Arc<dyn Runtime> = app.runtime.clone();
            let mut balances = BTreeMap::new();
            let Ok(clients) = clients::real(real, None, &config.gateway_http, &runtime) else {
                return balances;
            };
            for (gateway, client) in clients {
                if let Ok(Some(money)) = client.balance().await {
                    balances.insert(gateway, money.cents());
                }
            }
            balances
        }
    }
}

fn check(books: &FloatBooks, gateway: Gateway, theirs: i64) -> Check {
    let ours = books.ours;
    let listed: Vec<&str> = books.under_way.iter().map(|(id, _)| id.as_str()).collect();
    let listed = match listed.as_slice() {
        [] => "nothing under way".to_owned(),
        ids => format!("under way: {}", ids.join(", ")),
    };
    let broken = (!books.explain(theirs)).then(|| {
        format!("float of {gateway}: our books say {ours} centavos, the gateway {theirs}")
    });
    Check {
        rule: match gateway {
            Gateway::Efi => "our books of the money at efi equal its balance",
            Gateway::MercadoPago => "our books of the money at mercado_pago equal its balance",
        },
        figures: format!("{ours} in our books, {theirs} there, {listed}"),
        broken: broken.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_the_gateway() {
        let books = FloatBooks {
            ours: 1_000,
            under_way: Vec::new(),
        };
        let broken = check(&books, Gateway::Efi, 1).broken;
        assert!(broken[0].contains("float of efi"), "{broken:?}");
        assert!(check(&books, Gateway::Efi, 1_000).broken.is_empty());
    }
}
