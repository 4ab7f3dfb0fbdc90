//! A server and raw calls to it: nothing is repeated or fixed on the way.

use std::time::Duration;

use tasker::app::App;
use tasker_sdk::proto::tasker::{
    v1::{
        CancelTaskRequest, CreateTaskRequest, GetTaskRequest, Handler, NewTask, RegisterHandlersRequest, StepTemplate,
        Task, handler_service_client::HandlerServiceClient, task_service_client::TaskServiceClient,
    },
    worker::v1::{
        Ack, AckBatch, Assignment, FetchDependenciesRequest, FetchDependenciesResponse, Heartbeat, HeldLease, Hello,
        Offer, OpenSessionRequest, OpenSessionResponse, ResultBatch, StepResult, Stop, Success, offer::Target,
        open_session_request::Message as Say, open_session_response::Message as Hear, step_result::Outcome,
        worker_service_client::WorkerServiceClient,
    },
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Status, Streaming, transport::Channel};
use tonic_types::StatusExt;

use crate::harness::{connect, within};

/// Raw clients of a server.
#[derive(Clone)]
pub struct Wire {
    pub tasks: TaskServiceClient<Channel>,
    pub handlers: HandlerServiceClient<Channel>,
    pub workers: WorkerServiceClient<Channel>,
}

/// An open session.
pub struct Session {
    say: mpsc::UnboundedSender<OpenSessionRequest>,
    hear: Streaming<OpenSessionResponse>,
    pub session_id: String,
    pub lost: Vec<HeldLease>,
    assignments: Vec<Assignment>,
    acks: Vec<Ack>,
    stops: Vec<Stop>,
    /// The newest batch of assignments, and the newest sign of life that was answered.
    pub sequence: i64,
    pub answered: Option<i64>,
}

impl Wire {
    pub async fn to(app: &App) -> Self {
        let channel = connect(app).await;
        Self {
            tasks: TaskServiceClient::new(channel.clone()),
            handlers: HandlerServiceClient::new(channel.clone()),
            workers: WorkerServiceClient::new(channel).max_decoding_message_size(64 << 20),
        }
    }

    /// Registers a handler whose steps are `Noop`: `a; b < a`.
    pub async fn register(&self, name: &str, steps: &str) {
        self.register_as(name, steps, "Noop").await;
    }

    /// Registers a handler whose steps are of this step handler.
    pub async fn register_as(&self, name: &str, steps: &str, step_handler: &str) {
        let step = |text: &str| {
            let (name, parents) = text.split_once('<').unwrap_or((text, ""));
            StepTemplate {
                name: name.trim().to_owned(),
                step_handler: step_handler.to_owned(),
                depends_on_steps: parents.split_whitespace().map(str::to_owned).collect(),
                ..StepTemplate::default()
            }
        };
        let step_templates = steps.split(';').map(step).collect();
        let handler = Handler { name: name.to_owned(), step_templates, ..Handler::default() };
        let request = RegisterHandlersRequest { handlers: vec![handler], ..RegisterHandlersRequest::default() };
        self.handlers.clone().register_handlers(request).await.unwrap();
    }

    pub async fn create(&self, name: &str) -> Result<Task, Status> {
        let task = NewTask {
            handler: crate::harness::handler_ref("", name, ""),
            context_json: "{\"n\": 1}".to_owned(),
            ..NewTask::default()
        };
        let created = self.tasks.clone().create_task(CreateTaskRequest { task: Some(task) }).await?;
        Ok(created.into_inner().task.unwrap())
    }

    pub async fn cancel(&self, task: &Task) {
        let request = CancelTaskRequest { task_id: task.task_id.clone(), ..CancelTaskRequest::default() };
        self.tasks.clone().cancel_task(request).await.unwrap();
    }

    pub async fn get(&self, task: &Task) -> Result<Task, Status> {
        let request = GetTaskRequest { task_id: task.task_id.clone(), ..GetTaskRequest::default() };
        Ok(self.tasks.clone().get_task(request).await?.into_inner().task.unwrap())
    }

    /// The results of the parents of an assignment.
    pub async fn fetch(&self, request: &FetchDependenciesRequest) -> Result<FetchDependenciesResponse, Status> {
        Ok(self.workers.clone().fetch_dependencies(request.clone()).await?.into_inner())
    }

    /// Opens a session of a worker that runs `Noop`.
    pub async fn session(&self, slots: i32) -> Session {
        self.session_of("Noop", slots).await
    }

    /// Opens a session of a worker that runs a step handler.
    pub async fn session_of(&self, step_handler: &str, slots: i32) -> Session {
        let offer = Offer { target: Some(Target::StepHandler(step_handler.to_owned())), ..Offer::default() };
        self.session_by(Hello { offers: vec![offer], slots, ..Hello::default() }).await
    }

    /// Opens a session by this hello.
    pub async fn session_by(&self, hello: Hello) -> Session {
        let (say, said) = mpsc::unbounded_channel();
        let hello = Hello { worker_id: "raw".to_owned(), ..hello };
        say.send(OpenSessionRequest { message: Some(Say::Hello(hello)) }).unwrap();
        let opened = self.workers.clone().open_session(UnboundedReceiverStream::new(said)).await.unwrap();
        let mut session = Session {
            say,
            hear: opened.into_inner(),
            session_id: String::new(),
            lost: Vec::new(),
            assignments: Vec::new(),
            acks: Vec::new(),
            stops: Vec::new(),
            sequence: 0,
            answered: None,
        };
        while session.session_id.is_empty() {
            session.listen().await.unwrap();
        }
        session
    }
}

impl Session {
    pub async fn assignment(&mut self) -> Assignment {
        while self.assignments.is_empty() {
            self.listen().await.unwrap();
        }
        self.assignments.remove(0)
    }

    /// Reports, and what became of that.
    pub async fn report(&mut self, result: StepResult) -> Ack {
        let batch = ResultBatch { results: vec![result] };
        self.say(Say::Results(batch));
        while self.acks.is_empty() {
            self.listen().await.unwrap();
        }
        self.acks.remove(0)
    }

    /// Reports several results, and what became of each.
    pub async fn report_all(&mut self, results: Vec<StepResult>) -> Vec<Ack> {
        let count = results.len();
        self.say(Say::Results(ResultBatch { results }));
        while self.acks.len() < count {
            self.listen().await.unwrap();
        }
        std::mem::take(&mut self.acks)
    }

    /// Shows that it lives, and names the newest batch that it has received; waits for the answer.
    pub async fn beat(&mut self, received_sequence: i64) {
        self.answered = None;
        self.say(Say::Heartbeat(Heartbeat { received_sequence }));
        while self.answered.is_none() {
            self.listen().await.unwrap();
        }
        assert_eq!(self.answered, Some(received_sequence));
    }

    /// The next attempt to stop.
    pub async fn stop(&mut self) -> Stop {
        while self.stops.is_empty() {
            self.listen().await.unwrap();
        }
        self.stops.remove(0)
    }

    /// Whether an assignment has come, of all that the server has said before it answered a sign of life.
    pub async fn has_assignment(&mut self) -> bool {
        self.beat(self.sequence).await;
        !self.assignments.is_empty()
    }

    /// Says something.
    pub fn say(&self, message: Say) {
        self.say.send(OpenSessionRequest { message: Some(message) }).unwrap();
    }

    /// Says something that ends the session, and why it ended.
    pub async fn ruin(&mut self, message: Say) -> Status {
        self.say(message);
        loop {
            if let Err(status) = self.listen().await {
                return status;
            }
        }
    }

    async fn listen(&mut self) -> Result<(), Status> {
        let heard = within("the server speaks", self.hear.message()).await?;
        match heard.and_then(|response| response.message) {
            Some(Hear::Welcome(welcome)) => {
                self.session_id = welcome.session_id;
                self.lost = welcome.lost;
            }
            Some(Hear::Assignments(batch)) => {
                self.sequence = batch.sequence;
                self.assignments.extend(batch.assignments);
            }
            Some(Hear::Heartbeat(heartbeat)) => self.answered = Some(heartbeat.received_sequence),
            Some(Hear::Stops(batch)) => self.stops.extend(batch.stops),
            Some(Hear::Acks(AckBatch { acks })) => self.acks.extend(acks),
            Some(_) => {}
            None => panic!("the stream ended without a word"),
        }
        Ok(())
    }
}

/// The success of an assignment.
pub fn success(assignment: &Assignment, results_json: &str) -> StepResult {
    StepResult {
        step_id: assignment.step_id.clone(),
        lease_token: assignment.lease_token,
        outcome: Some(Outcome::Success(Success { results_json: Some(results_json.to_owned()) })),
        ..StepResult::default()
    }
}

/// The reason of a refusal, and when to come back.
pub fn reason(status: &Status) -> (String, Option<Duration>) {
    let details = status.get_error_details();
    let reason = details.error_info().map_or_else(|| format!("{status:?}"), |info| info.reason.clone());
    (reason, details.retry_info().and_then(|info| info.retry_delay))
}
