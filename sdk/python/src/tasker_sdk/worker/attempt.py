"""One attempt: calls the handler, by thread or in the event loop, and makes its result."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import time
from typing import Any, Callable, ContextManager, Iterator, Sequence

from .. import otel
from .._gen.tasker.worker.v1 import result_pb2
from . import outcome
from .context import StepContext
from .registry import Handler

Around = Callable[[StepContext], ContextManager[Any]]
"""A context manager that is entered around each attempt."""


class Attempt:
    """A running attempt. `done(result)` is called exactly once, when the handler has really ended."""

    def __init__(
        self,
        handler: Handler,
        context: StepContext,
        around: Sequence[Around],
        bytes_max: int,
        done: Callable[["Attempt", result_pb2.StepResult], None],
    ) -> None:
        self.handler = handler
        self.context = context
        self.began = time.monotonic()
        self.stopped_at: float | None = None
        """When it was told to stop."""
        self.named_stuck = False
        self.deadline: float | None = None
        self._around = around
        self._bytes_max = bytes_max
        self._done = done
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._span = otel.Attempt(
            context.step_name,
            context.raw.traceparent,
            {"tasker.task_id": context.task_id, "tasker.step_id": context.step_id, "tasker.attempt": context.attempt},
        )

    def run(self) -> None:
        """Runs a blocking handler in the calling thread."""
        contextvars.copy_context().run(self._run)

    def _run(self) -> None:
        try:
            with self._entered():
                value = self.handler.call(*self._arguments())
            result = outcome.nothing() if value is None and _returns_nothing(self.handler) else self._success(value)
        except BaseException as error:  # SystemExit and KeyboardInterrupt end the attempt, not the process.
            result = outcome.raised(error, self._bytes_max)
        self._finish(result)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Runs an asynchronous handler as a task of a loop. Called in the loop."""
        self._loop = loop
        self._task = loop.create_task(self._run_async())

    async def _run_async(self) -> None:
        try:
            with self._entered():
                value = await self.handler.call(*self._arguments())
            result = outcome.nothing() if value is None and _returns_nothing(self.handler) else self._success(value)
        except BaseException as error:
            result = outcome.raised(error, self._bytes_max)
        self._finish(result)

    def cancel(self, reason: str) -> None:
        """Tells the attempt to stop; an asynchronous one is cancelled."""
        self.stopped_at = time.monotonic()
        self.context.cancel(reason)
        if self._loop is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):  # The loop has ended, and the task with it.
                self._loop.call_soon_threadsafe(self._task.cancel)

    def _success(self, value: Any) -> result_pb2.StepResult:
        return outcome.success(value, self._bytes_max)

    def _arguments(self) -> list[Any]:
        arguments: list[Any] = [self.context] if self.handler.wants_context else []
        if self.handler.wants_input:
            arguments.append(self.context.input(self.handler.input_kind))
        return arguments

    @contextlib.contextmanager
    def _entered(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._span.current())
            for around in self._around:
                stack.enter_context(around(self.context))
            yield

    def _finish(self, result: result_pb2.StepResult) -> None:
        failed = result.failure.message if result.HasField("failure") else None
        self._span.end(failed)
        result.step_id = self.context.step_id
        result.lease_token = self.context.lease_token
        result.traceparent = self._span.traceparent
        self._done(self, result)


def _returns_nothing(handler: Handler) -> bool:
    """Whether a handler declares that it returns nothing: then None is no result, else it is null."""
    annotations = getattr(handler.call, "__annotations__", None) or {}
    return annotations.get("return", None) in (None, "None")
