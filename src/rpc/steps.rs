//! StepService.

use std::ops::Range;

use tonic::{Request, Response, Status};

use super::{fields::Fields, limits::Limits, render::step, scope};
use crate::{
    auth::Scope,
    domain::{
        ids::{StepId, StepNo, TaskId},
        run::Operation,
    },
    error::Result,
    proto::tasker::v1::{self as proto, step_service_server::StepService},
    service::{
        page::Binding,
        snapshot::Snapshot,
        steps::{Change, Steps as UseCases},
    },
};

/// Steps of a page when the caller does not say.
const STEPS_DEFAULT: i64 = 100;

/// Attempts that a step may be allowed.
const RETRY_LIMIT_MAX: u16 = 10_000;

/// The service.
#[derive(Debug, Clone)]
pub struct Steps {
    steps: UseCases,
    limits: Limits,
}

impl Steps {
    /// The service over the use cases.
    pub const fn new(steps: UseCases, limits: Limits) -> Self {
        Self { steps, limits }
    }

    async fn change(
        &self,
        scope: &Scope,
        (id, change, operation): (StepId, Change, Operation),
    ) -> Result<Option<proto::Step>> {
        let snapshot = self.steps.change(scope, id, change, operation).await?;
        Ok(step::alone(&snapshot))
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl StepService for Steps {
    async fn list_steps(&self, request: Request<proto::ListStepsRequest>) -> Answer<proto::ListStepsResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let payloads = request.include_payloads;
        let (task, range, binding) = list(&request)?;
        let snapshot = self.steps.list(&scope, task, range, payloads).await?;
        let steps = if payloads { step::of_list(&snapshot) } else { step::of_task(&snapshot) };
        let next_page_token = next(&snapshot, &binding).unwrap_or_default();
        Ok(self.limits.fit(proto::ListStepsResponse { steps, next_page_token })?)
    }

    async fn get_step(&self, request: Request<proto::GetStepRequest>) -> Answer<proto::GetStepResponse> {
        let scope = scope(&request)?;
        let mut fields = Fields::default();
        let id = fields.step_id("step_id", &request.into_inner().step_id);
        fields.finish()?;
        let snapshot = self.steps.get(&scope, id.expect("it was checked")).await?;
        Ok(self.limits.fit(proto::GetStepResponse { step: step::alone(&snapshot) })?)
    }

    async fn update_step(&self, request: Request<proto::UpdateStepRequest>) -> Answer<proto::UpdateStepResponse> {
        let scope = scope(&request)?;
        let proto::UpdateStepRequest { step_id, retry_limit, inputs_json, reason, requested_by } = request.into_inner();
        let mut fields = Fields::default();
        let retry_limit = retry_limit.map(|limit| fields.number("retry_limit", limit, 0..=RETRY_LIMIT_MAX));
        let inputs_json = inputs_json.map(|text| fields.json("inputs_json", text, self.limits.payload_bytes).0);
        if retry_limit.is_none() && inputs_json.is_none() {
            fields.refuse("retry_limit", "set this or inputs_json: there is nothing to change");
        }
        let change = Change::Update { retry_limit, inputs_json };
        let asked = asked(fields, &step_id, change, "update_step", requested_by, reason)?;
        Ok(Response::new(proto::UpdateStepResponse { step: self.change(&scope, asked).await? }))
    }

    async fn cancel_step(&self, request: Request<proto::CancelStepRequest>) -> Answer<proto::CancelStepResponse> {
        let scope = scope(&request)?;
        let proto::CancelStepRequest { step_id, reason, requested_by } = request.into_inner();
        let asked = asked(Fields::default(), &step_id, Change::Cancel, "cancel_step", requested_by, reason)?;
        Ok(Response::new(proto::CancelStepResponse { step: self.change(&scope, asked).await? }))
    }

    async fn resolve_step(&self, request: Request<proto::ResolveStepRequest>) -> Answer<proto::ResolveStepResponse> {
        let scope = scope(&request)?;
        let proto::ResolveStepRequest { step_id, results_json, reason, requested_by } = request.into_inner();
        let mut fields = Fields::default();
        let results = if results_json.is_empty() { "{}".to_owned() } else { results_json };
        let (results, _) = fields.json("results_json", results, self.limits.payload_bytes);
        let asked = asked(fields, &step_id, Change::Resolve(results), "resolve_step", requested_by, reason)?;
        Ok(Response::new(proto::ResolveStepResponse { step: self.change(&scope, asked).await? }))
    }

    async fn retry_step(&self, request: Request<proto::RetryStepRequest>) -> Answer<proto::RetryStepResponse> {
        let scope = scope(&request)?;
        let proto::RetryStepRequest { step_id, reason, requested_by } = request.into_inner();
        let asked = asked(Fields::default(), &step_id, Change::Retry, "retry_step", requested_by, reason)?;
        Ok(Response::new(proto::RetryStepResponse { step: self.change(&scope, asked).await? }))
    }
}

/// Which steps of which task; the page token holds the number of the first.
fn list(request: &proto::ListStepsRequest) -> Result<(TaskId, Range<StepNo>, Binding)> {
    let mut fields = Fields::default();
    let task = fields.task_id("task_id", &request.task_id);
    let size = fields.page_size(request.page_size, STEPS_DEFAULT);
    fields.finish()?;
    let task = task.expect("it was checked");
    let binding = Binding::to(&("ListSteps", task.to_string(), request.include_payloads));
    let first: StepNo = binding.open(&request.page_token)?.unwrap_or(0);
    let last = first.saturating_add(StepNo::try_from(size).unwrap_or(StepNo::MAX));
    Ok((task, first..last, binding))
}

/// The token of the page after this one, if there is one.
fn next(snapshot: &Snapshot, binding: &Binding) -> Option<String> {
    let end = snapshot.steps.as_ref()?.range.end;
    (end < snapshot.run.len()).then(|| binding.seal(&end))
}

/// A change of a step, who asks for it and why.
fn asked(
    mut fields: Fields,
    step_id: &str,
    change: Change,
    name: &'static str,
    requested_by: String,
    reason: String,
) -> Result<(StepId, Change, Operation)> {
    let id = fields.step_id("step_id", step_id);
    let operation = fields.operation(name, requested_by, reason);
    fields.finish()?;
    Ok((id.expect("it was checked"), change, operation))
}
