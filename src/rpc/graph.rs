//! DependencyGraphService, and the graph beside a task in other services' answers.

mod answers;

use std::pin::Pin;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use prost::Message;
use tonic::{Request, Response, Status};

use answers::Answers;

use super::{
    fields::Fields,
    limits::Limits,
    render::{
        graph::{self as render, Sections},
        micros,
    },
    scope,
};
use crate::{
    domain::{graph::keeps_its_distance, ids::TaskId},
    error::{Error, Reason, Result},
    proto::tasker::v1::{self as proto, dependency_graph_service_server::DependencyGraphService},
    service::{
        graph::{Graph, Graphs as UseCases},
        snapshot::{Found, Snapshot},
    },
    telemetry::Metrics,
};

/// Sections that one request may name: each of them, and some twice.
const SECTIONS_MAX: usize = 16;

/// The service.
#[derive(Debug, Clone)]
pub struct Graphs {
    graphs: UseCases,
    answers: Answers,
    limits: Limits,
}

/// The response of GetTaskGraph with its graph encoded: a message within a message and its bytes are the same on the
/// wire, and so is one that comes in parts. `build.rs` puts it in the place of the generated one.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct GetTaskGraphResponse {
    /// The parts of the graph.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub graph: Vec<Bytes>,
}

impl Graphs {
    /// The service over the use cases. Answers are remembered in `memory_bytes`.
    pub fn new(graphs: UseCases, limits: Limits, memory_bytes: u64, metrics: &Metrics) -> Self {
        Self { graphs, answers: Answers::new(memory_bytes, metrics.cache("graph")), limits }
    }

    /// What stays of a task's graph while nothing moves, and what is of this moment.
    async fn pieces(&self, found: Found, sections: Sections) -> Result<(Bytes, proto::TaskGraph)> {
        let durations = self.graphs.durations(&found.template, found.now).await;
        let kept = self.answers.find(&found, &durations, sections);
        if let Some(kept) = &kept
            && let Some(moment) = kept.moment(found.now)
        {
            return Ok((kept.bytes.clone(), moment));
        }
        let snapshot = found.load()?;
        let inputs = self.graphs.inputs(&snapshot, durations).await?;
        if let Some(kept) = kept {
            return Ok((kept.bytes, render::moment(&snapshot, &inputs)));
        }
        let graph = self.graphs.on(inputs, &snapshot).await?;
        let rendered = bounded(&snapshot, &graph, sections, self.limits.answer_bytes)?;
        let (kept, moment) = render::split(rendered, snapshot.now, keeps_its_distance(&snapshot.run, snapshot.now));
        let bytes = kept.bytes.clone();
        self.answers.insert(&snapshot, graph.inputs.durations, sections, kept);
        Ok((bytes, moment))
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl DependencyGraphService for Graphs {
    type WatchTaskGraphStream = Pin<Box<dyn Stream<Item = Result<proto::WatchTaskGraphResponse, Status>> + Send>>;

    async fn get_task_graph(&self, request: Request<proto::GetTaskGraphRequest>) -> Answer<GetTaskGraphResponse> {
        let scope = scope(&request)?;
        let proto::GetTaskGraphRequest { task_id, sections } = request.into_inner();
        let (id, sections) = wanted(&task_id, &sections)?;
        let found = self.graphs.find(&scope, id).await?;
        let (kept, moment) = self.pieces(found, sections).await?;
        Ok(self.limits.fit(GetTaskGraphResponse { graph: vec![kept, moment.encode_to_vec().into()] })?)
    }

    async fn watch_task_graph(
        &self,
        request: Request<proto::WatchTaskGraphRequest>,
    ) -> Answer<Self::WatchTaskGraphStream> {
        let scope = scope(&request)?;
        let proto::WatchTaskGraphRequest { task_id, sections } = request.into_inner();
        let (id, sections) = wanted(&task_id, &sections)?;
        let most = self.limits.answer_bytes;
        let graphs = self.graphs.watch(&scope, id).await?.map(move |next| {
            let (snapshot, graph) = next?;
            let graph = bounded(&snapshot, &graph, sections, most)?;
            Ok(proto::WatchTaskGraphResponse { graph: Some(graph) })
        });
        Ok(Response::new(graphs.boxed()))
    }
}

/// Adds to tasks the graphs that go with their snapshots, as far as the answer has room for them. A task whose analysis
/// failed says so.
pub(super) async fn add(graphs: &UseCases, snapshots: &[Snapshot], tasks: &mut [proto::Task], bytes_max: usize) {
    let mut left = bytes_max.saturating_sub(tasks.iter().map(Message::encoded_len).sum());
    for ((snapshot, graph), task) in snapshots.iter().zip(graphs.of_all(snapshots).await).zip(tasks) {
        let rendered = graph.and_then(|graph| bounded(snapshot, &graph, Sections::ALL, left));
        let mut analysis =
            proto::DependencyAnalysis { analysis_time: Some(micros(snapshot.now)), ..Default::default() };
        match rendered {
            Ok(graph) => analysis.graph = Some(graph),
            Err(error) => analysis.error = format!("Dependency analysis failed: {}", message_of(&error)),
        }
        left = left.saturating_sub(analysis.encoded_len());
        task.dependency_analysis = Some(analysis);
    }
}

/// The graph, unless it has more bytes than there is room for.
fn bounded(snapshot: &Snapshot, graph: &Graph, sections: Sections, bytes_max: usize) -> Result<proto::TaskGraph> {
    let too_large = || {
        let text = "the graph is too large for the answer: ask for it alone, or for fewer sections";
        Err(Error::new(Reason::LimitExceeded, text).with("limit", bytes_max.to_string()))
    };
    if render::bytes(&graph.inputs.shape, sections) > bytes_max {
        return too_large();
    }
    let rendered = render::graph(snapshot, graph, sections);
    if rendered.encoded_len() > bytes_max { too_large() } else { Ok(rendered) }
}

/// What a caller may know of an error.
fn message_of(error: &Error) -> &str {
    if error.reason() == Reason::Internal {
        tracing::error!(error = error as &dyn std::error::Error, "defect");
        return "internal error";
    }
    error.message()
}

fn wanted(task_id: &str, sections: &[i32]) -> Result<(TaskId, Sections)> {
    let mut fields = Fields::default();
    let id = fields.task_id("task_id", task_id);
    let mut wanted = if sections.is_empty() { Sections::ALL } else { Sections::NONE };
    if sections.len() > SECTIONS_MAX {
        fields.oversize("sections", format!("has {} entries, at most {SECTIONS_MAX} are allowed", sections.len()));
    } else {
        for (place, section) in sections.iter().enumerate() {
            match proto::GraphSection::try_from(*section) {
                Ok(proto::GraphSection::Unspecified) | Err(_) => {
                    fields.refuse(format!("sections[{place}]"), "is not a section of the graph");
                }
                Ok(section) => wanted = wanted.with(section),
            }
        }
    }
    fields.finish()?;
    Ok((id.expect("a field without a value was refused"), wanted))
}
