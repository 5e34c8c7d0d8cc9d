//! Every fault of the gateway boundary and the end it leads to.

use domain::gateway::Gateway::{Efi, MercadoPago};
use domain::outcome::{NeverSent, RefusalReason, UnknownCause};
use domain::time::Span;
use sim::faults::{Fault, LookupFault, Script};

use crate::world::{OPENING, World};

/// The end of one payout of 10.00 under a script: stage, the gateway that paid, attempts made.
fn end_of(script: Script) -> (String, Option<&'static str>, usize) {
    let world = World::new(7, script);
    let runtime = world.runtime.clone();
    runtime.block_on(async {
        let id = world.request("order-1", 1_000).await;
        world.work_for(Span::from_seconds(600)).await;
        world.audit(id).await;
        world.audit_sends(&[id]).await;
        let record = world.record(id).await;
        let wallet = world.app.store.wallet(world.wallet).await.unwrap().unwrap();
        let spent = if record.row.stage == "settled" {
            1_000
        } else {
            0
        };
        if record.row.status != domain::status::Status::Pending {
            assert_eq!(
                (wallet.available.cents(), wallet.held.cents()),
                (OPENING - spent, 0)
            );
        } else {
            assert_eq!(
                (wallet.available.cents(), wallet.held.cents()),
                (OPENING - 1_000, 1_000)
            );
        }
        let paid = world.executed().first().map(|done| done.gateway.as_str());
        (record.row.stage, paid, record.attempts.len())
    })
}

fn settled(gateway: &'static str, attempts: usize) -> (String, Option<&'static str>, usize) {
    ("settled".to_owned(), Some(gateway), attempts)
}

#[test]
fn the_primary_pays_and_late_settlement_is_waited_for() {
    assert_eq!(end_of(Script::default()), settled("efi", 1));
    let late = Script::default().sends(Efi, [Fault::SettleLate(Span::from_seconds(90))]);
    assert_eq!(end_of(late), settled("efi", 1));
}

#[test]
fn three_tries_here_then_the_fallback_with_a_licence() {
    let unreachable = || std::iter::repeat_n(Fault::NeverSent(NeverSent::Connect), 3);
    assert_eq!(
        end_of(Script::default().sends(Efi, unreachable())),
        settled("mercado_pago", 2)
    );
    let twice = std::iter::repeat_n(Fault::NeverSent(NeverSent::Connect), 2);
    assert_eq!(
        end_of(Script::default().sends(Efi, twice)),
        settled("efi", 1)
    );
    let both = Script::default()
        .sends(Efi, unreachable())
        .sends(MercadoPago, unreachable());
    assert_eq!(end_of(both), ("rejected".to_owned(), None, 2));
}

#[test]
fn refusals_follow_their_closed_list() {
    let refuse = |reason| Script::default().sends(Efi, [Fault::Refuse(reason)]);
    assert_eq!(
        end_of(refuse(RefusalReason::InsufficientFloat)),
        settled("mercado_pago", 2)
    );
    assert_eq!(
        end_of(refuse(RefusalReason::NotAuthorized)),
        settled("mercado_pago", 2)
    );
    assert_eq!(
        end_of(refuse(RefusalReason::RiskRefused)),
        ("rejected".to_owned(), None, 1)
    );
    assert_eq!(
        end_of(refuse(RefusalReason::PayeeKeyNotFound)),
        ("rejected".to_owned(), None, 1)
    );
    assert_eq!(
        end_of(refuse(RefusalReason::Scheme("AB03".into()))),
        settled("efi", 2)
    );
    assert_eq!(
        end_of(refuse(RefusalReason::Scheme("DUPL".into()))),
        settled("efi", 1)
    );
}

#[test]
fn a_lost_reply_is_resolved_and_never_paid_again() {
    for cause in [
        UnknownCause::Timeout,
        UnknownCause::ConnectionLost,
        UnknownCause::ServerError,
    ] {
        let lost = Script::default().sends(Efi, [Fault::LostAfter(cause)]);
        assert_eq!(end_of(lost), settled("efi", 1));
    }
}

#[test]
fn a_lost_request_is_sent_again_under_its_own_key() {
    let lost = Script::default().sends(Efi, [Fault::LostBefore(UnknownCause::Timeout)]);
    assert_eq!(end_of(lost), settled("efi", 1));
}

#[test]
fn a_gateway_that_only_repeats_itself_is_asked_by_the_same_bytes() {
    let script = Script::default()
        .sends(
            Efi,
            std::iter::repeat_n(Fault::NeverSent(NeverSent::Connect), 3),
        )
        .sends(
            MercadoPago,
            [Fault::LostAfter(UnknownCause::Timeout), Fault::Healthy],
        );
    assert_eq!(end_of(script), settled("mercado_pago", 2));
}

#[test]
fn a_late_refusal_licenses_the_fallback() {
    let doomed = Script::default().sends(Efi, [Fault::RejectLate(Span::from_seconds(5))]);
    assert_eq!(end_of(doomed), settled("mercado_pago", 2));
}

#[test]
fn a_delayed_request_is_never_paid_beside_the_fallback() {
    let delayed = Script::default().sends(
        Efi,
        std::iter::once(Fault::Delayed(UnknownCause::Timeout, None)).chain(std::iter::repeat_n(
            Fault::Refuse(RefusalReason::NotAuthorized),
            20,
        )),
    );
    let (stage, paid, attempts) = end_of(delayed);
    assert_eq!(
        (stage.as_str(), paid, attempts),
        ("in_doubt", Some("efi"), 1),
        "the fallback was never licensed"
    );
}

#[test]
fn a_lookup_that_finds_nothing_is_no_proof() {
    let blind = Script::default()
        .sends(Efi, [Fault::LostAfter(UnknownCause::Timeout)])
        .lookups(Efi, std::iter::repeat_n(LookupFault::NotFound, 4));
    assert_eq!(end_of(blind), settled("efi", 1));
}

#[test]
fn what_stays_unknown_goes_to_people_with_the_money_held() {
    let world = World::new(
        3,
        Script::default()
            .sends(
                Efi,
                std::iter::repeat_n(Fault::LostBefore(UnknownCause::Timeout), 50),
            )
            .lookups(
                Efi,
                std::iter::repeat_n(LookupFault::Unclear(UnknownCause::ServerError), 5_000),
            ),
    );
    let runtime = world.runtime.clone();
    runtime.block_on(async {
        let id = world.request("order-1", 1_000).await;
        world.work_for(Span::from_seconds(3_600)).await;
        world.audit(id).await;
        world.audit_sends(&[id]).await;
        assert_eq!(world.record(id).await.row.stage, "in_review");
        let wallet = world.app.store.wallet(world.wallet).await.unwrap().unwrap();
        assert_eq!(wallet.held.cents(), 1_000);
        let alerts = world.app.store.alerts(10).await.unwrap();
        assert!(
            alerts.iter().any(|alert| alert.kind == "payout_in_review"),
            "{alerts:?}"
        );
        let sends = world.sends();
        world.work_for(Span::from_seconds(3_600)).await;
        assert_eq!(world.sends(), sends, "nothing is sent from review");
    });
}
