from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from tasker_sdk._gen.tasker.v1 import state_pb2 as _state_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GraphSection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRAPH_SECTION_UNSPECIFIED: _ClassVar[GraphSection]
    GRAPH_SECTION_DEPENDENCY_GRAPH: _ClassVar[GraphSection]
    GRAPH_SECTION_CRITICAL_PATHS: _ClassVar[GraphSection]
    GRAPH_SECTION_PARALLELISM_OPPORTUNITIES: _ClassVar[GraphSection]
    GRAPH_SECTION_ERROR_CHAINS: _ClassVar[GraphSection]
    GRAPH_SECTION_BOTTLENECKS: _ClassVar[GraphSection]
    GRAPH_SECTION_SUMMARY: _ClassVar[GraphSection]

class DurationSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DURATION_SOURCE_UNSPECIFIED: _ClassVar[DurationSource]
    DURATION_SOURCE_MEASURED: _ClassVar[DurationSource]
    DURATION_SOURCE_ESTIMATED: _ClassVar[DurationSource]
    DURATION_SOURCE_TASK: _ClassVar[DurationSource]

class BlockingReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BLOCKING_REASON_UNSPECIFIED: _ClassVar[BlockingReason]
    BLOCKING_REASON_NOT_BLOCKED: _ClassVar[BlockingReason]
    BLOCKING_REASON_DEPENDENCIES_NOT_SATISFIED: _ClassVar[BlockingReason]
    BLOCKING_REASON_RETRY_NOT_ELIGIBLE: _ClassVar[BlockingReason]
    BLOCKING_REASON_IN_BACKOFF: _ClassVar[BlockingReason]
    BLOCKING_REASON_INVALID_STATE: _ClassVar[BlockingReason]

class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEVERITY_UNSPECIFIED: _ClassVar[Severity]
    SEVERITY_LOW: _ClassVar[Severity]
    SEVERITY_MEDIUM: _ClassVar[Severity]
    SEVERITY_HIGH: _ClassVar[Severity]
    SEVERITY_CRITICAL: _ClassVar[Severity]

class RecoveryAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECOVERY_ACTION_UNSPECIFIED: _ClassVar[RecoveryAction]
    RECOVERY_ACTION_MANUAL_RESOLUTION: _ClassVar[RecoveryAction]
    RECOVERY_ACTION_INCREASE_RETRY_LIMIT: _ClassVar[RecoveryAction]
    RECOVERY_ACTION_WAIT_FOR_BACKOFF: _ClassVar[RecoveryAction]
    RECOVERY_ACTION_MONITOR_RETRIES: _ClassVar[RecoveryAction]
    RECOVERY_ACTION_INVESTIGATE_ROOT_CAUSE: _ClassVar[RecoveryAction]

class OverallImpact(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OVERALL_IMPACT_UNSPECIFIED: _ClassVar[OverallImpact]
    OVERALL_IMPACT_NONE: _ClassVar[OverallImpact]
    OVERALL_IMPACT_LOW: _ClassVar[OverallImpact]
    OVERALL_IMPACT_MEDIUM: _ClassVar[OverallImpact]
    OVERALL_IMPACT_HIGH: _ClassVar[OverallImpact]
    OVERALL_IMPACT_SEVERE: _ClassVar[OverallImpact]

class BottleneckType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BOTTLENECK_TYPE_UNSPECIFIED: _ClassVar[BottleneckType]
    BOTTLENECK_TYPE_PERMANENT_FAILURE: _ClassVar[BottleneckType]
    BOTTLENECK_TYPE_ACTIVE_ERROR: _ClassVar[BottleneckType]
    BOTTLENECK_TYPE_DEPENDENCY_BLOCK: _ClassVar[BottleneckType]
    BOTTLENECK_TYPE_RETRY_EXHAUSTION: _ClassVar[BottleneckType]

class ResolutionStrategy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESOLUTION_STRATEGY_UNSPECIFIED: _ClassVar[ResolutionStrategy]
    RESOLUTION_STRATEGY_MANUAL_INTERVENTION: _ClassVar[ResolutionStrategy]
    RESOLUTION_STRATEGY_INVESTIGATE_ERROR: _ClassVar[ResolutionStrategy]
    RESOLUTION_STRATEGY_CHECK_UPSTREAM: _ClassVar[ResolutionStrategy]
    RESOLUTION_STRATEGY_WAIT_FOR_BACKOFF: _ClassVar[ResolutionStrategy]
    RESOLUTION_STRATEGY_MONITOR_RETRIES: _ClassVar[ResolutionStrategy]
    RESOLUTION_STRATEGY_REVIEW_CONFIGURATION: _ClassVar[ResolutionStrategy]

class OverallHealth(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OVERALL_HEALTH_UNSPECIFIED: _ClassVar[OverallHealth]
    OVERALL_HEALTH_HEALTHY: _ClassVar[OverallHealth]
    OVERALL_HEALTH_WARNING: _ClassVar[OverallHealth]
    OVERALL_HEALTH_CRITICAL: _ClassVar[OverallHealth]
GRAPH_SECTION_UNSPECIFIED: GraphSection
GRAPH_SECTION_DEPENDENCY_GRAPH: GraphSection
GRAPH_SECTION_CRITICAL_PATHS: GraphSection
GRAPH_SECTION_PARALLELISM_OPPORTUNITIES: GraphSection
GRAPH_SECTION_ERROR_CHAINS: GraphSection
GRAPH_SECTION_BOTTLENECKS: GraphSection
GRAPH_SECTION_SUMMARY: GraphSection
DURATION_SOURCE_UNSPECIFIED: DurationSource
DURATION_SOURCE_MEASURED: DurationSource
DURATION_SOURCE_ESTIMATED: DurationSource
DURATION_SOURCE_TASK: DurationSource
BLOCKING_REASON_UNSPECIFIED: BlockingReason
BLOCKING_REASON_NOT_BLOCKED: BlockingReason
BLOCKING_REASON_DEPENDENCIES_NOT_SATISFIED: BlockingReason
BLOCKING_REASON_RETRY_NOT_ELIGIBLE: BlockingReason
BLOCKING_REASON_IN_BACKOFF: BlockingReason
BLOCKING_REASON_INVALID_STATE: BlockingReason
SEVERITY_UNSPECIFIED: Severity
SEVERITY_LOW: Severity
SEVERITY_MEDIUM: Severity
SEVERITY_HIGH: Severity
SEVERITY_CRITICAL: Severity
RECOVERY_ACTION_UNSPECIFIED: RecoveryAction
RECOVERY_ACTION_MANUAL_RESOLUTION: RecoveryAction
RECOVERY_ACTION_INCREASE_RETRY_LIMIT: RecoveryAction
RECOVERY_ACTION_WAIT_FOR_BACKOFF: RecoveryAction
RECOVERY_ACTION_MONITOR_RETRIES: RecoveryAction
RECOVERY_ACTION_INVESTIGATE_ROOT_CAUSE: RecoveryAction
OVERALL_IMPACT_UNSPECIFIED: OverallImpact
OVERALL_IMPACT_NONE: OverallImpact
OVERALL_IMPACT_LOW: OverallImpact
OVERALL_IMPACT_MEDIUM: OverallImpact
OVERALL_IMPACT_HIGH: OverallImpact
OVERALL_IMPACT_SEVERE: OverallImpact
BOTTLENECK_TYPE_UNSPECIFIED: BottleneckType
BOTTLENECK_TYPE_PERMANENT_FAILURE: BottleneckType
BOTTLENECK_TYPE_ACTIVE_ERROR: BottleneckType
BOTTLENECK_TYPE_DEPENDENCY_BLOCK: BottleneckType
BOTTLENECK_TYPE_RETRY_EXHAUSTION: BottleneckType
RESOLUTION_STRATEGY_UNSPECIFIED: ResolutionStrategy
RESOLUTION_STRATEGY_MANUAL_INTERVENTION: ResolutionStrategy
RESOLUTION_STRATEGY_INVESTIGATE_ERROR: ResolutionStrategy
RESOLUTION_STRATEGY_CHECK_UPSTREAM: ResolutionStrategy
RESOLUTION_STRATEGY_WAIT_FOR_BACKOFF: ResolutionStrategy
RESOLUTION_STRATEGY_MONITOR_RETRIES: ResolutionStrategy
RESOLUTION_STRATEGY_REVIEW_CONFIGURATION: ResolutionStrategy
OVERALL_HEALTH_UNSPECIFIED: OverallHealth
OVERALL_HEALTH_HEALTHY: OverallHealth
OVERALL_HEALTH_WARNING: OverallHealth
OVERALL_HEALTH_CRITICAL: OverallHealth

class TaskGraph(_message.Message):
    __slots__ = ("task_id", "revision", "state", "task_health", "completion_percentage", "dependency_graph", "critical_paths", "parallelism_opportunities", "error_chains", "bottlenecks", "summary")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TASK_HEALTH_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_PERCENTAGE_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCY_GRAPH_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_PATHS_FIELD_NUMBER: _ClassVar[int]
    PARALLELISM_OPPORTUNITIES_FIELD_NUMBER: _ClassVar[int]
    ERROR_CHAINS_FIELD_NUMBER: _ClassVar[int]
    BOTTLENECKS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    revision: int
    state: _state_pb2.State
    task_health: _state_pb2.HealthStatus
    completion_percentage: float
    dependency_graph: DependencyGraph
    critical_paths: CriticalPaths
    parallelism_opportunities: ParallelismOpportunities
    error_chains: ErrorChains
    bottlenecks: Bottlenecks
    summary: GraphSummary
    def __init__(self, task_id: _Optional[str] = ..., revision: _Optional[int] = ..., state: _Optional[_Union[_state_pb2.State, str]] = ..., task_health: _Optional[_Union[_state_pb2.HealthStatus, str]] = ..., completion_percentage: _Optional[float] = ..., dependency_graph: _Optional[_Union[DependencyGraph, _Mapping]] = ..., critical_paths: _Optional[_Union[CriticalPaths, _Mapping]] = ..., parallelism_opportunities: _Optional[_Union[ParallelismOpportunities, _Mapping]] = ..., error_chains: _Optional[_Union[ErrorChains, _Mapping]] = ..., bottlenecks: _Optional[_Union[Bottlenecks, _Mapping]] = ..., summary: _Optional[_Union[GraphSummary, _Mapping]] = ...) -> None: ...

class DependencyAnalysis(_message.Message):
    __slots__ = ("graph", "error", "generate_time", "expected_finish")
    GRAPH_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    GENERATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FINISH_FIELD_NUMBER: _ClassVar[int]
    graph: TaskGraph
    error: _status_pb2.Status
    generate_time: _timestamp_pb2.Timestamp
    expected_finish: ExpectedFinish
    def __init__(self, graph: _Optional[_Union[TaskGraph, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., generate_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expected_finish: _Optional[_Union[ExpectedFinish, _Mapping]] = ...) -> None: ...

class DependencyGraph(_message.Message):
    __slots__ = ("nodes", "level_widths")
    NODES_FIELD_NUMBER: _ClassVar[int]
    LEVEL_WIDTHS_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[GraphNode]
    level_widths: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, nodes: _Optional[_Iterable[_Union[GraphNode, _Mapping]]] = ..., level_widths: _Optional[_Iterable[int]] = ...) -> None: ...

class GraphNode(_message.Message):
    __slots__ = ("step_id", "name", "level", "state", "attempts", "retry_limit", "ready", "blocked", "retry_time", "parents", "duration")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    RETRY_LIMIT_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    RETRY_TIME_FIELD_NUMBER: _ClassVar[int]
    PARENTS_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    name: str
    level: int
    state: _state_pb2.State
    attempts: int
    retry_limit: int
    ready: bool
    blocked: bool
    retry_time: _timestamp_pb2.Timestamp
    parents: _containers.RepeatedScalarFieldContainer[int]
    duration: StepDuration
    def __init__(self, step_id: _Optional[str] = ..., name: _Optional[str] = ..., level: _Optional[int] = ..., state: _Optional[_Union[_state_pb2.State, str]] = ..., attempts: _Optional[int] = ..., retry_limit: _Optional[int] = ..., ready: bool = ..., blocked: bool = ..., retry_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., parents: _Optional[_Iterable[int]] = ..., duration: _Optional[_Union[StepDuration, _Mapping]] = ...) -> None: ...

class StepDuration(_message.Message):
    __slots__ = ("source", "median_duration", "p95_duration", "samples")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_DURATION_FIELD_NUMBER: _ClassVar[int]
    P95_DURATION_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    source: DurationSource
    median_duration: _duration_pb2.Duration
    p95_duration: _duration_pb2.Duration
    samples: int
    def __init__(self, source: _Optional[_Union[DurationSource, str]] = ..., median_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., p95_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., samples: _Optional[int] = ...) -> None: ...

class CriticalPaths(_message.Message):
    __slots__ = ("total_paths", "longest_path_length", "paths", "root_step_ids", "leaf_step_ids")
    TOTAL_PATHS_FIELD_NUMBER: _ClassVar[int]
    LONGEST_PATH_LENGTH_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    ROOT_STEP_IDS_FIELD_NUMBER: _ClassVar[int]
    LEAF_STEP_IDS_FIELD_NUMBER: _ClassVar[int]
    total_paths: str
    longest_path_length: int
    paths: _containers.RepeatedCompositeFieldContainer[CriticalPath]
    root_step_ids: _containers.RepeatedScalarFieldContainer[str]
    leaf_step_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, total_paths: _Optional[str] = ..., longest_path_length: _Optional[int] = ..., paths: _Optional[_Iterable[_Union[CriticalPath, _Mapping]]] = ..., root_step_ids: _Optional[_Iterable[str]] = ..., leaf_step_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class CriticalPath(_message.Message):
    __slots__ = ("step_names", "length", "completed_steps", "blocked_steps", "error_steps", "retry_steps", "ready_steps", "estimated_duration", "remaining_duration", "measured_steps", "criticality_score", "completion_percentage", "bottlenecks", "total_bottlenecks")
    STEP_NAMES_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_STEPS_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_STEPS_FIELD_NUMBER: _ClassVar[int]
    ERROR_STEPS_FIELD_NUMBER: _ClassVar[int]
    RETRY_STEPS_FIELD_NUMBER: _ClassVar[int]
    READY_STEPS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_DURATION_FIELD_NUMBER: _ClassVar[int]
    REMAINING_DURATION_FIELD_NUMBER: _ClassVar[int]
    MEASURED_STEPS_FIELD_NUMBER: _ClassVar[int]
    CRITICALITY_SCORE_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_PERCENTAGE_FIELD_NUMBER: _ClassVar[int]
    BOTTLENECKS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BOTTLENECKS_FIELD_NUMBER: _ClassVar[int]
    step_names: _containers.RepeatedScalarFieldContainer[str]
    length: int
    completed_steps: int
    blocked_steps: int
    error_steps: int
    retry_steps: int
    ready_steps: int
    estimated_duration: _duration_pb2.Duration
    remaining_duration: _duration_pb2.Duration
    measured_steps: int
    criticality_score: float
    completion_percentage: float
    bottlenecks: _containers.RepeatedCompositeFieldContainer[PathBottleneck]
    total_bottlenecks: int
    def __init__(self, step_names: _Optional[_Iterable[str]] = ..., length: _Optional[int] = ..., completed_steps: _Optional[int] = ..., blocked_steps: _Optional[int] = ..., error_steps: _Optional[int] = ..., retry_steps: _Optional[int] = ..., ready_steps: _Optional[int] = ..., estimated_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., remaining_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., measured_steps: _Optional[int] = ..., criticality_score: _Optional[float] = ..., completion_percentage: _Optional[float] = ..., bottlenecks: _Optional[_Iterable[_Union[PathBottleneck, _Mapping]]] = ..., total_bottlenecks: _Optional[int] = ...) -> None: ...

class PathBottleneck(_message.Message):
    __slots__ = ("step_id", "step_name", "reason", "severity", "blocked_steps")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_NAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_STEPS_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    step_name: str
    reason: BlockingReason
    severity: int
    blocked_steps: int
    def __init__(self, step_id: _Optional[str] = ..., step_name: _Optional[str] = ..., reason: _Optional[_Union[BlockingReason, str]] = ..., severity: _Optional[int] = ..., blocked_steps: _Optional[int] = ...) -> None: ...

class ExpectedFinish(_message.Message):
    __slots__ = ("finish_time", "late_finish_time", "remaining_duration", "step_names", "stuck_step_ids", "measured_steps")
    FINISH_TIME_FIELD_NUMBER: _ClassVar[int]
    LATE_FINISH_TIME_FIELD_NUMBER: _ClassVar[int]
    REMAINING_DURATION_FIELD_NUMBER: _ClassVar[int]
    STEP_NAMES_FIELD_NUMBER: _ClassVar[int]
    STUCK_STEP_IDS_FIELD_NUMBER: _ClassVar[int]
    MEASURED_STEPS_FIELD_NUMBER: _ClassVar[int]
    finish_time: _timestamp_pb2.Timestamp
    late_finish_time: _timestamp_pb2.Timestamp
    remaining_duration: _duration_pb2.Duration
    step_names: _containers.RepeatedScalarFieldContainer[str]
    stuck_step_ids: _containers.RepeatedScalarFieldContainer[str]
    measured_steps: int
    def __init__(self, finish_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., late_finish_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., remaining_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., step_names: _Optional[_Iterable[str]] = ..., stuck_step_ids: _Optional[_Iterable[str]] = ..., measured_steps: _Optional[int] = ...) -> None: ...

class ParallelismOpportunities(_message.Message):
    __slots__ = ("total_steps", "total_levels", "max_parallel_steps", "current_parallel_opportunities", "blocked_parallel_opportunities", "overall_completion", "levels", "parallelism_efficiency")
    TOTAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_LEVELS_FIELD_NUMBER: _ClassVar[int]
    MAX_PARALLEL_STEPS_FIELD_NUMBER: _ClassVar[int]
    CURRENT_PARALLEL_OPPORTUNITIES_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_PARALLEL_OPPORTUNITIES_FIELD_NUMBER: _ClassVar[int]
    OVERALL_COMPLETION_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    PARALLELISM_EFFICIENCY_FIELD_NUMBER: _ClassVar[int]
    total_steps: int
    total_levels: int
    max_parallel_steps: int
    current_parallel_opportunities: int
    blocked_parallel_opportunities: int
    overall_completion: float
    levels: _containers.RepeatedCompositeFieldContainer[GraphLevel]
    parallelism_efficiency: float
    def __init__(self, total_steps: _Optional[int] = ..., total_levels: _Optional[int] = ..., max_parallel_steps: _Optional[int] = ..., current_parallel_opportunities: _Optional[int] = ..., blocked_parallel_opportunities: _Optional[int] = ..., overall_completion: _Optional[float] = ..., levels: _Optional[_Iterable[_Union[GraphLevel, _Mapping]]] = ..., parallelism_efficiency: _Optional[float] = ...) -> None: ...

class GraphLevel(_message.Message):
    __slots__ = ("level", "total_steps", "ready_steps", "blocked_steps", "error_steps", "completed_steps", "parallelism_potential", "bottleneck_risk", "ready_step_names")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    TOTAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    READY_STEPS_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_STEPS_FIELD_NUMBER: _ClassVar[int]
    ERROR_STEPS_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_STEPS_FIELD_NUMBER: _ClassVar[int]
    PARALLELISM_POTENTIAL_FIELD_NUMBER: _ClassVar[int]
    BOTTLENECK_RISK_FIELD_NUMBER: _ClassVar[int]
    READY_STEP_NAMES_FIELD_NUMBER: _ClassVar[int]
    level: int
    total_steps: int
    ready_steps: int
    blocked_steps: int
    error_steps: int
    completed_steps: int
    parallelism_potential: Severity
    bottleneck_risk: Severity
    ready_step_names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, level: _Optional[int] = ..., total_steps: _Optional[int] = ..., ready_steps: _Optional[int] = ..., blocked_steps: _Optional[int] = ..., error_steps: _Optional[int] = ..., completed_steps: _Optional[int] = ..., parallelism_potential: _Optional[_Union[Severity, str]] = ..., bottleneck_risk: _Optional[_Union[Severity, str]] = ..., ready_step_names: _Optional[_Iterable[str]] = ...) -> None: ...

class ErrorChains(_message.Message):
    __slots__ = ("total_error_steps", "total_steps", "error_percentage", "total_blocked_by_errors", "error_chains", "recovery_priority")
    TOTAL_ERROR_STEPS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    ERROR_PERCENTAGE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BLOCKED_BY_ERRORS_FIELD_NUMBER: _ClassVar[int]
    ERROR_CHAINS_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_PRIORITY_FIELD_NUMBER: _ClassVar[int]
    total_error_steps: int
    total_steps: int
    error_percentage: float
    total_blocked_by_errors: int
    error_chains: _containers.RepeatedCompositeFieldContainer[ErrorChain]
    recovery_priority: _containers.RepeatedCompositeFieldContainer[RecoveryPriority]
    def __init__(self, total_error_steps: _Optional[int] = ..., total_steps: _Optional[int] = ..., error_percentage: _Optional[float] = ..., total_blocked_by_errors: _Optional[int] = ..., error_chains: _Optional[_Iterable[_Union[ErrorChain, _Mapping]]] = ..., recovery_priority: _Optional[_Iterable[_Union[RecoveryPriority, _Mapping]]] = ...) -> None: ...

class ErrorChain(_message.Message):
    __slots__ = ("error_step_id", "error_step_name", "error_attempts", "retry_limit", "retry_analysis", "downstream_step_names", "total_downstream_steps", "blocked_downstream_steps", "total_impact", "recovery_strategies")
    ERROR_STEP_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_STEP_NAME_FIELD_NUMBER: _ClassVar[int]
    ERROR_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    RETRY_LIMIT_FIELD_NUMBER: _ClassVar[int]
    RETRY_ANALYSIS_FIELD_NUMBER: _ClassVar[int]
    DOWNSTREAM_STEP_NAMES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_DOWNSTREAM_STEPS_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_DOWNSTREAM_STEPS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_IMPACT_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_STRATEGIES_FIELD_NUMBER: _ClassVar[int]
    error_step_id: str
    error_step_name: str
    error_attempts: int
    retry_limit: int
    retry_analysis: RetryAnalysis
    downstream_step_names: _containers.RepeatedScalarFieldContainer[str]
    total_downstream_steps: int
    blocked_downstream_steps: int
    total_impact: int
    recovery_strategies: _containers.RepeatedCompositeFieldContainer[RecoveryStrategy]
    def __init__(self, error_step_id: _Optional[str] = ..., error_step_name: _Optional[str] = ..., error_attempts: _Optional[int] = ..., retry_limit: _Optional[int] = ..., retry_analysis: _Optional[_Union[RetryAnalysis, _Mapping]] = ..., downstream_step_names: _Optional[_Iterable[str]] = ..., total_downstream_steps: _Optional[int] = ..., blocked_downstream_steps: _Optional[int] = ..., total_impact: _Optional[int] = ..., recovery_strategies: _Optional[_Iterable[_Union[RecoveryStrategy, _Mapping]]] = ...) -> None: ...

class RetryAnalysis(_message.Message):
    __slots__ = ("exhausted", "remaining_attempts", "in_backoff", "retry_time", "retryable")
    EXHAUSTED_FIELD_NUMBER: _ClassVar[int]
    REMAINING_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    IN_BACKOFF_FIELD_NUMBER: _ClassVar[int]
    RETRY_TIME_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    exhausted: bool
    remaining_attempts: int
    in_backoff: bool
    retry_time: _timestamp_pb2.Timestamp
    retryable: bool
    def __init__(self, exhausted: bool = ..., remaining_attempts: _Optional[int] = ..., in_backoff: bool = ..., retry_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., retryable: bool = ...) -> None: ...

class RecoveryStrategy(_message.Message):
    __slots__ = ("action", "priority", "description")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    action: RecoveryAction
    priority: Severity
    description: str
    def __init__(self, action: _Optional[_Union[RecoveryAction, str]] = ..., priority: _Optional[_Union[Severity, str]] = ..., description: _Optional[str] = ...) -> None: ...

class RecoveryPriority(_message.Message):
    __slots__ = ("step_id", "step_name", "priority_level", "reason", "recommended_action")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_NAME_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_LEVEL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RECOMMENDED_ACTION_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    step_name: str
    priority_level: Severity
    reason: str
    recommended_action: RecoveryAction
    def __init__(self, step_id: _Optional[str] = ..., step_name: _Optional[str] = ..., priority_level: _Optional[_Union[Severity, str]] = ..., reason: _Optional[str] = ..., recommended_action: _Optional[_Union[RecoveryAction, str]] = ...) -> None: ...

class Bottlenecks(_message.Message):
    __slots__ = ("total_bottlenecks", "critical_bottlenecks", "total_blocked_steps", "bottlenecks", "task_completion", "failed_steps_ratio", "overall_impact")
    TOTAL_BOTTLENECKS_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_BOTTLENECKS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BLOCKED_STEPS_FIELD_NUMBER: _ClassVar[int]
    BOTTLENECKS_FIELD_NUMBER: _ClassVar[int]
    TASK_COMPLETION_FIELD_NUMBER: _ClassVar[int]
    FAILED_STEPS_RATIO_FIELD_NUMBER: _ClassVar[int]
    OVERALL_IMPACT_FIELD_NUMBER: _ClassVar[int]
    total_bottlenecks: int
    critical_bottlenecks: int
    total_blocked_steps: int
    bottlenecks: _containers.RepeatedCompositeFieldContainer[Bottleneck]
    task_completion: float
    failed_steps_ratio: float
    overall_impact: OverallImpact
    def __init__(self, total_bottlenecks: _Optional[int] = ..., critical_bottlenecks: _Optional[int] = ..., total_blocked_steps: _Optional[int] = ..., bottlenecks: _Optional[_Iterable[_Union[Bottleneck, _Mapping]]] = ..., task_completion: _Optional[float] = ..., failed_steps_ratio: _Optional[float] = ..., overall_impact: _Optional[_Union[OverallImpact, str]] = ...) -> None: ...

class Bottleneck(_message.Message):
    __slots__ = ("step_id", "step_name", "current_state", "attempts", "retry_limit", "dependencies_satisfied", "downstream_steps_count", "blocked_downstream_count", "impact_score", "severity", "bottleneck_type", "resolution_strategy", "resolution_time")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_NAME_FIELD_NUMBER: _ClassVar[int]
    CURRENT_STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    RETRY_LIMIT_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCIES_SATISFIED_FIELD_NUMBER: _ClassVar[int]
    DOWNSTREAM_STEPS_COUNT_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_DOWNSTREAM_COUNT_FIELD_NUMBER: _ClassVar[int]
    IMPACT_SCORE_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    BOTTLENECK_TYPE_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_STRATEGY_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_TIME_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    step_name: str
    current_state: _state_pb2.State
    attempts: int
    retry_limit: int
    dependencies_satisfied: bool
    downstream_steps_count: int
    blocked_downstream_count: int
    impact_score: int
    severity: Severity
    bottleneck_type: BottleneckType
    resolution_strategy: ResolutionStrategy
    resolution_time: _timestamp_pb2.Timestamp
    def __init__(self, step_id: _Optional[str] = ..., step_name: _Optional[str] = ..., current_state: _Optional[_Union[_state_pb2.State, str]] = ..., attempts: _Optional[int] = ..., retry_limit: _Optional[int] = ..., dependencies_satisfied: bool = ..., downstream_steps_count: _Optional[int] = ..., blocked_downstream_count: _Optional[int] = ..., impact_score: _Optional[int] = ..., severity: _Optional[_Union[Severity, str]] = ..., bottleneck_type: _Optional[_Union[BottleneckType, str]] = ..., resolution_strategy: _Optional[_Union[ResolutionStrategy, str]] = ..., resolution_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GraphSummary(_message.Message):
    __slots__ = ("total_steps", "total_dependencies", "dependency_levels", "longest_path_length", "critical_bottlenecks_count", "error_chains_count", "parallelism_efficiency", "overall_health", "recommendations")
    TOTAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCY_LEVELS_FIELD_NUMBER: _ClassVar[int]
    LONGEST_PATH_LENGTH_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_BOTTLENECKS_COUNT_FIELD_NUMBER: _ClassVar[int]
    ERROR_CHAINS_COUNT_FIELD_NUMBER: _ClassVar[int]
    PARALLELISM_EFFICIENCY_FIELD_NUMBER: _ClassVar[int]
    OVERALL_HEALTH_FIELD_NUMBER: _ClassVar[int]
    RECOMMENDATIONS_FIELD_NUMBER: _ClassVar[int]
    total_steps: int
    total_dependencies: int
    dependency_levels: int
    longest_path_length: int
    critical_bottlenecks_count: int
    error_chains_count: int
    parallelism_efficiency: float
    overall_health: OverallHealth
    recommendations: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, total_steps: _Optional[int] = ..., total_dependencies: _Optional[int] = ..., dependency_levels: _Optional[int] = ..., longest_path_length: _Optional[int] = ..., critical_bottlenecks_count: _Optional[int] = ..., error_chains_count: _Optional[int] = ..., parallelism_efficiency: _Optional[float] = ..., overall_health: _Optional[_Union[OverallHealth, str]] = ..., recommendations: _Optional[_Iterable[str]] = ...) -> None: ...
