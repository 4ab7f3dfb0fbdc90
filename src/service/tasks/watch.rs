//! Following a task: its present state, every move after it, its final state.
//!
//! The follower subscribes first and reads then, so that no move falls in between. Hints come from moves that
//! this server wrote; for those of other servers it looks by itself now and then. The cursor is the sequence
//! number, which has no gaps, so that a stream can go on anywhere.

use std::{collections::VecDeque, sync::Arc};

use futures::{Stream, stream};

use super::{Snapshot, Tasks, View, unknown};
use crate::{
    auth::Scope,
    domain::{ids::TaskId, template::Template},
    error::{Error, Result},
    lifecycle::watch::Subscription,
    store::{self, tasks::TransitionRow},
};

/// Moves read at once.
const READ_MAX: i64 = 500;

/// What a follower is told.
#[derive(Debug)]
pub enum Message {
    /// The task as it is.
    Task(Box<Snapshot>),
    /// A move of the task or of one of its steps.
    Transition(Box<TransitionRow>, Arc<Template>),
}

/// What a follower is told, in order.
pub trait Messages: Stream<Item = Result<Message>> + Send + 'static {}

impl<S: Stream<Item = Result<Message>> + Send + 'static> Messages for S {}

struct Follower {
    tasks: Tasks,
    scope: Scope,
    task: TaskId,
    view: View,
    template: Arc<Template>,
    subscription: Subscription,
    /// The newest move that was read.
    cursor: u32,
    waiting: VecDeque<Message>,
    ended: bool,
}

impl Tasks {
    /// Follows a task after a sequence number, or with 0 from its present state on.
    pub async fn watch(&self, scope: &Scope, task: TaskId, after: u32, view: View) -> Result<impl Messages> {
        let subscription = self.watch.subscribe(task);
        let snapshot = self.get(scope, task, view).await?;
        let revision = snapshot.run.revision();
        if after > revision {
            let text = format!("is beyond the newest transition, which is number {revision}");
            return Err(Error::invalid_field("after_sequence", text));
        }
        let template = Arc::clone(snapshot.run.template());
        let mut follower = Follower {
            tasks: self.clone(),
            scope: scope.clone(),
            task,
            view,
            template,
            subscription,
            cursor: after,
            waiting: VecDeque::new(),
            ended: false,
        };
        if after == 0 {
            follower.cursor = revision;
            follower.ended = snapshot.run.state().is_settled_task();
            follower.waiting.push_back(Message::Task(Box::new(snapshot)));
        }
        Ok(stream::unfold(follower, async |mut follower| {
            let message = follower.next().await?;
            // After an error there is nothing more to tell.
            follower.ended |= message.is_err();
            Some((message, follower))
        }))
    }
}

impl Follower {
    async fn next(&mut self) -> Option<Result<Message>> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Some(Ok(message));
            }
            if self.ended {
                return None;
            }
            if let Err(error) = self.read().await {
                return Some(Err(error));
            }
            if self.waiting.is_empty() && !self.ended {
                self.wait().await;
            }
        }
    }

    /// Reads what happened since; when nothing did and the task is final, the last word.
    async fn read(&mut self) -> Result<()> {
        let store = self.tasks.reader.store();
        let (revision, state) = store::tasks::revision(store, self.task).await?.ok_or_else(|| unknown(self.task))?;
        if revision > self.cursor {
            let bytes = self.tasks.reader.answer_bytes_max();
            let page = store::tasks::transitions(store, self.task, self.cursor, None, READ_MAX, bytes).await?;
            for row in page.rows {
                self.cursor = row.sequence;
                self.waiting.push_back(Message::Transition(Box::new(row), Arc::clone(&self.template)));
            }
        } else if state.is_settled_task() {
            let last = self.tasks.get(&self.scope, self.task, self.view).await?;
            // Somebody may have brought it back to life meanwhile.
            if last.run.revision() == self.cursor {
                self.waiting.push_back(Message::Task(Box::new(last)));
                self.ended = true;
            }
        }
        Ok(())
    }

    /// Waits for a hint, or for as long as moves without hints may take. When the server stops, the transport
    /// ends the stream.
    async fn wait(&mut self) {
        // Either way the store is asked next.
        let _hint = tokio::time::timeout(self.tasks.settings.watch_interval, self.subscription.changed()).await;
    }
}
