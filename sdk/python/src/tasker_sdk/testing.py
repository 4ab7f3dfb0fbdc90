"""Tests without a server (`run_step`) and with one that they start themselves (`TestServer`)."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import uuid
from typing import Any, Callable, Mapping

from ._gen.tasker.v1 import handler_ref_pb2
from ._gen.tasker.worker.v1 import assignment_pb2, result_pb2
from . import _json
from ._requests import json_text
from ._time import seconds
from .errors import SetupError
from .worker import outcome
from .worker.attempt import Around, Attempt
from .worker.context import StepContext
from .worker.registry import inspect_handler


@dataclasses.dataclass
class StepRun:
    """How one attempt went."""

    outcome: str
    """`success` or `failure`, or `stopped` when it was told to stop."""
    results: Any = None
    error_class: str = ""
    message: str = ""
    permanent: bool = False
    retry_after: float | None = None
    error_code: str = ""
    details: Any = None
    progress: list[tuple[float, str]] = dataclasses.field(default_factory=list)


def run_step(
    handler: Callable[..., Any],
    input: Any = None,
    *,
    dependencies: Mapping[str, Any] | None = None,
    config: Any = None,
    attempt: int = 1,
    retry_limit: int = 3,
    step_name: str = "step",
    handler_name: str = "handler",
    namespace: str = "default",
    version: str = "0.1.0",
    cancel_after: float | None = None,
    cancel_reason: str = "cancelled",
    timeout: float | None = None,
    around: tuple[Around, ...] = (),
    before: Callable[[StepContext], None] | None = None,
) -> StepRun:
    """Runs one attempt of a step handler in this process, as a worker would, without any server.

    `cancel_after` tells it to stop after so many seconds with `cancel_reason`; `timeout` does the same as a step's
    timeout does. `before` gets the context first, for instance to set `shutting_down`.
    """
    assignment = assignment_pb2.Assignment(
        task_id=str(uuid.uuid4()),
        step_id=str(uuid.uuid4()),
        lease_token=attempt,
        step_name=step_name,
        step_handler=getattr(handler, "__name__", "handler"),
        handler=handler_ref_pb2.HandlerRef(namespace=namespace, name=handler_name, version=version),
        attempt=attempt,
        retry_limit=retry_limit,
        inputs_json=json_text({} if input is None else input),
        handler_config_json="" if config is None else json_text(config),
        dependencies=[
            assignment_pb2.DependencyResult(step_name=name, results_json=json_text(value))
            for name, value in (dependencies or {}).items()
        ],
    )
    run = StepRun("stopped")

    def report(percent: float, note: str) -> None:
        run.progress.append((percent, note))

    deadline = None if timeout is None else time.monotonic() + timeout
    context = StepContext(assignment, deadline=deadline, report=report)
    if before is not None:
        before(context)
    ended = threading.Event()
    results: list[result_pb2.StepResult] = []

    def done(_: Attempt, result: result_pb2.StepResult) -> None:
        results.append(result)
        ended.set()

    under_test = Attempt(inspect_handler(step_name, handler), context, around, outcome.PAYLOAD_BYTES_MAX, done)
    timers = [
        threading.Timer(after, under_test.cancel, (reason,))
        for after, reason in ((cancel_after, cancel_reason), (timeout, "timed_out"))
        if after is not None
    ]
    for timer in timers:
        timer.daemon = True
        timer.start()
    try:
        if under_test.handler.is_async:
            asyncio.run(_run_async(under_test, ended))
        else:
            under_test.run()
    finally:
        for timer in timers:
            timer.cancel()
    if under_test.stopped_at is None:
        _read(run, results[0])
    return run


async def _run_async(attempt: Attempt, ended: threading.Event) -> None:
    attempt.start(asyncio.get_running_loop())
    await asyncio.get_running_loop().run_in_executor(None, ended.wait)


def _read(run: StepRun, result: result_pb2.StepResult) -> None:
    if result.HasField("success"):
        run.outcome = "success"
        run.results = _json.loads(result.success.results_json) if result.success.HasField("results_json") else {}
        return
    failure = result.failure
    run.outcome = "failure"
    run.error_class, run.message, run.error_code = failure.error_class, failure.message, failure.error_code
    run.permanent = failure.permanent
    run.details = json.loads(failure.context_json) if failure.context_json else None
    if failure.HasField("retry_after"):
        run.retry_after = seconds(failure.retry_after)


class TestServer:
    """A `tasker dev` with a Postgres of its own in a temporary directory, on a free port.

    The program is what `TASKER_BIN` names, else `tasker` of the PATH. Use it as a context manager.
    """

    __test__ = False  # pytest does not collect it.

    def __init__(self, *, start_within: float = 60.0) -> None:
        program = os.environ.get("TASKER_BIN") or shutil.which("tasker")
        if not program:
            raise SetupError("there is no tasker: set TASKER_BIN to the program, or put it into the PATH")
        self._directory = tempfile.mkdtemp(prefix="tasker-test-")
        self._log = open(os.path.join(self._directory, "server.log"), "wb")  # noqa: SIM115
        self._process = subprocess.Popen(
            [program, "dev", "--no-worker", "--listen", "127.0.0.1:0", "--output", "json"]
            + ["--data-dir", os.path.join(self._directory, "data")],
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self.endpoint = ""
        try:
            self.endpoint = self._read_endpoint(start_within)
        except BaseException:
            self.close()
            raise

    def _read_endpoint(self, start_within: float) -> str:
        found: list[str] = []

        def read() -> None:
            assert self._process.stdout is not None
            text = b""
            for line in self._process.stdout:
                text += line
                try:
                    found.append(json.loads(text)["endpoint"])
                    return
                except (ValueError, KeyError):
                    continue

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        reader.join(start_within)
        if not found:
            with open(self._log.name, encoding="utf-8", errors="replace") as log:
                raise SetupError(f"the server did not start: {log.read()[-2_000:]}")
        return found[0]

    def close(self) -> None:
        """Stops the server and removes its data."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> "TestServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


__all__ = ["StepRun", "TestServer", "run_step"]
