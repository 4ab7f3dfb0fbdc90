//! Random handlers and random histories of their tasks, stored as the engine stores them.
//!
//! A history is made by the domain's own operations; what the read models say about it is compared with what
//! the domain says.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sqlx::{PgConnection, Row};
use tasker::domain::{
    ids::{StepNo, TaskId},
    run::{Cause, Changes, Failure, Micros, Move, Operation, OperationKind, Run},
    state::State,
    template::{StepSpec, Template},
};
use uuid::Uuid;

/// When every history begins.
pub const EPOCH: Micros = 1_800_000_000_000_000;

/// A task with its history.
pub struct Model {
    pub task_id: TaskId,
    pub run: Run,
    /// When the history ends.
    pub now: Micros,
    /// Every move with its time and, where it ended an attempt, when that had begun.
    pub moves: Vec<(Move, Micros, Option<Micros>)>,
    /// When running attempts began.
    pub leases: HashMap<StepNo, Micros>,
}

impl Model {
    /// A random history of a new task.
    pub fn random(template: &Arc<Template>, seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let now = EPOCH + i64::try_from(seed).unwrap() * 1_000;
        let bypass: Vec<StepNo> = (0..)
            .zip(&template.steps)
            .filter(|(_, step)| step.skippable && dice.random_bool(0.3))
            .map(|(no, _)| no)
            .collect();
        let (run, changes) = Run::create(Arc::clone(template), &bypass);
        let task_id = TaskId::new(now, dice.random());
        let mut model = Self { task_id, run, now, moves: Vec::new(), leases: HashMap::new() };
        model.note(changes);
        for _ in 0..dice.random_range(0..60) {
            model.happen(&mut dice);
        }
        model
    }

    /// Something happens. Operations that the rules refuse change nothing.
    fn happen(&mut self, dice: &mut StdRng) {
        self.now += dice.random_range(1..2_000_000);
        let no = dice.random_range(0..self.run.len());
        let token = self.run.step(no).attempts;
        let operation = Operation::of(OperationKind::UpdateStep);
        let mut changes = Changes::default();
        let failure = Failure { error_class: "Broken".into(), permanent: dice.random_bool(0.2), ..Failure::default() };
        let wait = Duration::from_millis(dice.random_range(0..60_000));
        let _ = match dice.random_range(0..100) {
            0..40 => self.run.claim(no, self.now, &mut changes).map(drop),
            40..58 => self.run.complete(no, token, &mut changes),
            58..85 => self.run.fail(no, token, failure, self.now, wait, &mut changes),
            85..88 => self.run.cancel_step(no, operation, &mut changes),
            88..91 => self.run.resolve_step(no, operation, &mut changes),
            91..94 => self.run.retry_step(no, 1, operation, &mut changes),
            94..97 => self.run.limit_step(no, dice.random_range(0..6), operation, &mut changes),
            97.. if dice.random_bool(0.8) => self.run.retry(1, &operation, &mut changes),
            _ => self.run.cancel(operation, &mut changes),
        };
        self.run.settle(self.now, &mut changes);
        self.note(changes);
    }

    fn note(&mut self, changes: Changes) {
        let ended: HashMap<StepNo, Micros> =
            changes.ended.iter().map(|claimed| (claimed.no, self.leases.remove(&claimed.no).unwrap())).collect();
        self.leases.extend(changes.claimed.iter().map(|claimed| (claimed.no, self.now)));
        for step in changes.moves {
            let began = match (step.step, step.from) {
                (Some(no), Some(State::InProgress)) if step.to != State::InProgress => ended.get(&no).copied(),
                _ => None,
            };
            self.moves.push((step, self.now, began));
        }
    }

    /// The move that carries the newest results or error of a step.
    pub fn outcome(&self, no: StepNo) -> Option<&(Move, Micros, Option<Micros>)> {
        let sequence = self.run.step(no).outcome_sequence;
        self.moves.iter().find(|(step, ..)| step.sequence == sequence)
    }

    /// The wait that the failure behind a step's outcome asked for, in microseconds.
    pub fn backoff(&self, no: StepNo) -> Option<i64> {
        let (step, at, _) = self.outcome(no)?;
        retry_at(step).map(|retry| retry - at)
    }

    /// Stores the task.
    pub async fn store(&self, connection: &mut PgConnection) {
        let stored = self.run.store();
        sqlx::query(
            "insert into tasks (task_id, named_task_id, state, revision, state_reason, steps, detail, created_at,
                                updated_at)
             values ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $8)",
        )
        .bind(self.task_id.uuid())
        .bind(self.run.template().id)
        .bind(i16::from(stored.state.code()))
        .bind(i32::try_from(stored.revision).unwrap())
        .bind(stored.reason)
        .bind(stored.steps)
        .bind(stored.detail)
        .bind(time(self.now))
        .execute(&mut *connection)
        .await
        .unwrap();
        sqlx::query(
            "insert into task_requests (task_id, named_task_id, context, requested_at) values ($1, $2, '{\"a\": 1}', $3)",
        )
        .bind(self.task_id.uuid())
        .bind(self.run.template().id)
        .bind(time(self.now))
        .execute(&mut *connection)
        .await
        .unwrap();
        for (step, at, began) in &self.moves {
            sqlx::query(
                "insert into transitions (task_id, sequence, step_no, from_state, to_state, attempt, at, started_at,
                                          metadata)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb)",
            )
            .bind(self.task_id.uuid())
            .bind(i32::try_from(step.sequence).unwrap())
            .bind(step.step.map(|no| i16::try_from(no).unwrap()))
            .bind(step.from.map(|state| i16::from(state.code())))
            .bind(i16::from(step.to.code()))
            .bind(i32::from(step.attempt))
            .bind(time(*at))
            .bind(began.map(time))
            .bind(retry_at(step).map(|at| format!("{{\"retry_at\": {at}}}")))
            .execute(&mut *connection)
            .await
            .unwrap();
        }
        for (no, at) in &self.leases {
            sqlx::query("insert into leases values ($1, $2, $3, 1, $4, $5, null)")
                .bind(self.task_id.uuid())
                .bind(i16::try_from(*no).unwrap())
                .bind(i32::from(self.run.step(*no).attempts))
                .bind(Uuid::nil())
                .bind(time(*at))
                .execute(&mut *connection)
                .await
                .unwrap();
        }
    }
}

fn retry_at(step: &Move) -> Option<Micros> {
    match step.cause {
        Cause::Failed { retry_at, .. } => retry_at,
        _ => None,
    }
}

/// Stores a random handler and returns what the engine would make of it.
pub async fn handler(connection: &mut PgConnection, seed: u64) -> Arc<Template> {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut steps: Vec<StepSpec> = Vec::new();
    let density = dice.random_range(0.0..0.6);
    for no in 0..dice.random_range(1..12) {
        steps.push(StepSpec {
            name: format!("step_{no}").into(),
            handler_class: "Handler".into(),
            queue: 1,
            dependent_system: "system".into(),
            retryable: dice.random_bool(0.8),
            retry_limit: dice.random_range(1..4),
            skippable: dice.random_bool(0.2),
            timeout: None,
            config_json: "".into(),
            parents: (0..no).filter(|_| dice.random_bool(density)).collect(),
            children: Vec::new(),
        });
    }
    let name = format!("handler_{seed}");
    let id = store_handler(connection, &name, &steps).await;
    Arc::new(Template {
        id,
        namespace: "default".into(),
        name: name.into(),
        version: "1.0.0".into(),
        steps: Template::link(steps),
    })
}

async fn store_handler(connection: &mut PgConnection, name: &str, steps: &[StepSpec]) -> i32 {
    let id: i32 = sqlx::query(
        "insert into named_tasks (task_namespace_id, name, version, version_order, configuration, content_hash)
         values (1, $1, '1.0.0', '{1, 0, 0}', '{}', '') returning named_task_id",
    )
    .bind(name)
    .fetch_one(&mut *connection)
    .await
    .unwrap()
    .get(0);
    for text in [
        "insert into dependent_systems (name) values ('system') on conflict do nothing",
        "insert into step_handlers (task_namespace_id, name) values (1, 'Handler') on conflict do nothing",
        "insert into named_steps (dependent_system_id, name)
         select dependent_system_id, 'step_' || n from dependent_systems, generate_series(0, 11) n
         on conflict do nothing",
    ] {
        sqlx::query(text).execute(&mut *connection).await.unwrap();
    }
    for (no, step) in steps.iter().enumerate() {
        sqlx::query(
            "insert into named_tasks_named_steps (named_task_id, step_no, named_step_id, step_handler_id, step_name,
                                                  skippable, default_retryable, default_retry_limit)
             select $1, $2, s.named_step_id, h.step_handler_id, $3, $4, $5, $6
             from named_steps s, step_handlers h where s.name = $3",
        )
        .bind(id)
        .bind(i16::try_from(no).unwrap())
        .bind(&*step.name)
        .bind(step.skippable)
        .bind(step.retryable)
        .bind(i32::from(step.retry_limit))
        .execute(&mut *connection)
        .await
        .unwrap();
        for parent in &step.parents {
            sqlx::query("insert into named_task_edges values ($1, $2, $3)")
                .bind(id)
                .bind(i16::try_from(*parent).unwrap())
                .bind(i16::try_from(no).unwrap())
                .execute(&mut *connection)
                .await
                .unwrap();
        }
    }
    id
}

/// A point in time as Postgres has it.
pub fn time(micros: Micros) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap()
}
