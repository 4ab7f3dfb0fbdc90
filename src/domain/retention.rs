//! How long finished tasks are kept.
//!
//! Owns: which age holds for which handler, and from when on a task may go. Never: an unfinished task goes; there is
//! no age for one. Next: `engine::retention`, which looks for tasks that are old enough.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use super::run::Micros;

/// What becomes of tasks that are old enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// They are deleted.
    Drop,
    /// They are moved, whole, into `archived_tasks`.
    Archive,
}

/// How long tasks are kept; `None` is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ages {
    /// Tasks that are complete, resolved or cancelled.
    pub ended: Option<Duration>,
    /// Tasks in error, which somebody may still want to retry.
    pub failed: Option<Duration>,
}

/// The ages by handler.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    everywhere: Ages,
    named: BTreeMap<String, Ages>,
}

/// A task of a handler that ended before these times may go; `None` keeps all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cutoffs {
    /// For tasks that are complete, resolved or cancelled.
    pub ended: Option<Micros>,
    /// For tasks in error.
    pub failed: Option<Micros>,
}

/// Not an age.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The name is not one.
    #[error("must be named after a namespace, or NAMESPACE.HANDLER in quotes")]
    Name,
    /// The value is not one.
    #[error("must be hours or never, and may go on with `, failed` and hours or never; not {0:?}")]
    Ages(String),
}

impl Rules {
    /// The ages for handlers without a rule; zero is for ever.
    pub fn new(ended: Duration, failed: Duration) -> Self {
        let some = |age: Duration| (!age.is_zero()).then_some(age);
        Self { everywhere: Ages { ended: some(ended), failed: some(failed) }, named: BTreeMap::new() }
    }

    /// Adds a rule for a namespace, or for `NAMESPACE.HANDLER`: `720`, `never`, `720, failed never`. What a rule does
    /// not say about failed tasks holds as it does everywhere.
    pub fn add(&mut self, name: &str, ages: &str) -> Result<(), Malformed> {
        if name.is_empty() || name.starts_with('.') || name.ends_with('.') {
            return Err(Malformed::Name);
        }
        let malformed = || Malformed::Ages(ages.to_owned());
        let (ended, failed) = match ages.split_once(',') {
            None => (ages, None),
            Some((ended, failed)) => (ended, Some(failed.trim().strip_prefix("failed").ok_or_else(malformed)?)),
        };
        let failed = match failed {
            None => self.everywhere.failed,
            Some(text) => age(text).ok_or_else(malformed)?,
        };
        let ages = Ages { ended: age(ended).ok_or_else(malformed)?, failed };
        self.named.insert(name.to_owned(), ages);
        Ok(())
    }

    /// The ages for the tasks of a handler: its own rule, else its namespace's, else those for everywhere.
    pub fn ages(&self, namespace: &str, handler: &str) -> Ages {
        let named = self.named.get(&format!("{namespace}.{handler}")).or_else(|| self.named.get(namespace));
        named.copied().unwrap_or(self.everywhere)
    }

    /// From when on tasks of a handler may go.
    pub fn cutoffs(&self, namespace: &str, handler: &str, now: Micros) -> Cutoffs {
        let before = |age: Duration| now.saturating_sub(Micros::try_from(age.as_micros()).unwrap_or(Micros::MAX));
        let Ages { ended, failed } = self.ages(namespace, handler);
        Cutoffs { ended: ended.map(before), failed: failed.map(before) }
    }

    /// Whether everything is kept for ever.
    pub fn keep_all(&self) -> bool {
        let keeps = |ages: &Ages| ages.ended.is_none() && ages.failed.is_none();
        keeps(&self.everywhere) && self.named.values().all(keeps)
    }
}

/// Hours, or never; `None` for anything else.
fn age(text: &str) -> Option<Option<Duration>> {
    match text.trim() {
        "never" => Some(None),
        hours => match hours.parse::<u64>() {
            Ok(0) => Some(None),
            Ok(hours) if hours <= 876_000 => Some(Some(Duration::from_secs(hours * 3_600))),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(named: &[(&str, &str)]) -> Rules {
        let mut rules = Rules::new(Duration::from_secs(24 * 3_600), Duration::ZERO);
        named.iter().for_each(|(name, ages)| rules.add(name, ages).unwrap());
        rules
    }

    fn check(named: &[(&str, &str)], handler: (&str, &str), expected: (Option<u64>, Option<u64>)) {
        let Ages { ended, failed } = rules(named).ages(handler.0, handler.1);
        let hours = |age: Option<Duration>| age.map(|age| age.as_secs() / 3_600);
        assert_eq!((hours(ended), hours(failed)), expected, "{named:?} {handler:?}");
    }

    #[test]
    fn the_nearest_rule_holds() {
        let named: &[_] = &[("billing", "720"), ("billing.invoice", "never, failed 9"), ("shop", "5, failed never")];
        check(named, ("default", "x"), (Some(24), None));
        check(named, ("billing", "x"), (Some(720), None));
        check(named, ("billing", "invoice"), (None, Some(9)));
        check(named, ("shop", "x"), (Some(5), None));
        check(&[("shop", " 7 ,failed 8 ")], ("shop", "x"), (Some(7), Some(8)));
    }

    #[test]
    fn what_is_no_age_is_refused() {
        for ages in ["", "soon", "-1", "1.5", "7, 8", "7, failed", "7, failed x", "9999999"] {
            assert!(Rules::default().add("shop", ages).is_err(), "{ages}");
        }
        for name in ["", ".x", "x."] {
            assert_eq!(Rules::default().add(name, "7"), Err(Malformed::Name));
        }
    }

    #[test]
    fn cutoffs_lie_in_the_past_and_unfinished_tasks_have_none() {
        let hour = 3_600_000_000;
        let rules = rules(&[("shop", "2, failed 1")]);
        let cutoffs = rules.cutoffs("shop", "x", 10 * hour);
        assert_eq!(cutoffs, Cutoffs { ended: Some(8 * hour), failed: Some(9 * hour) });
        assert!(!rules.keep_all());
        assert!(Rules::default().keep_all());
    }
}
