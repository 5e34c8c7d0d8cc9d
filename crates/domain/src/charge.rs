//! Money coming in: the states of a charge.
//!
//! Real money is always credited, whatever the charge's state: a pay-in on an expired or cancelled
//! charge makes it paid and flags it late. Expiry and cancellation follow what the gateway shows,
//! not our clock alone.

use crate::money::Money;
use crate::status::Status;
use crate::time::Moment;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChargeStage {
    /// No gateway has made the code yet.
    Creating,
    AwaitingPayment,
    /// Something was paid, but less than the amount.
    Underpaid {
        paid: Money,
    },
    Paid {
        paid: Money,
        at: Moment,
        late: bool,
    },
    /// The gateway confirmed the expiry; `paid` stays credited.
    Expired {
        paid: Money,
    },
    Cancelled,
    CreationFailed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChargeStep {
    /// A gateway made the code.
    Created,
    /// Money arrived; `total` is all that has arrived so far.
    PayIn {
        total: Money,
    },
    ConfirmedExpired,
    ConfirmedCancelled,
    CreationFailed,
}

/// The step is not legal in this state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a charge in stage {stage} cannot take this step")]
pub struct IllegalChargeStep {
    pub stage: &'static str,
}

impl ChargeStage {
    pub const NAMES: [&'static str; 7] = [
        "creating",
        "awaiting_payment",
        "underpaid",
        "paid",
        "expired",
        "cancelled",
        "creation_failed",
    ];

    pub const fn name(&self) -> &'static str {
        match self {
            ChargeStage::Creating => "creating",
            ChargeStage::AwaitingPayment => "awaiting_payment",
            ChargeStage::Underpaid { .. } => "underpaid",
            ChargeStage::Paid { .. } => "paid",
            ChargeStage::Expired { .. } => "expired",
            ChargeStage::Cancelled => "cancelled",
            ChargeStage::CreationFailed => "creation_failed",
        }
    }

    pub const fn status(&self) -> Status {
        match self {
            ChargeStage::Creating
            | ChargeStage::AwaitingPayment
            | ChargeStage::Underpaid { .. } => Status::Pending,
            ChargeStage::Paid { .. } => Status::Success,
            ChargeStage::Expired { .. } | ChargeStage::Cancelled | ChargeStage::CreationFailed => {
                Status::Failed
            }
        }
    }

    /// Takes one step at `now` of a charge over `amount`.
    pub fn step(
        self,
        amount: Money,
        step: ChargeStep,
        now: Moment,
    ) -> Result<ChargeStage, IllegalChargeStep> {
        use ChargeStage as S;
        use ChargeStep as T;
        match (self, step) {
            (S::Creating, T::Created) => Ok(S::AwaitingPayment),
            (S::Creating, T::CreationFailed) => Ok(S::CreationFailed),
            (S::Paid { at, late, .. }, T::PayIn { total }) => Ok(S::Paid {
                paid: total,
                at,
                late,
            }),
            (S::Creating | S::AwaitingPayment | S::Underpaid { .. }, T::PayIn { total }) => {
                Ok(if total >= amount {
                    S::Paid {
                        paid: total,
                        at: now,
                        late: false,
                    }
                } else {
                    S::Underpaid { paid: total }
                })
            }
            (S::Expired { .. } | S::Cancelled | S::CreationFailed, T::PayIn { total })
                if total >= amount =>
            {
                Ok(S::Paid {
                    paid: total,
                    at: now,
                    late: true,
                })
            }
            // Too little and too late: credited, but the charge stays what it is.
            (S::Expired { .. }, T::PayIn { total }) => Ok(S::Expired { paid: total }),
            (stage @ (S::Cancelled | S::CreationFailed), T::PayIn { .. }) => Ok(stage),
            (S::AwaitingPayment, T::ConfirmedExpired) => Ok(S::Expired { paid: Money::ZERO }),
            (S::Underpaid { paid }, T::ConfirmedExpired) => Ok(S::Expired { paid }),
            (S::Creating | S::AwaitingPayment, T::ConfirmedCancelled) => Ok(S::Cancelled),
            (
                stage,
                T::Created | T::CreationFailed | T::ConfirmedExpired | T::ConfirmedCancelled,
            ) => Err(IllegalChargeStep {
                stage: stage.name(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cents(cents: i64) -> Money {
        Money::from_cents(cents).unwrap()
    }
    const NOW: Moment = Moment::from_micros(7);

    fn step(stage: ChargeStage, step: ChargeStep) -> Result<ChargeStage, IllegalChargeStep> {
        stage.step(cents(100), step, NOW)
    }

    #[test]
    fn underpaid_becomes_paid_or_expires_with_what_was_paid() {
        let part = step(
            ChargeStage::AwaitingPayment,
            ChargeStep::PayIn { total: cents(40) },
        )
        .unwrap();
        assert_eq!(part, ChargeStage::Underpaid { paid: cents(40) });
        assert_eq!(
            step(part, ChargeStep::ConfirmedExpired),
            Ok(ChargeStage::Expired { paid: cents(40) })
        );
        let paid = step(part, ChargeStep::PayIn { total: cents(120) }).unwrap();
        assert_eq!(
            paid,
            ChargeStage::Paid {
                paid: cents(120),
                at: NOW,
                late: false
            }
        );
    }

    #[test]
    fn money_after_the_end_makes_it_paid_late() {
        for ended in [
            ChargeStage::Expired { paid: Money::ZERO },
            ChargeStage::Cancelled,
            ChargeStage::CreationFailed,
        ] {
            let late = step(ended, ChargeStep::PayIn { total: cents(100) }).unwrap();
            assert_eq!(
                late,
                ChargeStage::Paid {
                    paid: cents(100),
                    at: NOW,
                    late: true
                }
            );
            assert!(
                step(ended, ChargeStep::PayIn { total: cents(99) })
                    .unwrap()
                    .status()
                    == Status::Failed
            );
        }
    }

    #[test]
    fn a_paid_charge_neither_expires_nor_is_cancelled() {
        let paid = ChargeStage::Paid {
            paid: cents(100),
            at: NOW,
            late: false,
        };
        for refused in [
            ChargeStep::ConfirmedExpired,
            ChargeStep::ConfirmedCancelled,
            ChargeStep::Created,
            ChargeStep::CreationFailed,
        ] {
            assert!(step(paid, refused).is_err(), "{refused:?}");
        }
        assert!(
            step(
                ChargeStage::Underpaid { paid: cents(1) },
                ChargeStep::ConfirmedCancelled
            )
            .is_err()
        );
    }
}
