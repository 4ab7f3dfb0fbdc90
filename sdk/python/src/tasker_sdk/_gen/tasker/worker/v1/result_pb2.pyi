from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReleaseReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RELEASE_REASON_UNSPECIFIED: _ClassVar[ReleaseReason]
    RELEASE_REASON_WORKER_DRAINING: _ClassVar[ReleaseReason]
    RELEASE_REASON_NOT_SUPPORTED: _ClassVar[ReleaseReason]

class AckOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACK_OUTCOME_UNSPECIFIED: _ClassVar[AckOutcome]
    ACK_OUTCOME_ACCEPTED: _ClassVar[AckOutcome]
    ACK_OUTCOME_STALE: _ClassVar[AckOutcome]
    ACK_OUTCOME_INVALID: _ClassVar[AckOutcome]
    ACK_OUTCOME_RETRY: _ClassVar[AckOutcome]
RELEASE_REASON_UNSPECIFIED: ReleaseReason
RELEASE_REASON_WORKER_DRAINING: ReleaseReason
RELEASE_REASON_NOT_SUPPORTED: ReleaseReason
ACK_OUTCOME_UNSPECIFIED: AckOutcome
ACK_OUTCOME_ACCEPTED: AckOutcome
ACK_OUTCOME_STALE: AckOutcome
ACK_OUTCOME_INVALID: AckOutcome
ACK_OUTCOME_RETRY: AckOutcome

class StepResult(_message.Message):
    __slots__ = ("step_id", "lease_token", "success", "failure", "release", "traceparent")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    lease_token: int
    success: Success
    failure: Failure
    release: Release
    traceparent: str
    def __init__(self, step_id: _Optional[str] = ..., lease_token: _Optional[int] = ..., success: _Optional[_Union[Success, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., release: _Optional[_Union[Release, _Mapping]] = ..., traceparent: _Optional[str] = ...) -> None: ...

class Success(_message.Message):
    __slots__ = ("results_json",)
    RESULTS_JSON_FIELD_NUMBER: _ClassVar[int]
    results_json: str
    def __init__(self, results_json: _Optional[str] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("error_class", "message", "backtrace", "permanent", "error_code", "retry_after", "context_json")
    ERROR_CLASS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    BACKTRACE_FIELD_NUMBER: _ClassVar[int]
    PERMANENT_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_JSON_FIELD_NUMBER: _ClassVar[int]
    error_class: str
    message: str
    backtrace: str
    permanent: bool
    error_code: str
    retry_after: _duration_pb2.Duration
    context_json: str
    def __init__(self, error_class: _Optional[str] = ..., message: _Optional[str] = ..., backtrace: _Optional[str] = ..., permanent: bool = ..., error_code: _Optional[str] = ..., retry_after: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., context_json: _Optional[str] = ...) -> None: ...

class Release(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: ReleaseReason
    def __init__(self, reason: _Optional[_Union[ReleaseReason, str]] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("step_id", "lease_token", "outcome", "message")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    lease_token: int
    outcome: AckOutcome
    message: str
    def __init__(self, step_id: _Optional[str] = ..., lease_token: _Optional[int] = ..., outcome: _Optional[_Union[AckOutcome, str]] = ..., message: _Optional[str] = ...) -> None: ...
