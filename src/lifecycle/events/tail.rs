//! Reading the stream in order, a page at a time.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
    fmt,
    sync::Arc,
};

use uuid::Uuid;

use super::Events;
use crate::{
    domain::{
        events::{self, Before, CATALOG, Category, Cursor, Pattern, Row, Subject},
        ids::{StepId, TaskId},
        run::Micros,
        template::Template,
    },
    error::Result,
    store::events::{self as log, Content, Custom, Logged, MoveRow, Moved, SubjectRow},
};

/// Entries of the log read at once: at most so many batches of the writer.
const ENTRIES_MAX: i64 = 16;
/// Tasks of a page.
const TASKS_MAX: usize = 200;

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// With a name that fits one of these; with any name when there are none.
    pub names: Vec<Pattern>,
    /// Of this namespace.
    pub namespace: Option<String>,
    /// Of tasks of this handler.
    pub handler: Option<String>,
    /// Of this task.
    pub task: Option<TaskId>,
}

/// An event as subscribers get it.
#[derive(Debug, Clone)]
pub struct StreamEvent {
    /// Go on after this to get what follows.
    pub cursor: Cursor,
    /// The id of a custom event; the others have none but their cursor.
    pub event_id: Option<Uuid>,
    /// The name.
    pub name: Cow<'static, str>,
    /// What it is about.
    pub category: Category,
    /// When it happened.
    pub at: Micros,
    /// The namespace.
    pub namespace: Arc<str>,
    /// The handler of its task; for custom events only if they name a task.
    pub template: Option<Arc<Template>>,
    /// The task.
    pub task: Option<TaskId>,
    /// The step.
    pub step: Option<StepId>,
    /// The number of the transition within the task.
    pub sequence: Option<u32>,
    /// Who created the task.
    pub created_by: Option<Arc<str>>,
    /// Who published a custom event.
    pub published_by: Option<String>,
    /// What it says, as JSON text; empty when it is left out.
    pub payload_json: String,
    /// Why and how much is left out.
    pub omission: Option<Omission>,
}

/// The payload of an event is left out: it could not be read. How large it is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Omission {
    /// How large it is, in bytes.
    pub bytes: i64,
}

/// Which namespaces the reader may see. Asked before anything but keys is read.
#[derive(Clone)]
pub struct Visible(Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl Visible {
    /// Those for which this is true.
    pub fn when(covers: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(covers))
    }

    /// All of them.
    pub fn all() -> Self {
        Self::when(|_| true)
    }

    fn covers(&self, namespace: &str) -> bool {
        (self.0)(namespace)
    }
}

impl fmt::Debug for Visible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Visible")
    }
}

impl StreamEvent {
    /// The event as one JSON document, with or without its payload.
    pub fn to_json(&self, payload: bool) -> String {
        use crate::domain::events::Payload;
        let payload = payload && self.omission.is_none();
        let text = |text: Option<String>| text.filter(|text| !text.is_empty());
        let document = Payload::default()
            .with("cursor", self.cursor.to_string())
            .with("name", &*self.name)
            .with("category", self.category.label())
            .with_time("occur_time", Some(self.at))
            .with("namespace", &*self.namespace)
            .with_some("handler", self.template.as_ref().map(|template| template.name.to_string()))
            .with_some("version", self.template.as_ref().map(|template| template.version.to_string()))
            .with_some("task_id", self.task.map(|id| id.to_string()))
            .with_some("step_id", self.step.map(|id| id.to_string()))
            .with_some("sequence", self.sequence)
            .with_some("event_id", self.event_id.map(|id| id.to_string()))
            .with_some("subject", text(self.published_by.clone()))
            .with_some("payload_omitted", (!payload).then_some(true));
        document.with_json("payload", payload.then_some(self.payload_json.as_str())).to_json()
    }
}

/// A page of the stream.
#[derive(Debug, Default)]
pub struct Page {
    /// The events that fit the filter, in order.
    pub events: Vec<StreamEvent>,
    /// Whether there is more up to the high watermark.
    pub more: bool,
}

/// A reader with its place in the stream. Holds at most one page and the keys of a few batches.
#[derive(Debug)]
pub struct Tail {
    events: Events,
    filter: Filter,
    visible: Visible,
    cursor: Cursor,
    entries: VecDeque<Entry>,
}

/// A task that moved in a commit, or a custom event.
#[derive(Debug)]
struct Entry {
    position: i64,
    place: u32,
    is_last: bool,
    at: Micros,
    content: Of,
}

#[derive(Debug)]
enum Of {
    Moved(Moved),
    Custom(Box<Custom>, i64),
    /// Moves that the filter does not want.
    Nothing,
}

impl Filter {
    fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether any event of a move could fit.
    fn wants_moves(&self) -> bool {
        CATALOG.iter().any(|event| !event.fired_by.is_empty() && self.wants(event.name))
    }

    fn wants_contexts(&self) -> bool {
        ["task.start_requested", "step.execution_requested", "step.before_handle"].iter().any(|name| self.wants(name))
    }

    fn wants_subject(&self, namespace: &str, handler: Option<&str>, task: Option<TaskId>) -> bool {
        self.namespace.as_deref().is_none_or(|wanted| wanted == namespace)
            && self.handler.as_deref().is_none_or(|wanted| Some(wanted) == handler)
            && self.task.is_none_or(|wanted| Some(wanted) == task)
    }
}

impl Tail {
    /// Reads after a cursor what may be seen.
    pub const fn new(events: Events, filter: Filter, visible: Visible, after: Cursor) -> Self {
        Self { events, filter, visible, cursor: after, entries: VecDeque::new() }
    }

    /// How far it has read; everything up to there was given.
    pub const fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Reads on, up to a position up to which the log is complete.
    pub async fn read(&mut self, high_watermark: i64) -> Result<Page> {
        if self.entries.is_empty() && !self.fetch(high_watermark).await? {
            return Ok(Page::default());
        }
        let count = self.entries.len().min(TASKS_MAX);
        // Kept until they have been told: a failure loses nothing.
        let events = self.emit(count).await?;
        let last = self.entries.drain(..count).next_back().expect("there was an entry");
        self.cursor = if last.is_last {
            Cursor::past(last.position)
        } else {
            Cursor { entry: last.place, ..Cursor::past(last.position) }
        };
        Ok(Page { events, more: true })
    }

    /// Fetches entries; false when there are none up to the high watermark.
    async fn fetch(&mut self, high_watermark: i64) -> Result<bool> {
        let first = if self.cursor.is_past() { self.cursor.position.saturating_add(1) } else { self.cursor.position };
        if first > high_watermark {
            return Ok(false);
        }
        let logged = log::log(self.events.0.store.pool(), first, high_watermark, ENTRIES_MAX).await?;
        let wants_moves = self.filter.wants_moves();
        for Logged { position, at, content } in logged {
            self.take(position, at, content, wants_moves);
        }
        if self.entries.is_empty() {
            // Nothing but gaps up to there.
            self.cursor = Cursor::past(high_watermark);
            return Ok(false);
        }
        Ok(true)
    }

    fn take(&mut self, position: i64, at: Micros, content: Content, wants_moves: bool) {
        let mut push = |place: u32, is_last: bool, content: Of| {
            self.entries.push_back(Entry { position, place, is_last, at, content });
        };
        match content {
            Content::Custom(custom, bytes) => push(0, true, Of::Custom(custom, bytes)),
            Content::Moves(moves) => {
                let skip =
                    if position == self.cursor.position && !self.cursor.is_past() { self.cursor.entry } else { 0 };
                let wanted = |moved: &Moved| wants_moves && self.filter.task.is_none_or(|task| task == moved.task);
                let moves: Vec<(u32, Moved)> =
                    (0..).zip(moves).filter(|(place, moved)| *place >= skip && wanted(moved)).collect();
                let last = moves.len();
                for (number, (place, moved)) in moves.into_iter().enumerate() {
                    push(place, number + 1 == last, Of::Moved(moved));
                }
                if last == 0 {
                    push(0, true, Of::Nothing);
                }
            }
        }
    }

    /// Tells the events of the first entries.
    async fn emit(&self, count: usize) -> Result<Vec<StreamEvent>> {
        let entries = || self.entries.iter().take(count);
        let moved = entries().filter_map(|entry| match entry.content {
            Of::Moved(moved) => Some(moved),
            _ => None,
        });
        let mut groups = self.groups(moved.collect()).await?.into_iter();
        let mut events = Vec::new();
        for entry in entries() {
            match &entry.content {
                Of::Nothing => {}
                Of::Custom(custom, bytes) => self.emit_custom(entry, custom, *bytes, &mut events).await?,
                Of::Moved(_) => {
                    if let Some(group) = groups.next().flatten() {
                        self.emit_group(entry, &group, &mut events);
                    }
                }
            }
        }
        Ok(events)
    }

    /// Reads the groups of these moves, in the same order; `None` for tasks that are gone or not wanted.
    async fn groups(&self, moves: Vec<Moved>) -> Result<Vec<Option<Group>>> {
        let subjects = self.subjects(&moves).await?;
        let wanted: Vec<Moved> = moves.iter().filter(|moved| subjects.contains_key(&moved.task)).copied().collect();
        let mut groups: Vec<Group> = wanted
            .iter()
            .map(|moved| Group {
                moved: *moved,
                subject: subjects[&moved.task].clone(),
                before: Before::default(),
                rows: Vec::new(),
            })
            .collect();
        if !groups.is_empty() {
            for row in self.moves(&wanted).await? {
                if let Some(group) = groups.get_mut(row.place) {
                    group.push(row);
                }
            }
            self.count_steps(&mut groups).await?;
        }
        let mut groups = groups.into_iter().peekable();
        Ok(moves.into_iter().map(|moved| groups.next_if(|group| group.moved == moved)).collect())
    }

    /// Reads transitions; where a payload cannot be read, all of them without payloads.
    async fn moves(&self, wanted: &[Moved]) -> Result<Vec<MoveRow>> {
        let pool = self.events.0.store.pool();
        match log::moves(pool, wanted, self.bytes_max()).await {
            Err(error) if error.is_about_data() => {
                tracing::warn!(error = &error as &dyn std::error::Error, "payloads of transitions cannot be read");
                Ok(log::moves(pool, wanted, -1).await?)
            }
            read => Ok(read?),
        }
    }

    async fn subjects(&self, moves: &[Moved]) -> Result<HashMap<TaskId, Arc<Known>>> {
        let mut tasks: Vec<Uuid> = moves.iter().map(|moved| moved.task.uuid()).collect();
        tasks.sort_unstable();
        tasks.dedup();
        if tasks.is_empty() {
            return Ok(HashMap::new());
        }
        let (pool, contexts) = (self.events.0.store.pool(), self.filter.wants_contexts());
        let rows = log::subjects(pool, &tasks, contexts, self.bytes_max()).await?;
        let mut known = HashMap::with_capacity(rows.len());
        for row in rows {
            let template = self.events.0.templates.get(row.named_task_id).await?;
            let visible = self.visible.covers(&template.namespace);
            if visible && self.filter.wants_subject(&template.namespace, Some(&template.name), Some(row.task)) {
                let created_by = row.created_by.as_deref().map(Arc::from);
                known.insert(row.task, Arc::new(Known { template, created_by, row }));
            }
        }
        Ok(known)
    }

    /// Finds out how the steps stood before, where a task itself moves.
    async fn count_steps(&self, groups: &mut [Group]) -> Result<()> {
        let counted = |group: &Group| group.moved.after > 0 && group.rows.iter().any(|row| row.step.is_none());
        let of: Vec<Moved> = groups.iter().filter(|group| counted(group)).map(|group| group.moved).collect();
        if of.is_empty() {
            return Ok(());
        }
        let before = log::steps_before(self.events.0.store.pool(), &of).await?;
        for (group, before) in groups.iter_mut().filter(|group| counted(group)).zip(before) {
            group.before = before;
        }
        Ok(())
    }

    fn emit_group(&self, entry: &Entry, group: &Group, events: &mut Vec<StreamEvent>) {
        let Known { template, created_by, row } = &*group.subject;
        let subject = Subject { task: row.task, template, created_at: row.created_at, context: row.context.as_deref() };
        for event in events::derive(subject, &group.before, &group.rows) {
            let cursor =
                Cursor { position: entry.position, entry: entry.place, sequence: event.sequence, nth: event.nth };
            if cursor <= self.cursor || !self.filter.wants(event.name) {
                continue;
            }
            events.push(StreamEvent {
                cursor,
                event_id: None,
                name: Cow::Borrowed(event.name),
                category: events::find(event.name).map_or(Category::Workflow, |event| event.category),
                at: event.at,
                namespace: Arc::clone(&template.namespace),
                template: Some(Arc::clone(template)),
                task: Some(row.task),
                step: event.step.map(|no| row.task.step(no)),
                sequence: Some(event.sequence),
                created_by: created_by.clone(),
                published_by: None,
                payload_json: event.payload.to_json(),
                omission: None,
            });
        }
    }

    async fn emit_custom(
        &self,
        entry: &Entry,
        custom: &Custom,
        bytes: i64,
        events: &mut Vec<StreamEvent>,
    ) -> Result<()> {
        if !self.filter.wants(&custom.name) || !self.visible.covers(&custom.namespace) {
            return Ok(());
        }
        let template = match custom.named_task_id {
            Some(id) => Some(self.events.0.templates.get(id).await?),
            None => None,
        };
        let handler = template.as_ref().map(|template| &*template.name);
        if !self.filter.wants_subject(&custom.namespace, handler, custom.task) {
            return Ok(());
        }
        let payload = self.payload(entry.position).await?;
        let omission = payload.is_none().then_some(Omission { bytes });
        events.push(StreamEvent {
            cursor: Cursor::past(entry.position),
            event_id: Some(custom.event_id),
            name: Cow::Owned(custom.name.clone()),
            category: Category::Custom,
            at: entry.at,
            namespace: custom.namespace.as_str().into(),
            template,
            task: custom.task,
            step: custom.step_id(),
            sequence: None,
            created_by: None,
            published_by: custom.published_by.clone(),
            payload_json: payload.unwrap_or_default(),
            omission,
        });
        Ok(())
    }

    /// The payload of a custom event; `None` when it cannot be read.
    async fn payload(&self, position: i64) -> Result<Option<String>> {
        match log::payloads(self.events.0.store.pool(), &[position]).await {
            Ok(mut found) => Ok(found.remove(&position)),
            Err(error) if error.is_about_data() => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(position, error, "the payload of an event cannot be read");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn bytes_max(&self) -> i32 {
        i32::try_from(self.events.0.settings.payload_bytes).unwrap_or(i32::MAX)
    }
}

/// A task that events tell of.
#[derive(Debug)]
struct Known {
    template: Arc<Template>,
    created_by: Option<Arc<str>>,
    row: SubjectRow,
}

/// The transitions of one task in one commit.
#[derive(Debug)]
struct Group {
    moved: Moved,
    subject: Arc<Known>,
    before: Before,
    rows: Vec<Row>,
}

impl Group {
    fn push(&mut self, row: MoveRow) {
        let carried = |payload: Option<(i64, Option<String>)>| match payload {
            None => (None, None),
            Some((_, Some(text))) => (Some(text), None),
            Some((bytes, None)) => (None, Some(bytes)),
        };
        let (results, too_large) = carried(row.results);
        let (inputs, also_too_large) = carried(row.inputs);
        self.rows.push(Row {
            sequence: row.sequence,
            step: row.step,
            from: row.from,
            to: row.to,
            attempt: row.attempt,
            at: row.at,
            started_at: row.started_at,
            retry_limit: self.limit(row.step),
            inputs,
            results,
            omitted_bytes: too_large.or(also_too_large),
            metadata: row.metadata,
        });
    }

    /// The limit of a step that somebody changed.
    fn limit(&self, step: Option<u16>) -> Option<u16> {
        let detail: serde_json::Value = serde_json::from_str(self.subject.row.detail.as_deref()?).ok()?;
        u16::try_from(detail.get(step?.to_string())?.get("retry_limit")?.as_u64()?).ok()
    }
}
