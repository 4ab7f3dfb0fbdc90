//! Workers without a stream: they claim, report and show that they live in calls of their own.
//!
//! Owns: the wait of a claim, and what becomes of steps that its caller never hears of. Between two calls such a
//! session has no place among the workforce; its leases are in the store. Next: `engine/sessions.rs`.

use std::{collections::HashSet, time::Duration};

use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Hello, Report, Sessions, rows};
use crate::{
    domain::ids::StepId,
    error::{Error, Reason, Result},
    lifecycle::{Ack, AckTo, Assignment, Verdict},
    supervisor::spawn_short,
};

impl Sessions {
    /// Takes results of a unary call; the answers in the order of the results.
    pub async fn report_unary(
        &self,
        session_id: Uuid,
        subject: Option<&str>,
        reports: Vec<Report>,
    ) -> Result<Vec<Ack>> {
        self.revive(session_id, subject).await?;
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
            Some(session_id) => {
                self.stored(session_id, hello.subject.as_deref()).await?.map(|held| (held.step, held.attempt)).collect()
            }
            None => HashSet::new(),
        };
        let slots = stored.len() + hello.slots;
        let (hold, mut receiver) = self.join(&hello, slots, &[]).await?;
        let session_id = hold.session_id;
        self.shared.metrics.sessions_opened.with(["claim"]).add(1);
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

    /// A sign of life of a unary session; of the attempts that the worker names, those that it has lost. Attempts
    /// that it does not name although it has had them for longer than a lease never arrived and are given up.
    pub async fn heartbeat(
        &self,
        session_id: Uuid,
        subject: Option<&str>,
        held: &[(StepId, u16)],
    ) -> Result<Vec<(StepId, u16)>> {
        self.revive(session_id, subject).await?;
        let stored: Vec<rows::HeldLease> = self.stored(session_id, subject).await?.collect();
        let long_ago = 2 * self.shared.clock.now() - self.expiry(self.shared.clock.now());
        for lease in &stored {
            if lease.claimed_at < long_ago && !held.contains(&(lease.step, lease.attempt)) {
                self.give_up(lease.step, lease.attempt).await?;
            }
        }
        let is_stored = |(step, attempt): &(StepId, u16)| {
            stored.iter().any(|lease| lease.step == *step && lease.attempt == *attempt)
        };
        Ok(held.iter().filter(|attempt| !is_stored(attempt)).copied().collect())
    }

    async fn stored(
        &self,
        session_id: Uuid,
        subject: Option<&str>,
    ) -> Result<impl Iterator<Item = rows::HeldLease> + use<>> {
        Ok(rows::held(self.shared.store.pool(), session_id, subject).await?.into_iter())
    }

    /// A session of the unary methods may be known to another server only.
    async fn revive(&self, session_id: Uuid, subject: Option<&str>) -> Result<()> {
        let now = self.shared.clock.now();
        let expires_at = self.expiry(now);
        if !rows::revive(self.shared.store.pool(), session_id, subject, now, expires_at).await? {
            return Err(Error::new(Reason::SessionUnknown, "no such session, or it has expired")
                .with("session_id", session_id.to_string()));
        }
        self.touch(session_id);
        Ok(())
    }
}
