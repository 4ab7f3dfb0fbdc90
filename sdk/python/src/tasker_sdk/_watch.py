"""How far a watch of a task has come; shared by the blocking client and the asynchronous one."""

from __future__ import annotations

import time
from typing import Any

from . import _requests
from ._calls import pause_before_repeat
from ._gen.tasker.v1 import task_service_pb2
from .errors import TaskerError, from_call
from .model import Task, Transition

_FOR_EVER = 3600.0
"""Longer than any pause: a watch is resumed as often as it takes."""


class Watch:
    """The place and the time of one watch over all its streams."""

    def __init__(self, task_id: str, after: int, wait: float | None) -> None:
        self._task_id = task_id
        self._after = after
        self._deadline = None if wait is None else time.monotonic() + wait
        self._tries = 0

    def request(self) -> task_service_pb2.WatchTaskRequest:
        """The request of the next stream."""
        return _requests.watch_task(self._task_id, self._after)

    def left(self) -> float | None:
        """Seconds that are left; None without a limit."""
        return None if self._deadline is None else self._deadline - time.monotonic()

    def is_over(self) -> bool:
        """Whether the time is over."""
        left = self.left()
        return left is not None and left <= 0

    def take(self, message: task_service_pb2.WatchTaskResponse) -> Task | Transition:
        """What a message says; the next stream goes on behind it."""
        self._tries = 0
        if message.HasField("transition"):
            self._after = max(self._after, message.transition.sequence)
            return Transition.of(message.transition)
        self._after = max(self._after, message.task.revision)
        return Task.of(message.task)

    def pause(self, failed: Any) -> float:
        """How long to wait before the next stream. Raises the error that no other stream mends."""
        error: TaskerError = from_call(failed)
        pause = pause_before_repeat(error, True, self._tries, _FOR_EVER)
        if pause is None:
            raise error from failed
        self._tries += 1
        return pause
