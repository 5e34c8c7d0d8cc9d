//! What a refusal code of the instant-payment system (SPI) means for a further attempt.
//!
//! Source: the SPI message catalogue 5.13 (pacs.002.spi.1.17). A refusal is final for its
//! end-to-end id; the question is only whether a new attempt may help. `DUPL` and `DU03` speak of
//! another payment with the same facts, so they prove nothing about ours.

/// Whether a new attempt, under a new key, makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewAttempt {
    /// The fact refused will be refused again.
    Never,
    /// A passing fault: one more attempt, at either gateway.
    OnceMore,
    /// The refusing gateway's own set-up: only the other one can help.
    OtherGateway,
    /// The code says that a twin exists: the outcome of ours must be found first.
    OutcomeUnknown,
}

/// Reads a code; codes outside the catalogue are final refusals whose repetition nobody promised.
pub fn new_attempt(code: &str) -> NewAttempt {
    match code {
        "AB03" | "AB09" | "AM04" | "AB11" | "ED05" | "FF08" | "DS24" => NewAttempt::OnceMore,
        "AGNT" | "DS0G" => NewAttempt::OtherGateway,
        "DUPL" | "DU03" => NewAttempt::OutcomeUnknown,
        // AC*, AG*, AM*, BE*, CH*, CN01, DS02, DS04, DS27, DT*, FF07, FRAD, INDT, MD01, RC*, RR*,
        // SL02, UPAY: the payee, the order or the law refuses.
        _ => NewAttempt::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_never_taken_for_refusals() {
        assert_eq!(new_attempt("DUPL"), NewAttempt::OutcomeUnknown);
        assert_eq!(new_attempt("DU03"), NewAttempt::OutcomeUnknown);
    }

    #[test]
    fn the_payees_refusals_end_the_payment() {
        for code in ["AC03", "AC06", "AC07", "BE01", "FRAD", "RR04", "XX99", ""] {
            assert_eq!(new_attempt(code), NewAttempt::Never, "{code}");
        }
        assert_eq!(new_attempt("AM04"), NewAttempt::OnceMore);
        assert_eq!(new_attempt("DS0G"), NewAttempt::OtherGateway);
    }
}
