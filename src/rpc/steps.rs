//! StepService.

use std::ops::Range;

use tonic::{Request, Response, Status};

use super::{fields::Fields, limits::Limits, render::step, scope};
use crate::{
    auth::Scope,
    domain::{
        ids::{StepId, StepNo, TaskId},
        run::{Operation, OperationKind},
    },
    error::Result,
    proto::tasker::v1::{self as proto, step_service_server::StepService},
    service::{
        page::Binding,
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

    async fn change(&self, scope: &Scope, (id, change, operation): Asked) -> Result<Option<proto::Step>> {
        let snapshot = self.steps.change(scope, id, change, operation).await?;
        let shown = step::alone(&snapshot);
        Ok(shown.map(|mut shown| {
            // What was done is answered as done.
            if !self.limits.has_room_for(&shown) {
                shown.inputs_json.clear();
                shown.results_json.clear();
            }
            shown
        }))
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
        let first = range.start;
        let snapshot = self.steps.list(&scope, task, range, payloads).await?;
        let steps = if payloads { step::of_list(&snapshot) } else { step::of_task(&snapshot) };
        let (steps, _) = self.limits.page(steps);
        let end = first.saturating_add(StepNo::try_from(steps.len()).unwrap_or(StepNo::MAX));
        let next_page_token = if end < snapshot.run.len() { binding.seal(&end) } else { String::new() };
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
        let proto::UpdateStepRequest { step, update_mask, reason, requested_by } = request.into_inner();
        let mut fields = Fields::default();
        let step = step.unwrap_or_default();
        let paths = fields.mask(update_mask, &["retry_limit", "inputs_json"]);
        let is_named = |name: &str| paths.iter().any(|path| path == name);
        let retry_limit =
            is_named("retry_limit").then(|| fields.number("step.retry_limit", step.retry_limit, 0..=RETRY_LIMIT_MAX));
        let inputs_json = is_named("inputs_json")
            .then(|| fields.json("step.inputs_json", step.inputs_json, self.limits.payload_bytes).0);
        let id = fields.step_id("step.step_id", &step.step_id);
        let asked = fields.asked(requested_by, reason);
        let operation = fields.operation(OperationKind::UpdateStep, &scope, asked, String::new());
        let asked = (done(fields, id)?, Change::Update { retry_limit, inputs_json }, operation);
        Ok(Response::new(proto::UpdateStepResponse { step: self.change(&scope, asked).await? }))
    }

    async fn cancel_step(&self, request: Request<proto::CancelStepRequest>) -> Answer<proto::CancelStepResponse> {
        let scope = scope(&request)?;
        let proto::CancelStepRequest { step_id, reason, requested_by } = request.into_inner();
        let mut fields = Fields::default();
        let id = fields.step_id("step_id", &step_id);
        let asked = fields.asked(requested_by, reason);
        let operation = fields.operation(OperationKind::CancelStep, &scope, asked, String::new());
        let asked = (done(fields, id)?, Change::Cancel, operation);
        Ok(Response::new(proto::CancelStepResponse { step: self.change(&scope, asked).await? }))
    }

    async fn resolve_step(&self, request: Request<proto::ResolveStepRequest>) -> Answer<proto::ResolveStepResponse> {
        let scope = scope(&request)?;
        let proto::ResolveStepRequest { step_id, results_json, reason, requested_by, request_id } =
            request.into_inner();
        let mut fields = Fields::default();
        let results = if results_json.is_empty() { "{}".to_owned() } else { results_json };
        let (results, _) = fields.json("results_json", results, self.limits.payload_bytes);
        let id = fields.step_id("step_id", &step_id);
        let asked = fields.asked(requested_by, reason);
        let operation = fields.operation(OperationKind::ResolveStep, &scope, asked, request_id);
        let asked = (done(fields, id)?, Change::Resolve(results), operation);
        Ok(Response::new(proto::ResolveStepResponse { step: self.change(&scope, asked).await? }))
    }

    async fn retry_step(&self, request: Request<proto::RetryStepRequest>) -> Answer<proto::RetryStepResponse> {
        let scope = scope(&request)?;
        let proto::RetryStepRequest { step_id, reason, requested_by, request_id } = request.into_inner();
        let mut fields = Fields::default();
        let id = fields.step_id("step_id", &step_id);
        let asked = fields.asked(requested_by, reason);
        let operation = fields.operation(OperationKind::RetryStep, &scope, asked, request_id);
        let asked = (done(fields, id)?, Change::Retry, operation);
        Ok(Response::new(proto::RetryStepResponse { step: self.change(&scope, asked).await? }))
    }
}

/// A change of a step, who asks for it and why.
type Asked = (StepId, Change, Operation);

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

/// The value, unless a field was wrong; only then it may be missing.
fn done<T>(fields: Fields, value: Option<T>) -> Result<T> {
    fields.finish()?;
    Ok(value.expect("a field without a value was refused"))
}
