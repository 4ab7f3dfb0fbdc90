from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tasker_sdk._gen.tasker.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListEventTypesRequest(_message.Message):
    __slots__ = ("category", "name_prefix", "search", "name", "page_size", "page_token")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    NAME_PREFIX_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    category: _event_pb2.EventCategory
    name_prefix: str
    search: str
    name: str
    page_size: int
    page_token: str
    def __init__(self, category: _Optional[_Union[_event_pb2.EventCategory, str]] = ..., name_prefix: _Optional[str] = ..., search: _Optional[str] = ..., name: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListEventTypesResponse(_message.Message):
    __slots__ = ("event_types", "next_page_token")
    EVENT_TYPES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    event_types: _containers.RepeatedCompositeFieldContainer[_event_pb2.EventType]
    next_page_token: str
    def __init__(self, event_types: _Optional[_Iterable[_Union[_event_pb2.EventType, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchEventsRequest(_message.Message):
    __slots__ = ("names", "namespace", "handler", "task_id", "after_cursor", "start_time", "until_caught_up")
    NAMES_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_CURSOR_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    UNTIL_CAUGHT_UP_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    namespace: str
    handler: str
    task_id: str
    after_cursor: str
    start_time: _timestamp_pb2.Timestamp
    until_caught_up: bool
    def __init__(self, names: _Optional[_Iterable[str]] = ..., namespace: _Optional[str] = ..., handler: _Optional[str] = ..., task_id: _Optional[str] = ..., after_cursor: _Optional[str] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., until_caught_up: bool = ...) -> None: ...

class WatchEventsResponse(_message.Message):
    __slots__ = ("event", "progress")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    event: _event_pb2.Event
    progress: EventProgress
    def __init__(self, event: _Optional[_Union[_event_pb2.Event, _Mapping]] = ..., progress: _Optional[_Union[EventProgress, _Mapping]] = ...) -> None: ...

class EventProgress(_message.Message):
    __slots__ = ("cursor", "caught_up")
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    CAUGHT_UP_FIELD_NUMBER: _ClassVar[int]
    cursor: str
    caught_up: bool
    def __init__(self, cursor: _Optional[str] = ..., caught_up: bool = ...) -> None: ...

class PublishEventRequest(_message.Message):
    __slots__ = ("name", "payload_json", "namespace", "task_id", "step_id", "event_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_JSON_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    payload_json: str
    namespace: str
    task_id: str
    step_id: str
    event_id: str
    def __init__(self, name: _Optional[str] = ..., payload_json: _Optional[str] = ..., namespace: _Optional[str] = ..., task_id: _Optional[str] = ..., step_id: _Optional[str] = ..., event_id: _Optional[str] = ...) -> None: ...

class PublishEventResponse(_message.Message):
    __slots__ = ("event_id", "cursor", "occur_time", "existed")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    EXISTED_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    cursor: str
    occur_time: _timestamp_pb2.Timestamp
    existed: bool
    def __init__(self, event_id: _Optional[str] = ..., cursor: _Optional[str] = ..., occur_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., existed: bool = ...) -> None: ...
