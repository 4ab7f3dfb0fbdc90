from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class TaskCounts(_message.Message):
    __slots__ = ("total", "pending", "in_progress", "complete", "error", "cancelled", "resolved_manually")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    IN_PROGRESS_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_MANUALLY_FIELD_NUMBER: _ClassVar[int]
    total: int
    pending: int
    in_progress: int
    complete: int
    error: int
    cancelled: int
    resolved_manually: int
    def __init__(self, total: _Optional[int] = ..., pending: _Optional[int] = ..., in_progress: _Optional[int] = ..., complete: _Optional[int] = ..., error: _Optional[int] = ..., cancelled: _Optional[int] = ..., resolved_manually: _Optional[int] = ...) -> None: ...

class StepCounts(_message.Message):
    __slots__ = ("total", "pending", "in_progress", "complete", "error", "cancelled", "resolved_manually", "retryable_errors", "exhausted_retries", "in_backoff")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    IN_PROGRESS_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_MANUALLY_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_ERRORS_FIELD_NUMBER: _ClassVar[int]
    EXHAUSTED_RETRIES_FIELD_NUMBER: _ClassVar[int]
    IN_BACKOFF_FIELD_NUMBER: _ClassVar[int]
    total: int
    pending: int
    in_progress: int
    complete: int
    error: int
    cancelled: int
    resolved_manually: int
    retryable_errors: int
    exhausted_retries: int
    in_backoff: int
    def __init__(self, total: _Optional[int] = ..., pending: _Optional[int] = ..., in_progress: _Optional[int] = ..., complete: _Optional[int] = ..., error: _Optional[int] = ..., cancelled: _Optional[int] = ..., resolved_manually: _Optional[int] = ..., retryable_errors: _Optional[int] = ..., exhausted_retries: _Optional[int] = ..., in_backoff: _Optional[int] = ...) -> None: ...
