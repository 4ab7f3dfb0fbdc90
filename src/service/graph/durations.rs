//! How long steps take, measured.
//!
//! Owns: which earlier tasks are looked at, and for how long an answer is good. The first question about a handler
//! version waits for the measurement; later ones take what is known, and one that finds it old has it measured anew
//! behind its back. When it cannot be measured the configured estimates hold.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use moka::future::Cache;

use crate::{
    domain::{
        graph::{Durations, Measured},
        ids::{StepNo, TaskId},
        run::Micros,
        template::{NamedTaskId, Template},
    },
    store::{self, Store, graph::Sample},
    supervisor::spawn_short,
};

/// How long a measurement is good for when its sample is at least half full, and when it is not. It measures what was
/// done before a multiple of that: so servers that measure the same thing find the same, and can share what follows
/// from it.
const GOOD_FOR: [Micros; 2] = [300 * SECOND, 30 * SECOND];

const SECOND: Micros = 1_000_000;

/// Handler versions that are remembered.
const HANDLERS_MAX: u64 = 2_000;

/// How far back the newest tasks are looked for: from the present, and from these seconds before it. A backlog that is
/// younger than one of them hides nothing from it.
const BACK_SECONDS: [i64; 8] = [0, 60, 600, 3_600, 6 * 3_600, 86_400, 7 * 86_400, 30 * 86_400];

/// Tasks looked at before each of them, at most: 200 in all.
const TASKS_MAX: usize = 25;

/// Transitions read for one measurement, about; a task has three for each step.
const TRANSITIONS_MAX: usize = 12_000;

/// Transitions of a task that are read to measure its own steps. The largest tasks have ten thousand steps.
const TASK_TRANSITIONS_MAX: usize = 60_000;

/// The measurements. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Measurements {
    store: Store,
    known: Cache<NamedTaskId, Arc<Known>>,
}

#[derive(Debug)]
struct Known {
    durations: Arc<Durations>,
    good_until: Micros,
    being_renewed: AtomicBool,
}

impl Measurements {
    pub(super) fn new(store: Store) -> Self {
        Self { store, known: Cache::new(HANDLERS_MAX) }
    }

    /// How long the steps of tasks that have ended took, by task.
    pub(super) async fn of_tasks(&self, tasks: &[(TaskId, usize)]) -> HashMap<TaskId, Arc<Durations>> {
        if tasks.is_empty() {
            return HashMap::new();
        }
        let ids: Vec<TaskId> = tasks.iter().map(|(task, _)| *task).collect();
        let most = i64::try_from(TASK_TRANSITIONS_MAX).expect("the limit is small");
        let mut found: HashMap<TaskId, Vec<(StepNo, Measured)>> = HashMap::new();
        match store::graph::task_durations(&self.store, &ids, most).await {
            Ok(rows) => rows.into_iter().for_each(|(id, step)| found.entry(id.task).or_default().push((id.no, step))),
            Err(error) => {
                tracing::warn!(%error, "durations of tasks cannot be measured");
                return HashMap::new();
            }
        }
        let of = |(task, steps): &(TaskId, usize)| {
            (*task, Arc::new(Durations::of_task(*steps, found.remove(task).unwrap_or_default())))
        };
        tasks.iter().map(of).collect()
    }

    /// How long the steps of a handler version take.
    pub(super) async fn get(&self, template: &Arc<Template>, now: Micros) -> Arc<Durations> {
        let (id, steps) = (template.id, template.steps.len());
        let measuring = || measure(self.store.clone(), id, steps, now);
        let found = match self.known.try_get_with(id, measuring()).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, handler = template.full_name(), "durations cannot be measured");
                return Arc::default();
            }
        };
        if found.good_until <= now && !found.being_renewed.swap(true, Ordering::Relaxed) {
            let (measuring, known, old) = (measuring(), self.known.clone(), Arc::clone(&found));
            spawn_short("measure durations", async move {
                match measuring.await {
                    Ok(new) => known.insert(id, new).await,
                    Err(error) => {
                        tracing::debug!(%error, "durations cannot be measured anew");
                        old.being_renewed.store(false, Ordering::Relaxed);
                    }
                }
            });
        }
        Arc::clone(&found.durations)
    }
}

async fn measure(store: Store, id: NamedTaskId, steps: usize, now: Micros) -> store::Result<Arc<Known>> {
    let known = |measured, good_until| {
        let durations = Arc::new(Durations::new(steps, measured));
        Ok(Arc::new(Known { durations, good_until, being_renewed: AtomicBool::new(false) }))
    };
    let [long, short] = GOOD_FOR;
    let begin = |good_for| now - now.rem_euclid(good_for);
    let wanted = sample(steps, begin(long));
    let measured = store::graph::durations(&store, id, &wanted).await?;
    if is_half_full(&measured, &wanted) {
        return known(measured, begin(long) + long);
    }
    let mut measured = store::graph::durations(&store, id, &sample(steps, begin(short))).await?;
    if measured.is_empty() {
        // Nothing before that: whatever there is. A minute ahead, because another server's clock may be.
        measured = store::graph::durations(&store, id, &sample(steps, begin(short) + short + 60 * SECOND)).await?;
    }
    known(measured, begin(short) + short)
}

/// Whether some step was found in half of the tasks that may be looked at: a few more change little.
fn is_half_full(measured: &[(StepNo, Measured)], sample: &Sample) -> bool {
    let tasks = sample.tasks * i64::try_from(sample.before.len()).expect("a sample is small");
    measured.iter().any(|(_, step)| 2 * i64::from(step.samples) >= tasks)
}

/// Fewer tasks of large handlers, from the same points in time as far as possible.
fn sample(steps: usize, until: Micros) -> Sample {
    let tasks = (TRANSITIONS_MAX / (3 * steps.max(1))).clamp(1, TASKS_MAX * BACK_SECONDS.len());
    let points = tasks.min(BACK_SECONDS.len());
    let back = BACK_SECONDS.iter().step_by(BACK_SECONDS.len() / points).take(points);
    Sample {
        before: back.map(|seconds| TaskId::new(until - seconds * SECOND, 0)).collect(),
        until,
        tasks: i64::try_from(tasks.div_ceil(points)).expect("a sample is small"),
        attempts: i64::try_from(TRANSITIONS_MAX).expect("a sample is small"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(steps: usize, expected: (usize, i64)) {
        let sample = sample(steps, 1_700_000_000_000_000);
        assert_eq!((sample.before.len(), sample.tasks), expected, "{steps} steps");
    }

    #[test]
    fn a_sample_is_half_full_by_its_most_frequent_step() {
        let of = |samples| Measured { samples, median_ms: 1, p95_ms: 2 };
        let check = |steps, found: &[u32], expected| {
            let measured: Vec<(StepNo, Measured)> = (0..).zip(found.iter().copied().map(of)).collect();
            assert_eq!(
                is_half_full(&measured, &sample(steps, 1_700_000_000_000_000)),
                expected,
                "{found:?} of {steps}"
            );
        };
        check(4, &[], false);
        check(4, &[99, 20], false);
        check(4, &[20, 100], true);
        check(1_000, &[1, 1], false);
        check(1_000, &[2, 1], true);
    }

    #[test]
    fn samples_shrink_as_handlers_grow() {
        check(1, (8, 25));
        check(20, (8, 25));
        check(100, (8, 5));
        check(1_000, (4, 1));
        check(10_000, (1, 1));
    }
}
