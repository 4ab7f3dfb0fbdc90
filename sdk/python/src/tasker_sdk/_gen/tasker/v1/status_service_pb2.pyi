from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tasker_sdk._gen.tasker.v1 import counts_pb2 as _counts_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("healthy", "problems", "error", "age", "generation_duration", "readiness", "tasks", "steps", "database", "server", "queues", "trends")
    HEALTHY_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    AGE_FIELD_NUMBER: _ClassVar[int]
    GENERATION_DURATION_FIELD_NUMBER: _ClassVar[int]
    READINESS_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    DATABASE_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    TRENDS_FIELD_NUMBER: _ClassVar[int]
    healthy: bool
    problems: _containers.RepeatedScalarFieldContainer[str]
    error: str
    age: _duration_pb2.Duration
    generation_duration: _duration_pb2.Duration
    readiness: Readiness
    tasks: _counts_pb2.TaskCounts
    steps: _counts_pb2.StepCounts
    database: DatabaseStatus
    server: ServerStatus
    queues: _containers.RepeatedCompositeFieldContainer[QueueStatus]
    trends: Trends
    def __init__(self, healthy: bool = ..., problems: _Optional[_Iterable[str]] = ..., error: _Optional[str] = ..., age: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., generation_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., readiness: _Optional[_Union[Readiness, _Mapping]] = ..., tasks: _Optional[_Union[_counts_pb2.TaskCounts, _Mapping]] = ..., steps: _Optional[_Union[_counts_pb2.StepCounts, _Mapping]] = ..., database: _Optional[_Union[DatabaseStatus, _Mapping]] = ..., server: _Optional[_Union[ServerStatus, _Mapping]] = ..., queues: _Optional[_Iterable[_Union[QueueStatus, _Mapping]]] = ..., trends: _Optional[_Union[Trends, _Mapping]] = ...) -> None: ...

class Trends(_message.Message):
    __slots__ = ("start_time", "end_time", "created", "completed", "failed", "mean_step_duration")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    MEAN_STEP_DURATION_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    created: int
    completed: int
    failed: int
    mean_step_duration: _duration_pb2.Duration
    def __init__(self, start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., created: _Optional[int] = ..., completed: _Optional[int] = ..., failed: _Optional[int] = ..., mean_step_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Readiness(_message.Message):
    __slots__ = ("ready", "draining", "checks")
    READY_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    ready: bool
    draining: bool
    checks: _containers.RepeatedCompositeFieldContainer[ReadinessCheck]
    def __init__(self, ready: bool = ..., draining: bool = ..., checks: _Optional[_Iterable[_Union[ReadinessCheck, _Mapping]]] = ...) -> None: ...

class ReadinessCheck(_message.Message):
    __slots__ = ("name", "healthy", "message", "response_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    HEALTHY_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    healthy: bool
    message: str
    response_time: _duration_pb2.Duration
    def __init__(self, name: _Optional[str] = ..., healthy: bool = ..., message: _Optional[str] = ..., response_time: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class DatabaseStatus(_message.Message):
    __slots__ = ("version", "active_connections", "max_connections", "connection_utilization", "size_bytes", "oldest_snapshot_age", "tables")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    MAX_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_UTILIZATION_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    OLDEST_SNAPSHOT_AGE_FIELD_NUMBER: _ClassVar[int]
    TABLES_FIELD_NUMBER: _ClassVar[int]
    version: str
    active_connections: int
    max_connections: int
    connection_utilization: float
    size_bytes: int
    oldest_snapshot_age: _duration_pb2.Duration
    tables: _containers.RepeatedCompositeFieldContainer[TableStatus]
    def __init__(self, version: _Optional[str] = ..., active_connections: _Optional[int] = ..., max_connections: _Optional[int] = ..., connection_utilization: _Optional[float] = ..., size_bytes: _Optional[int] = ..., oldest_snapshot_age: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., tables: _Optional[_Iterable[_Union[TableStatus, _Mapping]]] = ...) -> None: ...

class TableStatus(_message.Message):
    __slots__ = ("name", "size_bytes", "live_rows", "dead_rows")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    LIVE_ROWS_FIELD_NUMBER: _ClassVar[int]
    DEAD_ROWS_FIELD_NUMBER: _ClassVar[int]
    name: str
    size_bytes: int
    live_rows: int
    dead_rows: int
    def __init__(self, name: _Optional[str] = ..., size_bytes: _Optional[int] = ..., live_rows: _Optional[int] = ..., dead_rows: _Optional[int] = ...) -> None: ...

class ServerStatus(_message.Message):
    __slots__ = ("version", "uptime", "sessions", "slots", "slots_busy", "lanes", "pool_connections", "pool_idle", "pool_connections_max")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    UPTIME_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_BUSY_FIELD_NUMBER: _ClassVar[int]
    LANES_FIELD_NUMBER: _ClassVar[int]
    POOL_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    POOL_IDLE_FIELD_NUMBER: _ClassVar[int]
    POOL_CONNECTIONS_MAX_FIELD_NUMBER: _ClassVar[int]
    version: str
    uptime: _duration_pb2.Duration
    sessions: int
    slots: int
    slots_busy: int
    lanes: _containers.RepeatedCompositeFieldContainer[LaneStatus]
    pool_connections: int
    pool_idle: int
    pool_connections_max: int
    def __init__(self, version: _Optional[str] = ..., uptime: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., sessions: _Optional[int] = ..., slots: _Optional[int] = ..., slots_busy: _Optional[int] = ..., lanes: _Optional[_Iterable[_Union[LaneStatus, _Mapping]]] = ..., pool_connections: _Optional[int] = ..., pool_idle: _Optional[int] = ..., pool_connections_max: _Optional[int] = ...) -> None: ...

class LaneStatus(_message.Message):
    __slots__ = ("queued", "busy_for")
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    BUSY_FOR_FIELD_NUMBER: _ClassVar[int]
    queued: int
    busy_for: _duration_pb2.Duration
    def __init__(self, queued: _Optional[int] = ..., busy_for: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class QueueStatus(_message.Message):
    __slots__ = ("namespace", "handler", "step_name", "depth", "wait_duration")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    STEP_NAME_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    WAIT_DURATION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    handler: str
    step_name: str
    depth: int
    wait_duration: _duration_pb2.Duration
    def __init__(self, namespace: _Optional[str] = ..., handler: _Optional[str] = ..., step_name: _Optional[str] = ..., depth: _Optional[int] = ..., wait_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...
