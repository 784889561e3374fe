//! Instants as text: RFC 3339 and the ISO 8601 dates and date-times that tables hold.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat};

/// Microseconds in a day.
pub const MICROS_PER_DAY: f64 = 86_400_000_000.0;

/// RFC 3339 in UTC; a midnight is written as the date alone.
pub fn format(micros: i64) -> String {
    match DateTime::from_timestamp_micros(micros) {
        None => format!("{micros} µs since 1970-01-01"),
        Some(t) if micros.rem_euclid(86_400_000_000) == 0 => t.format("%Y-%m-%d").to_string(),
        Some(t) => t.to_rfc3339_opts(SecondsFormat::AutoSi, true),
    }
}

/// Microseconds since 1970-01-01 UTC of `YYYY-MM-DD`, `YYYY-MM-DD HH:MM[:SS[.ffffff]]` (a `T` may stand for the
/// blank) or RFC 3339 with an offset; `None` for any other text. Without an offset, UTC is meant.
pub fn parse(text: &str) -> Option<i64> {
    let b = text.as_bytes();
    // A cheap look before the parser: `dddd-dd-dd`.
    let shaped = b.len() >= 10
        && b[4] == b'-'
        && b[7] == b'-'
        && [0, 1, 2, 3, 5, 6, 8, 9].iter().all(|&i| b[i].is_ascii_digit());
    if !shaped {
        return None;
    }
    if b.len() == 10 {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        return Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros());
    }
    let separator = b[10];
    if separator != b'T' && separator != b' ' {
        return None;
    }
    if let Ok(t) = DateTime::parse_from_rfc3339(text) {
        return Some(t.timestamp_micros());
    }
    let date = NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d").ok()?;
    let clock = text.get(11..)?;
    ["%H:%M:%S%.f", "%H:%M"]
        .iter()
        .find_map(|f| chrono::NaiveTime::parse_from_str(clock, f).ok())
        .map(|time| NaiveDateTime::new(date, time).and_utc().timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_read_back() {
        assert_eq!(parse("1970-01-02"), Some(86_400_000_000));
        assert_eq!(parse("1970-01-01T00:00:01Z"), Some(1_000_000));
        assert_eq!(parse("1970-01-01 01:00:00+01:00"), Some(0));
        assert_eq!(parse("1970-01-01 00:00:00.5"), Some(500_000));
        assert_eq!(parse("1970-01-01 00:01"), Some(60_000_000));
        for bad in ["2024-02-30", "2024-1-1", "20240101", "hello worlds", "", "2024-01-01x", "1970-01-01T"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        for t in [0, 1_700_000_000_123_456, -86_400_000_000, -1] {
            assert_eq!(parse(&format(t)), Some(t), "{}", format(t));
        }
        assert_eq!(format(86_400_000_000), "1970-01-02");
    }
}
