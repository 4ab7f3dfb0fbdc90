//! Every format, as it stands.

use tasker_sdk::proto::tasker::v1 as pb;

use super::{Format, Shown, print};
use crate::{
    cli::{input::to_proto, style::Paint},
    domain::state::State,
};

const TASK: &str = "01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000";

/// `a; b error <- a; c <- a b` with the critical path through `path`.
fn graph(dag: &str, path: &[&str]) -> Shown {
    let lines: Vec<(&str, &str)> = dag.split(';').map(|line| line.split_once("<-").unwrap_or((line, ""))).collect();
    let names: Vec<&str> = lines.iter().map(|(node, _)| node.split_whitespace().next().unwrap()).collect();
    let at = |name: &str| i32::try_from(names.iter().position(|other| *other == name).unwrap()).unwrap();
    let id = |at: i32| format!("{}{:04x}", &TASK[..32], at + 1);
    let mut nodes: Vec<pb::GraphNode> = Vec::new();
    for (no, (node, parents)) in (0..).zip(&lines) {
        let state = node.split_whitespace().nth(1).map_or(State::Pending, |state| State::from_label(state).unwrap());
        let parents: Vec<i32> = parents.split_whitespace().map(at).collect();
        let level = parents.iter().map(|parent| nodes[usize::try_from(*parent).unwrap()].level + 1).max().unwrap_or(0);
        let measured = no % 2 == 0;
        let source = if measured { pb::DurationSource::Measured } else { pb::DurationSource::Estimated };
        nodes.push(pb::GraphNode {
            step_id: id(no),
            name: names[usize::try_from(no).unwrap()].to_owned(),
            level,
            state: to_proto(state).into(),
            attempts: i32::from(state != State::Pending),
            retry_limit: 3,
            ready: false,
            blocked: state == State::Pending,
            retry_time: None,
            parents,
            duration: Some(pb::StepDuration {
                source: source.into(),
                median_duration: length(if measured { 1_250 } else { 30_000 }),
                p95_duration: length(if measured { 4_000 } else { 30_000 }),
                samples: if measured { 12 } else { 0 },
            }),
        });
    }
    let critical = pb::CriticalPath {
        step_names: path.iter().map(|name| (*name).to_owned()).collect(),
        length: i32::try_from(path.len()).unwrap(),
        estimated_duration: length(63_750),
        remaining_duration: length(32_500),
        criticality_score: 143.44,
        ..pb::CriticalPath::default()
    };
    let graph = pb::TaskGraph {
        task_id: TASK.to_owned(),
        revision: 9,
        state: to_proto(State::InProgress).into(),
        task_health: pb::HealthStatus::Recovering.into(),
        completion_percentage: 20.0,
        dependency_graph: Some(pb::DependencyGraph { nodes, level_widths: vec![1, 2, 1, 1] }),
        critical_paths: Some(pb::CriticalPaths {
            total_paths: "2".to_owned(),
            longest_path_length: 4,
            paths: vec![critical],
            ..pb::CriticalPaths::default()
        }),
        parallelism_opportunities: Some(pb::ParallelismOpportunities {
            total_levels: 4,
            max_parallel_steps: 2,
            ..pb::ParallelismOpportunities::default()
        }),
        error_chains: Some(pb::ErrorChains {
            error_chains: vec![pb::ErrorChain {
                error_step_name: "charge".to_owned(),
                total_downstream_steps: 2,
                recovery_strategies: vec![pb::RecoveryStrategy {
                    description: "Step has exhausted retries and requires manual intervention".to_owned(),
                    ..pb::RecoveryStrategy::default()
                }],
                ..pb::ErrorChain::default()
            }],
            ..pb::ErrorChains::default()
        }),
        bottlenecks: Some(pb::Bottlenecks {
            total_bottlenecks: 1,
            overall_impact: pb::OverallImpact::High.into(),
            bottlenecks: vec![pb::Bottleneck {
                step_name: "charge".to_owned(),
                impact_score: 139,
                severity: pb::Severity::Critical.into(),
                ..pb::Bottleneck::default()
            }],
            ..pb::Bottlenecks::default()
        }),
        summary: None,
    };
    let expected_finish = Some(pb::ExpectedFinish {
        finish_time: Some(prost_types::Timestamp { seconds: 1_700_000_032, nanos: 500_000_000 }),
        remaining_duration: length(32_500),
        step_names: path.iter().map(|name| (*name).to_owned()).collect(),
        measured_steps: 1,
        ..pb::ExpectedFinish::default()
    });
    let generate_time = Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 });
    Shown { graph, generate_time, expected_finish }
}

fn length(millis: i32) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds: i64::from(millis / 1_000), nanos: millis % 1_000 * 1_000_000 })
}

fn example() -> Shown {
    graph(
        "reserve complete; charge error <- reserve; label in_progress <- reserve; pack <- charge label; ship <- pack",
        &["reserve", "charge", "pack", "ship"],
    )
}

fn text(dag: &str) -> String {
    let mut text = print(&graph(dag, &[]), Format::Text, Paint::Plain);
    // The drawing alone.
    let begin = text.find("\n\n").unwrap() + 2;
    let end = text[begin..].find("\n\n").unwrap();
    text = text[begin..begin + end].to_owned();
    text.lines()
        .map(|line| line.split("  ~").next().unwrap().split("  1.25s").next().unwrap().trim_end().to_owned() + "\n")
        .collect()
}

#[test]
fn a_drawing_for_the_terminal() {
    insta::assert_snapshot!("text", print(&example(), Format::Text, Paint::Plain));
}

#[test]
fn for_graphviz() {
    insta::assert_snapshot!("dot", print(&example(), Format::Dot, Paint::Plain));
}

#[test]
fn for_mermaid() {
    insta::assert_snapshot!("mermaid", print(&example(), Format::Mermaid, Paint::Plain));
}

#[test]
fn as_json() {
    insta::assert_snapshot!("json", print(&example(), Format::Json, Paint::Plain));
}

#[test]
fn a_picture() {
    insta::assert_snapshot!("svg", print(&example(), Format::Svg, Paint::Plain));
}

#[test]
fn rails_fork_join_and_pass() {
    let drawings = [
        "a; b <- a; c <- b",
        "a; b <- a; c <- a; d <- a; e <- b c d",
        "a; b; c <- a; d <- b; e <- a d; f <- c e",
        "a; b <- a; c <- a; d <- b c; e <- b c; f <- d e; g <- a f",
    ];
    insta::assert_snapshot!("rails", drawings.map(|dag| format!("{dag}\n{}", text(dag))).join("\n"));
}

#[test]
fn too_many_rails_become_a_list() {
    let many: Vec<String> = (0..30).map(|no| format!("s{no:02} <- a")).collect();
    let all: Vec<String> = (0..30).map(|no| format!("s{no:02}")).collect();
    let drawn = text(&format!("a; {}; z <- {}", many.join("; "), all.join(" ")));
    assert_eq!(drawn.lines().count(), 32);
    assert!(drawn.contains("  · a"), "{drawn}");
    assert!(drawn.contains("← s00, s01, s02, s03 and 26 more") || drawn.contains("    · z"), "{drawn}");
}

#[test]
fn names_cannot_break_out_of_their_format() {
    let mut graph = graph("a; b <- a", &[]);
    graph.graph.dependency_graph.as_mut().unwrap().nodes[0].name = "x\"] --> <script>&\n\x1b[2J\\".to_owned();
    let svg = print(&graph, Format::Svg, Paint::Plain);
    assert!(svg.contains("&lt;script&gt;&amp;") && !svg.contains("<script>") && !svg.contains('\x1b'), "{svg}");
    let dot = print(&graph, Format::Dot, Paint::Plain);
    assert!(dot.contains(r#"label="x\"] --> <script>&"#) && dot.contains(r"\\"), "{dot}");
    let mermaid = print(&graph, Format::Mermaid, Paint::Plain);
    assert!(mermaid.contains("x#34;#93; --#62; #60;script#62;#38;"), "{mermaid}");
    assert!(!print(&graph, Format::Text, Paint::Plain).contains('\x1b'));
}
