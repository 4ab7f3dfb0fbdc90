//! Log lines: one layer, every format, every field looked at.
//!
//! A line has the fields of its event and of the spans around it, the nearest first; so every line that is written within
//! a call or an attempt carries its `correlation_id`; lines that belong to neither carry the process's. Values of
//! sensitive keys are masked, payloads are left out unless they were asked for, and lines of one place in the code that
//! come too often are counted instead of written.

use std::{
    collections::HashMap,
    fmt::{self, Write as _},
    io::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value};
use tracing::{
    Event, Level, Metadata, Subscriber,
    callsite::Identifier,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    layer::Context,
    registry::{LookupSpan, SpanRef},
};

use super::{LogFormat, mask::Mask};

/// Lines that were left out because too many like them came at once, since the process began.
static SUPPRESSED: AtomicU64 = AtomicU64::new(0);

/// What payloads are called.
const PAYLOADS: [&str; 5] = ["context", "inputs", "results", "payload", "backtrace"];

/// The field that ties lines together.
const CORRELATION_ID: &str = "correlation_id";

/// What stands in the place of a payload.
const LEFT_OUT: &str = "[PAYLOAD]";

/// How many lines were left out.
pub(crate) fn suppressed() -> u64 {
    SUPPRESSED.load(Ordering::Relaxed)
}

/// Where lines go.
pub type Sink = Arc<dyn Fn(&str) + Send + Sync>;

/// How lines are written.
#[derive(Debug, Clone)]
pub struct Style {
    /// How they look.
    pub format: LogFormat,
    /// What is hidden.
    pub mask: Mask,
    /// Whether payloads are written.
    pub payloads: bool,
    /// Lines of one place in the code in a second at most; zero for any number. Errors are always written.
    pub burst: u32,
    /// Whether colours are understood.
    pub colours: bool,
    /// The correlation id of what belongs to no call: the process's own.
    pub process: Arc<str>,
}

/// The layer.
pub struct Lines {
    style: Style,
    sink: Sink,
    seen: Mutex<HashMap<Identifier, Seen>>,
}

/// Lines of one place within a second.
#[derive(Debug)]
struct Seen {
    since: Instant,
    lines: u32,
    left_out: u64,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("style", &self.style).finish_non_exhaustive()
    }
}

/// The fields of a span.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Lines {
    /// Writes lines to a sink.
    pub fn new(style: Style, sink: Sink) -> Self {
        Self { style, sink, seen: Mutex::default() }
    }

    /// Writes lines to the standard error output.
    pub fn to_stderr(style: Style) -> Self {
        // Nobody to complain to when it is closed.
        Self::new(style, Arc::new(|line| drop(writeln!(std::io::stderr().lock(), "{line}"))))
    }

    /// Whether a line may be written, and how many like it were left out before it.
    fn admit(&self, metadata: &Metadata<'_>) -> Option<u64> {
        if self.style.burst == 0 || *metadata.level() == Level::ERROR {
            return Some(0);
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let place = seen.entry(metadata.callsite()).or_insert(Seen { since: now, lines: 0, left_out: 0 });
        if now.duration_since(place.since) >= Duration::from_secs(1) {
            place.since = now;
            place.lines = 0;
        }
        if place.lines >= self.style.burst {
            place.left_out += 1;
            SUPPRESSED.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        place.lines += 1;
        Some(std::mem::take(&mut place.left_out))
    }

    fn shown(&self, key: &str, value: Value) -> Value {
        if self.style.mask.hides(key) {
            return Value::from(self.style.mask.text());
        }
        let is_payload = PAYLOADS.contains(&key) || key.ends_with("_json");
        if is_payload && !self.style.payloads { Value::from(LEFT_OUT) } else { value }
    }

    fn line(&self, metadata: &Metadata<'_>, mut fields: Vec<(&'static str, Value)>, left_out: u64) -> String {
        let place = fields.iter().position(|(key, _)| *key == "message");
        let message = place.map(|place| fields.remove(place).1).unwrap_or_default();
        let message = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
        if left_out > 0 {
            fields.push(("lines_left_out", left_out.into()));
        }
        if !fields.iter().any(|(key, _)| *key == CORRELATION_ID) {
            fields.push((CORRELATION_ID, self.style.process.as_ref().into()));
        }
        let at = timestamp();
        match self.style.format {
            LogFormat::Json | LogFormat::PrettyJson => {
                let mut line = Map::new();
                line.insert("timestamp".to_owned(), at.into());
                line.insert("level".to_owned(), metadata.level().as_str().to_lowercase().into());
                line.insert("component".to_owned(), metadata.target().into());
                line.insert("message".to_owned(), message.into());
                for (key, value) in fields {
                    line.entry(key).or_insert(value);
                }
                line.insert("tasker_version".to_owned(), env!("CARGO_PKG_VERSION").into());
                line.insert("process_id".to_owned(), std::process::id().into());
                let line = Value::Object(line);
                if self.style.format == LogFormat::Json { line.to_string() } else { format!("{line:#}") }
            }
            LogFormat::Logfmt => {
                let level = metadata.level().as_str().to_lowercase();
                let mut line = format!("timestamp=\"{at}\" level=\"{level}\" component=\"{}\"", metadata.target());
                pair(&mut line, "message", &message.into());
                fields.iter().for_each(|(key, value)| pair(&mut line, key, value));
                line
            }
            LogFormat::Pretty => {
                let mut line = format!("{at} {} {message}", self.level(*metadata.level()));
                fields.iter().for_each(|(key, value)| pair(&mut line, key, value));
                line
            }
        }
    }

    fn level(&self, level: Level) -> String {
        let colour = match level {
            Level::ERROR => 31,
            Level::WARN => 33,
            Level::INFO => 32,
            Level::DEBUG => 34,
            Level::TRACE => 35,
        };
        if self.style.colours { format!("\u{1b}[{colour}m{level:>5}\u{1b}[0m") } else { format!("{level:>5}") }
    }
}

/// Adds ` key=value`; texts are quoted, other values are not.
fn pair(line: &mut String, key: &str, value: &Value) {
    // Writing to a string cannot fail.
    let _ = write!(line, " {key}={value}");
}

#[expect(clippy::disallowed_methods, reason = "lines are read beside those of other programs on this machine")]
fn timestamp() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl<S> Layer<S> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut Collect { lines: self, fields: &mut fields.0 });
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        if let Some(fields) = extensions.get_mut::<Fields>() {
            values.record(&mut Collect { lines: self, fields: &mut fields.0 });
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let Some(left_out) = self.admit(metadata) else { return };
        let mut fields = Vec::new();
        event.record(&mut Collect { lines: self, fields: &mut fields });
        for span in context.event_scope(event).into_iter().flatten() {
            around(&span, &mut fields);
        }
        (self.sink)(&self.line(metadata, fields, left_out));
    }
}

/// Adds the fields of a span that nobody nearer has.
fn around<S: for<'a> LookupSpan<'a>>(span: &SpanRef<'_, S>, fields: &mut Vec<(&'static str, Value)>) {
    let extensions = span.extensions();
    let Some(Fields(more)) = extensions.get::<Fields>() else { return };
    for (key, value) in more {
        if !fields.iter().any(|(known, _)| known == key) {
            fields.push((key, value.clone()));
        }
    }
}

/// Takes fields over.
struct Collect<'a> {
    lines: &'a Lines,
    fields: &'a mut Vec<(&'static str, Value)>,
}

impl Collect<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        // Written for traces alone.
        if field.name().starts_with("otel.") || field.name() == "rpc.system" {
            return;
        }
        let value = self.lines.shown(field.name(), value);
        match self.fields.iter_mut().find(|(key, _)| *key == field.name()) {
            Some((_, before)) => *before = value,
            None => self.fields.push((field.name(), value)),
        }
    }
}

impl Visit for Collect<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(because) = cause {
            // Writing to a string cannot fail.
            let _ = write!(text, ": {because}");
            cause = because.source();
        }
        self.put(field, text.into());
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    fn style(format: LogFormat) -> Style {
        let mask = Mask::new(&["passw".to_owned(), "token".to_owned()], "[FILTERED]");
        Style { format, mask, payloads: false, burst: 0, colours: false, process: "prc_1".into() }
    }

    /// The lines that something writes.
    fn lines(style: Style, act: impl FnOnce()) -> Vec<String> {
        let kept = Arc::<Mutex<Vec<String>>>::default();
        let sink = {
            let kept = Arc::clone(&kept);
            Arc::new(move |line: &str| kept.lock().unwrap().push(line.to_owned()))
        };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(Lines::new(style, sink)), act);
        kept.lock().unwrap().clone()
    }

    fn story() {
        let call = tracing::info_span!("call", method = "/x", correlation_id = "tsk_1", later = tracing::field::Empty);
        call.record("later", 7);
        let _entered = call.entered();
        tracing::info!(count = 2, password = "secret", context_json = "{\"a\":1}", is = true, "it \"works\"");
    }

    #[test]
    fn a_json_line_has_everything_at_the_top() {
        let lines = lines(style(LogFormat::Json), story);
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["message"], "it \"works\"");
        assert_eq!(
            (&line["level"], &line["correlation_id"], &line["method"]),
            (&"info".into(), &"tsk_1".into(), &"/x".into())
        );
        assert_eq!((&line["count"], &line["is"], &line["later"]), (&2.into(), &true.into(), &7.into()));
        assert_eq!((&line["password"], &line["context_json"]), (&"[FILTERED]".into(), &LEFT_OUT.into()));
        assert!(line["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')) && line["process_id"].is_number());
    }

    #[test]
    fn a_logfmt_line_quotes_texts_and_nothing_else() {
        let lines = lines(style(LogFormat::Logfmt), story);
        let expected = r#" message="it \"works\"" count=2 password="[FILTERED]" context_json="[PAYLOAD]" is=true method="/x" correlation_id="tsk_1" later=7"#;
        assert!(lines[0].ends_with(expected), "{}", lines[0]);
        assert!(lines[0].starts_with("timestamp=\"2"), "{}", lines[0]);
    }

    #[test]
    fn a_pretty_line_begins_with_the_message() {
        let lines = lines(style(LogFormat::Pretty), story);
        assert!(lines[0].contains("  INFO it \"works\" count=2"), "{}", lines[0]);
        assert!(lines[0].contains("correlation_id=\"tsk_1\""), "{}", lines[0]);
    }

    #[test]
    fn what_belongs_to_no_call_carries_the_process_s_id() {
        for format in [LogFormat::Json, LogFormat::Logfmt, LogFormat::Pretty] {
            let lines = lines(style(format), || {
                tracing::info!("alone");
                story();
            });
            assert!(lines[0].contains("correlation_id") && lines[0].contains("prc_1"), "{}", lines[0]);
            assert!(lines[1].contains("tsk_1") && !lines[1].contains("prc_1"), "{}", lines[1]);
        }
    }

    #[test]
    fn payloads_are_written_when_asked_for() {
        let lines = lines(Style { payloads: true, ..style(LogFormat::Logfmt) }, story);
        assert!(lines[0].contains(r#"context_json="{\"a\":1}""#), "{}", lines[0]);
    }

    #[test]
    fn too_many_of_a_kind_are_counted_and_errors_are_not() {
        let before = suppressed();
        let lines = lines(Style { burst: 3, ..style(LogFormat::Logfmt) }, || {
            for round in 0..10 {
                tracing::warn!(round, "noise");
                tracing::error!(round, "trouble");
            }
            tracing::warn!("another place");
        });
        let count = |word: &str| lines.iter().filter(|line| line.contains(word)).count();
        assert_eq!((count("noise"), count("trouble"), count("another")), (3, 10, 1));
        assert!(suppressed() >= before + 7);
    }
}
