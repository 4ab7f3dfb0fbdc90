//! Following a graph: as it is now, then whenever it has changed, until the task is final.
//!
//! Every message is the whole graph, so moves that follow closely upon one another need not be told one by one. What
//! changes a graph is a move, which the followed task's channel tells of, or a backoff that elapses, which the clock
//! does.

use std::time::Duration;

use futures::{Stream, stream};

use super::{Graph, Graphs as UseCases, Snapshot};
use crate::{
    auth::Scope,
    domain::{graph::StepStates, ids::TaskId, run::Micros},
    error::Result,
    lifecycle::watch::Subscription,
};

/// The least time between two messages.
const PAUSE: Duration = Duration::from_millis(100);

/// What a follower is told.
pub trait Graphs: Stream<Item = Result<(Snapshot, Graph)>> + Send + 'static {}

impl<S: Stream<Item = Result<(Snapshot, Graph)>> + Send + 'static> Graphs for S {}

struct Follower {
    graphs: UseCases,
    scope: Scope,
    task: TaskId,
    subscription: Subscription,
    last_sent: Option<(u32, StepStates)>,
    /// When the next backoff elapses.
    elapses_at: Option<Micros>,
    /// What is to be told first.
    first: Option<Snapshot>,
    ended: bool,
}

impl UseCases {
    /// Follows the graph of a task, or TASK_NOT_FOUND, also when it is outside the scope.
    pub async fn watch(&self, scope: &Scope, task: TaskId) -> Result<impl Graphs> {
        let subscription = self.watch.subscribe(task);
        let first = Some(self.find(scope, task).await?.load()?);
        let follower = Follower {
            graphs: self.clone(),
            scope: scope.clone(),
            task,
            subscription,
            last_sent: None,
            elapses_at: None,
            first,
            ended: false,
        };
        Ok(stream::unfold(follower, async |mut follower| {
            let next = follower.next().await?;
            // After an error there is nothing more to tell.
            follower.ended |= next.is_err();
            Some((next, follower))
        }))
    }
}

impl Follower {
    async fn next(&mut self) -> Option<Result<(Snapshot, Graph)>> {
        if self.ended {
            return None;
        }
        Some(self.changed().await)
    }

    async fn changed(&mut self) -> Result<(Snapshot, Graph)> {
        if self.last_sent.is_some() {
            tokio::time::sleep(PAUSE).await;
        }
        loop {
            let snapshot = match self.first.take() {
                Some(first) => first,
                None => self.graphs.find(&self.scope, self.task).await?.load()?,
            };
            let seen = (snapshot.run.revision(), StepStates::of(&snapshot.run, snapshot.now));
            if self.last_sent.as_ref() == Some(&seen) {
                self.wait(snapshot.now).await;
                continue;
            }
            let graph = self.graphs.of(&snapshot).await?;
            self.ended = snapshot.run.state().is_settled_task();
            let backoffs = snapshot.run.steps().iter().filter_map(|step| step.next_retry_at);
            self.elapses_at = backoffs.filter(|at| *at > snapshot.now).min();
            self.last_sent = Some(seen);
            return Ok((snapshot, graph));
        }
    }

    /// Waits for a hint, for a backoff to elapse, or for as long as moves without hints may take.
    async fn wait(&mut self, now: Micros) {
        let elapses_in = self.elapses_at.map(|at| Duration::from_micros(u64::try_from(at - now).unwrap_or(0)));
        let most = self.graphs.watch_interval.min(elapses_in.unwrap_or(Duration::MAX)).max(Duration::from_millis(1));
        // Either way the store is asked next.
        let _hint = tokio::time::timeout(most, self.subscription.changed()).await;
    }
}
