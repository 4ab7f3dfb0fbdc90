//! WorkerService: the session stream and its unary twins.

mod convert;

use std::{pin::Pin, time::Duration};

use futures::{Stream, stream};
use tokio::sync::oneshot;
use tonic::{Request, Response, Status, Streaming};

use super::scope;
use crate::{
    auth::{Scope, Target},
    engine::sessions::{Hello, Hold, Offer, Sessions},
    error::{Error, Reason, Result},
    lifecycle::workforce::{Outgoing, SessionReceiver},
    proto::tasker::worker::v1::{
        self as proto, session_request::Message as Incoming, worker_service_server::WorkerService,
    },
    service::dependencies::Dependencies,
    supervisor::spawn_short,
};

use convert::{Limits, acks, hello, holds, report, welcome};

/// Bytes of the results on one page of dependencies at most; one result is on it in any case.
const DEPENDENCIES_BYTES_MAX: usize = 4 << 20;
/// How long a worker may take to say hello.
const HELLO_PATIENCE: Duration = Duration::from_secs(10);
/// How long a unary claim waits when it does not say, and at most.
const WAIT: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(60));
/// Results in one call at most.
const RESULTS_MAX: usize = 1_000;

/// The service.
#[derive(Debug, Clone)]
pub struct Workers {
    sessions: Sessions,
    dependencies: Dependencies,
    limits: Limits,
}

impl Workers {
    /// The service on these sessions. `payload_bytes_max` bounds each result.
    pub const fn new(sessions: Sessions, dependencies: Dependencies, payload_bytes_max: usize) -> Self {
        Self { sessions, dependencies, limits: Limits { payload_bytes_max } }
    }

    /// Takes what a worker says until it ends its stream; whether it said goodbye.
    async fn listen(
        &self,
        hold: &Hold,
        scope: &Scope,
        incoming: &mut Streaming<proto::SessionRequest>,
    ) -> Result<bool, Status> {
        let session_id = hold.session_id;
        let mut draining = false;
        let (silence_max, _) = self.sessions.intervals();
        loop {
            let message = tokio::select! {
                message = tokio::time::timeout(silence_max, incoming.message()) => message,
                () = self.sessions.ended() => return Ok(false),
            };
            let Ok(message) = message else { return Ok(false) };
            let Some(message) = message?.and_then(|request| request.message) else { return Ok(draining) };
            self.sessions.touch(session_id);
            match message {
                Incoming::Hello(_) => return Err(Error::invalid_field("hello", "was said before").into()),
                Incoming::Credits(credits) => {
                    self.sessions.resize(session_id, usize::try_from(credits.slots).unwrap_or(0));
                }
                Incoming::Beat(_) => {}
                Incoming::Progress(report) => self.sessions.progress(convert::progress(report)),
                Incoming::Results(batch) => {
                    let results = batch.results.into_iter();
                    let reports = results.map(|result| report(result, self.limits)).collect::<Result<_>>()?;
                    self.sessions.report(session_id, reports).await?;
                }
                Incoming::Refresh(refresh) => scope.refresh(&refresh.token).await.map_err(Error::from)?,
                Incoming::Drain(_) => {
                    draining = true;
                    self.sessions.drain(hold).await?;
                }
            }
        }
    }

    /// Serves a session to its end. The worker is told through `broken` why that came about, if by an error.
    async fn converse(
        self,
        hold: Hold,
        scope: Scope,
        mut incoming: Streaming<proto::SessionRequest>,
        broken: oneshot::Sender<Status>,
    ) {
        let goodbye = match self.listen(&hold, &scope, &mut incoming).await {
            Ok(goodbye) => goodbye,
            Err(status) => {
                tracing::debug!(session_id = %hold.session_id, %status, "session stream broke");
                let _gone = broken.send(status);
                false
            }
        };
        self.sessions.leave(hold, goodbye).await;
    }
}

#[tonic::async_trait]
impl WorkerService for Workers {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<proto::SessionResponse, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<proto::SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let scope = scope(&request)?;
        let mut incoming = request.into_inner();
        let first = tokio::time::timeout(HELLO_PATIENCE, incoming.message()).await;
        let first = first.map_err(|_| Error::invalid_field("hello", "was not said in time"))??;
        let Some(Incoming::Hello(message)) = first.and_then(|request| request.message) else {
            return Err(Error::invalid_field("hello", "must be the first message").into());
        };
        let opened = self.sessions.open(granted(hello(message)?, &scope)?).await?;
        let first = welcome(opened.hold.session_id, &opened.lost, self.sessions.intervals());
        let (broken, breaks) = oneshot::channel();
        spawn_short("worker stream", self.clone().converse(opened.hold, scope, incoming, broken));
        Ok(Response::new(Box::pin(outgoing(first, opened.receiver, breaks))))
    }

    async fn claim(&self, request: Request<proto::ClaimRequest>) -> Result<Response<proto::ClaimResponse>, Status> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let wait = match request.wait {
            None => WAIT.0,
            Some(wait) => Duration::try_from(wait).unwrap_or(WAIT.0).min(WAIT.1),
        };
        let hello = granted(convert::claim(request)?, &scope)?;
        let (session_id, assignments) = self.sessions.claim(hello, wait).await?;
        let (lease_ttl, _) = self.sessions.intervals();
        Ok(Response::new(proto::ClaimResponse {
            session_id: session_id.to_string(),
            assignments: assignments.iter().map(convert::assignment).collect(),
            lease_ttl: prost_types::Duration::try_from(lease_ttl).ok(),
        }))
    }

    async fn report(&self, request: Request<proto::ReportRequest>) -> Result<Response<proto::ReportResponse>, Status> {
        let subject = scope(&request)?.subject();
        let request = request.into_inner();
        let session_id = convert::session_id(&request.session_id)?;
        if request.results.len() > RESULTS_MAX {
            let many = format!("has {} entries, {RESULTS_MAX} are allowed", request.results.len());
            return Err(Error::invalid_field("results", many).into());
        }
        let results = request.results.into_iter();
        let reports = results.map(|result| report(result, self.limits)).collect::<Result<_>>()?;
        let answers = self.sessions.report_unary(session_id, subject.as_deref(), reports).await?;
        Ok(Response::new(proto::ReportResponse { acks: acks(answers) }))
    }

    async fn heartbeat(
        &self,
        request: Request<proto::HeartbeatRequest>,
    ) -> Result<Response<proto::HeartbeatResponse>, Status> {
        let subject = scope(&request)?.subject();
        let request = request.into_inner();
        let session_id = convert::session_id(&request.session_id)?;
        let held = holds(&request.held)?;
        let lost = self.sessions.heartbeat(session_id, subject.as_deref(), &held).await?;
        self.sessions.progress(convert::progress(proto::ProgressReport { progress: request.progress }));
        let stops = lost.into_iter().map(|(step, attempt)| convert::stop(step, attempt, "lease_lost")).collect();
        Ok(Response::new(proto::HeartbeatResponse { stops, draining: self.sessions.is_draining() }))
    }

    async fn fetch_dependencies(
        &self,
        request: Request<proto::FetchDependenciesRequest>,
    ) -> Result<Response<proto::FetchDependenciesResponse>, Status> {
        let subject = scope(&request)?.subject();
        let request = request.into_inner();
        let (step, attempt) = convert::attempt(&request.step_id, request.lease_token)?;
        if !self.sessions.holds(subject.as_deref(), step, attempt).await? {
            return Err(Error::new(Reason::LeaseStale, "the lease is no longer held")
                .with("step_id", step.to_string())
                .into());
        }
        let page = self
            .dependencies
            .page(step, &request.step_names, request.page_size, &request.page_token, DEPENDENCIES_BYTES_MAX)
            .await?;
        let dependencies = page
            .results
            .into_iter()
            .map(|(name, results)| proto::DependencyResult { step_name: name.to_string(), results_json: results });
        Ok(Response::new(proto::FetchDependenciesResponse {
            dependencies: dependencies.collect(),
            next_page_token: page.next_page_token,
        }))
    }

    async fn list_workers(
        &self,
        request: Request<proto::ListWorkersRequest>,
    ) -> Result<Response<proto::ListWorkersResponse>, Status> {
        let scope = scope(&request)?;
        let namespace = request.into_inner().namespace;
        let namespace = Some(namespace.as_str()).filter(|namespace| !namespace.is_empty());
        if let Some(namespace) = namespace {
            scope.narrow(namespace)?;
        }
        let mut open = self.sessions.list(namespace).await?;
        if !scope.covers_all() {
            // Of a worker only what concerns the caller, and of a worker that does nothing for it nothing.
            open.retain_mut(|session| convert::offers_within(session, &scope));
        }
        Ok(Response::new(proto::ListWorkersResponse { workers: open.into_iter().map(convert::worker).collect() }))
    }
}

/// What a worker offers must be granted to it, all of it; its session belongs to its subject.
fn granted(mut hello: Hello, scope: &Scope) -> Result<Hello> {
    let name = |name| Some(name).filter(|name: &&str| !name.is_empty());
    for Offer { namespace, step_handler, handler } in &hello.offers {
        scope.require(&Target {
            namespace,
            handler: name(handler),
            step_handler: name(step_handler),
            ..Target::default()
        })?;
    }
    hello.subject = scope.subject().map(|subject| subject.as_ref().to_owned());
    Ok(hello)
}

/// What the server says: the welcome, then whatever gathers, until the session is left. A message is made when the
/// connection can take it, so that what waits is shared text and not copies. The last word is why it broke, if it did.
fn outgoing(
    first: proto::SessionResponse,
    receiver: SessionReceiver,
    breaks: oneshot::Receiver<Status>,
) -> impl Stream<Item = Result<proto::SessionResponse, Status>> {
    let state = (Some(first), Outgoing::default(), receiver, breaks);
    stream::unfold(state, |(first, mut waiting, mut receiver, mut breaks)| async move {
        if let Some(first) = first {
            return Some((Ok(first), (None, waiting, receiver, breaks)));
        }
        loop {
            receiver.gather(&mut waiting);
            if let Some((response, bytes)) = convert::next_response(&mut waiting) {
                receiver.delivered(bytes);
                return Some((Ok(response), (None, waiting, receiver, breaks)));
            }
            match receiver.recv().await {
                Some(more) => waiting = more,
                None => {
                    let status = breaks.try_recv().ok()?;
                    return Some((Err(status), (None, waiting, receiver, breaks)));
                }
            }
        }
    })
}
