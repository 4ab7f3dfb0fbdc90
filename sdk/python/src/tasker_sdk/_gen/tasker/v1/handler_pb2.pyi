from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tasker_sdk._gen.tasker.v1 import handler_ref_pb2 as _handler_ref_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HandlerOperationKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HANDLER_OPERATION_KIND_UNSPECIFIED: _ClassVar[HandlerOperationKind]
    HANDLER_OPERATION_KIND_REGISTER: _ClassVar[HandlerOperationKind]
    HANDLER_OPERATION_KIND_REPLACE: _ClassVar[HandlerOperationKind]
    HANDLER_OPERATION_KIND_DEPRECATE: _ClassVar[HandlerOperationKind]
    HANDLER_OPERATION_KIND_RESTORE: _ClassVar[HandlerOperationKind]
    HANDLER_OPERATION_KIND_PAUSE_HANDLER: _ClassVar[HandlerOperationKind]
    HANDLER_OPERATION_KIND_RESUME_HANDLER: _ClassVar[HandlerOperationKind]
    HANDLER_OPERATION_KIND_PAUSE_NAMESPACE: _ClassVar[HandlerOperationKind]
    HANDLER_OPERATION_KIND_RESUME_NAMESPACE: _ClassVar[HandlerOperationKind]
    HANDLER_OPERATION_KIND_UPDATE_NAMESPACE: _ClassVar[HandlerOperationKind]
HANDLER_OPERATION_KIND_UNSPECIFIED: HandlerOperationKind
HANDLER_OPERATION_KIND_REGISTER: HandlerOperationKind
HANDLER_OPERATION_KIND_REPLACE: HandlerOperationKind
HANDLER_OPERATION_KIND_DEPRECATE: HandlerOperationKind
HANDLER_OPERATION_KIND_RESTORE: HandlerOperationKind
HANDLER_OPERATION_KIND_PAUSE_HANDLER: HandlerOperationKind
HANDLER_OPERATION_KIND_RESUME_HANDLER: HandlerOperationKind
HANDLER_OPERATION_KIND_PAUSE_NAMESPACE: HandlerOperationKind
HANDLER_OPERATION_KIND_RESUME_NAMESPACE: HandlerOperationKind
HANDLER_OPERATION_KIND_UPDATE_NAMESPACE: HandlerOperationKind

class Handler(_message.Message):
    __slots__ = ("namespace", "name", "version", "description", "task_handler_class", "module_namespace", "concurrent", "default_dependent_system", "named_steps", "schema_json", "schema_strict", "step_templates", "revision", "create_time", "deprecation")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TASK_HANDLER_CLASS_FIELD_NUMBER: _ClassVar[int]
    MODULE_NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    CONCURRENT_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_DEPENDENT_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    NAMED_STEPS_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_STRICT_FIELD_NUMBER: _ClassVar[int]
    STEP_TEMPLATES_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DEPRECATION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    name: str
    version: str
    description: str
    task_handler_class: str
    module_namespace: str
    concurrent: bool
    default_dependent_system: str
    named_steps: _containers.RepeatedScalarFieldContainer[str]
    schema_json: str
    schema_strict: bool
    step_templates: _containers.RepeatedCompositeFieldContainer[StepTemplate]
    revision: int
    create_time: _timestamp_pb2.Timestamp
    deprecation: HandlerDeprecation
    def __init__(self, namespace: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[str] = ..., description: _Optional[str] = ..., task_handler_class: _Optional[str] = ..., module_namespace: _Optional[str] = ..., concurrent: bool = ..., default_dependent_system: _Optional[str] = ..., named_steps: _Optional[_Iterable[str]] = ..., schema_json: _Optional[str] = ..., schema_strict: bool = ..., step_templates: _Optional[_Iterable[_Union[StepTemplate, _Mapping]]] = ..., revision: _Optional[int] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., deprecation: _Optional[_Union[HandlerDeprecation, _Mapping]] = ...) -> None: ...

class StepTemplate(_message.Message):
    __slots__ = ("name", "step_handler", "dependent_system", "description", "default_retryable", "default_retry_limit", "skippable", "depends_on_step", "depends_on_steps", "handler_config_json", "custom_events", "timeout")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STEP_HANDLER_FIELD_NUMBER: _ClassVar[int]
    DEPENDENT_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_RETRY_LIMIT_FIELD_NUMBER: _ClassVar[int]
    SKIPPABLE_FIELD_NUMBER: _ClassVar[int]
    DEPENDS_ON_STEP_FIELD_NUMBER: _ClassVar[int]
    DEPENDS_ON_STEPS_FIELD_NUMBER: _ClassVar[int]
    HANDLER_CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_EVENTS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    name: str
    step_handler: str
    dependent_system: str
    description: str
    default_retryable: bool
    default_retry_limit: int
    skippable: bool
    depends_on_step: str
    depends_on_steps: _containers.RepeatedScalarFieldContainer[str]
    handler_config_json: str
    custom_events: _containers.RepeatedCompositeFieldContainer[CustomEvent]
    timeout: _duration_pb2.Duration
    def __init__(self, name: _Optional[str] = ..., step_handler: _Optional[str] = ..., dependent_system: _Optional[str] = ..., description: _Optional[str] = ..., default_retryable: bool = ..., default_retry_limit: _Optional[int] = ..., skippable: bool = ..., depends_on_step: _Optional[str] = ..., depends_on_steps: _Optional[_Iterable[str]] = ..., handler_config_json: _Optional[str] = ..., custom_events: _Optional[_Iterable[_Union[CustomEvent, _Mapping]]] = ..., timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class CustomEvent(_message.Message):
    __slots__ = ("name", "description")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class HandlerSummary(_message.Message):
    __slots__ = ("namespace", "name", "versions", "latest_version", "deprecated_versions", "available", "pauses")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    LATEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEPRECATED_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    PAUSES_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    name: str
    versions: _containers.RepeatedScalarFieldContainer[str]
    latest_version: str
    deprecated_versions: _containers.RepeatedScalarFieldContainer[str]
    available: bool
    pauses: _containers.RepeatedCompositeFieldContainer[HandlerPause]
    def __init__(self, namespace: _Optional[str] = ..., name: _Optional[str] = ..., versions: _Optional[_Iterable[str]] = ..., latest_version: _Optional[str] = ..., deprecated_versions: _Optional[_Iterable[str]] = ..., available: bool = ..., pauses: _Optional[_Iterable[_Union[HandlerPause, _Mapping]]] = ...) -> None: ...

class NamespaceSummary(_message.Message):
    __slots__ = ("name", "description", "handlers", "versions", "paused_handlers", "pause")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    HANDLERS_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    PAUSED_HANDLERS_FIELD_NUMBER: _ClassVar[int]
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    handlers: int
    versions: int
    paused_handlers: int
    pause: HandlerPause
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., handlers: _Optional[int] = ..., versions: _Optional[int] = ..., paused_handlers: _Optional[int] = ..., pause: _Optional[_Union[HandlerPause, _Mapping]] = ...) -> None: ...

class HandlerPause(_message.Message):
    __slots__ = ("namespace", "handler", "pause_time", "subject", "requested_by", "reason")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    PAUSE_TIME_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    handler: str
    pause_time: _timestamp_pb2.Timestamp
    subject: str
    requested_by: str
    reason: str
    def __init__(self, namespace: _Optional[str] = ..., handler: _Optional[str] = ..., pause_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., subject: _Optional[str] = ..., requested_by: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class HandlerDeprecation(_message.Message):
    __slots__ = ("deprecate_time", "subject", "requested_by", "reason")
    DEPRECATE_TIME_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    deprecate_time: _timestamp_pb2.Timestamp
    subject: str
    requested_by: str
    reason: str
    def __init__(self, deprecate_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., subject: _Optional[str] = ..., requested_by: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class TemplateGraph(_message.Message):
    __slots__ = ("nodes", "edges", "execution_order", "roots", "leaves", "total_steps", "total_dependencies", "max_depth", "parallel_branches", "total_paths")
    class Node(_message.Message):
        __slots__ = ("name", "description", "step_handler", "dependencies", "level")
        NAME_FIELD_NUMBER: _ClassVar[int]
        DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
        STEP_HANDLER_FIELD_NUMBER: _ClassVar[int]
        DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
        LEVEL_FIELD_NUMBER: _ClassVar[int]
        name: str
        description: str
        step_handler: str
        dependencies: _containers.RepeatedScalarFieldContainer[str]
        level: int
        def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., step_handler: _Optional[str] = ..., dependencies: _Optional[_Iterable[str]] = ..., level: _Optional[int] = ...) -> None: ...
    class Edge(_message.Message):
        __slots__ = ("to",)
        FROM_FIELD_NUMBER: _ClassVar[int]
        TO_FIELD_NUMBER: _ClassVar[int]
        to: str
        def __init__(self, to: _Optional[str] = ..., **kwargs) -> None: ...
    NODES_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ORDER_FIELD_NUMBER: _ClassVar[int]
    ROOTS_FIELD_NUMBER: _ClassVar[int]
    LEAVES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    MAX_DEPTH_FIELD_NUMBER: _ClassVar[int]
    PARALLEL_BRANCHES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_PATHS_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[TemplateGraph.Node]
    edges: _containers.RepeatedCompositeFieldContainer[TemplateGraph.Edge]
    execution_order: _containers.RepeatedScalarFieldContainer[str]
    roots: _containers.RepeatedScalarFieldContainer[str]
    leaves: _containers.RepeatedScalarFieldContainer[str]
    total_steps: int
    total_dependencies: int
    max_depth: int
    parallel_branches: int
    total_paths: str
    def __init__(self, nodes: _Optional[_Iterable[_Union[TemplateGraph.Node, _Mapping]]] = ..., edges: _Optional[_Iterable[_Union[TemplateGraph.Edge, _Mapping]]] = ..., execution_order: _Optional[_Iterable[str]] = ..., roots: _Optional[_Iterable[str]] = ..., leaves: _Optional[_Iterable[str]] = ..., total_steps: _Optional[int] = ..., total_dependencies: _Optional[int] = ..., max_depth: _Optional[int] = ..., parallel_branches: _Optional[int] = ..., total_paths: _Optional[str] = ...) -> None: ...

class StepHandlerService(_message.Message):
    __slots__ = ("step_handler", "workers", "free_slots")
    STEP_HANDLER_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    FREE_SLOTS_FIELD_NUMBER: _ClassVar[int]
    step_handler: str
    workers: int
    free_slots: int
    def __init__(self, step_handler: _Optional[str] = ..., workers: _Optional[int] = ..., free_slots: _Optional[int] = ...) -> None: ...

class HandlerRecord(_message.Message):
    __slots__ = ("tasks", "complete", "failed", "cancelled", "unfinished", "median_duration", "p95_duration", "last_task_time")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    UNFINISHED_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_DURATION_FIELD_NUMBER: _ClassVar[int]
    P95_DURATION_FIELD_NUMBER: _ClassVar[int]
    LAST_TASK_TIME_FIELD_NUMBER: _ClassVar[int]
    tasks: int
    complete: int
    failed: int
    cancelled: int
    unfinished: int
    median_duration: _duration_pb2.Duration
    p95_duration: _duration_pb2.Duration
    last_task_time: _timestamp_pb2.Timestamp
    def __init__(self, tasks: _Optional[int] = ..., complete: _Optional[int] = ..., failed: _Optional[int] = ..., cancelled: _Optional[int] = ..., unfinished: _Optional[int] = ..., median_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., p95_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., last_task_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class HandlerOperation(_message.Message):
    __slots__ = ("sequence", "kind", "handler", "subject", "requested_by", "reason", "create_time")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    kind: HandlerOperationKind
    handler: _handler_ref_pb2.HandlerRef
    subject: str
    requested_by: str
    reason: str
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, sequence: _Optional[int] = ..., kind: _Optional[_Union[HandlerOperationKind, str]] = ..., handler: _Optional[_Union[_handler_ref_pb2.HandlerRef, _Mapping]] = ..., subject: _Optional[str] = ..., requested_by: _Optional[str] = ..., reason: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
