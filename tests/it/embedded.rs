//! The private Postgres keeps its promises: durable, alone on its directory, gone when told.

use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions, Connection};
use tasker::embedded::{Error, Server, Settings};

/// A directory that is removed with the value.
struct Scratch(PathBuf);

fn scratch(name: &str) -> Scratch {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    Scratch(path)
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn ask(server: &Server, question: &'static str) -> String {
    let mut connection = server.options().connect().await.unwrap();
    let answer = sqlx::query_scalar(question).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn data_survives_a_restart_and_a_second_start_is_refused() {
    let home = scratch("embedded");
    let settings = Settings::new(&home.0).parameter("shared_buffers", "16MB");
    let server = Server::start(&settings).await.unwrap();
    assert_eq!(ask(&server, "select current_setting('fsync')").await, "on");
    assert_eq!(ask(&server, "select current_setting('data_checksums')").await, "on");
    assert_eq!(ask(&server, "select current_setting('listen_addresses')").await, "");
    ask(&server, "with made as (select set_config('x.y', '', false)) select 'ok' from made").await;
    let mut connection = server.options().connect().await.unwrap();
    sqlx::raw_sql("create table kept (word text); insert into kept values ('here')")
        .execute(&mut connection)
        .await
        .unwrap();

    match Server::start(&settings).await {
        Err(Error::Busy { pid, .. }) => assert_eq!(pid, std::process::id().to_string()),
        other => panic!("a second start on the directory: {other:?}"),
    }

    server.stop().await;
    assert!(!home.0.join("data/postmaster.pid").exists());
    let server = Server::start(&settings).await.unwrap();
    assert_eq!(ask(&server, "select word from kept").await, "here");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_path_gets_its_socket_elsewhere() {
    let home = scratch("embedded-long");
    let settings = Settings::new(home.0.join("a-name-that-alone-is-far-too-long-for-the-path-of-a-socket/".repeat(2)))
        .parameter("shared_buffers", "16MB");
    let server = Server::start(&settings).await.unwrap();
    assert_eq!(ask(&server, "select 'answer'").await, "answer");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_another_version_is_refused() {
    let home = scratch("embedded-version");
    std::fs::create_dir_all(home.0.join("data")).unwrap();
    std::fs::write(home.0.join("data/PG_VERSION"), "9\n").unwrap();
    match Server::start(&Settings::new(&home.0)).await {
        Err(Error::WrongVersion { found, .. }) => assert_eq!(found, "9"),
        other => panic!("a start on data of version 9: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_start_says_why() {
    let home = scratch("embedded-broken");
    let settings = Settings::new(&home.0).parameter("shared_buffers", "nonsense");
    match Server::start(&settings).await {
        Err(error @ Error::Died { .. }) => {
            assert!(error.to_string().contains("invalid value for parameter \"shared_buffers\""), "{error}");
        }
        other => panic!("a start with nonsense: {other:?}"),
    }
}
