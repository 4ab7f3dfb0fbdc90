//! A handler as somebody wrote it down: nothing checked, everything optional.
//!
//! The one form that all doors share: protos and YAML files become drafts, drafts are checked into a
//! [`Definition`](super::Definition), and the draft of a definition, with every default filled in, is what the
//! store keeps. Empty text means not given, as in the protos. The names of the fields are those of the files.

use serde::{Deserialize, Serialize};

/// A handler, unchecked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Draft {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// What the handler is for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The class that the original service would run.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub task_handler_class: String,
    /// The Ruby module of that class.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub module_namespace: String,
    /// Kept for compatibility.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<bool>,
    /// The external system of steps that name none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub default_dependent_system: String,
    /// When not empty, the names that steps may have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub named_steps: Vec<String>,
    /// JSON Schema of the context, as JSON text.
    #[serde(rename = "schema", with = "embedded", skip_serializing_if = "String::is_empty")]
    pub schema_json: String,
    /// Whether every declared property is required and no other allowed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub schema_strict: bool,
    /// The steps.
    pub step_templates: Vec<StepDraft>,
}

/// A step template, unchecked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StepDraft {
    /// The name.
    pub name: String,
    /// The step handler.
    pub handler_class: String,
    /// The external system.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dependent_system: String,
    /// What the step does.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// False for one attempt only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_retryable: Option<bool>,
    /// Attempts in total.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_retry_limit: Option<i64>,
    /// Whether a task may bypass the step.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skippable: bool,
    /// One step to wait for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub depends_on_step: String,
    /// Further steps to wait for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on_steps: Vec<String>,
    /// The handler configuration as JSON text.
    #[serde(rename = "handler_config", with = "embedded", skip_serializing_if = "String::is_empty")]
    pub handler_config_json: String,
    /// Events that the worker may publish.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub custom_events: Vec<CustomEvent>,
    /// How long one attempt may run, in milliseconds; 0 for no limit.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout_ms: i64,
}

/// An event that workers may publish.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CustomEvent {
    /// `namespace.name`.
    pub name: String,
    /// What it means.
    pub description: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// JSON text inside JSON: written as the value that it is, so that operators can look into it, and read back as
/// text, so that no number changes.
mod embedded {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::Error};
    use serde_json::value::RawValue;

    pub(super) fn serialize<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(text.to_owned()).map_err(S::Error::custom)?.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        Ok(Box::<RawValue>::deserialize(deserializer)?.get().to_owned())
    }
}
