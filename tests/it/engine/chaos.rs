//! Everything goes wrong at once, by seed: servers die and come, workers are lost, tasks are cancelled, queues are
//! emptied. When it is over, every task ends as it should.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::StdRng};
use tasker::{
    domain::{
        ids::TaskId,
        run::{Operation, OperationKind},
        state::State,
    },
    lifecycle::{Assignment, Request},
};

use crate::{
    harness::{eventually, within},
    sim::{Does, Fleet, Server, Worker, World, new_task, quick},
};

/// What stands for success: everything is tried again until it works, but for one step in a hundred.
fn fate(assignment: &Assignment) -> Does {
    let dice = assignment.step.task.spread() ^ u64::from(assignment.step.no) << 20 ^ u64::from(assignment.attempt);
    match dice.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33 & 0xff {
        0..30 => Does::Fail("Random"),
        30..33 => Does::Keep,
        _ => Does::Finish(r#"{"ok": true}"#.to_owned()),
    }
}

async fn storm(seed: u64, blows: usize) {
    let world = World::new().await;
    let mut dice = StdRng::seed_from_u64(seed);
    let handlers = [
        world.handler("a:10000; b:10000 <- a; c:10000 <- a; d:10000 <- b c").await,
        world.handler("a:10000@300; b:10000@300 <- a; c:10000@300 <- b").await,
        world.handler("a:10000@300; b:10000@300; c:10000@300; d:10000@300 <- a b c").await,
    ];
    let fleet = Fleet::default();
    let start = || {
        let mut settings = quick();
        settings.hints = seed.is_multiple_of(2);
        let server = world.server(settings);
        fleet.add(&server);
        server
    };
    let mut servers: Vec<Server> = (0..3).map(|_| start()).collect();
    let mut workers: Vec<Worker> = (0..4).map(|_| Worker::of(&fleet, 6, fate)).collect();
    let mut tasks: Vec<TaskId> = Vec::new();
    for _ in 0..blows {
        let server = dice.random_range(0..servers.len());
        match dice.random_range(0..12) {
            0 => {
                servers.swap_remove(server).kill();
                servers.push(start());
            }
            1 => {
                let worker = dice.random_range(0..workers.len());
                workers.swap_remove(worker).lose().await;
                workers.push(Worker::of(&fleet, 6, fate));
            }
            2 => {
                sqlx::query("delete from ready_steps").execute(world.store.pool()).await.unwrap();
            }
            3 if !tasks.is_empty() => {
                let task = tasks[dice.random_range(0..tasks.len())];
                // It may be over already.
                let _ =
                    servers[server].apply(task, Request::CancelTask(Operation::of(OperationKind::CancelTask))).await;
            }
            _ => {
                let handler = &handlers[dice.random_range(0..handlers.len())];
                let count = dice.random_range(1..20);
                tasks.extend(servers[server].submit_many(handler, count).await);
            }
        }
        tokio::time::sleep(Duration::from_millis(dice.random_range(0..20))).await;
    }
    // What a worker keeps to itself is freed with the worker; the rest by timeouts.
    for worker in workers.drain(..) {
        within("the workers go", worker.lose()).await;
    }
    let _patient = Worker::of(&fleet, 50, |assignment| match fate(assignment) {
        Does::Fail(class) => Does::Fail(class),
        _ => Does::Finish(r#"{"ok": true}"#.to_owned()),
    });
    let last = servers[0].create(new_task(&handlers[0])).await;
    eventually("every task ends", async || world.count("select count(*) from tasks where state in (0, 1)").await == 0)
        .await;
    assert!(!tasks.contains(&last));
    world.check().await;
    let others = "select count(*) from tasks where state not in (2, 4)";
    assert_eq!(world.count(others).await, 0, "seed {seed}: tasks are {} or {}", State::Complete, State::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_with_hints() {
    storm(2, 150).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_without_hints() {
    storm(1, 150).await;
}
