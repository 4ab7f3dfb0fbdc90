//! Remedies as calls: the method, its request, and the command line that makes it.

use serde_json::{Value, json};

use crate::{domain::explain::Remedy, proto::tasker::v1 as proto, service::snapshot::Snapshot};

/// The call that a remedy is.
pub(super) fn show(snapshot: &Snapshot, remedy: &Remedy) -> proto::Remedy {
    let task = snapshot.row.task_id;
    let template = snapshot.run.template();
    let name = |no: &u16| &*template.step(*no).name;
    let task_name = |no: &u16| format!("{task}/{}", quoted(name(no)));
    match remedy {
        Remedy::Wait(_) => described("nothing has to be done: it goes on by itself"),
        Remedy::RetryStep(no) => call(
            format!("retry {} now", name(no)),
            "tasker.v1.StepService/RetryStep",
            &json!({ "step_id": task.step(*no).to_string() }),
            format!("tasker retry {}", task_name(no)),
        ),
        Remedy::RetryTask => call(
            "retry every failed step of the task".to_owned(),
            "tasker.v1.TaskService/RetryTask",
            &json!({ "task_id": task.to_string() }),
            format!("tasker retry {task}"),
        ),
        Remedy::ResolveStep(no) => call(
            format!("declare {} done, with results for what comes after it", name(no)),
            "tasker.v1.StepService/ResolveStep",
            &json!({ "step_id": task.step(*no).to_string(), "results_json": "{}" }),
            format!("tasker resolve {} --results '{{}}'", task_name(no)),
        ),
        Remedy::RaiseLimit(no, limit) => call(
            format!("allow {} {limit} attempts in all", name(no)),
            "tasker.v1.StepService/UpdateStep",
            &json!({
                "step": { "step_id": task.step(*no).to_string(), "retry_limit": limit }, "update_mask": "retryLimit",
            }),
            String::new(),
        ),
        Remedy::CancelStep(no) => call(
            format!("end the attempt and cancel {}: what comes after it can then never run", name(no)),
            "tasker.v1.StepService/CancelStep",
            &json!({ "step_id": task.step(*no).to_string() }),
            format!("tasker cancel {}", task_name(no)),
        ),
        Remedy::CreateTask => described("create the task again: what is cancelled or final stays so"),
        Remedy::Resume(pause) => match &pause.handler {
            Some(handler) => call(
                format!("resume handler {}.{handler}", pause.namespace),
                "tasker.v1.HandlerService/ResumeHandler",
                &json!({ "namespace": pause.namespace, "name": handler }),
                format!("tasker resume {} --namespace {}", quoted(handler), quoted(&pause.namespace)),
            ),
            None => call(
                format!("resume namespace {}", pause.namespace),
                "tasker.v1.HandlerService/ResumeNamespace",
                &json!({ "namespace": pause.namespace }),
                format!("tasker resume --namespace {}", quoted(&pause.namespace)),
            ),
        },
        Remedy::StartWorker(no) => {
            let handler = &*template.step(*no).handler_class;
            let offer = json!({ "namespace": &*template.namespace, "step_handler": handler });
            call(
                format!("start a worker that offers step handler {handler} in namespace {}", template.namespace),
                "tasker.worker.v1.WorkerService/OpenSession",
                &json!({ "hello": { "worker_id": "…", "offers": [offer], "slots": 10 } }),
                String::new(),
            )
        }
        Remedy::LookAt(no) => call(
            format!("look at {}", name(no)),
            "tasker.v1.ExplainService/ExplainStep",
            &json!({ "step_id": task.step(*no).to_string() }),
            format!("tasker explain {}", task_name(no)),
        ),
    }
}

fn described(description: &str) -> proto::Remedy {
    proto::Remedy { description: description.to_owned(), ..proto::Remedy::default() }
}

fn call(description: String, method: &str, arguments: &Value, command: String) -> proto::Remedy {
    proto::Remedy { description, method: method.to_owned(), arguments_json: arguments.to_string(), command }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |sign: char| sign.is_ascii_alphanumeric() || "_-./:@%+".contains(sign);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_safe_in_a_shell() {
        assert_eq!(quoted("fetch"), "fetch");
        assert_eq!(quoted("two words; rm"), "'two words; rm'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
