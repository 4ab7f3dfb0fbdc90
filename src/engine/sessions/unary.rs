//! Workers without a stream: they claim, report and show that they live in calls of their own.
//!
//! Owns: the wait of a claim, and what becomes of steps that its caller never hears of. Between two calls such a
//! session has no place among the workforce; its leases are in the store. Next: `engine/sessions.rs`.

use std::{collections::HashSet, time::Duration};

use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Hello, NamedLease, Progress, Report, Sessions, rows};
use crate::{
    domain::{ids::StepId, offer::Offer},
    error::{Error, Reason, Result},
    lifecycle::{AckTo, Assignment, NamedAck, Verdict},
    store,
    supervisor::spawn_short,
};

impl Sessions {
    /// Notes a call of a unary session, and what the session offers.
    ///
    /// Fails with `SessionUnknown` when it is not this subject's, or has expired.
    pub async fn call(&self, session_id: Uuid, subject: Option<&str>) -> Result<Vec<Offer>> {
        let now = self.shared.clock.now();
        let expires_at = self.expiry(now);
        let offers = rows::revive(self.shared.store.pool(), session_id, subject, now, expires_at).await?;
        let Some(offers) = offers else {
            return Err(Error::new(Reason::SessionUnknown, "no such session, or it has expired")
                .with("session_id", session_id.to_string()));
        };
        self.touch(session_id);
        serde_json::from_str(&offers).map_err(|_| store::Error::Corrupt("a session has no offers".to_owned()).into())
    }

    /// Takes results of a unary call; the answers in the order of the results, each by itself.
    pub async fn report_unary(&self, session_id: Uuid, reports: Vec<Report>) -> Vec<NamedAck> {
        let foreign = self.foreign(session_id, &reports).await;
        let mut waiting = Vec::with_capacity(reports.len());
        for Report { lease, outcome } in reports {
            let answer = match self.screen(session_id, &lease, outcome, foreign.as_ref()).await {
                Ok((step, attempt, outcome)) => {
                    let (reply, answer) = oneshot::channel();
                    let settled = self.shared.writer.settle(step, attempt, outcome, AckTo::Caller(reply)).await;
                    settled.map(|()| answer).map_err(|_| Verdict::Retry)
                }
                Err(verdict) => Err(verdict),
            };
            waiting.push((lease, answer));
        }
        let mut acks = Vec::with_capacity(waiting.len());
        for (lease, answer) in waiting {
            let verdict = match answer {
                Ok(answer) => answer.await.map_or(Verdict::Retry, |ack| ack.verdict),
                Err(verdict) => verdict,
            };
            acks.push(lease.ack(verdict));
        }
        acks
    }

    /// Waits for up to `count` steps and claims them. The first that comes ends the wait. When the caller gives
    /// up, so is what was claimed for it.
    pub async fn claim(&self, hello: Hello, wait: Duration) -> Result<(Uuid, Vec<Assignment>)> {
        self.refuse_when_draining()?;
        let (reply, answer) = oneshot::channel();
        spawn_short("claim", self.clone().claim_for(hello, wait, reply));
        answer.await.map_err(|_| Error::new(Reason::Draining, "the server is shutting down"))?
    }

    async fn claim_for(
        self,
        hello: Hello,
        wait: Duration,
        mut reply: oneshot::Sender<Result<(Uuid, Vec<Assignment>)>>,
    ) {
        let claimed = tokio::select! {
            claimed = self.wait_for_steps(hello, wait) => claimed,
            () = reply.closed() => return,
        };
        if let Err(Ok((_, assignments))) = reply.send(claimed) {
            for Assignment { step, attempt, .. } in assignments {
                if self.give_up(step, attempt).await.is_err() {
                    return;
                }
            }
        }
    }

    async fn wait_for_steps(&self, hello: Hello, wait: Duration) -> Result<(Uuid, Vec<Assignment>)> {
        let stored: HashSet<(StepId, u16)> = match hello.session_id {
            Some(session_id) => self.stored(&hello, session_id).await?,
            None => HashSet::new(),
        };
        let slots = stored.len() + hello.slots;
        let (hold, mut receiver) = self.join(&hello, slots).await?;
        let session_id = hold.session_id;
        self.shared.metrics.sessions_opened.with(["claim"]).add(1);
        self.shared.workforce.adopt(session_id, &stored);
        self.shared.workforce.open(session_id, &stored);
        let deadline = tokio::time::Instant::now() + wait;
        let mut assignments = Vec::new();
        while assignments.is_empty() {
            tokio::select! {
                outgoing = receiver.recv() => match outgoing {
                    Some(outgoing) => {
                        assignments.extend(outgoing.assignments);
                        if outgoing.drain {
                            break;
                        }
                    }
                    None => break,
                },
                () = tokio::time::sleep_until(deadline) => break,
                () = self.ended.cancelled() => break,
            }
        }
        // Slots that were taken meanwhile belong to claims that are being written: they are waited for.
        self.shared.workforce.close(session_id, &hold.sender);
        assignments.extend(self.settle_down(session_id, &mut receiver).await.assignments);
        self.touch(session_id);
        if hold.leave() {
            self.disconnect(session_id);
            // The answer does not wait for what only explanations need.
            let (sessions, attached_at, held) = (self.clone(), hold.attached_at, assignments.len());
            spawn_short("detach session", async move { sessions.detach(session_id, attached_at, held).await });
        }
        Ok((session_id, assignments))
    }

    /// A sign of life of a unary session, with how far its attempts have come; of the attempts that the worker names, those
    /// that it does not hold. Attempts that it does not name although it has had them for longer than a lease never arrived
    /// and are taken back.
    pub async fn heartbeat(
        &self,
        session_id: Uuid,
        subject: Option<&str>,
        held: &[NamedLease],
        progress: Vec<Progress>,
    ) -> Result<Vec<NamedLease>> {
        let stored = rows::held(self.shared.store.pool(), session_id, subject).await?;
        let named: HashSet<(StepId, u16)> = held.iter().filter_map(|lease| lease.attempt).collect();
        let long_ago = 2 * self.shared.clock.now() - self.expiry(self.shared.clock.now());
        for lease in &stored {
            if lease.claimed_at < long_ago && !named.contains(&(lease.step, lease.attempt)) {
                self.give_up(lease.step, lease.attempt).await?;
            }
        }
        let stored: HashSet<(StepId, u16)> = stored.into_iter().map(|lease| (lease.step, lease.attempt)).collect();
        let holds = |entry: &Progress| stored.contains(&(entry.step, entry.attempt));
        self.note_progress(session_id, progress.into_iter().filter(holds));
        let is_lost = |lease: &&NamedLease| lease.attempt.is_none_or(|attempt| !stored.contains(&attempt));
        Ok(held.iter().filter(is_lost).cloned().collect())
    }
}
