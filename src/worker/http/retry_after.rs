//! The `Retry-After` header: digits are seconds, anything else is a date.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};

/// The wait that the header asks for; `None` when it cannot be understood. A date that has passed is one second.
pub(super) fn parse(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if value.is_empty() {
        return None;
    }
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.parse().ok().map(Duration::from_secs);
    }
    let seconds = (date(value)? - now).num_seconds().max(1);
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

/// The three forms of HTTP, and ISO 8601.
fn date(value: &str) -> Option<DateTime<Utc>> {
    let old = |format: &str| NaiveDateTime::parse_from_str(value, format).ok().map(|time| time.and_utc());
    DateTime::parse_from_rfc2822(value)
        .or_else(|_| DateTime::parse_from_rfc3339(value))
        .map(|time| time.to_utc())
        .ok()
        .or_else(|| old("%A, %d-%b-%y %H:%M:%S GMT"))
        .or_else(|| old("%a %b %e %H:%M:%S %Y"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_dates_and_nonsense() {
        let now = "1994-11-06T08:49:00Z".parse().expect("a time");
        let check = |value: &str, expected: Option<u64>| {
            assert_eq!(parse(value, now).map(|wait| wait.as_secs()), expected, "{value:?}");
        };
        check("120", Some(120));
        check(" 7 ", Some(7));
        check("0", Some(0));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(37));
        check("Sunday, 06-Nov-94 08:49:37 GMT", Some(37));
        check("Sun Nov  6 08:49:37 1994", Some(37));
        check("1994-11-06T08:50:00Z", Some(60));
        check("Sun, 06 Nov 1994 08:48:00 GMT", Some(1));
        check("Sun, 06 Nov 1994 08:49:00 GMT", Some(1));
        check("", None);
        check("soon", None);
        check("-5", None);
        check("1.5", None);
        check("99999999999999999999999", None);
    }
}
