//! Every way a gateway can fail, and the class of verdict it must lead to.
//!
//! The oracle is the sandbox's ledger: whatever the verdict says, nothing executed may be called
//! not done, and requests received equal sends made.

use app::ports::gateway::{ChargeAnswer, ChargeLookup};
use domain::gateway::Gateway;
use domain::outcome::{NeverSent, SendVerdict, UnknownCause};
use sandbox::{Fault, FaultMode, Operation};

use crate::orders::{attempt, attempt_key, charge, payout, reference, refund};
use crate::sandboxed::{Bench, name};

/// What one faulty payout must be classified as: at Efí, at Mercado Pago.
const TABLE: &[(FaultMode, &str, &str)] = &[
    (FaultMode::Healthy, "accepted", "accepted"),
    (FaultMode::Slow, "accepted", "accepted"),
    (FaultMode::Error500, "unknown", "unknown"),
    (FaultMode::Error500AfterCommit, "unknown", "unknown"),
    (FaultMode::TimeoutBefore, "unknown", "unknown"),
    (FaultMode::TimeoutAfterCommit, "unknown", "unknown"),
    (FaultMode::DropReply, "unknown", "unknown"),
    (FaultMode::Reject, "not_done", "not_done"),
    (FaultMode::AsyncReject, "accepted", "accepted"),
    (FaultMode::RateLimited, "not_done", "not_done"),
    (FaultMode::SettleLate, "accepted", "accepted"),
    (FaultMode::Truncated, "unknown", "unknown"),
    (FaultMode::Empty2xx, "unknown", "unknown"),
    (FaultMode::Html502, "unknown", "unknown"),
    // Mercado Pago's id must not be lost for a word nobody knows; Efí is asked by our own key.
    (FaultMode::UnknownStatus, "unknown", "accepted"),
    (FaultMode::Flaky, "unknown", "unknown"),
];

async fn every_fault(gateway: Gateway) {
    let bench = Bench::start().await;
    let hasty = bench.hasty_client(gateway);
    hasty.probe().await.unwrap();
    for (number, (mode, at_efi, at_mercado_pago)) in (100..).zip(TABLE) {
        let silent = matches!(
            mode,
            FaultMode::TimeoutBefore | FaultMode::TimeoutAfterCommit
        );
        let client = if silent {
            &*hasty
        } else {
            bench.client(gateway)
        };
        let expected = match gateway {
            Gateway::Efi => at_efi,
            Gateway::MercadoPago => at_mercado_pago,
        };
        let fault = Fault::on(Operation::Payout, *mode).latency_ms(match mode {
            FaultMode::Slow => 50,
            FaultMode::SettleLate => 60_000,
            _ => 0,
        });
        let healthy = Fault::new(FaultMode::Healthy);
        bench.sandbox.set_fault(name(gateway), fault).await;
        let sent_before = bench.payouts_seen(gateway);
        let request = client.prepare_payout(&payout(number)).unwrap();
        let verdict = client.send_payout(&request).await;
        assert_eq!(verdict.class(), *expected, "{mode:?}: {verdict:?}");
        assert_eq!(bench.payouts_seen(gateway), sent_before + 1, "{mode:?}");
        bench.sandbox.set_fault(name(gateway), healthy).await;

        let executed = bench.sent_cents(&attempt_key(number)) > 0;
        let denied = matches!(verdict, SendVerdict::NotDone(_) | SendVerdict::NeverSent(_));
        assert!(!(executed && denied), "{mode:?} executed, but {verdict:?}");
        find_the_end(&bench, gateway, number, &verdict).await;
    }
}

/// Whatever the send's verdict, re-sending the same bytes and looking up lead to the truth, and
/// nothing is paid twice.
async fn find_the_end(bench: &Bench, gateway: Gateway, number: u32, verdict: &SendVerdict) {
    let client = bench.client(gateway);
    let order = payout(number);
    let request = client.prepare_payout(&order).unwrap();
    let mut known = reference(verdict);
    if matches!(verdict, SendVerdict::Unknown(_)) {
        let again = client.send_payout(&request).await;
        assert!(matches!(again.class(), "accepted" | "unknown"), "{again:?}");
        known = known.or(reference(&again));
    }
    let attempt = attempt(&order.attempt_key, order.amount, &request, known);
    let evidence = client.look_up_payout(&attempt).await.evidence;
    let executed = bench.sent_cents(&order.attempt_key);
    assert!(executed <= 1050, "paid twice");
    match evidence.class() {
        "settled" => assert_eq!(executed, 1050),
        "refused" | "not_found" | "in_progress" => assert_eq!(executed, 0, "{evidence:?}"),
        _ => assert!(!matches!(verdict, SendVerdict::Accepted(_)), "{evidence:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_at_efi() {
    every_fault(Gateway::Efi).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_at_mercado_pago() {
    every_fault(Gateway::MercadoPago).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_down_was_never_reached() {
    let bench = Bench::start().await;
    for gateway in Gateway::ALL {
        let client = bench.client(gateway);
        let request = client.prepare_payout(&payout(1)).unwrap();
        // A connection stands open from before: it is cut, and must not be written into.
        client.probe().await.unwrap();
        bench
            .sandbox
            .set_fault(name(gateway), Fault::new(FaultMode::Down))
            .await;
        let verdict = client.send_payout(&request).await;
        assert_eq!(
            verdict,
            SendVerdict::NeverSent(NeverSent::Connect),
            "{gateway}"
        );
        assert_eq!(bench.payouts_seen(gateway), 0);
        bench
            .sandbox
            .set_fault(name(gateway), Fault::new(FaultMode::Healthy))
            .await;
        assert_eq!(
            client.send_payout(&request).await.class(),
            "accepted",
            "{gateway}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lookup_that_fails_is_unclear_and_one_that_lags_is_absent() {
    let bench = Bench::start().await;
    for gateway in Gateway::ALL {
        let client = bench.client(gateway);
        let order = payout(1);
        let request = client.prepare_payout(&order).unwrap();
        let verdict = client.send_payout(&request).await;
        let attempt = attempt(
            &order.attempt_key,
            order.amount,
            &request,
            reference(&verdict),
        );
        let lookup = |mode| {
            let fault = Fault::on(Operation::Lookup, mode).latency_ms(60_000);
            let bench = &bench;
            let attempt = &attempt;
            async move {
                let fault = if mode == FaultMode::LookupLag {
                    fault
                } else {
                    Fault::on(Operation::Lookup, mode)
                };
                bench.sandbox.set_fault(name(gateway), fault).await;
                client.look_up_payout(attempt).await.evidence.class()
            }
        };
        assert_eq!(lookup(FaultMode::Error500).await, "unclear", "{gateway}");
        assert_eq!(lookup(FaultMode::Html502).await, "unclear", "{gateway}");
        assert_eq!(lookup(FaultMode::Truncated).await, "unclear", "{gateway}");
        assert_eq!(lookup(FaultMode::DropReply).await, "unclear", "{gateway}");
        assert_eq!(
            lookup(FaultMode::UnknownStatus).await,
            "unclear",
            "{gateway}"
        );
        assert_eq!(lookup(FaultMode::LookupLag).await, "not_found", "{gateway}");
        assert_eq!(lookup(FaultMode::Healthy).await, "settled", "{gateway}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_whose_answer_is_lost_can_be_had_by_the_same_bytes() {
    let bench = Bench::start().await;
    for gateway in Gateway::ALL {
        let client = bench.client(gateway);
        let request = client.prepare_charge(&charge(1, 500)).unwrap();
        let fault = Fault::on(Operation::Charge, FaultMode::DropReply).times(1);
        bench.sandbox.set_fault(name(gateway), fault).await;
        assert_eq!(
            client.create_charge(&request).await,
            ChargeAnswer::Unknown(UnknownCause::ConnectionLost),
            "{gateway}"
        );
        let again = client.create_charge(&request).await;
        assert!(
            matches!(again, ChargeAnswer::Created(_)),
            "{gateway}: {again:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_had_means_the_order_was_never_sent() {
    let bench = Bench::start().await;
    let client = bench.hasty_client(Gateway::Efi);
    let request = client.prepare_payout(&payout(1)).unwrap();
    let table = [
        (FaultMode::Error500, NeverSent::TokenUnavailable),
        (FaultMode::TimeoutBefore, NeverSent::TokenUnavailable),
        (FaultMode::DropReply, NeverSent::TokenUnavailable),
        (FaultMode::Html502, NeverSent::TokenUnavailable),
        (FaultMode::Truncated, NeverSent::TokenUnavailable),
        (FaultMode::Empty2xx, NeverSent::TokenUnavailable),
    ];
    for (mode, cause) in table {
        bench
            .sandbox
            .set_fault(name(Gateway::Efi), Fault::on(Operation::Token, mode))
            .await;
        let verdict = client.send_payout(&request).await;
        assert_eq!(verdict, SendVerdict::NeverSent(cause), "{mode:?}");
    }
    assert_eq!(bench.payouts_seen(Gateway::Efi), 0);
    bench
        .sandbox
        .set_fault(name(Gateway::Efi), Fault::new(FaultMode::Healthy))
        .await;
    assert_eq!(client.send_payout(&request).await.class(), "accepted");
}

/// What one faulty refund must be classified as, at either gateway.
const REFUNDS: &[(FaultMode, &str)] = &[
    (FaultMode::Error500, "unknown"),
    (FaultMode::Error500AfterCommit, "unknown"),
    (FaultMode::DropReply, "unknown"),
    (FaultMode::Reject, "not_done"),
    (FaultMode::AsyncReject, "accepted"),
    (FaultMode::RateLimited, "not_done"),
    (FaultMode::Truncated, "unknown"),
    (FaultMode::Empty2xx, "unknown"),
    (FaultMode::Html502, "unknown"),
    (FaultMode::UnknownStatus, "unknown"),
];

async fn every_refund_fault(gateway: Gateway) {
    let bench = Bench::start().await;
    let client = bench.client(gateway);
    let pay_in = paid(&bench, gateway).await;
    for (number, (mode, expected)) in (200..).zip(REFUNDS) {
        let before = client
            .look_up_pay_in(&pay_in)
            .await
            .unwrap()
            .unwrap()
            .returned;
        let order = refund(number, &pay_in, i64::from(number));
        let request = client.prepare_refund(&order, &before).unwrap();
        let fault = Fault::on(Operation::Refund, *mode);
        bench.sandbox.set_fault(name(gateway), fault).await;
        let verdict = client.send_refund(&request).await;
        let healthy = Fault::new(FaultMode::Healthy);
        bench.sandbox.set_fault(name(gateway), healthy).await;
        assert_eq!(verdict.class(), *expected, "{mode:?}: {verdict:?}");

        let given_back = bench
            .sandbox
            .ledger()
            .iter()
            .filter(|entry| entry.key.as_ref() == Some(&order.attempt_key))
            .count();
        let known = attempt(
            &order.attempt_key,
            order.amount,
            &request,
            reference(&verdict),
        );
        let evidence = client.look_up_refund(&known).await;
        match evidence.class() {
            "settled" => assert_eq!(given_back, 1, "{mode:?}"),
            "not_found" | "refused" => assert_eq!(given_back, 0, "{mode:?}: {evidence:?}"),
            other => panic!("{mode:?}: {other}"),
        }
        if verdict.class() == "not_done" {
            assert_eq!(given_back, 0, "{mode:?}");
        }
    }
}

/// The key of a pay-in large enough for every refund.
async fn paid(bench: &Bench, gateway: Gateway) -> String {
    let client = bench.client(gateway);
    let order = charge(1, 9000);
    let request = client.prepare_charge(&order).unwrap();
    let ChargeAnswer::Created(created) = client.create_charge(&request).await else {
        panic!("not created");
    };
    let path = format!("/sandbox/charges/{}/pay", created.gateway_reference);
    bench.control(&path, "{}").await;
    let known = attempt(
        &order.attempt_key,
        order.amount,
        &request,
        Some(created.gateway_reference),
    );
    match client.look_up_charge(&known).await {
        ChargeLookup::Found(found) => found.pay_ins[0].key.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refund_fault_at_efi() {
    every_refund_fault(Gateway::Efi).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refund_fault_at_mercado_pago() {
    every_refund_fault(Gateway::MercadoPago).await;
}

/// Creating a charge moves no money, but a refusal taken for proof leaves no orphan to look for.
#[tokio::test(flavor = "multi_thread")]
async fn every_charge_fault() {
    let table = [
        (FaultMode::Error500AfterCommit, "unknown"),
        (FaultMode::Reject, "not_done"),
        (FaultMode::RateLimited, "not_done"),
        (FaultMode::Truncated, "unknown"),
        (FaultMode::Empty2xx, "unknown"),
        (FaultMode::Html502, "unknown"),
        (FaultMode::UnknownStatus, "unknown"),
    ];
    let bench = Bench::start().await;
    for gateway in Gateway::ALL {
        let client = bench.client(gateway);
        for (number, (mode, expected)) in (300..).zip(table) {
            let fault = Fault::on(Operation::Charge, mode);
            bench.sandbox.set_fault(name(gateway), fault).await;
            let request = client.prepare_charge(&charge(number, 500)).unwrap();
            let class = match client.create_charge(&request).await {
                ChargeAnswer::Created(_) => "created",
                ChargeAnswer::NotDone(_) => "not_done",
                ChargeAnswer::NeverSent(_) => "never_sent",
                ChargeAnswer::Unknown(_) => "unknown",
            };
            assert_eq!(class, expected, "{gateway} {mode:?}");
        }
        bench
            .sandbox
            .set_fault(name(gateway), Fault::new(FaultMode::Healthy))
            .await;
    }
}
