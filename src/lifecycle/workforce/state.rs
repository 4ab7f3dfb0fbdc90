//! Who sits where, under the lock.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::{Fill, Outgoing, SessionSender, Slot};
use crate::domain::{ids::StepId, run::Micros, template::QueueId};

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) sessions: HashMap<Uuid, Session>,
    pub(super) by_queue: HashMap<QueueId, Vec<Uuid>>,
    pub(super) held: HashMap<StepId, Holding>,
    /// Slots taken for claims that are being written, by session. A session may leave and come back meanwhile.
    pub(super) claiming: HashMap<Uuid, usize>,
    /// The server is about to go: nobody is given anything.
    pub(super) draining: bool,
    /// The sessions have been told so.
    pub(super) announced: bool,
    /// Queues that may have rows: nobody has seen them empty since.
    pub(super) waiting: HashSet<QueueId>,
    pub(super) due: HashMap<QueueId, Micros>,
    pub(super) turn: usize,
}

/// An attempt on its slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holding {
    pub(super) session_id: Uuid,
    pub(super) attempt: u16,
    pub(super) since: Option<Micros>,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) queues: Vec<QueueId>,
    pub(super) slots: usize,
    pub(super) held: usize,
    pub(super) sender: SessionSender,
    pub(super) open: bool,
}

impl Session {
    pub(super) fn announce_drain(&self) {
        self.sender.send(Outgoing { drain: true, ..Outgoing::default() });
    }
}

impl State {
    /// How many more attempts a session takes.
    pub(super) fn free(&self, session_id: &Uuid) -> usize {
        let Some(session) = self.sessions.get(session_id).filter(|session| session.open && !session.sender.is_full())
        else {
            return 0;
        };
        let claiming = self.claiming.get(session_id).copied().unwrap_or(0);
        session.slots.saturating_sub(session.held + claiming)
    }

    /// How full a session is; `None` when it is not here.
    pub(super) fn fill(&self, session_id: Uuid) -> Option<Fill> {
        let session = self.sessions.get(&session_id)?;
        let has_room = session.open && !session.sender.is_full();
        Some(Fill {
            slots: session.slots,
            held: session.held,
            claiming: self.claiming.get(&session_id).copied().unwrap_or(0),
            free: if has_room { session.slots.saturating_sub(session.held) } else { 0 },
            is_open: session.open,
        })
    }

    /// A slot is not being claimed any more.
    pub(super) fn claimed(&mut self, session_id: Uuid) {
        if let Some(claiming) = self.claiming.get_mut(&session_id) {
            *claiming -= 1;
            if *claiming == 0 {
                self.claiming.remove(&session_id);
            }
        }
    }

    /// Puts an attempt on a slot of a session that is here.
    pub(super) fn hold(&mut self, session_id: Uuid, step: StepId, attempt: u16, since: Option<Micros>) {
        if !self.sessions.contains_key(&session_id) {
            return;
        }
        let before = self.held.remove(&step);
        if let Some(before) = before {
            self.count(before.session_id, -1);
        }
        let remembered = before.filter(|before| before.attempt == attempt).and_then(|before| before.since);
        self.held.insert(step, Holding { session_id, attempt, since: since.or(remembered) });
        self.count(session_id, 1);
    }

    /// Whether a session holds an attempt.
    pub(super) fn holds(&self, session_id: Uuid, step: StepId, attempt: u16) -> bool {
        self.held.get(&step).is_some_and(|held| held.session_id == session_id && held.attempt == attempt)
    }

    /// Takes an attempt off its slot, if it has one here.
    pub(super) fn vacate(&mut self, step: StepId, attempt: u16) -> Option<Slot> {
        let Holding { session_id, since, .. } = *self.held.get(&step).filter(|held| held.attempt == attempt)?;
        self.held.remove(&step);
        self.count(session_id, -1);
        Some(Slot { session_id, since })
    }

    pub(super) fn count(&mut self, session_id: Uuid, by: isize) {
        if let Some(session) = self.sessions.get_mut(&session_id) {
            session.held = session.held.saturating_add_signed(by);
        }
    }

    pub(super) fn open_queues(&self) -> Vec<(QueueId, usize)> {
        let free = |queue: &QueueId| {
            let sessions = self.by_queue.get(queue).map(Vec::as_slice).unwrap_or_default();
            sessions.iter().map(|id| self.free(id)).sum()
        };
        let open = self.waiting.iter().map(|queue| (*queue, free(queue)));
        open.filter(|(_, free)| *free > 0).collect()
    }

    pub(super) fn leave_queues(&mut self, session_id: Uuid) {
        let Some(session) = self.sessions.get(&session_id) else { return };
        for queue in session.queues.clone() {
            if let Some(sessions) = self.by_queue.get_mut(&queue) {
                sessions.retain(|id| *id != session_id);
                if sessions.is_empty() {
                    self.by_queue.remove(&queue);
                    self.waiting.remove(&queue);
                    self.due.remove(&queue);
                }
            }
        }
    }
}
