"""Errors that programs branch on: by class and reason, never by text."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping

import grpc
from google.rpc import error_details_pb2, status_pb2

from ._time import seconds

DOMAIN = "tasker.v1"
"""The domain of the reasons that tasker gives."""


class TaskerError(Exception):
    """The base of every error of this package."""


class SetupError(TaskerError):
    """The client or the worker was set up wrongly."""


@dataclasses.dataclass(frozen=True)
class Violation:
    """One bad field of a request."""

    field: str
    description: str


class TransportError(TaskerError):
    """The call did not get through, or its answer did not come back."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(f"{message} ({code.name})")
        self.code = code
        self.message = message


class RefusedError(TaskerError):
    """The server refused the call and says why.

    `reason` is the stable name, such as `TASK_NOT_FOUND`; `metadata` has what the reason documents and the
    `correlation_id` that finds the call in the server's log; `violations` has every bad field; `retry_after` is
    how many seconds to wait before repeating the call helps, None when repeating is pointless.
    """

    def __init__(
        self,
        reason: str,
        code: grpc.StatusCode,
        message: str,
        metadata: Mapping[str, str],
        violations: tuple[Violation, ...],
        retry_after: float | None,
    ) -> None:
        super().__init__(f"{message} ({reason})")
        self.reason = reason
        self.code = code
        self.message = message
        self.metadata = dict(metadata)
        self.violations = violations
        self.retry_after = retry_after

    @property
    def is_retryable(self) -> bool:
        """Whether repeating the call is safe and can help."""
        return self.retry_after is not None


class TaskFailedError(TaskerError):
    """A task that was waited for did not complete. `task` is the task as it ended."""

    def __init__(self, task: Any, message: str) -> None:
        super().__init__(message)
        self.task = task


_CODES = {code.value[0]: code for code in grpc.StatusCode}


def from_status(status: status_pb2.Status) -> TaskerError:
    """The error of a `google.rpc.Status`, as batches carry it."""
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    info: error_details_pb2.ErrorInfo | None = None
    violations: list[Violation] = []
    retry_after: float | None = None
    for detail in status.details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            candidate = error_details_pb2.ErrorInfo()
            detail.Unpack(candidate)
            info = candidate
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad = error_details_pb2.BadRequest()
            detail.Unpack(bad)
            violations.extend(Violation(entry.field, entry.description) for entry in bad.field_violations)
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo()
            detail.Unpack(retry)
            retry_after = seconds(retry.retry_delay)
    if info is None or info.domain != DOMAIN:
        return TransportError(code, status.message)
    return RefusedError(info.reason, code, status.message, info.metadata, tuple(violations), retry_after)


def from_call(error: Any) -> TaskerError:
    """The error of a failed call: of any `grpc.RpcError` or `grpc.aio.AioRpcError`."""
    code = error.code() if callable(getattr(error, "code", None)) else grpc.StatusCode.UNKNOWN
    text = error.details() if callable(getattr(error, "details", None)) else str(error)
    trailing = error.trailing_metadata() if callable(getattr(error, "trailing_metadata", None)) else None
    for key, value in trailing or ():
        if key == "grpc-status-details-bin":
            status = status_pb2.Status()
            try:
                status.ParseFromString(value)
            except Exception:  # Foreign details that do not decode leave the plain status.
                break
            return from_status(status)
    return TransportError(code, text or "")


class StepError(Exception):
    """What a step handler raises to say how its attempt failed. Use RetryableError or PermanentError.

    `code` is a short code of yours, `details` a JSON object; `retry_after` is in seconds.
    """

    permanent = False

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        details: Mapping[str, Any] | None = None,
        error_class: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.details = dict(details) if details is not None else None
        self.error_class = error_class
        self.retry_after: float | None = None


class RetryableError(StepError):
    """The attempt failed; the step is tried again while attempts are left, after `retry_after` seconds if given."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        code: str = "",
        details: Mapping[str, Any] | None = None,
        error_class: str | None = None,
    ) -> None:
        super().__init__(message, code=code, details=details, error_class=error_class)
        self.retry_after = retry_after


class PermanentError(StepError):
    """The step failed for good; it is not tried again."""

    permanent = True


class StepCancelled(Exception):
    """The attempt was told to stop. `reason` is `cancelled`, `timed_out`, `lease_lost` or `draining`."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the attempt was stopped: {reason}")
        self.reason = reason
