//! Workers: some that run by themselves and find another server when theirs is gone, some moved by hand.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use tasker::{
    domain::{ids::StepId, offer::Offer, run::Failure},
    engine::{
        Sessions,
        sessions::{Hello, Hold, NamedLease, Opened, Report},
    },
    lifecycle::{
        Ack, Assignment, Outcome, StopReason, Verdict,
        workforce::{Outgoing, SessionReceiver},
    },
};
use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use uuid::Uuid;

use super::Server;
use crate::harness::within;

/// How often a worker shows that it lives, and sends again what could not be stored.
const BEAT: Duration = Duration::from_millis(20);

/// What a worker does with an assignment.
#[derive(Debug, Clone)]
pub enum Does {
    /// Reports this.
    Finish(String),
    /// Fails with this class.
    Fail(&'static str),
    /// Keeps it and says nothing.
    Keep,
}

/// What a worker has seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub assignments: Vec<Assignment>,
    pub accepted: Vec<(StepId, u16)>,
    pub stale: Vec<(StepId, u16)>,
    pub stops: Vec<(StepId, u16, StopReason)>,
}

/// The servers that workers know of; it changes as they come and go.
#[derive(Debug, Clone, Default)]
pub struct Fleet(Arc<Mutex<Vec<(Sessions, CancellationToken)>>>);

impl Fleet {
    /// One more server.
    pub fn add(&self, server: &Server) {
        self.0.lock().unwrap().push((server.engine.sessions().clone(), server.gone.clone()));
    }

    /// A server that is there, if any.
    fn pick(&self, turn: usize) -> Option<(Sessions, CancellationToken)> {
        let mut servers = self.0.lock().unwrap();
        servers.retain(|(_, gone)| !gone.is_cancelled());
        servers.get(turn % servers.len().max(1)).cloned()
    }
}

/// A worker that runs by itself.
#[derive(Debug)]
pub struct Worker {
    pub seen: Arc<Mutex<Seen>>,
    lost: CancellationToken,
    running: JoinHandle<()>,
}

type Script = Arc<dyn Fn(&Assignment) -> Does + Send + Sync>;

/// What outlives a worker's connection.
struct Life {
    hello: Hello,
    script: Script,
    seen: Arc<Mutex<Seen>>,
    /// Attempts in hand; those that are done with how they ended.
    hands: HashMap<(StepId, u16), Option<Outcome>>,
    /// Those that have been reported and wait for an answer.
    reported: HashSet<(StepId, u16)>,
}

impl Worker {
    /// A worker of one server that finishes everything.
    pub fn start(server: &Server, slots: usize) -> Self {
        Self::roaming(&[server], slots, |_| Does::Finish(r#"{"ok": true}"#.to_owned()))
    }

    /// A worker that follows a script, and goes to the next server when one is gone.
    pub fn roaming(
        servers: &[&Server],
        slots: usize,
        script: impl Fn(&Assignment) -> Does + Send + Sync + 'static,
    ) -> Self {
        let fleet = Fleet::default();
        servers.iter().for_each(|server| fleet.add(server));
        Self::of(&fleet, slots, script)
    }

    /// A worker that follows a script, at any server of a fleet.
    pub fn of(fleet: &Fleet, slots: usize, script: impl Fn(&Assignment) -> Does + Send + Sync + 'static) -> Self {
        let (seen, lost) = (Arc::<Mutex<Seen>>::default(), CancellationToken::new());
        let life = Life {
            hello: hello(slots),
            script: Arc::new(script),
            seen: Arc::clone(&seen),
            hands: HashMap::new(),
            reported: HashSet::new(),
        };
        let running = tokio::spawn(life.run(fleet.clone(), lost.clone()));
        Self { seen, lost, running }
    }

    /// The worker is gone from one moment to the next; what it had in hand is lost.
    pub async fn lose(self) {
        self.lost.cancel();
        within("the worker is gone", self.running).await.unwrap();
    }

    /// How many assignments it was given.
    pub fn assigned(&self) -> usize {
        self.seen.lock().unwrap().assignments.len()
    }
}

impl Life {
    async fn run(mut self, fleet: Fleet, lost: CancellationToken) {
        for turn in 0.. {
            let Some((sessions, gone)) = fleet.pick(turn) else {
                if lost.is_cancelled() {
                    return;
                }
                tokio::time::sleep(BEAT).await;
                continue;
            };
            self.hello.held = self.hands.keys().copied().map(Into::into).collect();
            let opened = tokio::select! {
                opened = sessions.open(self.hello.clone()) => opened,
                () = gone.cancelled() => continue,
                () = lost.cancelled() => return,
            };
            let Ok(Opened { mut receiver, lost: lost_attempts, hold }) = opened else {
                // The store is unavailable.
                tokio::time::sleep(BEAT).await;
                continue;
            };
            self.hello.session_id = Some(hold.session_id);
            self.hands.retain(|attempt, _| !lost_attempts.contains(&(*attempt).into()));
            self.reported.clear();
            let session_id = hold.session_id;
            let served = async { while self.serve(&sessions, session_id, &mut receiver).await {} };
            tokio::select! {
                () = served => sessions.leave(hold, false).await,
                () = gone.cancelled() => {}
                () = lost.cancelled() => return sessions.leave(hold, false).await,
            }
        }
    }

    /// Goes on for a moment; whether the connection holds.
    async fn serve(&mut self, sessions: &Sessions, session_id: Uuid, receiver: &mut SessionReceiver) -> bool {
        match tokio::time::timeout(BEAT, receiver.recv()).await {
            Ok(Some(outgoing)) => {
                confirm(sessions, session_id, receiver, &outgoing);
                self.hear(outgoing);
            }
            Ok(None) => return false,
            Err(_) => sessions.touch(session_id),
        }
        let mut reports = Vec::new();
        for ((step, attempt), outcome) in &self.hands {
            if let Some(outcome) = outcome
                && self.reported.insert((*step, *attempt))
            {
                reports.push(Report { lease: (*step, *attempt).into(), outcome: Ok(outcome.clone()) });
            }
        }
        if !reports.is_empty() {
            sessions.report(session_id, reports).await;
        }
        true
    }

    fn hear(&mut self, outgoing: Outgoing) {
        let mut seen = self.seen.lock().unwrap();
        for Ack { step, attempt, verdict } in outgoing.acks {
            let Some(outcome) = self.hands.remove(&(step, attempt)) else { continue };
            match verdict {
                Verdict::Retry => {
                    self.reported.remove(&(step, attempt));
                    self.hands.insert((step, attempt), outcome);
                }
                Verdict::Accepted => seen.accepted.push((step, attempt)),
                Verdict::Stale(_) | Verdict::Invalid(_) => seen.stale.push((step, attempt)),
            }
        }
        for (step, attempt, why) in outgoing.stops {
            self.hands.remove(&(step, attempt));
            seen.stops.push((step, attempt, why));
        }
        for assignment in outgoing.assignments {
            let outcome = match (self.script)(&assignment) {
                Does::Finish(results) => Some(Outcome::Success(Arc::from(results))),
                Does::Fail(class) => Some(failed(class)),
                Does::Keep => None,
            };
            self.hands.insert((assignment.step, assignment.attempt), outcome);
            seen.assignments.push(assignment);
        }
    }
}

/// A worker that is moved by hand.
#[derive(Debug)]
pub struct ManualWorker {
    sessions: Sessions,
    pub session_id: Uuid,
    pub lost: Vec<NamedLease>,
    receiver: SessionReceiver,
    hold: Hold,
    heard: Outgoing,
}

impl ManualWorker {
    /// Connects.
    pub async fn open(server: &Server, slots: usize) -> Self {
        Self::say(server, hello(slots)).await
    }

    /// Comes back to a session with these attempts in hand.
    pub async fn come_back(server: &Server, slots: usize, session_id: Uuid, held: Vec<(StepId, u16)>) -> Self {
        Self::say(
            server,
            Hello { session_id: Some(session_id), held: held.into_iter().map(Into::into).collect(), ..hello(slots) },
        )
        .await
    }

    async fn say(server: &Server, hello: Hello) -> Self {
        let sessions = server.engine.sessions().clone();
        let Opened { receiver, lost, hold } = within("hello", sessions.open(hello)).await.unwrap();
        Self { sessions, session_id: hold.session_id, lost, receiver, hold, heard: Outgoing::default() }
    }

    /// The next assignment.
    pub async fn assignment(&mut self) -> Assignment {
        self.listen("an assignment", |heard| (!heard.assignments.is_empty()).then(|| heard.assignments.remove(0))).await
    }

    /// The next attempt to stop, and why.
    pub async fn stop(&mut self) -> (StepId, u16, StopReason) {
        self.listen("a stop", |heard| (!heard.stops.is_empty()).then(|| heard.stops.remove(0))).await
    }

    /// Reports success, and what became of that.
    pub async fn finish(&mut self, step: StepId, attempt: u16) -> Verdict {
        self.report(step, attempt, Outcome::Success(Arc::from("{}"))).await
    }

    /// Reports an outcome, and what became of that.
    pub async fn report(&mut self, step: StepId, attempt: u16, outcome: Outcome) -> Verdict {
        self.send(vec![Report { lease: (step, attempt).into(), outcome: Ok(outcome) }]).await;
        self.verdict(step).await
    }

    /// Sends reports.
    pub async fn send(&mut self, reports: Vec<Report>) {
        within("report", self.sessions.report(self.session_id, reports)).await;
    }

    /// What became of a report about a step.
    pub async fn verdict(&mut self, step: StepId) -> Verdict {
        self.listen("an ack", |heard| {
            let place = heard.acks.iter().position(|ack| ack.step == step)?;
            Some(heard.acks.remove(place).verdict)
        })
        .await
    }

    fn beat(&self) {
        self.sessions.touch(self.session_id);
    }

    /// Shows that it lives again and again, until the handle is dropped.
    pub fn keep_beating(&self) -> AbortOnDropHandle<()> {
        let (sessions, session_id) = (self.sessions.clone(), self.session_id);
        AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                sessions.touch(session_id);
                tokio::time::sleep(BEAT).await;
            }
        }))
    }

    /// The connection breaks.
    pub async fn drop_connection(self) -> Uuid {
        self.sessions.leave(self.hold, false).await;
        self.session_id
    }

    async fn listen<T>(&mut self, what: &str, mut find: impl FnMut(&mut Outgoing) -> Option<T>) -> T {
        within(what, async {
            loop {
                if let Some(found) = find(&mut self.heard) {
                    return found;
                }
                let Ok(more) = tokio::time::timeout(BEAT, self.receiver.recv()).await else {
                    self.beat();
                    continue;
                };
                let more = more.expect("the session is open");
                confirm(&self.sessions, self.session_id, &self.receiver, &more);
                self.heard.acks.extend(more.acks);
                self.heard.assignments.extend(more.assignments);
                self.heard.stops.extend(more.stops);
            }
        })
        .await
    }
}

/// Confirms that assignments have been received, as a stream and its worker do.
pub fn confirm(sessions: &Sessions, session_id: Uuid, receiver: &SessionReceiver, outgoing: &Outgoing) {
    if !outgoing.assignments.is_empty() {
        let bytes = outgoing.assignments.iter().map(Assignment::bytes).sum();
        let sequence = receiver.sent(session_id, &outgoing.assignments, bytes);
        sessions.heard_heartbeat(session_id, sequence);
    }
}

/// How an attempt fails with this class.
pub fn failed(class: &str) -> Outcome {
    let failure = Failure { error_class: class.to_owned(), message: "on purpose".to_owned(), ..Failure::default() };
    Outcome::Failure { failure, retry_after: None }
}

/// A worker of everything.
pub fn hello(slots: usize) -> Hello {
    let offer = |name: &str| Offer {
        namespace: "default".into(),
        step_handler: name.into(),
        handler: String::new(),
        versions: Vec::new(),
    };
    Hello {
        worker_id: "worker".into(),
        offers: vec![offer("Noop"), offer("Other")],
        slots,
        session_id: None,
        held: Vec::new(),
        sdk: "tests".into(),
        subject: None,
    }
}
