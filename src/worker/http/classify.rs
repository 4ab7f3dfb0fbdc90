//! What a status means: success, try again, try again when asked to, or never.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tasker_sdk::StepError;

use super::retry_after;

/// What a response means.
#[derive(Debug)]
pub(super) enum Verdict {
    Success,
    Failure(StepError),
}

/// Judges a response.
///
/// Only 429 and 503 may ask for a wait. Every other failure that is not permanent leaves it to the backoff table.
pub(super) fn judge(status: u16, headers: &Map<String, Value>, body: &str, now: DateTime<Utc>) -> Verdict {
    Verdict::Failure(match status {
        200..=226 => return Verdict::Success,
        429 | 503 => {
            let error = StepError::retryable(format!("API call failed with retryable status {status}"));
            let asked = headers.get("retry-after").and_then(Value::as_str);
            match asked.and_then(|value| retry_after::parse(value, now)) {
                Some(wait) => error.retry_after(wait),
                None => error,
            }
        }
        400 | 401 | 403 | 404 | 422 => {
            StepError::permanent(format!("API call failed with permanent status {status}: {body}"))
                .code(format!("HTTP_{status}"))
        }
        _ => StepError::retryable(format!("API call failed with server error {status}: {body}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, retry_after: Option<&str>) -> String {
        let headers = retry_after.map(|value| ("retry-after".to_owned(), Value::from(value))).into_iter().collect();
        match judge(status, &headers, "BODY", DateTime::UNIX_EPOCH) {
            Verdict::Success => "success".into(),
            Verdict::Failure(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn every_status_has_its_class() {
        let check = |statuses: &[u16], expected: &str| {
            for status in statuses {
                let found = verdict(*status, None);
                let expected = expected.replace("{N}", &status.to_string());
                assert!(found.contains(&expected), "{status}: {found}");
            }
        };
        check(&[200, 201, 202, 204, 226], "success");
        check(
            &[429, 503],
            r#""RetryableError", message: "API call failed with retryable status {N}", permanent: false"#,
        );
        check(
            &[400, 401, 403, 404, 422],
            r#""PermanentError", message: "API call failed with permanent status {N}: BODY", permanent: true, code: "HTTP_{N}""#,
        );
        check(
            &[100, 199, 227, 299, 301, 304, 402, 405, 408, 409, 410, 418, 500, 501, 502, 504, 599],
            r#""RetryableError", message: "API call failed with server error {N}: BODY", permanent: false, code: "", retry_after: None"#,
        );
    }

    #[test]
    fn only_429_and_503_may_ask_for_a_wait() {
        let check = |status: u16, value: &str, expected: &str| {
            let found = verdict(status, Some(value));
            assert!(found.contains(&format!("retry_after: {expected}")), "{status} {value}: {found}");
        };
        check(429, "30", "Some(30s)");
        check(503, "Thu, 01 Jan 1970 00:01:00 GMT", "Some(60s)");
        check(503, "soon", "None");
        check(500, "30", "None");
        check(404, "30", "None");
    }
}
