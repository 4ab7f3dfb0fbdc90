"""What a step handler can ask for and say while it runs."""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import Any, Callable, Mapping

from .. import _json
from .._convert import Misfit, from_json_value
from .._gen.tasker.worker.v1 import assignment_pb2
from ..errors import PermanentError, StepCancelled

NOTE_CHARACTERS_MAX = 255


class StepLogger(logging.LoggerAdapter):  # type: ignore[type-arg]
    """Lines that carry task, step, attempt and correlation id."""

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


class StepContext:
    """One attempt of a step.

    Attributes: `task_id`, `step_id`, `step_name`, `step_handler`, `namespace`, `handler`, `version`, `attempt` (from 1),
    `retry_limit`, `lease_token` (only grows for a step; send it along with your writes so that a later attempt wins),
    `correlation_id`, `config` (the template's handler configuration), `logger`, `raw` (the assignment itself).
    """

    def __init__(
        self,
        assignment: assignment_pb2.Assignment,
        *,
        deadline: float | None = None,
        fetch: Callable[[list[str]], Mapping[str, str]] | None = None,
        report: Callable[[float, str], None] | None = None,
        draining: threading.Event | None = None,
    ) -> None:
        self.raw = assignment
        self.task_id = assignment.task_id
        self.step_id = assignment.step_id
        self.step_name = assignment.step_name
        self.step_handler = assignment.step_handler
        self.namespace = assignment.handler.namespace
        self.handler = assignment.handler.name
        self.version = assignment.handler.version
        self.attempt = assignment.attempt
        self.retry_limit = assignment.retry_limit
        self.lease_token = assignment.lease_token
        self.correlation_id = assignment.correlation_id
        self.cancelled = threading.Event()
        """Set when the attempt is to stop; `cancel_reason` says why."""
        self.shutting_down = draining or threading.Event()
        """Set when the worker has begun to drain; there is still time to finish."""
        self.cancel_reason: str | None = None
        self._deadline = deadline
        self._fetch = fetch
        self._report = report
        self._dependencies = {entry.step_name: entry.results_json for entry in assignment.dependencies}
        self._fetched = not assignment.dependencies_omitted
        self._fetching = threading.Lock()
        self._on_cancel: list[Callable[[], None]] = []
        self.logger = StepLogger(
            logging.getLogger(f"tasker.step.{assignment.step_handler or assignment.step_name}"),
            {
                "task_id": self.task_id,
                "step_id": self.step_id,
                "attempt": self.attempt,
                "correlation_id": self.correlation_id,
            },
        )

    @property
    def attempts_left(self) -> int:
        """Attempts that remain after this one."""
        return max(self.retry_limit - self.attempt, 0)

    @property
    def idempotency_key(self) -> str:
        """The same text for every attempt of the step: for services that de-duplicate."""
        return self.step_id

    @property
    def config(self) -> Any:
        """The handler configuration of the step template; None without one."""
        text = self.raw.handler_config_json
        return _json.loads(text) if text else None

    @property
    def remaining(self) -> float | None:
        """Seconds until the attempt times out; None for never."""
        return None if self._deadline is None else max(self._deadline - time.monotonic(), 0.0)

    def input(self, kind: Any = Any) -> Any:
        """The input, as `kind` when one is given. Raises PermanentError where it does not fit."""
        try:
            return from_json_value(_json.loads(self.raw.inputs_json), kind)
        except Misfit as misfit:
            raise PermanentError(f"the input does not fit: {misfit}", error_class="InvalidInputs") from misfit

    def dependency(self, name: str, kind: Any = Any) -> Any:
        """The result of a parent, as `kind` when one is given.

        Results that were too large to send along are fetched at the first call, once for all who ask. Raises
        PermanentError where there is no such parent, or its result does not fit.
        """
        results = self.dependencies()
        if name not in results:
            raise PermanentError(f"the step has no parent {name}", error_class="UnknownParent")
        try:
            return from_json_value(_json.loads(results[name]), kind)
        except Misfit as misfit:
            raise PermanentError(f"the result of {name} does not fit: {misfit}", error_class="InvalidDependency") from misfit

    def dependencies(self) -> Mapping[str, str]:
        """The results of all parents as JSON text, by step name."""
        with self._fetching:
            if not self._fetched and self._fetch is not None:
                self._dependencies.update(self._fetch([]))
                self._fetched = True
            return self._dependencies

    def progress(self, percent: float, note: str = "") -> None:
        """Says how far the attempt has come. Cheap: only the newest of many is sent."""
        if self._report is None:
            return
        value = 0.0 if math.isnan(percent) else min(max(float(percent), 0.0), 100.0)
        self._report(value, _json.clean(note, NOTE_CHARACTERS_MAX))

    def raise_if_cancelled(self) -> None:
        """Raises StepCancelled when the attempt is to stop."""
        if self.cancelled.is_set():
            raise StepCancelled(self.cancel_reason or "cancelled")

    def sleep(self, seconds: float) -> None:
        """Sleeps, and raises StepCancelled as soon as the attempt is to stop."""
        self.cancelled.wait(seconds)
        self.raise_if_cancelled()

    def on_cancel(self, call: Callable[[], None]) -> None:
        """Calls a function, in another thread, when the attempt is to stop."""
        self._on_cancel.append(call)

    def cancel(self, reason: str) -> None:
        """Tells the attempt to stop; for the worker and for tests."""
        if self.cancelled.is_set():
            return
        self.cancel_reason = reason
        self.cancelled.set()
        for call in self._on_cancel:
            threading.Thread(target=call, daemon=True, name="tasker-on-cancel").start()
