//! What happens in one run: what people ask for, and what goes wrong.
//!
//! A plan is drawn from the seed alone, as two lists of separate elements. Each element can be left
//! out without changing what the others are, so that a failing plan can be shrunk to the few that
//! matter. Names are `o1, o2 …` for what is asked and `m1, m2 …` for mishaps.

use std::collections::BTreeSet;
use std::fmt;

use domain::gateway::Gateway;
use domain::outcome::{NeverSent, RefusalReason, UnknownCause};
use domain::time::Span;

use crate::faults::{Fault, LookupFault};
use crate::points::Interruption;
use crate::runtime::{Process, splitmix};

/// Everything that is asked for happens within this time.
pub const ACTIVE: u32 = 120;
/// The wallets that take part.
pub const WALLETS: u32 = 3;

/// Something that somebody does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// `o` and this.
    pub number: u32,
    /// Milliseconds after the start.
    pub at: u32,
    pub wallet: u32,
    pub action: Action,
}

/// What is done. Numbers name earlier operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Payout {
        cents: i64,
    },
    /// To the code of one of our own charges.
    PayoutInside {
        charge: u32,
    },
    Charge {
        cents: i64,
        expires_in: u32,
    },
    Transfer {
        cents: i64,
        to: u32,
    },
    Refund {
        charge: u32,
        cents: Option<i64>,
    },
    Cancel {
        of: u32,
    },
    /// The same request again.
    Repeat {
        of: u32,
    },
    /// Another request under the same key.
    Conflict {
        of: u32,
    },
    /// The outside pays a charge.
    Pay {
        charge: u32,
        percent: i64,
    },
    /// The outside pays our account, naming no charge.
    PayNobody {
        gateway: Gateway,
        cents: i64,
    },
    /// The payee sends some of a payout back.
    SendBack {
        payout: u32,
        percent: i64,
    },
    /// The gateway takes some of a pay-in back.
    Reverse {
        charge: u32,
        percent: i64,
    },
    /// Two operators look at what is in review.
    Review {
        mistaken: bool,
    },
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mishap {
    /// `m` and this.
    pub number: u32,
    pub what: Trouble,
}

/// What goes wrong is bound to an operation or to a time, so that it stays where it is when other
/// elements are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The n-th call of this kind that a gateway gets for an operation.
    Call {
        gateway: Gateway,
        call: Call,
        of: u32,
        nth: u64,
        fault: Fault,
    },
    /// The n-th look of an operation at a gateway.
    Lookup {
        gateway: Gateway,
        of: u32,
        nth: u64,
        fault: LookupFault,
    },
    /// From and for how many milliseconds every call of a gateway goes like this.
    Outage {
        gateway: Gateway,
        at: u32,
        millis: u32,
        fault: Fault,
    },
    /// At the n-th point that a process passes after this time.
    Interrupt {
        process: Process,
        at: u32,
        nth: u64,
        how: Interruption,
    },
    /// A worker stands still between the intent of the n-th send of an operation and its call.
    Stall {
        of: u32,
        nth: u64,
        seconds: u32,
    },
    /// The database is away.
    StoreAway {
        at: u32,
        millis: u32,
    },
    /// The answer of the n-th commit after this time is lost.
    CommitUnanswered {
        at: u32,
        nth: u64,
    },
    CacheForgets {
        process: Process,
        at: u32,
    },
    JobsDeleted {
        at: u32,
    },
    ClockJumps {
        at: u32,
        millis: u32,
        back: bool,
    },
    /// The n-th notification about an operation.
    Notice {
        of: u32,
        nth: u64,
        how: NoticeTrouble,
    },
    /// Somebody sends a notification of his own making about an operation.
    Forgery {
        gateway: Gateway,
        at: u32,
        of: u32,
    },
}

/// Which calls of a gateway are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    Send,
    Refund,
    Charge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeTrouble {
    Lost,
    Doubled,
    Late(Span),
}

/// A whole plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub seed: u64,
    /// Draws whose turn it is and how long the network takes.
    pub schedule: u64,
    pub operations: Vec<Operation>,
    pub mishaps: Vec<Mishap>,
    /// What lies at each gateway at the beginning, in centavos.
    pub float: i64,
    /// The gateway that payouts go to first.
    pub primary: Gateway,
}

/// Which elements of a plan to keep.
pub type Keep = BTreeSet<(char, u32)>;

impl Plan {
    /// Draws the plan of a seed.
    pub fn of(seed: u64) -> Plan {
        let mut dice = Dice(seed ^ 0x5049_5857_4156_4531);
        let count = 40 + dice.below(81);
        let mut operations: Vec<Operation> = Vec::new();
        for number in 1..=count {
            let operation = dice.operation(number, &operations);
            operations.push(operation);
        }
        // A run is calm, usual, or full of trouble.
        let most = [4, 16, 16, 50][dice.index(4)];
        let mut mishaps: Vec<Mishap> = Vec::new();
        for _ in 0..dice.below(most + 1) {
            for what in dice.troubles(&operations) {
                let number = 1 + u32::try_from(mishaps.len()).unwrap_or(0);
                mishaps.push(Mishap { number, what });
            }
        }
        let float = if dice.one_in(6) { 50_000 } else { 100_000_000 };
        Plan {
            seed,
            schedule: seed,
            operations,
            mishaps,
            float,
            primary: dice.gateway(),
        }
    }

    /// The plan with nothing but these elements.
    #[must_use]
    pub fn keeping(&self, keep: &Keep) -> Plan {
        let mut kept = self.clone();
        kept.operations
            .retain(|operation| keep.contains(&('o', operation.number)));
        kept.mishaps
            .retain(|mishap| keep.contains(&('m', mishap.number)));
        kept
    }

    /// When the last mishap that lasts is over, in milliseconds after the start.
    pub fn troubled_until(&self) -> u32 {
        let ends = self.mishaps.iter().map(|mishap| match mishap.what {
            Trouble::Outage { at, millis, .. } | Trouble::StoreAway { at, millis } => at + millis,
            Trouble::Call { .. }
            | Trouble::Lookup { .. }
            | Trouble::Stall { .. }
            | Trouble::Interrupt { .. }
            | Trouble::CommitUnanswered { .. }
            | Trouble::CacheForgets { .. }
            | Trouble::JobsDeleted { .. }
            | Trouble::ClockJumps { .. }
            | Trouble::Notice { .. }
            | Trouble::Forgery { .. } => 0,
        });
        ends.max().unwrap_or(0)
    }

    /// Nothing that may keep the product from acting goes wrong from then on for so long (both in
    /// milliseconds, the first after the start).
    pub fn is_calm(&self, from: u32, millis: u32) -> bool {
        // Whoever dies or stands still may do so late, and for long.
        const LINGERS: u32 = 600_000;
        let to = from + millis;
        self.mishaps.iter().all(|mishap| match mishap.what {
            Trouble::Outage { at, millis, .. } | Trouble::StoreAway { at, millis } => {
                at > to || at + millis < from
            }
            Trouble::Interrupt { at, .. } | Trouble::CommitUnanswered { at, .. } => {
                at > to || at + LINGERS < from
            }
            Trouble::JobsDeleted { at } | Trouble::ClockJumps { at, .. } => {
                at > to || at + millis < from
            }
            Trouble::Lookup { .. } | Trouble::Stall { .. } => false,
            Trouble::Call { .. }
            | Trouble::CacheForgets { .. }
            | Trouble::Notice { .. }
            | Trouble::Forgery { .. } => true,
        })
    }

    pub fn elements(&self) -> Vec<(char, u32)> {
        let mishaps = self.mishaps.iter().map(|mishap| ('m', mishap.number));
        let operations = self
            .operations
            .iter()
            .map(|operation| ('o', operation.number));
        mishaps.chain(operations).collect()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Operation {
            number,
            at,
            wallet,
            action,
        } in &self.operations
        {
            writeln!(f, "o{number} at {at} ms, wallet {wallet}: {action:?}")?;
        }
        for Mishap { number, what } in &self.mishaps {
            writeln!(f, "m{number}: {what:?}")?;
        }
        Ok(())
    }
}

fn is_payout(action: &Action) -> bool {
    matches!(action, Action::Payout { .. })
}

/// Draws for a plan.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u32) -> u32 {
        let drawn = splitmix(&mut self.0) % u64::from(bound.max(1));
        u32::try_from(drawn).unwrap_or(0)
    }

    fn index(&mut self, bound: u32) -> usize {
        self.below(bound) as usize
    }

    fn one_in(&mut self, bound: u32) -> bool {
        self.below(bound) == 0
    }

    fn cents(&mut self) -> i64 {
        [1, 100, 1_050, 12_345, 99_999][self.index(5)] + i64::from(self.below(100))
    }

    fn percent(&mut self) -> i64 {
        [100, 100, 50, 30, 1][self.index(5)]
    }

    fn gateway(&mut self) -> Gateway {
        Gateway::ALL[self.index(2)]
    }

    /// Up to one of these.
    fn span(&mut self, longest: [u32; 4]) -> u32 {
        let drawn = self.index(4);
        self.below(longest[drawn])
    }

    fn moment(&mut self) -> u32 {
        self.below(ACTIVE * 1_000)
    }

    fn operation(&mut self, number: u32, earlier: &[Operation]) -> Operation {
        let wallet = self.below(WALLETS);
        let is_charge = |action: &Action| matches!(action, Action::Charge { .. });
        let is_request = |action: &Action| {
            matches!(
                action,
                Action::Charge { .. } | Action::Payout { .. } | Action::Transfer { .. }
            )
        };
        let charge = self.one_of(earlier, is_charge);
        let payout = self.one_of(earlier, is_payout);
        let request = self.one_of(earlier, is_request);
        let kind = self.below(100);
        let found = match kind {
            0..=35 => None,
            36..=48 => Some((
                None,
                Action::Charge {
                    cents: self.cents(),
                    expires_in: 60 + self.below(120),
                },
            )),
            49..=62 => charge.map(|(charge, _, at)| {
                let percent = [100, 100, 100, 100, 40, 60, 130][self.index(7)];
                (Some(at), Action::Pay { charge, percent })
            }),
            63..=68 => Some((
                None,
                Action::Transfer {
                    cents: self.cents(),
                    to: self.below(WALLETS),
                },
            )),
            69..=76 => charge.map(|(charge, _, at)| {
                let cents = (!self.one_in(3)).then(|| self.cents());
                (Some(at), Action::Refund { charge, cents })
            }),
            77..=80 => request.map(|(of, _, at)| (Some(at), Action::Cancel { of })),
            81..=84 => request.map(|(of, _, at)| (Some(at), Action::Repeat { of })),
            85..=86 => request.map(|(of, _, at)| (Some(at), Action::Conflict { of })),
            87..=88 => charge.map(|(charge, _, at)| (Some(at), Action::PayoutInside { charge })),
            89..=91 => payout.map(|(payout, _, at)| {
                let percent = self.percent();
                (Some(at), Action::SendBack { payout, percent })
            }),
            92..=95 => charge.map(|(charge, _, at)| {
                let percent = self.percent();
                (Some(at), Action::Reverse { charge, percent })
            }),
            96 => Some((
                None,
                Action::PayNobody {
                    gateway: self.gateway(),
                    cents: self.cents(),
                },
            )),
            _ => Some((
                None,
                Action::Review {
                    mistaken: self.one_in(4),
                },
            )),
        };
        let (after, action) = found.unwrap_or((
            None,
            Action::Payout {
                cents: self.cents(),
            },
        ));
        // What refers to something usually comes soon after it, and sometimes at once.
        let at = match after {
            None => self.moment(),
            Some(at) => {
                let reach = [20, 2_000, 15_000, 60_000][self.index(4)];
                at + self.below(reach)
            }
        };
        Operation {
            number,
            at,
            wallet,
            action,
        }
    }

    /// An earlier operation of a kind: its number, wallet and time.
    fn one_of(
        &mut self,
        earlier: &[Operation],
        wanted: impl Fn(&Action) -> bool,
    ) -> Option<(u32, u32, u32)> {
        let fitting: Vec<&Operation> = earlier
            .iter()
            .filter(|operation| wanted(&operation.action))
            .collect();
        let count = u32::try_from(fitting.len()).unwrap_or(0);
        let drawn = self.index(count);
        fitting
            .get(drawn)
            .map(|operation| (operation.number, operation.wallet, operation.at))
    }

    // ------------------------------------------------------------ mishaps

    /// One mishap, or a call in trouble and a worker that stands still over it.
    fn troubles(&mut self, operations: &[Operation]) -> Vec<Trouble> {
        let first = self.trouble(operations);
        let near = match &first {
            Trouble::Call { of, .. } if self.one_in(3) => {
                operations.iter().find(|operation| operation.number == *of)
            }
            _ => None,
        };
        let still = near.map(|operation| Trouble::Interrupt {
            process: Process(2 + u8::try_from(self.below(2)).unwrap_or(0)),
            at: operation.at + self.below(1_500),
            nth: 1 + u64::from(self.below(24)),
            how: Interruption::Freeze(Span::from_seconds([31, 61, 400][self.index(3)])),
        });
        std::iter::once(first).chain(still).collect()
    }

    fn trouble(&mut self, operations: &[Operation]) -> Trouble {
        let gateway = self.gateway();
        let (of, near) = self.target(operations);
        let process = Process(1 + u8::try_from(self.below(3)).unwrap_or(0));
        match self.below(100) {
            0..=43 => self.call_trouble(gateway, operations),
            44..=52 => Trouble::Lookup {
                gateway,
                of,
                nth: 1 + u64::from(self.below(6)),
                fault: if self.one_in(2) {
                    LookupFault::NotFound
                } else {
                    LookupFault::Unclear(self.cause())
                },
            },
            53..=59 => Trouble::Outage {
                gateway,
                at: self.moment(),
                millis: 1_000 + self.span([10_000, 60_000, 200_000, 400_000]),
                fault: self.fault(),
            },
            60..=65 => Trouble::Stall {
                of: self
                    .one_of(operations, is_payout)
                    .map_or(0, |(of, _, _)| of),
                nth: [1, 1, 1, 2][self.index(4)],
                seconds: [31, 61, 400, 400][self.index(4)],
            },
            66..=74 => Trouble::Interrupt {
                process,
                at: near,
                nth: 1 + u64::from(self.below(40)),
                how: if self.one_in(2) {
                    Interruption::Crash(Span::from_millis(10 + self.below(20_000)))
                } else {
                    Interruption::Freeze(Span::from_seconds([2, 31, 61, 120, 400][self.index(5)]))
                },
            },
            75..=77 => Trouble::StoreAway {
                at: near,
                millis: 500 + self.below(20_000),
            },
            78..=83 => Trouble::CommitUnanswered {
                at: near,
                nth: 1 + u64::from(self.below(8)),
            },
            84..=85 => Trouble::CacheForgets {
                process,
                at: self.moment(),
            },
            86..=87 => Trouble::JobsDeleted { at: near },
            88..=89 => Trouble::ClockJumps {
                at: self.moment(),
                millis: 1_000 + self.below(19_000),
                back: self.one_in(2),
            },
            90..=95 => Trouble::Notice {
                of,
                nth: 1 + u64::from(self.below(2)),
                how: match self.below(3) {
                    0 => NoticeTrouble::Lost,
                    1 => NoticeTrouble::Doubled,
                    _ => NoticeTrouble::Late(Span::from_millis(self.below(30_000))),
                },
            },
            _ => Trouble::Forgery {
                gateway,
                at: near + self.below(20_000),
                of,
            },
        }
    }

    /// Some operation, and a time soon after it.
    fn target(&mut self, operations: &[Operation]) -> (u32, u32) {
        let drawn = self.index(u32::try_from(operations.len()).unwrap_or(1));
        let reach = [500, 2_000, 10_000][self.index(3)];
        let (of, at) = operations
            .get(drawn)
            .map_or((1, 0), |operation| (operation.number, operation.at));
        (of, at + self.below(reach))
    }

    fn call_trouble(&mut self, gateway: Gateway, operations: &[Operation]) -> Trouble {
        let call = [
            Call::Send,
            Call::Send,
            Call::Send,
            Call::Refund,
            Call::Charge,
        ][self.index(5)];
        let fits = |action: &Action| match call {
            Call::Send => matches!(action, Action::Payout { .. }),
            Call::Refund => matches!(action, Action::Refund { .. }),
            Call::Charge => matches!(action, Action::Charge { .. }),
        };
        Trouble::Call {
            gateway,
            call,
            of: self.one_of(operations, fits).map_or(0, |(of, _, _)| of),
            nth: 1 + u64::from(self.below(4)),
            fault: self.fault(),
        }
    }

    fn fault(&mut self) -> Fault {
        match self.below(20) {
            0..=2 => Fault::NeverSent(
                [
                    NeverSent::Connect,
                    NeverSent::Dns,
                    NeverSent::TlsHandshake,
                    NeverSent::PoolExhausted,
                    NeverSent::TokenUnavailable,
                    NeverSent::TokenRefused,
                ][self.index(6)],
            ),
            3..=6 => Fault::LostAfter(self.cause()),
            7..=9 => Fault::LostBefore(self.cause()),
            10..=11 => {
                let soon = Span::from_millis(self.below(60_000));
                Fault::Delayed(self.cause(), (!self.one_in(4)).then_some(soon))
            }
            12..=13 => {
                let late = self.span([5_000, 30_000, 90_000, 400_000]);
                Fault::SettleLate(Span::from_millis(late))
            }
            14..=15 => {
                let late = self.span([5_000, 30_000, 90_000, 400_000]);
                Fault::RejectLate(Span::from_millis(late))
            }
            _ => Fault::Refuse(self.refusal()),
        }
    }

    fn cause(&mut self) -> UnknownCause {
        [
            UnknownCause::Timeout,
            UnknownCause::ConnectionLost,
            UnknownCause::ServerError,
            UnknownCause::UnreadableBody,
            UnknownCause::UnrecognizedRateLimit,
            UnknownCause::Locked,
        ][self.index(6)]
    }

    fn refusal(&mut self) -> RefusalReason {
        match self.below(12) {
            0 | 1 => RefusalReason::TryLater,
            2 => RefusalReason::NotAuthorized,
            3 | 4 => RefusalReason::InsufficientFloat,
            5 => RefusalReason::GatewayLimit,
            6 => RefusalReason::PayeeBankUnavailable,
            7 => RefusalReason::PayeeKeyNotFound,
            8 | 9 => RefusalReason::RiskRefused,
            10 => RefusalReason::Scheme("AB03".to_owned()),
            _ => RefusalReason::PayeeRefused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_its_seeds_and_an_element_stays_what_it_is() {
        let plan = Plan::of(5);
        assert_eq!(plan, Plan::of(5));
        assert_ne!(plan.operations, Plan::of(6).operations);
        let keep: Keep = plan.elements().into_iter().step_by(3).collect();
        let kept = plan.keeping(&keep);
        assert_eq!(kept.elements().len(), keep.len());
        assert!(kept.operations.iter().all(|o| plan.operations.contains(o)));
        assert!(kept.mishaps.iter().all(|m| plan.mishaps.contains(m)));
    }

    #[test]
    fn over_some_hundred_seeds_everything_is_drawn() {
        let mut seen = BTreeSet::new();
        for plan in (0..400).map(Plan::of) {
            let word = |text: String| text.split([' ', '{', '(']).next().map(str::to_owned);
            seen.extend(
                plan.operations
                    .iter()
                    .map(|o| word(format!("{:?}", o.action))),
            );
            seen.extend(plan.mishaps.iter().map(|m| word(format!("{:?}", m.what))));
        }
        // 13 actions and 12 kinds of trouble.
        assert_eq!(seen.len(), 25, "{seen:?}");
    }
}
