//! The checks of one step template.

use std::collections::{HashMap, HashSet};

use super::{
    CustomEvent, RETRY_LIMIT_DEFAULT, Step, StepDraft,
    check::{Findings, NAME_MAX, STEP_NAME_MAX, TEXT_MAX, given_or, json_or_nothing},
};
use crate::domain::{events, ids::StepNo, near};

/// Attempts of a step at most.
const RETRY_LIMIT_MAX: i64 = 10_000;
/// The longest timeout: a year.
const TIMEOUT_MS_MAX: i64 = 365 * 24 * 3_600 * 1_000;
/// The description of an event without one.
const EVENT_DESCRIPTION_DEFAULT: &str = "Custom event";

/// The names that steps have, and those that they may have.
pub(super) struct Names<'a> {
    numbers: &'a HashMap<&'a str, StepNo>,
    allowed: Option<HashSet<&'a str>>,
}

impl<'a> Names<'a> {
    pub(super) fn new(numbers: &'a HashMap<&'a str, StepNo>, named_steps: &'a [String]) -> Self {
        let allowed = (!named_steps.is_empty()).then(|| named_steps.iter().map(String::as_str).collect());
        Self { numbers, allowed }
    }

    fn allows(&self, name: &str) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| allowed.contains(name))
    }
}

/// Checks one step; what comes back is only used when nothing at all was found.
pub(super) fn check(
    draft: &StepDraft,
    position: usize,
    system: &str,
    names: &Names<'_>,
    findings: &mut Findings<'_>,
) -> Step {
    let at = |field: &str| format!("step_templates[{position}].{field}");
    findings.name(&at("name"), &draft.name, STEP_NAME_MAX);
    if !draft.name.is_empty() && !names.allows(&draft.name) {
        findings.field(&at("name"), format!("Step template name '{}' is not in the named_steps list", draft.name));
    }
    findings.name(&at("handler_class"), &draft.handler_class, TEXT_MAX);
    findings.text(&at("description"), &draft.description, TEXT_MAX);
    let system = given_or(&draft.dependent_system, system);
    if system == draft.dependent_system {
        findings.name(&at("dependent_system"), system, NAME_MAX);
    }
    let retry_limit = draft.default_retry_limit.unwrap_or(i64::from(RETRY_LIMIT_DEFAULT));
    if !(0..=RETRY_LIMIT_MAX).contains(&retry_limit) {
        findings.field(&at("default_retry_limit"), format!("must be between 0 and {RETRY_LIMIT_MAX}"));
    }
    if !(0..=TIMEOUT_MS_MAX).contains(&draft.timeout_ms) {
        findings.field(&at("timeout_ms"), format!("must be between 0 and {TIMEOUT_MS_MAX} (a year)"));
    }
    findings.json(&at("handler_config_json"), &draft.handler_config_json);
    for (number, event) in draft.custom_events.iter().enumerate() {
        check_event(event, &at(&format!("custom_events[{number}]")), findings);
    }
    Step {
        name: draft.name.clone(),
        handler_class: draft.handler_class.clone(),
        dependent_system: system.to_owned(),
        description: given_or(&draft.description, &draft.name).to_owned(),
        retryable: draft.default_retryable.unwrap_or(true),
        retry_limit: u16::try_from(retry_limit.clamp(0, RETRY_LIMIT_MAX)).expect("the most fits"),
        skippable: draft.skippable,
        timeout_ms: draft.timeout_ms,
        parents: check_dependencies(draft, position, names, findings),
    }
}

/// The parents that exist: `depends_on_step`, then `depends_on_steps`, each once.
fn check_dependencies(
    draft: &StepDraft,
    position: usize,
    names: &Names<'_>,
    findings: &mut Findings<'_>,
) -> Vec<StepNo> {
    let one = (!draft.depends_on_step.is_empty()).then_some((&draft.depends_on_step, None));
    let many = draft.depends_on_steps.iter().enumerate().map(|(number, name)| (name, Some(number)));
    let mut parents = Vec::with_capacity(draft.depends_on_steps.len() + 1);
    let mut seen = HashSet::new();
    for (name, number) in one.into_iter().chain(many) {
        let field = || match number {
            None => format!("step_templates[{position}].depends_on_step"),
            Some(number) => format!("step_templates[{position}].depends_on_steps[{number}]"),
        };
        if !names.allows(name) {
            findings.field(&field(), format!("Dependency step '{name}' is not in the named_steps list"));
        } else if let Some(parent) = names.numbers.get(name.as_str()) {
            if seen.insert(*parent) {
                parents.push(*parent);
            }
        } else {
            let hint =
                if findings.hints_left > 0 { near::hint(name, names.numbers.keys().copied()) } else { String::new() };
            findings.hints_left = findings.hints_left.saturating_sub(1);
            findings.field(&field(), format!("there is no step '{name}'{hint}"));
        }
    }
    parents
}

fn check_event(event: &CustomEvent, at: &str, findings: &mut Findings<'_>) {
    let field = format!("{at}.name");
    findings.name(&field, &event.name, TEXT_MAX);
    findings.text(&format!("{at}.description"), &event.description, TEXT_MAX);
    if event.name.trim().is_empty() {
        return;
    }
    if let Err(refusal) = events::check_name(&event.name) {
        findings.field(&field, refusal.to_string());
    }
}

/// The draft of a step with every default filled in.
pub(super) fn normal(draft: &StepDraft, step: &Step) -> StepDraft {
    let described = |event: &CustomEvent| CustomEvent {
        name: event.name.clone(),
        description: given_or(&event.description, EVENT_DESCRIPTION_DEFAULT).to_owned(),
    };
    StepDraft {
        dependent_system: step.dependent_system.clone(),
        description: step.description.clone(),
        default_retryable: Some(step.retryable),
        default_retry_limit: Some(i64::from(step.retry_limit)),
        handler_config_json: json_or_nothing(&draft.handler_config_json),
        custom_events: draft.custom_events.iter().map(described).collect(),
        ..draft.clone()
    }
}
