//! Who was heard of, and when.
//!
//! A sign of life costs no statement: it is noted in memory, and the expiries of all sessions that have shown one
//! are moved ahead together, four times per heartbeat.

use std::{
    collections::HashMap,
    sync::{MutexGuard, PoisonError},
};

use uuid::Uuid;

use super::{Offer, Sessions, rows};
use crate::domain::run::Micros;

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
            let reports: Vec<_> = reports
                .into_values()
                .map(|report| (report.step, report.attempt, report.percent, report.note))
                .collect();
            if let Err(error) = rows::set_progress(sessions.shared.store.pool(), &reports).await {
                tracing::debug!(error = &error as &dyn std::error::Error, "progress not written");
            }
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
