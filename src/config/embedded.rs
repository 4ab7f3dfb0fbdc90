//! The private Postgres of `tasker dev`.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{
    check::Check,
    values::{millis, optional_path},
};
use crate::embedded::Settings;

/// The section `embedded`.
#[derive(Debug, Clone, Deserialize)]
pub struct Embedded {
    /// Where its data lives.
    pub directory: PathBuf,
    /// Where its binaries are; `None` looks in the usual places.
    #[serde(deserialize_with = "optional_path")]
    pub binaries: Option<PathBuf>,
    /// How long it may take to answer.
    #[serde(rename = "start_timeout_ms", deserialize_with = "millis")]
    pub start_timeout: Duration,
    /// Server parameters beyond ours.
    pub parameters: BTreeMap<String, String>,
}

impl Embedded {
    /// What the embedded server needs to know.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::new(&self.directory);
        settings.binaries.clone_from(&self.binaries);
        settings.start_timeout = self.start_timeout;
        settings.parameters.extend(self.parameters.clone());
        settings
    }

    pub(super) fn validate(&self, check: &mut Check) {
        let named = !self.directory.as_os_str().is_empty();
        check.rule("embedded.directory", named, || "must not be empty".to_owned());
        check.millis("embedded.start_timeout_ms", self.start_timeout, 1_000..=3_600_000);
    }
}
