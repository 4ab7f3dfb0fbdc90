//! What is found out about handlers, as messages.

use crate::{
    domain::ids::StepNo,
    proto::tasker::v1::{self as proto, template_graph as drawn},
    rpc::render::{pause, time},
    service::discovery::{Details, Listed, Namespace, Served},
    store::handlers::Record,
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

/// A handler of a list.
pub(super) fn summary(listed: &Listed) -> proto::HandlerSummary {
    let entry = &listed.entry;
    let deprecated = entry.versions.iter().filter(|version| version.deprecated);
    proto::HandlerSummary {
        namespace: entry.namespace.clone(),
        name: entry.name.clone(),
        versions: entry.versions.iter().map(|version| version.version.clone()).collect(),
        latest_version: entry.latest().map(|version| version.version.clone()).unwrap_or_default(),
        deprecated_versions: deprecated.map(|version| version.version.clone()).collect(),
        available: listed.available,
        pauses: entry.pauses.iter().map(pause).collect(),
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
    let (median_ms, p95_ms) = record.took_ms.unwrap_or_default();
    proto::HandlerRecord {
        tasks: count(record.tasks),
        complete: count(record.complete),
        failed: count(record.failed),
        cancelled: count(record.cancelled),
        unfinished: count(record.unfinished),
        median_ms,
        p95_ms,
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
        handler_class: step.handler_class.clone(),
        dependencies: parents[usize::from(no)].iter().map(|(parent, _)| name(parent)).collect(),
        level: i32::from(shape.level(no)),
    });
    let edges = parents.iter().zip(steps).flat_map(|(of_step, step)| {
        of_step.iter().map(|(parent, is_single)| drawn::Edge {
            from: name(parent),
            to: step.name.clone(),
            r#type: if *is_single { "single" } else { "multiple" }.to_owned(),
        })
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
