//! Spans of tasks and steps.
//!
//! Their lives are longer than any call and pass from server to server, so nobody holds them open: a span is made at
//! its end, with the times that it had. What lies below it must name it before it exists, therefore the ids of the
//! spans of a task and of an attempt are computed from what they are about: every server finds the same.
//!
//! ```text
//! client ─▶ CreateTask (call) ─▶ tasker.task.execution ─┬▶ tasker.step.queued
//!                                                       └▶ tasker.step.execution (attempt) ─▶ the worker's own span
//! ```

use std::{
    cell::Cell,
    fmt,
    sync::OnceLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use moka::sync::Cache;
use opentelemetry::{
    Context, KeyValue,
    trace::{
        Link, Span as _, SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState,
        Tracer as _,
    },
};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SdkTracer};
use uuid::Uuid;

use super::mask::Mask;

/// Spans of workers that are remembered until their attempt's span is made.
const LINKS_MAX: u64 = 100_000;

/// The tracer of the process, once there is one.
static PROCESS: OnceLock<Spans> = OnceLock::new();

thread_local! {
    /// The id of the next span that is made on this thread; zero for any.
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

/// A place in a trace: what a W3C `traceparent` header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    trace: u128,
    span: u64,
    flags: u8,
}

impl Place {
    /// Reads a `traceparent`; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !(hex(version, 2) && hex(trace, 32) && hex(span, 16) && hex(flags, 2)) || version == "ff" {
            return None;
        }
        let place = Self {
            trace: u128::from_str_radix(trace, 16).ok()?,
            span: u64::from_str_radix(span, 16).ok()?,
            flags: u8::from_str_radix(flags, 16).ok()?,
        };
        (place.trace != 0 && place.span != 0).then_some(place)
    }

    /// Whether somebody wants to see the trace.
    pub const fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// A span of the same trace.
    const fn at(self, span: u64) -> Self {
        Self { span, ..self }
    }

    /// The execution of a task of this trace.
    pub fn task(self, task: Uuid) -> Self {
        self.at(id(task, 0))
    }

    /// An attempt of a step of this trace.
    pub fn attempt(self, step: Uuid, attempt: u16) -> Self {
        self.at(id(step, u64::from(attempt) + 1))
    }

    fn context(self) -> SpanContext {
        let (trace, span) = (TraceId::from(self.trace), SpanId::from(self.span));
        SpanContext::new(trace, span, TraceFlags::new(self.flags), true, TraceState::default())
    }

    pub(super) fn of(context: &SpanContext) -> Option<Self> {
        context.is_valid().then(|| Self {
            trace: u128::from_be_bytes(context.trace_id().to_bytes()),
            span: u64::from_be_bytes(context.span_id().to_bytes()),
            flags: context.trace_flags().to_u8(),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

/// A span that has ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// What it is.
    pub name: &'static str,
    /// What it is part of.
    pub parent: Place,
    /// Itself, where others name it; any when `None`.
    pub place: Option<Place>,
    /// When it began, in microseconds since 1970.
    pub began: i64,
    /// When it ended.
    pub ended: i64,
    /// What is known of it.
    pub attributes: Vec<(&'static str, String)>,
    /// The event at its end, such as `task.completed`.
    pub event: Option<&'static str>,
    /// Why it ended badly, if it did.
    pub error: Option<String>,
    /// Another span that belongs to it.
    pub link: Option<Place>,
}

/// Makes spans. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Spans(Option<Making>);

#[derive(Debug, Clone)]
struct Making {
    tracer: SdkTracer,
    prefix: String,
    mask: Mask,
    links: Cache<(Uuid, u16), Place>,
}

impl Spans {
    /// Those of this process; none are made without a collector.
    pub fn of_process() -> Self {
        PROCESS.get().cloned().unwrap_or_default()
    }

    /// Makes spans with this tracer from now on. Attributes are called `prefix.name`.
    pub(super) fn begin(tracer: SdkTracer, prefix: &str, mask: Mask) {
        let links = Cache::builder().max_capacity(LINKS_MAX).time_to_live(Duration::from_secs(60)).build();
        let made = Self(Some(Making { tracer, prefix: prefix.to_owned(), mask, links }));
        // A process begins once.
        let _ = PROCESS.set(made);
    }

    /// Whether any are made.
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Notes the worker's own span of an attempt.
    pub fn link(&self, step: Uuid, attempt: u16, place: Place) {
        if let Some(making) = &self.0 {
            making.links.insert((step, attempt), place);
        }
    }

    /// The worker's own span of an attempt, once.
    pub fn take_link(&self, step: Uuid, attempt: u16) -> Option<Place> {
        self.0.as_ref()?.links.remove(&(step, attempt))
    }

    /// Makes a span, if its trace is sampled.
    pub fn end(&self, ended: Ended) {
        let Some(making) = &self.0 else { return };
        if !ended.parent.is_sampled() {
            return;
        }
        let attributes = ended.attributes.iter().map(|(key, value)| making.attribute(key, value));
        let parent = Context::new().with_remote_span_context(ended.parent.context());
        let mut builder = making
            .tracer
            .span_builder(ended.name)
            .with_start_time(time(ended.began))
            .with_attributes(attributes.collect::<Vec<_>>());
        if let Some(link) = ended.link {
            builder = builder.with_links(vec![Link::with_context(link.context())]);
        }
        NEXT.set(ended.place.map_or(0, |place| place.span));
        let mut span = builder.start_with_context(&making.tracer, &parent);
        NEXT.set(0);
        if let Some(event) = ended.event {
            span.add_event_with_timestamp(event, time(ended.ended), Vec::new());
        }
        span.set_status(match ended.error {
            Some(error) => Status::error(error),
            None => Status::Ok,
        });
        span.end_with_timestamp(time(ended.ended));
    }
}

impl Making {
    fn attribute(&self, key: &str, value: &str) -> KeyValue {
        let value = self.mask.value(key, value).into_owned();
        KeyValue::new(format!("{}.{key}", self.prefix), value)
    }
}

/// Makes the ids of spans: what is wanted, else anything.
#[derive(Debug, Default)]
pub(super) struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        self.0.new_trace_id()
    }

    fn new_span_id(&self) -> SpanId {
        match NEXT.take() {
            0 => self.0.new_span_id(),
            wanted => SpanId::from(wanted),
        }
    }
}

/// An id that everybody computes alike; not zero.
fn id(of: Uuid, number: u64) -> u64 {
    let (high, low) = of.as_u64_pair();
    let mut mixed = high ^ low.rotate_left(32) ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for _ in 0..2 {
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^= mixed >> 27;
    }
    mixed.max(1)
}

fn time(micros: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_and_written() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let place = Place::parse(text).unwrap();
        assert_eq!((place.to_string().as_str(), place.is_sampled()), (text, true));
        assert!(!Place::parse(&text.replace("-01", "-00")).unwrap().is_sampled());
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Place::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn places_are_computed_alike_and_differ() {
        let place = Place::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
        let uuid = Uuid::from_u128(7);
        assert_eq!(place.attempt(uuid, 1), place.attempt(uuid, 1));
        let all =
            [place, place.task(uuid), place.attempt(uuid, 1), place.attempt(uuid, 2), place.task(Uuid::from_u128(8))];
        let ids: std::collections::BTreeSet<u64> = all.iter().map(|place| place.span).collect();
        assert_eq!(ids.len(), all.len());
        assert!(all.iter().all(|one| one.trace == place.trace && one.is_sampled()));
    }
}
