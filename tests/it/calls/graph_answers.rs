//! Graphs that were answered before: what is remembered of them is what would be made anew.

use std::time::Duration;

use prost_types::Timestamp;

use tasker_sdk::{
    Client,
    proto::tasker::v1::{GetTaskGraphRequest, GetTaskGraphResponse, GraphSection, UpdateStepRequest},
};

use super::world::{client, order, world};
use crate::harness::{self, eventually};

async fn graph(client: &Client, task_id: &str, sections: &[GraphSection]) -> GetTaskGraphResponse {
    let sections = sections.iter().map(|section| i32::from(*section)).collect();
    let request = GetTaskGraphRequest { task_id: task_id.to_owned(), sections };
    let answer = client.graphs().get_task_graph(request).await.unwrap().into_inner();
    if let Some(finish) = answer.expected_finish.as_ref().filter(|finish| finish.finish_time.is_some()) {
        let micros = |seconds: i64, nanos: i32| seconds * 1_000_000 + i64::from(nanos) / 1_000;
        let at = |time: Option<Timestamp>| time.map(|time| micros(time.seconds, time.nanos)).unwrap();
        let left = finish.remaining_duration.map(|left| micros(left.seconds, left.nanos)).unwrap();
        assert_eq!(at(finish.finish_time) - at(answer.generate_time), left, "{answer:?}");
    }
    answer
}

/// But for what goes by the clock.
fn timeless(mut answer: GetTaskGraphResponse) -> GetTaskGraphResponse {
    answer.generate_time = None;
    if let Some(finish) = &mut answer.expected_finish {
        (finish.finish_time, finish.late_finish_time, finish.remaining_duration) = (None, None, None);
    }
    answer
}

/// Both servers tell the same, whatever is asked for, and however often. They measure durations by themselves, so that
/// one may know new ones before the other.
async fn check(remembers: &Client, forgets: &Client, task_id: &str, when: &str) {
    let some = [GraphSection::Summary, GraphSection::Bottlenecks];
    for sections in [&[][..], &[GraphSection::CriticalPaths], &some] {
        eventually(when, async || {
            let fresh = timeless(graph(forgets, task_id, sections).await);
            let first = timeless(graph(remembers, task_id, sections).await);
            first == fresh && timeless(graph(remembers, task_id, sections).await) == fresh
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_graph_is_what_a_fresh_one_is() {
    let mut world = world().await;
    let app = harness::serve_with(&world.database, &[("cache.memory_bytes", "0")]).await;
    let (remembers, forgets) = (world.client.clone(), client(&app).await);
    let id = world.create(order(r#"{"n": 1}"#)).await;
    check(&remembers, &forgets, &id, "at first").await;
    world.finish(&id, "reserve").await;
    check(&remembers, &forgets, &id, "after a move").await;
    let other = world.create(order(r#"{"n": 2}"#)).await;
    check(&remembers, &forgets, &other, "of another task of the same handler").await;

    // What an operator changes is no move of a step.
    let step_id = world.step_id(&id, "dispatch").await;
    let request = UpdateStepRequest {
        step: Some(tasker_sdk::proto::tasker::v1::Step { step_id, retry_limit: 9, ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["retry_limit".to_owned()] }),
        ..UpdateStepRequest::default()
    };
    remembers.steps().update_step(request).await.unwrap();
    check(&remembers, &forgets, &id, "after a change of a limit").await;
    let node = &graph(&remembers, &id, &[]).await.graph.unwrap().dependency_graph.unwrap().nodes[3];
    assert_eq!(node.retry_limit, 9);

    // Then nothing changes any more but the time.
    world.fail_for(&id, "charge", false, Duration::from_secs(2)).await;
    let waits = async || {
        graph(&remembers, &id, &[]).await.graph.unwrap().dependency_graph.unwrap().nodes[1].retry_time.is_some()
    };
    check(&remembers, &forgets, &id, "while a step backs off").await;
    eventually("the backoff elapses", async || !waits().await).await;
    check(&remembers, &forgets, &id, "after the backoff").await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_graph_is_of_this_moment() {
    let world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let first = graph(&world.client, &id, &[]).await;
    let again = graph(&world.client, &id, &[]).await;
    let finish = |answer: &GetTaskGraphResponse| {
        let finish = answer.expected_finish.as_ref().unwrap().finish_time.unwrap();
        (finish.seconds, finish.nanos)
    };
    let made = |answer: &GetTaskGraphResponse| answer.generate_time.map(|time| (time.seconds, time.nanos));
    assert!(made(&again) > made(&first) && finish(&again) > finish(&first), "{again:?}");
    assert_eq!(timeless(again), timeless(first));
}
