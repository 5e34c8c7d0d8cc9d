//! The sandbox's one clock: the real time plus an offset that tests move forward.
//!
//! Expiry of charges and tokens, retry schedules and late settlements all read this clock, so
//! that advancing it is enough to reach any of them without waiting.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{Timestamp, tz::Offset};

/// Milliseconds since the Unix epoch.
pub type Millis = i64;

/// Real time plus an offset.
#[derive(Debug, Default)]
pub struct Clock {
    offset: AtomicI64,
}

impl Clock {
    pub fn now(&self) -> Millis {
        Timestamp::now().as_millisecond() + self.offset.load(Ordering::SeqCst)
    }

    /// Moves the clock forward; it never goes back.
    pub fn advance(&self, by: std::time::Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX / 4);
        self.offset.fetch_add(millis, Ordering::SeqCst);
    }
}

fn timestamp(at: Millis) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// RFC 3339 in UTC with milliseconds and `Z`, as the API Pix writes times.
pub fn utc(at: Millis) -> String {
    timestamp(at).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// RFC 3339 with the fixed offset −04:00, as Mercado Pago writes times.
pub fn minus_four(at: Millis) -> String {
    let local = Offset::constant(-4).to_datetime(timestamp(at));
    format!("{}-04:00", local.strftime("%Y-%m-%dT%H:%M:%S.%3f"))
}

/// `yyyyMMddHHmm` in UTC, the time part of an endToEndId.
pub fn minute_stamp(at: Millis) -> String {
    timestamp(at).strftime("%Y%m%d%H%M").to_string()
}

/// Reads RFC 3339 with any offset.
pub fn parse(text: &str) -> Option<Millis> {
    // A `+` of the offset may have become a space in a query string that was not encoded.
    let text = text.replace(' ', "+");
    text.parse::<Timestamp>()
        .ok()
        .map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_reads_both_forms() {
        let at = parse("2026-03-10T14:30:00.125Z").expect("valid");
        assert_eq!(utc(at), "2026-03-10T14:30:00.125Z");
        assert_eq!(minus_four(at), "2026-03-10T10:30:00.125-04:00");
        assert_eq!(parse(&minus_four(at)), Some(at));
        assert_eq!(
            parse("2026-03-10T11:30:00.125 03:00"),
            Some(at - 6 * 3_600_000)
        );
        assert_eq!(minute_stamp(at), "202603101430");
        assert_eq!(parse("10/03/2026"), None);
    }

    #[test]
    fn advances_by_the_offset() {
        let clock = Clock::default();
        let before = clock.now();
        clock.advance(std::time::Duration::from_secs(3600));
        assert!(clock.now() - before >= 3_600_000);
    }
}
