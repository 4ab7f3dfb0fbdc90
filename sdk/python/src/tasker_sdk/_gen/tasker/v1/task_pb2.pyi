from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tasker_sdk._gen.tasker.v1 import dependency_graph_pb2 as _dependency_graph_pb2
from tasker_sdk._gen.tasker.v1 import handler_ref_pb2 as _handler_ref_pb2
from tasker_sdk._gen.tasker.v1 import state_pb2 as _state_pb2
from tasker_sdk._gen.tasker.v1 import step_pb2 as _step_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TaskView(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_VIEW_UNSPECIFIED: _ClassVar[TaskView]
    TASK_VIEW_BASIC: _ClassVar[TaskView]
    TASK_VIEW_STEPS: _ClassVar[TaskView]
    TASK_VIEW_FULL: _ClassVar[TaskView]
TASK_VIEW_UNSPECIFIED: TaskView
TASK_VIEW_BASIC: TaskView
TASK_VIEW_STEPS: TaskView
TASK_VIEW_FULL: TaskView

class Task(_message.Message):
    __slots__ = ("task_id", "handler", "state", "state_reason", "initiator", "source_system", "reason", "tags", "bypass_steps", "context_json", "request_time", "create_time", "start_time", "finish_time", "deadline_time", "correlation_id", "revision", "execution", "steps", "annotations", "dependency_analysis")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_REASON_FIELD_NUMBER: _ClassVar[int]
    INITIATOR_FIELD_NUMBER: _ClassVar[int]
    SOURCE_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    BYPASS_STEPS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_JSON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    FINISH_TIME_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_TIME_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    ANNOTATIONS_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCY_ANALYSIS_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    handler: _handler_ref_pb2.HandlerRef
    state: _state_pb2.State
    state_reason: str
    initiator: str
    source_system: str
    reason: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    bypass_steps: _containers.RepeatedScalarFieldContainer[str]
    context_json: str
    request_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    finish_time: _timestamp_pb2.Timestamp
    deadline_time: _timestamp_pb2.Timestamp
    correlation_id: str
    revision: int
    execution: _state_pb2.Execution
    steps: _containers.RepeatedCompositeFieldContainer[_step_pb2.Step]
    annotations: _containers.RepeatedCompositeFieldContainer[Annotation]
    dependency_analysis: _dependency_graph_pb2.DependencyAnalysis
    def __init__(self, task_id: _Optional[str] = ..., handler: _Optional[_Union[_handler_ref_pb2.HandlerRef, _Mapping]] = ..., state: _Optional[_Union[_state_pb2.State, str]] = ..., state_reason: _Optional[str] = ..., initiator: _Optional[str] = ..., source_system: _Optional[str] = ..., reason: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., bypass_steps: _Optional[_Iterable[str]] = ..., context_json: _Optional[str] = ..., request_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., finish_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., deadline_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., correlation_id: _Optional[str] = ..., revision: _Optional[int] = ..., execution: _Optional[_Union[_state_pb2.Execution, _Mapping]] = ..., steps: _Optional[_Iterable[_Union[_step_pb2.Step, _Mapping]]] = ..., annotations: _Optional[_Iterable[_Union[Annotation, _Mapping]]] = ..., dependency_analysis: _Optional[_Union[_dependency_graph_pb2.DependencyAnalysis, _Mapping]] = ...) -> None: ...

class Annotation(_message.Message):
    __slots__ = ("annotation_id", "task_id", "annotation_type", "annotation_json", "create_time")
    ANNOTATION_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ANNOTATION_TYPE_FIELD_NUMBER: _ClassVar[int]
    ANNOTATION_JSON_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    annotation_id: str
    task_id: str
    annotation_type: str
    annotation_json: str
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, annotation_id: _Optional[str] = ..., task_id: _Optional[str] = ..., annotation_type: _Optional[str] = ..., annotation_json: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
