//! Arguments: JSON, times, durations, states.
//!
//! Owns: how what people type becomes values. Everything is checked before anything is sent.

use std::{
    io::Read,
    time::{Duration, SystemTime},
};

use chrono::{DateTime, Utc};
use tasker_sdk::proto::tasker::v1 as pb;

use super::failure::Failure;
use crate::domain::state::State;

/// Reads JSON text: the argument itself, `@FILE`, or `-` for the standard input. The text is sent as it is, so
/// that numbers stay exact.
pub(crate) fn json(argument: &str, flag: &str) -> Result<String, Failure> {
    let (text, origin) = match argument.strip_prefix('@') {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::local(format!("cannot read {path}: {error}"), format!("check {flag}")))?;
            (text, path.to_owned())
        }
        None if argument == "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(|error| {
                Failure::local(format!("cannot read the standard input: {error}"), format!("check {flag}"))
            })?;
            (text, "standard input".to_owned())
        }
        None => (argument.to_owned(), flag.to_owned()),
    };
    match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::local(
            format!("{origin} is not JSON: {error}"),
            format!("{flag} takes JSON text, @FILE, or - for the standard input"),
        )),
    }
}

/// The longest duration that is taken: a thousand years, so that no time is out of reach of the calendar.
const DURATION_MAX: Duration = Duration::from_secs(365_250 * 86_400);

/// Reads a duration such as `500ms`, `90s`, `10m`, `2h`, `1d` or `1h30m`; a bare number is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration such as 500ms, 90s, 10m, 2h or 1h30m");
    let mut rest = text;
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|symbol: char| !symbol.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let letters = after.find(|symbol: char| symbol.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let millis = match unit {
            "ms" => 1,
            "s" | "" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let part = number.checked_mul(millis).map(Duration::from_millis).ok_or_else(wrong)?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = after;
    }
    if total > DURATION_MAX {
        return Err(format!("{text:?} is longer than a thousand years"));
    }
    Ok(total)
}

/// A point in time: absolute, or relative to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// RFC 3339, or a date at midnight UTC.
    At(DateTime<Utc>),
    /// So far from now.
    Offset(Duration),
}

/// Reads a time: RFC 3339, a date, or a duration away from now.
pub(crate) fn when(text: &str) -> Result<When, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(When::At(time.to_utc()));
    }
    if let Ok(date) = text.parse::<chrono::NaiveDate>() {
        return Ok(When::At(date.and_time(chrono::NaiveTime::MIN).and_utc()));
    }
    duration(text).map(When::Offset).map_err(|why| {
        if why.ends_with("a thousand years") {
            return why;
        }
        format!("{text:?} is neither a time such as 2026-11-20T22:00:00Z or 2026-11-20, nor a duration such as 2h")
    })
}

impl When {
    /// The time, a duration being in the future.
    pub(crate) fn ahead(self, now: DateTime<Utc>) -> prost_types::Timestamp {
        timestamp(match self {
            Self::At(time) => time,
            Self::Offset(offset) => now.checked_add_signed(signed(offset)).unwrap_or(DateTime::<Utc>::MAX_UTC),
        })
    }

    /// The time, a duration being in the past.
    pub(crate) fn ago(self, now: DateTime<Utc>) -> prost_types::Timestamp {
        timestamp(match self {
            Self::At(time) => time,
            Self::Offset(offset) => now.checked_sub_signed(signed(offset)).unwrap_or(DateTime::<Utc>::MIN_UTC),
        })
    }
}

/// The time of this machine.
pub(crate) fn now() -> DateTime<Utc> {
    #[expect(clippy::disallowed_methods, reason = "the clock of the person at the terminal")]
    SystemTime::now().into()
}

fn signed(offset: Duration) -> chrono::TimeDelta {
    chrono::TimeDelta::from_std(offset).unwrap_or(chrono::TimeDelta::MAX)
}

fn timestamp(time: DateTime<Utc>) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.timestamp(),
        nanos: i32::try_from(time.timestamp_subsec_nanos().min(999_999_999)).expect("less than a second"),
    }
}

/// How long ago that was, in one unit: `17s`, `59m`, `23h` or `365d`.
pub(crate) fn age(time: prost_types::Timestamp, now: DateTime<Utc>) -> String {
    let seconds = now.timestamp().saturating_sub(time.seconds).max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `1 task`, `2 tasks`.
pub(crate) fn count(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Reads the name of a state.
pub(crate) fn state(text: &str) -> Result<pb::State, String> {
    let state = State::from_label(&text.to_lowercase().replace('-', "_")).ok_or_else(|| {
        let all: Vec<_> = State::ALL.into_iter().map(State::label).collect();
        format!("{text:?} is not a state; there are {}", all.join(", "))
    })?;
    Ok(to_proto(state))
}

/// The wire value of a state.
pub(crate) const fn to_proto(state: State) -> pb::State {
    match state {
        State::Pending => pb::State::Pending,
        State::InProgress => pb::State::InProgress,
        State::Complete => pb::State::Complete,
        State::Error => pb::State::Error,
        State::Cancelled => pb::State::Cancelled,
        State::ResolvedManually => pb::State::ResolvedManually,
    }
}

/// The state of a wire value; `None` for one that is not set or that a newer server made up.
pub(crate) fn from_proto(value: i32) -> Option<State> {
    State::ALL.into_iter().find(|state| to_proto(*state) as i32 == value)
}

/// Splits `HANDLER[@VERSION]`.
pub(crate) fn handler(text: &str) -> Result<(String, String), String> {
    let (name, version) = text.split_once('@').unwrap_or((text, ""));
    if name.is_empty() {
        return Err("the handler has no name; write NAME or NAME@VERSION".to_owned());
    }
    Ok((name.to_owned(), version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: std::fmt::Debug>(found: Result<T, impl std::fmt::Display>, expected: &str) {
        let found = found.map_or_else(|error| format!("{error}"), |value| format!("{value:?}"));
        assert_eq!(found, expected);
    }

    #[test]
    fn durations() {
        check(duration("500ms"), "500ms");
        check(duration("90"), "90s");
        check(duration("1h30m"), "5400s");
        check(duration("2d"), "172800s");
        check(duration(""), "\"\" is not a duration such as 500ms, 90s, 10m, 2h or 1h30m");
        check(duration("5 m"), "\"5 m\" is not a duration such as 500ms, 90s, 10m, 2h or 1h30m");
        check(
            duration("99999999999999999999d"),
            "\"99999999999999999999d\" is not a duration such as 500ms, 90s, 10m, 2h or 1h30m",
        );
    }

    #[test]
    fn durations_stay_within_the_calendar() {
        check(duration("99999999999h"), "\"99999999999h\" is longer than a thousand years");
        check(when("99999999999h"), "\"99999999999h\" is longer than a thousand years");
        check(duration("365250d"), "31557600000s");
        check(duration("365250d1s"), "\"365250d1s\" is longer than a thousand years");
        let longest = When::Offset(DURATION_MAX);
        for now in [now(), DateTime::<Utc>::MAX_UTC, DateTime::<Utc>::MIN_UTC] {
            let (ahead, ago) = (longest.ahead(now), longest.ago(now));
            assert!(ahead.seconds >= now.timestamp() && ago.seconds <= now.timestamp());
        }
    }

    #[test]
    fn times() {
        check(when("2026-11-20T22:00:00+01:00"), "At(2026-11-20T21:00:00Z)");
        check(when("2026-11-20"), "At(2026-11-20T00:00:00Z)");
        check(when("2h"), "Offset(7200s)");
        check(
            when("soon"),
            "\"soon\" is neither a time such as 2026-11-20T22:00:00Z or 2026-11-20, nor a duration such as 2h",
        );
    }

    #[test]
    fn ages_have_one_unit() {
        let now = DateTime::from_timestamp(100_000_000, 0).unwrap();
        for (ago, expected) in
            [(-5, "0s"), (59, "59s"), (60, "1m"), (7_199, "1h"), (86_400, "1d"), (31_536_000, "365d")]
        {
            let time = prost_types::Timestamp { seconds: 100_000_000 - ago, nanos: 0 };
            assert_eq!(age(time, now), expected);
        }
        assert_eq!(
            (count(0, "task"), count(1, "task"), count(2, "task")),
            ("0 tasks".into(), "1 task".into(), "2 tasks".into())
        );
    }

    #[test]
    fn states_by_name() {
        check(state("in-progress"), "InProgress");
        check(state("Complete"), "Complete");
        check(
            state("done"),
            "\"done\" is not a state; there are pending, in_progress, complete, error, cancelled, resolved_manually",
        );
        for known in State::ALL {
            assert_eq!(from_proto(to_proto(known) as i32), Some(known));
        }
        assert_eq!(from_proto(0), None);
    }

    #[test]
    fn handlers_and_versions() {
        check(handler("ship"), r#"("ship", "")"#);
        check(handler("ship@1.2.0"), r#"("ship", "1.2.0")"#);
        check(handler("@1"), "the handler has no name; write NAME or NAME@VERSION");
    }

    #[test]
    fn json_is_checked_before_it_is_sent() {
        assert_eq!(json("{\"n\": 12345678901234567890123}", "--context").unwrap(), "{\"n\": 12345678901234567890123}");
        let Err(Failure::Local { message, .. }) = json("{\"n\": }", "--context") else { panic!("it is not JSON") };
        assert_eq!(message, "--context is not JSON: expected value at line 1 column 7");
    }
}
