//! The causes that keep tasks, over many tasks.
//!
//! Owns: the walk over unfinished and failed tasks, newest first, a bounded number of tasks, steps and causes for each
//! page. Every task is judged from its row, the connected workers and the pauses; the failures of attempts are read for
//! the causes that are shown. Never: judges; `domain::explain` does.

use std::{
    collections::{HashMap, HashSet},
    mem::Discriminant,
    sync::Arc,
};

use super::Explain;
use crate::{
    auth::Scope,
    domain::{
        explain::{Blocker, Cause, Explainer, Explanation, Facts, Verdict},
        ids::TaskId,
        run::Micros,
        state::State,
        template::Template,
    },
    error::Result,
    service::{
        snapshot::{Snapshot, View},
        tasks::{Wanted, resolve},
    },
    store::{
        self,
        pages::{Cursor, Filter, Order},
    },
};

/// Tasks that are read at once.
const CHUNK: usize = 50;

/// Steps of all tasks of a page: a page of large tasks ends earlier.
const STEPS_MAX: usize = 200_000;

/// Causes of a page: it ends before the task that would add more.
const GROUPS_MAX: usize = 200;

/// Steps of one task that are judged.
const ROOTS_MAX: usize = 100;

/// Causes whose failures are read.
const FAILURES_MAX: usize = 50;

/// Tasks named for a cause.
const SAMPLES: usize = 5;

/// The tasks that are kept by one cause.
#[derive(Debug)]
pub struct BlockerGroup {
    /// The first of the tasks.
    pub snapshot: Arc<Snapshot>,
    /// The step of it that is kept first, and the verdict on it.
    pub of: Explanation,
    /// Whether the whole task is kept, not this step alone.
    pub whole_task: bool,
    /// The cause, as it is in this task.
    pub blocker: Blocker,
    /// Tasks that are kept.
    pub tasks: usize,
    /// Steps that are kept, those behind them left out.
    pub steps: usize,
    /// The first of the tasks.
    pub samples: Vec<TaskId>,
}

/// The causes that keep the tasks of a page.
#[derive(Debug)]
pub struct BlockerPage {
    /// The causes, those that keep the most tasks first.
    pub groups: Vec<BlockerGroup>,
    /// Tasks that were looked at.
    pub examined: usize,
    /// Tasks among them that move.
    pub moving: usize,
    /// Where the next page begins.
    pub next: Option<Cursor>,
    /// The moment.
    pub now: Micros,
}

/// A handler, a step of it, and a kind of cause.
type Key = (Arc<str>, Arc<str>, Option<Arc<str>>, Discriminant<Cause>);

/// The causes found so far.
#[derive(Default)]
struct Groups {
    groups: Vec<BlockerGroup>,
    places: HashMap<Key, usize>,
}

impl Explain {
    /// The causes that keep unfinished and failed tasks within the scope, of a namespace and a handler if they are named.
    /// `size` tasks are looked at, from `after` on.
    pub async fn blockers(
        &self,
        scope: &Scope,
        namespace: Option<String>,
        handler: Option<String>,
        after: Option<Cursor>,
        size: i64,
    ) -> Result<BlockerPage> {
        let mut page = BlockerPage { groups: Vec::new(), examined: 0, moving: 0, next: None, now: self.reader.now() };
        let filter = Filter { states: vec![State::Pending, State::InProgress, State::Error], ..Filter::default() };
        let wanted = Wanted { namespace, name: handler, filter, ..Wanted::default() };
        let Some(filter) = resolve(self.reader.store(), scope, wanted).await? else { return Ok(page) };
        // One more than the page tells whether there is another.
        let mut ids = store::pages::list(self.reader.store(), &filter, Order::CreatedDesc, after, size + 1).await?;
        let most = usize::try_from(size).unwrap_or(0);
        let mut more = ids.len() > most;
        ids.truncate(most);
        let (mut groups, mut steps, mut last) = (Groups::default(), 0, None);
        'page: for chunk in ids.chunks(CHUNK) {
            let snapshots = self.reader.tasks(scope, chunk, View::Basic).await?;
            let mut facts = self.capacity(&snapshots).await?;
            for snapshot in snapshots {
                if steps >= STEPS_MAX || groups.groups.len() >= GROUPS_MAX {
                    more = true;
                    break 'page;
                }
                steps += usize::from(snapshot.run.len());
                page.examined += 1;
                last = Some(snapshot.row.task_id);
                facts.now = snapshot.now;
                facts.created_at = snapshot.row.created_at.timestamp_micros();
                facts.pauses = self.pauses_of(snapshot.run.template());
                page.moving += usize::from(!groups.add(&Arc::new(snapshot), &facts));
            }
            // Tasks that were deleted meanwhile are passed by.
            last = chunk.last().copied();
        }
        let last = if more { last } else { None };
        page.next = last.map(|task| Cursor { task: task.uuid(), requested_at: 0 });
        page.groups = groups.sorted();
        for group in page.groups.iter_mut().take(FAILURES_MAX) {
            self.add_failure(group).await?;
        }
        Ok(page)
    }

    /// The connected workers, for all unsettled steps of these tasks.
    async fn capacity(&self, snapshots: &[Snapshot]) -> Result<Facts> {
        let mut queues = HashSet::new();
        for run in snapshots.iter().map(|snapshot| &snapshot.run) {
            let open = (0..run.len()).filter(|no| !run.step(*no).state.is_settled_step());
            queues.extend(open.map(|no| run.template().step(no).queue));
        }
        let queues: Vec<_> = queues.into_iter().collect();
        Ok(Facts { sessions: self.roster.of(&queues).await?, ..Facts::default() })
    }

    /// Reads how the step failed, where that is the cause.
    async fn add_failure(&self, group: &mut BlockerGroup) -> Result<()> {
        if !matches!(group.blocker.cause, Cause::Backoff { .. } | Cause::Exhausted { .. } | Cause::Permanent { .. }) {
            return Ok(());
        }
        let (snapshot, no) = (&group.snapshot, group.of.no);
        let sequence = snapshot.run.step(no).outcome_sequence;
        if sequence == 0 {
            return Ok(());
        }
        let mut facts =
            Facts { now: snapshot.now, created_at: snapshot.row.created_at.timestamp_micros(), ..Facts::default() };
        for failed in store::steps::failures(self.reader.store(), snapshot.row.task_id, &[sequence]).await? {
            super::note_outcome(&mut facts, no, failed);
        }
        let explained = Explainer::new(&snapshot.run, &facts).step(no);
        if let Some(blocker) = explained.blockers.into_iter().next() {
            group.blocker = blocker;
        }
        Ok(())
    }
}

impl Groups {
    /// Adds a task to the causes that keep it; false when it moves.
    fn add(&mut self, snapshot: &Arc<Snapshot>, facts: &Facts) -> bool {
        let explainer = Explainer::new(&snapshot.run, facts);
        let (verdict, _) = explainer.task();
        let mut seen = HashSet::new();
        match verdict {
            Verdict::Movable | Verdict::Running | Verdict::Settled => return false,
            Verdict::Waiting { .. } if !facts.pauses.is_empty() => {
                let of = Explanation { no: 0, verdict, blockers: Vec::new() };
                if let Some(blocker) = explainer.task_blockers().into_iter().next() {
                    self.note(snapshot, of, true, blocker, &mut seen);
                }
            }
            Verdict::Waiting { .. } | Verdict::Stuck => {
                for group in explainer.groups().into_iter().take(ROOTS_MAX) {
                    let mut of = explainer.step(group.root);
                    if !of.blockers.is_empty() {
                        let blocker = of.blockers.remove(0);
                        self.note(snapshot, of, false, blocker, &mut seen);
                    }
                }
            }
        }
        true
    }

    fn note(
        &mut self,
        snapshot: &Arc<Snapshot>,
        of: Explanation,
        whole_task: bool,
        blocker: Blocker,
        seen: &mut HashSet<usize>,
    ) {
        let template: &Template = snapshot.run.template();
        let step = (!whole_task).then(|| Arc::clone(&template.step(of.no).name));
        let key =
            (Arc::clone(&template.namespace), Arc::clone(&template.name), step, std::mem::discriminant(&blocker.cause));
        let place = *self.places.entry(key).or_insert_with(|| {
            let snapshot = Arc::clone(snapshot);
            let group = BlockerGroup { snapshot, of, whole_task, blocker, tasks: 0, steps: 0, samples: Vec::new() };
            self.groups.push(group);
            self.groups.len() - 1
        });
        let group = &mut self.groups[place];
        group.steps += 1;
        if seen.insert(place) {
            group.tasks += 1;
            if group.samples.len() < SAMPLES {
                group.samples.push(snapshot.row.task_id);
            }
        }
    }

    fn sorted(self) -> Vec<BlockerGroup> {
        let mut groups = self.groups;
        // Stable: the newest first among those that keep as many.
        groups.sort_by_key(|group| std::cmp::Reverse(group.tasks));
        groups
    }
}
