//! The graph as JSON: the sections of `tasker.v1.TaskGraph` under their names, enums in lower case, times in RFC 3339.
//!
//! Edges and adjacency are written with ids and names, so that a line of jq needs no table.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use tasker_sdk::proto::tasker::v1 as pb;

use super::{
    super::{
        input::from_proto,
        shape::{enum_label, time},
    },
    drawing::neighbours,
};

/// The ids of steps by their names.
type Ids<'a> = HashMap<&'a str, &'a str>;

/// Every section that is there.
pub(super) fn graph(graph: &pb::TaskGraph) -> Value {
    let mut document = json!({
        "task_id": graph.task_id,
        "revision": graph.revision,
        "state": state(graph.state),
        "task_health": enum_label(graph.task_health().as_str_name(), "HEALTH_STATUS_"),
        "completion_percentage": graph.completion_percentage,
        "generate_time": time(graph.generate_time),
    });
    let nodes = graph.dependency_graph.iter().flat_map(|dag| &dag.nodes);
    let ids: Ids<'_> = nodes.map(|node| (node.name.as_str(), node.step_id.as_str())).collect();
    let sections = [
        ("dependency_graph", graph.dependency_graph.as_ref().map(dependency_graph)),
        ("critical_paths", graph.critical_paths.as_ref().map(|paths| critical_paths(paths, &ids))),
        (
            "parallelism_opportunities",
            graph.parallelism_opportunities.as_ref().map(|levels| parallelism(levels, graph.dependency_graph.as_ref())),
        ),
        ("error_chains", graph.error_chains.as_ref().map(error_chains)),
        ("bottlenecks", graph.bottlenecks.as_ref().map(bottlenecks)),
        ("summary", graph.summary.as_ref().map(summary)),
    ];
    for (name, section) in sections {
        if let Some(section) = section {
            document[name] = section;
        }
    }
    document
}

fn state(state: i32) -> &'static str {
    from_proto(state).unwrap_or_default().label()
}

fn severity(severity: pb::Severity) -> String {
    enum_label(severity.as_str_name(), "SEVERITY_")
}

fn dependency_graph(dag: &pb::DependencyGraph) -> Value {
    let (parents, children) = neighbours(dag);
    let lists = |of: &[Vec<usize>]| {
        let entry = |(node, steps): (&pb::GraphNode, &Vec<usize>)| {
            let ids: Vec<&str> = steps.iter().map(|at| dag.nodes[*at].step_id.as_str()).collect();
            (node.step_id.clone(), json!(ids))
        };
        dag.nodes.iter().zip(of).map(entry).collect::<Map<String, Value>>()
    };
    let edges = dag.nodes.iter().zip(&children).flat_map(|(from, children)| {
        children.iter().map(|at| &dag.nodes[*at]).map(move |to| {
            json!({
                "from": from.step_id,
                "to": to.step_id,
                "from_name": from.name,
                "to_name": to.name,
            })
        })
    });
    let levels = dag.nodes.iter().map(|node| (node.step_id.clone(), json!(node.level)));
    json!({
        "nodes": dag.nodes.iter().map(|node| json!({
            "id": node.step_id,
            "name": node.name,
            "level": node.level,
            "state": state(node.state),
            "attempts": node.attempts,
            "retry_limit": node.retry_limit,
            "ready": node.ready,
            "blocked": node.blocked,
            "next_retry_time": time(node.next_retry_time),
            "duration": node.duration.as_ref().map(|duration| json!({
                "source": enum_label(duration.source().as_str_name(), "DURATION_SOURCE_"),
                "median_ms": duration.median_ms,
                "p95_ms": duration.p95_ms,
                "samples": duration.samples,
            })),
        })).collect::<Vec<_>>(),
        "edges": edges.collect::<Vec<_>>(),
        "adjacency_list": lists(&children),
        "reverse_adjacency_list": lists(&parents),
        "dependency_levels": levels.collect::<Map<String, Value>>(),
    })
}

/// The ids of steps that are told by name.
fn named(names: &[String], ids: &Ids<'_>) -> Value {
    names.iter().map(|name| ids.get(name.as_str()).copied()).collect()
}

fn critical_paths(paths: &pb::CriticalPaths, ids: &Ids<'_>) -> Value {
    json!({
        "total_paths": paths.total_paths,
        "longest_path_length": paths.longest_path_length,
        "paths": paths.paths.iter().map(|path| critical_path(path, ids)).collect::<Vec<_>>(),
        "root_nodes": paths.root_step_ids,
        "leaf_nodes": paths.leaf_step_ids,
        "expected_finish": paths.expected_finish.as_ref().map(|finish| json!({
            "finish_time": time(finish.finish_time),
            "late_finish_time": time(finish.late_finish_time),
            "remaining_ms": finish.remaining_ms,
            "step_ids": named(&finish.step_names, ids),
            "step_names": finish.step_names,
            "stuck_step_ids": finish.stuck_step_ids,
            "measured_steps": finish.measured_steps,
        })),
    })
}

fn critical_path(path: &pb::CriticalPath, ids: &Ids<'_>) -> Value {
    json!({
        "path": named(&path.step_names, ids),
        "step_names": path.step_names,
        "length": path.length,
        "completed_steps": path.completed_steps,
        "blocked_steps": path.blocked_steps,
        "error_steps": path.error_steps,
        "retry_steps": path.retry_steps,
        "ready_steps": path.ready_steps,
        "estimated_duration_ms": path.estimated_duration_ms,
        "remaining_duration_ms": path.remaining_duration_ms,
        "measured_steps": path.measured_steps,
        "criticality_score": path.criticality_score,
        "completion_percentage": path.completion_percentage,
        "total_bottlenecks": path.total_bottlenecks,
        "bottlenecks": path.bottlenecks.iter().map(|bottleneck| json!({
            "step_id": bottleneck.step_id,
            "step_name": bottleneck.step_name,
            "reason": enum_label(bottleneck.reason().as_str_name(), "BLOCKING_REASON_"),
            "severity": bottleneck.severity,
            "blocked_steps": bottleneck.blocked_steps,
        })).collect::<Vec<_>>(),
    })
}

fn parallelism(levels: &pb::ParallelismOpportunities, dag: Option<&pb::DependencyGraph>) -> Value {
    let mut names: HashMap<i32, Vec<&str>> = HashMap::new();
    for node in dag.iter().flat_map(|dag| &dag.nodes) {
        names.entry(node.level).or_default().push(&node.name);
    }
    json!({
        "total_steps": levels.total_steps,
        "total_levels": levels.total_levels,
        "max_parallel_steps": levels.max_parallel_steps,
        "current_parallel_opportunities": levels.current_parallel_opportunities,
        "blocked_parallel_opportunities": levels.blocked_parallel_opportunities,
        "overall_completion": levels.overall_completion,
        "parallelism_efficiency": levels.parallelism_efficiency,
        "levels": levels.levels.iter().map(|level| json!({
            "level": level.level,
            "total_steps": level.total_steps,
            "ready_steps": level.ready_steps,
            "blocked_steps": level.blocked_steps,
            "error_steps": level.error_steps,
            "completed_steps": level.completed_steps,
            "step_names": names.get(&level.level),
            "ready_step_names": level.ready_step_names,
            "parallelism_potential": severity(level.parallelism_potential()),
            "bottleneck_risk": severity(level.bottleneck_risk()),
        })).collect::<Vec<_>>(),
    })
}

fn error_chains(chains: &pb::ErrorChains) -> Value {
    let action = |action: pb::RecoveryAction| enum_label(action.as_str_name(), "RECOVERY_ACTION_");
    json!({
        "total_error_steps": chains.total_error_steps,
        "total_steps": chains.total_steps,
        "error_percentage": chains.error_percentage,
        "total_blocked_by_errors": chains.total_blocked_by_errors,
        "error_chains": chains.error_chains.iter().map(|chain| json!({
            "error_step_id": chain.error_step_id,
            "error_step_name": chain.error_step_name,
            "error_attempts": chain.error_attempts,
            "retry_limit": chain.retry_limit,
            "retry_analysis": chain.retry_analysis.as_ref().map(|retry| json!({
                "exhausted": retry.exhausted,
                "remaining_attempts": retry.remaining_attempts,
                "in_backoff": retry.in_backoff,
                "next_retry_time": time(retry.next_retry_time),
                "retryable": retry.retryable,
            })),
            "downstream_step_names": chain.downstream_step_names,
            "total_downstream_steps": chain.total_downstream_steps,
            "blocked_downstream_steps": chain.blocked_downstream_steps,
            "total_impact": chain.total_impact,
            "recovery_strategies": chain.recovery_strategies.iter().map(|strategy| json!({
                "action": action(strategy.action()),
                "priority": severity(strategy.priority()),
                "description": strategy.description,
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "recovery_priority": chains.recovery_priority.iter().map(|first| json!({
            "step_id": first.step_id,
            "step_name": first.step_name,
            "priority_level": severity(first.priority_level()),
            "reason": first.reason,
            "recommended_action": action(first.recommended_action()),
        })).collect::<Vec<_>>(),
    })
}

fn bottlenecks(found: &pb::Bottlenecks) -> Value {
    json!({
        "total_bottlenecks": found.total_bottlenecks,
        "critical_bottlenecks": found.critical_bottlenecks,
        "total_blocked_steps": found.total_blocked_steps,
        "task_completion": found.task_completion,
        "failed_steps_ratio": found.failed_steps_ratio,
        "overall_impact": enum_label(found.overall_impact().as_str_name(), "OVERALL_IMPACT_"),
        "bottlenecks": found.bottlenecks.iter().map(|bottleneck| json!({
            "step_id": bottleneck.step_id,
            "step_name": bottleneck.step_name,
            "current_state": state(bottleneck.current_state),
            "attempts": bottleneck.attempts,
            "retry_limit": bottleneck.retry_limit,
            "dependencies_satisfied": bottleneck.dependencies_satisfied,
            "downstream_steps_count": bottleneck.downstream_steps_count,
            "blocked_downstream_count": bottleneck.blocked_downstream_count,
            "impact_score": bottleneck.impact_score,
            "severity": severity(bottleneck.severity()),
            "bottleneck_type": enum_label(bottleneck.bottleneck_type().as_str_name(), "BOTTLENECK_TYPE_"),
            "resolution_strategy": enum_label(bottleneck.resolution_strategy().as_str_name(), "RESOLUTION_STRATEGY_"),
            "estimated_resolution_time": bottleneck.estimated_resolution_time,
        })).collect::<Vec<_>>(),
    })
}

fn summary(summary: &pb::GraphSummary) -> Value {
    json!({
        "total_steps": summary.total_steps,
        "total_dependencies": summary.total_dependencies,
        "dependency_levels": summary.dependency_levels,
        "longest_path_length": summary.longest_path_length,
        "critical_bottlenecks_count": summary.critical_bottlenecks_count,
        "error_chains_count": summary.error_chains_count,
        "parallelism_efficiency": summary.parallelism_efficiency,
        "overall_health": enum_label(summary.overall_health().as_str_name(), "OVERALL_HEALTH_"),
        "recommendations": summary.recommendations,
    })
}
