//! Figures, times and bytes as text.

use crate::model::{Interval, RecordRow};

const HEX: [char; 16] =
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
const MS_PER_DAY: u64 = 86_400_000;
/// The last instant that four digits of a year can show.
const UNIX_MS_MAX: u64 = 253_402_300_799_999;

/// `bytes` in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|nibble| HEX[usize::from(nibble)])
        .collect()
}

/// The `N` bytes that exactly `2 * N` lower-case hexadecimal digits stand for.
pub(crate) fn parse_hex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

/// The bytes that an even count of lower-case hexadecimal digits stands for.
pub(crate) fn parse_hex_vec(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect()
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// `number` with a comma between groups of three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `count` and the noun, in the plural where it needs one.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count))
}

/// "record 7" or "records 7 to 9"; a place between two records is told by the one in front of it.
pub(crate) fn record_span(first: u64, last: u64) -> String {
    if last == 0 {
        "the beginning of the log".to_owned()
    } else if last < first {
        format!("what follows record {}", grouped(last))
    } else if first == last {
        format!("record {}", grouped(first))
    } else {
        format!("records {} to {}", grouped(first), grouped(last))
    }
}

/// An instant by RFC 3339, in UTC with milliseconds.
pub(crate) fn instant(unix_ms: u64) -> String {
    if unix_ms > UNIX_MS_MAX {
        return format!("{unix_ms} ms after 1970-01-01T00:00:00Z");
    }
    let (year, month, day) = civil(unix_ms / MS_PER_DAY);
    let ms = unix_ms % MS_PER_DAY;
    let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
    let (second, milli) = (ms / 1_000 % 60, ms % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01, by walking years and months.
const fn civil(days: u64) -> (u64, u64, u64) {
    // 400 years repeat after 146,097 days.
    let mut year = 1970 + 400 * (days / 146_097);
    let mut rest = days % 146_097;
    while rest >= 365 + is_leap(year) {
        rest -= 365 + is_leap(year);
        year += 1;
    }
    let lengths = [31, 28 + is_leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while rest >= lengths[month] {
        rest -= lengths[month];
        month += 1;
    }
    let mut number = 1;
    while month > 0 {
        number += 1;
        month -= 1;
    }
    (year, number, rest + 1)
}

/// The year of an instant, or "unknown" before there was one.
pub(crate) fn year(unix_ms: u64) -> String {
    if unix_ms == 0 || unix_ms > UNIX_MS_MAX {
        return "unknown".to_owned();
    }
    civil(unix_ms / MS_PER_DAY).0.to_string()
}

/// The first and the last millisecond of the year of an instant.
pub(crate) const fn year_span(unix_ms: u64) -> (u64, u64) {
    if unix_ms > UNIX_MS_MAX {
        return (UNIX_MS_MAX + 1, u64::MAX);
    }
    let (this, _, _) = civil(unix_ms / MS_PER_DAY);
    let (mut first_day, mut year) = (0, 1970);
    while year < this {
        first_day += 365 + is_leap(year);
        year += 1;
    }
    let days = 365 + is_leap(this);
    (first_day * MS_PER_DAY, (first_day + days) * MS_PER_DAY - 1)
}

const fn is_leap(year: u64) -> u64 {
    if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) {
        1
    } else {
        0
    }
}

/// When a record was made, for people: an instant and how far it may be off, or the time since the boot of its session.
pub(crate) fn when(record: &RecordRow) -> String {
    let Some(wall) = record.wall else {
        return format!("boot {} + {}", record.session, since_boot(record.ticks_ms));
    };
    let half_ms = middle(wall).saturating_sub(wall.earliest_ms);
    let at = instant(middle(wall));
    match half_ms {
        0 => at,
        _ => format!("{at} \u{b1} {}.{} s", half_ms / 1_000, half_ms % 1_000 / 100),
    }
}

/// The middle of an interval, in ms since 1970.
pub(crate) const fn middle(wall: Interval) -> u64 {
    wall.earliest_ms + wall.latest_ms.saturating_sub(wall.earliest_ms) / 2
}

/// Hours, minutes, seconds and milliseconds.
pub(crate) fn since_boot(ms: u64) -> String {
    let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
    let (second, milli) = (ms / 1_000 % 60, ms % 1_000);
    format!("{hour}:{minute:02}:{second:02}.{milli:03}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Days of known calendars: the epoch, leap days, the day after a century without one, the last that fits.
    #[test]
    fn instants_of_known_days() {
        for (unix_s, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799, "9999-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(instant(unix_s * 1_000), text);
        }
        assert!(instant(u64::MAX).starts_with("18446744073709551615 ms"));
    }

    #[test]
    fn a_year_spans_from_its_first_to_its_last_millisecond() {
        for unix_ms in [0, 1, 951_782_400_000, 1_767_225_599_999, 1_767_225_600_000, UNIX_MS_MAX] {
            let (first, last) = year_span(unix_ms);
            assert!(first <= unix_ms && unix_ms <= last);
            let text = instant(unix_ms);
            let (year, _) = text.split_once('-').unwrap();
            assert_eq!(instant(first), format!("{year}-01-01T00:00:00.000Z"));
            assert_eq!(instant(last), format!("{year}-12-31T23:59:59.999Z"));
        }
        assert_eq!(year(1_767_225_600_000), "2026");
        assert_eq!((year(0), year(u64::MAX)), ("unknown".to_owned(), "unknown".to_owned()));
        assert!(year_span(u64::MAX).0 > UNIX_MS_MAX, "what has no year shows none");
    }

    #[test]
    fn time_since_a_boot_counts_hours_on() {
        assert_eq!(since_boot(90_061_007), "25:01:01.007");
        assert_eq!(since_boot(12), "0:00:00.012");
    }

    #[test]
    fn hexadecimal_is_strict() {
        assert_eq!(parse_hex::<2>(&hex(&[0, 0xaf])), Some([0, 0xaf]));
        for bad in ["", "0", "00a", "00AF", "00ag", "00af00", "+0af", "é0a"] {
            assert_eq!(parse_hex::<2>(bad), None, "{bad}");
        }
    }

    #[test]
    fn figures_are_grouped() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"].map(str::to_owned)
        );
        assert_eq!(counted(1, "record"), "1 record");
        assert_eq!(record_span(4_182, 4_190), "records 4,182 to 4,190");
        assert_eq!(record_span(1_001, 1_000), "what follows record 1,000");
        assert_eq!(record_span(1, 0), "the beginning of the log");
    }
}
