//! The largest graphs run to their end.

use tasker::{
    domain::{handler::StepDraft, state::State},
    engine::Settings,
    lifecycle::NewTask,
};

use crate::sim::{Does, Worker, World, new_task, quick};

fn step(name: String, parents: Vec<String>) -> StepDraft {
    StepDraft {
        name,
        handler_class: "Noop".to_owned(),
        depends_on_steps: parents,
        skippable: true,
        ..StepDraft::default()
    }
}

/// Nothing is swept while a lane is busy with a large task.
fn patient() -> Settings {
    Settings { lease_ttl: std::time::Duration::from_secs(60), ..quick() }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_steps_side_by_side_and_a_join() {
    let world = World::new().await;
    let mut steps: Vec<StepDraft> = (0..9_999).map(|no| step(format!("s{no}"), Vec::new())).collect();
    let parents = steps.iter().map(|step| step.name.clone()).collect();
    steps.push(step("join".to_owned(), parents));
    let handler = world.register(steps).await;
    let server = world.server(patient());
    let worker = Worker::start(&server, 2_000);
    server.submit(&handler).await;
    world.until(State::Complete, 1).await;
    assert_eq!(world.count("select count(*) from transitions where attempt > 1").await, 0);
    assert_eq!(worker.seen.lock().unwrap().assignments.last().unwrap().dependencies.len(), 9_999);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_ten_thousand_steps_to_its_end() {
    let world = World::new().await;
    let parents = |no: usize| if no == 0 { Vec::new() } else { vec![format!("s{}", no - 1)] };
    let handler = world.register((0..10_000).map(|no| step(format!("s{no}"), parents(no))).collect()).await;
    let server = world.server(patient());
    let worker = Worker::start(&server, 1);
    // What comes first is bypassed, so that the end is near.
    server.create(NewTask { bypass: (0..9_700).collect(), ..new_task(&handler) }).await;
    world.until(State::Complete, 1).await;
    let order: Vec<u16> = worker.seen.lock().unwrap().assignments.iter().map(|assignment| assignment.step.no).collect();
    assert_eq!(order, (9_700..10_000).collect::<Vec<_>>());
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_of_a_thousand_large_results_comes_without_them() {
    let world = World::new().await;
    let mut steps: Vec<StepDraft> = (0..1_000).map(|no| step(format!("s{no}"), Vec::new())).collect();
    let parents = steps.iter().map(|step| step.name.clone()).collect();
    steps.push(step("join".to_owned(), parents));
    let handler = world.register(steps).await;
    let server = world.server(patient());
    let results = format!(r#"{{"text": "{}"}}"#, "x".repeat(10_000));
    let worker = Worker::roaming(&[&server], 100, move |_| Does::Finish(results.clone()));
    server.submit(&handler).await;
    world.until(State::Complete, 1).await;
    let seen = worker.seen.lock().unwrap();
    let join = seen.assignments.last().unwrap();
    assert_eq!(join.step.no, 1_000);
    assert!(join.dependencies_omitted && join.dependencies.is_empty());
}
