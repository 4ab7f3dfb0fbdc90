//! Worker sessions.
//!
//! Owns: who is connected to this server, when each was last heard of, what they may report. A session
//! outlives its stream on purpose, because a reconnect must not cost work: its row expires `lease_ttl` after
//! the last sign of life, and until then the worker finds its attempts again here or on another server.
//! Never: touches tasks. Next: `rpc/workers.rs` speaks to the worker, `lifecycle/workforce.rs` seats attempts.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Shared;
use crate::{
    domain::{ids::StepId, run::Micros, template::QueueId},
    error::{Error, Reason, Result},
    lifecycle::{
        Ack, AckTo, Assignment, Outcome, Verdict,
        workforce::{Inbox, Outbox, Outgoing},
    },
    store::sessions::{self as rows, NewSession, OfferColumns, OpenSession},
};

/// What a worker says of itself. Everything in it has been validated.
#[derive(Debug, Clone)]
pub struct Hello {
    /// The worker's name.
    pub worker_id: String,
    /// What it runs.
    pub offers: Vec<Offer>,
    /// How many attempts at once.
    pub slots: usize,
    /// The session to continue.
    pub session_id: Option<Uuid>,
    /// The attempts that it still has from that session.
    pub held: Vec<(StepId, u16)>,
    /// The SDK and its version.
    pub sdk: String,
    /// The subject of its credentials.
    pub subject: Option<String>,
}

/// Steps that a worker runs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Offer {
    /// The namespace.
    pub namespace: String,
    /// The step handler, or empty.
    pub step_handler: String,
    /// The task handler all of whose steps it runs, or empty.
    pub handler: String,
}

/// An open session.
#[derive(Debug)]
pub struct Opened {
    /// What the server has for the worker.
    pub inbox: Inbox,
    /// Of the attempts that the worker said it has, those that it has lost.
    pub lost: Vec<(StepId, u16)>,
    /// What keeps the session open.
    pub hold: Hold,
}

/// The hold of a stream on its session.
#[derive(Debug)]
pub struct Hold {
    /// The session.
    pub session_id: Uuid,
    outbox: Outbox,
}

/// How an attempt ended, as a worker reports it.
#[derive(Debug)]
pub struct Report {
    /// The step.
    pub step: StepId,
    /// The attempt that the worker names.
    pub attempt: u16,
    /// How it ended, or why the result is unacceptable.
    pub outcome: std::result::Result<Outcome, String>,
}

/// How far an attempt has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The step.
    pub step: StepId,
    /// The attempt.
    pub attempt: u16,
    /// From 0 to 100.
    pub percent: f64,
    /// What it does now.
    pub note: String,
}

/// All sessions of this server.
#[derive(Debug, Clone)]
pub struct Sessions {
    shared: Shared,
    known: Arc<Mutex<HashMap<Uuid, Known>>>,
    /// What workers last said of their attempts, until it is written.
    progress: Arc<Mutex<HashMap<StepId, Progress>>>,
    /// Ends every stream at the end of a graceful stop.
    ended: CancellationToken,
}

#[derive(Debug)]
struct Known {
    offers: Vec<Offer>,
    last_seen: Micros,
    /// The newest expiry that was written.
    kept_until: Micros,
    /// Present on this server with a stream or a waiting claim.
    connected: bool,
}

impl Sessions {
    pub(super) fn new(shared: Shared) -> Self {
        Self { shared, known: Arc::default(), progress: Arc::default(), ended: CancellationToken::new() }
    }

    /// Opens a session, or continues one. Attempts of a continued session that the worker does not name are
    /// given up, for it never got them.
    pub async fn open(&self, hello: Hello) -> Result<Opened> {
        if self.shared.stop.is_cancelled() || self.ended.is_cancelled() {
            return Err(Error::new(Reason::Draining, "the server is shutting down"));
        }
        let now = self.shared.clock.now();
        let (session_id, stored) = self.insert_or_adopt(&hello, now).await?;
        let named: HashSet<(StepId, u16)> = hello.held.iter().copied().collect();
        let (held, undelivered): (Vec<_>, Vec<_>) = stored.into_iter().partition(|attempt| named.contains(attempt));
        let lost = hello.held.iter().filter(|attempt| !held.contains(attempt)).copied().collect();
        for (step, attempt) in undelivered {
            let outcome = crate::lifecycle::lost("AssignmentLost", "the worker never received the assignment");
            self.shared.writer.settle(step, attempt, outcome, AckTo::Nobody).await?;
        }
        let queues = self.queues(&hello.offers).await?;
        let (outbox, inbox) = self.shared.workforce.channel();
        let slots = hello.slots.min(self.shared.settings.slots_max);
        self.know(session_id, hello.offers, now);
        self.shared.workforce.join(session_id, queues, slots, outbox.clone(), &held);
        Ok(Opened { inbox, lost, hold: Hold { session_id, outbox } })
    }

    /// Notes a sign of life.
    pub fn touch(&self, session_id: Uuid) {
        let now = self.shared.clock.now();
        if let Some(known) = self.known().get_mut(&session_id) {
            known.last_seen = now;
        }
    }

    /// Notes how far attempts have come; written with the next signs of life.
    pub fn progress(&self, entries: Vec<Progress>) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.extend(entries.into_iter().map(|entry| (entry.step, entry)));
    }

    /// Changes how many attempts a session runs at once.
    pub fn resize(&self, session_id: Uuid, slots: usize) {
        self.shared.workforce.resize(session_id, slots.min(self.shared.settings.slots_max));
    }

    /// Notes that a worker takes no further work.
    pub async fn drain(&self, session_id: Uuid) -> Result<()> {
        self.shared.workforce.close(session_id);
        Ok(rows::mark_draining(self.shared.store.pool(), session_id).await?)
    }

    /// Takes results from the session's stream; the answers go back on it.
    pub async fn report(&self, session_id: Uuid, reports: Vec<Report>) -> Result<()> {
        self.touch(session_id);
        let foreign = self.foreign(session_id, &reports).await?;
        for report in reports {
            let Report { step, attempt, outcome } = report;
            match self.screen(step, attempt, outcome, &foreign).await? {
                Ok(outcome) => self.shared.writer.settle(step, attempt, outcome, AckTo::Session(session_id)).await?,
                Err(verdict) => {
                    let acks = vec![Ack { step, attempt, verdict }];
                    self.shared.workforce.send(session_id, Outgoing { acks, ..Outgoing::default() });
                }
            }
        }
        Ok(())
    }

    /// Takes results of a unary call; the answers in the order of the results.
    pub async fn report_unary(&self, session_id: Uuid, reports: Vec<Report>) -> Result<Vec<Ack>> {
        self.revive(session_id).await?;
        let foreign = self.foreign(session_id, &reports).await?;
        let mut waiting = Vec::with_capacity(reports.len());
        for report in reports {
            let Report { step, attempt, outcome } = report;
            let answer = match self.screen(step, attempt, outcome, &foreign).await? {
                Ok(outcome) => {
                    let (reply, answer) = oneshot::channel();
                    self.shared.writer.settle(step, attempt, outcome, AckTo::Caller(reply)).await?;
                    Ok(answer)
                }
                Err(verdict) => Err(verdict),
            };
            waiting.push((step, attempt, answer));
        }
        let mut acks = Vec::with_capacity(waiting.len());
        for (step, attempt, answer) in waiting {
            acks.push(match answer {
                Ok(answer) => answer.await.unwrap_or(Ack { step, attempt, verdict: Verdict::Retry }),
                Err(verdict) => Ack { step, attempt, verdict },
            });
        }
        Ok(acks)
    }

    /// Lets through what the session may report. A result that is unacceptable ends its attempt for good.
    async fn screen(
        &self,
        step: StepId,
        attempt: u16,
        outcome: std::result::Result<Outcome, String>,
        foreign: &HashSet<(StepId, u16)>,
    ) -> Result<std::result::Result<Outcome, Verdict>> {
        if foreign.contains(&(step, attempt)) {
            return Ok(Err(Verdict::Stale("the lease is not held by this session".to_owned())));
        }
        match outcome {
            Ok(outcome) => Ok(Ok(outcome)),
            Err(message) => {
                let (reply, answer) = oneshot::channel();
                let failure = crate::lifecycle::invalid_result(&message);
                self.shared.writer.settle(step, attempt, failure, AckTo::Caller(reply)).await?;
                Ok(Err(match answer.await {
                    Ok(Ack { verdict: Verdict::Accepted, .. }) => Verdict::Invalid(message),
                    Ok(Ack { verdict, .. }) => verdict,
                    Err(_) => Verdict::Retry,
                }))
            }
        }
    }

    /// Waits for up to `count` steps and claims them. The first that comes ends the wait.
    pub async fn claim(&self, hello: Hello, wait: std::time::Duration) -> Result<(Uuid, Vec<Assignment>)> {
        let count = hello.slots;
        let now = self.shared.clock.now();
        let (session_id, stored) = self.insert_or_adopt(&hello, now).await?;
        let queues = self.queues(&hello.offers).await?;
        let (outbox, mut inbox) = self.shared.workforce.channel();
        self.know(session_id, hello.offers, now);
        let slots = (stored.len() + count).min(self.shared.settings.slots_max);
        self.shared.workforce.join(session_id, queues, slots, outbox.clone(), &stored);
        let deadline = tokio::time::Instant::now() + wait;
        let mut assignments = Vec::new();
        while assignments.is_empty() {
            tokio::select! {
                outgoing = inbox.recv() => match outgoing {
                    Some(outgoing) if outgoing.drain => break,
                    Some(outgoing) => assignments.extend(outgoing.assignments),
                    None => break,
                },
                () = tokio::time::sleep_until(deadline) => break,
                () = self.ended.cancelled() => break,
            }
        }
        // Seats that were taken meanwhile belong to claims that are being written: they are waited for.
        self.shared.workforce.close(session_id);
        while self.shared.workforce.pending(session_id) > 0 {
            match tokio::time::timeout(self.shared.settings.lease_ttl, inbox.recv()).await {
                Ok(Some(outgoing)) => assignments.extend(outgoing.assignments),
                _ => break,
            }
        }
        let mut last = Outgoing::default();
        inbox.gather(&mut last);
        assignments.extend(last.assignments);
        self.touch(session_id);
        self.shared.workforce.leave_with(session_id, &outbox);
        self.disconnect(session_id);
        Ok((session_id, assignments))
    }

    /// A sign of life of a unary session; of the attempts that the worker names, those that it has lost.
    pub async fn heartbeat(&self, session_id: Uuid, held: &[(StepId, u16)]) -> Result<Vec<(StepId, u16)>> {
        self.revive(session_id).await?;
        let stored = rows::held(self.shared.store.pool(), session_id).await?;
        Ok(held.iter().filter(|attempt| !stored.contains(attempt)).copied().collect())
    }

    /// Ends a session's stream. A worker that said goodbye and holds nothing is closed; any other may return.
    pub async fn leave(&self, hold: Hold, goodbye: bool) {
        let Hold { session_id, outbox } = hold;
        if !self.shared.workforce.leave_with(session_id, &outbox) {
            return;
        }
        self.disconnect(session_id);
        if goodbye {
            self.known().remove(&session_id);
            let closed = rows::close(self.shared.store.pool(), session_id, self.shared.clock.now()).await;
            if let Err(error) = closed {
                tracing::warn!(error = &error as &dyn std::error::Error, %session_id, "session left to expire");
            }
        }
    }

    /// The sessions that are alive, on all servers.
    pub async fn list(&self, namespace: Option<&str>) -> Result<Vec<OpenSession>> {
        Ok(rows::list_open(self.shared.store.pool(), self.shared.clock.now(), namespace).await?)
    }

    /// Whether this session holds this attempt.
    pub async fn holds(&self, session_id: Option<Uuid>, step: StepId, attempt: u16) -> Result<bool> {
        let holders = rows::holders(self.shared.store.pool(), &[step]).await?;
        Ok(holders
            .iter()
            .any(|(_, held, holder)| *held == attempt && session_id.is_none_or(|session_id| session_id == *holder)))
    }

    /// How long a session lives without a sign of life, and how often the worker is to send one.
    pub const fn terms(&self) -> (std::time::Duration, std::time::Duration) {
        (self.shared.settings.lease_ttl, self.shared.settings.heartbeat_interval)
    }

    /// Resolves when every stream is to end.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Whether the server is about to go.
    pub fn is_draining(&self) -> bool {
        self.shared.stop.is_cancelled() || self.ended.is_cancelled()
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
            let queues = self.queues(&offers).await?;
            self.shared.workforce.serve(session_id, queues);
        }
        Ok(())
    }

    async fn insert_or_adopt(&self, hello: &Hello, now: Micros) -> Result<(Uuid, Vec<(StepId, u16)>)> {
        let expires_at = self.expiry(now);
        let offers = serde_json::to_string(&hello.offers).expect("offers are plain text");
        let mut session = NewSession {
            session_id: hello.session_id.unwrap_or_default(),
            worker_id: &hello.worker_id,
            server_id: self.shared.server_id,
            sdk: &hello.sdk,
            offers: &offers,
            slots: i32::try_from(hello.slots).unwrap_or(i32::MAX),
            subject: hello.subject.as_deref(),
        };
        let pool = self.shared.store.pool();
        if hello.session_id.is_some() && rows::adopt(pool, &session, now, expires_at).await? {
            return Ok((session.session_id, rows::held(pool, session.session_id).await?));
        }
        session.session_id = Uuid::from_u128(rand::random());
        rows::insert(pool, &session, now, expires_at).await?;
        Ok((session.session_id, Vec::new()))
    }

    /// Finds which of the attempts this session does not hold.
    async fn foreign(&self, session_id: Uuid, reports: &[Report]) -> Result<HashSet<(StepId, u16)>> {
        let attempts = reports.iter().map(|report| (report.step, report.attempt));
        let elsewhere = self.shared.workforce.not_held_by(session_id, attempts);
        if elsewhere.is_empty() {
            return Ok(HashSet::new());
        }
        let steps: Vec<StepId> = elsewhere.iter().map(|(step, _)| *step).collect();
        let holders = rows::holders(self.shared.store.pool(), &steps).await?;
        let mut foreign: HashSet<(StepId, u16)> = elsewhere.into_iter().collect();
        for (step, attempt, holder) in holders {
            if holder == session_id {
                foreign.remove(&(step, attempt));
            }
        }
        Ok(foreign)
    }

    /// A session of the unary methods may be known to another server only.
    async fn revive(&self, session_id: Uuid) -> Result<()> {
        let now = self.shared.clock.now();
        let expires_at = self.expiry(now);
        if !rows::revive(self.shared.store.pool(), session_id, now, expires_at).await? {
            return Err(Error::new(Reason::SessionUnknown, "no such session, or it has expired")
                .with("session_id", session_id.to_string()));
        }
        self.touch(session_id);
        Ok(())
    }

    async fn queues(&self, offers: &[Offer]) -> Result<Vec<QueueId>> {
        let mut columns = OfferColumns::default();
        for offer in offers {
            let (kind, name) = if offer.handler.is_empty() {
                (&mut columns.step_handlers, &offer.step_handler)
            } else {
                (&mut columns.handlers, &offer.handler)
            };
            kind.0.push(offer.namespace.clone());
            kind.1.push(name.clone());
        }
        Ok(rows::queues(self.shared.store.pool(), &columns).await?)
    }

    fn know(&self, session_id: Uuid, offers: Vec<Offer>, now: Micros) {
        let kept_until = self.expiry(now);
        self.known().insert(session_id, Known { offers, last_seen: now, kept_until, connected: true });
    }

    fn disconnect(&self, session_id: Uuid) {
        if let Some(known) = self.known().get_mut(&session_id) {
            known.connected = false;
        }
    }

    fn expiry(&self, seen: Micros) -> Micros {
        seen + Micros::try_from(self.shared.settings.lease_ttl.as_micros()).unwrap_or(Micros::MAX / 2)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Uuid, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sessions whose expiry is to be moved ahead; those not heard of for too long are forgotten.
    fn to_keep(&self) -> Vec<(Uuid, Micros)> {
        let now = self.shared.clock.now();
        let mut keep = Vec::new();
        self.known().retain(|session_id, known| {
            let expiry = self.expiry(known.last_seen);
            if expiry > known.kept_until {
                known.kept_until = expiry;
                keep.push((*session_id, expiry));
            }
            expiry > now
        });
        keep
    }
}

/// Moves the expiry of sessions ahead that have shown a sign of life, until the engine stops.
pub(super) async fn keep_alive(sessions: Sessions) {
    let pause = sessions.shared.settings.heartbeat_interval / 4;
    let stop = sessions.shared.stop.clone();
    while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
        let said = std::mem::take(&mut *sessions.progress.lock().unwrap_or_else(PoisonError::into_inner));
        if !said.is_empty() {
            let said: Vec<_> =
                said.into_values().map(|said| (said.step, said.attempt, said.percent, said.note)).collect();
            if let Err(error) = rows::set_progress(sessions.shared.store.pool(), &said).await {
                tracing::debug!(error = &error as &dyn std::error::Error, "progress not written");
            }
        }
        let keep = sessions.to_keep();
        if !keep.is_empty()
            && let Err(error) = rows::keep_alive(sessions.shared.store.pool(), &keep).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "sessions not kept alive");
            let mut known = sessions.known();
            for (session_id, _) in keep {
                if let Some(known) = known.get_mut(&session_id) {
                    known.kept_until = 0;
                }
            }
        }
    }
}
