//! Disputes over received money: the payer contests a PIX, the gateway keeps it from us, and it
//! ends lost (taken for good) or released (ours again).
//!
//! What a lookup shows is compared with what is booked, and [`next_step`] says what to book now. It
//! only goes forward: what is older than the last booking, by the gateway's own time of change, is
//! passed over, and without such a time an end is final. Only what is strictly newer can follow an
//! end: a new dispute after a release, or a lost one given back.

use crate::money::Money;
use crate::time::Moment;

/// Where a booked dispute stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisputeStage {
    Open,
    /// The money was taken for good.
    Lost {
        at: Moment,
    },
    /// The money is ours again.
    Released {
        at: Moment,
    },
}

impl DisputeStage {
    pub const fn name(&self) -> &'static str {
        match self {
            DisputeStage::Open => "open",
            DisputeStage::Lost { .. } => "lost",
            DisputeStage::Released { .. } => "released",
        }
    }

    pub const fn ended_at(&self) -> Option<Moment> {
        match self {
            DisputeStage::Open => None,
            DisputeStage::Lost { at } | DisputeStage::Released { at } => Some(*at),
        }
    }

    /// Reads the stored form: the name, and the end where there is one.
    pub fn restore(name: &str, ended_at: Option<Moment>) -> Option<DisputeStage> {
        match (name, ended_at) {
            ("open", None) => Some(DisputeStage::Open),
            ("lost", Some(at)) => Some(DisputeStage::Lost { at }),
            ("released", Some(at)) => Some(DisputeStage::Released { at }),
            _ => None,
        }
    }
}

/// A dispute as it is booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dispute {
    /// While open: what is blocked for it. Lost: what was taken. Released: what came free.
    pub amount: Money,
    pub stage: DisputeStage,
    /// The gateway's own time of what was booked last, where it tells one.
    pub seen_at: Option<Moment>,
}

/// What a lookup shows of a dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownDispute {
    /// The gateway keeps so much from us until it is decided.
    Open { amount: Money },
    /// It took so much for good.
    Lost { amount: Money },
    /// It keeps nothing: there never was one, or it ended in our favor.
    Nothing,
}

/// What to book now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisputeStep {
    Stay,
    /// A dispute that is not booked yet: block so much. One that is shown lost already is begun all
    /// the same, and lost by the step that follows.
    Begin {
        amount: Money,
    },
    /// More of the pay-in is disputed than is blocked: block so much more.
    Widen {
        by: Money,
    },
    /// So much of what is blocked is gone, and the rest is free.
    Lose {
        taken: Money,
        rest: Money,
    },
    Release,
    /// What was lost came back.
    GiveBack,
}

/// The step does not fit where the dispute stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a dispute that is {stage} cannot take this step")]
pub struct IllegalDisputeStep {
    pub stage: &'static str,
}

/// What follows from a look at `seen_at` (the gateway's time). `last` is the latest dispute booked
/// under its key, `left` what of the pay-in is neither gone nor blocked.
pub fn next_step(
    last: Option<&Dispute>,
    shown: ShownDispute,
    seen_at: Option<Moment>,
    left: Money,
) -> DisputeStep {
    let Some(last) = last else {
        return begin(shown, left);
    };
    let times = last.seen_at.zip(seen_at);
    if times.is_some_and(|(booked, seen)| seen < booked) {
        return DisputeStep::Stay;
    }
    let is_news = times.is_some_and(|(booked, seen)| seen > booked);
    // What may still be blocked of what is disputed beyond what is blocked.
    let more = |amount: Money| {
        let beyond = amount.checked_sub(last.amount);
        beyond.unwrap_or(Money::ZERO).min(left)
    };
    match (last.stage, shown) {
        (DisputeStage::Open, ShownDispute::Open { amount } | ShownDispute::Lost { amount })
            if !more(amount).is_zero() =>
        {
            DisputeStep::Widen { by: more(amount) }
        }
        (DisputeStage::Open, ShownDispute::Open { .. }) => DisputeStep::Stay,
        (DisputeStage::Open, ShownDispute::Lost { amount }) => {
            let taken = amount.min(last.amount);
            DisputeStep::Lose {
                taken,
                rest: last.amount.checked_sub(taken).unwrap_or(Money::ZERO),
            }
        }
        (DisputeStage::Open, ShownDispute::Nothing) => DisputeStep::Release,
        (DisputeStage::Lost { .. }, ShownDispute::Nothing) if is_news && !last.amount.is_zero() => {
            DisputeStep::GiveBack
        }
        (DisputeStage::Released { .. }, ShownDispute::Open { .. } | ShownDispute::Lost { .. })
            if is_news =>
        {
            begin(shown, left)
        }
        (DisputeStage::Lost { .. } | DisputeStage::Released { .. }, _) => DisputeStep::Stay,
    }
}

fn begin(shown: ShownDispute, left: Money) -> DisputeStep {
    match shown {
        ShownDispute::Open { amount } | ShownDispute::Lost { amount } => {
            let amount = amount.min(left);
            if amount.is_zero() {
                DisputeStep::Stay
            } else {
                DisputeStep::Begin { amount }
            }
        }
        ShownDispute::Nothing => DisputeStep::Stay,
    }
}

impl Dispute {
    /// A dispute just begun.
    pub const fn begun(amount: Money, seen_at: Option<Moment>) -> Dispute {
        Dispute {
            amount,
            stage: DisputeStage::Open,
            seen_at,
        }
    }

    /// The dispute after a step that keeps it. [`DisputeStep::Begin`] makes a new one instead.
    pub fn step(
        self,
        step: DisputeStep,
        seen_at: Option<Moment>,
        now: Moment,
    ) -> Result<Dispute, IllegalDisputeStep> {
        let illegal = IllegalDisputeStep {
            stage: self.stage.name(),
        };
        let (amount, stage) = match (self.stage, step) {
            (DisputeStage::Open, DisputeStep::Widen { by }) => {
                let amount = self.amount.checked_add(by).ok_or(illegal)?;
                (amount, DisputeStage::Open)
            }
            (DisputeStage::Open, DisputeStep::Lose { taken, .. }) => {
                (taken, DisputeStage::Lost { at: now })
            }
            (DisputeStage::Open, DisputeStep::Release)
            | (DisputeStage::Lost { .. }, DisputeStep::GiveBack) => {
                (self.amount, DisputeStage::Released { at: now })
            }
            (
                DisputeStage::Open | DisputeStage::Lost { .. } | DisputeStage::Released { .. },
                DisputeStep::Stay
                | DisputeStep::Begin { .. }
                | DisputeStep::Widen { .. }
                | DisputeStep::Lose { .. }
                | DisputeStep::Release
                | DisputeStep::GiveBack,
            ) => return Err(illegal),
        };
        Ok(Dispute {
            amount,
            stage,
            seen_at: seen_at.or(self.seen_at),
        })
    }

    /// The gateway gave back part of what was blocked, outside of the dispute: so much less stands
    /// blocked. With nothing left it is over, and took nothing itself.
    pub fn shrink(self, by: Money, now: Moment) -> Result<Dispute, IllegalDisputeStep> {
        let illegal = IllegalDisputeStep {
            stage: self.stage.name(),
        };
        match self.stage {
            DisputeStage::Open => {
                let amount = self.amount.checked_sub(by).ok_or(illegal)?;
                let stage = if amount.is_zero() {
                    DisputeStage::Lost { at: now }
                } else {
                    DisputeStage::Open
                };
                Ok(Dispute {
                    amount,
                    stage,
                    ..self
                })
            }
            DisputeStage::Lost { .. } | DisputeStage::Released { .. } => Err(illegal),
        }
    }

    /// What it blocks now.
    pub const fn blocked(&self) -> Money {
        match self.stage {
            DisputeStage::Open => self.amount,
            DisputeStage::Lost { .. } | DisputeStage::Released { .. } => Money::ZERO,
        }
    }

    /// What it took for good.
    pub const fn lost(&self) -> Money {
        match self.stage {
            DisputeStage::Lost { .. } => self.amount,
            DisputeStage::Open | DisputeStage::Released { .. } => Money::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cents(cents: i64) -> Money {
        Money::from_cents(cents).unwrap()
    }
    fn at(micros: i64) -> Option<Moment> {
        Some(Moment::from_micros(micros))
    }
    fn open(amount: i64) -> ShownDispute {
        ShownDispute::Open {
            amount: cents(amount),
        }
    }
    fn lost(amount: i64) -> ShownDispute {
        ShownDispute::Lost {
            amount: cents(amount),
        }
    }
    const END: Moment = Moment::from_micros(9);

    #[test]
    fn table_of_steps() {
        let dispute = |stage| Dispute {
            amount: cents(60),
            stage,
            seen_at: at(10),
        };
        let (is_open, is_lost, is_released) = (
            dispute(DisputeStage::Open),
            dispute(DisputeStage::Lost { at: END }),
            dispute(DisputeStage::Released { at: END }),
        );
        let lose = |taken, rest| DisputeStep::Lose {
            taken: cents(taken),
            rest: cents(rest),
        };
        let begin = |amount| DisputeStep::Begin {
            amount: cents(amount),
        };
        let nothing = ShownDispute::Nothing;
        for (last, shown, seen_at, left, expected) in [
            (None, nothing, None, 100, DisputeStep::Stay),
            (None, open(60), None, 100, begin(60)),
            // No more than is left can be blocked.
            (None, open(60), None, 40, begin(40)),
            (None, open(60), None, 0, DisputeStep::Stay),
            (None, lost(60), None, 100, begin(60)),
            (Some(is_open), open(60), at(10), 40, DisputeStep::Stay),
            (Some(is_open), open(50), at(11), 40, DisputeStep::Stay),
            (
                Some(is_open),
                open(80),
                at(10),
                40,
                DisputeStep::Widen { by: cents(20) },
            ),
            (
                Some(is_open),
                open(80),
                at(10),
                5,
                DisputeStep::Widen { by: cents(5) },
            ),
            (Some(is_open), lost(60), at(10), 40, lose(60, 0)),
            (Some(is_open), lost(45), at(11), 40, lose(45, 15)),
            (Some(is_open), lost(99), None, 0, lose(60, 0)),
            (
                Some(is_open),
                lost(99),
                None,
                40,
                DisputeStep::Widen { by: cents(39) },
            ),
            (Some(is_open), nothing, at(10), 40, DisputeStep::Release),
            // Older than what is booked.
            (Some(is_open), nothing, at(9), 40, DisputeStep::Stay),
            (Some(is_open), lost(60), at(9), 40, DisputeStep::Stay),
            (Some(is_lost), open(60), at(11), 40, DisputeStep::Stay),
            (Some(is_lost), lost(60), at(11), 40, DisputeStep::Stay),
            (Some(is_lost), nothing, at(10), 40, DisputeStep::Stay),
            (Some(is_lost), nothing, None, 40, DisputeStep::Stay),
            (Some(is_lost), nothing, at(11), 40, DisputeStep::GiveBack),
            (Some(is_released), nothing, at(11), 100, DisputeStep::Stay),
            (Some(is_released), open(60), at(10), 100, DisputeStep::Stay),
            (Some(is_released), open(60), None, 100, DisputeStep::Stay),
            (Some(is_released), open(60), at(11), 100, begin(60)),
            (Some(is_released), lost(60), at(11), 100, begin(60)),
        ] {
            assert_eq!(
                next_step(last.as_ref(), shown, seen_at, cents(left)),
                expected,
                "{last:?} {shown:?} {seen_at:?} {left}"
            );
        }
    }

    #[test]
    fn steps_that_do_not_fit_are_refused() {
        let begun = Dispute::begun(cents(60), None);
        let lose = DisputeStep::Lose {
            taken: cents(45),
            rest: cents(15),
        };
        let ended = begun.step(lose, at(3), END).unwrap();
        assert_eq!((ended.lost(), ended.blocked()), (cents(45), Money::ZERO));
        assert_eq!(ended.seen_at, at(3));
        for step in [DisputeStep::Release, lose, DisputeStep::Stay] {
            assert!(ended.step(step, None, END).is_err(), "{step:?}");
        }
        let back = ended.step(DisputeStep::GiveBack, None, END).unwrap();
        assert_eq!((back.lost(), back.amount), (Money::ZERO, cents(45)));
        assert!(back.step(DisputeStep::GiveBack, None, END).is_err());
        assert!(begun.step(DisputeStep::GiveBack, None, END).is_err());
        assert_eq!(begun.shrink(cents(20), END).unwrap().blocked(), cents(40));
        assert!(begun.shrink(cents(61), END).is_err());
        assert!(ended.shrink(cents(1), END).is_err());
        let emptied = begun.shrink(cents(60), END).unwrap();
        assert_eq!(
            (emptied.stage, emptied.lost()),
            (DisputeStage::Lost { at: END }, Money::ZERO)
        );
        let later = next_step(Some(&emptied), ShownDispute::Nothing, at(99), cents(0));
        assert_eq!(later, DisputeStep::Stay);
    }

    #[test]
    fn the_stored_form_round_trips() {
        for stage in [
            DisputeStage::Open,
            DisputeStage::Lost { at: END },
            DisputeStage::Released { at: END },
        ] {
            let restored = DisputeStage::restore(stage.name(), stage.ended_at());
            assert_eq!(restored, Some(stage));
        }
        assert_eq!(DisputeStage::restore("open", Some(END)), None);
        assert_eq!(DisputeStage::restore("lost", None), None);
    }

    /// Applies what is shown until nothing more follows, as the use case does.
    fn settle(
        disputes: &mut Vec<Dispute>,
        shown: ShownDispute,
        seen_at: Option<Moment>,
        whole: Money,
    ) {
        for _ in 0..4 {
            let gone = Money::sum(disputes.iter().flat_map(|d| [d.blocked(), d.lost()])).unwrap();
            let left = whole.checked_sub(gone).expect("never more than the whole");
            match next_step(disputes.last(), shown, seen_at, left) {
                DisputeStep::Stay => return,
                DisputeStep::Begin { amount } => disputes.push(Dispute::begun(amount, seen_at)),
                step => {
                    let last = disputes.pop().unwrap();
                    disputes.push(last.step(step, seen_at, END).unwrap());
                }
            }
        }
        panic!("it does not come to rest");
    }

    proptest! {
        /// Whatever comes late or twice, the newest look decides, and seeing it again does nothing.
        #[test]
        fn the_newest_look_decides(
            looks in proptest::collection::vec((0i64..6, 0u8..3), 1..12),
        ) {
            // One time shows one state.
            let shown_at = |time: i64| {
                let kinds = looks.iter().find(|(other, _)| *other == time).unwrap().1;
                match kinds { 0 => open(60), 1 => lost(60), _ => ShownDispute::Nothing }
            };
            let mut disputes = Vec::new();
            for (time, _) in &looks {
                settle(&mut disputes, shown_at(*time), at(*time), cents(100));
            }
            let newest = looks.iter().map(|(time, _)| *time).max().unwrap();
            settle(&mut disputes, shown_at(newest), at(newest), cents(100));
            let rest = disputes.clone();
            settle(&mut disputes, shown_at(newest), at(newest), cents(100));
            prop_assert_eq!(&rest, &disputes);
            let blocked = Money::sum(disputes.iter().map(Dispute::blocked)).unwrap();
            let taken = Money::sum(disputes.iter().map(Dispute::lost)).unwrap();
            match shown_at(newest) {
                ShownDispute::Nothing => prop_assert_eq!((blocked, taken), (Money::ZERO, Money::ZERO)),
                ShownDispute::Lost { .. } => prop_assert_eq!((blocked, taken), (Money::ZERO, cents(60))),
                // A lost one stays lost, however it is called later.
                ShownDispute::Open { .. } => {
                    prop_assert_eq!(blocked.checked_add(taken), Some(cents(60)));
                }
            }
        }
    }
}
