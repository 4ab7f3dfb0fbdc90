//! Retention: how long finished tasks are kept.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use super::{
    check::Check,
    values::{hours, millis},
};
use crate::{
    domain::retention::{Action, Rules},
    engine::retention,
};

/// The section `retention`.
#[derive(Debug, Clone, Deserialize)]
pub struct Retention {
    /// How long tasks that ended well or were cancelled are kept; zero is for ever.
    #[serde(rename = "max_age_hours", deserialize_with = "hours")]
    pub max_age: Duration,
    /// How long tasks that ended in error are kept; zero is for ever.
    #[serde(rename = "failed_max_age_hours", deserialize_with = "hours")]
    pub failed_max_age: Duration,
    /// What becomes of them then.
    pub action: Action,
    /// How often it begins at the oldest task.
    #[serde(rename = "interval_ms", deserialize_with = "millis")]
    pub interval: Duration,
    /// Tasks in one transaction at most.
    pub batch_tasks: usize,
    /// The share of time that it works while the service is busy.
    pub busy_share: f64,
    /// The share of time that it works while the service is idle.
    pub idle_share: f64,
    /// Ages by namespace or handler.
    pub rules: BTreeMap<String, String>,
}

impl Retention {
    /// The ages as rules; what cannot be read is left out, and found by the check.
    pub fn rules(&self) -> Rules {
        let mut rules = Rules::new(self.max_age, self.failed_max_age);
        for (name, ages) in &self.rules {
            let _found_by_the_check = rules.add(name, ages);
        }
        rules
    }

    /// How tasks are removed.
    pub fn settings(&self, keep_events: Duration) -> retention::Settings {
        retention::Settings {
            rules: self.rules(),
            action: self.action,
            batch_tasks: self.batch_tasks,
            interval: self.interval,
            shares: (self.busy_share, self.idle_share),
            keep_events,
        }
    }

    pub(super) fn validate(&self, check: &mut Check) {
        const CENTURY_HOURS: u64 = 876_000;
        check.range("retention.max_age_hours", self.max_age.as_secs() / 3_600, 0..=CENTURY_HOURS);
        check.range("retention.failed_max_age_hours", self.failed_max_age.as_secs() / 3_600, 0..=CENTURY_HOURS);
        check.millis("retention.interval_ms", self.interval, 1_000..=86_400_000);
        check.range("retention.batch_tasks", self.batch_tasks, 1..=10_000);
        check.range("retention.busy_share", self.busy_share, 0.001..=1.0);
        check.range("retention.idle_share", self.idle_share, 0.001..=1.0);
        for (name, ages) in &self.rules {
            let mut rules = Rules::default();
            if let Err(problem) = rules.add(name, ages) {
                check.finding(&format!("retention.rules.{name}"), problem.to_string(), "");
            }
        }
    }
}
