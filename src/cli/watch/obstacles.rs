//! What keeps steps that could start: asked of the server now and then, since no transition tells it.
//!
//! Owns: which steps are asked about, how often, and that a server or a token that does not answer such questions is
//! asked no more. Never prints; next: `board.rs`, which keeps the answers.

use std::time::Duration;

use futures::future::join_all;
use tasker_sdk::{Client, proto::tasker::v1 as pb};
use tokio::{
    sync::mpsc,
    time::{Interval, MissedTickBehavior, interval},
};
use tonic::Code;

use super::board::Board;
use crate::supervisor::spawn_short;

/// How often steps that wait are asked about.
const PERIOD: Duration = Duration::from_secs(1);

/// Steps asked about at once, at most.
const STEPS_MAX: usize = 8;

/// A step, and what keeps it; `None` when nothing does.
pub(crate) type Obstacle = (String, Option<String>);

/// Asks what keeps steps.
#[derive(Debug)]
pub(crate) struct Obstacles {
    client: Client,
    ticks: Interval,
    sender: mpsc::Sender<Option<Vec<Obstacle>>>,
    answers: mpsc::Receiver<Option<Vec<Obstacle>>>,
    in_flight: bool,
    refused: bool,
}

impl Obstacles {
    /// Asks with this client.
    pub(crate) fn new(client: Client) -> Self {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (sender, answers) = mpsc::channel(1);
        Self { client, ticks, sender, answers, in_flight: false, refused: false }
    }

    /// Waits for answers about the steps of a board, and asks when it is time to. Safe to drop at any point.
    pub(crate) async fn next(&mut self, board: Option<&Board>) -> Vec<Obstacle> {
        loop {
            tokio::select! {
                answer = self.answers.recv() => {
                    self.in_flight = false;
                    match answer.flatten() {
                        Some(found) => return found,
                        None => self.refused = true,
                    }
                }
                _ = self.ticks.tick(), if !self.refused && !self.in_flight => {
                    let steps = board.map(|board| board.waiting(STEPS_MAX)).unwrap_or_default();
                    if !steps.is_empty() {
                        self.in_flight = true;
                        spawn_short("obstacles", ask(self.client.clone(), steps, self.sender.clone()));
                    }
                }
            }
        }
    }
}

/// Asks about steps; the answer is `None` when the server or the token does not allow it.
async fn ask(client: Client, steps: Vec<String>, answers: mpsc::Sender<Option<Vec<Obstacle>>>) {
    let found = join_all(steps.into_iter().map(async |step_id| {
        let request = pb::ExplainStepRequest { step_id: step_id.clone() };
        let answer = client.explain().explain_step(request).await;
        answer.map(|answer| (step_id, answer.into_inner().step.and_then(|step| obstacle(&step))))
    }));
    let found = found.await;
    let is_refused = |status: &tonic::Status| matches!(status.code(), Code::PermissionDenied | Code::Unimplemented);
    let refused = found.iter().any(|answer| answer.as_ref().is_err_and(is_refused));
    let found = if refused { None } else { Some(found.into_iter().flatten().collect()) };
    // The watch may have ended meanwhile.
    let _ended = answers.send(found).await;
}

/// What keeps a step, if it is not about to start.
fn obstacle(step: &pb::StepExplanation) -> Option<String> {
    let waits = matches!(step.verdict(), pb::Verdict::Waiting | pb::Verdict::Stuck);
    let first = step.blockers.first().filter(|_| waits)?;
    (!first.summary.is_empty()).then(|| first.summary.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_step_that_is_kept_has_an_obstacle() {
        let of = |verdict: pb::Verdict| {
            let blocker = pb::Blocker { summary: "no worker runs it".to_owned(), ..pb::Blocker::default() };
            obstacle(&pb::StepExplanation { verdict: verdict.into(), blockers: vec![blocker], ..Default::default() })
        };
        assert_eq!(of(pb::Verdict::Waiting).as_deref(), Some("no worker runs it"));
        assert_eq!(of(pb::Verdict::Stuck).as_deref(), Some("no worker runs it"));
        assert_eq!(of(pb::Verdict::Movable), None);
        assert_eq!(of(pb::Verdict::Running), None);
    }
}
