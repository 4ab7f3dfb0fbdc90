//! Compiled handlers, kept in memory.
//!
//! Owns: two caches. By number, a handler version never changes and stays as long as there is room. By name and
//! version, an answer is good for [`RESOLVED_FOR`], and for nothing once this server has been told of a
//! registration; what is not found is never kept. Never: registers. Next: `store::handlers`;
//! `lifecycle/templates/unknown.rs` for what is said about names that do not exist.

mod unknown;

pub use unknown::unknown;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use moka::sync::Cache;
use tokio::sync::{Mutex, OnceCell};

use super::Compute;
use crate::{
    domain::{
        handler::{LATEST, Version},
        schema::{CompiledSchema, Effort, Refusal, STEPS_MAX, TooMuch},
        template::{NamedTaskId, Template},
        violation::Violation,
    },
    error::{Error, Reason, Result},
    store::{self, Store},
};

/// How long a version that was found by name is taken for the present one: so long may a task be created from
/// the version before, on a server that has not been told of a registration.
pub const RESOLVED_FOR: Duration = Duration::from_secs(2);

/// Compiled handlers take about this much memory at most, beside those in use.
const BYTES_MAX: u64 = 64 << 20;

/// Names that are remembered at most.
const NAMES_MAX: u64 = 10_000;

/// So many loads run at once; those for the same handler wait for one another.
const LOADS_MAX: usize = 16;

/// A handler version that tasks can be created from.
#[derive(Debug)]
pub struct Registered {
    /// Its steps.
    pub template: Arc<Template>,
    /// What its tasks' contexts must look like.
    schema: Option<Schema>,
}

/// A schema, compiled when the first context is to be checked.
#[derive(Debug)]
struct Schema {
    json: String,
    strict: bool,
    compiled: OnceCell<Arc<CompiledSchema>>,
    compute: Compute,
}

/// The compiled handlers. Clones share everything.
#[derive(Debug, Clone)]
pub struct Templates(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    registered: Cache<NamedTaskId, Arc<Registered>>,
    resolved: Cache<String, Resolved>,
    /// Counts the registrations that this server has been told of.
    generation: AtomicU64,
    loads: [Mutex<()>; LOADS_MAX],
    compute: Compute,
}

#[derive(Debug, Clone)]
struct Resolved {
    registered: Arc<Registered>,
    generation: u64,
    at: Instant,
}

impl Templates {
    /// Begins with nothing in memory.
    pub fn new(store: Store) -> Self {
        let weigh = |_: &NamedTaskId, registered: &Arc<Registered>| weight(&registered.template);
        Self(Arc::new(Inner {
            store,
            registered: Cache::builder().max_capacity(BYTES_MAX).weigher(weigh).build(),
            resolved: Cache::builder().max_capacity(NAMES_MAX).build(),
            generation: AtomicU64::new(0),
            loads: std::array::from_fn(|_| Mutex::new(())),
            compute: Compute::default(),
        }))
    }

    /// Where computation that callers bring along runs.
    pub fn compute(&self) -> &Compute {
        &self.0.compute
    }

    /// The handler version with this number.
    pub async fn get(&self, id: NamedTaskId) -> Result<Arc<Template>> {
        Ok(Arc::clone(&self.registered(id).await?.template))
    }

    /// The handler version with this name that new tasks are of. Nothing and `latest` mean the greatest version by number.
    ///
    /// Fails with `NamespaceUnknown`, `HandlerUnknown` or `VersionUnknown`; `did_you_mean` names a near miss. A version
    /// that takes no new tasks is `HandlerDeprecated`, and the greatest one is looked for among the others.
    pub async fn resolve(&self, namespace: &str, name: &str, version: &str) -> Result<Arc<Registered>> {
        let key = format!("{namespace}\0{name}\0{version}");
        if let Some(registered) = self.remembered(&key) {
            return Ok(registered);
        }
        let _alone = self.alone(&key).await;
        if let Some(registered) = self.remembered(&key) {
            return Ok(registered);
        }
        // Read before the rows are: a registration in between makes the answer old, not wrong.
        let (generation, at) = (self.0.generation.load(Ordering::SeqCst), Instant::now());
        let wanted = match version {
            "" | LATEST => Some(None),
            version => version.parse::<Version>().ok().map(|version| Some(version.order())),
        };
        let mut connection = self.0.store.pool().acquire().await.map_err(store::Error::from)?;
        let found = match wanted {
            Some(wanted) => store::handlers::resolve(&mut connection, namespace, name, wanted).await?,
            None => None,
        };
        let Some((id, is_deprecated)) = found else {
            return Err(unknown(&mut connection, namespace, name, version).await?);
        };
        drop(connection);
        let registered = self.registered(id).await?;
        if is_deprecated {
            return Err(deprecated(&registered.template));
        }
        let resolved = Resolved { registered: Arc::clone(&registered), generation, at };
        self.0.resolved.insert(key, resolved);
        Ok(registered)
    }

    /// Handlers were registered: names are looked up anew.
    pub fn invalidate(&self) {
        self.0.generation.fetch_add(1, Ordering::SeqCst);
    }

    fn remembered(&self, key: &str) -> Option<Arc<Registered>> {
        let resolved = self.0.resolved.get(key)?;
        let present = resolved.generation == self.0.generation.load(Ordering::SeqCst);
        (present && resolved.at.elapsed() < RESOLVED_FOR).then_some(resolved.registered)
    }

    async fn registered(&self, id: NamedTaskId) -> Result<Arc<Registered>> {
        if let Some(registered) = self.0.registered.get(&id) {
            return Ok(registered);
        }
        let mut connection = self.0.store.pool().acquire().await.map_err(store::Error::from)?;
        let compiled = store::handlers::get(&mut connection, id).await?;
        drop(connection);
        let compiled =
            compiled.ok_or_else(|| Error::new(Reason::Internal, format!("there is no handler version {id}")))?;
        let schema = (!compiled.schema_json.is_empty()).then(|| Schema {
            json: compiled.schema_json,
            strict: compiled.schema_strict,
            compiled: OnceCell::new(),
            compute: self.0.compute.clone(),
        });
        let registered = Arc::new(Registered { template: Arc::new(compiled.template), schema });
        self.0.registered.insert(id, Arc::clone(&registered));
        Ok(registered)
    }

    async fn alone(&self, key: &str) -> tokio::sync::MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let load = usize::try_from(hasher.finish() % (LOADS_MAX as u64)).expect("less than the number of loads");
        self.0.loads[load].lock().await
    }
}

impl Registered {
    /// What is wrong with the context of a task. What is not quick is computed off the runtime.
    ///
    /// Fails with `LimitExceeded` when checking takes more than [`STEPS_MAX`] steps.
    pub async fn check_context(&self, context_json: &str) -> Result<Vec<Violation>> {
        let Some(schema) = &self.schema else { return Ok(Vec::new()) };
        let compiled = schema.compiled().await?;
        if let Ok(violations) = compiled.validate(context_json, Effort::Quick) {
            return Ok(violations);
        }
        let (compiled, context_json) = (Arc::clone(compiled), context_json.to_owned());
        let checked = schema.compute.run(move || compiled.validate(&context_json, Effort::Full)).await?;
        checked.map_err(|TooMuch| {
            let text = format!("checking the context against the schema takes more than {STEPS_MAX} steps");
            let violation = Violation::new("task.context_json", text.clone());
            Error::new(Reason::LimitExceeded, text)
                .with("limit", STEPS_MAX.to_string())
                .with_violations(vec![violation])
        })
    }
}

impl Schema {
    async fn compiled(&self) -> Result<&Arc<CompiledSchema>> {
        let compile = async {
            let (json, strict) = (self.json.clone(), self.strict);
            let compiled = self.compute.run(move || CompiledSchema::compile(&json, strict)).await?;
            let compiled = compiled.map_err(|refusal| match refusal {
                Refusal::Malformed(why) => {
                    Error::new(Reason::Internal, format!("the schema of the handler does not compile: {why}"))
                }
                Refusal::TooCostly(why) => {
                    Error::new(Reason::LimitExceeded, format!("the schema of the handler is too costly: {why}"))
                }
            });
            compiled.map(Arc::new)
        };
        self.compiled.get_or_try_init(|| compile).await
    }
}

fn deprecated(template: &Template) -> Error {
    let text = format!("handler '{}' is deprecated and takes no new tasks", template.full_name());
    Error::new(Reason::HandlerDeprecated, text)
        .with("namespace", &*template.namespace)
        .with("name", &*template.name)
        .with("version", &*template.version)
}

/// About how many bytes a template takes: 256 for a step without its configuration, 4 for an edge in both
/// directions.
fn weight(template: &Template) -> u32 {
    let bytes: usize = template.steps.iter().map(|step| 256 + step.config_json.len() + 4 * step.parents.len()).sum();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
