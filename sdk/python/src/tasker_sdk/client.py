"""The blocking client: what people do with tasks, and every other method through the generated stubs."""

from __future__ import annotations

import datetime
import os
import time
import uuid
from typing import Any, Callable, Iterable, Iterator, Sequence

import grpc

from . import _requests
from ._calls import DEFAULT_TIMEOUT, pause_before_repeat
from ._gen.tasker.v1 import (
    analytics_service_pb2_grpc,
    dependency_graph_service_pb2_grpc,
    event_service_pb2_grpc,
    explain_pb2,
    explain_service_pb2_grpc,
    handler_pb2,
    handler_service_pb2_grpc,
    status_service_pb2_grpc,
    step_service_pb2_grpc,
    task_service_pb2,
    task_service_pb2_grpc,
)
from ._gen.tasker.worker.v1 import worker_service_pb2_grpc
from ._watch import Watch
from .channel import Target, Tls
from .credentials import Token
from .errors import TaskerError, TaskFailedError, from_call, from_status
from .model import Step, Task, Transition


class Stubs:
    """The generated stubs of every service on one channel, blocking or asynchronous."""

    def __init__(self, channel: Any) -> None:
        self.tasks = task_service_pb2_grpc.TaskServiceStub(channel)
        self.steps = step_service_pb2_grpc.StepServiceStub(channel)
        self.handlers = handler_service_pb2_grpc.HandlerServiceStub(channel)
        self.graphs = dependency_graph_service_pb2_grpc.DependencyGraphServiceStub(channel)
        self.explain = explain_service_pb2_grpc.ExplainServiceStub(channel)
        self.events = event_service_pb2_grpc.EventServiceStub(channel)
        self.analytics = analytics_service_pb2_grpc.AnalyticsServiceStub(channel)
        self.status = status_service_pb2_grpc.StatusServiceStub(channel)
        self.workers = worker_service_pb2_grpc.WorkerServiceStub(channel)


class Client:
    """A connection to a server.

    `endpoint` is `http://HOST:PORT`, `https://HOST:PORT` or `unix:PATH`; without it `TASKER_ENDPOINT`, else the local
    server. `token` is a text, a `Token`, or a function that gives one; without it what the environment says. `timeout`
    is how many seconds a call may take with its repeats. The connection is made at the first call, so a client that
    was made before a fork works in the child.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        token: Token | str | Callable[[], str] | None = None,
        tls: Tls | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        self._target = Target.of(endpoint, token, tls)
        self._timeout = timeout
        self._channel: grpc.Channel | None = None
        self._stubs: Stubs | None = None
        self._pid = 0

    @property
    def stubs(self) -> Stubs:
        """The generated stubs, for every method without a helper here. Their errors are gRPC's: see `call`."""
        if self._stubs is None or self._pid != os.getpid():
            # gRPC objects do not survive a fork; the child gets its own.
            self._channel = self._target.open()
            self._stubs = Stubs(self._channel)
            self._pid = os.getpid()
        return self._stubs

    def close(self) -> None:
        """Ends the connection."""
        if self._channel is not None:
            self._channel.close()
        self._channel = self._stubs = None

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, method: Callable[..., Any], request: Any, *, safe: bool = False, timeout: float | None = None) -> Any:
        """Calls a method of a stub: with errors of this package, and repeats where they help.

        `safe` says that repeating is harmless although the first call may have been carried out.
        """
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        tries = 0
        while True:
            left = deadline - time.monotonic()
            try:
                return method(request, timeout=max(left, 0.001))
            except grpc.RpcError as failed:
                error = from_call(failed)
                pause = pause_before_repeat(error, safe, tries, deadline - time.monotonic())
                if pause is None:
                    raise error from failed
            tries += 1
            time.sleep(pause)

    def submit(self, handler: str, context: Any, **options: Any) -> Task:
        """Creates a task of `handler` (`name`, `namespace.name` or `namespace.name@version`).

        `context` is a dict, dataclass or pydantic model. Options: namespace, version, idempotency_key, correlation_id,
        tags, bypass_steps, deadline, initiator, source_system, reason. With an idempotency key a lost answer is safe to
        repeat: the same key and content return the first task.
        """
        request = task_service_pb2.CreateTaskRequest(task=_requests.new_task(handler, context, **options))
        answer = self.call(self.stubs.tasks.CreateTask, request, safe=bool(request.task.idempotency_key))
        return Task.of(answer.task)

    def submit_many(self, tasks: Iterable[task_service_pb2.NewTask]) -> list[Task | TaskerError]:
        """Creates up to 1,000 tasks (see `new_task`); each outcome is a task or the error of that one."""
        request = task_service_pb2.BatchCreateTasksRequest(tasks=list(tasks))
        safe = all(task.idempotency_key for task in request.tasks)
        answer = self.call(self.stubs.tasks.BatchCreateTasks, request, safe=safe)
        return [
            from_status(outcome.error) if outcome.HasField("error") else Task.of(outcome.task)
            for outcome in answer.outcomes
        ]

    new_task = staticmethod(_requests.new_task)

    def submit_and_wait(self, handler: str, context: Any, *, wait: float | None = None, **options: Any) -> Task:
        """Creates a task and waits until it is final. Raises TaskFailedError unless it completed, TimeoutError after `wait` seconds."""
        return self.wait(self.submit(handler, context, **options).id, wait=wait)

    def wait(self, task_id: str, *, wait: float | None = None) -> Task:
        """Waits until a task is final. Raises TaskFailedError unless it completed, TimeoutError after `wait` seconds."""
        for update in self.watch(task_id, wait=wait):
            if isinstance(update, Task) and update.is_final:
                return completed(update)
        raise TimeoutError(f"task {task_id} is not final after {wait} s")

    def get(self, task_id: str) -> Task:
        """A task with steps and payloads."""
        return Task.of(self.call(self.stubs.tasks.GetTask, _requests.get_task(task_id), safe=True).task)

    def list(self, *, state: Sequence[str] | str = (), **conditions: Any) -> Iterator[Task]:
        """Tasks, newest first, over all pages. Conditions: namespace, handler, version, state, tags, initiator,
        source_system, correlation_id; page_size."""
        request = _requests.list_tasks(state=state, **conditions)
        while True:
            page = self.call(self.stubs.tasks.ListTasks, request, safe=True)
            yield from map(Task.of, page.tasks)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def watch(self, task_id: str, *, after: int = 0, wait: float | None = None) -> Iterator[Task | Transition]:
        """A task as it is, then each of its transitions, then the task as it ended.

        The stream goes on by itself after a lost connection, without loss or repetition. It ends with the task, or
        silently after `wait` seconds.
        """
        watch = Watch(task_id, after, wait)
        while not watch.is_over():
            stream = self.stubs.tasks.WatchTask(watch.request(), timeout=watch.left())
            try:
                for message in stream:
                    update = watch.take(message)
                    yield update
                    if isinstance(update, Task) and update.is_final:
                        return
                return
            except grpc.RpcError as failed:
                if watch.is_over():
                    return
                pause = watch.pause(failed)
            finally:
                stream.cancel()
            time.sleep(pause)

    def cancel(self, task_id: str, *, reason: str = "", requested_by: str = "") -> Task:
        """Cancels a task. Cancelling a cancelled one changes nothing."""
        request = _requests.cancel_task(task_id, reason, requested_by)
        return Task.of(self.call(self.stubs.tasks.CancelTask, request, safe=True).task)

    def retry(self, task_id: str, *, attempts: int = 1, reason: str = "", requested_by: str = "") -> Task:
        """Gives a failed task another round; `attempts` are added to steps that have used theirs."""
        request = _requests.retry_task(task_id, attempts, reason, requested_by, str(uuid.uuid4()))
        return Task.of(self.call(self.stubs.tasks.RetryTask, request, safe=True).task)

    def update(
        self,
        task_id: str,
        *,
        task_reason: str | None = None,
        tags: Iterable[str] | None = None,
        deadline: datetime.datetime | None = None,
        reason: str = "",
        requested_by: str = "",
    ) -> Task:
        """Changes the reason, tags or deadline of a task; what is None stays."""
        request = _requests.update_task(
            task_id, task_reason=task_reason, tags=tags, deadline=deadline, reason=reason, requested_by=requested_by
        )
        return Task.of(self.call(self.stubs.tasks.UpdateTask, request, safe=True).task)

    def resolve_step(self, step_id: str, results: Any = None, *, reason: str = "", requested_by: str = "") -> Step:
        """Declares a pending or failed step done, with results for its children."""
        request = _requests.resolve_step(step_id, results, reason, requested_by, str(uuid.uuid4()))
        return Step.of(self.call(self.stubs.steps.ResolveStep, request, safe=True).step)

    def retry_step(self, step_id: str, *, reason: str = "", requested_by: str = "") -> Step:
        """Tries a failed step again now."""
        request = _requests.retry_step(step_id, reason, requested_by, str(uuid.uuid4()))
        return Step.of(self.call(self.stubs.steps.RetryStep, request, safe=True).step)

    def handlers(self, namespace: str = "", *, page_size: int = 100) -> Iterator[handler_pb2.HandlerSummary]:
        """The registered handlers, over all pages."""
        request = _requests.list_handlers(namespace, page_size)
        while True:
            page = self.call(self.stubs.handlers.ListHandlers, request, safe=True)
            yield from page.handlers
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def explain(self, task_id: str) -> explain_pb2.TaskExplanation:
        """Why a task does not move: the blockers of its steps, and what would remove them."""
        return self.call(self.stubs.explain.ExplainTask, _requests.explain_task(task_id), safe=True).task


def completed(task: Task) -> Task:
    """The task, if it completed. Raises TaskFailedError."""
    if task.state in ("complete", "resolved_manually"):
        return task
    failed = [step for step in task.steps if step.state == "error"]
    causes = ", ".join(f"{step.name}: {step.raw.failure.message}" for step in failed[:3])
    why = causes or task.raw.state_reason
    raise TaskFailedError(task, f"task {task.id} is {task.state}" + (f" ({why})" if why else ""))
