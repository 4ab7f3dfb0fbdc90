//! Who was heard of, and when.
//!
//! A sign of life costs no statement: it is noted in memory, and the expiries of all sessions that have shown one
//! are moved ahead together, four times per heartbeat.

use std::{
    collections::{HashMap, HashSet},
    sync::{MutexGuard, PoisonError},
};

use uuid::Uuid;

use super::{Offer, Progress, Sessions, rows};
use crate::{
    domain::{ids::StepId, run::Micros},
    error::Result,
    lifecycle::{StopReason, workforce::Outgoing},
};

/// An assignment is to be received within so many heartbeats.
const RECEIPT_HEARTBEATS: u32 = 2;

#[derive(Debug)]
pub(super) struct Known {
    pub(super) offers: Vec<Offer>,
    last_seen: Micros,
    /// The newest expiry that was written.
    kept_until: Micros,
    /// How full it was then: slots, and attempts held.
    kept_fill: Option<(usize, usize)>,
    /// Present on this server with a stream or a waiting claim.
    pub(super) connected: bool,
}

impl Sessions {
    /// Notes a sign of life.
    pub fn touch(&self, session_id: Uuid) {
        let now = self.shared.clock.now();
        if let Some(known) = self.known().get_mut(&session_id) {
            known.last_seen = now;
        }
    }

    /// Notes that a worker spoke of its attempts: of those that the session holds how far they have come, which is written
    /// with the next signs of life.
    pub fn progress(&self, session_id: Uuid, entries: Vec<Progress>) {
        let named: Vec<(StepId, u16)> = entries.iter().map(|entry| (entry.step, entry.attempt)).collect();
        let held: HashSet<(StepId, u16)> = self.shared.workforce.spoken_of(session_id, &named).into_iter().collect();
        self.note_progress(session_id, entries.into_iter().filter(|entry| held.contains(&(entry.step, entry.attempt))));
    }

    pub(super) fn note_progress(&self, session_id: Uuid, entries: impl Iterator<Item = Progress>) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        for Progress { step, attempt, percent, note } in entries {
            progress.insert(step, rows::Progress { step, attempt, session_id, percent, note });
        }
    }

    /// Notes a sign of life that names the newest assignments that the worker has received, and answers it.
    pub fn heard_heartbeat(&self, session_id: Uuid, received: u64) {
        self.shared.workforce.received(session_id, received);
        self.shared.workforce.send(session_id, Outgoing { heartbeat: Some(received), ..Outgoing::default() });
    }

    /// Takes back what workers have not received although they have spoken since.
    async fn take_back_unreceived(&self) -> Result<()> {
        let heard_at = self.known().iter().map(|(session_id, known)| (*session_id, known.last_seen)).collect();
        let patience = self.shared.settings.heartbeat_interval * RECEIPT_HEARTBEATS;
        let patience = Micros::try_from(patience.as_micros()).unwrap_or(Micros::MAX);
        for (step, attempt) in self.shared.workforce.unreceived(&heard_at, patience) {
            tracing::info!(%step, attempt, "the worker speaks and does not receive: the attempt is taken back");
            self.shared.workforce.stop(step, attempt, StopReason::LeaseLost);
            self.give_up(step, attempt).await?;
        }
        Ok(())
    }

    pub(super) fn know(&self, session_id: Uuid, offers: Vec<Offer>, now: Micros) {
        let kept_until = self.expiry(now);
        self.known().insert(session_id, Known { offers, last_seen: now, kept_until, kept_fill: None, connected: true });
    }

    pub(super) fn disconnect(&self, session_id: Uuid) {
        if let Some(known) = self.known().get_mut(&session_id) {
            known.connected = false;
        }
    }

    pub(super) fn expiry(&self, seen: Micros) -> Micros {
        seen + Micros::try_from(self.shared.settings.lease_ttl.as_micros()).unwrap_or(Micros::MAX / 2)
    }

    pub(super) fn known(&self) -> MutexGuard<'_, HashMap<Uuid, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sessions whose expiry is to be moved ahead, or that are not as full as they were; those not heard of for too
    /// long are forgotten.
    pub(super) fn to_keep(&self) -> Vec<rows::Alive> {
        let now = self.shared.clock.now();
        let mut keep = Vec::new();
        let mut known = self.known();
        let fill = self.shared.workforce.fill(known.keys().copied());
        known.retain(|session_id, known| {
            let expires_at = self.expiry(known.last_seen);
            let fill = fill.get(session_id).map(|fill| (fill.slots, fill.held));
            if expires_at > known.kept_until || fill.is_some_and(|fill| known.kept_fill != Some(fill)) {
                known.kept_until = expires_at;
                known.kept_fill = fill.or(known.kept_fill);
                keep.push(rows::Alive { session_id: *session_id, expires_at, fill });
            }
            if expires_at <= now {
                self.shared.workforce.forget(*session_id);
            }
            expires_at > now
        });
        keep
    }
}

/// Moves the expiry of sessions ahead that have shown a sign of life, until the engine stops.
pub(in crate::engine) async fn keep_alive(sessions: Sessions) {
    let pause = sessions.shared.settings.heartbeat_interval / 4;
    let stop = sessions.shared.stop.clone();
    while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
        let reports = std::mem::take(&mut *sessions.progress.lock().unwrap_or_else(PoisonError::into_inner));
        if !reports.is_empty() {
            let reports: Vec<_> = reports.into_values().collect();
            if let Err(error) = rows::set_progress(sessions.shared.store.pool(), &reports).await {
                tracing::debug!(error = &error as &dyn std::error::Error, "progress not written");
            }
        }
        if let Err(error) = sessions.take_back_unreceived().await {
            tracing::debug!(error = &error as &dyn std::error::Error, "attempts not taken back");
        }
        let keep = sessions.to_keep();
        if !keep.is_empty()
            && let Err(error) = rows::keep_alive(sessions.shared.store.pool(), &keep).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "sessions not kept alive");
            let mut known = sessions.known();
            for alive in keep {
                if let Some(known) = known.get_mut(&alive.session_id) {
                    known.kept_until = 0;
                    known.kept_fill = None;
                }
            }
        }
    }
}
