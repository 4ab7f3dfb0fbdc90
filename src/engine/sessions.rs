//! Worker sessions.
//!
//! Owns: who is connected to this server, when each was last heard of, what they may report. A session
//! outlives its stream on purpose, because a reconnect must not cost work: its row expires `lease_ttl` after
//! the last sign of life, and until then the worker finds its attempts again here or on another server.
//! Never: touches tasks. Next: `sessions/unary.rs` for workers without a stream, `sessions/alive.rs` for signs of
//! life, `rpc/workers.rs` speaks to the worker, `lifecycle/workforce.rs` gives attempts their slots.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Shared;
use crate::{
    domain::{ids::StepId, offer::Offer, run::Micros, template::QueueId},
    error::{Error, Reason, Result},
    lifecycle::{
        Ack, AckTo, Outcome, Verdict,
        workforce::{Outgoing, Serving, SessionReceiver},
    },
    store::sessions::{self as rows, NewSession, OfferColumns, OpenSession},
};

mod alive;
mod unary;
mod values;

pub(super) use alive::keep_alive;
pub use values::{Hello, Hold, NamedLease, Opened, Progress, Report};

use alive::Known;

/// How long a stream that ends waits for the answers to the results that it has brought.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// How often it is looked whether claims that are being written have ended, should nothing come of them.
const CLAIM_PAUSE: Duration = Duration::from_millis(10);

/// All sessions of this server.
#[derive(Debug, Clone)]
pub struct Sessions {
    shared: Shared,
    known: Arc<Mutex<HashMap<Uuid, Known>>>,
    /// What workers last said of their attempts, until it is written.
    progress: Arc<Mutex<HashMap<StepId, rows::Progress>>>,
    /// Ends every stream at the end of a graceful stop.
    ended: CancellationToken,
}

impl Sessions {
    pub(super) fn new(shared: Shared) -> Self {
        Self { shared, known: Arc::default(), progress: Arc::default(), ended: CancellationToken::new() }
    }

    /// Opens a session, or continues one. What it holds is read from the store, whatever the worker says. Attempts of a
    /// continued session that the worker does not name are taken back, for it never got them.
    pub async fn open(&self, hello: Hello) -> Result<Opened> {
        self.refuse_when_draining()?;
        let (hold, mut receiver) = self.join(&hello, hello.slots).await?;
        let session_id = hold.session_id;
        let is_continued = hello.session_id == Some(session_id);
        // What was being claimed when the worker came back arrives here: the old stream is not listened to.
        let arrived = self.settle_down(session_id, &mut receiver).await;
        let mut stored = HashSet::new();
        if is_continued {
            self.shared.workforce.adopt(session_id, &self.stored(&hello, session_id).await?);
            // What has ended in between is not in this look; what ends from now on is noted.
            stored = self.stored(&hello, session_id).await?;
        }
        let said = hello.held.iter().filter_map(|lease| lease.attempt);
        let delivered = arrived.assignments.iter().map(|assignment| (assignment.step, assignment.attempt));
        let named: HashSet<(StepId, u16)> = said.chain(delivered).collect();
        self.shared.workforce.open(session_id, &stored);
        for (step, attempt) in stored.difference(&named) {
            self.give_up(*step, *attempt).await?;
        }
        let is_lost = |lease: &NamedLease| lease.attempt.is_none_or(|attempt| !stored.contains(&attempt));
        let lost = hello.held.into_iter().filter(is_lost).collect();
        receiver.put_back(arrived);
        self.shared.metrics.sessions_opened.with([if is_continued { "continued" } else { "new" }]).add(1);
        Ok(Opened { receiver, lost, hold })
    }

    async fn stored(&self, hello: &Hello, session_id: Uuid) -> Result<HashSet<(StepId, u16)>> {
        let stored = rows::held(self.shared.store.pool(), session_id, hello.subject.as_deref()).await?;
        Ok(stored.into_iter().map(|held| (held.step, held.attempt)).collect())
    }

    /// Changes how many attempts a session runs at once.
    pub fn resize(&self, session_id: Uuid, slots: usize) {
        self.shared.workforce.resize(session_id, slots.min(self.shared.settings.slots_max));
    }

    /// Notes that a worker takes no further work.
    pub async fn drain(&self, hold: &Hold) -> Result<()> {
        self.shared.workforce.close(hold.session_id, &hold.sender);
        Ok(rows::mark_draining(self.shared.store.pool(), hold.session_id).await?)
    }

    /// Gives a session no further work, because its worker may not have it any more.
    pub fn close(&self, hold: &Hold) {
        self.shared.workforce.close(hold.session_id, &hold.sender);
    }

    /// Takes results from the session's stream; the answers go back on it, each by itself.
    pub async fn report(&self, session_id: Uuid, reports: Vec<Report>) {
        self.touch(session_id);
        let foreign = self.foreign(session_id, &reports).await;
        for Report { lease, outcome } in reports {
            let verdict = match self.screen(session_id, &lease, outcome, foreign.as_ref()).await {
                Ok((step, attempt, outcome)) => {
                    self.shared.workforce.expect_answers(session_id, 1);
                    let ack = AckTo::Session(session_id);
                    match self.shared.writer.settle(step, attempt, outcome, ack).await {
                        Ok(()) => continue,
                        Err(_) => {
                            self.shared.workforce.expect_no_answer(session_id);
                            Verdict::Retry
                        }
                    }
                }
                Err(verdict) => verdict,
            };
            self.shared.workforce.send(
                session_id,
                match lease.attempt {
                    Some((step, attempt)) => {
                        self.shared.workforce.expect_answers(session_id, 1);
                        Outgoing { acks: vec![Ack { step, attempt, verdict }], ..Outgoing::default() }
                    }
                    None => Outgoing { named_acks: vec![lease.ack(verdict)], ..Outgoing::default() },
                },
            );
        }
    }

    /// Lets through what the session may report. A result that is unacceptable ends its attempt for good.
    async fn screen(
        &self,
        session_id: Uuid,
        lease: &NamedLease,
        outcome: std::result::Result<Outcome, String>,
        foreign: std::result::Result<&HashSet<(StepId, u16)>, &Error>,
    ) -> std::result::Result<(StepId, u16, Outcome), Verdict> {
        let Some((step, attempt)) = lease.attempt else {
            if lease.step_id.parse::<StepId>().is_ok() {
                self.shared.metrics.results.with(["stale"]).add(1);
                return Err(Verdict::Stale(format!("no attempt has the lease token {}", lease.lease_token)));
            }
            self.shared.metrics.results.with(["invalid"]).add(1);
            return Err(Verdict::Invalid(format!("step_id `{}` is not a step id", lease.step_id.escape_debug())));
        };
        match foreign {
            Err(_) => return Err(Verdict::Retry),
            Ok(foreign) if foreign.contains(&(step, attempt)) => {
                self.shared.metrics.results.with(["stale"]).add(1);
                return Err(Verdict::Stale("the lease is not held by this session".to_owned()));
            }
            Ok(_) => {}
        }
        match outcome {
            Ok(Outcome::HandedBack { reason, .. }) => {
                Ok((step, attempt, Outcome::HandedBack { reason, by: Some(session_id) }))
            }
            Ok(outcome) => Ok((step, attempt, outcome)),
            Err(message) => {
                let (reply, answer) = oneshot::channel();
                let failure = crate::lifecycle::invalid_result(&message);
                if self.shared.writer.settle(step, attempt, failure, AckTo::Caller(reply)).await.is_err() {
                    return Err(Verdict::Retry);
                }
                Err(match answer.await {
                    Ok(Ack { verdict: Verdict::Accepted, .. }) => {
                        self.shared.metrics.results.with(["invalid"]).add(1);
                        Verdict::Invalid(message)
                    }
                    Ok(Ack { verdict, .. }) => verdict,
                    Err(_) => Verdict::Retry,
                })
            }
        }
    }

    /// Ends a session's stream. A worker that said goodbye and holds nothing is closed; any other may return.
    ///
    /// Results that are being written are answered first, so that the stream ends after their answers.
    pub async fn leave(&self, hold: Hold, goodbye: bool) {
        let (session_id, attached_at) = (hold.session_id, hold.attached_at);
        let patience = tokio::time::Instant::now() + ANSWERS_WITHIN;
        while !self.shared.workforce.is_answered(session_id, &hold.sender) && tokio::time::Instant::now() < patience {
            tokio::time::sleep(CLAIM_PAUSE).await;
        }
        let held = self.held_by(session_id);
        if !hold.leave() {
            return;
        }
        self.disconnect(session_id);
        if !goodbye {
            self.detach(session_id, attached_at, held).await;
        } else {
            self.known().remove(&session_id);
            self.shared.workforce.forget(session_id);
            let closed = rows::close(self.shared.store.pool(), session_id, self.shared.clock.now()).await;
            if let Err(error) = closed {
                tracing::warn!(error = &error as &dyn std::error::Error, %session_id, "session left to expire");
            }
        }
    }

    /// The sessions that are alive, on all servers, by worker and session, after one of them, at most so many.
    pub async fn list(
        &self,
        namespace: Option<&str>,
        after: Option<(&str, Uuid)>,
        limit: i64,
    ) -> Result<Vec<OpenSession>> {
        Ok(rows::list_open(self.shared.store.pool(), self.shared.clock.now(), namespace, after, limit).await?)
    }

    /// The time by the database's clock.
    pub fn now(&self) -> Micros {
        self.shared.clock.now()
    }

    /// The offers of the session of this subject that holds this attempt; `None` when there is none.
    pub async fn offers_of(&self, subject: Option<&str>, step: StepId, attempt: u16) -> Result<Option<Vec<Offer>>> {
        let holders = rows::holders(self.shared.store.pool(), &[step]).await?;
        let mut ours = holders.into_iter().filter(|of| of.attempt == attempt && of.subject.as_deref() == subject);
        let offers = ours.next().and_then(|holder| holder.offers);
        Ok(offers.map(|offers| serde_json::from_str(&offers).unwrap_or_default()))
    }

    /// How long a session lives without a sign of life, and how often the worker is to send one.
    pub const fn intervals(&self) -> (Duration, Duration) {
        (self.shared.settings.lease_ttl, self.shared.settings.heartbeat_interval)
    }

    /// Resolves when every stream is to end.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Whether the server is about to go.
    pub fn is_draining(&self) -> bool {
        self.shared.workforce.is_draining() || self.shared.stop.is_cancelled() || self.ended.is_cancelled()
    }

    /// Ends every stream.
    pub fn end(&self) {
        self.ended.cancel();
    }

    /// Looks up again which queues the offers of the connected workers name.
    pub(super) async fn resolve_offers(&self) -> Result<()> {
        let connected: Vec<(Uuid, Vec<Offer>)> = {
            let known = self.known();
            let connected = known.iter().filter(|(_, known)| known.connected);
            connected.map(|(id, known)| (*id, known.offers.clone())).collect()
        };
        for (session_id, offers) in connected {
            let serving = self.serving(&offers).await?;
            let queues = serving.queues();
            if self.shared.workforce.serve(session_id, serving) {
                rows::set_queues(self.shared.store.pool(), session_id, &queues).await?;
            }
        }
        Ok(())
    }

    /// Has the session stored, and what is claimed for it from now on go to a new receiver.
    async fn join(&self, hello: &Hello, slots: usize) -> Result<(Hold, SessionReceiver)> {
        let now = self.shared.clock.now();
        let serving = self.serving(&hello.offers).await?;
        let session_id = self.insert_or_adopt(hello, &serving.queues(), now).await?;
        let (sender, receiver) = self.shared.workforce.channel();
        self.know(session_id, hello.offers.clone(), now);
        let slots = slots.min(self.shared.settings.slots_max);
        let workforce = self.shared.workforce.clone();
        workforce.join(session_id, serving, slots, sender.clone());
        Ok((Hold { session_id, attached_at: now, sender, workforce }, receiver))
    }

    /// How many attempts a session of this server has.
    fn held_by(&self, session_id: Uuid) -> usize {
        self.shared.workforce.fill([session_id]).get(&session_id).map_or(0, |fill| fill.held + fill.claiming)
    }

    /// Notes for the other servers that a session cannot be given work at present.
    async fn detach(&self, session_id: Uuid, attached_at: Micros, held: usize) {
        let noted = rows::detach(self.shared.store.pool(), session_id, attached_at, held).await;
        if let Err(error) = noted {
            tracing::debug!(error = &error as &dyn std::error::Error, %session_id, "session looks attached until it expires");
        }
    }

    /// Waits until nothing is being claimed for a session that is given nothing more; what came in.
    async fn settle_down(&self, session_id: Uuid, receiver: &mut SessionReceiver) -> Outgoing {
        let mut gathered = Outgoing::default();
        let patience = tokio::time::Instant::now() + self.shared.settings.lease_ttl;
        while self.shared.workforce.pending(session_id) > 0 && tokio::time::Instant::now() < patience {
            match tokio::time::timeout(CLAIM_PAUSE, receiver.recv()).await {
                Ok(Some(more)) => gathered.add(more),
                // It has come back once more.
                Ok(None) => break,
                Err(_) => {}
            }
        }
        receiver.gather(&mut gathered);
        gathered
    }

    /// Takes an attempt back whose assignment never arrived.
    async fn give_up(&self, step: StepId, attempt: u16) -> Result<()> {
        self.shared.writer.settle(step, attempt, crate::lifecycle::not_received(), AckTo::Nobody).await
    }

    fn refuse_when_draining(&self) -> Result<()> {
        if self.is_draining() {
            return Err(Error::new(Reason::Draining, "the server is shutting down"));
        }
        Ok(())
    }

    async fn insert_or_adopt(&self, hello: &Hello, queues: &[QueueId], now: Micros) -> Result<Uuid> {
        let expires_at = self.expiry(now);
        let offers = serde_json::to_string(&hello.offers).unwrap_or_else(|_| "[]".to_owned());
        let mut session = NewSession {
            session_id: hello.session_id.unwrap_or_default(),
            worker_id: &hello.worker_id,
            server_id: self.shared.server_id,
            sdk: &hello.sdk,
            offers: &offers,
            slots: i32::try_from(hello.slots).unwrap_or(i32::MAX),
            subject: hello.subject.as_deref(),
            queues,
            held: i32::try_from(hello.held.len()).unwrap_or(i32::MAX),
        };
        let pool = self.shared.store.pool();
        if hello.session_id.is_some() && rows::adopt(pool, &session, now, expires_at).await? {
            return Ok(session.session_id);
        }
        session.session_id = Uuid::from_u128(rand::random());
        rows::insert(pool, &session, now, expires_at).await?;
        Ok(session.session_id)
    }

    /// Finds which of the attempts this session does not hold.
    async fn foreign(&self, session_id: Uuid, reports: &[Report]) -> Result<HashSet<(StepId, u16)>> {
        let attempts: Vec<(StepId, u16)> = reports.iter().filter_map(|report| report.lease.attempt).collect();
        let held: HashSet<_> = self.shared.workforce.spoken_of(session_id, &attempts).into_iter().collect();
        let elsewhere: Vec<_> = attempts.into_iter().filter(|attempt| !held.contains(attempt)).collect();
        if elsewhere.is_empty() {
            return Ok(HashSet::new());
        }
        let steps: Vec<StepId> = elsewhere.iter().map(|(step, _)| *step).collect();
        let holders = rows::holders(self.shared.store.pool(), &steps).await?;
        let mut foreign: HashSet<(StepId, u16)> = elsewhere.into_iter().collect();
        for holder in holders {
            if holder.session_id == session_id {
                foreign.remove(&(holder.step, holder.attempt));
            }
        }
        Ok(foreign)
    }

    async fn serving(&self, offers: &[Offer]) -> Result<Serving> {
        let mut columns = OfferColumns::default();
        for offer in offers {
            let (kind, name) = if offer.handler.is_empty() {
                (&mut columns.step_handlers, &offer.step_handler)
            } else {
                (&mut columns.handlers, &offer.handler)
            };
            kind.namespaces.push(offer.namespace.clone());
            kind.names.push(name.clone());
            kind.versions.push(serde_json::to_string(&offer.versions).unwrap_or_else(|_| "[]".to_owned()));
        }
        Ok(rows::queues(self.shared.store.pool(), &columns).await?.into_iter().collect())
    }
}
