//! Overrides for environments.
//!
//! The block of the chosen environment is laid over the handler: maps are merged, the steps of
//! `step_templates` are matched by name, everything else is replaced.

use std::mem;

use super::{
    Remarks,
    node::{Entry, Node, Value},
    read::{HANDLER_KEYS, STEP_KEYS, report_unknown},
};
use crate::domain::near;

const KEY: &str = "environments";
const STEPS: &str = "step_templates";

/// The handler with the overrides of its environment merged in, and without the block.
pub(super) fn merge(mut document: Node, environment: Option<&str>, remarks: &mut Remarks<'_>) -> Node {
    let Value::Map(entries) = &mut document.value else { return document };
    let Some(position) = entries.iter().position(|entry| entry.key == KEY) else { return document };
    let block = entries.remove(position).value;
    let environments = match block.value {
        Value::Map(environments) => environments,
        Value::Null => return document,
        _ => {
            remarks.error(block.at, format!("{KEY} must be a map, not {}", block.kind()));
            return document;
        }
    };
    let steps = names(entries);
    for over in &environments {
        report(over, &steps, remarks);
    }
    let Some(wanted) = environment else { return document };
    if !environments.iter().any(|over| over.key == wanted) {
        let hint = near::hint(wanted, environments.iter().map(|over| over.key.as_str()));
        remarks.warning(block.at, format!("there is no environment '{wanted}'{hint}"));
    }
    for over in environments.into_iter().filter(|over| over.key == wanted) {
        if let Value::Map(over) = over.value.value {
            lay_over(entries, over, true);
        }
    }
    document
}

fn lay_over(base: &mut Vec<Entry>, over: Vec<Entry>, top: bool) {
    for mut over in over {
        let Some(entry) = base.iter_mut().find(|entry| entry.key == over.key) else {
            base.push(over);
            continue;
        };
        match (&mut entry.value.value, &mut over.value.value) {
            (Value::List(steps), Value::List(overrides)) if top && over.key == STEPS => {
                lay_over_steps(steps, mem::take(overrides));
            }
            (Value::Map(base), Value::Map(over)) => lay_over(base, mem::take(over), false),
            _ => entry.value = over.value,
        }
    }
}

/// The order of the base stays; overrides for other steps have been reported.
fn lay_over_steps(steps: &mut [Node], overrides: Vec<Node>) {
    for over in overrides {
        let Some(wanted) = name(&over).map(str::to_owned) else { continue };
        let Value::Map(over) = over.value else { continue };
        let step = steps.iter_mut().find(|step| name(step) == Some(wanted.as_str()));
        if let Some(Node { value: Value::Map(step), .. }) = step {
            lay_over(step, over, false);
        }
    }
}

/// Says what is wrong with the overrides of one environment, whether it is the chosen one or not.
fn report(over: &Entry, steps: &[String], remarks: &mut Remarks<'_>) {
    let entries = match &over.value.value {
        Value::Map(entries) => entries,
        Value::Null => return,
        _ => {
            let message = format!("{KEY}.{} must be a map, not {}", over.key, over.value.kind());
            return remarks.error(over.value.at, message);
        }
    };
    report_unknown(entries, &HANDLER_KEYS, remarks);
    let Some(overrides) = entries.iter().find(|entry| entry.key == STEPS) else { return };
    let Value::List(overrides) = &overrides.value.value else {
        let message = format!("{STEPS} must be a list, not {}", overrides.value.kind());
        return remarks.error(overrides.value.at, message);
    };
    for step in overrides {
        match (&step.value, name(step)) {
            (Value::Map(entries), Some(wanted)) => {
                report_unknown(entries, &STEP_KEYS, remarks);
                if !steps.iter().any(|step| step == wanted) {
                    let hint = near::hint(wanted, steps.iter().map(String::as_str));
                    let message =
                        format!("environment '{}' overrides step '{wanted}', which does not exist{hint}", over.key);
                    remarks.warning(step.at, message);
                }
            }
            _ => remarks.error(step.at, "an override must be a map with the name of a step".to_owned()),
        }
    }
}

fn names(entries: &[Entry]) -> Vec<String> {
    let steps = entries.iter().find(|entry| entry.key == STEPS).map(|entry| &entry.value.value);
    let Some(Value::List(steps)) = steps else { return Vec::new() };
    steps.iter().filter_map(name).map(str::to_owned).collect()
}

fn name(step: &Node) -> Option<&str> {
    let Value::Map(entries) = &step.value else { return None };
    entries.iter().find(|entry| entry.key == "name").and_then(|entry| match &entry.value.value {
        Value::String(name) => Some(name.as_str()),
        _ => None,
    })
}
