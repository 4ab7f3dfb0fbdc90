//! Tasks, their annotations and their audit trail as messages.

use super::{handler, state, step, time};
use crate::{
    domain::execution::{Counts, ExecutionStatus, HealthStatus, RecommendedAction},
    proto::tasker::v1 as proto,
    service::snapshot::Snapshot,
    store::annotations::Annotation,
};

/// A task as far as the snapshot goes.
pub(in crate::rpc) fn task(snapshot: &Snapshot) -> proto::Task {
    let Snapshot { row, run, now, .. } = snapshot;
    proto::Task {
        task_id: row.task_id.to_string(),
        handler: Some(handler(run.template())),
        state: state(run.state()).into(),
        state_reason: run.reason().unwrap_or_default().to_owned(),
        initiator: row.initiator.clone(),
        source_system: row.source_system.clone(),
        reason: row.reason.clone(),
        tags: row.tags.clone(),
        bypass_steps: row.bypass_steps.clone(),
        context_json: row.context.clone().unwrap_or_default(),
        request_time: Some(time(row.requested_at)),
        create_time: Some(time(row.created_at)),
        start_time: row.started_at.map(time),
        finish_time: row.finished_at.map(time),
        deadline_time: row.deadline_at.map(time),
        correlation_id: row.correlation_id.clone().unwrap_or_default(),
        revision: i64::from(run.revision()),
        execution: Some(execution(&run.counts(*now))),
        steps: step::of_task(snapshot),
        annotations: snapshot.annotations.iter().map(annotation).collect(),
        dependency_analysis: None,
    }
}

/// What a task is doing.
pub(in crate::rpc) fn execution_context(snapshot: &Snapshot) -> proto::TaskExecutionContext {
    let Snapshot { row, run, now, .. } = snapshot;
    proto::TaskExecutionContext {
        task_id: row.task_id.to_string(),
        state: state(run.state()).into(),
        revision: i64::from(run.revision()),
        execution: Some(execution(&run.counts(*now))),
    }
}

/// The steps counted and judged.
fn execution(counts: &Counts) -> proto::Execution {
    let number = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    proto::Execution {
        total_steps: number(counts.total),
        pending_steps: number(counts.pending),
        in_progress_steps: number(counts.in_progress),
        completed_steps: number(counts.completed),
        failed_steps: number(counts.failed),
        ready_steps: number(counts.ready),
        execution_status: match counts.status() {
            ExecutionStatus::HasReadySteps => proto::ExecutionStatus::HasReadySteps,
            ExecutionStatus::Processing => proto::ExecutionStatus::Processing,
            ExecutionStatus::BlockedByFailures => proto::ExecutionStatus::BlockedByFailures,
            ExecutionStatus::AllComplete => proto::ExecutionStatus::AllComplete,
            ExecutionStatus::WaitingForDependencies => proto::ExecutionStatus::WaitingForDependencies,
        }
        .into(),
        recommended_action: match counts.status().action() {
            RecommendedAction::ExecuteReadySteps => proto::RecommendedAction::ExecuteReadySteps,
            RecommendedAction::WaitForCompletion => proto::RecommendedAction::WaitForCompletion,
            RecommendedAction::HandleFailures => proto::RecommendedAction::HandleFailures,
            RecommendedAction::FinalizeTask => proto::RecommendedAction::FinalizeTask,
            RecommendedAction::WaitForDependencies => proto::RecommendedAction::WaitForDependencies,
        }
        .into(),
        completion_percentage: counts.completion_percentage(),
        health_status: health(counts.health()).into(),
    }
}

/// The health of a task.
pub(in crate::rpc) const fn health(health: HealthStatus) -> proto::HealthStatus {
    match health {
        HealthStatus::Healthy => proto::HealthStatus::Healthy,
        HealthStatus::Recovering => proto::HealthStatus::Recovering,
        HealthStatus::Blocked => proto::HealthStatus::Blocked,
    }
}

/// An annotation.
pub(in crate::rpc) fn annotation(annotation: &Annotation) -> proto::Annotation {
    proto::Annotation {
        annotation_id: annotation.annotation_id.to_string(),
        task_id: annotation.task_id.to_string(),
        annotation_type: annotation.annotation_type.clone(),
        annotation_json: annotation.annotation.clone(),
        create_time: Some(time(annotation.created_at)),
    }
}
