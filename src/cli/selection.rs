//! The tasks that `--where` names.
//!
//! Owns: the little language of conditions, and what they mean as a filter of the service.
//!
//! ```text
//! handler=ship_parcel state=error age>1h        conditions with spaces, commas or "and" between; all must hold
//! tag=urgent tag=eu                             all of the tags
//! state=pending state=in_progress               any of the states
//! reason, and everything else with spaces       'in quotes' or "in quotes"
//! ```

use std::{str::FromStr, time::Duration};

use chrono::{DateTime, Utc};
use tasker_sdk::proto::tasker::v1 as pb;

use super::input::{self, When};
use crate::domain::near;

/// The names of conditions.
const NAMES: [&str; 9] =
    ["namespace", "handler", "version", "state", "tag", "initiator", "source_system", "correlation_id", "age"];

/// Conditions that a task meets.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Selection {
    namespace: Option<String>,
    handler: Option<String>,
    version: Option<String>,
    states: Vec<pb::State>,
    tags: Vec<String>,
    initiator: Option<String>,
    source_system: Option<String>,
    correlation_id: Option<String>,
    older_than: Option<Duration>,
    younger_than: Option<Duration>,
}

impl FromStr for Selection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut selection = Self::default();
        let conditions = words(text)?;
        if conditions.is_empty() {
            return Err(format!("names no condition; there are {}", NAMES.join(", ")));
        }
        for condition in conditions {
            selection.add(&condition)?;
        }
        Ok(selection)
    }
}

impl Selection {
    fn add(&mut self, condition: &str) -> Result<(), String> {
        let wrong = || format!("{condition:?} is no condition such as state=error or age>1h");
        let sign = condition.find(['=', '<', '>']).ok_or_else(wrong)?;
        let (name, rest) = condition.split_at(sign);
        let (sign, value) = rest.split_at(1);
        let value = value.trim_matches(['\'', '"']).to_owned();
        if value.is_empty() {
            return Err(format!("{condition:?} has no value"));
        }
        if !NAMES.contains(&name) {
            let near = near::hint(name, NAMES);
            return Err(format!("there is no condition {name:?}{near}; there are {}", NAMES.join(", ")));
        }
        if (name == "age") == (sign == "=") {
            let example = if name == "age" { "age>1h or age<1h" } else { &format!("{name}=VALUE") };
            return Err(format!("{condition:?}: write {example}"));
        }
        let slot = match name {
            "namespace" => &mut self.namespace,
            "version" => &mut self.version,
            "initiator" => &mut self.initiator,
            "source_system" => &mut self.source_system,
            "correlation_id" => &mut self.correlation_id,
            "handler" => return self.handler(&value),
            "state" => return input::state(&value).map(|state| self.states.push(state)),
            "tag" => {
                self.tags.push(value);
                return Ok(());
            }
            _ => return self.age(sign, &value),
        };
        put(slot, name, value)
    }

    /// `NAME`, or `NAME@VERSION`.
    fn handler(&mut self, value: &str) -> Result<(), String> {
        let (name, version) = input::handler(value)?;
        put(&mut self.handler, "handler", name)?;
        if version.is_empty() { Ok(()) } else { put(&mut self.version, "version", version) }
    }

    fn age(&mut self, sign: &str, value: &str) -> Result<(), String> {
        let age = input::duration(value)?;
        let slot = if sign == ">" { &mut self.older_than } else { &mut self.younger_than };
        match slot.replace(age) {
            None => Ok(()),
            Some(_) => Err(format!("age{sign} is given twice")),
        }
    }

    /// The same with these states, unless some are named.
    #[must_use]
    pub(crate) fn or_states(mut self, states: &[pb::State]) -> Self {
        if self.states.is_empty() {
            self.states = states.to_vec();
        }
        self
    }

    /// The filter of the service; ages are counted back from `now`.
    pub(crate) fn filter(&self, now: DateTime<Utc>) -> pb::TaskFilter {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let back = |age: Option<Duration>| age.map(|age| When::Offset(age).ago(now));
        pb::TaskFilter {
            namespace: text(&self.namespace),
            handler: text(&self.handler),
            version: text(&self.version),
            states: self.states.iter().map(|state| i32::from(*state)).collect(),
            tags: self.tags.clone(),
            initiator: text(&self.initiator),
            source_system: text(&self.source_system),
            correlation_id: text(&self.correlation_id),
            min_request_time: back(self.younger_than),
            max_request_time: back(self.older_than),
            ..pb::TaskFilter::default()
        }
    }
}

fn put(slot: &mut Option<String>, name: &str, value: String) -> Result<(), String> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{name} is given twice")),
    }
}

/// The conditions of an expression: what stands between spaces and commas that are not in quotes.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for symbol in text.chars() {
        match quote {
            Some(open) if symbol == open => quote = None,
            None if matches!(symbol, '\'' | '"') => quote = Some(symbol),
            None if symbol.is_whitespace() || symbol == ',' => {
                words.push(String::new());
                continue;
            }
            _ => {}
        }
        words.last_mut().expect("there is one").push(symbol);
    }
    if let Some(open) = quote {
        return Err(format!("{text:?} lacks a closing {open}"));
    }
    Ok(words.into_iter().filter(|word| !word.is_empty() && !word.eq_ignore_ascii_case("and")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> pb::TaskFilter {
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        text.parse::<Selection>().unwrap().filter(now)
    }

    fn refused(text: &str, expected: &str) {
        assert_eq!(text.parse::<Selection>().unwrap_err(), expected);
    }

    #[test]
    fn conditions_are_a_filter() {
        let expected = pb::TaskFilter {
            namespace: "logistics".to_owned(),
            handler: "ship".to_owned(),
            version: "1.2.0".to_owned(),
            states: vec![pb::State::Pending.into(), pb::State::Error.into()],
            tags: vec!["urgent".to_owned(), "in stock".to_owned()],
            initiator: "ann".to_owned(),
            source_system: "shop".to_owned(),
            correlation_id: "c-7".to_owned(),
            min_request_time: Some(prost_types::Timestamp { seconds: 1_000_000 - 7_200, nanos: 0 }),
            max_request_time: Some(prost_types::Timestamp { seconds: 1_000_000 - 3_600, nanos: 0 }),
            ..pb::TaskFilter::default()
        };
        let text = "namespace=logistics handler=ship@1.2.0, state=pending,state=error and tag=urgent tag='in stock' \
                    initiator=ann source_system=\"shop\" AND correlation_id=c-7 age>1h age<2h";
        assert_eq!(filter(text), expected);
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        refused("", &format!("names no condition; there are {}", NAMES.join(", ")));
        refused("error", "\"error\" is no condition such as state=error or age>1h");
        refused("state=", "\"state=\" has no value");
        refused("age=1h", "\"age=1h\": write age>1h or age<1h");
        refused("tag>a", "\"tag>a\": write tag=VALUE");
        refused("age>soon", "\"soon\" is not a duration such as 500ms, 90s, 10m, 2h or 1h30m");
        refused("handler=a handler=b", "handler is given twice");
        refused("tag='a b", "\"tag='a b\" lacks a closing '");
        let all = NAMES.join(", ");
        refused("stat=error", &format!("there is no condition \"stat\"; did you mean 'state'?; there are {all}"));
    }
}
