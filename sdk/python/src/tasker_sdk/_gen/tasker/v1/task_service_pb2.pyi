from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from tasker_sdk._gen.tasker.v1 import counts_pb2 as _counts_pb2
from tasker_sdk._gen.tasker.v1 import handler_ref_pb2 as _handler_ref_pb2
from tasker_sdk._gen.tasker.v1 import state_pb2 as _state_pb2
from tasker_sdk._gen.tasker.v1 import task_pb2 as _task_pb2
from tasker_sdk._gen.tasker.v1 import transition_pb2 as _transition_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TaskOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_ORDER_UNSPECIFIED: _ClassVar[TaskOrder]
    TASK_ORDER_CREATE_TIME_DESC: _ClassVar[TaskOrder]
    TASK_ORDER_CREATE_TIME_ASC: _ClassVar[TaskOrder]
    TASK_ORDER_REQUEST_TIME_DESC: _ClassVar[TaskOrder]
    TASK_ORDER_REQUEST_TIME_ASC: _ClassVar[TaskOrder]
TASK_ORDER_UNSPECIFIED: TaskOrder
TASK_ORDER_CREATE_TIME_DESC: TaskOrder
TASK_ORDER_CREATE_TIME_ASC: TaskOrder
TASK_ORDER_REQUEST_TIME_DESC: TaskOrder
TASK_ORDER_REQUEST_TIME_ASC: TaskOrder

class NewTask(_message.Message):
    __slots__ = ("handler", "context_json", "initiator", "source_system", "reason", "tags", "bypass_steps", "request_time", "idempotency_key", "correlation_id", "deadline_time")
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_JSON_FIELD_NUMBER: _ClassVar[int]
    INITIATOR_FIELD_NUMBER: _ClassVar[int]
    SOURCE_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    BYPASS_STEPS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_TIME_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_TIME_FIELD_NUMBER: _ClassVar[int]
    handler: _handler_ref_pb2.HandlerRef
    context_json: str
    initiator: str
    source_system: str
    reason: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    bypass_steps: _containers.RepeatedScalarFieldContainer[str]
    request_time: _timestamp_pb2.Timestamp
    idempotency_key: str
    correlation_id: str
    deadline_time: _timestamp_pb2.Timestamp
    def __init__(self, handler: _Optional[_Union[_handler_ref_pb2.HandlerRef, _Mapping]] = ..., context_json: _Optional[str] = ..., initiator: _Optional[str] = ..., source_system: _Optional[str] = ..., reason: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., bypass_steps: _Optional[_Iterable[str]] = ..., request_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., idempotency_key: _Optional[str] = ..., correlation_id: _Optional[str] = ..., deadline_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateTaskRequest(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: NewTask
    def __init__(self, task: _Optional[_Union[NewTask, _Mapping]] = ...) -> None: ...

class CreateTaskResponse(_message.Message):
    __slots__ = ("task", "existed")
    TASK_FIELD_NUMBER: _ClassVar[int]
    EXISTED_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    existed: bool
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., existed: bool = ...) -> None: ...

class BatchCreateTasksRequest(_message.Message):
    __slots__ = ("tasks",)
    TASKS_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[NewTask]
    def __init__(self, tasks: _Optional[_Iterable[_Union[NewTask, _Mapping]]] = ...) -> None: ...

class BatchCreateTasksResponse(_message.Message):
    __slots__ = ("outcomes",)
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[BatchCreateTasksOutcome]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[BatchCreateTasksOutcome, _Mapping]]] = ...) -> None: ...

class BatchCreateTasksOutcome(_message.Message):
    __slots__ = ("task", "error")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    error: _status_pb2.Status
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class GetTaskRequest(_message.Message):
    __slots__ = ("task_id", "view", "include_dependencies")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    view: _task_pb2.TaskView
    include_dependencies: bool
    def __init__(self, task_id: _Optional[str] = ..., view: _Optional[_Union[_task_pb2.TaskView, str]] = ..., include_dependencies: bool = ...) -> None: ...

class GetTaskResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ...) -> None: ...

class TaskFilter(_message.Message):
    __slots__ = ("namespace", "handler", "version", "states", "tags", "initiator", "source_system", "correlation_id", "min_request_time", "max_request_time", "annotation", "task_id_prefix")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    INITIATOR_FIELD_NUMBER: _ClassVar[int]
    SOURCE_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    MIN_REQUEST_TIME_FIELD_NUMBER: _ClassVar[int]
    MAX_REQUEST_TIME_FIELD_NUMBER: _ClassVar[int]
    ANNOTATION_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_PREFIX_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    handler: str
    version: str
    states: _containers.RepeatedScalarFieldContainer[_state_pb2.State]
    tags: _containers.RepeatedScalarFieldContainer[str]
    initiator: str
    source_system: str
    correlation_id: str
    min_request_time: _timestamp_pb2.Timestamp
    max_request_time: _timestamp_pb2.Timestamp
    annotation: AnnotationFilter
    task_id_prefix: str
    def __init__(self, namespace: _Optional[str] = ..., handler: _Optional[str] = ..., version: _Optional[str] = ..., states: _Optional[_Iterable[_Union[_state_pb2.State, str]]] = ..., tags: _Optional[_Iterable[str]] = ..., initiator: _Optional[str] = ..., source_system: _Optional[str] = ..., correlation_id: _Optional[str] = ..., min_request_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., max_request_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., annotation: _Optional[_Union[AnnotationFilter, _Mapping]] = ..., task_id_prefix: _Optional[str] = ...) -> None: ...

class AnnotationFilter(_message.Message):
    __slots__ = ("annotation_type", "key", "value")
    ANNOTATION_TYPE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    annotation_type: str
    key: str
    value: str
    def __init__(self, annotation_type: _Optional[str] = ..., key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class ListTasksRequest(_message.Message):
    __slots__ = ("filter", "order", "page_size", "page_token", "view", "include_dependencies")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    filter: TaskFilter
    order: TaskOrder
    page_size: int
    page_token: str
    view: _task_pb2.TaskView
    include_dependencies: bool
    def __init__(self, filter: _Optional[_Union[TaskFilter, _Mapping]] = ..., order: _Optional[_Union[TaskOrder, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., view: _Optional[_Union[_task_pb2.TaskView, str]] = ..., include_dependencies: bool = ...) -> None: ...

class ListTasksResponse(_message.Message):
    __slots__ = ("tasks", "next_page_token")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[_task_pb2.Task]
    next_page_token: str
    def __init__(self, tasks: _Optional[_Iterable[_Union[_task_pb2.Task, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class BatchGetExecutionContextsRequest(_message.Message):
    __slots__ = ("task_ids",)
    TASK_IDS_FIELD_NUMBER: _ClassVar[int]
    task_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, task_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class BatchGetExecutionContextsResponse(_message.Message):
    __slots__ = ("contexts",)
    CONTEXTS_FIELD_NUMBER: _ClassVar[int]
    contexts: _containers.RepeatedCompositeFieldContainer[TaskExecutionContext]
    def __init__(self, contexts: _Optional[_Iterable[_Union[TaskExecutionContext, _Mapping]]] = ...) -> None: ...

class TaskExecutionContext(_message.Message):
    __slots__ = ("task_id", "state", "revision", "execution")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    state: _state_pb2.State
    revision: int
    execution: _state_pb2.Execution
    def __init__(self, task_id: _Optional[str] = ..., state: _Optional[_Union[_state_pb2.State, str]] = ..., revision: _Optional[int] = ..., execution: _Optional[_Union[_state_pb2.Execution, _Mapping]] = ...) -> None: ...

class CountTasksRequest(_message.Message):
    __slots__ = ("filter",)
    FILTER_FIELD_NUMBER: _ClassVar[int]
    filter: TaskFilter
    def __init__(self, filter: _Optional[_Union[TaskFilter, _Mapping]] = ...) -> None: ...

class CountTasksResponse(_message.Message):
    __slots__ = ("counts",)
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    counts: _counts_pb2.TaskCounts
    def __init__(self, counts: _Optional[_Union[_counts_pb2.TaskCounts, _Mapping]] = ...) -> None: ...

class UpdateTaskRequest(_message.Message):
    __slots__ = ("task", "update_mask", "reason", "requested_by")
    TASK_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    update_mask: _field_mask_pb2.FieldMask
    reason: str
    requested_by: str
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., reason: _Optional[str] = ..., requested_by: _Optional[str] = ...) -> None: ...

class UpdateTaskResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ...) -> None: ...

class CancelTaskRequest(_message.Message):
    __slots__ = ("task_id", "reason", "requested_by")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    reason: str
    requested_by: str
    def __init__(self, task_id: _Optional[str] = ..., reason: _Optional[str] = ..., requested_by: _Optional[str] = ...) -> None: ...

class CancelTaskResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ...) -> None: ...

class RetryTaskRequest(_message.Message):
    __slots__ = ("task_id", "additional_attempts", "reason", "requested_by", "request_id")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ADDITIONAL_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    additional_attempts: int
    reason: str
    requested_by: str
    request_id: str
    def __init__(self, task_id: _Optional[str] = ..., additional_attempts: _Optional[int] = ..., reason: _Optional[str] = ..., requested_by: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class RetryTaskResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ...) -> None: ...

class WatchTaskRequest(_message.Message):
    __slots__ = ("task_id", "after_sequence", "view")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    after_sequence: int
    view: _task_pb2.TaskView
    def __init__(self, task_id: _Optional[str] = ..., after_sequence: _Optional[int] = ..., view: _Optional[_Union[_task_pb2.TaskView, str]] = ...) -> None: ...

class WatchTaskResponse(_message.Message):
    __slots__ = ("task", "transition")
    TASK_FIELD_NUMBER: _ClassVar[int]
    TRANSITION_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    transition: _transition_pb2.Transition
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., transition: _Optional[_Union[_transition_pb2.Transition, _Mapping]] = ...) -> None: ...

class ListTransitionsRequest(_message.Message):
    __slots__ = ("task_id", "step_id", "page_size", "page_token")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    step_id: str
    page_size: int
    page_token: str
    def __init__(self, task_id: _Optional[str] = ..., step_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTransitionsResponse(_message.Message):
    __slots__ = ("transitions", "next_page_token")
    TRANSITIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    transitions: _containers.RepeatedCompositeFieldContainer[_transition_pb2.Transition]
    next_page_token: str
    def __init__(self, transitions: _Optional[_Iterable[_Union[_transition_pb2.Transition, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreateAnnotationRequest(_message.Message):
    __slots__ = ("task_id", "annotation_type", "annotation_json", "request_id")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ANNOTATION_TYPE_FIELD_NUMBER: _ClassVar[int]
    ANNOTATION_JSON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    annotation_type: str
    annotation_json: str
    request_id: str
    def __init__(self, task_id: _Optional[str] = ..., annotation_type: _Optional[str] = ..., annotation_json: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateAnnotationResponse(_message.Message):
    __slots__ = ("annotation",)
    ANNOTATION_FIELD_NUMBER: _ClassVar[int]
    annotation: _task_pb2.Annotation
    def __init__(self, annotation: _Optional[_Union[_task_pb2.Annotation, _Mapping]] = ...) -> None: ...

class ListAnnotationsRequest(_message.Message):
    __slots__ = ("task_id", "page_size", "page_token")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    page_size: int
    page_token: str
    def __init__(self, task_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAnnotationsResponse(_message.Message):
    __slots__ = ("annotations", "next_page_token")
    ANNOTATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    annotations: _containers.RepeatedCompositeFieldContainer[_task_pb2.Annotation]
    next_page_token: str
    def __init__(self, annotations: _Optional[_Iterable[_Union[_task_pb2.Annotation, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
