//! `tasker apply`: registers handlers from YAML files.

use std::{path::PathBuf, process::ExitCode};

use tasker_sdk::proto::tasker::v1 as pb;

use super::{
    Context, Outcome,
    failure::Failure,
    manual::Because,
    output::Out,
    remote::Remote,
    shape,
    style::{Paint, Tone},
    table::{Cell, Table, columns, text},
};
use crate::{
    domain::handler::{CustomEvent, Draft, Limits, StepDraft},
    templates::{self, Found, Severity},
};

/// Where the original service keeps its files.
const DEFAULT_PATH: &str = "config/tasker/tasks";

/// Registers handlers from YAML files
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker apply ship_parcel.yaml
  tasker apply handlers/ --environment production  all files below it
  tasker apply handlers/ --dry-run                 only check
  tasker apply ship_parcel.yaml --replace          replace a version

Files of the original Tasker load unchanged. Everything that is wrong is
reported at once as FILE:LINE:COLUMN, and then nothing is sent. All handlers are
registered, or none. Registering the same content again changes nothing;
existing tasks keep the content they were created with.")]
pub(crate) struct Args {
    /// Files, or directories with .yaml and .yml files
    #[arg(default_value = DEFAULT_PATH, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The environment whose overrides are merged in
    #[arg(long, short, env = "TASKER_ENV", value_name = "ENV")]
    environment: Option<String>,
    /// Let other content take the place of an existing version's
    #[arg(long)]
    replace: bool,
    /// Check everything and store nothing
    #[arg(long)]
    dry_run: bool,
    /// Count warnings, such as unknown keys, as errors
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the subcommand.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.remote.run(context, args.apply(context)).await
}

impl Args {
    async fn apply(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let found = self.load()?;
        let client = self.remote.connect(context).await?;
        let Because { reason, by: requested_by } = self.because.clone();
        let request = pb::RegisterHandlersRequest {
            handlers: found.iter().map(|found| handler(&found.draft)).collect(),
            replace: self.replace,
            validate_only: self.dry_run,
            reason,
            requested_by,
        };
        let response = client.handlers().register_handlers(request).await?.into_inner();
        self.tell(out, &found, &response);
        Ok(ExitCode::SUCCESS)
    }

    /// The handlers of the files. Warnings are told; errors end it here.
    fn load(&self) -> Result<Vec<Found>, Failure> {
        // The server knows its own limits; here only what no server stores is refused.
        let loaded = templates::load(&self.paths, self.environment.as_deref(), &Limits::CEILING);
        let fatal = |severity: Severity| self.strict || severity == Severity::Error;
        let (findings, warnings): (Vec<_>, Vec<_>) =
            loaded.diagnostics.iter().partition(|diagnostic| fatal(diagnostic.severity));
        let paint = Paint::of(&std::io::stderr());
        for warning in warnings {
            eprintln!("{}", paint.tone(Tone::Warn, &warning.to_string()));
        }
        if !findings.is_empty() {
            let problems = if findings.len() == 1 { "1 problem" } else { &format!("{} problems", findings.len()) };
            return Err(Failure::Findings {
                message: format!("{problems} in the files; nothing was sent"),
                findings: findings.iter().map(ToString::to_string).collect(),
                next: "fix these and repeat".to_owned(),
            });
        }
        if loaded.handlers.is_empty() {
            return Err(Failure::local(
                "there are no handlers in the files",
                "name files or directories with handlers",
            ));
        }
        Ok(loaded.handlers)
    }

    fn tell(&self, out: Out, found: &[Found], response: &pb::RegisterHandlersResponse) {
        let outcomes: Vec<String> = response
            .outcomes()
            .map(|outcome| shape::enum_label(outcome.as_str_name(), "REGISTRATION_OUTCOME_"))
            .collect();
        if out.is_json() {
            let handlers: Vec<_> = response
                .handlers
                .iter()
                .zip(&outcomes)
                .zip(found)
                .map(|((handler, outcome), found)| {
                    serde_json::json!({
                        "namespace": handler.namespace, "name": handler.name, "version": handler.version,
                        "revision": handler.revision, "outcome": outcome, "steps": handler.step_templates.len(),
                        "file": found.file,
                    })
                })
                .collect();
            out.document(&serde_json::json!({ "dry_run": self.dry_run, "handlers": handlers }));
            return;
        }
        let mut table = Table::new(
            const { columns([text("HANDLER", 24), text("STEPS", 5), text("OUTCOME", 19), text("FILE", 26)]) },
        );
        for ((handler, outcome), found) in response.handlers.iter().zip(outcomes).zip(found) {
            let tone = if outcome == "unchanged" { Tone::Dim } else { Tone::Good };
            let outcome = if self.dry_run { format!("{outcome} (dry run)") } else { outcome };
            table.row([
                shape::handler_name(handler).into(),
                handler.step_templates.len().to_string().into(),
                Cell::toned(tone, outcome),
                format!("{}:{}", found.file.display(), found.place.line).into(),
            ]);
        }
        out.table(&table);
    }
}

/// The handler as it is sent.
fn handler(draft: &Draft) -> pb::Handler {
    pb::Handler {
        namespace: draft.namespace.clone(),
        name: draft.name.clone(),
        version: draft.version.clone(),
        description: draft.description.clone(),
        task_handler_class: draft.task_handler_class.clone(),
        module_namespace: draft.module_namespace.clone(),
        concurrent: draft.concurrent.unwrap_or(true),
        default_dependent_system: draft.default_dependent_system.clone(),
        named_steps: draft.named_steps.clone(),
        schema_json: draft.schema_json.clone(),
        schema_strict: draft.schema_strict,
        step_templates: draft.step_templates.iter().map(step_template).collect(),
        revision: 0,
        create_time: None,
        deprecation: None,
    }
}

fn step_template(step: &StepDraft) -> pb::StepTemplate {
    pb::StepTemplate {
        name: step.name.clone(),
        step_handler: step.handler_class.clone(),
        dependent_system: step.dependent_system.clone(),
        description: step.description.clone(),
        default_retryable: step.default_retryable,
        // A number that no field holds was reported before anything is sent.
        default_retry_limit: step.default_retry_limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX)),
        skippable: step.skippable,
        depends_on_step: step.depends_on_step.clone(),
        depends_on_steps: step.depends_on_steps.clone(),
        handler_config_json: step.handler_config_json.clone(),
        custom_events: step.custom_events.iter().map(custom_event).collect(),
        timeout: (step.timeout_ms > 0).then(|| prost_types::Duration {
            seconds: step.timeout_ms / 1_000,
            nanos: i32::try_from(step.timeout_ms % 1_000).unwrap_or_default() * 1_000_000,
        }),
    }
}

fn custom_event(event: &CustomEvent) -> pb::CustomEvent {
    pb::CustomEvent { name: event.name.clone(), description: event.description.clone() }
}
