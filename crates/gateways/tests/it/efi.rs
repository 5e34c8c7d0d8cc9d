//! What only Efí does: BR Codes, its ways of having no money, its webhook registration.

use app::ports::gateway::{
    ChargeAnswer, ChargeLookup, Destination, GatewayClient, Hint, InboundRequest, PayoutOrder,
};
use app::ports::runtime::Runtime;
use domain::dispute::ShownDispute;
use domain::gateway::Gateway;
use domain::outcome::{Evidence, RefusalReason, SendVerdict};
use domain::time::Moment;
use sandbox::{InsufficientBalance, Operation};

use crate::orders::{attempt, attempt_key, charge, payout, payout_to, reais, reference};
use crate::receiver::Receiver;
use crate::sandboxed::Bench;

fn reason(verdict: &SendVerdict) -> Option<&RefusalReason> {
    match verdict {
        SendVerdict::NotDone(refusal) => Some(&refusal.reason),
        SendVerdict::Settled(_)
        | SendVerdict::Accepted(_)
        | SendVerdict::NeverSent(_)
        | SendVerdict::Unknown(_) => None,
    }
}

/// A BR Code of this very account's charge.
async fn br_code(bench: &Bench, number: u32, cents: i64) -> String {
    let request = bench.efi.prepare_charge(&charge(number, cents)).unwrap();
    match bench.efi.create_charge(&request).await {
        ChargeAnswer::Created(created) => created.br_code,
        other => panic!("{other:?}"),
    }
}

fn payout_by(code: String, number: u32, cents: i64) -> PayoutOrder {
    PayoutOrder {
        destination: Destination::BrCode(code),
        amount: reais(cents),
        ..payout(number)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_br_code_is_paid_only_for_the_amount_of_the_order() {
    let bench = Bench::start().await;
    let code = br_code(&bench, 1, 2500).await;
    let other = payout_by(code.clone(), 2, 2400);
    let request = bench.efi.prepare_payout(&other).unwrap();
    let verdict = bench.efi.send_payout(&request).await;
    assert_eq!(reason(&verdict), Some(&RefusalReason::BrCodeRefused));
    assert_eq!(bench.payouts_to_br_codes(), 0);

    let order = payout_by(code.clone(), 3, 2500);
    let request = bench.efi.prepare_payout(&order).unwrap();
    let verdict = bench.efi.send_payout(&request).await;
    assert_eq!(verdict.class(), "accepted", "{verdict:?}");
    let known = attempt(
        &order.attempt_key,
        order.amount,
        &request,
        reference(&verdict),
    );
    assert_eq!(
        bench.efi.look_up_payout(&known).await.evidence.class(),
        "settled"
    );
    assert_eq!(bench.sent_cents(&order.attempt_key), 2500);

    // Paid now: a second order for it sends nothing.
    let late = bench.efi.prepare_payout(&payout_by(code, 4, 2500)).unwrap();
    let verdict = bench.efi.send_payout(&late).await;
    assert_eq!(reason(&verdict), Some(&RefusalReason::BrCodeRefused));
    assert_eq!(bench.payouts_to_br_codes(), 1);
    let broken = payout_by("00020101".to_owned(), 5, 1);
    let request = bench.efi.prepare_payout(&broken).unwrap();
    let verdict = bench.efi.send_payout(&request).await;
    assert_eq!(reason(&verdict), Some(&RefusalReason::BrCodeRefused));
}

impl Bench {
    fn payouts_to_br_codes(&self) -> usize {
        self.sandbox
            .requests()
            .iter()
            .filter(|record| record.method == "PUT" && record.path.ends_with("/qrcode"))
            .count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_account_is_told_in_three_ways() {
    let bench = Bench::start().await;
    let ways = [
        InsufficientBalance::Problem,
        InsufficientBalance::Name,
        InsufficientBalance::Late,
    ];
    for (number, way) in (1..).zip(ways) {
        bench
            .sandbox
            .change_options(|options| options.insufficient_balance = way);
        let order = payout_to("ana@example.com", number, 90_000_000);
        let request = bench.efi.prepare_payout(&order).unwrap();
        let verdict = bench.efi.send_payout(&request).await;
        if way == InsufficientBalance::Late {
            assert_eq!(verdict.class(), "accepted");
            let known = attempt(&order.attempt_key, order.amount, &request, None);
            let evidence = bench.efi.look_up_payout(&known).await.evidence;
            assert!(matches!(evidence, Evidence::Refused(_)), "{evidence:?}");
        } else {
            assert_eq!(
                reason(&verdict),
                Some(&RefusalReason::InsufficientFloat),
                "{way:?}"
            );
        }
        assert_eq!(bench.sent_cents(&attempt_key(number)), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_set_up_and_risk_are_told_apart_from_the_payee() {
    let bench = Bench::start().await;
    let request = bench
        .efi
        .prepare_payout(&payout_to("risk@example.com", 1, 5))
        .unwrap();
    let verdict = bench.efi.send_payout(&request).await;
    assert_eq!(reason(&verdict), Some(&RefusalReason::RiskRefused));
    bench
        .sandbox
        .change_options(|options| options.account_blocked = true);
    let request = bench.efi.prepare_payout(&payout(2)).unwrap();
    let verdict = bench.efi.send_payout(&request).await;
    assert_eq!(reason(&verdict), Some(&RefusalReason::AccountNotEnabled));
}

#[tokio::test(flavor = "multi_thread")]
async fn documented_extras_are_read() {
    let bench = Bench::start().await;
    bench
        .sandbox
        .change_options(|options| options.extras_on_query = true);
    bench
        .sandbox
        .change_options(|options| options.charge_not_found_404 = true);
    let order = charge(1, 10_000);
    let request = bench.efi.prepare_charge(&order).unwrap();
    let known = attempt(&order.attempt_key, order.amount, &request, None);
    let lookup = bench.efi.look_up_charge(&known).await;
    assert_eq!(lookup, ChargeLookup::NotFound);
    br_code(&bench, 1, 10_000).await;
    let path = format!("/sandbox/charges/{}/pay", order.attempt_key);
    bench
        .control(
            &path,
            r#"{"payer":{"name":"Ana Souza","tax_id":"52998224725"}}"#,
        )
        .await;
    let ChargeLookup::Found(found) = bench.efi.look_up_charge(&known).await else {
        panic!("not found")
    };
    let pay_in = &found.pay_ins[0];
    assert_eq!(pay_in.payer.name.as_deref(), Some("Ana Souza"));
    assert_eq!(pay_in.fee, Some(reais(119)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registered_webhook_reaches_us_and_is_understood() {
    let receiver = Receiver::start().await;
    let bench = Bench::start().await;
    let public_url = format!("http://127.0.0.1:{}", receiver.port);
    bench.efi.ensure_webhook(&public_url).await.unwrap();
    let registrations = bench.seen(Gateway::Efi, Operation::Other);
    bench.efi.ensure_webhook(&public_url).await.unwrap();
    assert_eq!(
        bench.seen(Gateway::Efi, Operation::Other),
        registrations + 1,
        "what stands there already is only looked at"
    );
    let order = charge(9, 700);
    br_code(&bench, 9, 700).await;
    let path = format!("/sandbox/charges/{}/pay", order.attempt_key);
    bench.control(&path, "{}").await;
    let expected = Hint::Charge {
        reference: order.attempt_key.clone(),
    };
    // First the test event of the registration, then the payment.
    loop {
        let inbound = receiver.next().await;
        let parsed = bench.efi.read_inbound(&inbound, now(&bench)).unwrap();
        assert!(parsed.verified);
        if !parsed.hints.is_empty() {
            assert_eq!(parsed.hints, [expected]);
            break;
        }
    }
}

fn now(bench: &Bench) -> Moment {
    bench.runtime.now()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_secret_is_refused() {
    let bench = Bench::start().await;
    let inbound = InboundRequest {
        path: "/webhooks/efi/guess".to_owned(),
        query: String::new(),
        headers: std::collections::BTreeMap::new(),
        body: br#"{"pix":[]}"#.to_vec(),
    };
    assert!(bench.efi.read_inbound(&inbound, now(&bench)).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_a_dispute_through_all_its_states() {
    let bench = Bench::start().await;
    let amount = reais(400);
    for (number, step, end) in [
        (1, "won", ShownDispute::Nothing),
        (2, "lost", ShownDispute::Lost { amount }),
    ] {
        let order = charge(number, 1000);
        let request = bench.efi.prepare_charge(&order).unwrap();
        let ChargeAnswer::Created(created) = bench.efi.create_charge(&request).await else {
            panic!("not created");
        };
        let txid = created.gateway_reference.clone();
        let known = attempt(
            &order.attempt_key,
            order.amount,
            &request,
            Some(txid.clone()),
        );
        bench
            .control(&format!("/sandbox/charges/{txid}/pay"), "{}")
            .await;
        let path = format!("/sandbox/charges/{txid}/dispute");
        let mut keys = Vec::new();
        for (step, shown) in [("open", ShownDispute::Open { amount }), (step, end)] {
            let body = format!(r#"{{"step":"{step}","amount_cents":400}}"#);
            bench.control(&path, &body).await;
            let ChargeLookup::Found(found) = bench.efi.look_up_charge(&known).await else {
                panic!("not found");
            };
            let [pay_in] = found.pay_ins.as_slice() else {
                panic!("one pay-in: {found:?}");
            };
            assert_eq!(pay_in.returned, [], "{step}");
            assert_eq!(pay_in.disputes.len(), 1);
            assert_eq!(pay_in.disputes[0].shown, shown, "{step}");
            keys.push(pay_in.disputes[0].key.clone());
        }
        assert_eq!(keys[0], keys[1]);
    }
}
