from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tasker_sdk._gen.tasker.v1 import handler_pb2 as _handler_pb2
from tasker_sdk._gen.tasker.v1 import handler_ref_pb2 as _handler_ref_pb2
from tasker_sdk._gen.tasker.v1 import state_pb2 as _state_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_MOVABLE: _ClassVar[Verdict]
    VERDICT_RUNNING: _ClassVar[Verdict]
    VERDICT_WAITING: _ClassVar[Verdict]
    VERDICT_STUCK: _ClassVar[Verdict]
    VERDICT_SETTLED: _ClassVar[Verdict]

class BlockedReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BLOCKED_REASON_UNSPECIFIED: _ClassVar[BlockedReason]
    BLOCKED_REASON_CANCELLED: _ClassVar[BlockedReason]
    BLOCKED_REASON_EXHAUSTED: _ClassVar[BlockedReason]
    BLOCKED_REASON_PERMANENT: _ClassVar[BlockedReason]
VERDICT_UNSPECIFIED: Verdict
VERDICT_MOVABLE: Verdict
VERDICT_RUNNING: Verdict
VERDICT_WAITING: Verdict
VERDICT_STUCK: Verdict
VERDICT_SETTLED: Verdict
BLOCKED_REASON_UNSPECIFIED: BlockedReason
BLOCKED_REASON_CANCELLED: BlockedReason
BLOCKED_REASON_EXHAUSTED: BlockedReason
BLOCKED_REASON_PERMANENT: BlockedReason

class StepExplanation(_message.Message):
    __slots__ = ("step_id", "name", "step_handler", "state", "attempts", "retry_limit", "verdict", "ready_time", "blockers")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STEP_HANDLER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    RETRY_LIMIT_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    READY_TIME_FIELD_NUMBER: _ClassVar[int]
    BLOCKERS_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    name: str
    step_handler: str
    state: _state_pb2.State
    attempts: int
    retry_limit: int
    verdict: Verdict
    ready_time: _timestamp_pb2.Timestamp
    blockers: _containers.RepeatedCompositeFieldContainer[Blocker]
    def __init__(self, step_id: _Optional[str] = ..., name: _Optional[str] = ..., step_handler: _Optional[str] = ..., state: _Optional[_Union[_state_pb2.State, str]] = ..., attempts: _Optional[int] = ..., retry_limit: _Optional[int] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., ready_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., blockers: _Optional[_Iterable[_Union[Blocker, _Mapping]]] = ...) -> None: ...

class TaskExplanation(_message.Message):
    __slots__ = ("task_id", "handler", "state", "state_reason", "verdict", "ready_time", "deadline_time", "blockers", "counts")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_REASON_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    READY_TIME_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_TIME_FIELD_NUMBER: _ClassVar[int]
    BLOCKERS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    handler: _handler_ref_pb2.HandlerRef
    state: _state_pb2.State
    state_reason: str
    verdict: Verdict
    ready_time: _timestamp_pb2.Timestamp
    deadline_time: _timestamp_pb2.Timestamp
    blockers: _containers.RepeatedCompositeFieldContainer[Blocker]
    counts: VerdictCounts
    def __init__(self, task_id: _Optional[str] = ..., handler: _Optional[_Union[_handler_ref_pb2.HandlerRef, _Mapping]] = ..., state: _Optional[_Union[_state_pb2.State, str]] = ..., state_reason: _Optional[str] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., ready_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., deadline_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., blockers: _Optional[_Iterable[_Union[Blocker, _Mapping]]] = ..., counts: _Optional[_Union[VerdictCounts, _Mapping]] = ...) -> None: ...

class StepGroup(_message.Message):
    __slots__ = ("root", "waiting", "waiting_count")
    ROOT_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    WAITING_COUNT_FIELD_NUMBER: _ClassVar[int]
    root: StepExplanation
    waiting: _containers.RepeatedCompositeFieldContainer[StepRef]
    waiting_count: int
    def __init__(self, root: _Optional[_Union[StepExplanation, _Mapping]] = ..., waiting: _Optional[_Iterable[_Union[StepRef, _Mapping]]] = ..., waiting_count: _Optional[int] = ...) -> None: ...

class BlockerGroup(_message.Message):
    __slots__ = ("handler", "step_name", "step_handler", "verdict", "blocker", "task_count", "step_count", "sample_task_ids")
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    STEP_NAME_FIELD_NUMBER: _ClassVar[int]
    STEP_HANDLER_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    BLOCKER_FIELD_NUMBER: _ClassVar[int]
    TASK_COUNT_FIELD_NUMBER: _ClassVar[int]
    STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_TASK_IDS_FIELD_NUMBER: _ClassVar[int]
    handler: _handler_ref_pb2.HandlerRef
    step_name: str
    step_handler: str
    verdict: Verdict
    blocker: Blocker
    task_count: int
    step_count: int
    sample_task_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, handler: _Optional[_Union[_handler_ref_pb2.HandlerRef, _Mapping]] = ..., step_name: _Optional[str] = ..., step_handler: _Optional[str] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., blocker: _Optional[_Union[Blocker, _Mapping]] = ..., task_count: _Optional[int] = ..., step_count: _Optional[int] = ..., sample_task_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class VerdictCounts(_message.Message):
    __slots__ = ("movable", "running", "waiting", "stuck", "settled")
    MOVABLE_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    STUCK_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    movable: int
    running: int
    waiting: int
    stuck: int
    settled: int
    def __init__(self, movable: _Optional[int] = ..., running: _Optional[int] = ..., waiting: _Optional[int] = ..., stuck: _Optional[int] = ..., settled: _Optional[int] = ...) -> None: ...

class Blocker(_message.Message):
    __slots__ = ("task_settled", "parents", "ancestor", "backoff", "exhausted", "permanent", "leased", "paused", "no_worker", "no_free_slot", "draining", "dispatch", "cancelled", "start_time", "summary", "remedies")
    class TaskSettled(_message.Message):
        __slots__ = ("state", "reason")
        STATE_FIELD_NUMBER: _ClassVar[int]
        REASON_FIELD_NUMBER: _ClassVar[int]
        state: _state_pb2.State
        reason: str
        def __init__(self, state: _Optional[_Union[_state_pb2.State, str]] = ..., reason: _Optional[str] = ...) -> None: ...
    class Parents(_message.Message):
        __slots__ = ("unsettled", "count")
        UNSETTLED_FIELD_NUMBER: _ClassVar[int]
        COUNT_FIELD_NUMBER: _ClassVar[int]
        unsettled: _containers.RepeatedCompositeFieldContainer[StepRef]
        count: int
        def __init__(self, unsettled: _Optional[_Iterable[_Union[StepRef, _Mapping]]] = ..., count: _Optional[int] = ...) -> None: ...
    class Ancestor(_message.Message):
        __slots__ = ("step", "reason", "failure")
        STEP_FIELD_NUMBER: _ClassVar[int]
        REASON_FIELD_NUMBER: _ClassVar[int]
        FAILURE_FIELD_NUMBER: _ClassVar[int]
        step: StepRef
        reason: BlockedReason
        failure: FailedAttempt
        def __init__(self, step: _Optional[_Union[StepRef, _Mapping]] = ..., reason: _Optional[_Union[BlockedReason, str]] = ..., failure: _Optional[_Union[FailedAttempt, _Mapping]] = ...) -> None: ...
    class Backoff(_message.Message):
        __slots__ = ("retry_time", "failure")
        RETRY_TIME_FIELD_NUMBER: _ClassVar[int]
        FAILURE_FIELD_NUMBER: _ClassVar[int]
        retry_time: _timestamp_pb2.Timestamp
        failure: FailedAttempt
        def __init__(self, retry_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., failure: _Optional[_Union[FailedAttempt, _Mapping]] = ...) -> None: ...
    class Exhausted(_message.Message):
        __slots__ = ("attempts", "retry_limit", "failure")
        ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
        RETRY_LIMIT_FIELD_NUMBER: _ClassVar[int]
        FAILURE_FIELD_NUMBER: _ClassVar[int]
        attempts: int
        retry_limit: int
        failure: FailedAttempt
        def __init__(self, attempts: _Optional[int] = ..., retry_limit: _Optional[int] = ..., failure: _Optional[_Union[FailedAttempt, _Mapping]] = ...) -> None: ...
    class Permanent(_message.Message):
        __slots__ = ("retryable", "failure")
        RETRYABLE_FIELD_NUMBER: _ClassVar[int]
        FAILURE_FIELD_NUMBER: _ClassVar[int]
        retryable: bool
        failure: FailedAttempt
        def __init__(self, retryable: bool = ..., failure: _Optional[_Union[FailedAttempt, _Mapping]] = ...) -> None: ...
    class Leased(_message.Message):
        __slots__ = ("lease_token", "worker_id", "session_id", "expire_time", "deadline_time", "overdue", "percent", "note")
        LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
        WORKER_ID_FIELD_NUMBER: _ClassVar[int]
        SESSION_ID_FIELD_NUMBER: _ClassVar[int]
        EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
        DEADLINE_TIME_FIELD_NUMBER: _ClassVar[int]
        OVERDUE_FIELD_NUMBER: _ClassVar[int]
        PERCENT_FIELD_NUMBER: _ClassVar[int]
        NOTE_FIELD_NUMBER: _ClassVar[int]
        lease_token: int
        worker_id: str
        session_id: str
        expire_time: _timestamp_pb2.Timestamp
        deadline_time: _timestamp_pb2.Timestamp
        overdue: bool
        percent: float
        note: str
        def __init__(self, lease_token: _Optional[int] = ..., worker_id: _Optional[str] = ..., session_id: _Optional[str] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., deadline_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., overdue: bool = ..., percent: _Optional[float] = ..., note: _Optional[str] = ...) -> None: ...
    class NoWorker(_message.Message):
        __slots__ = ("namespace", "step_handler", "away")
        NAMESPACE_FIELD_NUMBER: _ClassVar[int]
        STEP_HANDLER_FIELD_NUMBER: _ClassVar[int]
        AWAY_FIELD_NUMBER: _ClassVar[int]
        namespace: str
        step_handler: str
        away: _containers.RepeatedCompositeFieldContainer[WorkerSlots]
        def __init__(self, namespace: _Optional[str] = ..., step_handler: _Optional[str] = ..., away: _Optional[_Iterable[_Union[WorkerSlots, _Mapping]]] = ...) -> None: ...
    class NoFreeSlot(_message.Message):
        __slots__ = ("holders", "count")
        HOLDERS_FIELD_NUMBER: _ClassVar[int]
        COUNT_FIELD_NUMBER: _ClassVar[int]
        holders: _containers.RepeatedCompositeFieldContainer[WorkerSlots]
        count: int
        def __init__(self, holders: _Optional[_Iterable[_Union[WorkerSlots, _Mapping]]] = ..., count: _Optional[int] = ...) -> None: ...
    class Draining(_message.Message):
        __slots__ = ("workers",)
        WORKERS_FIELD_NUMBER: _ClassVar[int]
        workers: _containers.RepeatedCompositeFieldContainer[WorkerSlots]
        def __init__(self, workers: _Optional[_Iterable[_Union[WorkerSlots, _Mapping]]] = ...) -> None: ...
    class Dispatch(_message.Message):
        __slots__ = ("free_slots",)
        FREE_SLOTS_FIELD_NUMBER: _ClassVar[int]
        free_slots: int
        def __init__(self, free_slots: _Optional[int] = ...) -> None: ...
    class Cancelled(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    TASK_SETTLED_FIELD_NUMBER: _ClassVar[int]
    PARENTS_FIELD_NUMBER: _ClassVar[int]
    ANCESTOR_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_FIELD_NUMBER: _ClassVar[int]
    EXHAUSTED_FIELD_NUMBER: _ClassVar[int]
    PERMANENT_FIELD_NUMBER: _ClassVar[int]
    LEASED_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    NO_WORKER_FIELD_NUMBER: _ClassVar[int]
    NO_FREE_SLOT_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    DISPATCH_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    REMEDIES_FIELD_NUMBER: _ClassVar[int]
    task_settled: Blocker.TaskSettled
    parents: Blocker.Parents
    ancestor: Blocker.Ancestor
    backoff: Blocker.Backoff
    exhausted: Blocker.Exhausted
    permanent: Blocker.Permanent
    leased: Blocker.Leased
    paused: _handler_pb2.HandlerPause
    no_worker: Blocker.NoWorker
    no_free_slot: Blocker.NoFreeSlot
    draining: Blocker.Draining
    dispatch: Blocker.Dispatch
    cancelled: Blocker.Cancelled
    start_time: _timestamp_pb2.Timestamp
    summary: str
    remedies: _containers.RepeatedCompositeFieldContainer[Remedy]
    def __init__(self, task_settled: _Optional[_Union[Blocker.TaskSettled, _Mapping]] = ..., parents: _Optional[_Union[Blocker.Parents, _Mapping]] = ..., ancestor: _Optional[_Union[Blocker.Ancestor, _Mapping]] = ..., backoff: _Optional[_Union[Blocker.Backoff, _Mapping]] = ..., exhausted: _Optional[_Union[Blocker.Exhausted, _Mapping]] = ..., permanent: _Optional[_Union[Blocker.Permanent, _Mapping]] = ..., leased: _Optional[_Union[Blocker.Leased, _Mapping]] = ..., paused: _Optional[_Union[_handler_pb2.HandlerPause, _Mapping]] = ..., no_worker: _Optional[_Union[Blocker.NoWorker, _Mapping]] = ..., no_free_slot: _Optional[_Union[Blocker.NoFreeSlot, _Mapping]] = ..., draining: _Optional[_Union[Blocker.Draining, _Mapping]] = ..., dispatch: _Optional[_Union[Blocker.Dispatch, _Mapping]] = ..., cancelled: _Optional[_Union[Blocker.Cancelled, _Mapping]] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., summary: _Optional[str] = ..., remedies: _Optional[_Iterable[_Union[Remedy, _Mapping]]] = ...) -> None: ...

class StepRef(_message.Message):
    __slots__ = ("step_id", "name", "state")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    name: str
    state: _state_pb2.State
    def __init__(self, step_id: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[_Union[_state_pb2.State, str]] = ...) -> None: ...

class FailedAttempt(_message.Message):
    __slots__ = ("attempt", "error_class", "message", "fail_time")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    ERROR_CLASS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FAIL_TIME_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    error_class: str
    message: str
    fail_time: _timestamp_pb2.Timestamp
    def __init__(self, attempt: _Optional[int] = ..., error_class: _Optional[str] = ..., message: _Optional[str] = ..., fail_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class WorkerSlots(_message.Message):
    __slots__ = ("worker_id", "session_id", "server_id", "slots", "in_flight", "accepting", "connect_time")
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SERVER_ID_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    ACCEPTING_FIELD_NUMBER: _ClassVar[int]
    CONNECT_TIME_FIELD_NUMBER: _ClassVar[int]
    worker_id: str
    session_id: str
    server_id: str
    slots: int
    in_flight: int
    accepting: bool
    connect_time: _timestamp_pb2.Timestamp
    def __init__(self, worker_id: _Optional[str] = ..., session_id: _Optional[str] = ..., server_id: _Optional[str] = ..., slots: _Optional[int] = ..., in_flight: _Optional[int] = ..., accepting: bool = ..., connect_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Remedy(_message.Message):
    __slots__ = ("description", "method", "arguments_json", "command")
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_JSON_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    description: str
    method: str
    arguments_json: str
    command: str
    def __init__(self, description: _Optional[str] = ..., method: _Optional[str] = ..., arguments_json: _Optional[str] = ..., command: _Optional[str] = ...) -> None: ...
