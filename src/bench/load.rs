//! Submitting tasks over gRPC and waiting until all are durable and final.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tasker_sdk::{
    Client,
    proto::tasker::v1::{
        BatchCreateTasksRequest, ErrorReason, Handler, HandlerRef, NewTask, RegisterHandlersRequest, StepTemplate,
        batch_create_tasks_outcome::Outcome,
    },
};

use crate::store::{Store, bench as rows};

/// Tasks in one call.
const CALL: usize = 100;
/// How long one scenario may take before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(300);

/// A shape of task.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) handler: Handler,
    pub(super) context_json: String,
    pub(super) tasks: usize,
    /// Calls under way at once.
    pub(super) callers: usize,
}

impl Shape {
    pub(super) fn steps(&self) -> usize {
        self.handler.step_templates.len()
    }
}

/// A handler whose steps depend on one another as listed.
pub(super) fn handler(name: &str, step_handler: &str, steps: &[(String, Vec<String>)]) -> Handler {
    let step = |(name, parents): &(String, Vec<String>)| StepTemplate {
        name: name.clone(),
        step_handler: step_handler.to_owned(),
        depends_on_steps: parents.clone(),
        ..StepTemplate::default()
    };
    Handler {
        namespace: "bench".to_owned(),
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        task_handler_class: "Bench".to_owned(),
        step_templates: steps.iter().map(step).collect(),
        ..Handler::default()
    }
}

pub(super) async fn register(client: &Client, handlers: Vec<Handler>) -> anyhow::Result<()> {
    let request = RegisterHandlersRequest { handlers, replace: true, ..RegisterHandlersRequest::default() };
    client.handlers().register_handlers(request).await.context("cannot register the bench's handlers")?;
    Ok(())
}

/// Submits the tasks and waits until all of them are final; how long it took.
pub(super) async fn drive(client: &Client, store: &Store, shape: &Shape) -> anyhow::Result<Duration> {
    let (complete_before, _) = rows::ended(store, &shape.handler.name).await?;
    let began = Instant::now();
    let left = Arc::new(AtomicUsize::new(shape.tasks));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..shape.callers {
        callers.spawn(submit(client.clone(), shape.clone(), Arc::clone(&left)));
    }
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    while rows::unfinished(store).await? > 0 {
        if began.elapsed() > PATIENCE {
            bail!("{}: not all tasks ended within {PATIENCE:?}", shape.name);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = began.elapsed();
    let (complete, otherwise) = rows::ended(store, &shape.handler.name).await?;
    let complete = complete - complete_before;
    if usize::try_from(complete) != Ok(shape.tasks) || otherwise > 0 {
        bail!("{}: {complete} tasks of {} are complete, {otherwise} ended otherwise", shape.name, shape.tasks);
    }
    Ok(took)
}

async fn submit(client: Client, shape: Shape, left: Arc<AtomicUsize>) -> anyhow::Result<()> {
    let task = NewTask {
        handler: Some(HandlerRef {
            namespace: "bench".to_owned(),
            name: shape.handler.name.clone(),
            version: String::new(),
        }),
        context_json: shape.context_json.clone(),
        ..NewTask::default()
    };
    // A call stays well below the limit on messages, whatever the payload.
    let call = CALL.min((2 * 1024 * 1024 / shape.context_json.len().max(1)).max(1));
    let mut tasks = client.tasks();
    loop {
        let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(call)));
        let mut wanted = taken.unwrap_or(0).min(call);
        if wanted == 0 {
            return Ok(());
        }
        while wanted > 0 {
            let request = BatchCreateTasksRequest { tasks: vec![task.clone(); wanted] };
            let response = tasks.batch_create_tasks(request).await?.into_inner();
            let mut refused = 0;
            for outcome in response.outcomes {
                match outcome.outcome {
                    Some(Outcome::Task(_)) => {}
                    Some(Outcome::Error(error)) => match tasker_sdk::Error::from(error) {
                        error if error.reason() == Some(ErrorReason::QueueFull) => refused += 1,
                        error => return Err(error.into()),
                    },
                    None => bail!("the server gave no outcome"),
                }
            }
            if refused > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            wanted = refused;
        }
    }
}
