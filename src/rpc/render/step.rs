//! Steps as messages.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use prost_types::Duration;

use super::{micros, state, time};
use crate::{
    domain::{
        audit::Note,
        ids::StepNo,
        run::{Micros, Step},
        state::State,
        template::Template,
    },
    proto::tasker::v1 as proto,
    service::snapshot::{Snapshot, Steps},
    store::steps::Lease,
};

/// Siblings shown of a step in lists and tasks: a fan-out of 10,000 steps has 100 million in all.
const SIBLINGS_IN_LISTS: usize = 16;

/// Steps with the same parents, by those parents.
struct Families<'a>(HashMap<&'a [StepNo], Vec<StepNo>>);

/// The steps of a task, as far as the snapshot goes. Inputs are shown where they differ from the context, which
/// the task shows itself.
pub(in crate::rpc) fn of_task(snapshot: &Snapshot) -> Vec<proto::Step> {
    let Some(steps) = &snapshot.steps else { return Vec::new() };
    let families = Families::of(snapshot.run.template());
    let shown = steps.range.clone().map(|no| one(snapshot, steps, no, &families, SIBLINGS_IN_LISTS));
    shown.collect()
}

/// Steps by themselves: inputs that nobody changed are the task's context.
pub(in crate::rpc) fn of_list(snapshot: &Snapshot) -> Vec<proto::Step> {
    let mut steps = of_task(snapshot);
    add_context(snapshot, &mut steps);
    steps
}

/// One step by itself, with all its siblings.
pub(in crate::rpc) fn alone(snapshot: &Snapshot) -> Option<proto::Step> {
    let steps = snapshot.steps.as_ref()?;
    let families = Families::of(snapshot.run.template());
    let mut shown = [one(snapshot, steps, steps.range.start, &families, usize::MAX)];
    add_context(snapshot, &mut shown);
    let [shown] = shown;
    Some(shown)
}

fn add_context(snapshot: &Snapshot, steps: &mut [proto::Step]) {
    let Some(context) = &snapshot.row.context else { return };
    for step in steps.iter_mut().filter(|step| step.inputs_json.is_empty()) {
        step.inputs_json.clone_from(context);
    }
}

fn one(snapshot: &Snapshot, steps: &Steps, no: StepNo, families: &Families<'_>, siblings: usize) -> proto::Step {
    let Snapshot { row, run, now, .. } = snapshot;
    let (id, step, spec) = (row.task_id.step(no), run.step(no), run.template().step(no));
    let outcome = steps.outcomes.get(&(row.task_id, step.outcome_sequence));
    let lease = steps.leases.get(&id);
    let note =
        outcome.filter(|outcome| outcome.to == State::Error).map(|outcome| Note::read(outcome.metadata.as_deref()));
    let ids = |numbers: &[StepNo]| numbers.iter().map(|no| row.task_id.step(*no).to_string()).collect();
    let began = lease.map(|lease| lease.claimed_at).or_else(|| outcome.and_then(|outcome| outcome.started_at));
    let backoff = note.as_ref().zip(outcome).and_then(|(note, outcome)| {
        let asked = note.retry_at?.saturating_sub(outcome.at.timestamp_micros());
        Duration::try_from(std::time::Duration::from_micros(asked.try_into().unwrap_or(0))).ok()
    });
    let results = outcome.and_then(|outcome| outcome.results.clone());
    proto::Step {
        step_id: id.to_string(),
        task_id: row.task_id.to_string(),
        name: spec.name.to_string(),
        step_handler: spec.handler_class.to_string(),
        dependent_system: spec.dependent_system.to_string(),
        state: state(step.state).into(),
        attempts: i32::from(step.attempts),
        retry_limit: i32::from(step.retry_limit),
        retryable: spec.retryable,
        skippable: spec.skippable,
        bypassed: step.bypassed,
        complete_time: outcome.filter(|_| step.state == State::Complete).map(|outcome| time(outcome.at)),
        last_attempt_time: began.map(time),
        backoff,
        retry_time: step.next_retry_at.map(micros),
        inputs_json: steps.inputs.get(&id).cloned().unwrap_or_default(),
        results_json: results.unwrap_or_default(),
        parent_step_ids: ids(&spec.parents),
        child_step_ids: ids(&spec.children),
        sibling_step_ids: ids(&families.siblings(no, &spec.parents, siblings)),
        readiness: Some(readiness(step, spec.parents.len(), *now)),
        failure: note
            .zip(outcome)
            .filter(|_| step.state != State::InProgress)
            .map(|(note, outcome)| failure(note, outcome.at)),
        lease: lease.map(render_lease),
    }
}

fn readiness(step: &Step, parents: usize, now: Micros) -> proto::StepReadiness {
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    proto::StepReadiness {
        dependencies_satisfied: step.unmet == 0,
        retry_eligible: step.is_retry_eligible(),
        ready_for_execution: step.is_ready(now),
        total_parents: number(parents),
        completed_parents: number(parents - usize::from(step.unmet)),
        permanently_blocked: step.is_permanently_blocked(),
    }
}

/// How an attempt failed, as the audit trail notes it.
pub(in crate::rpc) fn failure(note: Note<'_>, at: DateTime<Utc>) -> proto::StepFailure {
    proto::StepFailure {
        error_class: note.error_class.unwrap_or_default(),
        message: note.message.unwrap_or_default(),
        backtrace: note.backtrace.unwrap_or_default(),
        permanent: note.permanent,
        error_code: note.error_code.unwrap_or_default(),
        fail_time: Some(time(at)),
        context_json: note.context.map(|context| context.get().to_owned()).unwrap_or_default(),
    }
}

fn render_lease(lease: &Lease) -> proto::StepLease {
    proto::StepLease {
        lease_token: i64::from(lease.attempt),
        worker_id: lease.worker_id.clone().unwrap_or_default(),
        session_id: lease.session_id.to_string(),
        claim_time: Some(time(lease.claimed_at)),
        expire_time: lease.expires_at.map(time),
        deadline_time: lease.deadline_at.map(time),
        percent: lease.percent,
        note: lease.note.clone().unwrap_or_default(),
    }
}

impl<'a> Families<'a> {
    fn of(template: &'a Template) -> Self {
        let mut families: HashMap<&[StepNo], Vec<StepNo>> = HashMap::new();
        for (no, step) in (0..).zip(&template.steps).filter(|(_, step)| !step.parents.is_empty()) {
            families.entry(&step.parents).or_default().push(no);
        }
        Self(families)
    }

    fn siblings(&self, no: StepNo, parents: &[StepNo], most: usize) -> Vec<StepNo> {
        let family = self.0.get(parents).map_or(&[][..], Vec::as_slice);
        family.iter().copied().filter(|other| *other != no).take(most).collect()
    }
}
