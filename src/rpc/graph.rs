//! DependencyGraphService, and the graph beside a task in other services' answers.

mod answers;

use std::{pin::Pin, sync::Arc};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use prost::Message;
use tonic::{Request, Response, Status};

use answers::{Answers, Known};

use super::{
    fields::Fields,
    limits::Limits,
    render::{
        graph::{self as render, Sections},
        micros, refusal,
    },
    scope,
};
use crate::{
    domain::{
        graph::{Forecast, is_steady},
        ids::TaskId,
    },
    error::{Error, Reason, Result},
    proto::tasker::v1::{self as proto, dependency_analysis, dependency_graph_service_server::DependencyGraphService},
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
/// wire. `build.rs` puts it in the place of the generated one.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetTaskGraphResponse {
    /// The graph.
    #[prost(bytes = "bytes", tag = "1")]
    pub graph: Bytes,
    /// When the answer was made.
    #[prost(message, optional, tag = "2")]
    pub generate_time: Option<prost_types::Timestamp>,
    /// When the task will be done.
    #[prost(message, optional, tag = "3")]
    pub expected_finish: Option<proto::ExpectedFinish>,
}

impl Graphs {
    /// The service over the use cases. Answers are remembered in `memory_bytes`.
    pub fn new(graphs: UseCases, limits: Limits, memory_bytes: u64, metrics: &Metrics) -> Self {
        Self { graphs, answers: Answers::new(memory_bytes, metrics.cache("graph")), limits }
    }

    /// The graph of a task, encoded, and its forecast: remembered ones where nothing has changed.
    async fn known(&self, found: Found, sections: Sections) -> Result<(Bytes, Forecast)> {
        // A task that has ended has the durations that it had itself, whatever is measured since.
        let durations = match found.row.stored.state.is_ended_task() {
            true => None,
            false => Some(self.graphs.durations(&found.template, found.now).await),
        };
        if let Some(Known { graph, forecast }) = self.answers.find(&found, durations.as_ref(), sections) {
            return match forecast {
                Some(forecast) => Ok((graph, forecast)),
                None if !sections.has_finish() => Ok((graph, Forecast::default())),
                None => Ok((graph, self.graphs.forecast(&found.load()?).await?)),
            };
        }
        let snapshot = found.load()?;
        let graph = self.graphs.of(&snapshot).await?;
        let forecast = graph.inputs.forecast(&snapshot);
        let rendered = bounded(&snapshot, &graph, sections, self.limits.answer_bytes)?;
        let rendered = Bytes::from(rendered.encode_to_vec());
        let steady = is_steady(&snapshot.run, snapshot.now).then(|| forecast.clone());
        let known = Known { graph: rendered.clone(), forecast: steady };
        self.answers.insert(&snapshot, durations.map(|_| graph.inputs.durations), sections, known);
        Ok((rendered, forecast))
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
        let (template, now) = (Arc::clone(&found.template), found.now);
        let (graph, forecast) = self.known(found, sections).await?;
        Ok(self.limits.fit(GetTaskGraphResponse {
            graph,
            generate_time: Some(micros(now)),
            expected_finish: sections.has_finish().then(|| render::expected_finish(id, &template, &forecast, now)),
        })?)
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
            let finish = sections.has_finish().then(|| finish(&snapshot, &graph));
            Ok(proto::WatchTaskGraphResponse {
                graph: Some(bounded(&snapshot, &graph, sections, most)?),
                generate_time: Some(micros(snapshot.now)),
                expected_finish: finish,
            })
        });
        Ok(Response::new(graphs.boxed()))
    }
}

/// Adds to tasks the graphs that go with their snapshots, as far as the answer has room for them. A task whose analysis
/// failed says so.
pub(super) async fn add(graphs: &UseCases, snapshots: &[Snapshot], tasks: &mut [proto::Task], bytes_max: usize) {
    let mut left = bytes_max.saturating_sub(tasks.iter().map(Message::encoded_len).sum());
    for ((snapshot, graph), task) in snapshots.iter().zip(graphs.of_all(snapshots).await).zip(tasks) {
        let rendered = graph.and_then(|graph| {
            let rendered = bounded(snapshot, &graph, Sections::ALL, left)?;
            Ok((rendered, finish(snapshot, &graph)))
        });
        let (outcome, expected_finish) = match rendered {
            Ok((graph, finish)) => (dependency_analysis::Outcome::Graph(graph), Some(finish)),
            Err(error) => {
                let mut refused = refusal(error);
                refused.message = format!("Dependency analysis failed: {}", refused.message);
                (dependency_analysis::Outcome::Error(refused), None)
            }
        };
        let generate_time = Some(micros(snapshot.now));
        let analysis = proto::DependencyAnalysis { outcome: Some(outcome), generate_time, expected_finish };
        left = left.saturating_sub(analysis.encoded_len());
        task.dependency_analysis = Some(analysis);
    }
}

fn finish(snapshot: &Snapshot, graph: &Graph) -> proto::ExpectedFinish {
    let forecast = graph.inputs.forecast(snapshot);
    render::expected_finish(snapshot.row.task_id, snapshot.run.template(), &forecast, snapshot.now)
}

/// The graph, unless it has more bytes than there is room for.
fn bounded(snapshot: &Snapshot, graph: &Graph, sections: Sections, bytes_max: usize) -> Result<proto::TaskGraph> {
    let too_large = || {
        let text = "the graph is too large for the answer: ask for it alone, or for fewer sections";
        Err(Error::new(Reason::AnswerTooLarge, text).with("limit", bytes_max.to_string()))
    };
    if render::bytes(&graph.inputs.shape, sections) > bytes_max {
        return too_large();
    }
    let rendered = render::graph(snapshot, graph, sections);
    if rendered.encoded_len() > bytes_max { too_large() } else { Ok(rendered) }
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
