from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tasker_sdk._gen.tasker.v1 import handler_pb2 as _handler_pb2
from tasker_sdk._gen.tasker.v1 import handler_ref_pb2 as _handler_ref_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RegistrationOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REGISTRATION_OUTCOME_UNSPECIFIED: _ClassVar[RegistrationOutcome]
    REGISTRATION_OUTCOME_CREATED: _ClassVar[RegistrationOutcome]
    REGISTRATION_OUTCOME_UNCHANGED: _ClassVar[RegistrationOutcome]
    REGISTRATION_OUTCOME_REPLACED: _ClassVar[RegistrationOutcome]
REGISTRATION_OUTCOME_UNSPECIFIED: RegistrationOutcome
REGISTRATION_OUTCOME_CREATED: RegistrationOutcome
REGISTRATION_OUTCOME_UNCHANGED: RegistrationOutcome
REGISTRATION_OUTCOME_REPLACED: RegistrationOutcome

class RegisterHandlersRequest(_message.Message):
    __slots__ = ("handlers", "replace", "validate_only", "reason", "requested_by")
    HANDLERS_FIELD_NUMBER: _ClassVar[int]
    REPLACE_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    handlers: _containers.RepeatedCompositeFieldContainer[_handler_pb2.Handler]
    replace: bool
    validate_only: bool
    reason: str
    requested_by: str
    def __init__(self, handlers: _Optional[_Iterable[_Union[_handler_pb2.Handler, _Mapping]]] = ..., replace: bool = ..., validate_only: bool = ..., reason: _Optional[str] = ..., requested_by: _Optional[str] = ...) -> None: ...

class RegisterHandlersResponse(_message.Message):
    __slots__ = ("handlers", "outcomes")
    HANDLERS_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    handlers: _containers.RepeatedCompositeFieldContainer[_handler_pb2.Handler]
    outcomes: _containers.RepeatedScalarFieldContainer[RegistrationOutcome]
    def __init__(self, handlers: _Optional[_Iterable[_Union[_handler_pb2.Handler, _Mapping]]] = ..., outcomes: _Optional[_Iterable[_Union[RegistrationOutcome, str]]] = ...) -> None: ...

class GetHandlerRequest(_message.Message):
    __slots__ = ("handler", "omit_graph")
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    OMIT_GRAPH_FIELD_NUMBER: _ClassVar[int]
    handler: _handler_ref_pb2.HandlerRef
    omit_graph: bool
    def __init__(self, handler: _Optional[_Union[_handler_ref_pb2.HandlerRef, _Mapping]] = ..., omit_graph: bool = ...) -> None: ...

class GetHandlerResponse(_message.Message):
    __slots__ = ("handler", "graph", "step_handlers", "available", "record", "pauses")
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    GRAPH_FIELD_NUMBER: _ClassVar[int]
    STEP_HANDLERS_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    PAUSES_FIELD_NUMBER: _ClassVar[int]
    handler: _handler_pb2.Handler
    graph: _handler_pb2.TemplateGraph
    step_handlers: _containers.RepeatedCompositeFieldContainer[_handler_pb2.StepHandlerService]
    available: bool
    record: _handler_pb2.HandlerRecord
    pauses: _containers.RepeatedCompositeFieldContainer[_handler_pb2.HandlerPause]
    def __init__(self, handler: _Optional[_Union[_handler_pb2.Handler, _Mapping]] = ..., graph: _Optional[_Union[_handler_pb2.TemplateGraph, _Mapping]] = ..., step_handlers: _Optional[_Iterable[_Union[_handler_pb2.StepHandlerService, _Mapping]]] = ..., available: bool = ..., record: _Optional[_Union[_handler_pb2.HandlerRecord, _Mapping]] = ..., pauses: _Optional[_Iterable[_Union[_handler_pb2.HandlerPause, _Mapping]]] = ...) -> None: ...

class ListHandlersRequest(_message.Message):
    __slots__ = ("namespace", "page_size", "page_token")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    page_size: int
    page_token: str
    def __init__(self, namespace: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListHandlersResponse(_message.Message):
    __slots__ = ("handlers", "next_page_token")
    HANDLERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    handlers: _containers.RepeatedCompositeFieldContainer[_handler_pb2.HandlerSummary]
    next_page_token: str
    def __init__(self, handlers: _Optional[_Iterable[_Union[_handler_pb2.HandlerSummary, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListNamespacesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListNamespacesResponse(_message.Message):
    __slots__ = ("namespaces", "next_page_token")
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    namespaces: _containers.RepeatedCompositeFieldContainer[_handler_pb2.NamespaceSummary]
    next_page_token: str
    def __init__(self, namespaces: _Optional[_Iterable[_Union[_handler_pb2.NamespaceSummary, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateNamespaceRequest(_message.Message):
    __slots__ = ("namespace", "update_mask", "reason", "requested_by")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    namespace: _handler_pb2.NamespaceSummary
    update_mask: _field_mask_pb2.FieldMask
    reason: str
    requested_by: str
    def __init__(self, namespace: _Optional[_Union[_handler_pb2.NamespaceSummary, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., reason: _Optional[str] = ..., requested_by: _Optional[str] = ...) -> None: ...

class UpdateNamespaceResponse(_message.Message):
    __slots__ = ("namespace",)
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    namespace: _handler_pb2.NamespaceSummary
    def __init__(self, namespace: _Optional[_Union[_handler_pb2.NamespaceSummary, _Mapping]] = ...) -> None: ...

class ListHandlerOperationsRequest(_message.Message):
    __slots__ = ("namespace", "handler", "kinds", "start_time", "end_time", "page_size", "page_token")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    handler: str
    kinds: _containers.RepeatedScalarFieldContainer[_handler_pb2.HandlerOperationKind]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    def __init__(self, namespace: _Optional[str] = ..., handler: _Optional[str] = ..., kinds: _Optional[_Iterable[_Union[_handler_pb2.HandlerOperationKind, str]]] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListHandlerOperationsResponse(_message.Message):
    __slots__ = ("operations", "next_page_token")
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    operations: _containers.RepeatedCompositeFieldContainer[_handler_pb2.HandlerOperation]
    next_page_token: str
    def __init__(self, operations: _Optional[_Iterable[_Union[_handler_pb2.HandlerOperation, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeprecateHandlerRequest(_message.Message):
    __slots__ = ("handler", "reason", "requested_by")
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    handler: _handler_ref_pb2.HandlerRef
    reason: str
    requested_by: str
    def __init__(self, handler: _Optional[_Union[_handler_ref_pb2.HandlerRef, _Mapping]] = ..., reason: _Optional[str] = ..., requested_by: _Optional[str] = ...) -> None: ...

class DeprecateHandlerResponse(_message.Message):
    __slots__ = ("handler",)
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    handler: _handler_pb2.Handler
    def __init__(self, handler: _Optional[_Union[_handler_pb2.Handler, _Mapping]] = ...) -> None: ...

class RestoreHandlerRequest(_message.Message):
    __slots__ = ("handler", "reason", "requested_by")
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    handler: _handler_ref_pb2.HandlerRef
    reason: str
    requested_by: str
    def __init__(self, handler: _Optional[_Union[_handler_ref_pb2.HandlerRef, _Mapping]] = ..., reason: _Optional[str] = ..., requested_by: _Optional[str] = ...) -> None: ...

class RestoreHandlerResponse(_message.Message):
    __slots__ = ("handler",)
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    handler: _handler_pb2.Handler
    def __init__(self, handler: _Optional[_Union[_handler_pb2.Handler, _Mapping]] = ...) -> None: ...

class PauseHandlerRequest(_message.Message):
    __slots__ = ("namespace", "handler", "reason", "requested_by")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    handler: str
    reason: str
    requested_by: str
    def __init__(self, namespace: _Optional[str] = ..., handler: _Optional[str] = ..., reason: _Optional[str] = ..., requested_by: _Optional[str] = ...) -> None: ...

class PauseHandlerResponse(_message.Message):
    __slots__ = ("pause",)
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    pause: _handler_pb2.HandlerPause
    def __init__(self, pause: _Optional[_Union[_handler_pb2.HandlerPause, _Mapping]] = ...) -> None: ...

class ResumeHandlerRequest(_message.Message):
    __slots__ = ("namespace", "handler", "reason", "requested_by")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    handler: str
    reason: str
    requested_by: str
    def __init__(self, namespace: _Optional[str] = ..., handler: _Optional[str] = ..., reason: _Optional[str] = ..., requested_by: _Optional[str] = ...) -> None: ...

class ResumeHandlerResponse(_message.Message):
    __slots__ = ("was_paused",)
    WAS_PAUSED_FIELD_NUMBER: _ClassVar[int]
    was_paused: bool
    def __init__(self, was_paused: bool = ...) -> None: ...

class PauseNamespaceRequest(_message.Message):
    __slots__ = ("namespace", "reason", "requested_by")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    reason: str
    requested_by: str
    def __init__(self, namespace: _Optional[str] = ..., reason: _Optional[str] = ..., requested_by: _Optional[str] = ...) -> None: ...

class PauseNamespaceResponse(_message.Message):
    __slots__ = ("pause",)
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    pause: _handler_pb2.HandlerPause
    def __init__(self, pause: _Optional[_Union[_handler_pb2.HandlerPause, _Mapping]] = ...) -> None: ...

class ResumeNamespaceRequest(_message.Message):
    __slots__ = ("namespace", "reason", "requested_by")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    reason: str
    requested_by: str
    def __init__(self, namespace: _Optional[str] = ..., reason: _Optional[str] = ..., requested_by: _Optional[str] = ...) -> None: ...

class ResumeNamespaceResponse(_message.Message):
    __slots__ = ("was_paused",)
    WAS_PAUSED_FIELD_NUMBER: _ClassVar[int]
    was_paused: bool
    def __init__(self, was_paused: bool = ...) -> None: ...
