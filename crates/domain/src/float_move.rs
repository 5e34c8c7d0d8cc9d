//! Moving our own money from one gateway to the other.
//!
//! One person proposes a move, another approves it, and a payout to our own key at the target leaves
//! through the source. What arrives at the target is taken for the move only by proof: the payment's
//! end-to-end id where the source tells it, else our own tax id as the payer, at the source's
//! institution, for the very amount, after the payout has settled. A description proves nothing, nor
//! does an amount alone.

use crate::gateway::Gateway;
use crate::ids::{TransactionId, UserId};
use crate::money::Money;
use crate::pix::end_to_end_id::EndToEndId;
use crate::tax_id::TaxId;
use crate::time::{Moment, Span};

/// What people have decided of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatMoveState {
    Proposed,
    Approved {
        by: UserId,
        at: Moment,
        /// The payout that carries it.
        transaction: TransactionId,
    },
    Declined {
        by: UserId,
        at: Moment,
    },
    /// Nobody approved it in time.
    Expired {
        at: Moment,
    },
}

/// What does not change about a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub proposed_by: UserId,
    pub expires_at: Moment,
}

/// Why nothing is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecisionRefusal {
    #[error("the person who approves must not be the one who proposed")]
    SamePerson,
    #[error("the move is not a proposal any more")]
    Decided,
    #[error("the proposal has expired")]
    Expired,
}

impl DecisionRefusal {
    /// The stable code, as answered and audited.
    pub const fn code(self) -> &'static str {
        match self {
            DecisionRefusal::SamePerson => "same_person",
            DecisionRefusal::Decided => "proposal_closed",
            DecisionRefusal::Expired => "proposal_expired",
        }
    }
}

impl FloatMoveState {
    /// The stored name.
    pub const fn as_str(&self) -> &'static str {
        match self {
            FloatMoveState::Proposed => "proposed",
            FloatMoveState::Approved { .. } => "approved",
            FloatMoveState::Declined { .. } => "declined",
            FloatMoveState::Expired { .. } => "expired",
        }
    }

    pub const fn transaction(&self) -> Option<TransactionId> {
        match self {
            FloatMoveState::Approved { transaction, .. } => Some(*transaction),
            FloatMoveState::Proposed
            | FloatMoveState::Declined { .. }
            | FloatMoveState::Expired { .. } => None,
        }
    }

    /// Another person's word, in time: the payout leaves.
    pub fn approve(
        self,
        proposal: Proposal,
        by: UserId,
        at: Moment,
        transaction: TransactionId,
    ) -> Result<FloatMoveState, DecisionRefusal> {
        if by == proposal.proposed_by {
            return Err(DecisionRefusal::SamePerson);
        }
        self.open(proposal, at)?;
        Ok(FloatMoveState::Approved {
            by,
            at,
            transaction,
        })
    }

    /// Either person's word, the proposer's own included.
    pub fn decline(
        self,
        proposal: Proposal,
        by: UserId,
        at: Moment,
    ) -> Result<FloatMoveState, DecisionRefusal> {
        self.open(proposal, at)?;
        Ok(FloatMoveState::Declined { by, at })
    }

    /// By the clock alone.
    pub fn expire(self, proposal: Proposal, at: Moment) -> Result<FloatMoveState, DecisionRefusal> {
        match self.open(proposal, at) {
            Err(DecisionRefusal::Expired) => Ok(FloatMoveState::Expired { at }),
            Ok(()) | Err(DecisionRefusal::SamePerson | DecisionRefusal::Decided) => {
                Err(DecisionRefusal::Decided)
            }
        }
    }

    fn open(self, proposal: Proposal, at: Moment) -> Result<(), DecisionRefusal> {
        match self {
            FloatMoveState::Proposed if at >= proposal.expires_at => Err(DecisionRefusal::Expired),
            FloatMoveState::Proposed => Ok(()),
            FloatMoveState::Expired { .. } => Err(DecisionRefusal::Expired),
            FloatMoveState::Approved { .. } | FloatMoveState::Declined { .. } => {
                Err(DecisionRefusal::Decided)
            }
        }
    }
}

/// A received PIX, as the target's authenticated lookup shows it.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    pub amount: Money,
    /// What of it has not been given back.
    pub remaining: Money,
    pub end_to_end_id: Option<&'a str>,
    /// It says that it pays a charge: a move is paid to the bare key.
    pub names_charge: bool,
    /// As told: it may be masked, and proves nothing then.
    pub payer_tax_id: Option<&'a str>,
    pub paid_at: Moment,
}

/// A move whose money may be what arrived.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub from: Gateway,
    pub amount: Money,
    /// The end-to-end ids by which the source tells what it executes or executed.
    pub end_to_end_ids: Vec<String>,
    /// When the first request left us; `None`: nothing has.
    pub first_sent: Option<Moment>,
    /// What is known to have left and neither came back nor arrived.
    pub in_transit: i64,
}

/// By what an arrival is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It is the very payment, whatever else is known of it: it was executed.
    EndToEndId,
    /// Only we can have made it; which of two equal moves it ends makes no difference.
    OwnAccount,
}

/// How far the clocks of two institutions and ours may be apart.
const CLOCKS: Span = Span::from_seconds(5 * 60);

/// Whether the arrival is this move's money. `holder` is the tax id of whoever holds our accounts.
pub fn prove(arrival: Arrival<'_>, move_: &Candidate, holder: Option<&TaxId>) -> Option<Proof> {
    if arrival.amount != move_.amount {
        return None;
    }
    let told = |id: &str| move_.end_to_end_ids.iter().any(|known| known == id);
    match arrival.end_to_end_id {
        Some(id) if told(id) => return Some(Proof::EndToEndId),
        // The source has told by what id it pays, and this is another payment.
        Some(_) if !move_.end_to_end_ids.is_empty() => return None,
        Some(_) | None => {}
    }
    let is_ours = holder
        .zip(arrival.payer_tax_id)
        .is_some_and(|(holder, payer)| {
            TaxId::parse(payer).is_ok_and(|payer| payer.as_str() == holder.as_str())
        });
    let from_source = arrival
        .end_to_end_id
        .and_then(|id| EndToEndId::parse(id).ok())
        .is_some_and(|id| id.ispb().as_str() == move_.from.ispb());
    let after_sending = move_
        .first_sent
        .is_some_and(|sent| arrival.paid_at >= sent.minus(CLOCKS));
    let has_left = move_.in_transit >= arrival.remaining.cents();
    let fits = !arrival.names_charge && from_source && after_sending && has_left;
    (is_ours && fits).then_some(Proof::OwnAccount)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: UserId = UserId::from_bytes([1; 16]);
    const BIA: UserId = UserId::from_bytes([2; 16]);
    const PAYOUT: TransactionId = TransactionId::from_bytes([3; 16]);
    const PROPOSAL: Proposal = Proposal {
        proposed_by: ANA,
        expires_at: at(100),
    };
    const FROM_MERCADO_PAGO: &str = "E1057352120260310143000000000abc";
    const FROM_ELSEWHERE: &str = "E6070119020260310143000000000abc";
    const HOLDER: &str = "11222333000181";

    const fn at(micros: i64) -> Moment {
        Moment::from_micros(micros)
    }
    fn approved() -> FloatMoveState {
        FloatMoveState::Approved {
            by: BIA,
            at: at(5),
            transaction: PAYOUT,
        }
    }

    #[test]
    fn table_of_decisions() {
        use DecisionRefusal::{Decided, Expired, SamePerson};
        let proposed = FloatMoveState::Proposed;
        let approve = |state: FloatMoveState, by, now| state.approve(PROPOSAL, by, at(now), PAYOUT);
        assert_eq!(approve(proposed, BIA, 5), Ok(approved()));
        assert_eq!(approve(proposed, ANA, 5), Err(SamePerson));
        assert_eq!(approve(proposed, BIA, 100), Err(Expired));
        assert_eq!(approve(approved(), BIA, 6), Err(Decided), "twice");
        let declined = FloatMoveState::Declined { by: ANA, at: at(4) };
        assert_eq!(proposed.decline(PROPOSAL, ANA, at(4)), Ok(declined));
        assert_eq!(approve(declined, BIA, 5), Err(Decided));
        assert_eq!(declined.decline(PROPOSAL, BIA, at(5)), Err(Decided));
        assert_eq!(approved().decline(PROPOSAL, BIA, at(6)), Err(Decided));
        assert_eq!(proposed.decline(PROPOSAL, BIA, at(101)), Err(Expired));
        let expired = FloatMoveState::Expired { at: at(100) };
        assert_eq!(proposed.expire(PROPOSAL, at(99)), Err(Decided));
        assert_eq!(proposed.expire(PROPOSAL, at(100)), Ok(expired));
        assert_eq!(approved().expire(PROPOSAL, at(200)), Err(Decided));
        assert_eq!(approve(expired, BIA, 200), Err(Expired));
    }

    fn arrival(end_to_end_id: Option<&str>) -> Arrival<'_> {
        Arrival {
            amount: Money::from_cents(500).unwrap(),
            remaining: Money::from_cents(500).unwrap(),
            end_to_end_id,
            names_charge: false,
            payer_tax_id: Some(HOLDER),
            paid_at: at(1_000),
        }
    }

    fn candidate(ids: &[&str]) -> Candidate {
        Candidate {
            from: Gateway::MercadoPago,
            amount: Money::from_cents(500).unwrap(),
            end_to_end_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            first_sent: Some(at(900)),
            in_transit: 500,
        }
    }

    fn proof(arrival: Arrival<'_>, move_: &Candidate) -> Option<Proof> {
        let holder = TaxId::parse(HOLDER).unwrap();
        prove(arrival, move_, Some(&holder))
    }

    #[test]
    fn the_end_to_end_id_proves_alone_and_another_one_disproves() {
        let known = Candidate {
            in_transit: 0,
            first_sent: None,
            ..candidate(&[FROM_MERCADO_PAGO])
        };
        let stranger = Arrival {
            payer_tax_id: None,
            ..arrival(Some(FROM_MERCADO_PAGO))
        };
        assert_eq!(proof(stranger, &known), Some(Proof::EndToEndId));
        let other = "E1057352120260310143000000000xyz";
        let told = candidate(&[FROM_MERCADO_PAGO]);
        assert_eq!(proof(arrival(Some(other)), &told), None);
        let less = Arrival {
            amount: Money::from_cents(499).unwrap(),
            ..arrival(Some(FROM_MERCADO_PAGO))
        };
        assert_eq!(proof(less, &told), None, "another amount is another thing");
    }

    #[test]
    fn without_an_id_everything_that_is_known_must_fit() {
        let own = arrival(Some(FROM_MERCADO_PAGO));
        assert_eq!(proof(own, &candidate(&[])), Some(Proof::OwnAccount));
        let payer = |payer| Arrival {
            payer_tax_id: payer,
            ..own
        };
        for stranger in [
            None,
            Some("11444777000161"),
            Some("***.222.333-**"),
            Some(""),
        ] {
            assert_eq!(
                proof(payer(stranger), &candidate(&[])),
                None,
                "{stranger:?}"
            );
        }
        let elsewhere = arrival(Some(FROM_ELSEWHERE));
        assert_eq!(proof(elsewhere, &candidate(&[])), None, "of another bank");
        assert_eq!(proof(arrival(None), &candidate(&[])), None);
        let of_charge = Arrival {
            names_charge: true,
            ..own
        };
        assert_eq!(proof(of_charge, &candidate(&[])), None);
        assert_eq!(proof(arrival(Some("E1")), &candidate(&[])), None);
        let changed = |change: fn(&mut Candidate)| {
            let mut move_ = candidate(&[]);
            change(&mut move_);
            proof(own, &move_)
        };
        assert_eq!(changed(|move_| move_.in_transit = 0), None, "not left yet");
        assert_eq!(changed(|move_| move_.in_transit = 499), None);
        assert_eq!(changed(|move_| move_.first_sent = None), None);
        // A part went back before anybody knew what it was.
        let rest = Arrival {
            remaining: Money::from_cents(300).unwrap(),
            ..own
        };
        let on_its_way = |in_transit| Candidate {
            in_transit,
            ..candidate(&[])
        };
        assert_eq!(proof(rest, &on_its_way(300)), Some(Proof::OwnAccount));
        assert_eq!(proof(rest, &on_its_way(299)), None);
        let day = Span::from_days(1);
        let older = Candidate {
            first_sent: Some(at(1_000).plus(day)),
            ..candidate(&[])
        };
        assert_eq!(proof(own, &older), None, "paid before it was sent");
        assert_eq!(prove(own, &candidate(&[]), None), None, "nobody knows us");
    }
}
