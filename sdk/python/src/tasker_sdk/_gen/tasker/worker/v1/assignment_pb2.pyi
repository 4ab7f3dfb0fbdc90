from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tasker_sdk._gen.tasker.v1 import handler_ref_pb2 as _handler_ref_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Assignment(_message.Message):
    __slots__ = ("task_id", "step_id", "lease_token", "step_name", "step_handler", "handler", "attempt", "retry_limit", "inputs_json", "handler_config_json", "dependencies", "dependencies_omitted", "deadline_time", "correlation_id", "traceparent")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STEP_NAME_FIELD_NUMBER: _ClassVar[int]
    STEP_HANDLER_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    RETRY_LIMIT_FIELD_NUMBER: _ClassVar[int]
    INPUTS_JSON_FIELD_NUMBER: _ClassVar[int]
    HANDLER_CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCIES_OMITTED_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_TIME_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    step_id: str
    lease_token: int
    step_name: str
    step_handler: str
    handler: _handler_ref_pb2.HandlerRef
    attempt: int
    retry_limit: int
    inputs_json: str
    handler_config_json: str
    dependencies: _containers.RepeatedCompositeFieldContainer[DependencyResult]
    dependencies_omitted: bool
    deadline_time: _timestamp_pb2.Timestamp
    correlation_id: str
    traceparent: str
    def __init__(self, task_id: _Optional[str] = ..., step_id: _Optional[str] = ..., lease_token: _Optional[int] = ..., step_name: _Optional[str] = ..., step_handler: _Optional[str] = ..., handler: _Optional[_Union[_handler_ref_pb2.HandlerRef, _Mapping]] = ..., attempt: _Optional[int] = ..., retry_limit: _Optional[int] = ..., inputs_json: _Optional[str] = ..., handler_config_json: _Optional[str] = ..., dependencies: _Optional[_Iterable[_Union[DependencyResult, _Mapping]]] = ..., dependencies_omitted: bool = ..., deadline_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., correlation_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class DependencyResult(_message.Message):
    __slots__ = ("step_name", "results_json")
    STEP_NAME_FIELD_NUMBER: _ClassVar[int]
    RESULTS_JSON_FIELD_NUMBER: _ClassVar[int]
    step_name: str
    results_json: str
    def __init__(self, step_name: _Optional[str] = ..., results_json: _Optional[str] = ...) -> None: ...

class HeldLease(_message.Message):
    __slots__ = ("step_id", "lease_token")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    lease_token: int
    def __init__(self, step_id: _Optional[str] = ..., lease_token: _Optional[int] = ...) -> None: ...
