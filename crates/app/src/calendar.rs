//! The calendar of Brasília: the windows in which a wallet's limits are counted.
//!
//! Days and nights are local to America/Sao_Paulo, whose rules come from the bundled time zone
//! database, never from a fixed offset. The night runs from 20h to 06h and is one period, named by
//! the day on which it began (Resolução BCB 142/2021).

use std::sync::OnceLock;

use domain::limits::Windows;
use domain::time::Moment;
use jiff::civil::{Date, date};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Unit};

const NIGHT_BEGINS: i8 = 20;
const NIGHT_ENDS: i8 = 6;

/// The windows that a moment falls in.
pub fn windows(at: Moment) -> Windows {
    // Moments outside the representable years do not occur: clocks are checked at start.
    let timestamp = Timestamp::from_microsecond(at.micros()).unwrap_or(Timestamp::UNIX_EPOCH);
    let local = brasilia().to_datetime(timestamp);
    let day = day_number(local.date());
    let night = match local.hour() {
        hour if hour >= NIGHT_BEGINS => Some(day),
        hour if hour < NIGHT_ENDS => Some(day - 1),
        _ => None,
    };
    Windows { day, night }
}

/// Days since 1970-01-01.
fn day_number(day: Date) -> i32 {
    date(1970, 1, 1)
        .until((Unit::Day, day))
        .map_or(0, |span| span.get_days())
}

fn brasilia() -> &'static TimeZone {
    static BRASILIA: OnceLock<TimeZone> = OnceLock::new();
    BRASILIA.get_or_init(|| {
        TimeZoneDatabase::bundled()
            .get("America/Sao_Paulo")
            .expect("the bundled time zone database has America/Sao_Paulo")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Windows {
        let timestamp: Timestamp = text.parse().unwrap();
        windows(Moment::from_micros(timestamp.as_microsecond()))
    }

    #[test]
    fn table_of_windows() {
        let day = |day, night| Windows { day, night };
        for (text, expected) in [
            // Noon in Brasília is 15h in Greenwich.
            ("1970-01-02T15:00:00Z", day(1, None)),
            ("1970-01-02T02:59:59Z", day(0, Some(0))),
            ("1970-01-02T03:00:00Z", day(1, Some(0))),
            ("1970-01-02T08:59:59Z", day(1, Some(0))),
            ("1970-01-02T09:00:00Z", day(1, None)),
            ("1970-01-02T22:59:59Z", day(1, None)),
            ("1970-01-02T23:00:00Z", day(1, Some(1))),
            ("2026-03-03T02:30:00Z", day(20_514, Some(20_514))),
            ("2026-03-03T03:30:00Z", day(20_515, Some(20_514))),
            // Summer time was observed until February 2019: two hours behind Greenwich.
            ("2018-12-01T22:00:00Z", day(17_866, Some(17_866))),
            ("2018-12-02T02:00:00Z", day(17_867, Some(17_866))),
        ] {
            assert_eq!(at(text), expected, "{text}");
        }
    }
}
