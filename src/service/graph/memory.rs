//! What is remembered of graphs.
//!
//! Shapes go by handler version, which never changes. Analyses go by a hash of all that they are made of: the shape,
//! the conditions of the steps, the durations, the policy. Such an answer cannot be stale, whatever else has happened,
//! and tasks that look alike share one. For the same reason servers can share them without telling each other anything.

use std::sync::Arc;

use moka::future::Cache;

use crate::{
    domain::{
        graph::{Analysis, Durations, Key, Policy, Shape, StepStates},
        template::{NamedTaskId, Template},
    },
    error::{Error, Reason, Result},
    store::shared::{Lookup, Shared},
    supervisor::spawn_short,
    telemetry::{Metrics, metrics::CacheMeter},
};

/// What analyses of this build look like; counts up when the rules or the form change.
const FORMAT: u32 = 2;

/// What is remembered. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    shapes: Cache<NamedTaskId, Arc<Shape>>,
    analyses: Cache<Key, Arc<Analysis>>,
    shared: Option<Shared>,
    /// What happens to look-ups here.
    meter: CacheMeter,
    /// What happens to look-ups in the shared cache.
    shared_meter: CacheMeter,
}

impl Memory {
    pub(super) fn new(bytes: u64, shared: Option<Shared>, metrics: &Metrics) -> Self {
        let weight = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        Self {
            shapes: Cache::builder()
                .max_capacity(bytes)
                .weigher(move |_, shape: &Arc<Shape>| weight(shape.bytes()))
                .build(),
            analyses: Cache::builder()
                .max_capacity(bytes)
                .weigher(move |_, analysis: &Arc<Analysis>| weight(analysis.bytes()))
                .build(),
            shared,
            meter: metrics.cache("graph"),
            shared_meter: metrics.cache("graph_shared"),
        }
    }

    /// The shape of a handler version.
    pub(super) async fn shape(&self, template: &Arc<Template>) -> Result<Arc<Shape>> {
        let found = self.shapes.try_get_with(template.id, async {
            let template = Arc::clone(template);
            apart(move || Shape::of(&template)).await.map(Arc::new)
        });
        found.await.map_err(|error: Arc<Error>| Error::clone(&error))
    }

    /// The analysis of a run that looks like this.
    pub(super) async fn analysis(
        &self,
        shape: &Arc<Shape>,
        states: &StepStates,
        durations: &Arc<Durations>,
        policy: &Arc<Policy>,
    ) -> Result<Arc<Analysis>> {
        let key = Key::of(shape, states, durations, policy);
        let known = self.analyses.get(&key).await;
        self.meter.note(known.is_some());
        if let Some(analysis) = known {
            return Ok(analysis);
        }
        let found = self.analyses.try_get_with(key, async {
            if let Some(analysis) = self.shared(key, shape).await {
                return Ok(Arc::new(analysis));
            }
            let (shape, states, durations, policy) =
                (Arc::clone(shape), states.clone(), Arc::clone(durations), Arc::clone(policy));
            let analysis = apart(move || Analysis::of(&shape, &states, &durations, &policy)).await?;
            self.share(key, &analysis);
            Ok(Arc::new(analysis))
        });
        found.await.map_err(|error: Arc<Error>| Error::clone(&error))
    }

    /// What another server has found out. It is checked, because others may write there.
    async fn shared(&self, key: Key, shape: &Shape) -> Option<Analysis> {
        let found = match self.shared.as_ref()?.get(&name(key)).await {
            Lookup::Found(text) => serde_json::from_slice::<Analysis>(&text).ok().filter(|found| found.fits(shape)),
            Lookup::Nothing => None,
            Lookup::Unavailable => {
                self.shared_meter.failed.add(1);
                return None;
            }
        };
        self.shared_meter.note(found.is_some());
        found
    }

    /// Tells the others, while the caller goes on.
    fn share(&self, key: Key, analysis: &Analysis) {
        let Some(shared) = self.shared.clone() else { return };
        let text = serde_json::to_vec(analysis).expect("an analysis is plain numbers");
        spawn_short("share analysis", async move { shared.put(&name(key), &text).await });
    }
}

/// Does long work where it holds up no other calls. A panic is a defect of this answer alone.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::new(Reason::Internal, "the analysis failed").caused_by(error))
}

fn name(Key(key): Key) -> String {
    use std::fmt::Write as _;
    let mut name = format!("tasker:graph:{FORMAT}:");
    for byte in key {
        write!(name, "{byte:02x}").expect("a String takes writes");
    }
    name
}
