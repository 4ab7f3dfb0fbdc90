use std::{collections::BTreeSet, fs, path::Path};

use super::*;

/// The lines of the text about one metric.
fn lines(metrics: &Metrics, name: &str) -> Vec<String> {
    let text = text::render(metrics);
    text.lines().filter(|line| line.contains(name)).map(str::to_owned).collect()
}

#[test]
fn names_are_well_formed_and_unique() {
    let mut seen = BTreeSet::new();
    for definition in DEFINITIONS {
        let name = definition.name;
        assert!(seen.insert(name), "{name} twice");
        assert!(name.starts_with("tasker_"), "{name}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        assert_eq!(name.ends_with("_total"), definition.kind == Kind::Counter, "{name}");
        assert!(definition.unit != Unit::Bytes || name.ends_with("_bytes"), "{name}");
        let seconds = name.ends_with("_seconds") || name.ends_with("_seconds_total");
        assert_eq!(definition.unit == Unit::Seconds, seconds, "{name}");
        assert!(definition.help.trim().ends_with('.'), "{name}: {}", definition.help);
        assert_eq!(definition.bounds.is_empty(), definition.kind != Kind::Histogram, "{name}");
        assert!(definition.bounds.is_sorted(), "{name}");
    }
}

#[test]
fn the_document_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/METRICS.md");
    #[expect(clippy::disallowed_methods, reason = "a test's own switch")]
    if std::env::var_os("TASKER_WRITE_DOCS").is_some() {
        fs::write(&path, document()).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == document(), "docs/METRICS.md is not the table: run this test with TASKER_WRITE_DOCS=1");
}

#[test]
fn counters_count_by_labels() {
    let metrics = Metrics::default();
    metrics.tasks_created.with(["default", "order"]).add(2);
    metrics.tasks_created.with(["default", "order"]).add(3);
    metrics.tasks_created.with(["a\"b\\", "x\ny"]).add(1);
    assert_eq!(
        lines(&metrics, "tasker_tasks_created_total"),
        [
            "# HELP tasker_tasks_created_total Tasks that were created.",
            "# TYPE tasker_tasks_created_total counter",
            r#"tasker_tasks_created_total{namespace="a\"b\\",handler="x\ny"} 1"#,
            r#"tasker_tasks_created_total{namespace="default",handler="order"} 5"#,
        ]
    );
}

#[test]
fn histograms_are_cumulative_and_bounds_inclusive() {
    let metrics = Metrics::default();
    let items = metrics.batch_items.with([]);
    for value in [1.0, 2.0, 2.5, 5000.0, f64::NAN] {
        items.observe(value);
    }
    let lines = lines(&metrics, "tasker_writer_batch_items");
    let line = |part: &str| lines.iter().find(|line| line.contains(part)).map(String::as_str);
    assert_eq!(line("le=\"1\""), Some(r#"tasker_writer_batch_items_bucket{le="1"} 1"#));
    assert_eq!(line("le=\"2\""), Some(r#"tasker_writer_batch_items_bucket{le="2"} 2"#));
    assert_eq!(line("le=\"4\""), Some(r#"tasker_writer_batch_items_bucket{le="4"} 3"#));
    assert_eq!(line("le=\"4096\""), Some(r#"tasker_writer_batch_items_bucket{le="4096"} 3"#));
    assert_eq!(line("le=\"+Inf\""), Some(r#"tasker_writer_batch_items_bucket{le="+Inf"} 4"#));
    assert_eq!(line("_sum"), Some("tasker_writer_batch_items_sum 5005.5"));
    assert_eq!(line("_count"), Some("tasker_writer_batch_items_count 4"));
}

#[test]
fn too_many_names_are_counted_together() {
    let metrics = Metrics::new(3);
    for handler in 0..100 {
        metrics.tasks_finished.with(["default", &format!("handler-{handler}"), "complete"]).add(1);
        metrics.tasks_finished.with(["default", &format!("handler-{handler}"), "error"]).add(1);
    }
    let read = metrics.tasks_finished.read();
    let other: Vec<_> = read.iter().filter(|(values, _)| values[1] == OTHER).collect();
    assert_eq!(read.len(), 5, "three of their own, two for the rest: {read:?}");
    assert_eq!(other.len(), 2, "states are told apart for ever: {other:?}");
    let total: f64 = read.iter().map(|(_, reading)| if let Reading::Number(n) = reading { *n } else { 0.0 }).sum();
    assert_eq!(total, 200.0, "nothing is lost");
}

#[test]
fn what_is_not_observed_any_more_goes() {
    let metrics = Metrics::default();
    let add = |one: f64, other: f64| one + other;
    metrics.queue_depth.replace(&[(["a", "b", "c"], 3.0), (["a", "b", "d"], 4.0)], add);
    metrics.queue_depth.replace(&[(["a", "b", "d"], 5.0)], add);
    assert_eq!(metrics.queue_depth.read(), [(vec!["a".into(), "b".into(), "d".into()], Reading::Number(5.0))]);
}

#[test]
fn what_is_off_says_nothing() {
    let metrics = Metrics::disabled();
    metrics.tasks_created.with(["default", "order"]).add(1);
    metrics.batch_items.with([]).observe(1.0);
    metrics.queue_depth.replace(&[(["a", "b", "c"], 3.0)], f64::max);
    metrics.auth_decision("allowed", "", "");
    assert_eq!(text::render(&metrics), "");
}

#[test]
fn handles_of_one_series_are_one() {
    let metrics = Metrics::default();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let metrics = metrics.clone();
            std::thread::spawn(move || {
                for round in 0..100 {
                    metrics.tasks_created.with(["default", &format!("handler-{}", round % 10)]).add(1);
                    metrics.batch_items.with([]).observe(0.5);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let read = metrics.tasks_created.read();
    assert!(read.len() == 10 && read.iter().all(|(_, reading)| *reading == Reading::Number(80.0)), "{read:?}");
    let Reading::Distribution { sum, .. } = metrics.batch_items.with([]).read() else { panic!("a histogram") };
    assert_eq!(sum, 400.0);
}
