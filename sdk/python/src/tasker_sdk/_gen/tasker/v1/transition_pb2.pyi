from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tasker_sdk._gen.tasker.v1 import state_pb2 as _state_pb2
from tasker_sdk._gen.tasker.v1 import step_pb2 as _step_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Transition(_message.Message):
    __slots__ = ("task_id", "sequence", "step_id", "step_name", "from_state", "to_state", "attempt", "transition_time", "event", "created", "advanced", "waiting", "finalized", "deadline_exceeded", "claimed", "completed", "failed", "bypassed", "manual", "handed_back")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_NAME_FIELD_NUMBER: _ClassVar[int]
    FROM_STATE_FIELD_NUMBER: _ClassVar[int]
    TO_STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    TRANSITION_TIME_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    ADVANCED_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    FINALIZED_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_EXCEEDED_FIELD_NUMBER: _ClassVar[int]
    CLAIMED_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    BYPASSED_FIELD_NUMBER: _ClassVar[int]
    MANUAL_FIELD_NUMBER: _ClassVar[int]
    HANDED_BACK_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    sequence: int
    step_id: str
    step_name: str
    from_state: _state_pb2.State
    to_state: _state_pb2.State
    attempt: int
    transition_time: _timestamp_pb2.Timestamp
    event: str
    created: TaskCreated
    advanced: Advanced
    waiting: TaskWaiting
    finalized: TaskFinalized
    deadline_exceeded: DeadlineExceeded
    claimed: StepClaimed
    completed: StepCompleted
    failed: StepFailed
    bypassed: StepBypassed
    manual: ManualOperation
    handed_back: StepHandedBack
    def __init__(self, task_id: _Optional[str] = ..., sequence: _Optional[int] = ..., step_id: _Optional[str] = ..., step_name: _Optional[str] = ..., from_state: _Optional[_Union[_state_pb2.State, str]] = ..., to_state: _Optional[_Union[_state_pb2.State, str]] = ..., attempt: _Optional[int] = ..., transition_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., event: _Optional[str] = ..., created: _Optional[_Union[TaskCreated, _Mapping]] = ..., advanced: _Optional[_Union[Advanced, _Mapping]] = ..., waiting: _Optional[_Union[TaskWaiting, _Mapping]] = ..., finalized: _Optional[_Union[TaskFinalized, _Mapping]] = ..., deadline_exceeded: _Optional[_Union[DeadlineExceeded, _Mapping]] = ..., claimed: _Optional[_Union[StepClaimed, _Mapping]] = ..., completed: _Optional[_Union[StepCompleted, _Mapping]] = ..., failed: _Optional[_Union[StepFailed, _Mapping]] = ..., bypassed: _Optional[_Union[StepBypassed, _Mapping]] = ..., manual: _Optional[_Union[ManualOperation, _Mapping]] = ..., handed_back: _Optional[_Union[StepHandedBack, _Mapping]] = ...) -> None: ...

class TaskCreated(_message.Message):
    __slots__ = ("subject",)
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    subject: str
    def __init__(self, subject: _Optional[str] = ...) -> None: ...

class Advanced(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TaskWaiting(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class TaskFinalized(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class DeadlineExceeded(_message.Message):
    __slots__ = ("deadline_time",)
    DEADLINE_TIME_FIELD_NUMBER: _ClassVar[int]
    deadline_time: _timestamp_pb2.Timestamp
    def __init__(self, deadline_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StepClaimed(_message.Message):
    __slots__ = ("worker_id", "session_id")
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    worker_id: str
    session_id: str
    def __init__(self, worker_id: _Optional[str] = ..., session_id: _Optional[str] = ...) -> None: ...

class StepCompleted(_message.Message):
    __slots__ = ("session_id", "run_duration")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_DURATION_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    run_duration: _duration_pb2.Duration
    def __init__(self, session_id: _Optional[str] = ..., run_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class StepFailed(_message.Message):
    __slots__ = ("failure", "retry_time", "session_id", "run_duration")
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    RETRY_TIME_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_DURATION_FIELD_NUMBER: _ClassVar[int]
    failure: _step_pb2.StepFailure
    retry_time: _timestamp_pb2.Timestamp
    session_id: str
    run_duration: _duration_pb2.Duration
    def __init__(self, failure: _Optional[_Union[_step_pb2.StepFailure, _Mapping]] = ..., retry_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., session_id: _Optional[str] = ..., run_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class StepHandedBack(_message.Message):
    __slots__ = ("reason", "session_id")
    class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        REASON_UNSPECIFIED: _ClassVar[StepHandedBack.Reason]
        REASON_WORKER_DRAINING: _ClassVar[StepHandedBack.Reason]
        REASON_NOT_SUPPORTED: _ClassVar[StepHandedBack.Reason]
        REASON_NOT_RECEIVED: _ClassVar[StepHandedBack.Reason]
    REASON_UNSPECIFIED: StepHandedBack.Reason
    REASON_WORKER_DRAINING: StepHandedBack.Reason
    REASON_NOT_SUPPORTED: StepHandedBack.Reason
    REASON_NOT_RECEIVED: StepHandedBack.Reason
    REASON_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    reason: StepHandedBack.Reason
    session_id: str
    def __init__(self, reason: _Optional[_Union[StepHandedBack.Reason, str]] = ..., session_id: _Optional[str] = ...) -> None: ...

class StepBypassed(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ManualOperation(_message.Message):
    __slots__ = ("operation", "subject", "requested_by", "reason", "request_id")
    class Operation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OPERATION_UNSPECIFIED: _ClassVar[ManualOperation.Operation]
        OPERATION_CANCEL_TASK: _ClassVar[ManualOperation.Operation]
        OPERATION_RETRY_TASK: _ClassVar[ManualOperation.Operation]
        OPERATION_UPDATE_TASK: _ClassVar[ManualOperation.Operation]
        OPERATION_CANCEL_STEP: _ClassVar[ManualOperation.Operation]
        OPERATION_RETRY_STEP: _ClassVar[ManualOperation.Operation]
        OPERATION_RESOLVE_STEP: _ClassVar[ManualOperation.Operation]
        OPERATION_UPDATE_STEP: _ClassVar[ManualOperation.Operation]
    OPERATION_UNSPECIFIED: ManualOperation.Operation
    OPERATION_CANCEL_TASK: ManualOperation.Operation
    OPERATION_RETRY_TASK: ManualOperation.Operation
    OPERATION_UPDATE_TASK: ManualOperation.Operation
    OPERATION_CANCEL_STEP: ManualOperation.Operation
    OPERATION_RETRY_STEP: ManualOperation.Operation
    OPERATION_RESOLVE_STEP: ManualOperation.Operation
    OPERATION_UPDATE_STEP: ManualOperation.Operation
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    operation: ManualOperation.Operation
    subject: str
    requested_by: str
    reason: str
    request_id: str
    def __init__(self, operation: _Optional[_Union[ManualOperation.Operation, str]] = ..., subject: _Optional[str] = ..., requested_by: _Optional[str] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...
