//! From draft to definition.
//!
//! Everything that is wrong is found in one pass, so that an author fixes a file once.

use std::collections::HashMap;

use super::{
    Definition, Draft, Limits, NAMESPACE_DEFAULT, Problem, ProblemKind, SYSTEM_DEFAULT, Step, Version, content_hash,
    graph, step, version,
};
use crate::domain::{
    ids::{STEPS_PER_TASK_CEILING, StepNo},
    json::{self, Shape},
    schema::{CompiledSchema, Refusal},
};

/// The longest name of a namespace, a handler or an external system.
pub const NAME_MAX: usize = 64;
/// Names of steps.
pub(super) const STEP_NAME_MAX: usize = 128;
/// Descriptions, classes and event names.
pub(super) const TEXT_MAX: usize = 255;
/// Near misses are looked for this often: comparing a name with ten thousand others takes a millisecond or two.
const HINTS_MAX: usize = 20;

/// Collects problems below one path.
pub(super) struct Findings<'a> {
    at: &'a str,
    pub(super) limits: &'a Limits,
    pub(super) hints_left: usize,
    problems: Vec<Problem>,
}

impl Draft {
    /// Checks the draft. `at` is the path of the draft itself, such as `handlers[0]`, or empty.
    pub fn check(&self, at: &str, limits: &Limits) -> Result<Definition, Vec<Problem>> {
        let mut findings = Findings { at, limits, hints_left: HINTS_MAX, problems: Vec::new() };
        let namespace = given_or(&self.namespace, NAMESPACE_DEFAULT);
        findings.name("namespace", namespace, NAME_MAX);
        findings.name("name", &self.name, NAME_MAX);
        findings.text("description", &self.description, TEXT_MAX);
        findings.text("task_handler_class", &self.task_handler_class, TEXT_MAX);
        findings.text("module_namespace", &self.module_namespace, TEXT_MAX);
        findings.text("default_dependent_system", &self.default_dependent_system, NAME_MAX);
        for (position, name) in self.named_steps.iter().enumerate() {
            findings.name(&format!("named_steps[{position}]"), name, STEP_NAME_MAX);
        }
        let version = self.check_version(&mut findings);
        self.check_schema(&mut findings);
        let steps = self.check_steps(&mut findings);
        if !findings.problems.is_empty() {
            return Err(findings.problems);
        }
        let normal = self.normal(namespace, version, &steps);
        Ok(Definition {
            namespace: namespace.to_owned(),
            name: self.name.clone(),
            version,
            description: self.description.clone(),
            steps,
            content_hash: content_hash(&normal),
            normal,
        })
    }

    fn check_version(&self, findings: &mut Findings<'_>) -> Version {
        if self.version.is_empty() {
            return Version::DEFAULT;
        }
        if self.version.chars().count() > version::LENGTH_MAX {
            findings.limit("version", format!("is longer than {} characters", version::LENGTH_MAX));
            return Version::DEFAULT;
        }
        self.version.parse().unwrap_or_else(|malformed: version::Malformed| {
            findings.field("version", malformed.to_string());
            Version::DEFAULT
        })
    }

    fn check_schema(&self, findings: &mut Findings<'_>) {
        if let Some(shape) = findings.json("schema_json", &self.schema_json) {
            match shape {
                Shape::Object | Shape::Bool | Shape::Null => {
                    match CompiledSchema::compile(&self.schema_json, self.schema_strict) {
                        Ok(_) => {}
                        Err(Refusal::Malformed(why)) => {
                            findings.field("schema_json", format!("is not a JSON Schema: {why}"));
                        }
                        Err(Refusal::TooCostly(why)) => {
                            findings.limit("schema_json", format!("costs too much to check contexts with: {why}"));
                        }
                    }
                }
                _ => findings.field("schema_json", "must be an object".to_owned()),
            }
        }
    }

    fn check_steps(&self, findings: &mut Findings<'_>) -> Vec<Step> {
        let count = self.step_templates.len();
        let max = findings.limits.steps_max.min(STEPS_PER_TASK_CEILING);
        if count == 0 {
            findings.field("step_templates", "must have at least one step".to_owned());
        }
        if count > max {
            findings.limit("step_templates", format!("has {count} steps, the limit is {max}"));
            return Vec::new();
        }
        let mut numbers: HashMap<&str, StepNo> = HashMap::with_capacity(count);
        for (position, step) in self.step_templates.iter().enumerate() {
            let no = StepNo::try_from(position).expect("the number of steps was just checked");
            if let Some(first) = numbers.get(step.name.as_str()).filter(|_| !step.name.is_empty()) {
                let text = format!("duplicate step name '{}', step_templates[{first}] has it too", step.name);
                findings.field(&format!("step_templates[{position}].name"), text);
            } else {
                numbers.insert(&step.name, no);
            }
        }
        let names = step::Names::new(&numbers, &self.named_steps);
        let system = given_or(&self.default_dependent_system, SYSTEM_DEFAULT);
        let drafts = self.step_templates.iter().enumerate();
        let steps: Vec<Step> =
            drafts.map(|(position, draft)| step::check(draft, position, system, &names, findings)).collect();
        check_graph(&steps, findings);
        steps
    }

    /// The draft with every default filled in.
    fn normal(&self, namespace: &str, version: Version, steps: &[Step]) -> Self {
        Self {
            namespace: namespace.to_owned(),
            version: version.to_string(),
            concurrent: Some(self.concurrent.unwrap_or(true)),
            default_dependent_system: given_or(&self.default_dependent_system, SYSTEM_DEFAULT).to_owned(),
            schema_json: json_or_nothing(&self.schema_json),
            step_templates: self
                .step_templates
                .iter()
                .zip(steps)
                .map(|(draft, step)| step::normal(draft, step))
                .collect(),
            ..self.clone()
        }
    }
}

fn check_graph(steps: &[Step], findings: &mut Findings<'_>) {
    let edges: usize = steps.iter().map(|step| step.parents.len()).sum();
    if edges > findings.limits.edges_max {
        let max = findings.limits.edges_max;
        findings.limit("step_templates", format!("has {edges} dependencies, the limit is {max}"));
        return;
    }
    let parents: Vec<Vec<StepNo>> = steps.iter().map(|step| step.parents.clone()).collect();
    for cycle in graph::cycles(&parents) {
        let names = cycle.iter().chain(cycle.first()).map(|no| steps[usize::from(*no)].name.as_str());
        let path = names.collect::<Vec<_>>().join(" -> ");
        let field = format!("step_templates[{}]", cycle[0]);
        let text = format!("the steps depend on one another in a circle: {path}");
        findings.add(&field, text, ProblemKind::Cycle { path });
    }
}

impl Findings<'_> {
    fn add(&mut self, field: &str, text: String, kind: ProblemKind) {
        let field = if self.at.is_empty() { field.to_owned() } else { format!("{}.{field}", self.at) };
        self.problems.push(Problem { field, text, kind });
    }

    pub(super) fn field(&mut self, field: &str, text: String) {
        self.add(field, text, ProblemKind::Field);
    }

    pub(super) fn limit(&mut self, field: &str, text: String) {
        self.add(field, text, ProblemKind::Limit);
    }

    /// A name: required, on one line.
    pub(super) fn name(&mut self, field: &str, name: &str, max: usize) {
        if name.trim().is_empty() {
            self.field(field, "must not be blank".to_owned());
        } else if name.chars().any(char::is_control) {
            self.field(field, "must not contain control characters".to_owned());
        }
        self.length(field, name, max);
    }

    /// Free text.
    pub(super) fn text(&mut self, field: &str, text: &str, max: usize) {
        if text.contains('\0') {
            self.field(field, "must not contain \\u0000".to_owned());
        }
        self.length(field, text, max);
    }

    fn length(&mut self, field: &str, text: &str, max: usize) {
        if text.len() > max && text.chars().count() > max {
            self.field(field, format!("is longer than {max} characters"));
        }
    }

    /// JSON text; empty for none. Its shape when it is given and well-formed.
    pub(super) fn json(&mut self, field: &str, text: &str) -> Option<Shape> {
        let max = self.limits.payload_bytes_max;
        if text.is_empty() {
            return None;
        }
        if text.len() > max {
            self.limit(field, format!("has {} bytes, the limit is {max}", text.len()));
            return None;
        }
        json::check(text).map_err(|why| self.field(field, why)).ok()
    }
}

pub(super) fn given_or<'a>(text: &'a str, default: &'a str) -> &'a str {
    if text.is_empty() { default } else { text }
}

/// `null` says nothing.
pub(super) fn json_or_nothing(text: &str) -> String {
    if text.trim() == "null" { String::new() } else { text.to_owned() }
}
