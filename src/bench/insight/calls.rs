//! What is asked, and what it may take.

use std::fmt;

use anyhow::{Context as _, bail};
use tasker_sdk::{
    Client,
    proto::tasker::v1::{
        AnalyticsFilter, BatchGetExecutionContextsRequest, CountTasksRequest, CountTasksResponse, ExplainStepRequest,
        ExplainTaskRequest, GetBottlenecksRequest, GetHealthCountsRequest, GetPerformanceRequest, GetTaskGraphRequest,
        GetTaskRequest, GraphSection, ListHandlersRequest, ListStepsRequest, ListTasksRequest, State, TaskFilter,
        TaskGraph, TaskView,
    },
};

use crate::{
    bench::seed::NAMESPACES,
    domain::ids::TaskId,
    store::{Store, bench as rows},
};

/// Tasks of a page: not more than the first stage has, so that both databases give the same answer.
const PAGE: i32 = 50;

/// Steps of the task of many steps.
pub(super) const LARGE: usize = 1_000;

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    GetTask,
    GetFinishedTask,
    ExecutionContext,
    ExecutionContexts,
    StepReadiness,
    ExplainTask,
    ExplainStep,
    Graph,
    ListTasks,
    ListTasksFailed,
    ListTasksOfHandler,
    CountTasks,
    CountTasksOfNamespace,
    HealthCounts,
    HealthCountsInSql,
    ListHandlers,
    Performance,
    Bottlenecks,
    LargeGraphCold,
    LargeGraphCached,
    LargeSummaryCold,
    LargeSummaryCached,
}

/// Whom a call is about.
#[derive(Debug, Default)]
pub(super) struct Keys {
    active: Vec<String>,
    finished: Vec<String>,
    /// The first step of each active task.
    steps: Vec<String>,
    /// A task of many steps, once there is one.
    large: Option<String>,
}

/// How long something may take in milliseconds, 99 times of 100.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(super) struct Bar {
    pub(super) p99_ms: f64,
}

impl Call {
    pub(super) const AT_EVERY_STAGE: [Self; 14] = [
        Self::GetTask,
        Self::ExecutionContext,
        Self::ExecutionContexts,
        Self::StepReadiness,
        Self::ExplainTask,
        Self::ExplainStep,
        Self::Graph,
        Self::ListTasks,
        Self::ListTasksFailed,
        Self::ListTasksOfHandler,
        Self::CountTasks,
        Self::CountTasksOfNamespace,
        Self::HealthCounts,
        Self::HealthCountsInSql,
    ];

    pub(super) const ONCE: [Self; 4] =
        [Self::GetFinishedTask, Self::ListHandlers, Self::Performance, Self::Bottlenecks];

    /// What it may take; `None` where nothing was promised.
    pub(super) const fn bar(self) -> Option<Bar> {
        match self {
            Self::GetTask
            | Self::GetFinishedTask
            | Self::ExecutionContext
            | Self::StepReadiness
            | Self::ExplainTask
            | Self::ExplainStep
            | Self::Graph => Some(Bar { p99_ms: 10.0 }),
            Self::ExecutionContexts
            | Self::ListTasks
            | Self::ListTasksFailed
            | Self::ListTasksOfHandler
            | Self::CountTasks
            | Self::CountTasksOfNamespace
            | Self::HealthCounts
            | Self::HealthCountsInSql => Some(Bar { p99_ms: 50.0 }),
            Self::ListHandlers => Some(Bar { p99_ms: 5.0 }),
            Self::LargeGraphCold | Self::LargeSummaryCold => Some(Bar { p99_ms: 20.0 }),
            Self::LargeGraphCached | Self::LargeSummaryCached => Some(Bar { p99_ms: 2.0 }),
            Self::Performance | Self::Bottlenecks => None,
        }
    }

    /// Makes the `n`th call.
    pub(super) async fn make(self, client: &Client, store: &Store, keys: &Keys, n: usize) -> anyhow::Result<()> {
        let task_id = || keys.active[n % keys.active.len()].clone();
        let namespace = || NAMESPACES[n % NAMESPACES.len()].to_owned();
        let found = match self {
            Self::GetTask => get(client, task_id()).await?,
            Self::GetFinishedTask => get(client, keys.finished[n % keys.finished.len()].clone()).await?,
            Self::ExecutionContext => contexts(client, vec![task_id()]).await?,
            Self::ExecutionContexts => {
                let some = keys.active.iter().cycle().skip(n).take(100.min(keys.active.len()));
                contexts(client, some.cloned().collect()).await?
            }
            Self::StepReadiness => {
                let request = ListStepsRequest { task_id: task_id(), ..ListStepsRequest::default() };
                client.steps().list_steps(request).await?.into_inner().steps.len() == 4
            }
            Self::ExplainTask => {
                let request = ExplainTaskRequest { task_id: task_id(), ..ExplainTaskRequest::default() };
                client.explain().explain_task(request).await?.into_inner().task.is_some()
            }
            Self::ExplainStep => {
                let request = ExplainStepRequest { step_id: keys.steps[n % keys.steps.len()].clone() };
                client.explain().explain_step(request).await?.into_inner().step.is_some()
            }
            Self::Graph => {
                graph(client, task_id(), &[]).await?.dependency_graph.is_some_and(|dag| dag.nodes.len() == 4)
            }
            Self::LargeGraphCold | Self::LargeGraphCached => {
                let graph = graph(client, keys.large()?, &[]).await?;
                graph.dependency_graph.is_some_and(|dag| dag.nodes.len() == LARGE)
            }
            Self::LargeSummaryCold | Self::LargeSummaryCached => {
                graph(client, keys.large()?, &[GraphSection::Summary]).await?.summary.is_some()
            }
            Self::ListTasks => list(client, TaskFilter::default()).await?,
            Self::ListTasksFailed => {
                let states = vec![State::Error.into()];
                list(client, TaskFilter { namespace: namespace(), states, ..TaskFilter::default() }).await?
            }
            Self::ListTasksOfHandler => {
                let handler = format!("seeded_{:04}", n % 5);
                let states = vec![State::Pending.into(), State::InProgress.into()];
                list(client, TaskFilter { namespace: namespace(), handler, states, ..TaskFilter::default() }).await?
            }
            Self::CountTasks => count(client, None).await?.counts.is_some_and(|counts| counts.total > 0),
            Self::CountTasksOfNamespace => {
                let filter = TaskFilter { namespace: namespace(), ..TaskFilter::default() };
                // A namespace may have no tasks where there are few; they are counted all the same.
                count(client, Some(filter)).await?.counts.is_some()
            }
            Self::HealthCounts => {
                let request = GetHealthCountsRequest::default();
                client
                    .analytics()
                    .get_health_counts(request)
                    .await?
                    .into_inner()
                    .tasks
                    .is_some_and(|tasks| tasks.total > 0)
            }
            Self::HealthCountsInSql => rows::health_counts(store).await? > 0,
            Self::ListHandlers => {
                let request = ListHandlersRequest { page_size: 1_000, ..ListHandlersRequest::default() };
                !client.handlers().list_handlers(request).await?.into_inner().handlers.is_empty()
            }
            Self::Performance => {
                // Another filter each time: an answer that was kept would tell nothing.
                let filter = Some(AnalyticsFilter { namespace: namespace(), ..AnalyticsFilter::default() });
                let request = GetPerformanceRequest { filter, period: period(n) };
                client.analytics().get_performance(request).await?.into_inner().performance.is_some()
            }
            Self::Bottlenecks => {
                let filter = Some(AnalyticsFilter { namespace: namespace(), ..AnalyticsFilter::default() });
                let request = GetBottlenecksRequest { filter, period: period(n) };
                client.analytics().get_bottlenecks(request).await?.into_inner().period.is_some()
            }
        };
        if !found {
            bail!("{self}: the answer is not what was asked for");
        }
        Ok(())
    }
}

/// A day, and some seconds more each time.
fn period(n: usize) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds: 86_400 + i64::try_from(n).unwrap_or(0), nanos: 0 })
}

async fn get(client: &Client, task_id: String) -> anyhow::Result<bool> {
    let request = GetTaskRequest { task_id, view: TaskView::Full.into(), ..GetTaskRequest::default() };
    Ok(client.tasks().get_task(request).await?.into_inner().task.is_some())
}

async fn contexts(client: &Client, task_ids: Vec<String>) -> anyhow::Result<bool> {
    let wanted = task_ids.len();
    let request = BatchGetExecutionContextsRequest { task_ids };
    Ok(client.tasks().batch_get_execution_contexts(request).await?.into_inner().contexts.len() == wanted)
}

async fn graph(client: &Client, task_id: String, sections: &[GraphSection]) -> anyhow::Result<TaskGraph> {
    let sections = sections.iter().map(|section| (*section).into()).collect();
    let response = client.graphs().get_task_graph(GetTaskGraphRequest { task_id, sections }).await?.into_inner();
    response.graph.context("the answer has no graph")
}

async fn list(client: &Client, filter: TaskFilter) -> anyhow::Result<bool> {
    let request = ListTasksRequest { filter: Some(filter), page_size: PAGE, ..ListTasksRequest::default() };
    client.tasks().list_tasks(request).await?;
    Ok(true)
}

async fn count(client: &Client, filter: Option<TaskFilter>) -> anyhow::Result<CountTasksResponse> {
    Ok(client.tasks().count_tasks(CountTasksRequest { filter }).await?.into_inner())
}

impl Keys {
    /// How many active tasks it names.
    pub(super) const fn active(&self) -> usize {
        self.active.len()
    }

    /// With a task of many steps.
    pub(super) fn with_large(self, task_id: String) -> Self {
        Self { large: Some(task_id), ..self }
    }

    fn large(&self) -> anyhow::Result<String> {
        self.large.clone().context("no task of many steps was made")
    }

    /// Some tasks of the database.
    pub(super) async fn look(store: &Store) -> anyhow::Result<Self> {
        let (active, finished) = (rows::some_tasks(store, true).await?, rows::some_tasks(store, false).await?);
        let steps = active.iter().map(|id| TaskId::from_uuid(*id).step(0).to_string()).collect();
        let texts = |ids: Vec<uuid::Uuid>| ids.into_iter().map(|id| id.to_string()).collect();
        Ok(Self { active: texts(active), finished: texts(finished), steps, ..Self::default() })
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::GetTask => "GetTask, full",
            Self::GetFinishedTask => "GetTask, full, of a finished task",
            Self::ExecutionContext => "execution context of one task",
            Self::ExecutionContexts => "execution contexts of 100 tasks",
            Self::StepReadiness => "ListSteps: step readiness",
            Self::ExplainTask => "ExplainTask",
            Self::ExplainStep => "ExplainStep",
            Self::Graph => "GetTaskGraph",
            Self::ListTasks => "ListTasks, 50",
            Self::ListTasksFailed => "ListTasks, 50, failed of a namespace",
            Self::ListTasksOfHandler => "ListTasks, 50, active of a handler",
            Self::CountTasks => "CountTasks",
            Self::CountTasksOfNamespace => "CountTasks of a namespace",
            Self::HealthCounts => "GetHealthCounts",
            Self::HealthCountsInSql => "health counts, never kept",
            Self::ListHandlers => "ListHandlers, all",
            Self::Performance => "GetPerformance, never kept",
            Self::Bottlenecks => "GetBottlenecks, never kept",
            Self::LargeGraphCold => "GetTaskGraph, 1,000 steps, never kept",
            Self::LargeGraphCached => "GetTaskGraph, 1,000 steps, kept",
            Self::LargeSummaryCold => "its summary alone, never kept",
            Self::LargeSummaryCached => "its summary alone, kept",
        })
    }
}
