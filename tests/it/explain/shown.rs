//! Explanations as the service and the command line show them.

use std::process::Stdio;

use tasker_sdk::proto::tasker::v1::{self as pb, blocker::Cause};
use tokio::process::Command;

use crate::{
    calls::world::{World, order, told, world},
    harness::{self, within},
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
    assert_eq!(step.verdict(), pb::Verdict::Stuck);
    let kinds = step.blockers.iter().map(|blocker| match &blocker.cause {
        Some(Cause::Parents(parents)) => parents.unsettled[0].name.clone(),
        Some(Cause::Ancestor(ancestor)) => format!("{:?}", ancestor.reason()),
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
    let request = pb::ExplainTaskRequest { task_id: task.clone(), ..Default::default() };
    let explained = world.client.explain().explain_task(request).await.unwrap().into_inner();
    assert_eq!(explained.groups, []);
    let whole = explained.task.unwrap();
    assert_eq!((whole.verdict(), whole.counts.unwrap().settled), (pb::Verdict::Settled, 4));
    assert_eq!(whole.blockers[0].remedies, [], "nothing has to be done for a task that went well");
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
    assert_eq!(json["step"]["blockers"][0]["cause"], "paused");
    assert_eq!(json["step"]["blockers"][0]["paused"]["requested_by"], "ops");
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
    let task = async |task_id: &str, page_size: i32| {
        let request = pb::ExplainTaskRequest { task_id: task_id.to_owned(), page_size, ..Default::default() };
        told(&explain.clone().explain_task(request).await.unwrap_err())
    };
    let nobody = "01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000";
    assert_eq!(step("").await, "INVALID_FIELDS\nstep_id: is required");
    assert_eq!(step(nobody).await, "INVALID_FIELDS\nstep_id: is not the id of a step");
    assert_eq!(step("01932c07-6b1f-7d0e-9d0a-5f2c1d3e0001").await, "STEP_NOT_FOUND");
    assert_eq!(task(nobody, 0).await, "TASK_NOT_FOUND");
    assert_eq!(
        task("x", -1).await,
        "INVALID_FIELDS\ntask_id: is not the id of a task\npage_size: must not be negative"
    );
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let beyond = format!("{}9", &id[..id.len() - 1]);
    assert_eq!(step(&beyond).await, "STEP_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_root_before_many_leaves_is_told_once() {
    let mut world = world().await;
    let step = |no: usize| pb::StepTemplate {
        name: format!("s{no}"),
        step_handler: "OrderStep".to_owned(),
        depends_on_step: if no == 0 { String::new() } else { "s0".to_owned() },
        ..pb::StepTemplate::default()
    };
    let handler = pb::Handler {
        name: "fan".to_owned(),
        version: "1.0.0".to_owned(),
        step_templates: (0..41).map(step).collect(),
        ..pb::Handler::default()
    };
    let request = pb::RegisterHandlersRequest { handlers: vec![handler], ..Default::default() };
    world.client.handlers().register_handlers(request).await.unwrap();
    let task = world.create(pb::NewTask { handler: harness::handler_ref("", "fan", ""), ..order(r#"{"n": 1}"#) }).await;
    world.fail(&task, "s0", true).await;
    world.settled(&task, pb::State::Error).await;
    let request = pb::ExplainTaskRequest { task_id: task.clone(), ..Default::default() };
    let explained = world.client.explain().explain_task(request).await.unwrap().into_inner();
    let [group] = &*explained.groups else { panic!("{explained:?}") };
    let root = group.root.as_ref().unwrap();
    assert_eq!((&*root.name, root.verdict()), ("s0", pb::Verdict::Stuck));
    assert_eq!((group.waiting.len(), group.waiting_count), (16, 40));
    assert_eq!(explained.task.unwrap().counts.unwrap().stuck, 41);
    let text = tasker(&world, &["explain", &task]).await;
    assert!(text.contains("40 steps wait behind: ") && text.lines().count() < 20, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_of_a_task_come_in_pages() {
    let world = world().await;
    world.register_graph("wide", 7, |_| Vec::new()).await;
    let task =
        world.create(pb::NewTask { handler: harness::handler_ref("", "wide", ""), ..order(r#"{"n": 1}"#) }).await;
    let mut request = pb::ExplainTaskRequest { task_id: task, page_size: 3, ..Default::default() };
    let mut pages = Vec::new();
    loop {
        let page = world.client.explain().explain_task(request.clone()).await.unwrap().into_inner();
        let names = page.groups.iter().map(|group| group.root.as_ref().unwrap().name.clone());
        pages.push(names.collect::<Vec<_>>().join(" "));
        assert_eq!(page.task.unwrap().counts.unwrap().waiting, 7, "the counts are of the whole task");
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(pages, ["s0 s1 s2", "s3 s4 s5", "s6"]);
    let other = world.create(order(r#"{"n": 1}"#)).await;
    request.task_id = other;
    let refused = world.client.explain().explain_task(request).await.unwrap_err();
    assert_eq!(told(&refused), "PAGE_TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_do_not_move_are_listed_by_cause() {
    let mut world = world().await;
    let failed = [world.create(order(r#"{"n": 1}"#)).await, world.create(order(r#"{"n": 2}"#)).await];
    for task in &failed {
        world.finish(task, "reserve").await;
        world.fail(task, "charge", true).await;
        world.finish(task, "label").await;
        world.settled(task, pb::State::Error).await;
    }
    let running = world.create(order(r#"{"n": 3}"#)).await;
    world.claim(&running, "reserve").await;
    world.register_graph("alone", 2, |no| no.checked_sub(1).into_iter().collect()).await;
    let lonely =
        world.create(pb::NewTask { handler: harness::handler_ref("", "alone", ""), ..order(r#"{"n": 4}"#) }).await;

    let list = async |page_size: i32, page_token: &str, handler: &str| {
        let request = pb::ListBlockersRequest {
            page_size,
            page_token: page_token.to_owned(),
            handler: handler.to_owned(),
            ..Default::default()
        };
        world.client.explain().list_blockers(request).await.map(tonic::Response::into_inner)
    };
    let show = |page: &pb::ListBlockersResponse| {
        let group = |group: &pb::BlockerGroup| {
            let summary = &group.blocker.as_ref().unwrap().summary;
            format!("{} {}x {}: {summary}", group.handler.as_ref().unwrap().name, group.task_count, group.step_name)
        };
        let groups: Vec<String> = page.groups.iter().map(group).collect();
        format!("{} of {} move | {}", page.moving_tasks, page.examined_tasks, groups.join(" | "))
    };
    let all = list(0, "", "").await.unwrap();
    let failure = "failed for good with OutOfStock: none left";
    let alone = "no worker runs step handler LargeStep in namespace default";
    assert_eq!(show(&all), format!("1 of 4 move | order 2x charge: {failure} | alone 1x s0: {alone}"));
    assert_eq!(all.groups[0].sample_task_ids, [failed[1].clone(), failed[0].clone()], "the newest first");
    assert_eq!((all.groups[0].verdict(), all.groups[1].verdict()), (pb::Verdict::Stuck, pb::Verdict::Waiting));
    assert_eq!(all.groups[1].sample_task_ids, [lonely]);

    // Pages are of tasks.
    let first = list(2, "", "").await.unwrap();
    assert_eq!(show(&first), format!("1 of 2 move | alone 1x s0: {alone}"));
    let second = list(2, &first.next_page_token, "").await.unwrap();
    assert_eq!((show(&second), &*second.next_page_token), (format!("0 of 2 move | order 2x charge: {failure}"), ""));
    assert_eq!(show(&list(0, "", "order").await.unwrap()), format!("1 of 3 move | order 2x charge: {failure}"));
    assert_eq!(show(&list(0, "", "nobody").await.unwrap()), "0 of 0 move | ");
    assert_eq!(told(&list(2, &first.next_page_token, "order").await.unwrap_err()), "PAGE_TOKEN_INVALID");

    let text = tasker(&world, &["explain"]).await;
    for line in ["4 open tasks looked at: 3 do not move", "default.order  charge  is stuck  2 tasks", failure, alone] {
        assert!(text.contains(line), "{line} is missing in:\n{text}");
    }
    let json: serde_json::Value = serde_json::from_str(&tasker(&world, &["explain", "-o", "json"]).await).unwrap();
    assert_eq!(json["groups"][0]["blocker"]["cause"], "permanent");
    assert!(tasker(&world, &["queues"]).await.contains("HANDLER"));
    assert!(tasker(&world, &["workers"]).await.contains("OrderStep"));
}
