//! One suite for both clients: what the use cases rely on, whichever gateway stands behind.

use app::ports::gateway::{CancelAnswer, ChargeAnswer, ChargeLookup, ChargeState};
use domain::gateway::Gateway;
use domain::outcome::{Evidence, RefusalReason, SendVerdict};
use domain::time::Span;

use crate::orders::{attempt, attempt_key, charge, payout, payout_to, reais, reference, refund};
use crate::sandboxed::Bench;

/// Runs the scenario on each gateway of a fresh sandbox.
macro_rules! on_both {
    ($name:ident) => {
        mod $name {
            use super::*;
            #[tokio::test(flavor = "multi_thread")]
            async fn efi() {
                super::$name(&Bench::start().await, Gateway::Efi).await;
            }
            #[tokio::test(flavor = "multi_thread")]
            async fn mercado_pago() {
                super::$name(&Bench::start().await, Gateway::MercadoPago).await;
            }
        }
    };
}

on_both!(a_payout_is_accepted_then_settled);
async fn a_payout_is_accepted_then_settled(bench: &Bench, gateway: Gateway) {
    let client = bench.client(gateway);
    let order = payout(1);
    let request = client.prepare_payout(&order).unwrap();
    assert_eq!(
        client.prepare_payout(&order).unwrap(),
        request,
        "preparing is pure"
    );

    let verdict = client.send_payout(&request).await;
    assert_eq!(verdict.class(), "accepted", "{verdict:?}");
    let attempt = attempt(
        &order.attempt_key,
        order.amount,
        &request,
        reference(&verdict),
    );
    let lookup = client.look_up_payout(&attempt).await;
    assert_eq!(lookup.evidence.class(), "settled", "{lookup:?}");
    assert_eq!(lookup.gateway_reference, attempt.gateway_reference);
    assert!(lookup.returns.is_empty());
    assert_eq!(bench.sent_cents(&order.attempt_key), 1050);
    assert_eq!(bench.payouts_seen(gateway), 1);
}

on_both!(a_resend_of_the_same_bytes_pays_once);
async fn a_resend_of_the_same_bytes_pays_once(bench: &Bench, gateway: Gateway) {
    let client = bench.client(gateway);
    let request = client.prepare_payout(&payout(2)).unwrap();
    let first = client.send_payout(&request).await;
    let second = client.send_payout(&request).await;
    assert_eq!(first.class(), "accepted");
    assert!(
        matches!(second.class(), "accepted" | "unknown"),
        "a repeat proves neither an end nor an absence: {second:?}"
    );
    assert_eq!(bench.sent_cents(&attempt_key(2)), 1050);
    assert_eq!(bench.payouts_seen(gateway), 2);
}

on_both!(refusals_are_told_apart);
async fn refusals_are_told_apart(bench: &Bench, gateway: Gateway) {
    let client = bench.client(gateway);
    let table = [
        ("unknown-key@example.com", RefusalReason::PayeeKeyNotFound),
        ("wrong-owner@example.com", RefusalReason::PayeeMismatch),
    ];
    for (number, (key, reason)) in (10..).zip(table) {
        let request = client.prepare_payout(&payout_to(key, number, 500)).unwrap();
        match client.send_payout(&request).await {
            SendVerdict::NotDone(refusal) => assert_eq!(refusal.reason, reason, "{key}"),
            other => panic!("{key}: {other:?}"),
        }
        assert_eq!(bench.sent_cents(&attempt_key(number)), 0);
    }
}

on_both!(a_refusal_after_acceptance_is_shown_by_the_lookup);
async fn a_refusal_after_acceptance_is_shown_by_the_lookup(bench: &Bench, gateway: Gateway) {
    let client = bench.client(gateway);
    let order = payout_to("refuse-ac03@example.com", 3, 700);
    let request = client.prepare_payout(&order).unwrap();
    let verdict = client.send_payout(&request).await;
    assert_eq!(verdict.class(), "accepted");
    let attempt = attempt(
        &order.attempt_key,
        order.amount,
        &request,
        reference(&verdict),
    );
    let lookup = client.look_up_payout(&attempt).await;
    assert!(
        matches!(lookup.evidence, Evidence::Refused(_)),
        "{lookup:?}"
    );
    assert_eq!(bench.sent_cents(&order.attempt_key), 0);
}

on_both!(money_that_comes_back_is_listed);
async fn money_that_comes_back_is_listed(bench: &Bench, gateway: Gateway) {
    let client = bench.client(gateway);
    let order = payout(4);
    let request = client.prepare_payout(&order).unwrap();
    let verdict = client.send_payout(&request).await;
    let attempt = attempt(
        &order.attempt_key,
        order.amount,
        &request,
        reference(&verdict),
    );
    let path = format!("/sandbox/payouts/{}/return", order.attempt_key);
    bench.control(&path, r#"{"amount_cents":250}"#).await;
    let lookup = client.look_up_payout(&attempt).await;
    // A partial return makes Mercado Pago's status partial, which people have to read.
    match gateway {
        Gateway::Efi => {
            assert_eq!(lookup.evidence.class(), "settled");
            assert_eq!(lookup.returns[0].amount, reais(250));
        }
        Gateway::MercadoPago => {
            assert!(
                matches!(lookup.evidence.class(), "settled" | "unclear"),
                "{lookup:?}"
            );
        }
    }
    bench.control(&path, r#"{"amount_cents":800}"#).await;
    let lookup = client.look_up_payout(&attempt).await;
    assert_eq!(lookup.evidence.class(), "settled", "{lookup:?}");
    let returned: i64 = lookup.returns.iter().map(|item| item.amount.cents()).sum();
    assert_eq!(returned, 1050);
}

on_both!(a_charge_is_created_paid_and_found);
async fn a_charge_is_created_paid_and_found(bench: &Bench, gateway: Gateway) {
    let client = bench.client(gateway);
    let order = charge(5, 2000);
    let request = client.prepare_charge(&order).unwrap();
    let ChargeAnswer::Created(created) = client.create_charge(&request).await else {
        panic!("not created");
    };
    assert!(created.br_code.starts_with("000201"), "{}", created.br_code);
    let life = created.expires_at.since(order.created_at);
    assert!(life >= Span::from_seconds(3590) && life <= Span::from_seconds(3660));

    // The same bytes again: the same charge, at most.
    match client.create_charge(&request).await {
        ChargeAnswer::Created(again) => assert_eq!(again, created),
        other => panic!("{other:?}"),
    }
    for known in [Some(created.gateway_reference.clone()), None] {
        let attempt = attempt(&order.attempt_key, order.amount, &request, known);
        let ChargeLookup::Found(found) = client.look_up_charge(&attempt).await else {
            panic!("not found");
        };
        assert_eq!(found.state, ChargeState::Active);
        assert_eq!(found.gateway_reference, created.gateway_reference);
        assert!(found.pay_ins.is_empty());
    }

    let path = format!("/sandbox/charges/{}/pay", created.gateway_reference);
    bench.control(&path, "{}").await;
    let attempt = attempt(
        &order.attempt_key,
        order.amount,
        &request,
        Some(created.gateway_reference.clone()),
    );
    let ChargeLookup::Found(found) = client.look_up_charge(&attempt).await else {
        panic!("not found");
    };
    assert_eq!(found.state, ChargeState::Paid);
    let [pay_in] = found.pay_ins.as_slice() else {
        panic!("{:?}", found.pay_ins);
    };
    assert_eq!(pay_in.amount, order.amount);
    assert_eq!(
        pay_in.charge_reference.as_deref(),
        Some(order.attempt_key.as_str())
    );
    assert!(
        pay_in
            .end_to_end_id
            .as_ref()
            .is_some_and(|id| id.starts_with('E'))
    );
    assert!(pay_in.returned.is_empty());

    let alone = client.look_up_pay_in(&pay_in.key).await.unwrap().unwrap();
    assert_eq!((&alone.key, alone.amount), (&pay_in.key, pay_in.amount));
    let around = Span::from_seconds(120);
    let listed = client
        .received(pay_in.paid_at.minus(around), pay_in.paid_at.plus(around))
        .await
        .unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].key, pay_in.key);
    let before = client
        .received(
            pay_in.paid_at.minus(around.times(2)),
            pay_in.paid_at.minus(around),
        )
        .await
        .unwrap();
    assert!(before.is_empty());

    assert_eq!(
        client.cancel_charge(&attempt).await,
        CancelAnswer::NotCancellable
    );
}

on_both!(a_charge_can_be_cancelled);
async fn a_charge_can_be_cancelled(bench: &Bench, gateway: Gateway) {
    let client = bench.client(gateway);
    let order = charge(6, 900);
    let request = client.prepare_charge(&order).unwrap();
    let attempt = attempt(&order.attempt_key, order.amount, &request, None);
    assert_eq!(
        client.look_up_charge(&attempt).await,
        ChargeLookup::NotFound
    );
    assert_eq!(client.cancel_charge(&attempt).await, CancelAnswer::NotFound);
    let ChargeAnswer::Created(_) = client.create_charge(&request).await else {
        panic!("not created");
    };
    assert_eq!(
        client.cancel_charge(&attempt).await,
        CancelAnswer::Cancelled
    );
    let ChargeLookup::Found(found) = client.look_up_charge(&attempt).await else {
        panic!("not found");
    };
    assert_eq!(found.state, ChargeState::Removed);
}

on_both!(a_pay_in_is_refunded_once);
async fn a_pay_in_is_refunded_once(bench: &Bench, gateway: Gateway) {
    let client = bench.client(gateway);
    let order = charge(7, 3000);
    let request = client.prepare_charge(&order).unwrap();
    let ChargeAnswer::Created(created) = client.create_charge(&request).await else {
        panic!("not created");
    };
    let path = format!("/sandbox/charges/{}/pay", created.gateway_reference);
    bench.control(&path, "{}").await;
    let charge = attempt(
        &order.attempt_key,
        order.amount,
        &request,
        Some(created.gateway_reference),
    );
    let ChargeLookup::Found(found) = client.look_up_charge(&charge).await else {
        panic!("not found");
    };
    let pay_in = found.pay_ins[0].clone();

    let order = refund(8, &pay_in.key, 1200);
    let request = client.prepare_refund(&order, &pay_in.returned).unwrap();
    let unsent = attempt(&order.attempt_key, order.amount, &request, None);
    assert_eq!(client.look_up_refund(&unsent).await, Evidence::NotFound);
    let verdict = client.send_refund(&request).await;
    assert!(
        matches!(verdict.class(), "accepted" | "settled"),
        "{verdict:?}"
    );
    let repeat = client.send_refund(&request).await;
    assert_eq!(repeat.class(), "unknown", "{repeat:?}");
    // By the gateway's id, and by what is known without it.
    for known in [reference(&verdict), None] {
        let attempt = attempt(&order.attempt_key, order.amount, &request, known);
        let evidence = client.look_up_refund(&attempt).await;
        assert_eq!(evidence.class(), "settled", "{evidence:?}");
    }
    let seen = client.look_up_pay_in(&pay_in.key).await.unwrap().unwrap();
    assert_eq!(seen.returned.len(), 1);
    assert_eq!(seen.returned[0].amount, reais(1200));
    assert!(seen.returned[0].done);

    let too_much = refund(9, &pay_in.key, 2000);
    let request = client.prepare_refund(&too_much, &seen.returned).unwrap();
    match client.send_refund(&request).await {
        SendVerdict::NotDone(refusal) => {
            assert_eq!(refusal.reason, RefusalReason::RefundNotAllowed);
        }
        other => panic!("{other:?}"),
    }
}

on_both!(the_gateway_can_be_probed);
async fn the_gateway_can_be_probed(bench: &Bench, gateway: Gateway) {
    let client = bench.client(gateway);
    assert_eq!(client.gateway(), gateway);
    client.probe().await.unwrap();
    let balance = client.balance().await.unwrap();
    match gateway {
        Gateway::Efi => assert_eq!(balance, Some(reais(1_000_000))),
        Gateway::MercadoPago => assert_eq!(balance, None),
    }
    let missing = match gateway {
        Gateway::Efi => "E0908935620260101000000000000000",
        Gateway::MercadoPago => "99",
    };
    assert_eq!(client.look_up_pay_in(missing).await, Ok(None));
}
