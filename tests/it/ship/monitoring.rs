//! Alerts and the dashboard name metrics, labels and values that exist.

use std::collections::BTreeSet;

use serde_json::Value;
use tasker::telemetry::metrics::DEFINITIONS;

use super::{text, yaml};

/// What Prometheus adds.
const FOREIGN_LABELS: &[&str] = &["instance", "job", "le"];
/// Labels whose values are users' names, gRPC's words, or listed elsewhere.
const OPEN_LABELS: &[&str] = &[
    "namespace",
    "handler",
    "step",
    "method",
    "code",
    "instance",
    "job",
    "le",
    "version",
    "lane",
    "table",
    "permission",
    "reason",
    "cache",
    "check",
];
/// States of tasks and steps, which the help of gauges does not repeat.
const STATES: &[&str] = &["pending", "in_progress", "complete", "error", "cancelled", "resolved_manually"];

/// What is wrong with an expression.
fn problems(expression: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut labels: BTreeSet<&str> = FOREIGN_LABELS.iter().copied().collect();
    let mut names = 0;
    for (name, selector) in series(expression) {
        names += 1;
        if name == "up" {
            continue;
        }
        let plain = ["_bucket", "_sum", "_count"].iter().find_map(|ending| {
            let base = name.strip_suffix(ending)?;
            DEFINITIONS.iter().any(|known| known.name == base && !known.bounds.is_empty()).then_some(base)
        });
        let Some(known) = DEFINITIONS.iter().find(|known| known.name == plain.unwrap_or(name)) else {
            problems.push(format!("there is no metric {name}"));
            continue;
        };
        if plain.is_none() && !known.bounds.is_empty() {
            problems.push(format!("{name} is a histogram: it has _bucket, _sum and _count"));
        }
        labels.extend(known.labels);
        for (label, value) in selector {
            if !known.labels.contains(&label) && !FOREIGN_LABELS.contains(&label) {
                problems.push(format!("{name} has no label {label}"));
            }
            let closed = !OPEN_LABELS.contains(&label);
            for word in value.split('|').filter(|word| closed && !word.contains(['.', '$', '*'])) {
                let state = label == "state" && STATES.contains(&word) && known.name != "tasker_pool_connections";
                if !known.help.contains(word) && !state {
                    problems.push(format!("{name} never has {label}=\"{word}\""));
                }
            }
        }
    }
    if names == 0 {
        problems.push("it names no metric".to_owned());
    }
    for list in ["by (", "on ("].iter().flat_map(|word| expression.split(word).skip(1)) {
        let list = list.split(')').next().unwrap_or_default();
        for label in list.split(',').map(str::trim).filter(|label| !label.is_empty()) {
            if !labels.contains(label) {
                problems.push(format!("no metric in it has the label {label}"));
            }
        }
    }
    problems.into_iter().map(|problem| format!("{problem}: {expression}")).collect()
}

/// The metrics of an expression with their selectors.
fn series(expression: &str) -> Vec<(&str, Vec<(&str, &str)>)> {
    let is_name = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(begin) = expression[at..].find(is_name).map(|offset| at + offset) {
        let end = expression[begin..].find(|sign| !is_name(sign)).map_or(expression.len(), |offset| begin + offset);
        let name = &expression[begin..end];
        at = end;
        if !name.starts_with("tasker_") && name != "up" {
            // Not into strings: label values may look like names.
            continue;
        }
        let mut selector = Vec::new();
        if let Some(inside) = expression[end..].strip_prefix('{') {
            let inside = &inside[..inside.find('}').expect("a selector ends")];
            at = end + inside.len() + 2;
            for part in inside.split(',').filter(|part| !part.is_empty()) {
                let label = part.split(['=', '!']).next().unwrap_or_default().trim();
                let value = part.split('"').nth(1).unwrap_or_default();
                selector.push((label, value));
            }
        }
        found.push((name, selector));
    }
    found
}

#[test]
fn mistakes_in_expressions_are_found() {
    let check = |expression: &str, expected: &str| {
        let found = problems(expression).join("\n");
        assert!(if expected.is_empty() { found.is_empty() } else { found.contains(expected) }, "{expression}: {found}");
    };
    check("sum(rate(tasker_tasks_created_total[5m]))", "");
    check("sum(rate(tasker_tasks_made_total[5m]))", "there is no metric tasker_tasks_made_total");
    check("rate(tasker_task_duration_seconds[5m])", "is a histogram");
    check("histogram_quantile(0.9, sum by (le) (rate(tasker_task_duration_seconds_bucket[5m])))", "");
    check("sum by (colour) (tasker_sessions)", "no metric in it has the label colour");
    check("tasker_sessions{colour=\"red\"}", "has no label colour");
    check("tasker_pool_connections{state=\"asleep\"}", "never has state=\"asleep\"");
    check("1 + 1", "names no metric");
}

fn rules() -> Vec<Value> {
    let groups = yaml("deploy/prometheus/alerts.yml")["groups"].as_array().unwrap().clone();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

#[test]
fn alerts_name_what_exists_and_are_explained() {
    let manual = text("docs/OPERATIONS.md");
    let mut problems_found = Vec::new();
    let rules = rules();
    assert!(rules.len() >= 15);
    for rule in &rules {
        let name = rule["alert"].as_str().unwrap();
        problems_found
            .extend(problems(rule["expr"].as_str().unwrap()).into_iter().map(|problem| format!("{name}: {problem}")));
        assert!(rule["for"].is_string() && rule["labels"]["severity"].is_string(), "{name}");
        assert!(rule["annotations"]["summary"].is_string(), "{name}");
        assert_eq!(rule["annotations"]["runbook"], format!("docs/OPERATIONS.md#{}", name.to_lowercase()));
        assert!(manual.contains(&format!("### {name}\n")), "docs/OPERATIONS.md does not explain {name}");
    }
    assert!(problems_found.is_empty(), "{}", problems_found.join("\n"));
}

#[test]
fn the_operator_gets_the_same_rules() {
    assert_eq!(
        yaml("deploy/kubernetes/prometheus-rule.yaml")["spec"]["groups"],
        yaml("deploy/prometheus/alerts.yml")["groups"]
    );
}

#[test]
fn the_dashboard_shows_every_metric_and_no_other() {
    let dashboard: Value = serde_json::from_str(&text("deploy/grafana/dashboards/tasker.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut wrong = Vec::new();
    let mut shown = String::new();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_i64().unwrap()), "panel ids are unique");
        let place = &panel["gridPos"];
        assert!(place["x"].as_i64().unwrap() + place["w"].as_i64().unwrap() <= 24, "{panel}");
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap();
            wrong.extend(problems(&expression.replace("$__rate_interval", "5m")));
            shown.push_str(expression);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    shown.push_str(&dashboard["annotations"].to_string());
    let missing: Vec<&str> = DEFINITIONS.iter().map(|known| known.name).filter(|name| !shown.contains(name)).collect();
    assert!(missing.is_empty(), "the dashboard does not show {missing:?}");
}

#[test]
fn every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() {
    let tests = yaml("deploy/prometheus/alerts_test.yml")["tests"].as_array().unwrap().clone();
    let cases: Vec<&Value> = tests.iter().flat_map(|test| test["alert_rule_test"].as_array().unwrap()).collect();
    for rule in rules() {
        let fires = |fires: bool| {
            let is_one = |case: &&&Value| case["alertname"] == rule["alert"];
            cases.iter().filter(is_one).any(|case| case["exp_alerts"].as_array().unwrap().is_empty() != fires)
        };
        assert!(fires(true) && fires(false), "deploy/prometheus/alerts_test.yml tells too little of {}", rule["alert"]);
    }
}
