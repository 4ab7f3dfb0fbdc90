//! The stream of a task, held through disconnects.
//!
//! Owns: opening WatchTask, opening it again after the last sequence number seen, and the patience with a
//! server that is unavailable. A server that answers with a refusal is believed at once.

use std::time::Duration;

use tasker_sdk::{
    Client,
    proto::tasker::v1::{self as pb, watch_task_response::Message},
};
use tokio::time::{Instant, sleep};
use tonic::{Code, Status, Streaming};

use super::super::failure::Failure;

/// The first wait before the stream is opened again; it doubles up to [`WAIT_MAX`].
const WAIT_MIN: Duration = Duration::from_millis(100);
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(3);

/// What the feed brings.
#[derive(Debug)]
pub(crate) enum News {
    /// The task as it is.
    Task(Box<pb::Task>),
    /// A move.
    Transition(Box<pb::Transition>),
    /// The server is unavailable; the feed keeps trying.
    Disconnected(String),
}

/// The stream of a task.
#[derive(Debug)]
pub(crate) struct Feed {
    client: Client,
    task_id: String,
    after_sequence: i64,
    patience: Duration,
    stream: Option<Streaming<pb::WatchTaskResponse>>,
    wait: Duration,
    away_since: Option<Instant>,
}

impl Feed {
    /// A feed of this task that gives up on a server that is unavailable for so long.
    pub(crate) fn new(client: Client, task_id: String, patience: Duration) -> Self {
        Self { client, task_id, after_sequence: 0, patience, stream: None, wait: WAIT_MIN, away_since: None }
    }

    /// The next news.
    pub(crate) async fn next(&mut self) -> Result<News, Failure> {
        loop {
            let failure = match self.receive().await {
                Ok(Some(message)) => return Ok(self.hear(message)),
                Ok(None) => None,
                Err(status) if is_passing(&status) => Some(status),
                Err(status) => return Err(status.into()),
            };
            self.stream = None;
            if self.away_since.get_or_insert_with(Instant::now).elapsed() > self.patience {
                let early = || Failure::Garbled("the stream of the task ended before the task".to_owned());
                return Err(failure.map_or_else(early, Failure::from));
            }
            sleep(self.wait).await;
            self.wait = (self.wait * 2).min(WAIT_MAX);
            if let Some(status) = failure {
                return Ok(News::Disconnected(status.message().to_owned()));
            }
        }
    }

    async fn receive(&mut self) -> Result<Option<Message>, Status> {
        if self.stream.is_none() {
            let request = pb::WatchTaskRequest {
                task_id: self.task_id.clone(),
                after_sequence: self.after_sequence,
                view: pb::TaskView::Steps.into(),
            };
            self.stream = Some(self.client.tasks().watch_task(request).await?.into_inner());
        }
        let stream = self.stream.as_mut().expect("just opened");
        Ok(stream.message().await?.and_then(|response| response.message))
    }

    fn hear(&mut self, message: Message) -> News {
        self.wait = WAIT_MIN;
        self.away_since = None;
        match message {
            Message::Task(task) => {
                self.after_sequence = self.after_sequence.max(task.revision);
                News::Task(Box::new(task))
            }
            Message::Transition(transition) => {
                self.after_sequence = self.after_sequence.max(transition.sequence);
                News::Transition(Box::new(transition))
            }
        }
    }
}

/// Whether the trouble may pass by itself.
pub(crate) fn is_passing(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::Unknown
            | Code::Cancelled
            | Code::Aborted
            | Code::ResourceExhausted
            | Code::DeadlineExceeded
    )
}
