//! What the subcommands share by which a person intervenes: who, why, and several targets.

use std::process::ExitCode;

use tasker_sdk::proto::tasker::v1 as pb;

use super::{
    failure::{self, Failure},
    get,
    input::from_proto,
    output::Out,
    style::tone,
};

/// Who intervenes and why; both are kept in the audit trail.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Because {
    /// Why; kept in the audit trail
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// Who; kept in the audit trail
    #[arg(long, env = "USER", hide_env_values = true, default_value = "")]
    pub(crate) by: String,
}

/// What was changed.
#[derive(Debug)]
pub(crate) enum Changed {
    /// A task.
    Task(Box<pb::Task>),
    /// A step.
    Step(Box<pb::Step>),
}

impl Changed {
    /// A task of an answer.
    pub(crate) fn task(task: Option<pb::Task>) -> Self {
        Self::Task(Box::new(task.unwrap_or_default()))
    }

    /// A step of an answer.
    pub(crate) fn step(step: Option<pb::Step>) -> Self {
        Self::Step(Box::new(step.unwrap_or_default()))
    }

    /// Prints it: one line for people, the whole for programs.
    fn tell(&self, out: Out) {
        let (id, name, state) = match self {
            Self::Task(task) if out.is_json() => return get::show_task(out, task),
            Self::Step(step) if out.is_json() => return get::show_step(out, step),
            Self::Task(task) => (&task.task_id, &task.full_name, task.state),
            Self::Step(step) => (&step.step_id, &step.name, step.state),
        };
        let state = from_proto(state).unwrap_or_default();
        out.line(&format!("{id}  {name}  {}", out.paint.tone(tone(state), state.label())));
    }
}

/// Does the same to every target. One that fails is told, and the others go on.
pub(crate) async fn each<T>(
    out: Out,
    targets: &[T],
    act: impl AsyncFn(&T) -> Result<Changed, Failure>,
) -> Result<ExitCode, Failure> {
    if let [only] = targets {
        act(only).await?.tell(out);
        return Ok(ExitCode::SUCCESS);
    }
    let mut refused = false;
    for target in targets {
        match act(target).await {
            Ok(changed) => changed.tell(out),
            Err(failure) => {
                failure.print(out.format);
                refused = true;
            }
        }
    }
    Ok(if refused { ExitCode::from(failure::UNSUCCESSFUL) } else { ExitCode::SUCCESS })
}
