from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tasker_sdk._gen.tasker.v1 import dependency_graph_pb2 as _dependency_graph_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetTaskGraphRequest(_message.Message):
    __slots__ = ("task_id", "sections")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    sections: _containers.RepeatedScalarFieldContainer[_dependency_graph_pb2.GraphSection]
    def __init__(self, task_id: _Optional[str] = ..., sections: _Optional[_Iterable[_Union[_dependency_graph_pb2.GraphSection, str]]] = ...) -> None: ...

class GetTaskGraphResponse(_message.Message):
    __slots__ = ("graph", "generate_time", "expected_finish")
    GRAPH_FIELD_NUMBER: _ClassVar[int]
    GENERATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FINISH_FIELD_NUMBER: _ClassVar[int]
    graph: _dependency_graph_pb2.TaskGraph
    generate_time: _timestamp_pb2.Timestamp
    expected_finish: _dependency_graph_pb2.ExpectedFinish
    def __init__(self, graph: _Optional[_Union[_dependency_graph_pb2.TaskGraph, _Mapping]] = ..., generate_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expected_finish: _Optional[_Union[_dependency_graph_pb2.ExpectedFinish, _Mapping]] = ...) -> None: ...

class WatchTaskGraphRequest(_message.Message):
    __slots__ = ("task_id", "sections")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    sections: _containers.RepeatedScalarFieldContainer[_dependency_graph_pb2.GraphSection]
    def __init__(self, task_id: _Optional[str] = ..., sections: _Optional[_Iterable[_Union[_dependency_graph_pb2.GraphSection, str]]] = ...) -> None: ...

class WatchTaskGraphResponse(_message.Message):
    __slots__ = ("graph", "generate_time", "expected_finish")
    GRAPH_FIELD_NUMBER: _ClassVar[int]
    GENERATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FINISH_FIELD_NUMBER: _ClassVar[int]
    graph: _dependency_graph_pb2.TaskGraph
    generate_time: _timestamp_pb2.Timestamp
    expected_finish: _dependency_graph_pb2.ExpectedFinish
    def __init__(self, graph: _Optional[_Union[_dependency_graph_pb2.TaskGraph, _Mapping]] = ..., generate_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expected_finish: _Optional[_Union[_dependency_graph_pb2.ExpectedFinish, _Mapping]] = ...) -> None: ...
