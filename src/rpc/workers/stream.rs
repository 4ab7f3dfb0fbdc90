//! A session's stream: what the worker says is taken in, what gathers for it goes out.

use futures::{Stream, stream};
use tokio::{
    sync::oneshot,
    time::{Instant, MissedTickBehavior, interval, timeout_at},
};
use tonic::{Status, Streaming};
use uuid::Uuid;

use super::{Incoming, Workers, parse, render, require};
use crate::{
    auth::Scope,
    domain::offer::Offer,
    engine::sessions::Hold,
    error::{Error, Result},
    lifecycle::workforce::{Outgoing, SessionReceiver},
    proto::tasker::worker::v1 as proto,
};

impl Workers {
    /// Serves a session to its end. The worker is told through `broken` why that came about, if by an error.
    pub(super) async fn converse(
        self,
        hold: Hold,
        offers: Vec<Offer>,
        scope: Scope,
        mut incoming: Streaming<proto::OpenSessionRequest>,
        broken: oneshot::Sender<Status>,
    ) {
        let goodbye = match self.listen(&hold, &offers, &scope, &mut incoming).await {
            Ok(goodbye) => goodbye,
            Err(status) => {
                tracing::debug!(session_id = %hold.session_id, %status, "session stream broke");
                self.sessions.close(&hold);
                let _gone = broken.send(status);
                false
            }
        };
        self.sessions.leave(hold, goodbye).await;
    }

    /// Takes what a worker says until it ends its stream; whether it said goodbye. All that it offers must be granted to it at
    /// any time: fresh credentials and reloaded roles hold at once.
    async fn listen(
        &self,
        hold: &Hold,
        offers: &[Offer],
        scope: &Scope,
        incoming: &mut Streaming<proto::OpenSessionRequest>,
    ) -> Result<bool, Status> {
        let session_id = hold.session_id;
        let mut draining = false;
        let (silence_max, heartbeat_interval) = self.sessions.intervals();
        let mut heard_at = Instant::now();
        let mut seen = scope.revision();
        let mut looks = interval(heartbeat_interval / 4);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let message = tokio::select! {
                message = timeout_at(heard_at + silence_max, incoming.message()) => Some(message),
                _ = looks.tick() => None,
                () = self.sessions.ended() => return Ok(false),
            };
            if seen != scope.revision() {
                seen = scope.revision();
                require(offers, scope)?;
            }
            let Some(message) = message else { continue };
            let Ok(message) = message else { return Ok(false) };
            let Some(message) = message? else { return Ok(draining) };
            heard_at = Instant::now();
            self.sessions.touch(session_id);
            match message.message {
                Some(Incoming::Hello(_)) => return Err(Error::invalid_field("hello", "was said before").into()),
                Some(Incoming::SetSlots(set)) => self.sessions.resize(session_id, parse::slots(set)?),
                Some(Incoming::Heartbeat(heartbeat)) => {
                    let received = u64::try_from(heartbeat.received_sequence).unwrap_or(0);
                    self.sessions.heard_heartbeat(session_id, received);
                }
                Some(Incoming::Progress(report)) => {
                    self.sessions.progress(session_id, parse::progress(report.progress));
                }
                Some(Incoming::Results(batch)) => {
                    let results = batch.results.into_iter();
                    let reports = results.map(|result| parse::report(result, self.limits)).collect();
                    self.sessions.report(session_id, reports).await;
                }
                Some(Incoming::Refresh(refresh)) => {
                    scope.refresh(&refresh.token).await.map_err(Error::from)?;
                    seen = scope.revision();
                    require(offers, scope)?;
                }
                Some(Incoming::Drain(_)) => {
                    draining = true;
                    self.sessions.drain(hold).await?;
                }
                // Something that a later version of the contract has.
                None => {}
            }
        }
    }
}

/// What the server says: the welcome, then whatever gathers, until the session is left. A message is made when the
/// connection can take it, so that what waits is shared text and not copies. The last word is why it broke, if it did.
pub(super) fn outgoing(
    first: proto::OpenSessionResponse,
    session_id: Uuid,
    receiver: SessionReceiver,
    breaks: oneshot::Receiver<Status>,
) -> impl Stream<Item = Result<proto::OpenSessionResponse, Status>> {
    let state = (Some(first), Outgoing::default(), receiver, breaks);
    stream::unfold(state, move |(first, mut waiting, mut receiver, mut breaks)| async move {
        if let Some(first) = first {
            return Some((Ok(first), (None, waiting, receiver, breaks)));
        }
        loop {
            receiver.gather(&mut waiting);
            leave_out_stopped(&mut waiting, &receiver);
            let next = match render::next_response(&mut waiting) {
                Some(response) => Some(response),
                None => render::next_assignments(&mut waiting).map(|(assignments, bytes)| {
                    let sequence = receiver.sent(session_id, &assignments, bytes);
                    render::batch(sequence, &assignments)
                }),
            };
            if let Some(response) = next {
                return Some((Ok(response), (None, waiting, receiver, breaks)));
            }
            match receiver.recv().await {
                Some(more) => waiting = more,
                None => {
                    let status = breaks.try_recv().ok()?;
                    return Some((Err(status), (None, waiting, receiver, breaks)));
                }
            }
        }
    })
}

/// Attempts that were stopped before they were sent are not sent at all.
fn leave_out_stopped(waiting: &mut Outgoing, receiver: &SessionReceiver) {
    if waiting.stops.is_empty() || waiting.assignments.is_empty() {
        return;
    }
    let Outgoing { assignments, stops, .. } = waiting;
    assignments.retain(|assignment| {
        let is_stopped =
            stops.iter().any(|(step, attempt, _)| *step == assignment.step && *attempt == assignment.attempt);
        if is_stopped {
            receiver.delivered(assignment.bytes());
        }
        !is_stopped
    });
}
