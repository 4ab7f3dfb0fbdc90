from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tasker_sdk._gen.tasker.v1 import explain_pb2 as _explain_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExplainTaskRequest(_message.Message):
    __slots__ = ("task_id", "page_size", "page_token")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    page_size: int
    page_token: str
    def __init__(self, task_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ExplainTaskResponse(_message.Message):
    __slots__ = ("task", "groups", "next_page_token", "generate_time")
    TASK_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    GENERATE_TIME_FIELD_NUMBER: _ClassVar[int]
    task: _explain_pb2.TaskExplanation
    groups: _containers.RepeatedCompositeFieldContainer[_explain_pb2.StepGroup]
    next_page_token: str
    generate_time: _timestamp_pb2.Timestamp
    def __init__(self, task: _Optional[_Union[_explain_pb2.TaskExplanation, _Mapping]] = ..., groups: _Optional[_Iterable[_Union[_explain_pb2.StepGroup, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., generate_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ExplainStepRequest(_message.Message):
    __slots__ = ("step_id",)
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    def __init__(self, step_id: _Optional[str] = ...) -> None: ...

class ExplainStepResponse(_message.Message):
    __slots__ = ("step", "roots", "task_id", "generate_time")
    STEP_FIELD_NUMBER: _ClassVar[int]
    ROOTS_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATE_TIME_FIELD_NUMBER: _ClassVar[int]
    step: _explain_pb2.StepExplanation
    roots: _containers.RepeatedCompositeFieldContainer[_explain_pb2.StepExplanation]
    task_id: str
    generate_time: _timestamp_pb2.Timestamp
    def __init__(self, step: _Optional[_Union[_explain_pb2.StepExplanation, _Mapping]] = ..., roots: _Optional[_Iterable[_Union[_explain_pb2.StepExplanation, _Mapping]]] = ..., task_id: _Optional[str] = ..., generate_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListBlockersRequest(_message.Message):
    __slots__ = ("namespace", "handler", "page_size", "page_token")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    handler: str
    page_size: int
    page_token: str
    def __init__(self, namespace: _Optional[str] = ..., handler: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListBlockersResponse(_message.Message):
    __slots__ = ("groups", "examined_tasks", "moving_tasks", "next_page_token", "generate_time")
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    EXAMINED_TASKS_FIELD_NUMBER: _ClassVar[int]
    MOVING_TASKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    GENERATE_TIME_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[_explain_pb2.BlockerGroup]
    examined_tasks: int
    moving_tasks: int
    next_page_token: str
    generate_time: _timestamp_pb2.Timestamp
    def __init__(self, groups: _Optional[_Iterable[_Union[_explain_pb2.BlockerGroup, _Mapping]]] = ..., examined_tasks: _Optional[int] = ..., moving_tasks: _Optional[int] = ..., next_page_token: _Optional[str] = ..., generate_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
