//! The table as a document.

use std::fmt::Write as _;

use super::{DEFINITIONS, Kind, SERIES_MAX};

/// `docs/METRICS.md`.
pub fn document() -> String {
    let mut text = format!(
        "# Metrics\n\n\
         Generated from `src/telemetry/metrics/table.rs`; a test holds the two equal. Prometheus scrapes them from \
         `/metrics` on\n`http.listen`; with `telemetry.otlp_endpoint` they also go to an OTLP collector, under the same \
         names, every\n`telemetry.metrics_interval_ms`.\n\n\
         `namespace`, `handler` and `step` carry names that users make up. A metric tells at most \
         `telemetry.metrics_series_max`\n(default {SERIES_MAX}) combinations of labels apart; further names are counted \
         together as `other`. Counters and histograms are\nof one server: add them up over servers. Gauges about the \
         database (`tasker_tasks`, `tasker_steps`, `tasker_queue_*`,\n`tasker_database_*`) are observed by each server \
         alike: take the greatest, not the sum.\n\n\
         | Name | Kind | Unit | Labels | Meaning |\n|---|---|---|---|---|\n"
    );
    for definition in DEFINITIONS {
        let labels = definition.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {labels} | {} |",
            definition.name,
            definition.kind.label(),
            definition.unit.symbol(),
            definition.help.trim(),
        );
    }
    text.push_str("\nBuckets of the histograms, by their upper bounds:\n\n");
    for definition in DEFINITIONS.iter().filter(|definition| definition.kind == Kind::Histogram) {
        let bounds = definition.bounds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "- `{}`: {bounds}", definition.name);
    }
    text
}
