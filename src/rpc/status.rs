//! StatusService.

use std::time::Duration;

use tonic::{Request, Response, Status};

use super::{render::time, scope};
use crate::{
    auth::Scope,
    health::{self, Monitor, Seen},
    proto::tasker::v1::{self as proto, status_service_server::StatusService},
};

/// Queues in one answer at most.
const QUEUES_MAX: usize = 1_000;

/// The service.
#[derive(Debug, Clone)]
pub struct Statuses(Monitor);

impl Statuses {
    /// The service over what is looked at.
    pub const fn new(monitor: Monitor) -> Self {
        Self(monitor)
    }
}

#[tonic::async_trait]
impl StatusService for Statuses {
    async fn get_status(
        &self,
        request: Request<proto::GetStatusRequest>,
    ) -> Result<Response<proto::GetStatusResponse>, Status> {
        let scope = scope(&request)?;
        Ok(Response::new(render(&self.0, &scope)))
    }
}

fn render(monitor: &Monitor, scope: &Scope) -> proto::GetStatusResponse {
    let status = monitor.status();
    let seen = status.seen.as_deref();
    proto::GetStatusResponse {
        healthy: status.healthy,
        problems: status.problems,
        error: status.error.unwrap_or_default(),
        age: seen.and_then(|_| duration(status.age)),
        generation_duration: seen.and_then(|seen| duration(seen.took)),
        readiness: Some(readiness(monitor.readiness())),
        tasks: seen.map(tasks),
        steps: seen.map(steps),
        database: seen.map(database),
        server: Some(server(&status.server)),
        queues: seen.map(|seen| queues(seen, scope)).unwrap_or_default(),
        trends: seen.map(trends),
    }
}

fn trends(seen: &Seen) -> proto::Trends {
    let trends = &seen.trends;
    proto::Trends {
        period_start: Some(time(trends.start)),
        period_end: Some(time(trends.end)),
        created: trends.created,
        completed: trends.completed,
        failed: trends.failed,
        mean_step_duration: duration(Duration::from_secs_f64(trends.step_seconds.max(0.0))),
    }
}

fn readiness(readiness: health::Readiness) -> proto::Readiness {
    let check = |check: health::Check| proto::ReadinessCheck {
        name: check.name.to_owned(),
        healthy: check.healthy,
        message: check.message,
        response_time: check.took.and_then(duration),
    };
    let checks = readiness.checks.into_iter().map(check).collect();
    proto::Readiness { ready: readiness.ready, draining: readiness.draining, checks }
}

const fn tasks(seen: &Seen) -> proto::TaskCounts {
    let counts = &seen.counts;
    proto::TaskCounts {
        total: counts.total_tasks,
        pending: counts.pending_tasks,
        in_progress: counts.in_progress_tasks,
        complete: counts.complete_tasks,
        error: counts.error_tasks,
        cancelled: counts.cancelled_tasks,
    }
}

const fn steps(seen: &Seen) -> proto::StepCounts {
    let counts = &seen.counts;
    proto::StepCounts {
        total: counts.total_steps,
        pending: counts.pending_steps,
        in_progress: counts.in_progress_steps,
        complete: counts.complete_steps,
        error: counts.error_steps,
        retryable_errors: counts.retryable_error_steps,
        exhausted_retries: counts.exhausted_retry_steps,
        in_backoff: counts.in_backoff_steps,
    }
}

fn database(seen: &Seen) -> proto::DatabaseStatus {
    let database = &seen.database;
    let table = |table: &crate::store::status::Table| proto::TableStatus {
        name: table.name.clone(),
        size_bytes: table.bytes,
        live_rows: table.live_rows,
        dead_rows: table.dead_rows,
    };
    proto::DatabaseStatus {
        version: database.version.clone(),
        active_connections: database.connections,
        max_connections: database.connections_max,
        connection_utilization: database.utilization(),
        size_bytes: database.size_bytes,
        oldest_snapshot_age: duration(Duration::from_secs_f64(database.oldest_snapshot_seconds.max(0.0))),
        tables: seen.tables.iter().map(table).collect(),
    }
}

fn server(server: &health::Server) -> proto::ServerStatus {
    let lane = |lane: &crate::lifecycle::writer::LaneState| proto::LaneStatus {
        queued: count(lane.queued),
        busy_for: lane.busy_for.and_then(duration),
    };
    proto::ServerStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime: duration(server.uptime),
        sessions: count(server.workers.sessions),
        slots: count(server.workers.slots),
        slots_busy: count(server.workers.busy),
        lanes: server.lanes.iter().map(lane).collect(),
        pool_connections: count(server.pool.connections),
        pool_idle: count(server.pool.idle),
        pool_connections_max: count(server.pool.connections_max),
    }
}

fn queues(seen: &Seen, scope: &Scope) -> Vec<proto::QueueStatus> {
    let visible = scope.select(seen.queues.iter().map(|queue| queue.namespace.as_str()));
    let shown = seen.queues.iter().filter(|queue| visible.contains(&queue.namespace.as_str())).take(QUEUES_MAX);
    shown
        .map(|queue| proto::QueueStatus {
            namespace: queue.namespace.clone(),
            handler: queue.handler.clone(),
            step: queue.step.clone(),
            depth: queue.depth,
            age: duration(Duration::from_secs_f64(queue.age_seconds.max(0.0))),
        })
        .collect()
}

fn duration(duration: Duration) -> Option<prost_types::Duration> {
    prost_types::Duration::try_from(duration).ok()
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
