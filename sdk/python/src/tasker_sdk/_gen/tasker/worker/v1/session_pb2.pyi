from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tasker_sdk._gen.tasker.worker.v1 import assignment_pb2 as _assignment_pb2
from tasker_sdk._gen.tasker.worker.v1 import result_pb2 as _result_pb2
from tasker_sdk._gen.tasker.worker.v1 import worker_pb2 as _worker_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StopReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STOP_REASON_UNSPECIFIED: _ClassVar[StopReason]
    STOP_REASON_CANCELLED: _ClassVar[StopReason]
    STOP_REASON_TIMED_OUT: _ClassVar[StopReason]
    STOP_REASON_LEASE_LOST: _ClassVar[StopReason]
STOP_REASON_UNSPECIFIED: StopReason
STOP_REASON_CANCELLED: StopReason
STOP_REASON_TIMED_OUT: StopReason
STOP_REASON_LEASE_LOST: StopReason

class OpenSessionRequest(_message.Message):
    __slots__ = ("hello", "set_slots", "heartbeat", "progress", "results", "drain", "refresh")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    SET_SLOTS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    REFRESH_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    set_slots: SetSlots
    heartbeat: Heartbeat
    progress: ProgressReport
    results: ResultBatch
    drain: DrainNotice
    refresh: Refresh
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., set_slots: _Optional[_Union[SetSlots, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., progress: _Optional[_Union[ProgressReport, _Mapping]] = ..., results: _Optional[_Union[ResultBatch, _Mapping]] = ..., drain: _Optional[_Union[DrainNotice, _Mapping]] = ..., refresh: _Optional[_Union[Refresh, _Mapping]] = ...) -> None: ...

class OpenSessionResponse(_message.Message):
    __slots__ = ("welcome", "assignments", "acks", "stops", "drain", "heartbeat")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    ASSIGNMENTS_FIELD_NUMBER: _ClassVar[int]
    ACKS_FIELD_NUMBER: _ClassVar[int]
    STOPS_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    assignments: AssignmentBatch
    acks: AckBatch
    stops: StopBatch
    drain: DrainNotice
    heartbeat: Heartbeat
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., assignments: _Optional[_Union[AssignmentBatch, _Mapping]] = ..., acks: _Optional[_Union[AckBatch, _Mapping]] = ..., stops: _Optional[_Union[StopBatch, _Mapping]] = ..., drain: _Optional[_Union[DrainNotice, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("worker_id", "offers", "slots", "session_id", "held", "sdk")
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    SDK_FIELD_NUMBER: _ClassVar[int]
    worker_id: str
    offers: _containers.RepeatedCompositeFieldContainer[_worker_pb2.Offer]
    slots: int
    session_id: str
    held: _containers.RepeatedCompositeFieldContainer[_assignment_pb2.HeldLease]
    sdk: str
    def __init__(self, worker_id: _Optional[str] = ..., offers: _Optional[_Iterable[_Union[_worker_pb2.Offer, _Mapping]]] = ..., slots: _Optional[int] = ..., session_id: _Optional[str] = ..., held: _Optional[_Iterable[_Union[_assignment_pb2.HeldLease, _Mapping]]] = ..., sdk: _Optional[str] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("session_id", "lease_ttl", "heartbeat_interval", "lost", "server_version", "server_time", "payload_bytes_max", "message_bytes_max")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_TTL_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    SERVER_TIME_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_BYTES_MAX_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_BYTES_MAX_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    lease_ttl: _duration_pb2.Duration
    heartbeat_interval: _duration_pb2.Duration
    lost: _containers.RepeatedCompositeFieldContainer[_assignment_pb2.HeldLease]
    server_version: str
    server_time: _timestamp_pb2.Timestamp
    payload_bytes_max: int
    message_bytes_max: int
    def __init__(self, session_id: _Optional[str] = ..., lease_ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., heartbeat_interval: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., lost: _Optional[_Iterable[_Union[_assignment_pb2.HeldLease, _Mapping]]] = ..., server_version: _Optional[str] = ..., server_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., payload_bytes_max: _Optional[int] = ..., message_bytes_max: _Optional[int] = ...) -> None: ...

class SetSlots(_message.Message):
    __slots__ = ("slots",)
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    slots: int
    def __init__(self, slots: _Optional[int] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("received_sequence",)
    RECEIVED_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    received_sequence: int
    def __init__(self, received_sequence: _Optional[int] = ...) -> None: ...

class Refresh(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class AssignmentBatch(_message.Message):
    __slots__ = ("assignments", "sequence")
    ASSIGNMENTS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    assignments: _containers.RepeatedCompositeFieldContainer[_assignment_pb2.Assignment]
    sequence: int
    def __init__(self, assignments: _Optional[_Iterable[_Union[_assignment_pb2.Assignment, _Mapping]]] = ..., sequence: _Optional[int] = ...) -> None: ...

class ResultBatch(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_result_pb2.StepResult]
    def __init__(self, results: _Optional[_Iterable[_Union[_result_pb2.StepResult, _Mapping]]] = ...) -> None: ...

class AckBatch(_message.Message):
    __slots__ = ("acks",)
    ACKS_FIELD_NUMBER: _ClassVar[int]
    acks: _containers.RepeatedCompositeFieldContainer[_result_pb2.Ack]
    def __init__(self, acks: _Optional[_Iterable[_Union[_result_pb2.Ack, _Mapping]]] = ...) -> None: ...

class ProgressReport(_message.Message):
    __slots__ = ("progress",)
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    progress: _containers.RepeatedCompositeFieldContainer[Progress]
    def __init__(self, progress: _Optional[_Iterable[_Union[Progress, _Mapping]]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("step_id", "lease_token", "percent", "note")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    lease_token: int
    percent: float
    note: str
    def __init__(self, step_id: _Optional[str] = ..., lease_token: _Optional[int] = ..., percent: _Optional[float] = ..., note: _Optional[str] = ...) -> None: ...

class StopBatch(_message.Message):
    __slots__ = ("stops",)
    STOPS_FIELD_NUMBER: _ClassVar[int]
    stops: _containers.RepeatedCompositeFieldContainer[Stop]
    def __init__(self, stops: _Optional[_Iterable[_Union[Stop, _Mapping]]] = ...) -> None: ...

class Stop(_message.Message):
    __slots__ = ("step_id", "lease_token", "reason")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    lease_token: int
    reason: StopReason
    def __init__(self, step_id: _Optional[str] = ..., lease_token: _Optional[int] = ..., reason: _Optional[_Union[StopReason, str]] = ...) -> None: ...

class DrainNotice(_message.Message):
    __slots__ = ("reason", "grace")
    REASON_FIELD_NUMBER: _ClassVar[int]
    GRACE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    grace: _duration_pb2.Duration
    def __init__(self, reason: _Optional[str] = ..., grace: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...
