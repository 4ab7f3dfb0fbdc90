from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Offer(_message.Message):
    __slots__ = ("namespace", "step_handler", "handler", "versions")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    STEP_HANDLER_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    step_handler: str
    handler: str
    versions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, namespace: _Optional[str] = ..., step_handler: _Optional[str] = ..., handler: _Optional[str] = ..., versions: _Optional[_Iterable[str]] = ...) -> None: ...

class Worker(_message.Message):
    __slots__ = ("worker_id", "session_id", "sdk", "offers", "slots", "in_flight", "connect_time", "expire_time", "server_id", "draining")
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SDK_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    CONNECT_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    SERVER_ID_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    worker_id: str
    session_id: str
    sdk: str
    offers: _containers.RepeatedCompositeFieldContainer[Offer]
    slots: int
    in_flight: int
    connect_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    server_id: str
    draining: bool
    def __init__(self, worker_id: _Optional[str] = ..., session_id: _Optional[str] = ..., sdk: _Optional[str] = ..., offers: _Optional[_Iterable[_Union[Offer, _Mapping]]] = ..., slots: _Optional[int] = ..., in_flight: _Optional[int] = ..., connect_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., server_id: _Optional[str] = ..., draining: bool = ...) -> None: ...
