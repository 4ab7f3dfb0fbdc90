//! The span of an attempt: owns its fields and its place in the server's trace.
//!
//! What a handler logs carries the span's fields, the correlation id among them. With the feature `opentelemetry` the
//! span is a child of the attempt in the server's trace, and its own place goes back with the result.

use tracing::Span;

use crate::proto::tasker::worker::v1::Assignment;

/// The span of an attempt.
pub(crate) fn span(assignment: &Assignment) -> Span {
    let span = tracing::info_span!(
        "tasker.attempt",
        task_id = assignment.task_id,
        step_id = assignment.step_id,
        step_name = assignment.step_name,
        attempt = assignment.attempt,
        correlation_id = assignment.correlation_id,
    );
    #[cfg(feature = "opentelemetry")]
    place::adopt(&span, &assignment.traceparent);
    span
}

/// The span's place in its trace, as a `traceparent` header has it; empty when it is in none.
#[cfg(feature = "opentelemetry")]
pub(crate) fn traceparent(span: &Span) -> String {
    place::of(span).unwrap_or_default()
}

/// The span's place in its trace; without the feature it is in none.
#[cfg(not(feature = "opentelemetry"))]
pub(crate) fn traceparent(_: &Span) -> String {
    String::new()
}

#[cfg(feature = "opentelemetry")]
mod place {
    use opentelemetry::{
        Context,
        trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState},
    };
    use tracing::Span;
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;

    /// Makes the span a child of a place in a trace.
    pub(super) fn adopt(span: &Span, traceparent: &str) {
        if let Some(context) = parse(traceparent) {
            // Refused only when nobody collects traces.
            let _ = span.set_parent(Context::new().with_remote_span_context(context));
        }
    }

    /// Where the span is.
    pub(super) fn of(span: &Span) -> Option<String> {
        let context = span.context();
        let context = context.span().span_context().clone();
        context
            .is_valid()
            .then(|| format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags().to_u8()))
    }

    fn parse(text: &str) -> Option<SpanContext> {
        let mut parts = text.split('-').skip(1);
        let trace = TraceId::from_hex(parts.next()?).ok()?;
        let span = SpanId::from_hex(parts.next()?).ok()?;
        let flags = TraceFlags::new(u8::from_str_radix(parts.next()?, 16).ok()?);
        let context = SpanContext::new(trace, span, flags, true, TraceState::default());
        context.is_valid().then_some(context)
    }
}
