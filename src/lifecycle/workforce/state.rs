//! Who sits where, under the lock.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::{Fill, Filter, Opening, Outgoing, Serving, SessionSender, Slot};
use crate::domain::{
    ids::{StepId, StepNo},
    run::Micros,
    template::{NamedTaskId, QueueId},
};

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
    /// Queues whose last look left out steps that only sessions without a free slot run.
    pub(super) partial: HashSet<QueueId>,
    /// Steps that sessions have handed back as not supported.
    pub(super) declined: HashMap<Uuid, HashSet<(NamedTaskId, StepNo)>>,
    pub(super) turn: usize,
}

/// An attempt on its slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holding {
    pub(super) session_id: Uuid,
    pub(super) attempt: u16,
    pub(super) since: Option<Micros>,
    pub(super) receipt: Receipt,
}

/// Whether the worker has received an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receipt {
    /// It waits for the connection.
    Queued,
    /// It went out in the batch with this number.
    Sent(u64),
    /// The worker has spoken of it.
    Received,
    /// It is being taken back.
    TakenBack,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) serving: Serving,
    pub(super) slots: usize,
    pub(super) held: usize,
    pub(super) sender: SessionSender,
    pub(super) open: bool,
    /// What it holds was read from the store.
    pub(super) is_known: bool,
    /// The number of the newest batch of assignments on its stream, and of the newest that the worker has received.
    pub(super) sent: u64,
    pub(super) received: u64,
    /// Its worker does not read: it is given nothing until it does.
    pub(super) deaf: bool,
    /// Results that are being written and have not been answered.
    pub(super) unanswered: usize,
}

impl Session {
    pub(super) fn new(serving: Serving, slots: usize, held: usize, sender: SessionSender) -> Self {
        Self {
            serving,
            slots,
            held,
            sender,
            open: false,
            is_known: false,
            sent: 0,
            received: 0,
            deaf: false,
            unanswered: 0,
        }
    }

    /// Whether it is given work, if it has room.
    pub(super) fn takes_work(&self) -> bool {
        self.open && !self.deaf && !self.sender.is_full()
    }

    pub(super) fn announce_drain(&self) {
        self.sender.send(Outgoing { drain: true, ..Outgoing::default() });
    }
}

impl State {
    /// How many more attempts a session takes.
    pub(super) fn free(&self, session_id: &Uuid) -> usize {
        let Some(session) = self.sessions.get(session_id).filter(|session| session.takes_work()) else {
            return 0;
        };
        let claiming = self.claiming.get(session_id).copied().unwrap_or(0);
        session.slots.saturating_sub(session.held + claiming)
    }

    /// How full a session is; `None` when it is not here.
    pub(super) fn fill(&self, session_id: Uuid) -> Option<Fill> {
        let session = self.sessions.get(&session_id)?;
        let has_room = session.takes_work();
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
        self.look_again(session_id);
    }

    /// Whether a session runs a step of a queue.
    pub(super) fn accepts(&self, session_id: &Uuid, queue: QueueId, version: NamedTaskId, no: StepNo) -> bool {
        self.sessions.get(session_id).is_some_and(|session| session.serving.covers(queue, version))
            && !self.declined.get(session_id).is_some_and(|declined| declined.contains(&(version, no)))
    }

    /// A slot of a session may be free: its queues may have steps that nobody else runs.
    pub(super) fn look_again(&mut self, session_id: Uuid) {
        if self.partial.is_empty() {
            return;
        }
        let Some(session) = self.sessions.get(&session_id) else { return };
        for queue in session.serving.queues() {
            if self.partial.remove(&queue) {
                self.waiting.insert(queue);
            }
        }
    }

    /// Puts an attempt on a slot of a session that is here.
    pub(super) fn hold(
        &mut self,
        session_id: Uuid,
        step: StepId,
        attempt: u16,
        since: Option<Micros>,
        receipt: Receipt,
    ) {
        if !self.sessions.contains_key(&session_id) {
            return;
        }
        let before = self.held.remove(&step);
        if let Some(before) = before {
            self.count(before.session_id, -1);
        }
        let remembered = before.filter(|before| before.attempt == attempt).and_then(|before| before.since);
        self.held.insert(step, Holding { session_id, attempt, since: since.or(remembered), receipt });
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
        self.look_again(session_id);
        Some(Slot { session_id, since })
    }

    pub(super) fn count(&mut self, session_id: Uuid, by: isize) {
        if let Some(session) = self.sessions.get_mut(&session_id) {
            session.held = session.held.saturating_add_signed(by);
        }
    }

    /// Whether a slot is free for a queue that may have steps.
    pub(super) fn has_opening(&self) -> bool {
        let has_free = |queue: &QueueId| self.candidates(queue).iter().any(|id| self.free(id) > 0);
        self.waiting.iter().any(has_free)
    }

    /// The queues that may have steps, with the free slots for them.
    pub(super) fn open_queues(&self) -> Vec<Opening> {
        let opening = |queue: &QueueId| {
            let open: Vec<(Uuid, usize)> =
                self.candidates(queue).iter().map(|id| (*id, self.free(id))).filter(|(_, free)| *free > 0).collect();
            let free = open.iter().map(|(_, free)| free).sum();
            (free > 0).then(|| Opening { queue: *queue, free, filter: self.filter(*queue, &open) })
        };
        self.waiting.iter().filter_map(opening).collect()
    }

    /// Which steps of a queue these sessions run, all together.
    fn filter(&self, queue: QueueId, open: &[(Uuid, usize)]) -> Filter {
        let mut versions = Some(Vec::new());
        let mut declined = HashSet::new();
        for (session_id, _) in open {
            let Some(session) = self.sessions.get(session_id) else { continue };
            versions = match (versions, session.serving.versions(queue)) {
                (Some(mut all), Some(more)) => {
                    all.extend(more);
                    Some(all)
                }
                _ => None,
            };
            declined.extend(self.declined.get(session_id).into_iter().flatten().copied());
        }
        declined.retain(|(version, no)| !open.iter().any(|(id, _)| self.accepts(id, queue, *version, *no)));
        if let Some(versions) = &mut versions {
            versions.sort_unstable();
            versions.dedup();
        }
        let mut declined: Vec<_> = declined.into_iter().collect();
        declined.sort_unstable();
        Filter { versions, declined }
    }

    fn candidates(&self, queue: &QueueId) -> &[Uuid] {
        self.by_queue.get(queue).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn leave_queues(&mut self, session_id: Uuid) {
        let Some(session) = self.sessions.get(&session_id) else { return };
        for queue in session.serving.queues() {
            if let Some(sessions) = self.by_queue.get_mut(&queue) {
                sessions.retain(|id| *id != session_id);
                if sessions.is_empty() {
                    self.by_queue.remove(&queue);
                    self.waiting.remove(&queue);
                    self.partial.remove(&queue);
                    self.due.remove(&queue);
                }
            }
        }
    }
}
