from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tasker_sdk._gen.tasker.worker.v1 import assignment_pb2 as _assignment_pb2
from tasker_sdk._gen.tasker.worker.v1 import result_pb2 as _result_pb2
from tasker_sdk._gen.tasker.worker.v1 import session_pb2 as _session_pb2
from tasker_sdk._gen.tasker.worker.v1 import worker_pb2 as _worker_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ClaimStepsRequest(_message.Message):
    __slots__ = ("worker_id", "session_id", "offers", "max_steps", "wait")
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    MAX_STEPS_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    worker_id: str
    session_id: str
    offers: _containers.RepeatedCompositeFieldContainer[_worker_pb2.Offer]
    max_steps: int
    wait: _duration_pb2.Duration
    def __init__(self, worker_id: _Optional[str] = ..., session_id: _Optional[str] = ..., offers: _Optional[_Iterable[_Union[_worker_pb2.Offer, _Mapping]]] = ..., max_steps: _Optional[int] = ..., wait: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ClaimStepsResponse(_message.Message):
    __slots__ = ("session_id", "assignments", "lease_ttl", "server_time", "payload_bytes_max", "message_bytes_max")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ASSIGNMENTS_FIELD_NUMBER: _ClassVar[int]
    LEASE_TTL_FIELD_NUMBER: _ClassVar[int]
    SERVER_TIME_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_BYTES_MAX_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_BYTES_MAX_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    assignments: _containers.RepeatedCompositeFieldContainer[_assignment_pb2.Assignment]
    lease_ttl: _duration_pb2.Duration
    server_time: _timestamp_pb2.Timestamp
    payload_bytes_max: int
    message_bytes_max: int
    def __init__(self, session_id: _Optional[str] = ..., assignments: _Optional[_Iterable[_Union[_assignment_pb2.Assignment, _Mapping]]] = ..., lease_ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., server_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., payload_bytes_max: _Optional[int] = ..., message_bytes_max: _Optional[int] = ...) -> None: ...

class ReportResultsRequest(_message.Message):
    __slots__ = ("session_id", "results")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    results: _containers.RepeatedCompositeFieldContainer[_result_pb2.StepResult]
    def __init__(self, session_id: _Optional[str] = ..., results: _Optional[_Iterable[_Union[_result_pb2.StepResult, _Mapping]]] = ...) -> None: ...

class ReportResultsResponse(_message.Message):
    __slots__ = ("acks",)
    ACKS_FIELD_NUMBER: _ClassVar[int]
    acks: _containers.RepeatedCompositeFieldContainer[_result_pb2.Ack]
    def __init__(self, acks: _Optional[_Iterable[_Union[_result_pb2.Ack, _Mapping]]] = ...) -> None: ...

class HeartbeatSessionRequest(_message.Message):
    __slots__ = ("session_id", "held", "progress")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    held: _containers.RepeatedCompositeFieldContainer[_assignment_pb2.HeldLease]
    progress: _containers.RepeatedCompositeFieldContainer[_session_pb2.Progress]
    def __init__(self, session_id: _Optional[str] = ..., held: _Optional[_Iterable[_Union[_assignment_pb2.HeldLease, _Mapping]]] = ..., progress: _Optional[_Iterable[_Union[_session_pb2.Progress, _Mapping]]] = ...) -> None: ...

class HeartbeatSessionResponse(_message.Message):
    __slots__ = ("stops", "draining")
    STOPS_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    stops: _containers.RepeatedCompositeFieldContainer[_session_pb2.Stop]
    draining: bool
    def __init__(self, stops: _Optional[_Iterable[_Union[_session_pb2.Stop, _Mapping]]] = ..., draining: bool = ...) -> None: ...

class FetchDependenciesRequest(_message.Message):
    __slots__ = ("step_id", "lease_token", "step_names", "page_size", "page_token")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STEP_NAMES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    lease_token: int
    step_names: _containers.RepeatedScalarFieldContainer[str]
    page_size: int
    page_token: str
    def __init__(self, step_id: _Optional[str] = ..., lease_token: _Optional[int] = ..., step_names: _Optional[_Iterable[str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class FetchDependenciesResponse(_message.Message):
    __slots__ = ("dependencies", "next_page_token")
    DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dependencies: _containers.RepeatedCompositeFieldContainer[_assignment_pb2.DependencyResult]
    next_page_token: str
    def __init__(self, dependencies: _Optional[_Iterable[_Union[_assignment_pb2.DependencyResult, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListWorkersRequest(_message.Message):
    __slots__ = ("namespace", "page_size", "page_token")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    page_size: int
    page_token: str
    def __init__(self, namespace: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListWorkersResponse(_message.Message):
    __slots__ = ("workers", "next_page_token")
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    workers: _containers.RepeatedCompositeFieldContainer[_worker_pb2.Worker]
    next_page_token: str
    def __init__(self, workers: _Optional[_Iterable[_Union[_worker_pb2.Worker, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
