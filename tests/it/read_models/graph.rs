//! Levels, relationships and summaries.

use std::fmt::Write as _;

use sqlx::{PgConnection, Row, postgres::PgRow};
use tasker::domain::{ids::StepNo, state::State};

use super::{
    ask, ids,
    model::{Model, time},
    world,
};

#[tokio::test(flavor = "multi_thread")]
async fn levels_relationships_and_summaries_follow_the_graph() {
    let (database, models) = world().await;
    let mut connection = database.store.pool().acquire().await.unwrap();
    for model in &models {
        let steps = &model.run.template().steps;
        let (mut levels, mut depths) = (vec![0_i32; steps.len()], vec![0_i32; steps.len()]);
        for (no, step) in steps.iter().enumerate() {
            let above = step.parents.iter().map(|parent| usize::from(*parent));
            levels[no] = above.clone().map(|parent| levels[parent] + 1).max().unwrap_or(0);
            depths[no] = above.map(|parent| depths[parent] + 1).min().unwrap_or(0);
        }
        let mut expected: Vec<(i32, uuid::Uuid)> = Vec::new();
        expected.extend((0..).zip(&levels).map(|(no, level)| (*level, model.task_id.step(no).uuid())));
        expected.sort_unstable();
        let rows = ask(&mut connection, "select * from calculate_dependency_levels($1)", model).await;
        let found: Vec<(i32, uuid::Uuid)> = rows.iter().map(|row| (row.get(1), row.get(0))).collect();
        assert_eq!(found, expected);

        let rows = ask(
            &mut connection,
            "select *, parent_step_ids::text as parents, child_step_ids::text as children
             from tasker_step_dag_relationships where task_id = $1 order by workflow_step_id",
            model,
        )
        .await;
        let found = lines!(
            rows, workflow_step_id: uuid::Uuid, parents: String, children: String, parent_count: i64,
            child_count: i64, is_root_step: bool, is_leaf_step: bool, min_depth_from_root: i32,
        );
        let expected: Vec<String> = (0..)
            .zip(steps)
            .map(|(no, step)| {
                line!(
                    workflow_step_id: model.task_id.step(no).uuid(),
                    parents: ids(model, &step.parents),
                    children: ids(model, &step.children),
                    parent_count: step.parents.len(),
                    child_count: step.children.len(),
                    is_root_step: step.parents.is_empty(),
                    is_leaf_step: step.children.is_empty(),
                    min_depth_from_root: depths[usize::from(no)],
                )
            })
            .collect();
        assert_eq!(found, expected);
        summary(&mut connection, model, &levels).await;
    }
}

async fn summary(connection: &mut PgConnection, model: &Model, levels: &[i32]) {
    let rows = sqlx::query(
        "select *, root_step_ids::text as roots, ready_step_ids::text as ready, blocked_step_ids::text as blocked
         from get_task_workflow_summary($1, $2)",
    )
    .bind(model.task_id.uuid())
    .bind(time(model.now))
    .fetch_all(connection)
    .await
    .unwrap();
    let found = lines!(
        rows, status: String, ready_steps: i64, execution_status: String, roots: String, root_step_count: i64,
        ready: String, blocked: String, max_dependency_depth: i32, parallel_branches: i64,
        workflow_efficiency: String, parallelism_potential: String,
    );
    let now = model.now;
    let run = &model.run;
    let some = |wanted: &dyn Fn(StepNo) -> bool| (0..run.len()).filter(|no| wanted(*no)).collect::<Vec<StepNo>>();
    let roots = some(&|no| run.template().step(no).parents.is_empty());
    let ready = some(&|no| run.step(no).is_ready(now));
    let blocked =
        some(&|no| matches!(run.step(no).state, State::Pending | State::Error) && !run.step(no).is_ready(now));
    let counts = run.counts(now);
    let deepest = levels.iter().copied().max().unwrap();
    let expected = line!(
        status: run.state().label(),
        ready_steps: counts.ready,
        execution_status: counts.status().label(),
        roots: ids(model, &roots),
        root_step_count: roots.len(),
        ready: ids(model, &ready),
        blocked: ids(model, &blocked),
        max_dependency_depth: deepest,
        parallel_branches: (0..=deepest).map(|level| levels.iter().filter(|of| **of == level).count()).max().unwrap(),
        workflow_efficiency: match (counts.ready, counts.failed, counts.in_progress) {
            (1.., 0, _) => "optimal",
            (1.., ..) => "recovering",
            (0, _, 1..) => "processing",
            _ if counts.status().label() == "blocked_by_failures" => "blocked",
            _ => "waiting",
        },
        parallelism_potential: match counts.ready {
            0 => "no_ready_work",
            1 => "sequential_only",
            2..=5 => "moderate_parallelism",
            _ => "high_parallelism",
        },
    );
    assert_eq!(found, [expected]);
}
