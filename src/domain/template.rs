//! A handler's DAG in the form that running it needs.
//!
//! Owns: the compiled, immutable graph that every task of a handler version shares. It is made from a
//! definition that has been validated, so here edges exist, point at steps, and form no circle.

use std::{sync::Arc, time::Duration};

use super::ids::StepNo;

/// The number of a stored handler version.
pub type NamedTaskId = i32;

/// The number of a step handler: one queue of steps for the workers that offer it.
pub type QueueId = i32;

/// A compiled handler version.
#[derive(Debug)]
pub struct Template {
    /// Its number in the store.
    pub id: NamedTaskId,
    /// The namespace.
    pub namespace: Arc<str>,
    /// The name.
    pub name: Arc<str>,
    /// The version.
    pub version: Arc<str>,
    /// The steps in declaration order.
    pub steps: Vec<StepSpec>,
}

/// One step of a compiled handler version.
#[derive(Debug)]
pub struct StepSpec {
    /// The name.
    pub name: Arc<str>,
    /// The step handler.
    pub handler_class: Arc<str>,
    /// Its queue.
    pub queue: QueueId,
    /// The external system.
    pub dependent_system: Arc<str>,
    /// False for one attempt only.
    pub retryable: bool,
    /// Attempts in total.
    pub retry_limit: u16,
    /// Whether a task may bypass the step.
    pub skippable: bool,
    /// How long one attempt may run.
    pub timeout: Option<Duration>,
    /// The handler configuration as JSON text, empty for none.
    pub config_json: Arc<str>,
    /// The steps that this one waits for, ascending.
    pub parents: Vec<StepNo>,
    /// The steps that wait for this one, ascending.
    pub children: Vec<StepNo>,
}

impl Template {
    /// `namespace.name@version`.
    pub fn full_name(&self) -> String {
        format!("{}.{}@{}", self.namespace, self.name, self.version)
    }

    /// The number of the step with this name.
    pub fn step_no(&self, name: &str) -> Option<StepNo> {
        let position = self.steps.iter().position(|step| &*step.name == name)?;
        StepNo::try_from(position).ok()
    }

    /// The specification of a step.
    pub fn step(&self, no: StepNo) -> &StepSpec {
        &self.steps[usize::from(no)]
    }

    /// Steps with exactly the same parents, at least one of them.
    pub fn siblings(&self, no: StepNo) -> Vec<StepNo> {
        let parents = &self.step(no).parents;
        let Some(first) = parents.first() else { return Vec::new() };
        let candidates = self.step(*first).children.iter().copied();
        candidates.filter(|other| *other != no && self.step(*other).parents == *parents).collect()
    }

    /// Fills `children` from `parents`. Called once, when the template is put together.
    pub fn link(mut steps: Vec<StepSpec>) -> Vec<StepSpec> {
        for no in 0..steps.len() {
            steps[no].parents.sort_unstable();
            steps[no].parents.dedup();
            for parent in steps[no].parents.clone() {
                let child = StepNo::try_from(no).expect("steps_per_task is checked at registration");
                steps[usize::from(parent)].children.push(child);
            }
        }
        steps
    }
}
