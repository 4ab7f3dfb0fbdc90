//! The publisher to NATS, against a real nats-server.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use async_nats::jetstream::{self, consumer::pull, stream::Stream};
use futures::StreamExt;
use serde_json::Value;
use tasker_sdk::proto::tasker::v1::{Event, PublishEventRequest};
use tokio::process::{Child, Command};

use super::{all, everything};
use crate::{
    harness::{self, eventually, found, within},
    servers::{IMPATIENT, client, count, process_with, submit, worker},
};

/// A NATS server that can be killed and comes back on its port with what it has stored.
struct Nats {
    child: Option<Child>,
    port: u16,
    directory: PathBuf,
}

impl Nats {
    async fn start(name: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("nats-{name}-{}", std::process::id()));
        let _absent = std::fs::remove_dir_all(&directory);
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut nats = Self { child: None, port, directory };
        nats.come_back().await;
        nats
    }

    fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    async fn come_back(&mut self) {
        // Debian puts it where only root looks.
        let debian = std::path::Path::new("/usr/sbin/nats-server");
        let mut command = Command::new(if debian.is_file() { debian } else { "nats-server".as_ref() });
        command.args(["-a", "127.0.0.1", "-p", &self.port.to_string(), "-js", "-sd"]);
        command.arg(&self.directory).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        self.child = Some(command.spawn().expect("nats-server is installed: scripts/setup does it"));
        eventually("NATS answers", async || async_nats::connect(self.url()).await.is_ok()).await;
    }

    async fn kill(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }

    async fn stream(&self) -> Stream {
        found("the stream", async || {
            let client = async_nats::connect(self.url()).await.ok()?;
            jetstream::new(client).get_stream("TASKER").await.ok()
        })
        .await
    }

    /// Everything in the stream: subject, id and document of each message.
    async fn messages(&self) -> Vec<(String, String, Value)> {
        let mut stream = self.stream().await;
        let total = usize::try_from(stream.info().await.unwrap().state.messages).unwrap();
        let consumer = stream.create_consumer(pull::Config::default()).await.unwrap();
        let mut messages = consumer.messages().await.unwrap();
        let mut found = Vec::with_capacity(total);
        while found.len() < total {
            let message = within("the next message", messages.next()).await.unwrap().unwrap();
            message.ack().await.unwrap();
            let id = message.headers.as_ref().unwrap().get("Nats-Msg-Id").unwrap().to_string();
            let document = serde_json::from_slice(&message.payload).unwrap();
            found.push((message.subject.to_string(), id, document));
        }
        found
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _left = std::fs::remove_dir_all(&self.directory);
    }
}

fn keys(url: &str) -> [(&str, &str); 2] {
    [("events.nats.url", url), ("events.nats.lease_ttl_ms", "1000")]
}

/// The bus has what the stream has: the same events, in the same order, each once.
fn check_same(bus: &[(String, String, Value)], events: &[Event]) {
    let ids: Vec<&str> = bus.iter().map(|(_, id, _)| id.as_str()).collect();
    let cursors: Vec<&str> = events.iter().map(|event| event.cursor.as_str()).collect();
    assert_eq!(ids.len(), cursors.len());
    assert!(ids == cursors, "the same, in the same order");
    for ((subject, id, document), event) in bus.iter().zip(events) {
        let namespace = event.handler.as_ref().map_or("", |handler| handler.namespace.as_str());
        assert_eq!(*subject, format!("tasker.events.{namespace}.{}", event.name));
        assert_eq!(
            (document["cursor"].as_str(), document["name"].as_str()),
            (Some(id.as_str()), Some(event.name.as_str()))
        );
        assert_eq!(document["payload"], serde_json::from_str::<Value>(&event.payload_json).unwrap());
    }
}

async fn published_all(database: &harness::Database) {
    eventually("everything is published", async || {
        count(database, "select (select position from event_publishers) - (select max(position) from event_log)").await
            >= 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bus_has_every_event_once_across_restarts_of_both_sides() {
    const TASKS: usize = 300;
    let mut nats = Nats::start("restarts").await;
    let url = nats.url();
    let database = harness::database().await;
    let keys = [&keys(&url)[..], IMPATIENT].concat();
    let (mut one, two) = (process_with(&database, &keys).await, process_with(&database, &keys).await);
    eventually("somebody publishes", async || count(&database, "select count(*) from event_publishers").await == 1)
        .await;
    let running: Vec<_> =
        [&one.endpoint, &two.endpoint].map(|endpoint| tokio::spawn(worker(endpoint).run())).into_iter().collect();
    let two_client = client(&two.endpoint).await;
    let steps: &[(&str, &[&str])] = &[("a", &[]), ("b", &["a"]), ("c", &["b"])];
    submit(&two_client, steps, TASKS).await;
    let request = PublishEventRequest { name: "order.fulfilled".to_owned(), ..Default::default() };
    two_client.events().publish_event(request).await.unwrap();

    let some = "select coalesce(max(published), 0)::bigint from event_publishers";
    eventually("some is published", async || count(&database, some).await > 100).await;
    nats.kill().await;
    eventually("work goes on without the bus", async || {
        count(&database, "select count(*) from tasks where state = 2").await > 50
    })
    .await;
    nats.come_back().await;
    let before = count(&database, some).await;
    eventually("publishing goes on", async || count(&database, some).await > before).await;
    one.child.kill().await.unwrap();
    submit(&two_client, steps, 20).await;
    let complete = i64::try_from(TASKS + 20).unwrap();
    eventually("all tasks are complete", async || {
        count(&database, "select count(*) from tasks where state = 2").await == complete
    })
    .await;
    published_all(&database).await;

    let events = all(&two_client, everything()).await;
    check_same(&nats.messages().await, &events);
    running.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_publishes_and_another_goes_on_where_it_stopped() {
    let nats = Nats::start("failover").await;
    let url = nats.url();
    let database = harness::database().await;
    let one = harness::serve_with(&database, &keys(&url)).await;
    let holder = "select count(distinct holder) from event_publishers where expires_at > now()";
    eventually("it publishes", async || count(&database, holder).await == 1).await;
    let first: uuid::Uuid =
        sqlx::query_scalar("select holder from event_publishers").fetch_one(database.store.pool()).await.unwrap();
    let two = harness::serve_with(&database, &keys(&url)).await;
    let client_two = client(two.endpoint()).await;
    submit(&client_two, &[("a", &[])], 5).await;
    published_all(&database).await;
    one.stop().await;
    eventually("the other one publishes", async || {
        let held: Option<uuid::Uuid> =
            sqlx::query_scalar("select holder from event_publishers where expires_at > now()")
                .fetch_optional(database.store.pool())
                .await
                .unwrap();
        held.is_some_and(|held| held != first)
    })
    .await;
    submit(&client_two, &[("a", &[])], 5).await;
    published_all(&database).await;
    check_same(&nats.messages().await, &all(&client_two, everything()).await);
    within("the stop", two.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_is_unavailable_holds_nothing_up_and_the_log_waits_for_it() {
    let database = harness::database().await;
    let mut nats = Nats::start("away").await;
    let url = nats.url();
    let app = harness::serve_with(&database, &keys(&url)).await;
    eventually("it publishes", async || count(&database, "select count(*) from event_publishers").await == 1).await;
    nats.kill().await;
    let client = client(app.endpoint()).await;
    submit(&client, &[("a", &[])], 50).await;
    let far: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar("select now() + interval '1 day'").fetch_one(database.store.pool()).await.unwrap();
    tasker::store::events::trim(database.store.pool(), far, 1_000).await.unwrap();
    nats.come_back().await;
    published_all(&database).await;
    let created =
        nats.messages().await.iter().filter(|(_, _, event)| event["name"] == "task.initialize_requested").count();
    assert_eq!(created, 50, "nothing is trimmed before it is published");
    tokio::time::timeout(Duration::from_secs(20), app.stop()).await.unwrap();
}
