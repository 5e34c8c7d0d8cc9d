//! What only Mercado Pago does: replays in four ways, disputes, signed notifications.

use std::sync::Arc;

use app::ports::gateway::{ChargeAnswer, ChargeLookup, GatewayClient, Hint};
use app::ports::runtime::Runtime;
use domain::dispute::ShownDispute;
use domain::outcome::{RefusalReason, SendVerdict, UnknownCause};
use gateways::{MercadoPagoClient, MercadoPagoConfig, SigningKey};
use sandbox::{Fault, FaultMode, GatewayName, Operation, PayoutReplay};

use crate::orders::{attempt, attempt_key, charge, payout, reais, reference, refund};
use crate::receiver::Receiver;
use crate::sandboxed::{Bench, mercado_pago_config};

fn client(bench: &Bench, change: impl FnOnce(&mut MercadoPagoConfig)) -> MercadoPagoClient {
    let mut config = mercado_pago_config(&bench.sandbox);
    change(&mut config);
    MercadoPagoClient::new(config, bench.runtime.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_tells_the_id_of_a_payout_whose_answer_was_lost() {
    let bench = Bench::start().await;
    let fault = Fault::on(Operation::Payout, FaultMode::DropReply).times(1);
    bench
        .sandbox
        .set_fault(GatewayName::MercadoPago, fault)
        .await;
    let order = payout(1);
    let request = bench.mercado_pago.prepare_payout(&order).unwrap();
    let first = bench.mercado_pago.send_payout(&request).await;
    assert_eq!(first, SendVerdict::Unknown(UnknownCause::ConnectionLost));
    let blind = attempt(&order.attempt_key, order.amount, &request, None);
    let lookup = bench.mercado_pago.look_up_payout(&blind).await;
    assert_eq!(
        lookup.evidence.class(),
        "unclear",
        "absence cannot be shown"
    );

    let replay = bench.mercado_pago.send_payout(&request).await;
    assert_eq!(
        replay.class(),
        "accepted",
        "a final status in a replay is not believed"
    );
    let known = attempt(
        &order.attempt_key,
        order.amount,
        &request,
        reference(&replay),
    );
    let lookup = bench.mercado_pago.look_up_payout(&known).await;
    assert_eq!(lookup.evidence.class(), "settled");
    assert_eq!(bench.sent_cents(&order.attempt_key), 1050);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_undocumented_way_to_answer_a_replay_is_understood() {
    let bench = Bench::start().await;
    let request = bench.mercado_pago.prepare_payout(&payout(1)).unwrap();
    let first = bench.mercado_pago.send_payout(&request).await;
    let table = [
        (PayoutReplay::Replay, None),
        (PayoutReplay::Empty, Some(UnknownCause::UnreadableBody)),
        (PayoutReplay::Conflict, Some(UnknownCause::DuplicateKey)),
        (PayoutReplay::Locked, Some(UnknownCause::Locked)),
    ];
    for (way, cause) in table {
        bench
            .sandbox
            .change_options(|options| options.payout_replay = way);
        let verdict = bench.mercado_pago.send_payout(&request).await;
        match cause {
            None => assert_eq!(reference(&verdict), reference(&first)),
            Some(cause) => assert_eq!(verdict, SendVerdict::Unknown(cause), "{way:?}"),
        }
    }
    assert_eq!(bench.sent_cents(&attempt_key(1)), 1050);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_forms_of_the_signing_key_sign_and_another_key_does_not() {
    let bench = Bench::start().await;
    let pem = bench.sandbox.mercado_pago().signing_key_pem;
    let by_pem = client(&bench, |config| {
        config.signing_key = Some(SigningKey::Pkcs8Pem(pem.into()));
    });
    let request = by_pem.prepare_payout(&payout(1)).unwrap();
    assert_eq!(
        request,
        bench.mercado_pago.prepare_payout(&payout(1)).unwrap()
    );
    assert_eq!(by_pem.send_payout(&request).await.class(), "accepted");

    let stranger = client(&bench, |config| {
        config.signing_key = Some(SigningKey::Seed([1; 32]));
    });
    let request = stranger.prepare_payout(&payout(2)).unwrap();
    match stranger.send_payout(&request).await {
        SendVerdict::NotDone(refusal) => {
            assert_eq!(refusal.reason, RefusalReason::NotAuthorized);
            assert_eq!(refusal.code, "invalid_signature");
        }
        other => panic!("{other:?}"),
    }
    let mut unsigned = mercado_pago_config(&bench.sandbox);
    unsigned.signing_key = None;
    let refused = MercadoPagoClient::new(unsigned, Arc::clone(&bench.runtime) as Arc<dyn Runtime>);
    assert_eq!(
        refused.err().map(|error| error.setting),
        Some("signing_key")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_no_authorization_for_money_and_none_for_reading() {
    let bench = Bench::start().await;
    let stranger = client(&bench, |config| {
        config.access_token = "TEST-x".to_owned().into()
    });
    let request = stranger.prepare_payout(&payout(1)).unwrap();
    match stranger.send_payout(&request).await {
        SendVerdict::NotDone(refusal) => {
            assert_eq!(refusal.reason, RefusalReason::NotAuthorized);
            assert_eq!(refusal.code, "invalid_site");
        }
        other => panic!("{other:?}"),
    }
    let request = stranger.prepare_charge(&charge(2, 100)).unwrap();
    match stranger.create_charge(&request).await {
        ChargeAnswer::NotDone(refusal) => assert_eq!(refusal.reason, RefusalReason::NotAuthorized),
        other => panic!("{other:?}"),
    }
    assert!(stranger.probe().await.is_err());
}

/// A charge that was paid: its payment id and what is needed to look it up.
async fn paid_charge(
    bench: &Bench,
    number: u32,
    cents: i64,
) -> app::ports::gateway::AttemptReference {
    let order = charge(number, cents);
    let request = bench.mercado_pago.prepare_charge(&order).unwrap();
    let ChargeAnswer::Created(created) = bench.mercado_pago.create_charge(&request).await else {
        panic!("not created");
    };
    let path = format!("/sandbox/charges/{}/pay", created.gateway_reference);
    bench.control(&path, "{}").await;
    attempt(
        &order.attempt_key,
        order.amount,
        &request,
        Some(created.gateway_reference),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_gateway_takes_back_is_a_return() {
    let bench = Bench::start().await;
    let amount = reais(4000);
    for (number, how, shown) in [
        (1, "refund", ShownDispute::Nothing),
        (2, "charge_back", ShownDispute::Lost { amount }),
    ] {
        let known = paid_charge(&bench, number, 4000).await;
        let id = known.gateway_reference.clone().unwrap();
        let pay_in = bench
            .mercado_pago
            .look_up_pay_in(&id)
            .await
            .unwrap()
            .unwrap();
        assert!(pay_in.returned.is_empty());
        assert_eq!(pay_in.fee, Some(reais(40)));
        let path = format!("/sandbox/charges/{id}/reverse");
        bench.control(&path, &format!(r#"{{"how":"{how}"}}"#)).await;
        let ChargeLookup::Found(found) = bench.mercado_pago.look_up_charge(&known).await else {
            panic!("not found");
        };
        let [pay_in] = found.pay_ins.as_slice() else {
            panic!("a pay-in that was taken back has still been one: {found:?}");
        };
        let returned: i64 = pay_in.returned.iter().map(|item| item.amount.cents()).sum();
        let expected = if how == "refund" { 4000 } else { 0 };
        assert_eq!(returned, expected, "{how}: {:?}", pay_in.returned);
        assert!(pay_in.returned.iter().all(|item| item.done));
        assert_eq!(pay_in.disputes[0].shown, shown, "{how}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_is_seen_in_each_of_its_states() {
    let bench = Bench::start().await;
    let amount = reais(4000);
    let (open, lost) = (ShownDispute::Open { amount }, ShownDispute::Lost { amount });
    for (number, how, step, shown) in [
        (1, "mediation", "won", ShownDispute::Nothing),
        (2, "mediation", "lost", ShownDispute::Nothing),
        (3, "charge_back", "won", ShownDispute::Nothing),
        (4, "charge_back", "lost", lost),
    ] {
        let known = paid_charge(&bench, number, 4000).await;
        let id = known.gateway_reference.clone().unwrap();
        let path = format!("/sandbox/charges/{id}/dispute");
        let mut times = Vec::new();
        for (step, shown) in [("open", open), (step, shown)] {
            let body = format!(r#"{{"step":"{step}","how":"{how}"}}"#);
            bench.control(&path, &body).await;
            let pay_in = bench.mercado_pago.look_up_pay_in(&id).await.unwrap();
            let pay_in = pay_in.unwrap();
            let [dispute] = pay_in.disputes.as_slice() else {
                panic!("one state: {pay_in:?}");
            };
            assert_eq!(dispute.shown, shown, "{how} {step}");
            times.push(dispute.seen_at.unwrap());
            // A mediation that is lost ends as a refund by the gateway.
            let refunded = (how, step) == ("mediation", "lost");
            assert_eq!(pay_in.returned.len(), usize::from(refunded), "{how} {step}");
        }
        assert!(times.is_sorted(), "{times:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_refund_is_found_by_comparing_lists() {
    let bench = Bench::start().await;
    let known = paid_charge(&bench, 1, 5000).await;
    let id = known.gateway_reference.clone().unwrap();
    let order = refund(2, &id, 1000);
    let request = bench.mercado_pago.prepare_refund(&order, &[]).unwrap();
    let earlier = bench.mercado_pago.send_refund(&request).await;
    assert!(matches!(earlier.class(), "accepted" | "settled"));

    let before = bench
        .mercado_pago
        .look_up_pay_in(&id)
        .await
        .unwrap()
        .unwrap()
        .returned;
    assert_eq!(before.len(), 1);
    let order = refund(3, &id, 1000);
    let request = bench.mercado_pago.prepare_refund(&order, &before).unwrap();
    let fault = Fault::on(Operation::Refund, FaultMode::Error500AfterCommit).times(1);
    bench
        .sandbox
        .set_fault(GatewayName::MercadoPago, fault)
        .await;
    let lost = bench.mercado_pago.send_refund(&request).await;
    assert_eq!(lost, SendVerdict::Unknown(UnknownCause::ServerError));
    let repeat = bench.mercado_pago.send_refund(&request).await;
    assert_eq!(repeat, SendVerdict::Unknown(UnknownCause::DuplicateKey));
    let blind = attempt(&order.attempt_key, order.amount, &request, None);
    let evidence = bench.mercado_pago.look_up_refund(&blind).await;
    assert_eq!(evidence.class(), "settled", "{evidence:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn its_notifications_verify_and_lead_to_the_payment() {
    let receiver = Receiver::start().await;
    let bench = Bench::start().await;
    let url = format!("http://127.0.0.1:{}/webhooks/mercado-pago", receiver.port);
    bench.sandbox.set_webhook_targets(None, Some(url));
    let known = paid_charge(&bench, 1, 4000).await;
    let expected = Hint::Charge {
        reference: known.gateway_reference.clone().unwrap(),
    };
    // Created, then paid.
    for _ in 0..2 {
        let inbound = receiver.next().await;
        let now = bench.runtime.now();
        let parsed = bench.mercado_pago.read_inbound(&inbound, now).unwrap();
        assert!(parsed.verified);
        assert_eq!(parsed.hints, std::slice::from_ref(&expected));
        let mut forged = inbound.clone();
        forged.query = forged.query.replace("data.id=", "data.id=9");
        assert!(bench.mercado_pago.read_inbound(&forged, now).is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payouts_notification_is_an_unverified_hint() {
    let receiver = Receiver::start().await;
    let bench = Bench::start().await;
    let url = format!("http://127.0.0.1:{}/webhooks/mercado-pago", receiver.port);
    let client = client(&bench, |config| config.notification_url = Some(url));
    client
        .ensure_webhook(&format!("http://127.0.0.1:{}", receiver.port))
        .await
        .unwrap();
    assert!(
        client
            .ensure_webhook("https://elsewhere.example.com")
            .await
            .is_err()
    );
    let request = client.prepare_payout(&payout(1)).unwrap();
    let verdict = client.send_payout(&request).await;
    let expected = Hint::Payout {
        reference: reference(&verdict).unwrap(),
    };
    let inbound = receiver.next().await;
    let parsed = client.read_inbound(&inbound, bench.runtime.now()).unwrap();
    assert!(!parsed.verified);
    assert_eq!(parsed.hints, [expected]);
}
