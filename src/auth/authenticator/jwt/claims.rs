//! What a token claims: until when it is good, who it is for, and what it grants.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value};

use super::{Paths, Rejection, Settings, token::object};
use crate::auth::{Grant, Principal};

/// A subject at most, in bytes.
const SUBJECT_BYTES_MAX: usize = 255;

/// The end of the year 9999, in seconds: nobody means a later time.
const SECONDS_MAX: f64 = 253_402_300_799.0;

/// The claims of a token.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Reads the payload of a token, as it stands in it.
    pub fn read(payload: &str) -> Result<Self, Rejection> {
        match object(payload)? {
            Value::Object(claims) => Ok(Self(claims)),
            _ => Err(Rejection::Malformed),
        }
    }

    /// Checks time, issuer and audience; returns until when the token is good, with the leeway.
    pub fn check(&self, settings: &Settings, now: SystemTime) -> Result<SystemTime, Rejection> {
        let until = self.time("exp")?.ok_or(Rejection::Invalid)? + settings.leeway;
        if until <= now {
            return Err(Rejection::Expired);
        }
        // One that was issued in the future was not issued yet.
        for claim in ["nbf", "iat"] {
            if self.time(claim)?.is_some_and(|from| from > now + settings.leeway) {
                return Err(Rejection::NotYetValid);
            }
        }
        if !settings.issuers.is_empty() {
            let issuer = self.0.get("iss").and_then(Value::as_str).ok_or(Rejection::WrongIssuer)?;
            if !settings.issuers.iter().any(|known| known == issuer) {
                return Err(Rejection::WrongIssuer);
            }
        }
        if !settings.audiences.is_empty() {
            let audience = self.0.get("aud").map_or(&[][..], one_or_many);
            if !audience.iter().filter_map(Value::as_str).any(|one| settings.audiences.iter().any(|ours| ours == one)) {
                return Err(Rejection::WrongAudience);
            }
        }
        Ok(until)
    }

    /// Whose token it is and what it grants. Grants that cannot be read grant nothing.
    pub fn principal(&self, paths: &Paths) -> Result<Principal, Rejection> {
        let subject = match self.at(&paths.subject) {
            Some(Value::String(subject)) => subject.clone(),
            Some(Value::Number(number)) if !number.is_f64() => number.to_string(),
            _ => return Err(Rejection::Invalid),
        };
        let fits = !subject.is_empty() && subject.len() <= SUBJECT_BYTES_MAX;
        if !fits || subject.chars().any(char::is_control) {
            return Err(Rejection::Invalid);
        }
        let mut principal = Principal::new(subject, "jwt");
        let grants = self.at(&paths.permissions).map(words).unwrap_or_default();
        principal.grants = grants.iter().filter_map(|grant| grant.parse::<Grant>().ok()).collect();
        principal.roles = self.at(&paths.roles).map(words).unwrap_or_default();
        // Whatever stands there narrows: what is no list of names leaves none.
        principal.namespaces =
            self.at(&paths.namespaces).map(|claim| words(claim).into_iter().collect::<BTreeSet<_>>());
        Ok(principal)
    }

    /// A time in seconds since 1970, with or without a fraction; `None` when it is not claimed.
    fn time(&self, claim: &str) -> Result<Option<SystemTime>, Rejection> {
        let Some(value) = self.0.get(claim) else { return Ok(None) };
        let seconds = value.as_f64().filter(|seconds| seconds.abs() <= SECONDS_MAX).ok_or(Rejection::Invalid)?;
        let distance = Duration::from_secs_f64(seconds.abs());
        let time = if seconds < 0.0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
        time.map(Some).ok_or(Rejection::Invalid)
    }

    /// What stands at a path: under its whole name, or walking into objects at the dots.
    fn at(&self, path: &str) -> Option<&Value> {
        if let Some(value) = self.0.get(path) {
            return Some(value);
        }
        let mut parts = path.split('.');
        let first = self.0.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.as_object()?.get(part))
    }
}

fn one_or_many(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// A list of texts, or the words of a text. Anything else among them is left out.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}
