//! What is found out about handlers, as messages.

use bytes::Bytes;
use prost::Message;

use crate::{
    domain::{handler::OperationKind, ids::StepNo},
    proto::tasker::v1::{self as proto, template_graph as drawn},
    rpc::render::{millis, pause, time},
    service::handlers::{Details, Entry, Listed, Namespace, Served},
    store::handlers::{OperationRow, Record},
};

/// A namespace of a list.
pub(super) fn namespace_summary(namespace: &Namespace) -> proto::NamespaceSummary {
    proto::NamespaceSummary {
        name: namespace.name.clone(),
        description: namespace.description.clone(),
        handlers: number(namespace.handlers),
        versions: number(namespace.versions),
        paused_handlers: number(namespace.paused_handlers),
        pause: namespace.pause.as_ref().map(pause),
    }
}

/// A handler of a list, encoded. It is rendered once for all lists that show it as it is.
pub(super) fn summary(Listed { entry, available }: &Listed) -> Bytes {
    let shown = &entry.shown[usize::from(*available)];
    shown.get_or_init(|| render(entry, *available).encode_to_vec().into()).clone()
}

fn render(entry: &Entry, available: bool) -> proto::HandlerSummary {
    let deprecated = entry.versions.iter().filter(|version| version.deprecated);
    proto::HandlerSummary {
        namespace: entry.namespace.clone(),
        name: entry.name.clone(),
        versions: entry.versions.iter().map(|version| version.version.clone()).collect(),
        latest_version: entry.latest().map(|version| version.version.clone()).unwrap_or_default(),
        deprecated_versions: deprecated.map(|version| version.version.clone()).collect(),
        available,
        pauses: entry.pauses.iter().map(pause).collect(),
    }
}

/// What was done to the catalog.
pub(super) fn operation(row: OperationRow) -> proto::HandlerOperation {
    let OperationRow { sequence, operation, claims, at } = row;
    proto::HandlerOperation {
        sequence,
        kind: kind(operation.kind).into(),
        handler: Some(proto::HandlerRef {
            namespace: operation.namespace,
            name: operation.name,
            version: operation.version,
        }),
        subject: claims.subject,
        requested_by: claims.requested_by,
        reason: claims.reason,
        create_time: Some(time(at)),
    }
}

const fn kind(kind: OperationKind) -> proto::HandlerOperationKind {
    use proto::HandlerOperationKind as To;
    match kind {
        OperationKind::Register => To::Register,
        OperationKind::Replace => To::Replace,
        OperationKind::Deprecate => To::Deprecate,
        OperationKind::Restore => To::Restore,
        OperationKind::PauseHandler => To::PauseHandler,
        OperationKind::ResumeHandler => To::ResumeHandler,
        OperationKind::PauseNamespace => To::PauseNamespace,
        OperationKind::ResumeNamespace => To::ResumeNamespace,
        OperationKind::UpdateNamespace => To::UpdateNamespace,
    }
}

/// Who runs a step handler.
pub(super) fn served(served: Served) -> proto::StepHandlerService {
    proto::StepHandlerService {
        step_handler: served.step_handler,
        workers: number(served.workers),
        free_slots: number(served.free),
    }
}

/// How a version has done lately.
pub(super) fn record(record: &Record) -> proto::HandlerRecord {
    let count = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
    proto::HandlerRecord {
        tasks: count(record.tasks),
        complete: count(record.complete),
        failed: count(record.failed),
        cancelled: count(record.cancelled),
        unfinished: count(record.unfinished),
        median_duration: record.took_ms.map(|(median, _)| millis(median)),
        p95_duration: record.took_ms.map(|(_, p95)| millis(p95)),
        last_task_time: record.last_at.map(time),
    }
}

/// The graph of the steps.
pub(super) fn graph(details: &Details) -> proto::TemplateGraph {
    let steps = &details.draft.step_templates;
    let (shape, parents) = (&details.outline.shape, &details.outline.parents);
    let name = |no: &StepNo| steps[usize::from(*no)].name.clone();
    let names = |numbers: &[StepNo]| numbers.iter().map(name).collect();
    let nodes = (0..).zip(steps).map(|(no, step)| drawn::Node {
        name: step.name.clone(),
        description: step.description.clone(),
        step_handler: step.handler_class.clone(),
        dependencies: parents[usize::from(no)].iter().map(name).collect(),
        level: i32::from(shape.level(no)),
    });
    let edges = parents.iter().zip(steps).flat_map(|(of_step, step)| {
        of_step.iter().map(|parent| drawn::Edge { from: name(parent), to: step.name.clone() })
    });
    proto::TemplateGraph {
        nodes: nodes.collect(),
        edges: edges.collect(),
        execution_order: names(shape.order()),
        roots: names(shape.roots()),
        leaves: names(shape.leaves()),
        total_steps: number(shape.steps()),
        total_dependencies: number(shape.edges()),
        max_depth: number(shape.depth().saturating_sub(1)),
        parallel_branches: number(shape.width()),
        total_paths: shape.paths().to_owned(),
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::service::handlers::VersionEntry;

    #[test]
    fn a_kept_summary_is_of_those_who_serve_it_now() {
        let version = VersionEntry { version: "1.0.0".into(), order: [1, 0, 0], named_task_id: 1, deprecated: false };
        let entry = Arc::new(Entry {
            namespace: "shop".into(),
            name: "order".into(),
            versions: vec![version],
            queues: vec![1],
            pauses: Vec::new(),
            shown: Default::default(),
        });
        for available in [false, true, true, false] {
            let bytes = summary(&Listed { entry: Arc::clone(&entry), available });
            assert_eq!(proto::HandlerSummary::decode(bytes), Ok(render(&entry, available)));
        }
        assert!(render(&entry, true).available && !render(&entry, false).available);
        assert_eq!(render(&entry, true).latest_version, "1.0.0");
    }
}
