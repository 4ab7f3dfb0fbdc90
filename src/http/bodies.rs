//! What the HTTP port answers, as JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::{
    health::{Check, Readiness, Seen, Status},
    store::status::Trends,
};

/// Queues in one answer at most.
const QUEUES_MAX: usize = 1_000;

pub(super) fn live() -> Value {
    json!({ "alive": true, "timestamp": timestamp(), "service": "tasker" })
}

pub(super) fn metrics_disabled() -> Value {
    json!({
        "error": "Metrics export failed",
        "message": "Metrics collection is disabled",
        "timestamp": timestamp(),
    })
}

pub(super) fn ready(readiness: &Readiness) -> Value {
    let failed: Vec<&str> = readiness.checks.iter().filter(|check| !check.healthy).map(|check| check.name).collect();
    let message = match (readiness.ready, readiness.draining) {
        (true, _) => "System is ready",
        (false, true) => "System is draining",
        (false, false) => "System is not ready",
    };
    let mut body = json!({
        "ready": readiness.ready,
        "draining": readiness.draining,
        "checks": checks(&readiness.checks),
        "message": message,
        "timestamp": timestamp(),
        "check_duration": seconds(readiness.took),
    });
    if !failed.is_empty() {
        body["failed_checks"] = json!(failed);
    }
    body
}

/// The detailed status; a restricted one has neither the server, nor the database, nor the trends.
pub(super) fn status(status: &Status, readiness: &Readiness) -> Value {
    let word = match (&status.error, status.healthy) {
        (Some(_), _) => "error",
        (None, true) => "healthy",
        (None, false) => "unhealthy",
    };
    let mut body = json!({
        "healthy": status.healthy,
        "status": word,
        "problems": status.problems,
        "timestamp": timestamp(),
        "readiness": { "ready": readiness.ready, "draining": readiness.draining, "checks": checks(&readiness.checks) },
        "cached": status.seen.is_some(),
    });
    if !status.restricted {
        body["server"] = server(status);
    }
    if let Some(error) = &status.error {
        body["error"] = json!(error);
    }
    if let Some(seen) = &status.seen {
        body["metrics"] = counts(seen);
        if !status.restricted {
            body["performance_analytics"] = performance(&seen.trends);
            body["database"] = database(seen);
        }
        body["queues"] = queues(seen);
        body["age_seconds"] = json!(seconds(status.age));
        body["generation_duration"] = json!(seconds(seen.took));
    }
    body
}

/// The original calls counts rates; those names stay, `analysis_period` says of when.
fn performance(trends: &Trends) -> Value {
    json!({
        "trends": {
            "task_creation_rate": trends.created,
            "completion_rate": trends.completed,
            "error_rate": trends.failed,
            "avg_step_duration": (trends.step_seconds * 1e3).round() / 1e3,
        },
        "analysis_period": { "start": moment(trends.start), "end": moment(trends.end) },
    })
}

fn checks(checks: &[Check]) -> Value {
    let entry = |check: &Check| {
        let status = if check.healthy { "healthy" } else { "unhealthy" };
        let mut body = json!({ "status": status, "message": check.message });
        if let Some(took) = check.took {
            body["response_time_ms"] = json!(seconds(took) * 1e3);
        }
        (check.name.to_owned(), body)
    };
    Value::Object(checks.iter().map(entry).collect::<Map<_, _>>())
}

fn counts(seen: &Seen) -> Value {
    let counts = &seen.counts;
    json!({
        "tasks": {
            "total": counts.total_tasks,
            "pending": counts.pending_tasks,
            "in_progress": counts.in_progress_tasks,
            "complete": counts.complete_tasks,
            "error": counts.error_tasks,
            "cancelled": counts.cancelled_tasks,
        },
        "steps": {
            "total": counts.total_steps,
            "pending": counts.pending_steps,
            "in_progress": counts.in_progress_steps,
            "complete": counts.complete_steps,
            "error": counts.error_steps,
        },
        "retries": {
            "retryable_errors": counts.retryable_error_steps,
            "exhausted_retries": counts.exhausted_retry_steps,
            "in_backoff": counts.in_backoff_steps,
        },
    })
}

fn database(seen: &Seen) -> Value {
    let database = &seen.database;
    let tables: Map<String, Value> = seen
        .tables
        .iter()
        .map(|table| {
            let body = json!({
                "bytes": table.bytes,
                "live_rows": table.live_rows,
                "dead_rows": table.dead_rows,
                "dead_ratio": (table.dead_ratio() * 1e4).round() / 1e4,
            });
            (table.name.clone(), body)
        })
        .collect();
    json!({
        "version": database.version,
        "active_connections": database.connections,
        "max_connections": database.connections_max,
        "connection_utilization": database.utilization(),
        "size_bytes": database.size_bytes,
        "oldest_snapshot_seconds": database.oldest_snapshot_seconds,
        "tables": tables,
    })
}

fn queues(seen: &Seen) -> Value {
    let shown = seen.queues.iter().take(QUEUES_MAX);
    shown
        .map(|queue| {
            json!({
                "namespace": queue.namespace,
                "handler": queue.handler,
                "step": queue.step,
                "depth": queue.depth,
                "age_seconds": queue.age_seconds,
            })
        })
        .collect()
}

fn server(status: &Status) -> Value {
    let server = &status.server;
    let lane = |lane: &crate::lifecycle::writer::LaneState| json!({ "queued": lane.queued, "busy_seconds": lane.busy_for.map(seconds) });
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": seconds(server.uptime),
        "sessions": server.workers.sessions,
        "slots": server.workers.slots,
        "slots_busy": server.workers.busy,
        "lanes": server.lanes.iter().map(lane).collect::<Vec<_>>(),
        "pool": {
            "connections": server.pool.connections,
            "idle": server.pool.idle,
            "max": server.pool.connections_max,
        },
    })
}

/// Seconds to the microsecond.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e6
}

#[expect(clippy::disallowed_methods, reason = "whoever probes compares it with the clock on the wall")]
fn timestamp() -> String {
    moment(chrono::Utc::now())
}

fn moment(time: chrono::DateTime<chrono::Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
