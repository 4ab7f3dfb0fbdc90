//! Streams that outlive servers.

use std::collections::BTreeSet;

use tasker_sdk::proto::tasker::v1::{
    Event, WatchEventsRequest, watch_events_request::Start, watch_events_response::Message,
};

use super::{all, check_complete, everything};
use crate::{
    harness::{self, eventually, within},
    servers::{client, count, process, submit, worker},
};

/// Reads on after a cursor until the stream breaks; the cursor of the last message.
async fn read_on(endpoint: &str, from: String, events: &mut Vec<Event>, enough: usize) -> String {
    let mut at = from;
    let request = WatchEventsRequest { start: Some(Start::AfterCursor(at.clone())), ..Default::default() };
    // The server may be gone before the stream is there.
    let Ok(opened) = client(endpoint).await.events().watch_events(request).await else { return at };
    let mut stream = opened.into_inner();
    while events.len() < enough {
        let Ok(Some(said)) = within("the next message", stream.message()).await else { break };
        match said.message.unwrap() {
            Message::Event(event) => {
                at.clone_from(&event.cursor);
                events.push(event);
            }
            Message::Progress(progress) => at = progress.cursor,
        }
    }
    at
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_survives_kills_of_the_server_that_tells_it_while_two_write() {
    const TASKS: usize = 400;
    let database = harness::database().await;
    let (mut one, two) = (process(&database).await, process(&database).await);
    let workers = [&one.endpoint, &two.endpoint, &two.endpoint].map(|endpoint| worker(endpoint));
    let running: Vec<_> = workers.into_iter().map(|worker| tokio::spawn(worker.run())).collect();
    let steps: &[(&str, &[&str])] = &[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"])];

    let mut events = Vec::new();
    let both = tokio::spawn({
        let (one, two) = (one.endpoint.clone(), two.endpoint.clone());
        async move {
            let (one, two) = (client(&one).await, client(&two).await);
            submit(&one, steps, TASKS / 2).await;
            submit(&two, steps, TASKS / 2).await;
        }
    });
    let at = read_on(&one.endpoint, "0".to_owned(), &mut events, 2_000).await;
    both.await.unwrap();
    one.child.kill().await.unwrap();
    // On another server, which then is killed in mid-stream while it sends.
    let mut three = process(&database).await;
    let seen = events.len();
    let reading = {
        let endpoint = three.endpoint.clone();
        tokio::spawn(async move {
            let at = read_on(&endpoint, at, &mut events, usize::MAX).await;
            (at, events)
        })
    };
    eventually("work goes on", async || count(&database, "select count(*) from tasks where state = 2").await > 20)
        .await;
    three.child.kill().await.unwrap();
    let (at, mut events) = reading.await.unwrap();
    eventually("all tasks are complete", async || {
        count(&database, "select count(*) from tasks where state = 2").await == i64::try_from(TASKS).unwrap()
    })
    .await;
    // And the rest on the one that is left.
    let client = client(&two.endpoint).await;
    let request = WatchEventsRequest { start: Some(Start::AfterCursor(at)), ..everything() };
    let rest = all(&client, request).await;
    assert!(seen >= 2_000 && !rest.is_empty());
    events.extend(rest);

    check_complete(&database, &events).await;
    let whole = all(&client, everything()).await;
    assert_eq!(events.len(), whole.len());
    assert!(events == whole, "who was interrupted was told the same as who was not");
    let cursors: BTreeSet<&str> = events.iter().map(|event| event.cursor.as_str()).collect();
    assert_eq!(cursors.len(), events.len());
    assert_eq!(events.iter().filter(|event| event.name == "task.completed").count(), TASKS);
    running.iter().for_each(tokio::task::JoinHandle::abort);
}
