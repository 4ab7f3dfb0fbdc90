//! Handlers: a named, versioned DAG of steps.
//!
//! Owns: what a handler may look like. A [`Draft`] is what somebody wrote; [`Draft::check`] finds everything that
//! is wrong with it at once, or makes the [`Definition`]. Never: where a draft comes from (protos, files, rows)
//! or where a definition goes. Next: `service::handlers`, which registers definitions; `templates`, which
//! reads drafts from YAML files.

mod check;
mod draft;
mod graph;
mod operation;
mod outline;
mod step;
mod version;

#[cfg(test)]
mod tests;

pub use check::NAME_MAX;
pub use draft::{CustomEvent, Draft, StepDraft};
pub use operation::OperationKind;
pub use outline::Outline;
pub use version::{LENGTH_MAX as VERSION_MAX, Malformed, Version};

use sha2::{Digest, Sha256};

use super::{
    ids::{STEPS_PER_TASK_CEILING, StepNo},
    json::{self, KeyOrder},
};

/// The namespace of handlers that name none.
pub const NAMESPACE_DEFAULT: &str = "default";

/// The external system of steps that name none.
pub const SYSTEM_DEFAULT: &str = "unknown";

/// The version that stands for the greatest one.
pub const LATEST: &str = "latest";

/// Attempts of a step that does not say.
pub const RETRY_LIMIT_DEFAULT: u16 = 3;

/// How large a handler may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Steps of a handler at most. 10,000 by default; never more than [`STEPS_PER_TASK_CEILING`].
    pub steps_max: usize,
    /// Dependencies of a handler at most, all steps together. 1,000,000 by default: a layer of a thousand
    /// steps that all wait for another thousand.
    pub edges_max: usize,
    /// Bytes of a schema, and of each handler configuration, at most. 1 MiB by default.
    pub payload_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps_max: 10_000, edges_max: 1_000_000, payload_bytes_max: 1 << 20 }
    }
}

impl Limits {
    /// The limits of what can be stored at all, whatever is configured.
    pub const CEILING: Self =
        Self { steps_max: STEPS_PER_TASK_CEILING, edges_max: usize::MAX, payload_bytes_max: usize::MAX };
}

/// Something wrong with a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The path of the field, such as `step_templates[2].depends_on_steps[1]`.
    pub field: String,
    /// What is wrong.
    pub text: String,
    /// What sort of problem it is.
    pub kind: ProblemKind,
}

/// Sorts of problems, as far as callers are told them apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemKind {
    /// A field is wrong by itself or beside others.
    Field,
    /// A list or a text is longer than its limit.
    Limit,
    /// Steps depend on one another in a circle.
    Cycle {
        /// `a -> b -> a`: each step waits for the one before it.
        path: String,
    },
}

/// A handler that has passed every check. Only [`Draft::check`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The version.
    pub version: Version,
    /// What the handler is for.
    pub description: String,
    /// The steps in declaration order; at least one, and without circles.
    pub steps: Vec<Step>,
    normal: Draft,
    content_hash: [u8; 32],
}

/// A step of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The name, unique in the handler.
    pub name: String,
    /// The step handler.
    pub handler_class: String,
    /// The external system.
    pub dependent_system: String,
    /// What the step does.
    pub description: String,
    /// False for one attempt only.
    pub retryable: bool,
    /// Attempts in total.
    pub retry_limit: u16,
    /// Whether a task may bypass the step.
    pub skippable: bool,
    /// How long one attempt may run, in milliseconds; 0 for no limit.
    pub timeout_ms: i64,
    /// The steps that it waits for: `depends_on_step`, then `depends_on_steps`, each once.
    pub parents: Vec<StepNo>,
}

impl Definition {
    /// `namespace.name@version`.
    pub fn full_name(&self) -> String {
        format!("{}.{}@{}", self.namespace, self.name, self.version)
    }

    /// The draft that says the same with every default filled in.
    pub const fn draft(&self) -> &Draft {
        &self.normal
    }

    /// The same, taken out.
    pub fn into_draft(self) -> Draft {
        self.normal
    }

    /// SHA-256 of everything it says. Drafts that mean the same have the same one: defaults may be written
    /// out or not, and JSON may be laid out in any way.
    pub const fn content_hash(&self) -> [u8; 32] {
        self.content_hash
    }
}

fn content_hash(normal: &Draft) -> [u8; 32] {
    let text = serde_json::to_string(normal).expect("the JSON inside has been checked");
    Sha256::digest(json::canonical(&text, KeyOrder::Sorted)).into()
}
