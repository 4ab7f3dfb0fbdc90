from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from scripted import WAIT, ScriptedServer  # noqa: E402

from tasker_sdk import Worker  # noqa: E402


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()


class Running:
    """A worker in a thread of its own."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.worker.run_blocking()
        except BaseException as error:
            self.error = error

    def ended(self) -> BaseException | None:
        """Waits for the end and returns what it raised."""
        self._thread.join(WAIT)
        assert not self._thread.is_alive(), "the worker does not end"
        return self.error


@pytest.fixture
def run() -> Iterator[Callable[[Worker], Running]]:
    started: list[Running] = []

    def start(worker: Worker) -> Running:
        started.append(Running(worker))
        return started[-1]

    yield start
    for running in started:
        running.worker.stop()
        running.ended()


def until(condition: Callable[[], Any]) -> Any:
    """Waits until a condition holds and returns it."""
    import time

    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.005)
    raise AssertionError("the condition does not come true")
