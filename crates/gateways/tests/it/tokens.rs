//! Efí's token: one for all, renewed in time, dropped when refused.

use std::time::Duration;

use app::ports::gateway::GatewayClient;
use domain::outcome::{NeverSent, RefusalReason, SendVerdict};
use sandbox::{Fault, FaultMode, GatewayName, Operation, SandboxConfig};

use crate::orders::{attempt_key, payout};
use crate::sandboxed::Bench;
use domain::gateway::Gateway;

fn tokens(bench: &Bench) -> usize {
    bench.seen(Gateway::Efi, Operation::Token)
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_share_one_fetch() {
    let bench = Bench::start().await;
    let slow = Fault::on(Operation::Token, FaultMode::Slow).latency_ms(100);
    bench.sandbox.set_fault(GatewayName::Efi, slow).await;
    let probes = tokio::join!(
        bench.efi.probe(),
        bench.efi.probe(),
        bench.efi.probe(),
        bench.efi.probe()
    );
    assert_eq!(probes, (Ok(()), Ok(()), Ok(()), Ok(())));
    assert_eq!(tokens(&bench), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_waited_for_a_fetch_share_its_failure() {
    let bench = Bench::start().await;
    let silent = Fault::on(Operation::Token, FaultMode::TimeoutBefore);
    bench.sandbox.set_fault(GatewayName::Efi, silent).await;
    let client = bench.hasty_client(Gateway::Efi);
    let send = |number| {
        let request = client.prepare_payout(&payout(number)).unwrap();
        let client = &client;
        async move { client.send_payout(&request).await }
    };
    let verdicts = tokio::join!(send(1), send(2), send(3));
    let unavailable = SendVerdict::NeverSent(NeverSent::TokenUnavailable);
    assert_eq!(
        verdicts,
        (unavailable.clone(), unavailable.clone(), unavailable)
    );
    assert_eq!(tokens(&bench), 1, "one time limit, not three");
    assert_eq!(bench.payouts_seen(Gateway::Efi), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_renewed_before_it_ends() {
    let bench = Bench::with(SandboxConfig {
        token_lifetime_seconds: 600,
        ..SandboxConfig::default()
    })
    .await;
    bench.efi.probe().await.unwrap();
    bench.efi.probe().await.unwrap();
    assert_eq!(tokens(&bench), 1);
    bench.runtime.advance(Duration::from_secs(530));
    bench.efi.probe().await.unwrap();
    assert_eq!(tokens(&bench), 1, "still good");
    bench.runtime.advance(Duration::from_secs(15));
    bench.efi.probe().await.unwrap();
    assert_eq!(tokens(&bench), 2, "a minute before its end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_dropped_and_the_next_send_has_another() {
    let bench = Bench::start().await;
    bench.efi.probe().await.unwrap();
    bench.sandbox.revoke_tokens(GatewayName::Efi);
    let request = bench.efi.prepare_payout(&payout(1)).unwrap();
    match bench.efi.send_payout(&request).await {
        SendVerdict::NotDone(refusal) => {
            assert_eq!(refusal.reason, RefusalReason::TryLater);
            assert_eq!(refusal.code, "token_refused");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        bench.payouts_seen(Gateway::Efi),
        1,
        "the client repeats nothing"
    );
    assert_eq!(tokens(&bench), 1);
    assert_eq!(bench.efi.send_payout(&request).await.class(), "accepted");
    assert_eq!((bench.payouts_seen(Gateway::Efi), tokens(&bench)), (2, 2));
    assert_eq!(bench.sent_cents(&attempt_key(1)), 1050);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lookup_renews_a_refused_token_by_itself() {
    let bench = Bench::start().await;
    bench.efi.probe().await.unwrap();
    bench.sandbox.revoke_tokens(GatewayName::Efi);
    bench.efi.probe().await.unwrap();
    assert_eq!(tokens(&bench), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_credentials_are_a_refused_token() {
    let bench = Bench::start().await;
    let config = gateways::EfiConfig {
        client_id: "nobody".to_owned(),
        ..crate::sandboxed::efi_config(&bench.sandbox)
    };
    let client = gateways::EfiClient::new(config, bench.runtime.clone()).unwrap();
    let request = client.prepare_payout(&payout(1)).unwrap();
    assert_eq!(
        client.send_payout(&request).await,
        SendVerdict::NeverSent(NeverSent::TokenRefused)
    );
    assert!(client.probe().await.is_err());
    assert_eq!(bench.payouts_seen(Gateway::Efi), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_was_not_granted_is_no_authorization() {
    let bench = Bench::start().await;
    bench
        .sandbox
        .change_options(|options| options.scopes.retain(|scope| scope != "pix.send"));
    let request = bench.efi.prepare_payout(&payout(1)).unwrap();
    match bench.efi.send_payout(&request).await {
        SendVerdict::NotDone(refusal) => {
            assert_eq!(refusal.reason, RefusalReason::NotAuthorized);
            assert_eq!(refusal.code, "insufficient_scope");
        }
        other => panic!("{other:?}"),
    }
}
