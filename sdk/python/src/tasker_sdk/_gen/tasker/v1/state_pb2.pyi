from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATE_UNSPECIFIED: _ClassVar[State]
    STATE_PENDING: _ClassVar[State]
    STATE_IN_PROGRESS: _ClassVar[State]
    STATE_COMPLETE: _ClassVar[State]
    STATE_ERROR: _ClassVar[State]
    STATE_CANCELLED: _ClassVar[State]
    STATE_RESOLVED_MANUALLY: _ClassVar[State]

class ExecutionStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXECUTION_STATUS_UNSPECIFIED: _ClassVar[ExecutionStatus]
    EXECUTION_STATUS_HAS_READY_STEPS: _ClassVar[ExecutionStatus]
    EXECUTION_STATUS_PROCESSING: _ClassVar[ExecutionStatus]
    EXECUTION_STATUS_BLOCKED_BY_FAILURES: _ClassVar[ExecutionStatus]
    EXECUTION_STATUS_ALL_COMPLETE: _ClassVar[ExecutionStatus]
    EXECUTION_STATUS_WAITING_FOR_DEPENDENCIES: _ClassVar[ExecutionStatus]

class RecommendedAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECOMMENDED_ACTION_UNSPECIFIED: _ClassVar[RecommendedAction]
    RECOMMENDED_ACTION_EXECUTE_READY_STEPS: _ClassVar[RecommendedAction]
    RECOMMENDED_ACTION_WAIT_FOR_COMPLETION: _ClassVar[RecommendedAction]
    RECOMMENDED_ACTION_HANDLE_FAILURES: _ClassVar[RecommendedAction]
    RECOMMENDED_ACTION_FINALIZE_TASK: _ClassVar[RecommendedAction]
    RECOMMENDED_ACTION_WAIT_FOR_DEPENDENCIES: _ClassVar[RecommendedAction]

class HealthStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HEALTH_STATUS_UNSPECIFIED: _ClassVar[HealthStatus]
    HEALTH_STATUS_HEALTHY: _ClassVar[HealthStatus]
    HEALTH_STATUS_RECOVERING: _ClassVar[HealthStatus]
    HEALTH_STATUS_BLOCKED: _ClassVar[HealthStatus]
STATE_UNSPECIFIED: State
STATE_PENDING: State
STATE_IN_PROGRESS: State
STATE_COMPLETE: State
STATE_ERROR: State
STATE_CANCELLED: State
STATE_RESOLVED_MANUALLY: State
EXECUTION_STATUS_UNSPECIFIED: ExecutionStatus
EXECUTION_STATUS_HAS_READY_STEPS: ExecutionStatus
EXECUTION_STATUS_PROCESSING: ExecutionStatus
EXECUTION_STATUS_BLOCKED_BY_FAILURES: ExecutionStatus
EXECUTION_STATUS_ALL_COMPLETE: ExecutionStatus
EXECUTION_STATUS_WAITING_FOR_DEPENDENCIES: ExecutionStatus
RECOMMENDED_ACTION_UNSPECIFIED: RecommendedAction
RECOMMENDED_ACTION_EXECUTE_READY_STEPS: RecommendedAction
RECOMMENDED_ACTION_WAIT_FOR_COMPLETION: RecommendedAction
RECOMMENDED_ACTION_HANDLE_FAILURES: RecommendedAction
RECOMMENDED_ACTION_FINALIZE_TASK: RecommendedAction
RECOMMENDED_ACTION_WAIT_FOR_DEPENDENCIES: RecommendedAction
HEALTH_STATUS_UNSPECIFIED: HealthStatus
HEALTH_STATUS_HEALTHY: HealthStatus
HEALTH_STATUS_RECOVERING: HealthStatus
HEALTH_STATUS_BLOCKED: HealthStatus

class Execution(_message.Message):
    __slots__ = ("total_steps", "pending_steps", "in_progress_steps", "completed_steps", "failed_steps", "ready_steps", "execution_status", "recommended_action", "completion_percentage", "health_status")
    TOTAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    PENDING_STEPS_FIELD_NUMBER: _ClassVar[int]
    IN_PROGRESS_STEPS_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_STEPS_FIELD_NUMBER: _ClassVar[int]
    FAILED_STEPS_FIELD_NUMBER: _ClassVar[int]
    READY_STEPS_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_STATUS_FIELD_NUMBER: _ClassVar[int]
    RECOMMENDED_ACTION_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_PERCENTAGE_FIELD_NUMBER: _ClassVar[int]
    HEALTH_STATUS_FIELD_NUMBER: _ClassVar[int]
    total_steps: int
    pending_steps: int
    in_progress_steps: int
    completed_steps: int
    failed_steps: int
    ready_steps: int
    execution_status: ExecutionStatus
    recommended_action: RecommendedAction
    completion_percentage: float
    health_status: HealthStatus
    def __init__(self, total_steps: _Optional[int] = ..., pending_steps: _Optional[int] = ..., in_progress_steps: _Optional[int] = ..., completed_steps: _Optional[int] = ..., failed_steps: _Optional[int] = ..., ready_steps: _Optional[int] = ..., execution_status: _Optional[_Union[ExecutionStatus, str]] = ..., recommended_action: _Optional[_Union[RecommendedAction, str]] = ..., completion_percentage: _Optional[float] = ..., health_status: _Optional[_Union[HealthStatus, str]] = ...) -> None: ...
