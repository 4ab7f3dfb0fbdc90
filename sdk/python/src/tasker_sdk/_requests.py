"""Requests from native values; shared by the blocking client and the asynchronous one."""

from __future__ import annotations

import datetime
from typing import Any, Iterable, Sequence

from google.protobuf import field_mask_pb2, timestamp_pb2

from . import _json
from ._convert import to_json_value
from ._gen.tasker.v1 import (
    explain_service_pb2,
    handler_ref_pb2,
    handler_service_pb2,
    state_pb2,
    step_service_pb2,
    task_pb2,
    task_service_pb2,
)
from .errors import SetupError


def json_text(value: Any) -> str:
    """The JSON text of a native value. Raises JsonError."""
    return _json.dumps(to_json_value(value))


def timestamp(time: datetime.datetime | None) -> timestamp_pb2.Timestamp | None:
    """A time of the contract; a naive one is taken as UTC."""
    if time is None:
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=datetime.timezone.utc)
    result = timestamp_pb2.Timestamp()
    result.FromDatetime(time)
    return result


def handler_ref(handler: str, namespace: str | None, version: str | None) -> handler_ref_pb2.HandlerRef:
    """`name`, `namespace.name` or `namespace.name@version`; the arguments go before what the text says."""
    name, _, in_text = handler.partition("@")
    space, dot, bare = name.rpartition(".")
    if namespace is not None:
        space, bare = namespace, name
    elif not dot:
        space, bare = "", name
    if not bare:
        raise SetupError("a handler needs a name")
    return handler_ref_pb2.HandlerRef(namespace=space, name=bare, version=version or in_text)


def new_task(
    handler: str,
    context: Any,
    *,
    namespace: str | None = None,
    version: str | None = None,
    idempotency_key: str = "",
    correlation_id: str = "",
    tags: Iterable[str] = (),
    bypass_steps: Iterable[str] = (),
    deadline: datetime.datetime | None = None,
    initiator: str = "",
    source_system: str = "",
    reason: str = "",
) -> task_service_pb2.NewTask:
    """A task to be created."""
    return task_service_pb2.NewTask(
        handler=handler_ref(handler, namespace, version),
        context_json=json_text(context),
        idempotency_key=idempotency_key,
        correlation_id=correlation_id,
        tags=list(tags),
        bypass_steps=list(bypass_steps),
        deadline_time=timestamp(deadline),
        initiator=initiator,
        source_system=source_system,
        reason=reason,
    )


def states(given: Iterable[str]) -> list[state_pb2.State]:
    """States by their names, such as `in_progress`."""
    result: list[state_pb2.State] = []
    for name in given:
        try:
            result.append(state_pb2.State.Value(f"STATE_{name.upper()}"))
        except ValueError:
            raise SetupError(f"{name} is no state") from None
    return result


def list_tasks(
    *,
    namespace: str = "",
    handler: str = "",
    version: str = "",
    state: Sequence[str] | str = (),
    tags: Iterable[str] = (),
    initiator: str = "",
    source_system: str = "",
    correlation_id: str = "",
    page_size: int = 100,
) -> task_service_pb2.ListTasksRequest:
    """A page of tasks."""
    return task_service_pb2.ListTasksRequest(
        filter=task_service_pb2.TaskFilter(
            namespace=namespace,
            handler=handler,
            version=version,
            states=states([state] if isinstance(state, str) else state),
            tags=list(tags),
            initiator=initiator,
            source_system=source_system,
            correlation_id=correlation_id,
        ),
        page_size=page_size,
    )


def get_task(task_id: str) -> task_service_pb2.GetTaskRequest:
    """A task with everything."""
    return task_service_pb2.GetTaskRequest(task_id=task_id, view=task_pb2.TASK_VIEW_FULL)


def watch_task(task_id: str, after: int) -> task_service_pb2.WatchTaskRequest:
    """The moves of a task."""
    return task_service_pb2.WatchTaskRequest(task_id=task_id, after_sequence=after, view=task_pb2.TASK_VIEW_FULL)


def cancel_task(task_id: str, reason: str, requested_by: str) -> task_service_pb2.CancelTaskRequest:
    """The end of a task."""
    return task_service_pb2.CancelTaskRequest(task_id=task_id, reason=reason, requested_by=requested_by)


def retry_task(
    task_id: str, attempts: int, reason: str, requested_by: str, request_id: str
) -> task_service_pb2.RetryTaskRequest:
    """Another round for a failed task."""
    return task_service_pb2.RetryTaskRequest(
        task_id=task_id,
        additional_attempts=attempts,
        reason=reason,
        requested_by=requested_by,
        request_id=request_id,
    )


def update_task(
    task_id: str,
    *,
    task_reason: str | None,
    tags: Iterable[str] | None,
    deadline: datetime.datetime | None,
    reason: str,
    requested_by: str,
) -> task_service_pb2.UpdateTaskRequest:
    """New values for fields of a task; None leaves a field alone."""
    task = task_pb2.Task(task_id=task_id)
    paths: list[str] = []
    if task_reason is not None:
        task.reason = task_reason
        paths.append("reason")
    if tags is not None:
        task.tags.extend(tags)
        paths.append("tags")
    if (time := timestamp(deadline)) is not None:
        task.deadline_time.CopyFrom(time)
        paths.append("deadline_time")
    return task_service_pb2.UpdateTaskRequest(
        task=task, update_mask=field_mask_pb2.FieldMask(paths=paths), reason=reason, requested_by=requested_by
    )


def resolve_step(
    step_id: str, results: Any, reason: str, requested_by: str, request_id: str
) -> step_service_pb2.ResolveStepRequest:
    """A step declared done."""
    return step_service_pb2.ResolveStepRequest(
        step_id=step_id,
        results_json="" if results is None else json_text(results),
        reason=reason,
        requested_by=requested_by,
        request_id=request_id,
    )


def retry_step(step_id: str, reason: str, requested_by: str, request_id: str) -> step_service_pb2.RetryStepRequest:
    """Another attempt for a failed step."""
    return step_service_pb2.RetryStepRequest(
        step_id=step_id, reason=reason, requested_by=requested_by, request_id=request_id
    )


def list_handlers(namespace: str, page_size: int) -> handler_service_pb2.ListHandlersRequest:
    """A page of handlers."""
    return handler_service_pb2.ListHandlersRequest(namespace=namespace, page_size=page_size)


def explain_task(task_id: str) -> explain_service_pb2.ExplainTaskRequest:
    """Why a task does not move."""
    return explain_service_pb2.ExplainTaskRequest(task_id=task_id)
