//! StatusService.

use std::time::Duration;

use tonic::{Request, Response, Status};

use super::{
    render::{
        counts::{step_counts, task_counts},
        time,
    },
    scope,
};
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
    let mut status = monitor.status();
    if !scope.covers_all() {
        status = status.within(|namespace| !scope.select([namespace]).is_empty());
    }
    let all = !status.restricted;
    let seen = status.seen.as_deref();
    // The rest tells of everybody's work and of the machines behind it.
    let of_all = seen.filter(|_| all);
    proto::GetStatusResponse {
        healthy: status.healthy,
        age: seen.and_then(|_| duration(status.age)),
        generation_duration: seen.and_then(|seen| duration(seen.took)),
        readiness: Some(readiness(monitor.readiness())),
        tasks: seen.map(|seen| task_counts(&seen.counts)),
        steps: seen.map(|seen| step_counts(&seen.counts)),
        database: of_all.map(database),
        server: all.then(|| server(&status.server)),
        queues: seen.map(queues).unwrap_or_default(),
        trends: of_all.map(trends),
        problems: status.problems,
        error: status.error.unwrap_or_default(),
    }
}

fn trends(seen: &Seen) -> proto::Trends {
    let trends = &seen.trends;
    proto::Trends {
        start_time: Some(time(trends.start)),
        end_time: Some(time(trends.end)),
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

fn queues(seen: &Seen) -> Vec<proto::QueueStatus> {
    let shown = seen.queues.iter().take(QUEUES_MAX);
    shown
        .map(|queue| proto::QueueStatus {
            namespace: queue.namespace.clone(),
            handler: queue.handler.clone(),
            step_name: queue.step.clone(),
            depth: queue.depth,
            wait_duration: duration(Duration::from_secs_f64(queue.age_seconds.max(0.0))),
        })
        .collect()
}

fn duration(duration: Duration) -> Option<prost_types::Duration> {
    prost_types::Duration::try_from(duration).ok()
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
