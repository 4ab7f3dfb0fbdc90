//! The JSON shapes of `tasker analytics --output json`: durations in seconds, times in RFC 3339, rates in percent.

use serde_json::{Value, json};
use tasker_sdk::proto::tasker::v1 as pb;

use crate::cli::shape::{state_label, time};

pub(super) fn performance(answer: &pb::GetPerformanceResponse) -> Value {
    let overview = answer.overview.unwrap_or_default();
    let trend = |of: &pb::PerformanceTrend| {
        let mut value = figures(of.performance.as_ref());
        value["period_seconds"] = seconds(of.period);
        value
    };
    let handler = |of: &pb::HandlerPerformance| {
        let mut value = figures(of.performance.as_ref());
        value["namespace"] = json!(of.namespace);
        value["name"] = json!(of.name);
        value["version"] = json!(of.version);
        value
    };
    json!({
        "overview": {
            "active_tasks": overview.active_tasks,
            "total_namespaces": overview.total_namespaces,
            "unique_task_types": overview.unique_task_types,
            "system_health_score": overview.system_health_score,
        },
        "trends": answer.trends.iter().map(trend).collect::<Vec<_>>(),
        "performance": figures(answer.performance.as_ref()),
        "handlers": answer.handlers.iter().map(handler).collect::<Vec<_>>(),
        "info": info(answer.info.as_ref()),
    })
}

fn figures(of: Option<&pb::Performance>) -> Value {
    let of = of.copied().unwrap_or_default();
    json!({
        "period": period(of.period.as_ref()),
        "task_throughput": of.task_throughput,
        "completion_count": of.completion_count,
        "error_count": of.error_count,
        "completion_rate": of.completion_rate,
        "error_rate": of.error_rate,
        "step_throughput": of.step_throughput,
        "task_durations": durations(of.task_durations.as_ref()),
        "step_durations": durations(of.step_durations.as_ref()),
    })
}

pub(super) fn bottlenecks(answer: &pb::GetBottlenecksResponse) -> Value {
    let errors = answer.error_patterns.clone().unwrap_or_default();
    let waits = answer.dependency_bottlenecks.clone().unwrap_or_default();
    let error = |of: &pb::ErrorCount| json!({ "error_class": of.error_class, "count": of.count });
    let blocked = |of: &pb::BlockedStep| json!({ "step_name": of.step_name, "count": of.count });
    let bucket = |of: &pb::DurationBucket| json!({ "min_seconds": seconds(of.min_duration), "max_seconds": seconds(of.max_duration), "count": of.count });
    json!({
        "period": period(answer.period.as_ref()),
        "total_tasks": answer.total_tasks,
        "unique_task_types": answer.unique_task_types,
        "slowest_tasks": answer.slowest_tasks.iter().map(slow_task).collect::<Vec<_>>(),
        "slowest_steps": answer.slowest_steps.iter().map(slow_step).collect::<Vec<_>>(),
        "error_patterns": {
            "total_errors": errors.total_errors,
            "recent_error_rate": errors.recent_error_rate,
            "common_error_types": errors.common_error_types.iter().map(error).collect::<Vec<_>>(),
            "retry_success_rate": errors.retry_success_rate,
        },
        "dependency_bottlenecks": {
            "blocking_dependencies": waits.blocking_dependencies,
            "avg_wait_seconds": seconds(waits.avg_wait_time),
            "most_blocked_steps": waits.most_blocked_steps.iter().map(blocked).collect::<Vec<_>>(),
        },
        "task_durations": durations(answer.task_durations.as_ref()),
        "distribution_buckets": answer.distribution_buckets.iter().map(bucket).collect::<Vec<_>>(),
        "recommendations": answer.recommendations,
        "info": info(answer.info.as_ref()),
    })
}

pub(super) fn slow_task(task: &pb::SlowTask) -> Value {
    json!({
        "task_id": task.task_id,
        "namespace": task.namespace,
        "name": task.name,
        "version": task.version,
        "state": state_label(task.state),
        "duration_seconds": seconds(task.duration),
        "step_count": task.step_count,
        "completed_steps": task.completed_steps,
        "error_steps": task.error_steps,
        "create_time": time(task.create_time),
        "complete_time": time(task.complete_time),
        "initiator": task.initiator,
        "source_system": task.source_system,
    })
}

pub(super) fn slow_step(step: &pb::SlowStep) -> Value {
    json!({
        "step_id": step.step_id,
        "task_id": step.task_id,
        "step_name": step.step_name,
        "namespace": step.namespace,
        "name": step.name,
        "version": step.version,
        "duration_seconds": seconds(step.duration),
        "attempts": step.attempts,
        "create_time": time(step.create_time),
        "complete_time": time(step.complete_time),
        "retryable": step.retryable,
    })
}

pub(super) fn health(counts: &pb::GetHealthCountsResponse) -> Value {
    json!({
        "total_tasks": counts.total_tasks,
        "pending_tasks": counts.pending_tasks,
        "in_progress_tasks": counts.in_progress_tasks,
        "complete_tasks": counts.complete_tasks,
        "error_tasks": counts.error_tasks,
        "cancelled_tasks": counts.cancelled_tasks,
        "total_steps": counts.total_steps,
        "pending_steps": counts.pending_steps,
        "in_progress_steps": counts.in_progress_steps,
        "complete_steps": counts.complete_steps,
        "error_steps": counts.error_steps,
        "retryable_error_steps": counts.retryable_error_steps,
        "exhausted_retry_steps": counts.exhausted_retry_steps,
        "in_backoff_steps": counts.in_backoff_steps,
        "active_connections": counts.active_connections,
        "max_connections": counts.max_connections,
        "info": info(counts.info.as_ref()),
    })
}

fn durations(of: Option<&pb::DurationStatistics>) -> Value {
    let of = of.copied().unwrap_or_default();
    json!({
        "count": of.count,
        "mean": seconds(of.mean),
        "p50": seconds(of.p50),
        "p95": seconds(of.p95),
        "p99": seconds(of.p99),
        "max": seconds(of.max),
    })
}

fn period(period: Option<&pb::AnalysedPeriod>) -> Value {
    let period = period.copied().unwrap_or_default();
    json!({
        "start_time": time(period.start_time), "end_time": time(period.end_time), "truncated": period.truncated,
    })
}

fn info(info: Option<&pb::AnswerInfo>) -> Value {
    let info = info.copied().unwrap_or_default();
    json!({ "generate_time": time(info.generate_time), "cached": info.cached, "ttl_seconds": seconds(info.ttl) })
}

/// Seconds to the microsecond; null for none.
fn seconds(duration: Option<prost_types::Duration>) -> Value {
    duration.map_or(Value::Null, |of| json!(of.seconds as f64 + f64::from(of.nanos / 1_000) / 1e6))
}
