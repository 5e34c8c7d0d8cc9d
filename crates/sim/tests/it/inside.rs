//! A code of one of our own charges is paid inside the ledger, and its gateway charge cancelled.

use app::commands::*;
use app::views::DetailsView;
use domain::ids::TransactionId;
use domain::money::Money;
use domain::tax_id::TaxId;
use domain::time::Span;
use sim::faults::Script;

use crate::world::{OPENING, World};

async fn sign_up_shop(world: &World) -> Caller {
    let shop = SignUp {
        name: "Shop".into(),
        email: "shop@example.com".into(),
        password: "a long password".into(),
        tax_id: TaxId::parse("52998224725").unwrap(),
    };
    let user = world.app.sign_up(shop).await.unwrap().user;
    Caller {
        user_id: user.id,
        role: user.role,
        scopes: vec![Scope::Read, Scope::Charges, Scope::Payouts, Scope::Refunds],
        session_id: None,
    }
}

fn common(key: &str) -> MoneyRequest {
    MoneyRequest {
        idempotency_key: key.into(),
        wallet_id: None,
        reference: None,
        metadata: None,
        description: None,
    }
}

async fn charge(world: &World, shop: &Caller) -> (TransactionId, String) {
    let request = RequestCharge {
        common: common("charge-1"),
        amount: Money::from_cents(2_500).unwrap(),
        expires_in_seconds: 3_600,
        payer: None,
    };
    let id = world
        .app
        .request_charge(shop, request)
        .await
        .unwrap()
        .view
        .id;
    world.work_for(Span::from_seconds(1)).await;
    let view = world.app.transaction(shop, id).await.unwrap();
    let DetailsView::Charge {
        br_code: Some(code),
        ..
    } = view.details
    else {
        panic!("{view:?}")
    };
    (id, code)
}

fn payout(key: &str, code: &str, cents: Option<i64>) -> RequestPayout {
    RequestPayout {
        common: common(key),
        amount: cents.map(|cents| Money::from_cents(cents).unwrap()),
        destination: PayoutDestination::BrCode(code.to_owned()),
    }
}

#[test]
fn our_own_code_is_paid_inside_the_ledger_exactly_once() {
    let world = World::new(23, Script::default());
    let runtime = world.runtime.clone();
    runtime.block_on(async {
        let shop = sign_up_shop(&world).await;
        let (charge, code) = charge(&world, &shop).await;
        let wrong = world
            .app
            .request_payout(&world.caller, payout("p-0", &code, Some(2_400)))
            .await;
        assert!(matches!(
            wrong,
            Err(MoneyRefusal::Invalid {
                field: "amount_cents",
                ..
            })
        ));
        let own = world
            .app
            .request_payout(&shop, payout("p-0", &code, None))
            .await;
        assert!(matches!(
            own,
            Err(MoneyRefusal::Invalid {
                field: "br_code",
                ..
            })
        ));

        let paid = world
            .app
            .request_payout(&world.caller, payout("p-1", &code, None))
            .await
            .unwrap();
        assert_eq!(
            (paid.view.stage.as_str(), paid.view.amount.cents()),
            ("settled", 2_500)
        );
        assert!(!paid.replayed);
        let again = world
            .app
            .request_payout(&world.caller, payout("p-1", &code, None))
            .await
            .unwrap();
        assert_eq!((again.view.id, again.replayed), (paid.view.id, true));
        let twice = world
            .app
            .request_payout(&world.caller, payout("p-2", &code, Some(2_500)))
            .await;
        assert!(matches!(
            twice,
            Err(MoneyRefusal::Invalid {
                field: "br_code",
                ..
            })
        ));

        world.work_for(Span::from_seconds(8_000)).await;
        assert_eq!(world.record(charge).await.row.stage, "paid");
        assert_eq!(
            world.app.wallets(&shop).await.unwrap()[0].available.cents(),
            2_500
        );
        let payer = world.app.store.wallet(world.wallet).await.unwrap().unwrap();
        assert_eq!(
            (payer.available.cents(), payer.held.cents()),
            (OPENING - 2_500, 0)
        );
        assert_eq!(world.sends(), 0, "no gateway carried it");
        world.audit_books().await;

        let refund = RequestRefund {
            common: common("r-1"),
            transaction_id: charge,
            pay_in_id: None,
            amount: None,
        };
        let refused = world.app.request_refund(&shop, refund).await;
        assert!(matches!(
            refused,
            Err(MoneyRefusal::Invalid {
                code: "paid_inside",
                ..
            })
        ));
    });
}
