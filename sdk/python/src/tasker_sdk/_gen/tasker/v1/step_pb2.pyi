from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tasker_sdk._gen.tasker.v1 import state_pb2 as _state_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Step(_message.Message):
    __slots__ = ("step_id", "task_id", "name", "step_handler", "dependent_system", "state", "attempts", "retry_limit", "retryable", "skippable", "bypassed", "complete_time", "last_attempt_time", "backoff", "retry_time", "inputs_json", "results_json", "parent_step_ids", "child_step_ids", "sibling_step_ids", "readiness", "failure", "lease")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STEP_HANDLER_FIELD_NUMBER: _ClassVar[int]
    DEPENDENT_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    RETRY_LIMIT_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    SKIPPABLE_FIELD_NUMBER: _ClassVar[int]
    BYPASSED_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_FIELD_NUMBER: _ClassVar[int]
    RETRY_TIME_FIELD_NUMBER: _ClassVar[int]
    INPUTS_JSON_FIELD_NUMBER: _ClassVar[int]
    RESULTS_JSON_FIELD_NUMBER: _ClassVar[int]
    PARENT_STEP_IDS_FIELD_NUMBER: _ClassVar[int]
    CHILD_STEP_IDS_FIELD_NUMBER: _ClassVar[int]
    SIBLING_STEP_IDS_FIELD_NUMBER: _ClassVar[int]
    READINESS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    task_id: str
    name: str
    step_handler: str
    dependent_system: str
    state: _state_pb2.State
    attempts: int
    retry_limit: int
    retryable: bool
    skippable: bool
    bypassed: bool
    complete_time: _timestamp_pb2.Timestamp
    last_attempt_time: _timestamp_pb2.Timestamp
    backoff: _duration_pb2.Duration
    retry_time: _timestamp_pb2.Timestamp
    inputs_json: str
    results_json: str
    parent_step_ids: _containers.RepeatedScalarFieldContainer[str]
    child_step_ids: _containers.RepeatedScalarFieldContainer[str]
    sibling_step_ids: _containers.RepeatedScalarFieldContainer[str]
    readiness: StepReadiness
    failure: StepFailure
    lease: StepLease
    def __init__(self, step_id: _Optional[str] = ..., task_id: _Optional[str] = ..., name: _Optional[str] = ..., step_handler: _Optional[str] = ..., dependent_system: _Optional[str] = ..., state: _Optional[_Union[_state_pb2.State, str]] = ..., attempts: _Optional[int] = ..., retry_limit: _Optional[int] = ..., retryable: bool = ..., skippable: bool = ..., bypassed: bool = ..., complete_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_attempt_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., backoff: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., retry_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., inputs_json: _Optional[str] = ..., results_json: _Optional[str] = ..., parent_step_ids: _Optional[_Iterable[str]] = ..., child_step_ids: _Optional[_Iterable[str]] = ..., sibling_step_ids: _Optional[_Iterable[str]] = ..., readiness: _Optional[_Union[StepReadiness, _Mapping]] = ..., failure: _Optional[_Union[StepFailure, _Mapping]] = ..., lease: _Optional[_Union[StepLease, _Mapping]] = ...) -> None: ...

class StepReadiness(_message.Message):
    __slots__ = ("dependencies_satisfied", "retry_eligible", "ready_for_execution", "total_parents", "completed_parents", "permanently_blocked")
    DEPENDENCIES_SATISFIED_FIELD_NUMBER: _ClassVar[int]
    RETRY_ELIGIBLE_FIELD_NUMBER: _ClassVar[int]
    READY_FOR_EXECUTION_FIELD_NUMBER: _ClassVar[int]
    TOTAL_PARENTS_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_PARENTS_FIELD_NUMBER: _ClassVar[int]
    PERMANENTLY_BLOCKED_FIELD_NUMBER: _ClassVar[int]
    dependencies_satisfied: bool
    retry_eligible: bool
    ready_for_execution: bool
    total_parents: int
    completed_parents: int
    permanently_blocked: bool
    def __init__(self, dependencies_satisfied: bool = ..., retry_eligible: bool = ..., ready_for_execution: bool = ..., total_parents: _Optional[int] = ..., completed_parents: _Optional[int] = ..., permanently_blocked: bool = ...) -> None: ...

class StepFailure(_message.Message):
    __slots__ = ("error_class", "message", "backtrace", "permanent", "error_code", "fail_time", "context_json")
    ERROR_CLASS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    BACKTRACE_FIELD_NUMBER: _ClassVar[int]
    PERMANENT_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    FAIL_TIME_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_JSON_FIELD_NUMBER: _ClassVar[int]
    error_class: str
    message: str
    backtrace: str
    permanent: bool
    error_code: str
    fail_time: _timestamp_pb2.Timestamp
    context_json: str
    def __init__(self, error_class: _Optional[str] = ..., message: _Optional[str] = ..., backtrace: _Optional[str] = ..., permanent: bool = ..., error_code: _Optional[str] = ..., fail_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., context_json: _Optional[str] = ...) -> None: ...

class StepLease(_message.Message):
    __slots__ = ("lease_token", "worker_id", "session_id", "claim_time", "expire_time", "deadline_time", "percent", "note")
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CLAIM_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_TIME_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    lease_token: int
    worker_id: str
    session_id: str
    claim_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    deadline_time: _timestamp_pb2.Timestamp
    percent: float
    note: str
    def __init__(self, lease_token: _Optional[int] = ..., worker_id: _Optional[str] = ..., session_id: _Optional[str] = ..., claim_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., deadline_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., percent: _Optional[float] = ..., note: _Optional[str] = ...) -> None: ...
