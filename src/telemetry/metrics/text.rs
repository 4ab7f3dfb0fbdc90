//! The text that Prometheus scrapes.

use std::fmt::Write as _;

use super::{Definition, Metrics, Reading, Series};

/// The type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics as text.
pub fn render(metrics: &Metrics) -> String {
    let mut text = String::with_capacity(64 * 1024);
    for (definition, series) in metrics.read() {
        family(&mut text, definition, &series);
    }
    text
}

fn family(text: &mut String, definition: &Definition, all: &[Series]) {
    let name = definition.name;
    let help = definition.help.trim().replace('\\', "\\\\").replace('\n', " ");
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {}", definition.kind.label());
    for (values, reading) in all {
        let labels = labels(definition, values);
        match reading {
            Reading::Number(value) => {
                let _ = writeln!(text, "{name}{} {value}", braced(&labels, ""));
            }
            Reading::Distribution { counts, sum } => distribution(text, definition, &labels, counts, *sum),
        }
    }
}

fn distribution(text: &mut String, definition: &Definition, labels: &str, counts: &[u64], sum: f64) {
    let name = definition.name;
    let mut total = 0;
    for (position, count) in counts.iter().enumerate() {
        total += count;
        let bound = definition.bounds.get(position).map_or_else(|| "+Inf".to_owned(), ToString::to_string);
        let _ = writeln!(text, "{name}_bucket{} {total}", braced(labels, &format!("le=\"{bound}\"")));
    }
    let labels = braced(labels, "");
    let _ = writeln!(text, "{name}_sum{labels} {sum}\n{name}_count{labels} {total}");
}

fn labels(definition: &Definition, values: &[String]) -> String {
    let pairs = definition.labels.iter().zip(values);
    pairs.map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect::<Vec<_>>().join(",")
}

fn braced(labels: &str, more: &str) -> String {
    match (labels.is_empty(), more.is_empty()) {
        (true, true) => String::new(),
        (false, false) => format!("{{{labels},{more}}}"),
        _ => format!("{{{labels}{more}}}"),
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
