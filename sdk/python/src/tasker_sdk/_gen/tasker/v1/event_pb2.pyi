from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tasker_sdk._gen.tasker.v1 import handler_ref_pb2 as _handler_ref_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EventCategory(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_CATEGORY_UNSPECIFIED: _ClassVar[EventCategory]
    EVENT_CATEGORY_TASK: _ClassVar[EventCategory]
    EVENT_CATEGORY_STEP: _ClassVar[EventCategory]
    EVENT_CATEGORY_WORKFLOW: _ClassVar[EventCategory]
    EVENT_CATEGORY_OBSERVABILITY: _ClassVar[EventCategory]
    EVENT_CATEGORY_TELEMETRY: _ClassVar[EventCategory]
    EVENT_CATEGORY_REGISTRY: _ClassVar[EventCategory]
    EVENT_CATEGORY_CUSTOM: _ClassVar[EventCategory]

class PayloadOmissionCause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PAYLOAD_OMISSION_CAUSE_UNSPECIFIED: _ClassVar[PayloadOmissionCause]
    PAYLOAD_OMISSION_CAUSE_TOO_LARGE: _ClassVar[PayloadOmissionCause]
    PAYLOAD_OMISSION_CAUSE_UNREADABLE: _ClassVar[PayloadOmissionCause]
EVENT_CATEGORY_UNSPECIFIED: EventCategory
EVENT_CATEGORY_TASK: EventCategory
EVENT_CATEGORY_STEP: EventCategory
EVENT_CATEGORY_WORKFLOW: EventCategory
EVENT_CATEGORY_OBSERVABILITY: EventCategory
EVENT_CATEGORY_TELEMETRY: EventCategory
EVENT_CATEGORY_REGISTRY: EventCategory
EVENT_CATEGORY_CUSTOM: EventCategory
PAYLOAD_OMISSION_CAUSE_UNSPECIFIED: PayloadOmissionCause
PAYLOAD_OMISSION_CAUSE_TOO_LARGE: PayloadOmissionCause
PAYLOAD_OMISSION_CAUSE_UNREADABLE: PayloadOmissionCause

class Event(_message.Message):
    __slots__ = ("cursor", "name", "category", "occur_time", "handler", "task_id", "step_id", "sequence", "event_id", "subject", "payload_json", "payload_omission")
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_JSON_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_OMISSION_FIELD_NUMBER: _ClassVar[int]
    cursor: str
    name: str
    category: EventCategory
    occur_time: _timestamp_pb2.Timestamp
    handler: _handler_ref_pb2.HandlerRef
    task_id: str
    step_id: str
    sequence: int
    event_id: str
    subject: str
    payload_json: str
    payload_omission: PayloadOmission
    def __init__(self, cursor: _Optional[str] = ..., name: _Optional[str] = ..., category: _Optional[_Union[EventCategory, str]] = ..., occur_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., handler: _Optional[_Union[_handler_ref_pb2.HandlerRef, _Mapping]] = ..., task_id: _Optional[str] = ..., step_id: _Optional[str] = ..., sequence: _Optional[int] = ..., event_id: _Optional[str] = ..., subject: _Optional[str] = ..., payload_json: _Optional[str] = ..., payload_omission: _Optional[_Union[PayloadOmission, _Mapping]] = ...) -> None: ...

class PayloadOmission(_message.Message):
    __slots__ = ("cause", "bytes")
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    cause: PayloadOmissionCause
    bytes: int
    def __init__(self, cause: _Optional[_Union[PayloadOmissionCause, str]] = ..., bytes: _Optional[int] = ...) -> None: ...

class EventType(_message.Message):
    __slots__ = ("name", "category", "description", "fired_by", "payload_schema_json", "example_payload_json", "register_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    FIRED_BY_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    EXAMPLE_PAYLOAD_JSON_FIELD_NUMBER: _ClassVar[int]
    REGISTER_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    category: EventCategory
    description: str
    fired_by: _containers.RepeatedScalarFieldContainer[str]
    payload_schema_json: str
    example_payload_json: str
    register_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., category: _Optional[_Union[EventCategory, str]] = ..., description: _Optional[str] = ..., fired_by: _Optional[_Iterable[str]] = ..., payload_schema_json: _Optional[str] = ..., example_payload_json: _Optional[str] = ..., register_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
