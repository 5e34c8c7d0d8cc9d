//! Times: RFC 3339, always UTC, always six decimals, so that they sort as text.

use domain::time::Moment;
use jiff::Timestamp;

/// `2026-01-31T12:00:00.000000Z`.
pub fn format(moment: Moment) -> String {
    let timestamp = Timestamp::from_microsecond(moment.micros()).unwrap_or(Timestamp::MAX);
    format!("{timestamp:.6}")
}

/// An RFC 3339 time with any offset.
pub fn parse(text: &str) -> Option<Moment> {
    /// The longest spelling with nine decimals and an offset.
    const LONGEST: usize = 40;
    if text.len() > LONGEST {
        return None;
    }
    let timestamp: Timestamp = text.parse().ok()?;
    Some(Moment::from_micros(timestamp.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_with_six_decimals() {
        let moment = Moment::from_micros(1_767_225_600_000_001);
        assert_eq!(format(moment), "2026-01-01T00:00:00.000001Z");
        assert_eq!(parse(&format(moment)), Some(moment));
        assert_eq!(
            format(Moment::from_micros(0)),
            "1970-01-01T00:00:00.000000Z"
        );
    }

    #[test]
    fn any_offset_is_read_and_nothing_vague() {
        assert_eq!(
            parse("2025-12-31T21:00:00-03:00"),
            parse("2026-01-01T00:00:00Z")
        );
        for bad in [
            "",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "yesterday",
            "1767225600",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(parse(&"9".repeat(100_000)), None);
    }
}
