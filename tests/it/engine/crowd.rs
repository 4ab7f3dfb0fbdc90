//! Several servers and several workers on one database.

use std::collections::HashSet;

use tasker::domain::state::State;

use crate::{
    harness::eventually,
    sim::{Does, Worker, World, quick, tally},
};

const DIAMOND: &str = "a; b <- a; c <- a; d <- b c";

#[tokio::test(flavor = "multi_thread")]
async fn tasks_run_to_their_end() {
    let world = World::new().await;
    let handler = world.handler(DIAMOND).await;
    let server = world.server(quick());
    server.submit_many(&handler, 50).await;
    let _worker = Worker::start(&server, 10);
    server.submit_many(&handler, 50).await;
    world.until(State::Complete, 100).await;
    world.check().await;
    assert_eq!(world.count("select count(*) from transitions").await, 100 * (3 + 4 * 2));
    assert_eq!(world.count("select count(*) from ready_steps").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_and_a_lost_worker_lose_nothing() {
    let world = World::new().await;
    let handler = world.handler(DIAMOND).await;
    let (first, second) = (world.server(quick()), world.server(quick()));
    let finish = |_: &_| Does::Finish(r#"{"ok": true}"#.to_owned());
    let workers = [
        Worker::roaming(&[&first, &second], 8, finish),
        Worker::roaming(&[&first, &second], 8, finish),
        Worker::roaming(&[&second], 8, finish),
    ];
    let silent = Worker::roaming(&[&second], 8, |_| Does::Keep);
    first.submit_many(&handler, 200).await;
    second.submit_many(&handler, 200).await;
    eventually("the silent worker has its hands full", async || silent.assigned() == 8).await;
    eventually("some tasks are done", async || world.count("select count(*) from tasks where state = 2").await > 20)
        .await;
    first.kill();
    silent.lose().await;
    second.submit_many(&handler, 100).await;
    world.until(State::Complete, 500).await;
    world.check().await;
    let seen = workers.iter().flat_map(|worker| worker.seen.lock().unwrap().accepted.clone());
    assert!(tally(seen).values().all(|count| *count == 1), "an attempt is acknowledged once");
    let lost = "select count(*) from transitions where metadata ->> 'error_class' = 'LeaseExpired'";
    assert_eq!(world.count(lost).await, 8, "what the lost worker had is tried again, nothing else");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_dispatchers_claim_each_step_of_a_queue_once() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let (first, second) = (world.server(quick()), world.server(quick()));
    first.submit_many(&handler, 1_000).await;
    assert_eq!(world.count("select count(*) from ready_steps").await, 1_000);
    let workers = [&first, &second].map(|server| Worker::roaming(&[server], 500, |_| Does::Keep));
    eventually("all are claimed", async || workers.iter().all(|worker| worker.assigned() == 500)).await;
    let claimed = workers.iter().flat_map(|worker| {
        let seen = worker.seen.lock().unwrap();
        seen.assignments.iter().map(|assignment| (assignment.step, assignment.attempt)).collect::<Vec<_>>()
    });
    let claimed: HashSet<_> = claimed.collect();
    assert_eq!(claimed.len(), 1_000);
    assert!(claimed.iter().all(|(_, attempt)| *attempt == 1));
    assert_eq!(world.count("select count(*) from leases").await, 1_000);
    assert_eq!(world.count("select count(*) from ready_steps").await, 0);
    assert_eq!(world.count("select count(*) from transitions where to_state = 1 and step_no = 0").await, 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_hints_everything_still_works() {
    let world = World::new().await;
    let handler = world.handler("a; b <- a").await;
    let mut deaf = quick();
    deaf.hints = false;
    let (first, second) = (world.server(deaf.clone()), world.server(deaf));
    let worker = Worker::start(&second, 4);
    first.submit_many(&handler, 20).await;
    world.until(State::Complete, 20).await;
    assert_eq!(worker.assigned(), 40);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_settle_steps_of_one_task_at_once() {
    let world = World::new().await;
    let wide: Vec<String> = (0..200).map(|no| format!("s{no} <- root")).collect();
    let all: Vec<String> = (0..200).map(|no| format!("s{no}")).collect();
    let dag = format!("root; {}; join <- {}", wide.join("; "), all.join(" "));
    let handler = world.handler(&dag).await;
    let (first, second) = (world.server(quick()), world.server(quick()));
    let workers = [Worker::start(&first, 20), Worker::start(&second, 20)];
    first.submit_many(&handler, 3).await;
    world.until(State::Complete, 3).await;
    world.check().await;
    eventually("all results are acknowledged", async || {
        workers.iter().map(|worker| worker.seen.lock().unwrap().accepted.len()).sum::<usize>() == 3 * 202
    })
    .await;
    assert!(workers.iter().all(|worker| worker.assigned() > 0));
    assert_eq!(
        world.count("select count(*) from transitions where attempt > 1").await,
        0,
        "contention costs no attempt"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_fail_at_random_and_every_task_ends() {
    let world = World::new().await;
    let handler = world.handler("a:4; b:2 <- a; c:once <- a; d:3 <- b c; e").await;
    let (first, second) = (world.server(quick()), world.server(quick()));
    let fate = |assignment: &tasker::lifecycle::Assignment| {
        let dice = assignment.step.task.spread() ^ (u64::from(assignment.step.no) << 3) ^ u64::from(assignment.attempt);
        match dice.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60 {
            0..4 => Does::Fail("Random"),
            _ => Does::Finish("{}".to_owned()),
        }
    };
    let _workers = [Worker::roaming(&[&first, &second], 7, fate), Worker::roaming(&[&second, &first], 5, fate)];
    first.submit_many(&handler, 150).await;
    second.submit_many(&handler, 150).await;
    let unfinished = "select count(*) from tasks where state in (0, 1)";
    eventually("every task ends", async || world.count(unfinished).await == 0).await;
    world.check().await;
    assert!(world.count("select count(*) from tasks where state = 2").await > 0);
    assert!(world.count("select count(*) from tasks where state = 3").await > 0);
}
