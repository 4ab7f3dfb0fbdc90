//! Explanations as people and programs see them.

use tasker_sdk::proto::tasker::v1::{self as pb, blocker as pb_blocker};

use super::{
    super::{json, style::Paint},
    overview::Overview,
    view::{self, Calls},
};

const TASK: &str = "01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000";
const CALLS: Calls<'_> = Calls { endpoint: "http://127.0.0.1:7077", all_grpcurl: false };

fn at(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: 1_763_719_200 + seconds, nanos: 0 })
}

fn remedy(description: &str, method: &str, arguments_json: &str, command: &str) -> pb::Remedy {
    pb::Remedy {
        description: description.to_owned(),
        method: method.to_owned(),
        arguments_json: arguments_json.to_owned(),
        command: command.to_owned(),
    }
}

fn failed() -> pb::FailedAttempt {
    pb::FailedAttempt {
        attempt: 2,
        error_class: "OutOfStock".to_owned(),
        message: "none left".to_owned(),
        fail_time: at(5),
    }
}

fn exhausted() -> pb::StepExplanation {
    let retry = remedy(
        "retry charge now",
        "tasker.v1.StepService/RetryStep",
        r#"{"step_id":"01932c07-6b1f-7d0e-9d0a-5f2c1d3e0002"}"#,
        &format!("tasker retry {TASK}/charge"),
    );
    let raise = remedy(
        "allow charge 3 attempts in all",
        "tasker.v1.StepService/UpdateStep",
        r#"{"retry_limit":3,"step_id":"01932c07-6b1f-7d0e-9d0a-5f2c1d3e0002"}"#,
        "",
    );
    let cause = pb_blocker::Exhausted { attempts: 2, retry_limit: 2, failure: Some(failed()) };
    pb::StepExplanation {
        step_id: "01932c07-6b1f-7d0e-9d0a-5f2c1d3e0002".to_owned(),
        name: "charge".to_owned(),
        step_handler: "Charge".to_owned(),
        state: pb::State::Error.into(),
        attempts: 2,
        retry_limit: 2,
        verdict: pb::Verdict::Stuck.into(),
        blockers: vec![pb::Blocker {
            cause: Some(pb_blocker::Cause::Exhausted(cause)),
            start_time: at(5),
            summary: "has used 2 of 2 attempts; the last failed with OutOfStock: none left".to_owned(),
            remedies: vec![retry, raise],
        }],
        ..pb::StepExplanation::default()
    }
}

fn waiting() -> pb::StepExplanation {
    let no_worker = pb_blocker::NoWorker {
        namespace: "default".to_owned(),
        step_handler: "Label".to_owned(),
        away: vec![pb::WorkerSlots { worker_id: "w1".to_owned(), slots: 4, ..pb::WorkerSlots::default() }],
    };
    let start = remedy(
        "start a worker that offers step handler Label in namespace default",
        "tasker.worker.v1.WorkerService/OpenSession",
        "{}",
        "",
    );
    pb::StepExplanation {
        step_id: "01932c07-6b1f-7d0e-9d0a-5f2c1d3e0003".to_owned(),
        name: "label".to_owned(),
        step_handler: "Label".to_owned(),
        state: pb::State::Error.into(),
        attempts: 1,
        retry_limit: 3,
        verdict: pb::Verdict::Waiting.into(),
        ready_time: at(60),
        blockers: vec![
            pb::Blocker {
                cause: Some(pb_blocker::Cause::Backoff(pb_blocker::Backoff { retry_time: at(60), failure: None })),
                start_time: at(0),
                summary: "the last attempt failed; the next may begin in 55.0s".to_owned(),
                remedies: vec![remedy("nothing has to be done: it goes on by itself", "", "", "")],
            },
            pb::Blocker {
                cause: Some(pb_blocker::Cause::NoWorker(no_worker)),
                start_time: None,
                summary: "no worker runs step handler Label in namespace default; w1 (0 of 4) has just gone".to_owned(),
                remedies: vec![start],
            },
        ],
    }
}

fn handler(version: &str) -> Option<pb::HandlerRef> {
    Some(pb::HandlerRef { namespace: "default".to_owned(), name: "order".to_owned(), version: version.to_owned() })
}

fn waits_behind(name: &str) -> pb::StepRef {
    pb::StepRef { name: name.to_owned(), state: pb::State::Pending.into(), ..pb::StepRef::default() }
}

fn group(root: pb::StepExplanation, waiting: &[&str], waiting_count: i32) -> pb::StepGroup {
    let waiting = waiting.iter().map(|name| waits_behind(name)).collect();
    pb::StepGroup { root: Some(root), waiting, waiting_count }
}

fn task() -> pb::ExplainTaskResponse {
    let task = pb::TaskExplanation {
        task_id: TASK.to_owned(),
        handler: handler("1.0.0"),
        state: pb::State::Pending.into(),
        state_reason: "waiting_for_dependencies".to_owned(),
        verdict: pb::Verdict::Waiting.into(),
        ready_time: at(60),
        deadline_time: at(3_600),
        blockers: Vec::new(),
        counts: Some(pb::VerdictCounts { waiting: 2, stuck: 41, settled: 1, ..pb::VerdictCounts::default() }),
    };
    let leaves: Vec<String> = (0..16).map(|no| format!("leaf{no}")).collect();
    let leaves: Vec<&str> = leaves.iter().map(String::as_str).collect();
    let other = pb::StepExplanation { name: "stamp".to_owned(), step_id: "other".to_owned(), ..waiting() };
    pb::ExplainTaskResponse {
        task: Some(task),
        groups: vec![group(exhausted(), &leaves, 40), group(waiting(), &["pack"], 1), group(other, &[], 0)],
        next_page_token: "7b".to_owned(),
        generate_time: at(10),
    }
}

#[test]
fn a_task_is_explained_by_the_steps_at_which_it_stands() {
    insta::assert_snapshot!(view::of_task(&task(), Paint::Plain, CALLS));
}

#[test]
fn a_step_is_explained_down_to_its_roots() {
    let parents = pb_blocker::Parents {
        unsettled: vec![pb::StepRef {
            name: "charge".to_owned(),
            state: pb::State::Error.into(),
            ..Default::default()
        }],
        count: 1,
    };
    let step = pb::StepExplanation {
        name: "dispatch".to_owned(),
        state: pb::State::Pending.into(),
        retry_limit: 3,
        verdict: pb::Verdict::Stuck.into(),
        blockers: vec![pb::Blocker {
            cause: Some(pb_blocker::Cause::Parents(parents)),
            summary: "waits for charge (error)".to_owned(),
            ..pb::Blocker::default()
        }],
        ..pb::StepExplanation::default()
    };
    let explained = pb::ExplainStepResponse {
        step: Some(step),
        roots: vec![exhausted()],
        task_id: TASK.to_owned(),
        generate_time: at(10),
    };
    let calls = Calls { endpoint: "unix:/run/tasker.sock", all_grpcurl: true };
    insta::assert_snapshot!(view::of_step(&explained, Paint::Plain, calls));
}

#[test]
fn programs_get_the_same_as_data() {
    let json = json::of("tasker.v1.ExplainTaskResponse", &task());
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap());
}

#[test]
fn causes_of_many_tasks_are_gathered_from_their_pages() {
    let group = |root: pb::StepExplanation, task_count: i32, samples: &[&str]| pb::BlockerGroup {
        handler: handler(""),
        step_name: root.name,
        step_handler: root.step_handler,
        verdict: root.verdict,
        blocker: root.blockers.into_iter().next_back(),
        task_count,
        step_count: task_count,
        sample_task_ids: samples.iter().map(|id| (*id).to_owned()).collect(),
    };
    let page = |groups: Vec<pb::BlockerGroup>, moving_tasks: i32, token: &str| pb::ListBlockersResponse {
        examined_tasks: moving_tasks + groups.iter().map(|group| group.task_count).sum::<i32>(),
        groups,
        moving_tasks,
        next_page_token: token.to_owned(),
        generate_time: at(10),
    };
    let mut overview = Overview::default();
    overview.add(page(vec![group(exhausted(), 2, &["t1", "t2"]), group(waiting(), 1, &["t3"])], 4, "7b"));
    overview.add(page(vec![group(waiting(), 7, &["t4", "t5", "t6", "t7", "t8"])], 0, "7c"));
    assert_eq!(overview.examined(), 14);
    insta::assert_snapshot!(overview.show(Paint::Plain, CALLS));
}
