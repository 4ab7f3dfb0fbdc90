//! What is explained is what the engine does, on a running engine.
//!
//! A scripted worker does what dice say; after each throw it is checked that whatever is called movable is claimed, and
//! that nothing else is.

mod paused;
mod scripted_worker;
mod shown;

use std::{collections::HashMap, sync::Arc, time::Duration};

use tasker::{
    domain::{
        explain::{Cause, Explanation, Presence, Verdict},
        handler::Limits,
        ids::{StepId, StepNo, TaskId},
        run::{Micros, Operation, OperationKind},
        template::Template,
    },
    engine::Settings,
    lifecycle::{Outcome, Request, Templates},
    service::{
        explain::{Explain, TaskExplanation},
        handlers::{Actor, Handlers, Running},
        snapshot::Reader,
        worker_roster::WorkerRoster,
    },
};

use crate::{
    harness::{eventually, everything, found},
    sim::{Server, World, failed, quick},
};

use scripted_worker::ScriptedWorker;

/// Who asks for a pause, and why.
fn asks(requested_by: &str, reason: &str) -> Actor {
    Actor { requested_by: requested_by.to_owned(), reason: reason.to_owned() }
}

/// What the server says about tasks, and the ways to change what it says.
struct ExplainClient {
    explain: Explain,
    handlers: Handlers,
}

impl ExplainClient {
    fn of(world: &World, server: &Server) -> Self {
        let engine = &server.engine;
        let templates = Templates::new(world.store.clone());
        let reader = Reader::new(world.store.clone(), templates.clone(), engine.clock().clone(), 1 << 24);
        let roster = WorkerRoster::new(
            world.store.clone(),
            engine.workforce().clone(),
            engine.clock().clone(),
            engine.server_id(),
        );
        let pauses = engine.pauses().clone();
        let (hints, metrics) = (engine.hints().clone(), engine.metrics());
        let running = Running { templates, hints, pauses: pauses.clone() };
        let handlers = Handlers::new(world.store.clone(), running, roster.clone(), Limits::default(), metrics);
        Self { explain: Explain::new(reader, roster, pauses), handlers }
    }

    async fn task(&self, task: TaskId) -> TaskExplanation {
        self.explain.task(&everything(), task, None, 1_000).await.unwrap()
    }

    /// `name verdict`, a word for each blocker; one for each step that is not settled.
    async fn verdicts(&self, task: TaskId) -> String {
        let explained = self.task(task).await;
        let run = &explained.snapshot.run;
        let is_open = |no: StepNo| !run.step(no).state.is_settled_step();
        let roots = explained.groups.iter().map(|(_, root)| root.clone());
        let mut steps: Vec<Explanation> = roots.filter(|root| is_open(root.no)).collect();
        let mut waiting: Vec<StepNo> = explained.groups.iter().flat_map(|(group, _)| &group.waiting).copied().collect();
        waiting.sort_unstable();
        for no in waiting {
            steps.push(self.explain.step(&everything(), task.step(no)).await.unwrap().step);
        }
        let steps = steps.iter().map(|step| {
            let name = &explained.snapshot.run.template().step(step.no).name;
            let causes: Vec<&str> = step.blockers.iter().map(|blocker| word(&blocker.cause)).collect();
            format!("{name} {}: {}", step.verdict.label(), causes.join(" "))
        });
        let steps: Vec<String> = steps.collect();
        format!("{} | {}", explained.verdict.label(), steps.join(", "))
    }

    /// Waits until this is said.
    async fn says(&self, task: TaskId, expected: &str) {
        let mut last = String::new();
        let wait = eventually(expected, async || {
            last = self.verdicts(task).await;
            last == expected
        });
        if tokio::time::timeout(Duration::from_secs(20), wait).await.is_err() {
            panic!("{last} is said and not {expected}");
        }
    }
}

const fn word(cause: &Cause) -> &'static str {
    match cause {
        Cause::TaskSettled { .. } => "settled",
        Cause::Parents { .. } => "parents",
        Cause::Ancestor { .. } => "ancestor",
        Cause::Backoff { .. } => "backoff",
        Cause::Exhausted { .. } => "exhausted",
        Cause::Permanent { .. } => "permanent",
        Cause::Leased { overdue: false, .. } => "leased",
        Cause::Leased { overdue: true, .. } => "overdue",
        Cause::Paused(_) => "paused",
        Cause::NoWorker { .. } => "no-worker",
        Cause::NoFreeSlot { .. } => "no-slot",
        Cause::Draining { .. } => "draining",
        Cause::Cancelled => "cancelled",
        Cause::Dispatch { .. } => "dispatch",
    }
}

/// A dispatcher that looks all the time, leases that do not end by themselves, and waits of a moment.
fn eager() -> Settings {
    let mut settings = quick();
    settings.lease_ttl = Duration::from_secs(60);
    settings.poll_interval = Duration::from_millis(2);
    settings.writer.backoff.max_backoff_seconds = 5;
    settings
}

/// An attempt that fails and may be repeated after so many milliseconds.
fn fails(wait_ms: u64) -> Outcome {
    let Outcome::Failure { failure, .. } = failed("Boom") else { unreachable!() };
    Outcome::Failure { failure, retry_after: Some(Duration::from_millis(wait_ms)) }
}

fn asked() -> Operation {
    Operation::of(OperationKind::RetryTask)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_has_its_reason() {
    let world = World::new().await;
    let handler = world.handler("a:2; b <- a").await;
    let server = world.server(eager());
    let explain = ExplainClient::of(&world, &server);
    let task = server.submit(&handler).await;
    explain.says(task, "waiting | a waiting: no-worker, b waiting: parents no-worker").await;

    let mut worker = ScriptedWorker::open(&server, 1).await;
    explain.says(task, "running | a running: leased, b waiting: parents").await;
    let other = server.submit(&handler).await;
    explain.says(other, "waiting | a waiting: no-slot, b waiting: parents").await;
    let explained = explain.task(other).await;
    let Cause::NoFreeSlot { holders, count } = &explained.groups[0].1.blockers[0].cause else {
        panic!("{explained:?}")
    };
    assert_eq!((holders.len(), *count, holders[0].slots, holders[0].held), (1, 1, 1, 1));

    let step = worker.next().await;
    assert_eq!(step, (task.step(0), 1));
    worker.report(step, fails(4_000)).await;
    explain.says(task, "waiting | a waiting: backoff, b waiting: parents").await;
    let explained = explain.task(task).await;
    let Verdict::Waiting { until: Some(until) } = explained.verdict else { panic!("{explained:?}") };
    let Cause::Backoff { failure: Some(failure), .. } = &explained.groups[0].1.blockers[0].cause else {
        panic!("{explained:?}")
    };
    assert_eq!((failure.attempt, &*failure.error_class, until - failure.at), (1, "Boom", 4_000_000));
    assert_eq!(explained.groups[0].1.blockers[0].since, Some(failure.at));

    // The other task has the slot; a retry goes before the backoff, and then there is no slot.
    explain.says(other, "running | a running: leased, b waiting: parents").await;
    server.apply(task, Request::RetryStep { no: 0, operation: asked() }).await.unwrap();
    explain.says(task, "waiting | a waiting: no-slot, b waiting: parents").await;
    let step = loop {
        let step = worker.next().await;
        if step.0.task == task {
            break step;
        }
        worker.finish(step).await;
    };
    assert_eq!(step, (task.step(0), 2), "the second attempt, after the retry");
    worker.report(step, fails(0)).await;
    explain.says(task, "stuck | a stuck: exhausted, b stuck: parents ancestor").await;

    let third = server.submit(&handler).await;
    server.apply(third, Request::CancelStep { no: 1, operation: asked() }).await.unwrap();
    let step = loop {
        let step = worker.next().await;
        worker.finish(step).await;
        if step.0.task == third {
            break step;
        }
    };
    assert_eq!(step, (third.step(0), 1));
    explain.says(third, "stuck | ").await;
    explain.says(other, "settled | ").await;
    server.apply(task, Request::CancelTask(asked())).await.unwrap();
    explain.says(task, "settled | a stuck: settled exhausted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_are_unavailable_or_about_to_go_are_told_apart() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let server = world.server(eager());
    let explain = ExplainClient::of(&world, &server);
    let mut worker = ScriptedWorker::open(&server, 1).await;
    worker.drain().await;
    let task = server.submit(&handler).await;
    explain.says(task, "waiting | a waiting: draining").await;
    worker.break_off().await;
    explain.says(task, "waiting | a waiting: no-worker").await;
    let explained = explain.task(task).await;
    let Cause::NoWorker { disconnected } = &explained.groups[0].1.blockers[0].cause else { panic!("{explained:?}") };
    assert_eq!((disconnected.len(), disconnected[0].presence), (1, Presence::Disconnected));
    worker.come_back(&server).await;
    explain.says(task, "running | a running: leased").await;
    // It is gone with the step in its hands.
    worker.break_off().await;
    let other = server.submit(&handler).await;
    explain.says(other, "waiting | a waiting: no-slot").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_about_to_go_says_so_and_another_one_too() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let (first, second) = (world.server(eager()), world.server(eager()));
    let _worker = ScriptedWorker::open(&first, 1).await;
    assert!(first.engine.drain(Duration::from_secs(5)).await);
    let task = second.submit(&handler).await;
    for server in [&first, &second] {
        ExplainClient::of(&world, server).says(task, "waiting | a waiting: draining").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_of_another_server_counts() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let (first, second) = (world.server(eager()), world.server(eager()));
    let explain = ExplainClient::of(&world, &second);
    let mut worker = ScriptedWorker::open(&first, 2).await;
    let tasks = [second.submit(&handler).await, second.submit(&handler).await, second.submit(&handler).await];
    // Two of them run, on the first server; which, is its choice.
    let waiting = found("one waits for a slot, as the second server has heard", async || {
        let mut waiting = None;
        for task in tasks {
            if explain.verdicts(task).await == "waiting | a waiting: no-slot" {
                waiting = Some(task);
            }
        }
        waiting
    })
    .await;
    for _ in 0..2 {
        let step = worker.next().await;
        worker.finish(step).await;
    }
    explain.says(waiting, "running | a running: leased").await;
    worker.break_off().await;
    let task = second.submit(&handler).await;
    explain.says(task, "waiting | a waiting: no-slot").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_past_its_time_is_overdue() {
    let world = World::new().await;
    let handler = world.handler("a@50").await;
    let mut settings = eager();
    settings.sweep_interval = Duration::from_secs(600);
    let server = world.server(settings);
    let explain = ExplainClient::of(&world, &server);
    let _worker = ScriptedWorker::open(&server, 1).await;
    let task = server.submit(&handler).await;
    explain.says(task, "running | a running: overdue").await;
}

/// Dice that fall the same way for the same seed.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// A random history on a running engine.
struct Play<'a> {
    server: &'a Server,
    explain: ExplainClient,
    dice: Dice,
    handlers: Vec<Arc<Template>>,
    tasks: Vec<TaskId>,
    worker: ScriptedWorker,
}

/// What was said of every step, and when.
type Verdicts = (Micros, HashMap<StepId, Verdict>);

impl Play<'_> {
    /// One throw.
    async fn throw(&mut self) -> String {
        let kind = self.dice.throw(20);
        let task = (!self.tasks.is_empty()).then(|| self.tasks[self.dice.throw(self.tasks.len())]);
        match (kind, task) {
            (0..=2, _) | (_, None) => {
                let handler = &self.handlers[self.dice.throw(self.handlers.len())];
                self.tasks.push(self.server.submit(handler).await);
                format!("submit {}", handler.name)
            }
            (3..=8, _) => match self.worker.take(&mut |count| self.dice.throw(count)) {
                Some(step) => {
                    self.worker.finish(step).await;
                    format!("finish {step:?}")
                }
                None => "nothing to finish".to_owned(),
            },
            (9..=11, _) => match self.worker.take(&mut |count| self.dice.throw(count)) {
                Some(step) => {
                    let wait = [0, 20, 200][self.dice.throw(3)];
                    self.worker.report(step, fails(wait)).await;
                    format!("fail {step:?} for {wait} ms")
                }
                None => "nothing to fail".to_owned(),
            },
            (12, Some(task)) => self.apply(task, Request::RetryTask { additional: 1, operation: asked() }).await,
            (13, Some(task)) if self.dice.throw(3) == 0 => self.apply(task, Request::CancelTask(asked())).await,
            (14, Some(task)) => {
                let no = u16::try_from(self.dice.throw(4)).unwrap();
                let request = match self.dice.throw(4) {
                    0 => Request::CancelStep { no, operation: asked() },
                    1 => Request::ResolveStep { no, results_json: "{}".into(), operation: asked() },
                    2 => Request::RetryStep { no, operation: asked() },
                    _ => {
                        let retry_limit = Some(u16::try_from(self.dice.throw(5)).unwrap());
                        Request::UpdateStep { no, retry_limit, inputs_json: None, operation: asked() }
                    }
                };
                self.apply(task, request).await
            }
            (15, _) => {
                let slots = self.dice.throw(4);
                self.worker.resize(slots);
                format!("resize to {slots}")
            }
            (16, _) => {
                self.worker.break_off().await;
                "the worker breaks off".to_owned()
            }
            (17, _) => {
                self.worker.come_back(self.server).await;
                "the worker comes back".to_owned()
            }
            (18, _) => {
                let handler = Arc::clone(&self.handlers[self.dice.throw(self.handlers.len())]);
                let name = (self.dice.throw(3) > 0).then_some(&*handler.name);
                self.explain.handlers.pause(&everything(), "default", name, &asks("dice", "to see")).await.unwrap();
                format!("pause {name:?}")
            }
            _ => {
                for name in self.handlers.iter().map(|handler| Some(&*handler.name)).chain([None]) {
                    self.explain.handlers.resume(&everything(), "default", name, &asks("", "")).await.unwrap();
                }
                "resume all".to_owned()
            }
        }
    }

    async fn apply(&self, task: TaskId, request: Request) -> String {
        let text = format!("{request:?}");
        let done = self.server.apply(task, request).await;
        format!("{text}: {}", if done.is_ok() { "done" } else { "refused" })
    }

    /// What is said of every step of every task.
    async fn listen(&mut self) -> Verdicts {
        self.worker.hear();
        let mut said = HashMap::new();
        let mut first = Micros::MAX;
        for task in self.tasks.clone() {
            let explained = self.explain.task(task).await;
            first = first.min(explained.snapshot.now);
            for no in 0..explained.snapshot.run.len() {
                said.insert(task.step(no), Verdict::Settled);
            }
            for (group, root) in &explained.groups {
                said.insert(task.step(root.no), root.verdict);
                let behind = match root.verdict {
                    Verdict::Stuck | Verdict::Settled => Verdict::Stuck,
                    _ => Verdict::Waiting { until: None },
                };
                said.extend(group.waiting.iter().map(|no| (task.step(*no), behind)));
            }
        }
        (first, said)
    }

    /// Waits until nothing is movable: what was, has been claimed.
    async fn settle(&mut self, after: &str) -> Verdicts {
        let mut movable = Vec::new();
        for _ in 0..2_000 {
            let (at, said) = self.listen().await;
            movable = said.iter().filter(|(_, verdict)| **verdict == Verdict::Movable).map(|(step, _)| *step).collect();
            if movable.is_empty() {
                return (at, said);
            }
        }
        panic!("after {after}: {movable:?} are called movable and nobody claims them");
    }

    /// Looks again and again: what was not movable has not moved by itself, but for backoffs that have ended.
    async fn check_that_nothing_else_moves(&mut self, (_, before): Verdicts, after: &str) {
        for _ in 0..3 {
            let (_, said) = self.listen().await;
            let now = self.server.engine.clock().now();
            for (step, verdict) in said {
                let is_moving = matches!(verdict, Verdict::Running | Verdict::Movable);
                match before[&step] {
                    Verdict::Waiting { until: Some(at) } if at <= now => {}
                    Verdict::Waiting { .. } | Verdict::Stuck => {
                        assert!(!is_moving, "after {after}: {step:?} was {:?} and moves", before[&step]);
                    }
                    Verdict::Settled => assert_eq!(verdict, Verdict::Settled, "{step:?}"),
                    Verdict::Running => assert_eq!(verdict, Verdict::Running, "{step:?}"),
                    Verdict::Movable => unreachable!("nothing is"),
                }
            }
        }
    }
}

async fn play(seed: u64, throws: usize) {
    let world = World::new().await;
    let handlers = vec![
        world.handler("a; b:2 <- a; c:1 <- a; d <- b c").await,
        world.handler("a:1; b:once; c <- a b").await,
        world.handler("a:0; b; c=Other <- b; d <- a").await,
    ];
    let server = world.server(eager());
    let explain = ExplainClient::of(&world, &server);
    let worker = ScriptedWorker::open(&server, 2).await;
    let dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut play = Play { server: &server, explain, dice, handlers, tasks: Vec::new(), worker };
    let mut log: Vec<String> = Vec::new();
    for _ in 0..throws {
        log.push(play.throw().await);
        let after = format!("seed {seed}, {}", log[log.len().saturating_sub(5)..].join("; "));
        let said = play.settle(&after).await;
        play.check_that_nothing_else_moves(said, &after).await;
    }
    assert!(world.count("select count(*) from transitions where to_state = 1 and step_no is not null").await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn movable_is_what_is_claimed_and_nothing_else_is() {
    for seed in 1..=4 {
        play(seed, 40).await;
    }
}
