from google.protobuf import field_mask_pb2 as _field_mask_pb2
from tasker_sdk._gen.tasker.v1 import step_pb2 as _step_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListStepsRequest(_message.Message):
    __slots__ = ("task_id", "include_payloads", "page_size", "page_token")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_PAYLOADS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    include_payloads: bool
    page_size: int
    page_token: str
    def __init__(self, task_id: _Optional[str] = ..., include_payloads: bool = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListStepsResponse(_message.Message):
    __slots__ = ("steps", "next_page_token")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[_step_pb2.Step]
    next_page_token: str
    def __init__(self, steps: _Optional[_Iterable[_Union[_step_pb2.Step, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetStepRequest(_message.Message):
    __slots__ = ("step_id",)
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    def __init__(self, step_id: _Optional[str] = ...) -> None: ...

class GetStepResponse(_message.Message):
    __slots__ = ("step",)
    STEP_FIELD_NUMBER: _ClassVar[int]
    step: _step_pb2.Step
    def __init__(self, step: _Optional[_Union[_step_pb2.Step, _Mapping]] = ...) -> None: ...

class UpdateStepRequest(_message.Message):
    __slots__ = ("step", "update_mask", "reason", "requested_by")
    STEP_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    step: _step_pb2.Step
    update_mask: _field_mask_pb2.FieldMask
    reason: str
    requested_by: str
    def __init__(self, step: _Optional[_Union[_step_pb2.Step, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., reason: _Optional[str] = ..., requested_by: _Optional[str] = ...) -> None: ...

class UpdateStepResponse(_message.Message):
    __slots__ = ("step",)
    STEP_FIELD_NUMBER: _ClassVar[int]
    step: _step_pb2.Step
    def __init__(self, step: _Optional[_Union[_step_pb2.Step, _Mapping]] = ...) -> None: ...

class CancelStepRequest(_message.Message):
    __slots__ = ("step_id", "reason", "requested_by")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    reason: str
    requested_by: str
    def __init__(self, step_id: _Optional[str] = ..., reason: _Optional[str] = ..., requested_by: _Optional[str] = ...) -> None: ...

class CancelStepResponse(_message.Message):
    __slots__ = ("step",)
    STEP_FIELD_NUMBER: _ClassVar[int]
    step: _step_pb2.Step
    def __init__(self, step: _Optional[_Union[_step_pb2.Step, _Mapping]] = ...) -> None: ...

class ResolveStepRequest(_message.Message):
    __slots__ = ("step_id", "results_json", "reason", "requested_by", "request_id")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    RESULTS_JSON_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    results_json: str
    reason: str
    requested_by: str
    request_id: str
    def __init__(self, step_id: _Optional[str] = ..., results_json: _Optional[str] = ..., reason: _Optional[str] = ..., requested_by: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ResolveStepResponse(_message.Message):
    __slots__ = ("step",)
    STEP_FIELD_NUMBER: _ClassVar[int]
    step: _step_pb2.Step
    def __init__(self, step: _Optional[_Union[_step_pb2.Step, _Mapping]] = ...) -> None: ...

class RetryStepRequest(_message.Message):
    __slots__ = ("step_id", "reason", "requested_by", "request_id")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    reason: str
    requested_by: str
    request_id: str
    def __init__(self, step_id: _Optional[str] = ..., reason: _Optional[str] = ..., requested_by: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class RetryStepResponse(_message.Message):
    __slots__ = ("step",)
    STEP_FIELD_NUMBER: _ClassVar[int]
    step: _step_pb2.Step
    def __init__(self, step: _Optional[_Union[_step_pb2.Step, _Mapping]] = ...) -> None: ...
