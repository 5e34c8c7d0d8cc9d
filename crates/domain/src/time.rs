//! Points in time and spans, as plain integers.
//!
//! The rules take time as a parameter. Calendar questions (a day or a night in Brasília) are
//! answered by the caller, who knows the time zone.

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(i64);

impl Moment {
    pub const fn from_micros(micros: i64) -> Moment {
        Moment(micros)
    }
    pub const fn micros(self) -> i64 {
        self.0
    }
    pub const fn plus(self, span: Span) -> Moment {
        Moment(self.0.saturating_add(span.0))
    }
    pub const fn minus(self, span: Span) -> Moment {
        Moment(self.0.saturating_sub(span.0))
    }
    /// The time from `earlier` to here, zero when `earlier` is later.
    pub const fn since(self, earlier: Moment) -> Span {
        let micros = self.0.saturating_sub(earlier.0);
        Span(if micros < 0 { 0 } else { micros })
    }
}

/// A length of time in microseconds, never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(i64);

impl Span {
    pub const ZERO: Span = Span(0);
    pub const fn from_millis(millis: u32) -> Span {
        Span(millis as i64 * 1_000)
    }
    pub const fn from_seconds(seconds: u32) -> Span {
        Span(seconds as i64 * 1_000_000)
    }
    pub const fn from_days(days: u32) -> Span {
        Span(days as i64 * 86_400_000_000)
    }
    pub const fn micros(self) -> i64 {
        self.0
    }
    pub const fn millis(self) -> i64 {
        self.0 / 1_000
    }
    pub const fn times(self, factor: u32) -> Span {
        Span(self.0.saturating_mul(factor as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_never_negative() {
        let early = Moment::from_micros(5);
        let late = early.plus(Span::from_millis(2));
        assert_eq!(late.since(early), Span::from_millis(2));
        assert_eq!(early.since(late), Span::ZERO);
        assert_eq!(late.minus(Span::from_millis(2)), early);
    }
}
