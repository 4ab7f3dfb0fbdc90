"""The asynchronous client: `Client` for event loops. One client belongs to one loop."""

from __future__ import annotations

import asyncio
import datetime
import time
import uuid
from typing import Any, AsyncIterator, Callable, Iterable, Sequence

import grpc

from . import _requests
from ._calls import DEFAULT_TIMEOUT, pause_before_repeat
from ._gen.tasker.v1 import explain_pb2, handler_pb2, task_service_pb2
from ._watch import Watch
from .channel import Target, Tls
from .client import Stubs, completed
from .credentials import Token
from .errors import TaskerError, from_call, from_status
from .model import Step, Task, Transition


class AsyncClient:
    """A connection to a server; see `Client` for the arguments."""

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
        self._channel: grpc.aio.Channel | None = None
        self._stubs: Stubs | None = None

    @property
    def stubs(self) -> Stubs:
        """The generated stubs, for every method without a helper here. Their errors are gRPC's: see `call`."""
        if self._stubs is None:
            self._channel = self._target.open_aio()
            self._stubs = Stubs(self._channel)
        return self._stubs

    async def close(self) -> None:
        """Ends the connection."""
        if self._channel is not None:
            await self._channel.close()
        self._channel = self._stubs = None

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def call(
        self, method: Callable[..., Any], request: Any, *, safe: bool = False, timeout: float | None = None
    ) -> Any:
        """Calls a method of a stub: with errors of this package, and repeats where they help.

        `safe` says that repeating is harmless although the first call may have been carried out.
        """
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        tries = 0
        while True:
            try:
                return await method(request, timeout=max(deadline - time.monotonic(), 0.001))
            except grpc.RpcError as failed:
                error = from_call(failed)
                pause = pause_before_repeat(error, safe, tries, deadline - time.monotonic())
                if pause is None:
                    raise error from failed
            tries += 1
            await asyncio.sleep(pause)

    async def submit(self, handler: str, context: Any, **options: Any) -> Task:
        """Creates a task; see `Client.submit`."""
        request = task_service_pb2.CreateTaskRequest(task=_requests.new_task(handler, context, **options))
        answer = await self.call(self.stubs.tasks.CreateTask, request, safe=bool(request.task.idempotency_key))
        return Task.of(answer.task)

    async def submit_many(self, tasks: Iterable[task_service_pb2.NewTask]) -> list[Task | TaskerError]:
        """Creates up to 1,000 tasks; see `Client.submit_many`."""
        request = task_service_pb2.BatchCreateTasksRequest(tasks=list(tasks))
        safe = all(task.idempotency_key for task in request.tasks)
        answer = await self.call(self.stubs.tasks.BatchCreateTasks, request, safe=safe)
        return [
            from_status(outcome.error) if outcome.HasField("error") else Task.of(outcome.task)
            for outcome in answer.outcomes
        ]

    new_task = staticmethod(_requests.new_task)

    async def submit_and_wait(self, handler: str, context: Any, *, wait: float | None = None, **options: Any) -> Task:
        """Creates a task and waits until it is final; see `Client.submit_and_wait`."""
        task = await self.submit(handler, context, **options)
        return await self.wait(task.id, wait=wait)

    async def wait(self, task_id: str, *, wait: float | None = None) -> Task:
        """Waits until a task is final; see `Client.wait`."""
        async for update in self.watch(task_id, wait=wait):
            if isinstance(update, Task) and update.is_final:
                return completed(update)
        raise TimeoutError(f"task {task_id} is not final after {wait} s")

    async def get(self, task_id: str) -> Task:
        """A task with steps and payloads."""
        return Task.of((await self.call(self.stubs.tasks.GetTask, _requests.get_task(task_id), safe=True)).task)

    async def list(self, *, state: Sequence[str] | str = (), **conditions: Any) -> AsyncIterator[Task]:
        """Tasks, newest first, over all pages; see `Client.list`."""
        request = _requests.list_tasks(state=state, **conditions)
        while True:
            page = await self.call(self.stubs.tasks.ListTasks, request, safe=True)
            for task in page.tasks:
                yield Task.of(task)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def watch(
        self, task_id: str, *, after: int = 0, wait: float | None = None
    ) -> AsyncIterator[Task | Transition]:
        """A task as it is, its transitions, the task as it ended; see `Client.watch`."""
        watch = Watch(task_id, after, wait)
        while not watch.is_over():
            stream: Any = self.stubs.tasks.WatchTask(watch.request(), timeout=watch.left())
            try:
                async for message in stream:
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
            await asyncio.sleep(pause)

    async def cancel(self, task_id: str, *, reason: str = "", requested_by: str = "") -> Task:
        """Cancels a task. Cancelling a cancelled one changes nothing."""
        request = _requests.cancel_task(task_id, reason, requested_by)
        return Task.of((await self.call(self.stubs.tasks.CancelTask, request, safe=True)).task)

    async def retry(self, task_id: str, *, attempts: int = 1, reason: str = "", requested_by: str = "") -> Task:
        """Gives a failed task another round; see `Client.retry`."""
        request = _requests.retry_task(task_id, attempts, reason, requested_by, str(uuid.uuid4()))
        return Task.of((await self.call(self.stubs.tasks.RetryTask, request, safe=True)).task)

    async def update(
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
        return Task.of((await self.call(self.stubs.tasks.UpdateTask, request, safe=True)).task)

    async def resolve_step(self, step_id: str, results: Any = None, *, reason: str = "", requested_by: str = "") -> Step:
        """Declares a pending or failed step done, with results for its children."""
        request = _requests.resolve_step(step_id, results, reason, requested_by, str(uuid.uuid4()))
        return Step.of((await self.call(self.stubs.steps.ResolveStep, request, safe=True)).step)

    async def retry_step(self, step_id: str, *, reason: str = "", requested_by: str = "") -> Step:
        """Tries a failed step again now."""
        request = _requests.retry_step(step_id, reason, requested_by, str(uuid.uuid4()))
        return Step.of((await self.call(self.stubs.steps.RetryStep, request, safe=True)).step)

    async def handlers(self, namespace: str = "", *, page_size: int = 100) -> AsyncIterator[handler_pb2.HandlerSummary]:
        """The registered handlers, over all pages."""
        request = _requests.list_handlers(namespace, page_size)
        while True:
            page = await self.call(self.stubs.handlers.ListHandlers, request, safe=True)
            for handler in page.handlers:
                yield handler
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def explain(self, task_id: str) -> explain_pb2.TaskExplanation:
        """Why a task does not move: the blockers of its steps, and what would remove them."""
        return (await self.call(self.stubs.explain.ExplainTask, _requests.explain_task(task_id), safe=True)).task
