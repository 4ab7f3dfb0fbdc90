"""Results as the contract has them, from what a handler returned or raised. Nothing made here can break a stream."""

from __future__ import annotations

import traceback
from typing import Any

from google.protobuf import duration_pb2

from .. import _json
from .._convert import to_json_value
from .._gen.tasker.worker.v1 import result_pb2
from ..errors import StepError

MESSAGE_CHARACTERS_MAX = 4_096
CLASS_CHARACTERS_MAX = 255
BACKTRACE_BYTES_MAX = 16 * 1_024
PAYLOAD_BYTES_MAX = 1 << 20
"""Until the server has said its own limit."""


def success(value: Any, bytes_max: int) -> result_pb2.StepResult:
    """A result, or the permanent failure of one that cannot travel."""
    try:
        text = _json.dumps(to_json_value(value))
    except (_json.JsonError, TypeError, RecursionError) as error:
        return failure(result_pb2.Failure(error_class="InvalidResult", message=str(error), permanent=True))
    size = len(text.encode("utf-8"))
    if size > bytes_max:
        message = f"the result has {size} bytes, more than {bytes_max}"
        return failure(result_pb2.Failure(error_class="ResultTooLarge", message=message, permanent=True))
    return result_pb2.StepResult(success=result_pb2.Success(results_json=text))


def nothing() -> result_pb2.StepResult:
    """The result of a handler that returns nothing."""
    return result_pb2.StepResult(success=result_pb2.Success())


def failure(of: result_pb2.Failure) -> result_pb2.StepResult:
    """A failed attempt."""
    return result_pb2.StepResult(failure=of)


def release(reason: "result_pb2.ReleaseReason") -> result_pb2.StepResult:
    """An attempt that is handed back."""
    return result_pb2.StepResult(release=result_pb2.Release(reason=reason))


def raised(error: BaseException, bytes_max: int) -> result_pb2.StepResult:
    """A failure from whatever a handler raised."""
    result = result_pb2.Failure(
        error_class=_json.clean(_class_of(error), CLASS_CHARACTERS_MAX),
        message=_json.clean(str(error) or type(error).__name__, MESSAGE_CHARACTERS_MAX),
        backtrace=_cut(_json.clean("".join(_frames(error)), BACKTRACE_BYTES_MAX)),
    )
    if isinstance(error, StepError):
        result.permanent = error.permanent
        result.error_code = _json.clean(error.code, CLASS_CHARACTERS_MAX)
        if error.retry_after is not None and error.retry_after >= 0:
            seconds, rest = divmod(float(error.retry_after), 1)
            result.retry_after.CopyFrom(duration_pb2.Duration(seconds=int(seconds), nanos=int(rest * 1e9)))
        if error.details is not None:
            _add_details(result, error.details, bytes_max)
    return failure(result)


def _add_details(result: result_pb2.Failure, details: dict[str, Any], bytes_max: int) -> None:
    try:
        text = _json.dumps(to_json_value(details))
    except (_json.JsonError, TypeError, RecursionError) as error:
        text = _json.dumps({"details_left_out": str(error)})
    if len(text.encode("utf-8")) > bytes_max:
        text = _json.dumps({"details_left_out": f"more than {bytes_max} bytes"})
    result.context_json = text


def _class_of(error: BaseException) -> str:
    if isinstance(error, StepError) and error.error_class:
        return error.error_class
    kind = type(error)
    return kind.__qualname__ if kind.__module__ in ("builtins", "tasker_sdk.errors") else f"{kind.__module__}.{kind.__qualname__}"


def _frames(error: BaseException) -> list[str]:
    # The frames above the handler are ours.
    inner = error.__traceback__
    while inner is not None and inner.tb_next is not None and __package__ in inner.tb_frame.f_globals.get("__name__", ""):
        inner = inner.tb_next
    return traceback.format_exception(type(error), error, inner)


def _cut(text: str) -> str:
    # The end of a stack says more than its beginning.
    data = text.encode("utf-8")
    return text if len(data) <= BACKTRACE_BYTES_MAX else data[-BACKTRACE_BYTES_MAX:].decode("utf-8", "ignore")
