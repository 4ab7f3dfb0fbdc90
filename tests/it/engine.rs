//! The engine without gRPC: workers are loops over sessions.

use std::{sync::Arc, time::Duration};

use tasker::{
    domain::ids::TaskId,
    engine::{
        Engine, Settings,
        sessions::{Hello, Offer, Report},
    },
    lifecycle::{NewTask, Outcome, Templates},
    store::Store,
};

use crate::harness::{database, eventually, within};

async fn handler(store: &Store, steps: &[(&str, &[i16])]) -> i32 {
    let id: i32 = sqlx::query_scalar("insert into named_tasks (task_namespace_id, name, version, version_order, configuration, content_hash) values (1, 't', '1.0.0', '{1,0,0}', '{}', '') returning named_task_id").fetch_one(store.pool()).await.unwrap();
    sqlx::query("insert into dependent_systems (name) values ('unknown')").execute(store.pool()).await.unwrap();
    sqlx::query("insert into step_handlers (task_namespace_id, name) values (1, 'noop')")
        .execute(store.pool())
        .await
        .unwrap();
    for (no, (name, parents)) in steps.iter().enumerate() {
        sqlx::query("with n as (insert into named_steps (dependent_system_id, name) values (1, $3) returning named_step_id) insert into named_tasks_named_steps (named_task_id, step_no, named_step_id, step_handler_id, step_name) select $1, $2, named_step_id, 1, $3 from n")
            .bind(id).bind(no as i16).bind(name).execute(store.pool()).await.unwrap();
        for parent in *parents {
            sqlx::query("insert into named_task_edges (named_task_id, from_step_no, to_step_no) values ($1, $2, $3)")
                .bind(id)
                .bind(parent)
                .bind(no as i16)
                .execute(store.pool())
                .await
                .unwrap();
        }
    }
    id
}

async fn worker(engine: Arc<Engine>, slots: usize) {
    let hello = Hello {
        worker_id: "w".into(),
        offers: vec![Offer { namespace: "default".into(), step_handler: "noop".into(), handler: String::new() }],
        slots,
        session_id: None,
        held: vec![],
        sdk: "test".into(),
        subject: None,
    };
    let mut opened = engine.sessions().open(hello).await.unwrap();
    while let Some(outgoing) = opened.inbox.recv().await {
        let reports = outgoing
            .assignments
            .into_iter()
            .map(|assignment| Report {
                step: assignment.step,
                attempt: assignment.attempt,
                outcome: Ok(Outcome::Success(Arc::from(r#"{"ok":true}"#))),
            })
            .collect();
        engine.sessions().report(opened.hold.session_id, reports).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_run_to_their_end() {
    let database = database().await;
    let store = database.store.clone();
    let templates = Templates::new(store.clone());
    let id = handler(&store, &[("a", &[]), ("b", &[0]), ("c", &[0]), ("d", &[1, 2])]).await;
    let engine = Arc::new(Engine::start(Settings::default(), store.clone(), templates.clone()));
    let template = templates.get(id).await.unwrap();
    let new = |n: i32| NewTask {
        template: template.clone(),
        context_json: Arc::from(format!(r#"{{"n":{n}}}"#)),
        initiator: "me".into(),
        source_system: "unknown".into(),
        reason: "unknown".into(),
        tags: vec!["a b".into(), "q\"\\".into()],
        bypass: vec![],
        requested_at: engine.clock().now(),
        identity: None,
        correlation_id: None,
        deadline_at: None,
        created_by: None,
        trace_context: None,
    };
    let mut ids: Vec<TaskId> = vec![];
    for n in 0..50 {
        ids.push(engine.writer().create_task(new(n)).await.unwrap().task_id);
    }
    tokio::spawn(worker(engine.clone(), 10));
    for n in 50..100 {
        ids.push(within("create", engine.writer().create_task(new(n))).await.unwrap().task_id);
    }
    eventually("all complete", async || {
        let n: i64 =
            sqlx::query_scalar("select count(*) from tasks where state = 2").fetch_one(store.pool()).await.unwrap();
        n == 100
    })
    .await;
    let leases: i64 = sqlx::query_scalar("select count(*) from leases").fetch_one(store.pool()).await.unwrap();
    assert_eq!(leases, 0);
    let moves: i64 = sqlx::query_scalar("select count(*) from transitions").fetch_one(store.pool()).await.unwrap();
    assert_eq!(moves, 100 * (3 + 8));
    let _ = Duration::ZERO;
}
