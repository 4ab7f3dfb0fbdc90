"""Traces, by themselves where OpenTelemetry's API is installed; nothing here ever fails a call or a step."""

from __future__ import annotations

import contextlib
import logging
from typing import Any, Iterator

try:
    from opentelemetry import context as _context
    from opentelemetry import propagate as _propagate
    from opentelemetry import trace as _trace
except ImportError:
    _context = _propagate = _trace = None  # type: ignore[assignment]

_log = logging.getLogger("tasker_sdk")


def outgoing() -> list[tuple[str, str]]:
    """The headers that carry the caller's trace; none without OpenTelemetry or outside a span."""
    if _propagate is None:
        return []
    carrier: dict[str, str] = {}
    try:
        _propagate.inject(carrier)
    except Exception:
        _log.debug("the trace context cannot be sent along", exc_info=True)
    return [(name.lower(), value) for name, value in carrier.items()]


class Attempt:
    """The span of one attempt, a child of the server's."""

    def __init__(self, name: str, traceparent: str, attributes: dict[str, Any]) -> None:
        self.traceparent = ""
        """The span's own place, to be sent with the result; empty without one."""
        self._span: Any = None
        if _trace is None or _propagate is None or not traceparent:
            return
        try:
            parent = _propagate.extract({"traceparent": traceparent})
            self._span = _trace.get_tracer("tasker_sdk").start_span(
                name, context=parent, kind=_trace.SpanKind.CONSUMER, attributes=attributes
            )
            place = self._span.get_span_context()
            if place.is_valid:
                flags = int(place.trace_flags)
                self.traceparent = f"00-{place.trace_id:032x}-{place.span_id:016x}-{flags:02x}"
        except Exception:
            _log.debug("the span of an attempt cannot be made", exc_info=True)
            self._span = None

    @contextlib.contextmanager
    def current(self) -> Iterator[None]:
        """Makes the span the current one."""
        if self._span is None or _trace is None or _context is None:
            yield
            return
        token = _context.attach(_trace.set_span_in_context(self._span))
        try:
            yield
        finally:
            _context.detach(token)

    def end(self, error: str | None) -> None:
        """Ends the span, as failed when there is an error."""
        if self._span is None or _trace is None:
            return
        try:
            if error is not None:
                self._span.set_status(_trace.Status(_trace.StatusCode.ERROR, error))
            self._span.end()
        except Exception:
            _log.debug("the span of an attempt cannot be ended", exc_info=True)
