//! Explanations as the service and the command line show them.

use std::process::Stdio;

use tasker_sdk::proto::tasker::v1::{self as pb, blocker::Cause};
use tokio::process::Command;

use crate::{
    calls::world::{World, order, told, world},
    harness::within,
};

/// Runs the command line against the server of the world; what it printed.
async fn tasker(world: &World, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tasker"));
    command.args(args).args(["--endpoint", world.app.endpoint()]).stdin(Stdio::null()).env_remove("TASKER_TOKEN");
    let done = within("the command", command.output()).await.unwrap();
    let (out, err) = (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
    assert!(done.status.success(), "{args:?}: {out}{err}");
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn the_remedy_that_is_shown_helps() {
    let mut world = world().await;
    let task = world.create(order(r#"{"n": 1}"#)).await;
    world.finish(&task, "reserve").await;
    world.fail(&task, "charge", true).await;
    world.finish(&task, "label").await;
    world.settled(&task, pb::State::Error).await;

    let steps = world.full(&task).await.steps;
    let dispatch = steps.iter().find(|step| step.name == "dispatch").unwrap();
    let request = pb::ExplainStepRequest { step_id: dispatch.step_id.clone() };
    let explained = world.client.explain().explain_step(request).await.unwrap().into_inner();
    let step = explained.step.unwrap();
    assert_eq!(step.verdict(), pb::Verdict::Never);
    let kinds = step.blockers.iter().map(|blocker| match &blocker.cause {
        Some(Cause::Parents(parents)) => parents.unsettled[0].name.clone(),
        Some(Cause::Ancestor(ancestor)) => format!("{:?}", ancestor.fate()),
        other => format!("{other:?}"),
    });
    assert_eq!(kinds.collect::<Vec<_>>(), ["charge", "Permanent"]);
    assert_eq!(explained.roots.iter().map(|root| &*root.name).collect::<Vec<_>>(), ["charge"]);
    let root = &explained.roots[0];
    let Some(Cause::Permanent(permanent)) = &root.blockers[0].cause else { panic!("{root:?}") };
    let failure = permanent.failure.as_ref().unwrap();
    assert_eq!((&*failure.error_class, &*failure.message, failure.attempt), ("OutOfStock", "none left", 1));
    let remedy = &root.blockers[0].remedies[0];
    assert_eq!(remedy.method, "tasker.v1.StepService/RetryStep");

    // The command as it is shown, and nothing else, brings the task to its end.
    let words: Vec<&str> = remedy.command.split(' ').skip(1).collect();
    tasker(&world, &words).await;
    world.finish(&task, "charge").await;
    world.finish(&task, "dispatch").await;
    world.settled(&task, pb::State::Complete).await;
    let request = pb::ExplainTaskRequest { task_id: task.clone(), max_steps: 0 };
    let explained = world.client.explain().explain_task(request).await.unwrap().into_inner().task.unwrap();
    assert_eq!((explained.verdict(), explained.steps.len()), (pb::Verdict::Settled, 0));
    assert_eq!(explained.counts.unwrap().settled, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_pause_look_and_resume_at_the_command_line() {
    let world = world().await;
    let task = world.create(order(r#"{"n": 1}"#)).await;
    let paused = tasker(&world, &["pause", "order", "--reason", "the carrier is down", "--by", "ops"]).await;
    assert_eq!(paused, "handler default.order is paused by ops: the carrier is down\n");
    let text = tasker(&world, &["explain", &task]).await;
    for line in [
        "default.order@1.0.0  pending  waits",
        "handler default.order is paused by ops: the carrier is down",
        "$ tasker resume order --namespace default",
        "no worker runs step handler OrderStep in namespace default",
    ] {
        assert!(text.contains(line), "{line} is missing in:\n{text}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&tasker(&world, &["explain", &format!("{task}/reserve"), "-o", "json"]).await).unwrap();
    assert_eq!(json["step"]["verdict"], "waiting");
    assert_eq!(json["step"]["blockers"][0]["kind"], "paused");
    assert_eq!(json["step"]["blockers"][0]["paused"]["paused_by"], "ops");
    let listed = tasker(&world, &["handlers"]).await;
    assert!(listed.contains("no") && listed.contains("paused"), "{listed}");
    assert_eq!(tasker(&world, &["resume", "order"]).await, "handler default.order is given work again\n");
    assert_eq!(tasker(&world, &["resume", "order"]).await, "handler default.order was not paused\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_refused() {
    let world = world().await;
    let explain = world.client.explain();
    let step = async |step_id: &str| {
        let request = pb::ExplainStepRequest { step_id: step_id.to_owned() };
        told(&explain.clone().explain_step(request).await.unwrap_err())
    };
    let task = async |task_id: &str, max_steps: i32| {
        let request = pb::ExplainTaskRequest { task_id: task_id.to_owned(), max_steps };
        told(&explain.clone().explain_task(request).await.unwrap_err())
    };
    let nobody = "01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000";
    assert_eq!(step("").await, "INVALID_FIELDS\nstep_id: is required");
    assert_eq!(step(nobody).await, "INVALID_FIELDS\nstep_id: is not the id of a step");
    assert_eq!(step("01932c07-6b1f-7d0e-9d0a-5f2c1d3e0001").await, "STEP_NOT_FOUND");
    assert_eq!(task(nobody, 0).await, "TASK_NOT_FOUND");
    assert_eq!(
        task("x", 1_001).await,
        "INVALID_FIELDS\ntask_id: is not the id of a task\nmax_steps: must be between 0 and 1000"
    );
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let beyond = format!("{}9", &id[..id.len() - 1]);
    assert_eq!(step(&beyond).await, "STEP_NOT_FOUND");
}
