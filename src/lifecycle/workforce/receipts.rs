//! Whether workers receive what they are sent.
//!
//! Every batch of assignments on a stream has a number, and a worker's sign of life names the newest that it has received.
//! A worker that speaks and does not read would keep its attempts for as long as it speaks; they are taken back.

use std::collections::HashMap;

use uuid::Uuid;

use super::{Workforce, state::Receipt};
use crate::domain::{ids::StepId, run::Micros};

impl Workforce {
    /// Gives a batch of assignments that goes out its number on the stream.
    pub fn sent(&self, session_id: Uuid, attempts: &[(StepId, u16)]) -> u64 {
        let mut state = self.state();
        let Some(session) = state.sessions.get_mut(&session_id) else { return 0 };
        session.sent += 1;
        let sequence = session.sent;
        for (step, attempt) in attempts {
            if let Some(holding) = state.held.get_mut(step)
                && holding.session_id == session_id
                && holding.attempt == *attempt
                && holding.receipt == Receipt::Queued
            {
                holding.receipt = Receipt::Sent(sequence);
            }
        }
        sequence
    }

    /// Notes the newest batch that a worker says it has received. One that has caught up is given work again.
    pub fn received(&self, session_id: Uuid, sequence: u64) {
        let mut state = self.state();
        let Some(session) = state.sessions.get_mut(&session_id) else { return };
        session.received = session.received.max(sequence.min(session.sent));
        if session.deaf && session.received == session.sent && session.sender.is_empty() {
            session.deaf = false;
            state.look_again(session_id);
            drop(state);
            self.wake();
        }
    }

    /// Notes that a worker speaks of attempts, and those of these that it holds. A stream keeps its order: the batches up to
    /// theirs have been received, too.
    pub fn spoken_of(&self, session_id: Uuid, attempts: &[(StepId, u16)]) -> Vec<(StepId, u16)> {
        let mut state = self.state();
        let (mut held, mut newest) = (Vec::with_capacity(attempts.len()), 0);
        for (step, attempt) in attempts {
            if let Some(holding) = state.held.get_mut(step)
                && holding.session_id == session_id
                && holding.attempt == *attempt
            {
                if let Receipt::Sent(sequence) = holding.receipt {
                    newest = newest.max(sequence);
                }
                if holding.receipt != Receipt::TakenBack {
                    holding.receipt = Receipt::Received;
                }
                held.push((*step, *attempt));
            }
        }
        if let Some(session) = state.sessions.get_mut(&session_id) {
            session.received = session.received.max(newest);
        }
        held
    }

    /// Finds attempts whose workers have spoken so long after the claim, and have not received them. Each is found once; their
    /// sessions are given nothing until they have caught up.
    pub fn unreceived(&self, heard_at: &HashMap<Uuid, Micros>, patience: Micros) -> Vec<(StepId, u16)> {
        let mut state = self.state();
        let state = &mut *state;
        let mut found = Vec::new();
        for (step, holding) in &mut state.held {
            let Some(session) = state.sessions.get_mut(&holding.session_id) else { continue };
            let is_received = match holding.receipt {
                Receipt::Queued => false,
                Receipt::Sent(sequence) => sequence <= session.received,
                Receipt::Received | Receipt::TakenBack => true,
            };
            let heard_at = heard_at.get(&holding.session_id).copied().unwrap_or(Micros::MIN);
            if !is_received && holding.since.is_some_and(|since| heard_at.saturating_sub(since) > patience) {
                holding.receipt = Receipt::TakenBack;
                session.deaf = true;
                found.push((*step, holding.attempt));
            }
        }
        found
    }
}
