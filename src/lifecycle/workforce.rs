//! The workers connected to this server: who runs which steps, and how many more each will take.
//!
//! Owns: sessions, their slots, which attempt sits where. The lanes take a slot before they write a claim; from
//! then on the slot is being claimed, until the assignment is handed over after the commit or the slot given
//! back. Never: touches the store. Locks are held for a few map look-ups and never across an await.

mod channel;
mod receipts;
mod serving;
mod state;

pub use channel::{Outgoing, SessionReceiver, SessionSender};
pub use serving::{Filter, Opening, Serving};

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;
use uuid::Uuid;

use state::{Receipt, Session, State};

use super::assignment::StopReason;
use crate::domain::{
    ids::{StepId, StepNo},
    run::{Claimed, Micros},
    template::{NamedTaskId, QueueId},
};

/// Steps of one session that are remembered as not supported, at most. Beyond that a step may come to it once more.
const DECLINED_MAX: usize = 10_000;

/// A slot that was taken for an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The session.
    pub session_id: Uuid,
    /// When the attempt on it was claimed; `None` before that, and where nobody here remembers.
    pub since: Option<Micros>,
}

/// What the workers of this server can do and do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Sessions.
    pub sessions: usize,
    /// Attempts that they run at once, all together.
    pub slots: usize,
    /// Attempts that they hold, or are about to.
    pub busy: usize,
}

/// How full a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// How many attempts it runs at once.
    pub slots: usize,
    /// How many it has. One whose claim is being written is not among them yet.
    pub held: usize,
    /// How many claims are being written for it.
    pub claiming: usize,
    /// How many more it is given now, those included whose claims are being written.
    pub free: usize,
    /// Whether it is given any, if it has room.
    pub is_open: bool,
}

/// All sessions of this server.
#[derive(Debug, Clone, Default)]
pub struct Workforce(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    /// Notified when the dispatcher should look: a slot came free, or a step waits.
    wake: Notify,
    /// Receivers whose messages have not all gone out.
    streams: AtomicUsize,
}

impl Workforce {
    /// A way for messages to a session of this server.
    pub fn channel(&self) -> (SessionSender, SessionReceiver) {
        self.0.streams.fetch_add(1, Ordering::Relaxed);
        channel::channel(self.clone())
    }

    /// How many receivers there are whose messages have not all gone out.
    pub fn open_streams(&self) -> usize {
        self.0.streams.load(Ordering::Relaxed)
    }

    /// Adds a session, or gives an existing one a new sender. What is claimed for it from now on goes to this sender; it is
    /// given nothing new until it is opened.
    pub fn join(&self, session_id: Uuid, serving: Serving, slots: usize, sender: SessionSender) {
        let mut state = self.state();
        state.leave_queues(session_id);
        for queue in serving.queues() {
            state.by_queue.entry(queue).or_default().push(session_id);
        }
        let before = state.held.values().filter(|held| held.session_id == session_id).count();
        state.sessions.insert(session_id, Session::new(serving, slots, before, sender));
    }

    /// Notes attempts that a session holds, as the store says. What ends from now on is noted, too.
    pub fn adopt(&self, session_id: Uuid, held: &HashSet<(StepId, u16)>) {
        let mut state = self.state();
        for (step, attempt) in held {
            if !state.holds(session_id, *step, *attempt) {
                state.hold(session_id, *step, *attempt, None, Receipt::Received);
            }
        }
    }

    /// Lets a session have work. Of the attempts noted before it holds these, as the store says, and no others.
    pub fn open(&self, session_id: Uuid, held: &HashSet<(StepId, u16)>) {
        let mut state = self.state();
        let mine = state.held.iter().filter(|(_, holding)| holding.session_id == session_id);
        let others: Vec<_> =
            mine.map(|(step, holding)| (*step, holding.attempt)).filter(|it| !held.contains(it)).collect();
        for (step, attempt) in others {
            state.vacate(step, attempt);
        }
        let (draining, announced) = (state.draining, state.announced);
        let Some(session) = state.sessions.get_mut(&session_id) else { return };
        session.open = !draining;
        session.is_known = true;
        if announced {
            session.announce_drain();
        }
        let queues = session.serving.queues();
        state.waiting.extend(queues);
        drop(state);
        self.wake();
    }

    /// Changes what a session runs, for instance because a handler that it serves was registered.
    /// Whether that is anything else than before.
    pub fn serve(&self, session_id: Uuid, serving: Serving) -> bool {
        let mut state = self.state();
        let Some(session) = state.sessions.get(&session_id) else { return false };
        let is_new = session.serving != serving;
        state.leave_queues(session_id);
        for queue in serving.queues() {
            state.by_queue.entry(queue).or_default().push(session_id);
            state.waiting.insert(queue);
        }
        if let Some(session) = state.sessions.get_mut(&session_id) {
            session.serving = serving;
        }
        drop(state);
        self.wake();
        is_new
    }

    /// How full sessions are that are here.
    pub fn fill(&self, sessions: impl IntoIterator<Item = Uuid>) -> HashMap<Uuid, Fill> {
        let state = self.state();
        let fill = |session_id: Uuid| Some((session_id, state.fill(session_id)?));
        sessions.into_iter().filter_map(fill).collect()
    }

    /// Removes a session. Its attempts stay leased until the session expires or comes back.
    pub fn leave(&self, session_id: Uuid) {
        let mut state = self.state();
        state.leave_queues(session_id);
        state.sessions.remove(&session_id);
        state.held.retain(|_, holding| holding.session_id != session_id);
    }

    /// Removes the session only if this is still its sender, that is, if it has not come back meanwhile.
    pub fn leave_with(&self, session_id: Uuid, sender: &SessionSender) -> bool {
        let same = self.state().sessions.get(&session_id).is_some_and(|session| session.sender.is(sender));
        if same {
            self.leave(session_id);
        }
        same
    }

    /// Changes how many attempts a session runs at once.
    pub fn resize(&self, session_id: Uuid, slots: usize) {
        let mut state = self.state();
        if let Some(session) = state.sessions.get_mut(&session_id) {
            session.slots = slots;
        }
        state.look_again(session_id);
        drop(state);
        self.wake();
    }

    /// Notes that a session does not run a step of a handler version: it is given no more of them.
    pub fn decline(&self, session_id: Uuid, version: NamedTaskId, no: StepNo) {
        let mut state = self.state();
        let declined = state.declined.entry(session_id).or_default();
        if declined.len() < DECLINED_MAX {
            declined.insert((version, no));
        }
    }

    /// Which of these sessions have handed a step of a handler version back as not supported.
    pub fn decliners(&self, version: NamedTaskId, no: StepNo) -> HashSet<Uuid> {
        let state = self.state();
        let declined = state.declined.iter().filter(|(_, declined)| declined.contains(&(version, no)));
        declined.map(|(session_id, _)| *session_id).collect()
    }

    /// Forgets what a session that is over has handed back.
    pub fn forget(&self, session_id: Uuid) {
        self.state().declined.remove(&session_id);
    }

    /// Gives a session no further work, unless it has come back with another sender.
    pub fn close(&self, session_id: Uuid, sender: &SessionSender) {
        if let Some(session) = self.state().sessions.get_mut(&session_id)
            && session.sender.is(sender)
        {
            session.open = false;
        }
    }

    /// Gives nobody further work. Claims that are being written still reach their workers, who know nothing yet.
    pub fn close_all(&self) {
        let mut state = self.state();
        state.draining = true;
        state.sessions.values_mut().for_each(|session| session.open = false);
    }

    /// Tells every session, and those still to come, that the server is about to go. A worker that has nothing in
    /// its hands goes at once, so whatever is claimed for it must have been sent before.
    pub fn announce_drain(&self) {
        let mut state = self.state();
        state.announced = true;
        state.sessions.values().for_each(Session::announce_drain);
    }

    /// Whether the server is about to go.
    pub fn is_draining(&self) -> bool {
        self.state().draining
    }

    /// Takes a slot for a step of this queue, if a connected worker that runs it has one.
    pub fn reserve(&self, queue: QueueId, version: NamedTaskId, no: StepNo) -> Option<Slot> {
        let mut state = self.state();
        let candidates = state.by_queue.get(&queue)?;
        let start = state.turn % candidates.len().max(1);
        let (before, after) = candidates.split_at_checked(start)?;
        let mut turns = after.iter().chain(before).copied();
        let session_id = turns.find(|id| state.free(id) > 0 && state.accepts(id, queue, version, no))?;
        state.turn = state.turn.wrapping_add(1);
        *state.claiming.entry(session_id).or_default() += 1;
        Some(Slot { session_id, since: None })
    }

    /// Returns a slot whose claim did not happen, or whose assignment cannot be handed over.
    pub fn release(&self, slot: Slot) {
        self.state().claimed(slot.session_id);
        self.wake();
    }

    /// Frees the slot of an attempt that is over, if it was held here.
    pub fn free(&self, step: StepId, attempt: u16) -> Option<Slot> {
        self.state().vacate(step, attempt)
    }

    /// Takes the slot again of an attempt whose end could not be written.
    pub fn restore(&self, slot: Slot, step: StepId, attempt: u16) {
        self.state().hold(slot.session_id, step, attempt, slot.since, Receipt::Received);
    }

    /// Tells the worker that runs an attempt to stop it, and frees the slot; whether it was held here.
    pub fn stop(&self, step: StepId, attempt: u16, reason: StopReason) -> bool {
        let Some(slot) = self.free(step, attempt) else { return false };
        self.send(slot.session_id, Outgoing { stops: vec![(step, attempt, reason)], ..Outgoing::default() });
        true
    }

    /// Hands messages to a session; they are lost if it has gone, which the leases make up for. The attempts that
    /// are assigned sit on their slots from here on.
    pub fn send(&self, session_id: Uuid, outgoing: Outgoing) {
        let mut state = self.state();
        for assignment in &outgoing.assignments {
            state.claimed(session_id);
            state.hold(session_id, assignment.step, assignment.attempt, Some(assignment.claimed_at), Receipt::Queued);
        }
        if let Some(session) = state.sessions.get_mut(&session_id) {
            session.unanswered = session.unanswered.saturating_sub(outgoing.acks.len());
            session.sender.send(outgoing);
        }
    }

    /// Notes that so many results of a session are being written, whose answers are to reach it.
    pub fn expect_answers(&self, session_id: Uuid, count: usize) {
        if let Some(session) = self.state().sessions.get_mut(&session_id) {
            session.unanswered += count;
        }
    }

    /// Notes that a result of a session will not be answered after all.
    pub fn expect_no_answer(&self, session_id: Uuid) {
        if let Some(session) = self.state().sessions.get_mut(&session_id) {
            session.unanswered = session.unanswered.saturating_sub(1);
        }
    }

    /// Whether every result of this hold on a session has been answered.
    pub fn is_answered(&self, session_id: Uuid, sender: &SessionSender) -> bool {
        let state = self.state();
        let session = state.sessions.get(&session_id).filter(|session| session.sender.is(sender));
        session.is_none_or(|session| session.unanswered == 0)
    }

    /// Of these attempts of sessions, those whose session is here and has not been told of them.
    pub fn unknown(&self, leased: Vec<(StepId, u16, Uuid)>) -> Vec<(StepId, u16)> {
        let state = self.state();
        let unknown = leased.into_iter().filter(|(step, attempt, session_id)| {
            let is_known = state.sessions.get(session_id).is_some_and(|session| session.is_known);
            is_known && !state.holds(*session_id, *step, *attempt)
        });
        unknown.map(|(step, attempt, _)| (step, attempt)).collect()
    }

    /// Slots of a session that were taken for claims that are not handed over yet.
    pub fn pending(&self, session_id: Uuid) -> usize {
        self.state().claiming.get(&session_id).copied().unwrap_or(0)
    }

    /// Whether any claim is being written, or is not handed over yet.
    pub fn is_claiming(&self) -> bool {
        !self.state().claiming.is_empty()
    }

    /// What the workers of this server can do and do.
    pub fn tally(&self) -> Tally {
        let state = self.state();
        let slots = state.sessions.values().map(|session| session.slots).sum();
        let busy = state.held.len() + state.claiming.values().sum::<usize>();
        Tally { sessions: state.sessions.len(), slots, busy }
    }

    /// Whether nothing is held here or about to be, and every result has been answered.
    pub fn is_idle(&self) -> bool {
        let state = self.state();
        let is_answered = state.sessions.values().all(|session| session.unanswered == 0);
        state.held.is_empty() && state.claiming.is_empty() && is_answered
    }

    /// Notes that steps of these queues wait in the store for a worker.
    pub fn expect_work(&self, queues: impl IntoIterator<Item = QueueId>) {
        let mut state = self.state();
        let served = queues.into_iter().filter(|queue| state.by_queue.contains_key(queue)).collect::<Vec<_>>();
        let any = !served.is_empty();
        state.waiting.extend(served);
        drop(state);
        if any {
            self.wake();
        }
    }

    /// Notes that every queue may have rows; the backstop for hints that were lost.
    pub fn expect_work_everywhere(&self) {
        let mut state = self.state();
        let queues: Vec<QueueId> = state.by_queue.keys().copied().collect();
        state.waiting.extend(queues);
        drop(state);
        self.wake();
    }

    /// Notes when the next step of a queue falls due.
    pub fn expect_work_at(&self, queue: QueueId, at: Micros) {
        let mut state = self.state();
        let due = state.due.entry(queue).or_insert(at);
        *due = (*due).min(at);
        drop(state);
        self.wake();
    }

    /// Takes the queues worth looking at now, each with the free slots for it.
    ///
    /// A queue that was taken counts as empty until somebody expects work in it again.
    pub fn openings(&self, now: Micros) -> Vec<Opening> {
        let mut state = self.state();
        let due: Vec<QueueId> = state.due.iter().filter(|(_, at)| **at <= now).map(|(queue, _)| *queue).collect();
        for queue in due {
            state.due.remove(&queue);
            state.waiting.insert(queue);
        }
        let open = state.open_queues();
        for Opening { queue, filter, .. } in &open {
            state.waiting.remove(queue);
            if !filter.is_everything() {
                state.partial.insert(*queue);
            }
        }
        open
    }

    /// Has the dispatcher look if a slot is free for a queue that may have rows.
    pub fn wake_if_open(&self) {
        let any = self.state().has_opening();
        if any {
            self.wake();
        }
    }

    /// Puts a queue back on the list, because rows may remain.
    pub fn seen_rows(&self, queue: QueueId) {
        let mut state = self.state();
        if state.by_queue.contains_key(&queue) {
            state.waiting.insert(queue);
        }
    }

    /// The time at which the earliest known step falls due.
    pub fn next_due(&self) -> Option<Micros> {
        self.state().due.values().min().copied()
    }

    /// Whether any connected worker runs steps of this queue.
    pub fn serves(&self, queue: QueueId) -> bool {
        self.state().by_queue.get(&queue).is_some_and(|sessions| !sessions.is_empty())
    }

    /// Waits until the dispatcher should look.
    pub async fn woken(&self) {
        self.0.wake.notified().await;
    }

    /// Has the dispatcher look.
    pub fn wake(&self) {
        self.0.wake.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt with the slot that was taken for it.
#[derive(Debug, Clone, Copy)]
pub struct Reservation {
    /// The attempt.
    pub claimed: Claimed,
    /// The slot.
    pub slot: Slot,
}
