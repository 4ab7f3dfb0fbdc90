//! What the subcommands share by which a person intervenes: who, why, and several targets.

use std::{fmt, process::ExitCode};

use tasker_sdk::{Client, proto::tasker::v1 as pb};

use super::{
    Context,
    failure::{self, Failure},
    get,
    input::from_proto,
    output::Out,
    shape,
    style::tone,
    target::{Reference, Target},
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

/// A new name of a call, under which the server does it only once, however often the call is sent.
pub(crate) fn request_id() -> String {
    uuid::Uuid::now_v7().to_string()
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

    /// Prints it as one of many: a line for people, a document on a line for programs.
    pub(super) fn tell_briefly(&self, out: Out) {
        match self {
            Self::Task(task) if out.is_json() => out.record(&shape::task(task)),
            Self::Step(step) if out.is_json() => out.record(&shape::step(step)),
            _ => self.tell(out),
        }
    }

    /// Prints it: one line for people, the whole for programs.
    pub(super) fn tell(&self, out: Out) {
        let (id, name, state) = match self {
            Self::Task(task) if out.is_json() => return get::show_task(out, task),
            Self::Step(step) if out.is_json() => return get::show_step(out, step),
            Self::Task(task) => (&task.task_id, shape::full_name(task.handler.as_ref()), task.state),
            Self::Step(step) => (&step.step_id, step.name.clone(), step.state),
        };
        let state = from_proto(state).unwrap_or_default();
        out.line(&format!("{id}  {name}  {}", out.paint.tone(tone(state), state.label())));
    }
}

/// A handler, all versions of it, or a whole namespace: the objects of `pause` and `resume`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Place {
    /// The handler, all versions of it; without it, all of the namespace
    #[arg(value_name = "HANDLER", required_unless_present = "namespace")]
    pub(crate) handler: Option<String>,
    /// The namespace
    #[arg(long, short)]
    namespace: Option<String>,
}

impl Place {
    /// The namespace as it is sent; empty for the default one.
    pub(crate) fn namespace(&self) -> String {
        self.namespace.clone().unwrap_or_default()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = self.namespace.as_deref().filter(|name| !name.is_empty()).unwrap_or("default");
        match &self.handler {
            Some(handler) => write!(f, "handler {namespace}.{handler}"),
            None => write!(f, "namespace {namespace}"),
        }
    }
}

/// Does the same to every target. One that fails is told, and the others go on.
pub(crate) async fn each(
    context: &Context,
    client: &Client,
    targets: &[Reference],
    act: impl AsyncFn(&Target) -> Result<Changed, Failure>,
) -> Result<ExitCode, Failure> {
    let out = context.out();
    let one = async |target: &Reference| act(&target.find(context, client).await?).await;
    if let [only] = targets {
        one(only).await?.tell(out);
        return Ok(ExitCode::SUCCESS);
    }
    let mut refused = false;
    for target in targets {
        match one(target).await {
            Ok(changed) => changed.tell(out),
            Err(failure) => {
                failure.print(out.format);
                refused = true;
            }
        }
    }
    Ok(if refused { ExitCode::from(failure::UNSUCCESSFUL) } else { ExitCode::SUCCESS })
}
