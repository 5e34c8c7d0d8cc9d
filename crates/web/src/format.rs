//! Amounts, dates and ids as people in Brazil read them, in both languages.
//!
//! Amounts keep the Brazilian form in English too: one form on all screens cannot be misread as the
//! other. Times are those of Brasília.

use std::sync::OnceLock;

use domain::money::Money;
use domain::time::Moment;
use jiff::civil::{Date, DateTime};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};

use crate::texts::{Language, Texts};

/// `R$ 1.234,56`, with a blank that does not break.
pub fn reais(money: Money) -> String {
    format!("R$\u{a0}{}", plain(money.cents()))
}

/// `1.234,56`, as it may be typed into a field.
pub fn typed(money: Money) -> String {
    plain(money.cents())
}

/// `R$ 1.234,56` of centavos that may be negative: `− R$ 1,00`.
pub fn signed(cents: i64) -> String {
    let sign = if cents < 0 { "\u{2212}\u{a0}" } else { "" };
    format!("{sign}R$\u{a0}{}", plain(cents))
}

fn plain(cents: i64) -> String {
    let cents = cents.unsigned_abs();
    let whole = (cents / 100).to_string();
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push('.');
        }
        text.push(digit);
    }
    format!("{text},{:02}", cents % 100)
}

fn brasilia() -> &'static TimeZone {
    static BRASILIA: OnceLock<TimeZone> = OnceLock::new();
    BRASILIA.get_or_init(|| {
        TimeZoneDatabase::bundled()
            .get("America/Sao_Paulo")
            .expect("the bundled time zone database has America/Sao_Paulo")
    })
}

/// The time on the clocks of Brasília.
pub fn local(at: Moment) -> DateTime {
    // Moments outside the representable years do not occur: clocks are checked at start.
    let timestamp = Timestamp::from_microsecond(at.micros()).unwrap_or(Timestamp::UNIX_EPOCH);
    brasilia().to_datetime(timestamp)
}

/// The moment at which this day begins in Brasília.
pub fn midnight(day: Date) -> Moment {
    let zoned = day.to_zoned(brasilia().clone());
    Moment::from_micros(zoned.map_or(0, |zoned| zoned.timestamp().as_microsecond()))
}

/// The first moments of a month and of the next: `2026-11`. `None` for what is no month.
pub fn month(text: &str) -> Option<(Moment, Moment)> {
    let (year, month) = text.split_once('-')?;
    let is_written_so = year.len() == 4 && month.len() == 2;
    let first = Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
    let next = first.checked_add(1.month()).ok()?;
    (is_written_so && (2000..2200).contains(&first.year()))
        .then(|| (midnight(first), midnight(next)))
}

/// `2026-11-26T16:10:05`, as browsers hold a day and a time of day in a field.
pub fn field(at: Moment) -> String {
    let local = local(at);
    let date = local.date();
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        date.year(),
        date.month(),
        date.day(),
        local.hour(),
        local.minute(),
        local.second()
    )
}

/// The moment that such a field holds, with seconds or without. `None` for what is none.
pub fn from_field(text: &str) -> Option<Moment> {
    let written = match text.len() {
        16 => format!("{text}:00"),
        19 => text.to_owned(),
        _ => return None,
    };
    let (day, time) = written.split_once('T')?;
    let day = civil_day(day)?;
    let time: jiff::civil::Time = time.parse().ok()?;
    let zoned = day.to_datetime(time).to_zoned(brasilia().clone()).ok()?;
    Some(Moment::from_micros(zoned.timestamp().as_microsecond()))
}

/// The first moment of a day: `2026-11-26`. `None` for what is no day.
pub fn day_begins(text: &str) -> Option<Moment> {
    civil_day(text).map(midnight)
}

/// The first moment of the day after it.
pub fn day_ends(text: &str) -> Option<Moment> {
    civil_day(text)?.tomorrow().ok().map(midnight)
}

fn civil_day(text: &str) -> Option<Date> {
    let day: Date = text.parse().ok()?;
    let is_written_so = text.len() == 10 && text.as_bytes()[4] == b'-';
    (is_written_so && (2000..2200).contains(&day.year())).then_some(day)
}

/// The month of a moment and those before it, newest first: `2026-11` and its name.
pub fn months(now: Moment, count: i32, language: Language) -> Vec<(String, String)> {
    let today = local(now).date();
    (0..count)
        .filter_map(|back| today.checked_sub(back.months()).ok())
        .map(|day| {
            let value = format!("{:04}-{:02}", day.year(), day.month());
            let name = MONTHS[usize::from(day.month().unsigned_abs()) - 1];
            let (pt, en) = name;
            let name = match language {
                Language::Portuguese => format!("{pt} de {}", day.year()),
                Language::English => format!("{en} {}", day.year()),
            };
            (value, name)
        })
        .collect()
}

const MONTHS: [(&str, &str); 12] = [
    ("janeiro", "January"),
    ("fevereiro", "February"),
    ("março", "March"),
    ("abril", "April"),
    ("maio", "May"),
    ("junho", "June"),
    ("julho", "July"),
    ("agosto", "August"),
    ("setembro", "September"),
    ("outubro", "October"),
    ("novembro", "November"),
    ("dezembro", "December"),
];

/// `26 nov 2026, 16:10`.
pub fn moment(at: Moment, language: Language) -> String {
    let local = local(at);
    let day = short_day(local.date(), language);
    format!("{day}, {:02}:{:02}", local.hour(), local.minute())
}

/// The same with seconds, as a receipt tells it.
pub fn exact(at: Moment, language: Language) -> String {
    format!("{}:{:02}", moment(at, language), local(at).second())
}

/// `16:10`.
pub fn clock(at: Moment) -> String {
    let local = local(at);
    format!("{:02}:{:02}", local.hour(), local.minute())
}

/// `Hoje`, `Ontem`, `26 nov 2026`.
pub fn day(at: Moment, now: Moment, language: Language, t: &Texts) -> String {
    let (date, today) = (local(at).date(), local(now).date());
    if date == today {
        return t.common.today.to_owned();
    }
    if today.yesterday().is_ok_and(|yesterday| date == yesterday) {
        return t.common.yesterday.to_owned();
    }
    short_day(date, language)
}

fn short_day(day: Date, language: Language) -> String {
    let (pt, en) = MONTHS[usize::from(day.month().unsigned_abs()) - 1];
    let name = match language {
        Language::Portuguese => pt,
        Language::English => en,
    };
    let short: String = name.chars().take(3).collect();
    format!("{} {short} {}", day.day(), day.year())
}

/// `2026-11-26T19:10:00Z`, for machines.
pub fn machine(at: Moment) -> String {
    let timestamp = Timestamp::from_microsecond(at.micros()).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{timestamp:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::PT;

    #[test]
    fn reais_are_written_with_points_and_a_comma() {
        let reais = |cents| reais(Money::from_cents(cents).unwrap());
        for (cents, text) in [
            (0, "R$\u{a0}0,00"),
            (5, "R$\u{a0}0,05"),
            (123_456, "R$\u{a0}1.234,56"),
            (100_000_000, "R$\u{a0}1.000.000,00"),
        ] {
            assert_eq!(reais(cents), text);
        }
        assert_eq!(signed(-150), "\u{2212}\u{a0}R$\u{a0}1,50");
    }

    #[test]
    fn times_are_those_of_brasilia() {
        // 2026-11-26T02:30:05Z is the evening before in Brasília.
        let at = Moment::from_micros(1_795_660_205_000_000);
        assert_eq!(machine(at), "2026-11-26T02:30:05Z");
        assert_eq!(moment(at, Language::Portuguese), "25 nov 2026, 23:30");
        assert_eq!(exact(at, Language::English), "25 Nov 2026, 23:30:05");
        let now = Moment::from_micros(1_795_690_205_000_000);
        assert_eq!(day(at, now, Language::Portuguese, &PT), "Ontem");
        assert_eq!(day(now, now, Language::Portuguese, &PT), "Hoje");
    }

    #[test]
    fn a_field_holds_the_time_of_brasilia() {
        let at = Moment::from_micros(1_795_660_205_000_000);
        assert_eq!(field(at), "2026-11-25T23:30:05");
        assert_eq!(from_field("2026-11-25T23:30:05"), Some(at));
        let minute = from_field("2026-11-25T23:30").unwrap();
        assert_eq!(machine(minute), "2026-11-26T02:30:00Z");
        for bad in [
            "",
            "2026-11-25",
            "2026-11-25 23:30",
            "2026-13-25T23:30",
            "2026-11-25T24:30:00",
            "2026-11-25T23:30é",
            "99999-01-01T00:00",
        ] {
            assert_eq!(from_field(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_month_begins_at_midnight_in_brasilia() {
        let (from, to) = month("2026-11").unwrap();
        assert_eq!(machine(from), "2026-11-01T03:00:00Z");
        assert_eq!(machine(to), "2026-12-01T03:00:00Z");
        for bad in ["", "2026", "2026-13", "2026-1", "26-11", "9999-12", "x-y"] {
            assert_eq!(month(bad), None, "{bad}");
        }
        let months = months(from, 2, Language::Portuguese);
        assert_eq!(
            months[1],
            ("2026-10".to_owned(), "outubro de 2026".to_owned())
        );
    }
}
