//! The gateways' date texts.
//!
//! Both write RFC 3339: Efí in UTC, Mercado Pago with an offset (usually −04:00). Inside, a moment
//! is microseconds since 1970.

use domain::time::Moment;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// Brasília has had no summer time since 2019.
const BRASILIA_OFFSET_HOURS: i8 = -3;

/// Reads RFC 3339 with any offset.
pub(crate) fn parse(text: &str) -> Option<Moment> {
    let timestamp: Timestamp = text.parse().ok()?;
    Some(Moment::from_micros(timestamp.as_microsecond()))
}

/// `2026-03-10T14:30:00.000Z`, as Efí's own examples are written.
pub(crate) fn utc(moment: Moment) -> String {
    timestamp(moment)
        .to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        .to_string()
}

/// `2026-03-11T20:00:00.000-03:00`: Mercado Pago refuses dates without the offset (cause 23).
pub(crate) fn brasilia(moment: Moment) -> String {
    timestamp(moment)
        .to_zoned(TimeZone::fixed(Offset::constant(BRASILIA_OFFSET_HOURS)))
        .strftime("%Y-%m-%dT%H:%M:%S%.3f%:z")
        .to_string()
}

fn timestamp(moment: Moment) -> Timestamp {
    // Out of range only for moments millions of days away.
    Timestamp::from_microsecond(moment.micros()).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_and_written() {
        let moment = parse("2026-03-10T10:30:00.000-04:00").unwrap();
        assert_eq!(parse("2026-03-10T14:30:00Z"), Some(moment));
        assert_eq!(utc(moment), "2026-03-10T14:30:00.000Z");
        assert_eq!(brasilia(moment), "2026-03-10T11:30:00.000-03:00");
        assert_eq!(parse("2026-03-10"), None);
        assert_eq!(parse(""), None);
    }
}
