//! A worker that does nothing unless it is told to, and can be asked what it has in its hands.

use std::{sync::Arc, time::Duration};

use tasker::{
    domain::ids::StepId,
    engine::{
        Sessions,
        sessions::{Hello, Hold, Opened, Report},
    },
    lifecycle::{
        Outcome, Verdict,
        workforce::{Outgoing, SessionReceiver},
    },
};
use uuid::Uuid;

use crate::{
    harness::{eventually, within},
    sim::{Server, hello},
};

type Attempt = (StepId, u16);

/// The worker, and its connection if it has one.
pub struct ScriptedWorker {
    sessions: Sessions,
    session_id: Uuid,
    slots: usize,
    connection: Option<(Hold, SessionReceiver)>,
    hands: Vec<Attempt>,
    acks: Vec<(StepId, Verdict)>,
}

impl ScriptedWorker {
    /// Connects.
    pub async fn open(server: &Server, slots: usize) -> Self {
        let sessions = server.engine.sessions().clone();
        let Opened { receiver, hold, .. } = within("hello", sessions.open(hello(slots))).await.unwrap();
        let session_id = hold.session_id;
        let connection = Some((hold, receiver));
        Self { sessions, session_id, slots, connection, hands: Vec::new(), acks: Vec::new() }
    }

    /// The connection breaks, if there is one.
    pub async fn break_off(&mut self) {
        self.hear();
        if let Some((hold, mut receiver)) = self.connection.take() {
            self.sessions.leave(hold, false).await;
            self.take_in(&mut receiver);
        }
    }

    /// Comes back to its session, if it had gone.
    pub async fn come_back(&mut self, server: &Server) {
        if self.connection.is_some() {
            return;
        }
        self.sessions = server.engine.sessions().clone();
        let hello = Hello {
            session_id: Some(self.session_id),
            held: self.hands.iter().copied().map(Into::into).collect(),
            ..hello(self.slots)
        };
        let Opened { receiver, hold, lost } = within("hello", self.sessions.open(hello)).await.unwrap();
        self.hands.retain(|attempt| !lost.contains(&(*attempt).into()));
        self.session_id = hold.session_id;
        self.connection = Some((hold, receiver));
    }

    /// Takes no more.
    pub async fn drain(&mut self) {
        let (hold, _) = self.connection.as_ref().expect("it is connected");
        self.sessions.drain(hold).await.unwrap();
    }

    /// Runs so many at once.
    pub fn resize(&mut self, slots: usize) {
        self.slots = slots;
        self.sessions.resize(self.session_id, slots);
    }

    /// Takes in what has come.
    pub fn hear(&mut self) {
        self.sessions.touch(self.session_id);
        if let Some((hold, mut receiver)) = self.connection.take() {
            self.take_in(&mut receiver);
            self.connection = Some((hold, receiver));
        }
    }

    fn take_in(&mut self, receiver: &mut SessionReceiver) {
        let mut heard = Outgoing::default();
        receiver.gather(&mut heard);
        crate::sim::confirm(&self.sessions, self.session_id, receiver, &heard);
        for assignment in &heard.assignments {
            self.hands.push((assignment.step, assignment.attempt));
        }
        for (step, attempt, _) in heard.stops {
            self.hands.retain(|held| *held != (step, attempt));
        }
        self.acks.extend(heard.acks.into_iter().map(|ack| (ack.step, ack.verdict)));
    }

    /// One of the attempts in its hands, as the dice say, if it is connected and has any.
    pub fn take(&mut self, throw: &mut dyn FnMut(usize) -> usize) -> Option<Attempt> {
        self.hear();
        if self.connection.is_none() || self.hands.is_empty() {
            return None;
        }
        Some(self.hands.swap_remove(throw(self.hands.len())))
    }

    /// The attempt that it was given longest ago; waits for one.
    pub async fn next(&mut self) -> Attempt {
        eventually("an assignment", async || {
            self.hear();
            !self.hands.is_empty()
        })
        .await;
        self.hands.remove(0)
    }

    /// Ends an attempt well.
    pub async fn finish(&mut self, attempt: Attempt) {
        self.report(attempt, Outcome::Success(Arc::from("{}"))).await;
    }

    /// Ends an attempt and waits for the answer.
    pub async fn report(&mut self, (step, attempt): Attempt, outcome: Outcome) {
        let report = Report { lease: (step, attempt).into(), outcome: Ok(outcome) };
        within("report", self.sessions.report(self.session_id, vec![report])).await;
        let answered = eventually("an answer", async || {
            self.hear();
            self.acks.iter().any(|(of, _)| *of == step)
        });
        tokio::time::timeout(Duration::from_secs(20), answered).await.unwrap();
        self.acks.clear();
    }
}
