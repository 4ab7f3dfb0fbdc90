//! From a YAML tree to a draft.
//!
//! Types are strict, as in the original service: text is not a number and a list is not text. What the checks
//! of `domain::handler` find is placed where the field stands in the file.

use std::collections::{HashMap, HashSet};

use super::{
    Remarks,
    node::{Entry, Node, Place, Value},
};
use crate::domain::{
    handler::{CustomEvent, Draft, Limits, StepDraft},
    near,
};

/// The keys of a handler.
pub(super) const HANDLER_KEYS: [&str; 14] = [
    "name",
    "namespace_name",
    "namespace",
    "version",
    "description",
    "task_handler_class",
    "module_namespace",
    "concurrent",
    "default_dependent_system",
    "named_steps",
    "schema",
    "schema_strict",
    "step_templates",
    "environments",
];

/// The keys of a step.
pub(super) const STEP_KEYS: [&str; 13] = [
    "name",
    "handler_class",
    "dependent_system",
    "description",
    "default_retryable",
    "default_retry_limit",
    "skippable",
    "depends_on_step",
    "depends_on_steps",
    "handler_config",
    "custom_events",
    "timeout_ms",
    "timeout_seconds",
];

const EVENT_KEYS: [&str; 2] = ["name", "description"];

/// Warns about keys that mean nothing.
pub(super) fn report_unknown(entries: &[Entry], known: &[&str], remarks: &mut Remarks<'_>) {
    for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
        let hint = near::hint(&entry.key, known.iter().copied());
        remarks.warning(entry.at, format!("unknown key '{}'{hint}", entry.key));
    }
}

/// The handler of a document. Nothing when the document is not a map.
pub(super) fn handler(document: Node, limits: &Limits, remarks: &mut Remarks<'_>) -> Option<Draft> {
    let start = document.at;
    let mut reader = Reader { remarks, places: HashMap::new(), failed: HashSet::new() };
    let entries = match document.value {
        Value::Map(entries) => entries,
        _ => {
            reader.remarks.error(start, format!("a handler must be a map, not {}", document.kind()));
            return None;
        }
    };
    report_unknown(&entries, &HANDLER_KEYS, reader.remarks);
    let mut fields = Fields::new(entries);
    let (official, short) = (fields.take("namespace_name"), fields.take("namespace"));
    if let (Some(_), Some(short)) = (&official, &short) {
        reader.remarks.error(short.at, "namespace_name and namespace say the same: give one of them".to_owned());
    }
    let draft = Draft {
        namespace: reader.text("namespace", official.or(short)),
        name: reader.text("name", fields.take("name")),
        version: reader.text("version", fields.take("version")),
        description: reader.text("description", fields.take("description")),
        task_handler_class: reader.text("task_handler_class", fields.take("task_handler_class")),
        module_namespace: reader.text("module_namespace", fields.take("module_namespace")),
        concurrent: reader.truth("concurrent", fields.take("concurrent")),
        default_dependent_system: reader.text("default_dependent_system", fields.take("default_dependent_system")),
        named_steps: reader.texts("named_steps", fields.take("named_steps")),
        schema_json: reader.object("schema_json", fields.take("schema")),
        schema_strict: reader.truth("schema_strict", fields.take("schema_strict")).unwrap_or(false),
        step_templates: reader.list("step_templates", fields.take("step_templates"), Reader::step),
    };
    reader.check(&draft, start, limits);
    Some(draft)
}

/// The entries of a map, taken out by key.
struct Fields(HashMap<String, Node>);

impl Fields {
    fn new(entries: Vec<Entry>) -> Self {
        Self(entries.into_iter().map(|entry| (entry.key, entry.value)).collect())
    }

    /// The value of a key; `null` counts as not given.
    fn take(&mut self, key: &str) -> Option<Node> {
        self.0.remove(key).filter(|node| !matches!(node.value, Value::Null))
    }
}

/// Reads nodes as values and remembers where every field stands.
struct Reader<'a, 'b> {
    remarks: &'a mut Remarks<'b>,
    places: HashMap<String, Place>,
    failed: HashSet<String>,
}

impl Reader<'_, '_> {
    fn step(&mut self, path: &str, node: Node) -> Option<StepDraft> {
        let mut fields = self.fields(path, node, &STEP_KEYS)?;
        let at = |field: &str| format!("{path}.{field}");
        Some(StepDraft {
            name: self.text(&at("name"), fields.take("name")),
            handler_class: self.text(&at("handler_class"), fields.take("handler_class")),
            dependent_system: self.text(&at("dependent_system"), fields.take("dependent_system")),
            description: self.text(&at("description"), fields.take("description")),
            default_retryable: self.truth(&at("default_retryable"), fields.take("default_retryable")),
            default_retry_limit: self.integer(&at("default_retry_limit"), fields.take("default_retry_limit")),
            skippable: self.truth(&at("skippable"), fields.take("skippable")).unwrap_or(false),
            depends_on_step: self.text(&at("depends_on_step"), fields.take("depends_on_step")),
            depends_on_steps: self.texts(&at("depends_on_steps"), fields.take("depends_on_steps")),
            handler_config_json: self.object(&at("handler_config_json"), fields.take("handler_config")),
            custom_events: self.list(&at("custom_events"), fields.take("custom_events"), Self::event),
            timeout_ms: self.timeout(&at("timeout_ms"), fields.take("timeout_ms"), fields.take("timeout_seconds")),
        })
    }

    fn event(&mut self, path: &str, node: Node) -> Option<CustomEvent> {
        let mut fields = self.fields(path, node, &EVENT_KEYS)?;
        Some(CustomEvent {
            name: self.text(&format!("{path}.name"), fields.take("name")),
            description: self.text(&format!("{path}.description"), fields.take("description")),
        })
    }

    fn timeout(&mut self, path: &str, millis: Option<Node>, seconds: Option<Node>) -> i64 {
        let Some(seconds) = seconds else { return self.integer(path, millis).unwrap_or(0) };
        if millis.is_some() {
            self.remarks.error(seconds.at, "timeout_ms and timeout_seconds say the same: give one of them".to_owned());
        }
        self.places.insert(path.to_owned(), seconds.at);
        if let Value::Number(number) = &seconds.value
            && let Ok(number) = number.parse::<f64>()
        {
            // Saturates; what is out of bounds is found by the checks.
            return (number * 1_000.0).round() as i64;
        }
        self.wrong(path, &seconds, "a number");
        0
    }

    fn fields(&mut self, path: &str, node: Node, known: &[&str]) -> Option<Fields> {
        self.places.insert(path.to_owned(), node.at);
        match node.value {
            Value::Map(entries) => {
                report_unknown(&entries, known, self.remarks);
                Some(Fields::new(entries))
            }
            _ => {
                self.wrong(path, &node, "a map");
                None
            }
        }
    }

    fn text(&mut self, path: &str, node: Option<Node>) -> String {
        let Some(node) = node else { return String::new() };
        self.places.insert(path.to_owned(), node.at);
        match node.value {
            Value::String(text) => text,
            Value::Number(ref number) => {
                let number = number.clone();
                let message = format!("{} must be text, not a number; put it in quotes", shown(path));
                self.failed.insert(path.to_owned());
                self.remarks.error(node.at, message);
                number
            }
            _ => {
                self.wrong(path, &node, "text");
                String::new()
            }
        }
    }

    fn truth(&mut self, path: &str, node: Option<Node>) -> Option<bool> {
        let node = node?;
        if let Value::Bool(truth) = node.value {
            return Some(truth);
        }
        self.wrong(path, &node, "true or false");
        None
    }

    fn integer(&mut self, path: &str, node: Option<Node>) -> Option<i64> {
        let node = node?;
        self.places.insert(path.to_owned(), node.at);
        if let Value::Number(number) = &node.value
            && let Ok(number) = number.parse()
        {
            return Some(number);
        }
        self.wrong(path, &node, "a whole number");
        None
    }

    /// A map, as JSON text.
    fn object(&mut self, path: &str, node: Option<Node>) -> String {
        let Some(node) = node else { return String::new() };
        self.places.insert(path.to_owned(), node.at);
        let mut text = String::new();
        if matches!(node.value, Value::Map(_)) {
            node.json(&mut text);
        } else {
            self.wrong(path, &node, "a map");
        }
        text
    }

    fn texts(&mut self, path: &str, node: Option<Node>) -> Vec<String> {
        self.list(path, node, |reader, path, node| Some(reader.text(path, Some(node))))
    }

    /// A list; `null` among its items counts as not given.
    fn list<T>(
        &mut self,
        path: &str,
        node: Option<Node>,
        mut read: impl FnMut(&mut Self, &str, Node) -> Option<T>,
    ) -> Vec<T> {
        let Some(node) = node else { return Vec::new() };
        self.places.insert(path.to_owned(), node.at);
        match node.value {
            Value::List(items) => {
                let given = items.into_iter().filter(|item| !matches!(item.value, Value::Null));
                let mut all = Vec::new();
                for item in given {
                    // The number among what is kept, as the checks will count.
                    all.extend(read(self, &format!("{path}[{}]", all.len()), item));
                }
                all
            }
            _ => {
                self.wrong(path, &node, "a list");
                Vec::new()
            }
        }
    }

    fn wrong(&mut self, path: &str, node: &Node, wanted: &str) {
        self.failed.insert(path.to_owned());
        self.remarks.error(node.at, format!("{} must be {wanted}, not {}", shown(path), node.kind()));
    }

    /// Checks the draft; what could not even be read is not complained about again.
    fn check(&mut self, draft: &Draft, start: Place, limits: &Limits) {
        let Err(problems) = draft.check("", limits) else { return };
        for problem in problems.iter().filter(|problem| !self.failed.contains(&problem.field)) {
            let at = self.place(&problem.field).unwrap_or(start);
            self.remarks.error(at, format!("{}: {}", shown(&problem.field), problem.text));
        }
    }

    /// Where a field stands, or what it would stand in.
    fn place(&self, path: &str) -> Option<Place> {
        let mut path = path;
        loop {
            if let Some(place) = self.places.get(path) {
                return Some(*place);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

/// The path in the words of the file.
fn shown(path: &str) -> String {
    match path {
        "namespace" => "namespace_name".to_owned(),
        _ => path.strip_suffix("_json").unwrap_or(path).to_owned(),
    }
}
