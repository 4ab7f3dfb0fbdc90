//! The configuration of an HTTP step: `handler_config` of its template. Wrong ones are permanent failures.

use std::time::Duration;

use reqwest::{
    Method, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use tasker_sdk::StepError;

const TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUT_SECONDS_MAX: f64 = 86_400.0;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A request that can be made.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) url: Url,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) timeout: Duration,
    pub(super) verify: bool,
}

/// The keys that mean something here. `type`, `enable_exponential_backoff`, `retry_delay` and `jitter_factor` of the
/// original's files are accepted; waits come from tasker's backoff table.
#[derive(Debug, Deserialize)]
struct Raw {
    url: Option<Value>,
    method: Option<String>,
    params: Option<Map<String, Value>>,
    headers: Option<Map<String, Value>>,
    ssl: Option<Ssl>,
    timeout: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ssl {
    #[serde(default = "yes")]
    verify: bool,
}

fn yes() -> bool {
    true
}

impl Config {
    /// Reads the JSON text of a step's configuration.
    pub(super) fn parse(json: &str) -> Result<Self, StepError> {
        let value: Value = match json {
            "" => Value::Null,
            json => serde_json::from_str(json).map_err(|error| wrong(format!("Configuration is not JSON: {error}")))?,
        };
        match value {
            Value::Null => return Err(wrong("Configuration cannot be nil")),
            Value::Object(_) => {}
            _ => return Err(wrong("Configuration must respond to :url")),
        }
        let raw: Raw =
            serde_json::from_value(value).map_err(|error| wrong(format!("Configuration does not fit: {error}")))?;
        let mut url = url(raw.url)?;
        if let Some(params) = raw.params.filter(|params| !params.is_empty()) {
            let mut pairs = Vec::new();
            params.iter().for_each(|(name, value)| flatten(name.clone(), value, &mut pairs));
            url.query_pairs_mut().extend_pairs(pairs);
        }
        Ok(Self {
            url,
            method: method(raw.method)?,
            headers: headers(raw.headers)?,
            timeout: timeout(raw.timeout)?,
            verify: raw.ssl.is_none_or(|ssl| ssl.verify),
        })
    }
}

fn url(value: Option<Value>) -> Result<Url, StepError> {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(other) => return Err(wrong(format!("Configuration URL is not a valid URI: {other} is not text"))),
    };
    if text.is_empty() {
        return Err(wrong("Configuration URL cannot be nil or empty"));
    }
    const INCOMPLETE: &str = "Configuration URL must be a valid URI with scheme and host";
    match Url::parse(&text) {
        Ok(url) if url.has_host() => Ok(url),
        Ok(_) => Err(wrong(INCOMPLETE)),
        // What the parser says of `shop/orders` and of `http://`.
        Err(error) if ["relative URL without a base", "empty host"].contains(&error.to_string().as_str()) => {
            Err(wrong(INCOMPLETE))
        }
        Err(error) => Err(wrong(format!("Configuration URL is not a valid URI: {error}"))),
    }
}

fn method(name: Option<String>) -> Result<Method, StepError> {
    const METHODS: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let name = name.unwrap_or_else(|| "GET".into()).to_uppercase();
    METHODS
        .into_iter()
        .find(|method| method.as_str() == name)
        .ok_or_else(|| wrong(format!("Configuration method {name} is not one of GET, HEAD, POST, PUT, PATCH, DELETE")))
}

/// The given headers, or the default ones.
fn headers(given: Option<Map<String, Value>>) -> Result<HeaderMap, StepError> {
    let Some(given) = given else {
        return Ok(HeaderMap::from_iter([(CONTENT_TYPE, JSON), (ACCEPT, JSON)]));
    };
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let parsed = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(&scalar(&value)).ok());
        let (key, value) = parsed.ok_or_else(|| wrong(format!("Configuration header {name} is not a valid header")))?;
        headers.insert(key, value);
    }
    Ok(headers)
}

fn timeout(seconds: Option<f64>) -> Result<Duration, StepError> {
    match seconds {
        None => Ok(TIMEOUT),
        Some(seconds) if seconds > 0.0 && seconds <= TIMEOUT_SECONDS_MAX => Ok(Duration::from_secs_f64(seconds)),
        Some(seconds) => {
            Err(wrong(format!("Configuration timeout {seconds} is not above 0 and at most {TIMEOUT_SECONDS_MAX} s")))
        }
    }
}

/// Query parameters as the original encodes them: `a[]=1` for lists, `a[b]=1` for maps.
fn flatten(name: String, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| flatten(format!("{name}[]"), item, pairs)),
        Value::Object(fields) => {
            fields.iter().for_each(|(key, field)| flatten(format!("{name}[{key}]"), field, pairs));
        }
        value => pairs.push((name, scalar(value))),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn wrong(message: impl Into<String>) -> StepError {
    StepError::permanent(message).class("ArgumentError")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_that_cannot_work() {
        let check = |json: &str, expected: &str| {
            let error = Config::parse(json).expect_err(json);
            assert_eq!((error.message(), error.is_permanent()), (expected, true), "{json}");
        };
        check("", "Configuration cannot be nil");
        check("null", "Configuration cannot be nil");
        check("[]", "Configuration must respond to :url");
        check("{}", "Configuration URL cannot be nil or empty");
        check(r#"{"url": "  "}"#, "Configuration URL cannot be nil or empty");
        check(r#"{"url": "shop/orders"}"#, "Configuration URL must be a valid URI with scheme and host");
        check(r#"{"url": "http://"}"#, "Configuration URL must be a valid URI with scheme and host");
        check(r#"{"url": "mailto:a@b.example"}"#, "Configuration URL must be a valid URI with scheme and host");
        check(r#"{"url": "http://a:b:c/"}"#, "Configuration URL is not a valid URI: invalid port number");
        check(
            r#"{"url": "http://a.example", "method": "BREW"}"#,
            "Configuration method BREW is not one of GET, HEAD, POST, PUT, PATCH, DELETE",
        );
        check(
            r#"{"url": "http://a.example", "timeout": 0}"#,
            "Configuration timeout 0 is not above 0 and at most 86400 s",
        );
        check(
            r#"{"url": "http://a.example", "headers": {"a b": "c"}}"#,
            "Configuration header a b is not a valid header",
        );
    }

    #[test]
    fn the_defaults_hold_until_something_else_is_said() {
        let config = Config::parse(r#"{"type": "api", "url": "https://a.example", "retry_delay": 1.0}"#).expect("fine");
        assert_eq!((config.method, config.timeout, config.verify), (Method::GET, TIMEOUT, true));
        assert_eq!((&config.headers[CONTENT_TYPE], &config.headers[ACCEPT]), (&JSON, &JSON));

        let config = Config::parse(
            r#"{"url": "https://a.example", "method": "post", "headers": {"X-N": 3}, "timeout": 0.5, "ssl": {"verify": false}}"#,
        )
        .expect("fine");
        assert_eq!((config.method, config.timeout, config.verify), (Method::POST, Duration::from_millis(500), false));
        assert_eq!((config.headers.len(), &config.headers["x-n"]), (1, &HeaderValue::from_static("3")));
    }

    #[test]
    fn parameters_join_the_query() {
        let check = |params: &str, expected: &str| {
            let json = format!(r#"{{"url": "http://a.example/x?k=v", "params": {params}}}"#);
            assert_eq!(Config::parse(&json).expect("fine").url.query(), Some(expected), "{params}");
        };
        check("{}", "k=v");
        check(r#"{"a": 1, "b": "x y", "c": true}"#, "k=v&a=1&b=x+y&c=true");
        check(r#"{"a": [1, 2]}"#, "k=v&a%5B%5D=1&a%5B%5D=2");
        check(r#"{"a": {"b": {"c": 1}}}"#, "k=v&a%5Bb%5D%5Bc%5D=1");
    }
}
