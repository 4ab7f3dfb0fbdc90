//! WorkerService: the session stream and its unary twins.

mod parse;
mod render;
mod stream;

use std::{pin::Pin, time::Duration};

use futures::Stream;
use tokio::sync::oneshot;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::{fields, scope};
use crate::{
    auth::{Scope, Target},
    domain::offer::Offer,
    engine::sessions::{Hello, NamedLease, Sessions},
    error::{Error, Reason, Result},
    lifecycle::StopReason,
    proto::tasker::worker::v1::{
        self as proto, open_session_request::Message as Incoming, worker_service_server::WorkerService,
    },
    service::{
        dependencies::Dependencies,
        page::{self, Binding},
    },
    supervisor::spawn_short,
};
use render::Terms;

/// Bytes of the results on one page of dependencies at most; one result is on it in any case.
const DEPENDENCIES_BYTES_MAX: usize = 4 << 20;
/// How long a worker may take to say hello.
const HELLO_PATIENCE: Duration = Duration::from_secs(10);
/// How long a unary claim waits when it does not say, and at most.
const WAIT: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(60));
/// Results, leases or progress entries in one call at most.
const ITEMS_MAX: usize = 1_000;
/// Leases that a unary sign of life names at most.
const LEASES_MAX: usize = 10_000;

/// The service.
#[derive(Debug, Clone)]
pub struct Workers {
    sessions: Sessions,
    dependencies: Dependencies,
    limits: Limits,
}

/// The bounds of messages.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most bytes of one result.
    pub payload_bytes_max: usize,
    /// The most bytes of one message.
    pub message_bytes_max: usize,
}

impl Workers {
    /// The service on these sessions.
    pub const fn new(sessions: Sessions, dependencies: Dependencies, limits: Limits) -> Self {
        Self { sessions, dependencies, limits }
    }

    fn terms(&self) -> Terms {
        let (lease_ttl, heartbeat_interval) = self.sessions.intervals();
        Terms { lease_ttl, heartbeat_interval, now: self.sessions.now(), limits: self.limits }
    }

    /// Finds the session of a unary call; all that it offers must still be granted to its caller.
    async fn session_of(&self, scope: &Scope, session_id: &str) -> Result<Uuid> {
        let session_id = parse::session_id(session_id)?;
        let offers = self.sessions.call(session_id, scope.subject().as_deref()).await?;
        require(&offers, scope)?;
        Ok(session_id)
    }
}

#[tonic::async_trait]
impl WorkerService for Workers {
    type OpenSessionStream = Pin<Box<dyn Stream<Item = Result<proto::OpenSessionResponse, Status>> + Send>>;

    async fn open_session(
        &self,
        request: Request<Streaming<proto::OpenSessionRequest>>,
    ) -> Result<Response<Self::OpenSessionStream>, Status> {
        let scope = scope(&request)?;
        let mut incoming = request.into_inner();
        let first = tokio::time::timeout(HELLO_PATIENCE, incoming.message()).await;
        let first = first.map_err(|_| Error::invalid_field("hello", "was not said in time"))??;
        let Some(Incoming::Hello(said)) = first.and_then(|request| request.message) else {
            return Err(Error::invalid_field("hello", "must be the first message").into());
        };
        let hello = granted(parse::hello(said)?, &scope)?;
        let offers = hello.offers.clone();
        let opened = self.sessions.open(hello).await?;
        let first = render::welcome(opened.hold.session_id, &opened.lost, &self.terms());
        let (broken, breaks) = oneshot::channel();
        let outgoing = stream::outgoing(first, opened.hold.session_id, opened.receiver, breaks);
        spawn_short("worker stream", self.clone().converse(opened.hold, offers, scope, incoming, broken));
        Ok(Response::new(Box::pin(outgoing)))
    }

    async fn claim_steps(
        &self,
        request: Request<proto::ClaimStepsRequest>,
    ) -> Result<Response<proto::ClaimStepsResponse>, Status> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let wait = match request.wait {
            None => WAIT.0,
            Some(wait) => fields::length(wait).unwrap_or(WAIT.0).min(WAIT.1),
        };
        let hello = granted(parse::claim(request)?, &scope)?;
        let (session_id, assignments) = self.sessions.claim(hello, wait).await?;
        Ok(Response::new(render::claimed(session_id, &assignments, &self.terms())))
    }

    async fn report_results(
        &self,
        request: Request<proto::ReportResultsRequest>,
    ) -> Result<Response<proto::ReportResultsResponse>, Status> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        at_most("results", request.results.len(), ITEMS_MAX)?;
        let session_id = self.session_of(&scope, &request.session_id).await?;
        let reports = request.results.into_iter().map(|result| parse::report(result, self.limits)).collect();
        let acks = self.sessions.report_unary(session_id, reports).await;
        Ok(Response::new(proto::ReportResultsResponse { acks: acks.into_iter().map(render::named_ack).collect() }))
    }

    async fn heartbeat_session(
        &self,
        request: Request<proto::HeartbeatSessionRequest>,
    ) -> Result<Response<proto::HeartbeatSessionResponse>, Status> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        at_most("held", request.held.len(), LEASES_MAX)?;
        at_most("progress", request.progress.len(), LEASES_MAX)?;
        let session_id = self.session_of(&scope, &request.session_id).await?;
        let (held, progress) = (parse::leases(&request.held), parse::progress(request.progress));
        let lost = self.sessions.heartbeat(session_id, scope.subject().as_deref(), &held, progress).await?;
        let stops = lost.into_iter().map(|lease| render::stop(lease, StopReason::LeaseLost)).collect();
        Ok(Response::new(proto::HeartbeatSessionResponse { stops, draining: self.sessions.is_draining() }))
    }

    async fn fetch_dependencies(
        &self,
        request: Request<proto::FetchDependenciesRequest>,
    ) -> Result<Response<proto::FetchDependenciesResponse>, Status> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let step = request.step_id.parse().map_err(|_| Error::invalid_field("step_id", "is not a step id"))?;
        let lease = NamedLease::new(&request.step_id, request.lease_token);
        let offers = match lease.attempt {
            Some((step, attempt)) => self.sessions.offers_of(scope.subject().as_deref(), step, attempt).await?,
            None => None,
        };
        let Some(offers) = offers else {
            return Err(Error::new(Reason::LeaseStale, "the lease is no longer held")
                .with("step_id", lease.step_id)
                .into());
        };
        require(&offers, &scope)?;
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
        let proto::ListWorkersRequest { namespace, page_size, page_token } = request.into_inner();
        let namespace = Some(namespace.as_str()).filter(|namespace| !namespace.is_empty());
        if let Some(namespace) = namespace {
            scope.narrow(namespace)?;
        }
        let binding = Binding::to(&("ListWorkers", namespace));
        let after: Option<(String, Uuid)> = binding.open(&page_token)?;
        let size = page::size(page_size).map_err(|violation| Error::invalid(vec![violation]))?;
        let after = after.as_ref().map(|(worker, session)| (worker.as_str(), *session));
        let mut open = self.sessions.list(namespace, after, size + 1).await?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let has_more = open.len() > size;
        open.truncate(size);
        let last = open.last().filter(|_| has_more);
        let next_page_token =
            last.map(|last| binding.seal(&(last.worker_id.clone(), last.session_id))).unwrap_or_default();
        // Of a worker only what concerns the caller, and of a worker that does nothing for it nothing.
        let workers = open.into_iter().filter_map(|session| render::worker(session, &scope)).collect();
        Ok(Response::new(proto::ListWorkersResponse { workers, next_page_token }))
    }
}

/// What a worker offers must be granted to it, all of it; its session belongs to its subject.
fn granted(mut hello: Hello, scope: &Scope) -> Result<Hello> {
    require(&hello.offers, scope)?;
    hello.subject = scope.subject().map(|subject| subject.as_ref().to_owned());
    Ok(hello)
}

/// Requires all of these offers to be granted.
fn require(offers: &[Offer], scope: &Scope) -> Result<()> {
    let name = |name| Some(name).filter(|name: &&str| !name.is_empty());
    offers.iter().try_for_each(|Offer { namespace, step_handler, handler, .. }| {
        scope.require(&Target {
            namespace,
            handler: name(handler),
            step_handler: name(step_handler),
            ..Target::default()
        })
    })
}

fn at_most(field: &str, count: usize, most: usize) -> Result<()> {
    if count > most {
        return Err(Error::invalid_field(field, format!("has {count} entries, {most} are allowed")));
    }
    Ok(())
}
