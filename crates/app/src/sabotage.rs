//! Guards taken away on purpose, to see whether the simulator notices.
//!
//! Each sabotage is a defect that a wallet could really have, and stands as one line at the guard
//! that prevents it. They are compiled in with the cargo feature `sabotage` alone, which builds
//! without debug assertions refuse, and one is chosen for a thread at run time. Without the feature
//! [`is`] is a constant `false` and nothing of this is left in the program.

macro_rules! sabotages {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Sabotage { $($(#[$doc])* $variant),* }

        impl Sabotage {
            pub const ALL: &'static [Sabotage] = &[$(Sabotage::$variant),*];

            pub const fn name(self) -> &'static str {
                match self { $(Sabotage::$variant => $name),* }
            }

            pub fn parse(text: &str) -> Option<Sabotage> {
                match text { $($name => Some(Sabotage::$variant),)* _ => None }
            }
        }
    };
}

sabotages! {
    /// An unknown outcome frees the payment for the other gateway.
    FailOverWithoutLicence = "fail_over_without_licence",
    /// A timeout gives the money back.
    ReleaseOnTimeout = "release_on_timeout",
    /// Each further send of an attempt has a key of its own.
    NewKeyPerRetry = "new_key_per_retry",
    /// A notification's word is credited without a lookup.
    CreditFromNotification = "credit_from_notification",
    /// Nothing keeps a second attempt from being live: neither the schema nor the dispatch, nor the
    /// gateway, since each attempt's key is drawn.
    SecondLiveAttempt = "second_live_attempt",
    /// The job of a payout is written in a commit of its own.
    CommitThenEnqueue = "commit_then_enqueue",
    /// A server's error counts as not done.
    ServerErrorIsNotDone = "server_error_is_not_done",
    /// Only the last send of an attempt is judged.
    RefusedResendClearsTimeout = "refused_resend_clears_timeout",
    /// A send is opened by whoever had the job once.
    SendWithoutToken = "send_without_token",
    /// A second notification about the same thing is thrown away.
    NotificationOncePerIdentity = "notification_once_per_identity",
    /// The stream of events goes on after the last id read.
    EventsById = "events_by_id",
    /// What a gateway took back is booked at every look.
    ReversalAtEveryLook = "reversal_at_every_look",
    /// A refund may be more than what is left.
    RefundOverRemainder = "refund_over_remainder",
    /// What a gateway accepted counts as settled.
    AcceptedIsSettled = "accepted_is_settled",
    /// What a gateway does not find was not done.
    AbsenceIsProof = "absence_is_proof",
    /// The same bytes are sent again however late.
    ResendPastWindow = "resend_past_window",
    /// A send is transmitted however long ago it was decided.
    StaleSend = "stale_send",
    /// A payout can be cancelled in any stage.
    CancelInAnyStage = "cancel_in_any_stage",
    /// A request under a known key is taken for a new one.
    ForgottenKeys = "forgotten_keys",
    /// A settlement is not told.
    SilentSettlement = "silent_settlement",
    /// The fee stays held when money is given back.
    FeeStaysHeld = "fee_stays_held",
    /// A gateway's risk refusal is tried elsewhere.
    RiskGoesElsewhere = "risk_goes_elsewhere",
    /// What becomes known of an earlier attempt moves the payment, and nobody asks for the others.
    EarlierAttemptMoves = "earlier_attempt_moves",
    /// A refund that one gateway refuses is tried through the other.
    RefundElsewhere = "refund_elsewhere",
    /// A charge ends when its time is over, without a look.
    ExpiryByClock = "expiry_by_clock",
    /// Any pay-in pays a charge.
    PartPaymentPays = "part_payment_pays",
    /// Nobody looks for pending payments without a job.
    NoSweep = "no_sweep",
    /// A gateway is called before the intent is committed.
    CallBeforeCommit = "call_before_commit",
    /// Who proposes may approve.
    ApproveOwnProposal = "approve_own_proposal",
    /// A proposal is approved although more is known by now.
    ApproveOnMovedEvidence = "approve_on_moved_evidence",
}

#[cfg(all(feature = "sabotage", not(debug_assertions)))]
compile_error!("the feature `sabotage` takes guards away and is not for builds that handle money");

#[cfg(feature = "sabotage")]
mod chosen {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeSet;

    use domain::outcome::{Evidence, Execution, Refusal, RefusalReason, SendVerdict, UnknownCause};

    use super::Sabotage;

    thread_local! {
        static CHOSEN: Cell<Option<Sabotage>> = const { Cell::new(None) };
        static SEEN: RefCell<BTreeSet<Vec<u8>>> = const { RefCell::new(BTreeSet::new()) };
    }

    /// Whether this guard is taken away on this thread.
    pub fn is(sabotage: Sabotage) -> bool {
        CHOSEN.get() == Some(sabotage)
    }

    /// Takes a guard away for what follows on this thread, or puts all of them back.
    pub fn choose(sabotage: Option<Sabotage>) {
        CHOSEN.set(sabotage);
        SEEN.take();
    }

    /// Whether a notification with these bytes came before, where that is held against it.
    pub fn is_known(body: &[u8]) -> bool {
        is(Sabotage::NotificationOncePerIdentity)
            && !SEEN.with_borrow_mut(|seen| seen.insert(body.to_vec()))
    }

    /// Reads what is stored of an attempt otherwise than it was meant.
    pub fn misread(verdicts: &mut Vec<Option<SendVerdict>>, evidence: &mut [Evidence]) {
        let Some(chosen) = CHOSEN.get() else { return };
        if chosen == Sabotage::RefusedResendClearsTimeout && verdicts.len() > 1 {
            verdicts.drain(..verdicts.len() - 1);
        }
        for verdict in verdicts.iter_mut().flatten() {
            if let Some(wrong) = misread_verdict(chosen, verdict) {
                *verdict = wrong;
            }
        }
        for item in evidence {
            if chosen == Sabotage::AbsenceIsProof && *item == Evidence::NotFound {
                *item = Evidence::Refused(refusal(RefusalReason::Unexplained));
            }
        }
    }

    fn misread_verdict(chosen: Sabotage, verdict: &SendVerdict) -> Option<SendVerdict> {
        let reason = match (chosen, verdict) {
            (Sabotage::FailOverWithoutLicence, SendVerdict::Unknown(_)) => {
                RefusalReason::GatewayLimit
            }
            (Sabotage::ReleaseOnTimeout, SendVerdict::Unknown(UnknownCause::Timeout)) => {
                RefusalReason::PayeeRefused
            }
            (Sabotage::ServerErrorIsNotDone, SendVerdict::Unknown(UnknownCause::ServerError)) => {
                RefusalReason::TryLater
            }
            (Sabotage::RiskGoesElsewhere, SendVerdict::NotDone(refused))
                if refused.reason == RefusalReason::RiskRefused =>
            {
                RefusalReason::GatewayLimit
            }
            (Sabotage::AcceptedIsSettled, SendVerdict::Accepted(accepted)) => {
                return Some(SendVerdict::Settled(Execution {
                    gateway_reference: accepted.gateway_reference.clone(),
                    end_to_end_id: accepted.end_to_end_id.clone(),
                }));
            }
            _ => return None,
        };
        Some(SendVerdict::NotDone(refusal(reason)))
    }

    fn refusal(reason: RefusalReason) -> Refusal {
        Refusal {
            code: "sabotaged".to_owned(),
            reason,
        }
    }
}

#[cfg(feature = "sabotage")]
pub use chosen::{choose, is, is_known, misread};

#[cfg(not(feature = "sabotage"))]
mod none {
    use domain::outcome::{Evidence, SendVerdict};

    use super::Sabotage;

    /// Whether this guard is taken away: never.
    pub const fn is(_: Sabotage) -> bool {
        false
    }

    pub const fn is_known(_: &[u8]) -> bool {
        false
    }

    pub const fn misread(_: &mut Vec<Option<SendVerdict>>, _: &mut [Evidence]) {}
}

#[cfg(not(feature = "sabotage"))]
pub use none::{is, is_known, misread};
