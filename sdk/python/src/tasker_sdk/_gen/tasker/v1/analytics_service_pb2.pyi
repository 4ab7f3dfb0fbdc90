from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tasker_sdk._gen.tasker.v1 import counts_pb2 as _counts_pb2
from tasker_sdk._gen.tasker.v1 import handler_ref_pb2 as _handler_ref_pb2
from tasker_sdk._gen.tasker.v1 import state_pb2 as _state_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AnalyticsFilter(_message.Message):
    __slots__ = ("namespace", "handler", "version")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    handler: str
    version: str
    def __init__(self, namespace: _Optional[str] = ..., handler: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class AnswerInfo(_message.Message):
    __slots__ = ("generate_time", "cached", "ttl")
    GENERATE_TIME_FIELD_NUMBER: _ClassVar[int]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    generate_time: _timestamp_pb2.Timestamp
    cached: bool
    ttl: _duration_pb2.Duration
    def __init__(self, generate_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., cached: bool = ..., ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class AnalysedPeriod(_message.Message):
    __slots__ = ("start_time", "end_time", "truncated")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    truncated: bool
    def __init__(self, start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., truncated: bool = ...) -> None: ...

class DurationStatistics(_message.Message):
    __slots__ = ("count", "mean", "p50", "p95", "p99", "max")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    P50_FIELD_NUMBER: _ClassVar[int]
    P95_FIELD_NUMBER: _ClassVar[int]
    P99_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    count: int
    mean: _duration_pb2.Duration
    p50: _duration_pb2.Duration
    p95: _duration_pb2.Duration
    p99: _duration_pb2.Duration
    max: _duration_pb2.Duration
    def __init__(self, count: _Optional[int] = ..., mean: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., p50: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., p95: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., p99: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., max: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class GetPerformanceRequest(_message.Message):
    __slots__ = ("filter", "period")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    filter: AnalyticsFilter
    period: _duration_pb2.Duration
    def __init__(self, filter: _Optional[_Union[AnalyticsFilter, _Mapping]] = ..., period: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class GetPerformanceResponse(_message.Message):
    __slots__ = ("overview", "trends", "performance", "handlers", "info")
    OVERVIEW_FIELD_NUMBER: _ClassVar[int]
    TRENDS_FIELD_NUMBER: _ClassVar[int]
    PERFORMANCE_FIELD_NUMBER: _ClassVar[int]
    HANDLERS_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    overview: SystemOverview
    trends: _containers.RepeatedCompositeFieldContainer[PerformanceTrend]
    performance: Performance
    handlers: _containers.RepeatedCompositeFieldContainer[HandlerPerformance]
    info: AnswerInfo
    def __init__(self, overview: _Optional[_Union[SystemOverview, _Mapping]] = ..., trends: _Optional[_Iterable[_Union[PerformanceTrend, _Mapping]]] = ..., performance: _Optional[_Union[Performance, _Mapping]] = ..., handlers: _Optional[_Iterable[_Union[HandlerPerformance, _Mapping]]] = ..., info: _Optional[_Union[AnswerInfo, _Mapping]] = ...) -> None: ...

class SystemOverview(_message.Message):
    __slots__ = ("active_tasks", "total_namespaces", "total_handlers", "system_health_score")
    ACTIVE_TASKS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_HANDLERS_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_HEALTH_SCORE_FIELD_NUMBER: _ClassVar[int]
    active_tasks: int
    total_namespaces: int
    total_handlers: int
    system_health_score: float
    def __init__(self, active_tasks: _Optional[int] = ..., total_namespaces: _Optional[int] = ..., total_handlers: _Optional[int] = ..., system_health_score: _Optional[float] = ...) -> None: ...

class PerformanceTrend(_message.Message):
    __slots__ = ("period", "performance")
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    PERFORMANCE_FIELD_NUMBER: _ClassVar[int]
    period: _duration_pb2.Duration
    performance: Performance
    def __init__(self, period: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., performance: _Optional[_Union[Performance, _Mapping]] = ...) -> None: ...

class Performance(_message.Message):
    __slots__ = ("period", "task_throughput", "completion_count", "error_count", "completion_rate", "error_rate", "step_throughput", "task_durations", "step_durations")
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    TASK_THROUGHPUT_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_COUNT_FIELD_NUMBER: _ClassVar[int]
    ERROR_COUNT_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_RATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_RATE_FIELD_NUMBER: _ClassVar[int]
    STEP_THROUGHPUT_FIELD_NUMBER: _ClassVar[int]
    TASK_DURATIONS_FIELD_NUMBER: _ClassVar[int]
    STEP_DURATIONS_FIELD_NUMBER: _ClassVar[int]
    period: AnalysedPeriod
    task_throughput: int
    completion_count: int
    error_count: int
    completion_rate: float
    error_rate: float
    step_throughput: int
    task_durations: DurationStatistics
    step_durations: DurationStatistics
    def __init__(self, period: _Optional[_Union[AnalysedPeriod, _Mapping]] = ..., task_throughput: _Optional[int] = ..., completion_count: _Optional[int] = ..., error_count: _Optional[int] = ..., completion_rate: _Optional[float] = ..., error_rate: _Optional[float] = ..., step_throughput: _Optional[int] = ..., task_durations: _Optional[_Union[DurationStatistics, _Mapping]] = ..., step_durations: _Optional[_Union[DurationStatistics, _Mapping]] = ...) -> None: ...

class HandlerPerformance(_message.Message):
    __slots__ = ("handler", "performance")
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    PERFORMANCE_FIELD_NUMBER: _ClassVar[int]
    handler: _handler_ref_pb2.HandlerRef
    performance: Performance
    def __init__(self, handler: _Optional[_Union[_handler_ref_pb2.HandlerRef, _Mapping]] = ..., performance: _Optional[_Union[Performance, _Mapping]] = ...) -> None: ...

class GetBottlenecksRequest(_message.Message):
    __slots__ = ("filter", "period")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    filter: AnalyticsFilter
    period: _duration_pb2.Duration
    def __init__(self, filter: _Optional[_Union[AnalyticsFilter, _Mapping]] = ..., period: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class GetBottlenecksResponse(_message.Message):
    __slots__ = ("period", "total_tasks", "total_handlers", "slowest_tasks", "slowest_steps", "error_patterns", "dependency_bottlenecks", "task_durations", "distribution_buckets", "recommendations", "info")
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    TOTAL_TASKS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_HANDLERS_FIELD_NUMBER: _ClassVar[int]
    SLOWEST_TASKS_FIELD_NUMBER: _ClassVar[int]
    SLOWEST_STEPS_FIELD_NUMBER: _ClassVar[int]
    ERROR_PATTERNS_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCY_BOTTLENECKS_FIELD_NUMBER: _ClassVar[int]
    TASK_DURATIONS_FIELD_NUMBER: _ClassVar[int]
    DISTRIBUTION_BUCKETS_FIELD_NUMBER: _ClassVar[int]
    RECOMMENDATIONS_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    period: AnalysedPeriod
    total_tasks: int
    total_handlers: int
    slowest_tasks: _containers.RepeatedCompositeFieldContainer[SlowTask]
    slowest_steps: _containers.RepeatedCompositeFieldContainer[SlowStep]
    error_patterns: ErrorPatterns
    dependency_bottlenecks: DependencyBottlenecks
    task_durations: DurationStatistics
    distribution_buckets: _containers.RepeatedCompositeFieldContainer[DurationBucket]
    recommendations: _containers.RepeatedScalarFieldContainer[str]
    info: AnswerInfo
    def __init__(self, period: _Optional[_Union[AnalysedPeriod, _Mapping]] = ..., total_tasks: _Optional[int] = ..., total_handlers: _Optional[int] = ..., slowest_tasks: _Optional[_Iterable[_Union[SlowTask, _Mapping]]] = ..., slowest_steps: _Optional[_Iterable[_Union[SlowStep, _Mapping]]] = ..., error_patterns: _Optional[_Union[ErrorPatterns, _Mapping]] = ..., dependency_bottlenecks: _Optional[_Union[DependencyBottlenecks, _Mapping]] = ..., task_durations: _Optional[_Union[DurationStatistics, _Mapping]] = ..., distribution_buckets: _Optional[_Iterable[_Union[DurationBucket, _Mapping]]] = ..., recommendations: _Optional[_Iterable[str]] = ..., info: _Optional[_Union[AnswerInfo, _Mapping]] = ...) -> None: ...

class SlowTask(_message.Message):
    __slots__ = ("task_id", "handler", "duration", "step_count", "completed_steps", "error_steps", "create_time", "complete_time", "initiator", "source_system", "state")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_STEPS_FIELD_NUMBER: _ClassVar[int]
    ERROR_STEPS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_TIME_FIELD_NUMBER: _ClassVar[int]
    INITIATOR_FIELD_NUMBER: _ClassVar[int]
    SOURCE_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    handler: _handler_ref_pb2.HandlerRef
    duration: _duration_pb2.Duration
    step_count: int
    completed_steps: int
    error_steps: int
    create_time: _timestamp_pb2.Timestamp
    complete_time: _timestamp_pb2.Timestamp
    initiator: str
    source_system: str
    state: _state_pb2.State
    def __init__(self, task_id: _Optional[str] = ..., handler: _Optional[_Union[_handler_ref_pb2.HandlerRef, _Mapping]] = ..., duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., step_count: _Optional[int] = ..., completed_steps: _Optional[int] = ..., error_steps: _Optional[int] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., complete_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., initiator: _Optional[str] = ..., source_system: _Optional[str] = ..., state: _Optional[_Union[_state_pb2.State, str]] = ...) -> None: ...

class SlowStep(_message.Message):
    __slots__ = ("step_id", "task_id", "step_name", "handler", "duration", "attempts", "create_time", "complete_time", "retryable")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_NAME_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_TIME_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    task_id: str
    step_name: str
    handler: _handler_ref_pb2.HandlerRef
    duration: _duration_pb2.Duration
    attempts: int
    create_time: _timestamp_pb2.Timestamp
    complete_time: _timestamp_pb2.Timestamp
    retryable: bool
    def __init__(self, step_id: _Optional[str] = ..., task_id: _Optional[str] = ..., step_name: _Optional[str] = ..., handler: _Optional[_Union[_handler_ref_pb2.HandlerRef, _Mapping]] = ..., duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., attempts: _Optional[int] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., complete_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., retryable: bool = ...) -> None: ...

class ErrorPatterns(_message.Message):
    __slots__ = ("total_errors", "recent_error_rate", "common_error_types", "retry_success_rate")
    TOTAL_ERRORS_FIELD_NUMBER: _ClassVar[int]
    RECENT_ERROR_RATE_FIELD_NUMBER: _ClassVar[int]
    COMMON_ERROR_TYPES_FIELD_NUMBER: _ClassVar[int]
    RETRY_SUCCESS_RATE_FIELD_NUMBER: _ClassVar[int]
    total_errors: int
    recent_error_rate: float
    common_error_types: _containers.RepeatedCompositeFieldContainer[ErrorCount]
    retry_success_rate: float
    def __init__(self, total_errors: _Optional[int] = ..., recent_error_rate: _Optional[float] = ..., common_error_types: _Optional[_Iterable[_Union[ErrorCount, _Mapping]]] = ..., retry_success_rate: _Optional[float] = ...) -> None: ...

class ErrorCount(_message.Message):
    __slots__ = ("error_class", "count")
    ERROR_CLASS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    error_class: str
    count: int
    def __init__(self, error_class: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class DependencyBottlenecks(_message.Message):
    __slots__ = ("blocking_dependencies", "mean_wait_duration", "most_blocked_steps")
    BLOCKING_DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    MEAN_WAIT_DURATION_FIELD_NUMBER: _ClassVar[int]
    MOST_BLOCKED_STEPS_FIELD_NUMBER: _ClassVar[int]
    blocking_dependencies: int
    mean_wait_duration: _duration_pb2.Duration
    most_blocked_steps: _containers.RepeatedCompositeFieldContainer[BlockedStep]
    def __init__(self, blocking_dependencies: _Optional[int] = ..., mean_wait_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., most_blocked_steps: _Optional[_Iterable[_Union[BlockedStep, _Mapping]]] = ...) -> None: ...

class BlockedStep(_message.Message):
    __slots__ = ("step_name", "count")
    STEP_NAME_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    step_name: str
    count: int
    def __init__(self, step_name: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class DurationBucket(_message.Message):
    __slots__ = ("min_duration", "max_duration", "count")
    MIN_DURATION_FIELD_NUMBER: _ClassVar[int]
    MAX_DURATION_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    min_duration: _duration_pb2.Duration
    max_duration: _duration_pb2.Duration
    count: int
    def __init__(self, min_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., max_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., count: _Optional[int] = ...) -> None: ...

class ListSlowestTasksRequest(_message.Message):
    __slots__ = ("filter", "period", "page_size", "page_token")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    filter: AnalyticsFilter
    period: _duration_pb2.Duration
    page_size: int
    page_token: str
    def __init__(self, filter: _Optional[_Union[AnalyticsFilter, _Mapping]] = ..., period: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSlowestTasksResponse(_message.Message):
    __slots__ = ("tasks", "info", "next_page_token")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[SlowTask]
    info: AnswerInfo
    next_page_token: str
    def __init__(self, tasks: _Optional[_Iterable[_Union[SlowTask, _Mapping]]] = ..., info: _Optional[_Union[AnswerInfo, _Mapping]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListSlowestStepsRequest(_message.Message):
    __slots__ = ("filter", "period", "page_size", "page_token")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    filter: AnalyticsFilter
    period: _duration_pb2.Duration
    page_size: int
    page_token: str
    def __init__(self, filter: _Optional[_Union[AnalyticsFilter, _Mapping]] = ..., period: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSlowestStepsResponse(_message.Message):
    __slots__ = ("steps", "info", "next_page_token")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[SlowStep]
    info: AnswerInfo
    next_page_token: str
    def __init__(self, steps: _Optional[_Iterable[_Union[SlowStep, _Mapping]]] = ..., info: _Optional[_Union[AnswerInfo, _Mapping]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetHealthCountsRequest(_message.Message):
    __slots__ = ("namespace",)
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    def __init__(self, namespace: _Optional[str] = ...) -> None: ...

class GetHealthCountsResponse(_message.Message):
    __slots__ = ("tasks", "steps", "active_connections", "max_connections", "info")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    MAX_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    tasks: _counts_pb2.TaskCounts
    steps: _counts_pb2.StepCounts
    active_connections: int
    max_connections: int
    info: AnswerInfo
    def __init__(self, tasks: _Optional[_Union[_counts_pb2.TaskCounts, _Mapping]] = ..., steps: _Optional[_Union[_counts_pb2.StepCounts, _Mapping]] = ..., active_connections: _Optional[int] = ..., max_connections: _Optional[int] = ..., info: _Optional[_Union[AnswerInfo, _Mapping]] = ...) -> None: ...
