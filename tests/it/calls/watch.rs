//! Following a task.

use tasker_sdk::proto::tasker::v1::{
    State, TaskView, WatchTaskRequest, WatchTaskResponse, watch_task_response::Message,
};
use tonic::Streaming;

use super::world::{World, client, order, told, word, world, world_with};
use crate::harness::{self, within};

type Stream = Streaming<WatchTaskResponse>;

impl World {
    async fn watch(&self, task_id: &str, after_sequence: i64) -> Stream {
        let request = WatchTaskRequest { task_id: task_id.to_owned(), after_sequence, view: 0 };
        self.client.tasks().watch_task(request).await.unwrap().into_inner()
    }
}

/// The next message: `task state` or `sequence step state`; `end` at the end.
async fn next(stream: &mut Stream) -> String {
    let message = within("the next message", stream.message()).await.unwrap();
    match message.map(|message| message.message.unwrap()) {
        None => "end".to_owned(),
        Some(Message::Task(task)) => format!("task {}", word(task.state())),
        Some(Message::Transition(row)) => {
            let name = if row.step_name.is_empty() { "task" } else { &row.step_name };
            format!("{} {name} {}", row.sequence, word(row.to_state()))
        }
    }
}

/// All messages up to the end.
async fn rest(stream: &mut Stream) -> Vec<String> {
    let mut messages = Vec::new();
    loop {
        match next(stream).await {
            end if end == "end" => return messages,
            message => messages.push(message),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_sees_every_move_and_the_end() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let mut stream = world.watch(&id, 0).await;
    assert_eq!(next(&mut stream).await, "task pending");
    assert_eq!(world.app.engine().watch().followed(), 1);
    world.run(&id).await;
    let messages = rest(&mut stream).await;
    let revision = world.get(&id, TaskView::Basic).await.revision;
    assert_eq!(messages.last().unwrap(), "task complete");
    let moves = &messages[..messages.len() - 1];
    let numbers: Vec<i64> = moves.iter().map(|row| row.split(' ').next().unwrap().parse().unwrap()).collect();
    assert_eq!(numbers, (2..=revision).collect::<Vec<_>>());
    assert!(moves.iter().any(|row| row.ends_with("dispatch complete")), "{moves:?}");

    // It goes on anywhere without loss or repetition.
    for after in [1, 5, revision] {
        let resumed = rest(&mut world.watch(&id, after).await).await;
        let skipped = usize::try_from(after - 1).unwrap();
        assert_eq!(resumed, messages[skipped..], "after {after}");
    }
    assert_eq!(rest(&mut world.watch(&id, 0).await).await, ["task complete"], "a final task is told once");
    drop(stream);
    harness::eventually("nobody follows", async || world.app.engine().watch().followed() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_at_another_server_sees_them_too() {
    let mut world = world_with(&[]).await;
    let other = harness::serve(&world.database).await;
    let elsewhere = client(&other).await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let request = WatchTaskRequest { task_id: id.clone(), ..WatchTaskRequest::default() };
    let mut stream = elsewhere.tasks().watch_task(request).await.unwrap().into_inner();
    assert_eq!(next(&mut stream).await, "task pending");
    world.run(&id).await;
    assert_eq!(rest(&mut stream).await.last().unwrap(), "task complete");
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_task_ends_the_stream() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let mut stream = world.watch(&id, 1).await;
    world.fail(&id, "reserve", true).await;
    assert_eq!(
        rest(&mut stream).await,
        ["2 task in_progress", "3 reserve in_progress", "4 reserve error", "5 task error", "task error"]
    );
    world.settled(&id, State::Error).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_followed_is_refused() {
    let world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let beyond = WatchTaskRequest { task_id: id, after_sequence: 2, view: 0 };
    let refused = world.client.tasks().watch_task(beyond).await.unwrap_err();
    assert_eq!(told(&refused), "INVALID_FIELDS\nafter_sequence: is beyond the newest transition, which is number 1");
    let nowhere = WatchTaskRequest { task_id: "01930000-0000-7000-8000-000000000000".into(), ..Default::default() };
    assert_eq!(told(&world.client.tasks().watch_task(nowhere).await.unwrap_err()), "TASK_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_lets_its_followers_go() {
    let world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let mut stream = world.watch(&id, 0).await;
    assert_eq!(next(&mut stream).await, "task pending");
    within("the stop", world.app.stop()).await;
    assert_eq!(told(&stream.message().await.unwrap_err()), "DRAINING");
}
