"""A WorkerService that a test scripts: it says what the test says and records what the worker says."""

from __future__ import annotations

import queue
import threading
import time
from concurrent import futures
from typing import Any, Callable

import grpc
from google.protobuf import any_pb2, duration_pb2, timestamp_pb2
from google.rpc import error_details_pb2, status_pb2

from tasker_sdk._gen.tasker.v1 import handler_ref_pb2
from tasker_sdk._gen.tasker.worker.v1 import (
    assignment_pb2,
    result_pb2,
    session_pb2,
    worker_service_pb2_grpc,
)

WAIT = 20.0
"""How long a test waits for what must come."""

END = object()


class Stream:
    """One stream of a worker as the server sees it."""

    def __init__(self, context: grpc.ServicerContext) -> None:
        self.context = context
        self.heard: "queue.Queue[Any]" = queue.Queue()
        self.metadata = dict(context.invocation_metadata())
        self._say: "queue.Queue[Any]" = queue.Queue()
        self.answers_beats = True
        self.beats: list[float] = []

    def say(self, **message: Any) -> None:
        """Sends one message."""
        self._say.put(session_pb2.OpenSessionResponse(**message))

    def end(self) -> None:
        """Ends the stream in order."""
        self._say.put(END)

    def cut(self) -> None:
        """Breaks the stream."""
        self._say.put(grpc.StatusCode.UNAVAILABLE)

    def refuse(self, code: grpc.StatusCode, reason: str, retry_after: float | None = None) -> None:
        """Ends the stream with a typed refusal."""
        self._say.put((code, reason, retry_after))

    def next(self, kind: str) -> Any:
        """The next message of a kind; others are passed over, heartbeats answered."""
        deadline = time.monotonic() + WAIT
        while True:
            message = self.heard.get(timeout=max(deadline - time.monotonic(), 0.01))
            if message is END:
                if kind == "end":
                    return END
                raise AssertionError(f"the stream ended before a {kind}")
            if message.WhichOneof("message") == kind:
                return getattr(message, kind)

    def welcome(self, *, lease_ttl: float = 1.0, interval: float = 0.2, session: str = "s-1", **more: Any) -> None:
        """Welcomes the worker."""
        self.say(
            welcome=session_pb2.Welcome(
                session_id=session,
                lease_ttl=_duration(lease_ttl),
                heartbeat_interval=_duration(interval),
                server_version="test",
                server_time=more.pop("server_time", _now()),
                payload_bytes_max=more.pop("payload_bytes_max", 1 << 20),
                message_bytes_max=16 << 20,
                **more,
            )
        )

    def assign(self, *assignments: assignment_pb2.Assignment, sequence: int = 1) -> None:
        """Gives the worker attempts."""
        self.say(assignments=session_pb2.AssignmentBatch(assignments=assignments, sequence=sequence))

    def result(self) -> result_pb2.StepResult:
        """The next result; exactly one in its batch."""
        results = self.next("results").results
        assert len(results) == 1, results
        return results[0]

    def ack(self, result: Any, outcome: int = result_pb2.ACK_OUTCOME_ACCEPTED) -> None:
        """Acknowledges a result."""
        ack = result_pb2.Ack(step_id=result.step_id, lease_token=result.lease_token, outcome=outcome)
        self.say(acks=session_pb2.AckBatch(acks=[ack]))

    def stop(self, step_id: str, token: int, reason: int) -> None:
        """Tells the worker to stop an attempt."""
        self.say(stops=session_pb2.StopBatch(stops=[session_pb2.Stop(step_id=step_id, lease_token=token, reason=reason)]))

    def responses(self) -> Any:
        while True:
            message = self._say.get()
            if message is END:
                return
            if message is grpc.StatusCode.UNAVAILABLE:
                self.context.abort(grpc.StatusCode.UNAVAILABLE, "cut")
            if isinstance(message, tuple):
                abort(self.context, *message)
            yield message


class ScriptedServer(worker_service_pb2_grpc.WorkerServiceServicer):
    """The server; `stream()` gives the next stream that a worker opens."""

    def __init__(self) -> None:
        self._streams: "queue.Queue[Stream]" = queue.Queue()
        self._opened: list[Stream] = []
        self.unary: dict[str, Callable[[Any, Any], Any]] = {}
        self._server = grpc.server(
            futures.ThreadPoolExecutor(32), options=[("grpc.max_send_message_length", 64 << 20), ("grpc.max_receive_message_length", 64 << 20)]
        )
        worker_service_pb2_grpc.add_WorkerServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stream(self) -> Stream:
        return self._streams.get(timeout=WAIT)

    def welcomed(self, **more: Any) -> Stream:
        """The next stream, after hello and welcome."""
        stream = self.stream()
        stream.hello = stream.next("hello")  # type: ignore[attr-defined]
        stream.welcome(**more)
        return stream

    def close(self) -> None:
        for stream in self._opened:
            stream.end()
        self._server.stop(0).wait(WAIT)

    def OpenSession(self, request_iterator: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        stream = Stream(context)

        def read() -> None:
            try:
                for message in request_iterator:
                    if message.WhichOneof("message") == "heartbeat":
                        stream.beats.append(time.monotonic())
                        if stream.answers_beats:
                            stream.say(heartbeat=message.heartbeat)
                    stream.heard.put(message)
            except Exception:  # The stream was cut.
                pass
            stream.heard.put(END)

        threading.Thread(target=read, daemon=True).start()
        self._opened.append(stream)
        self._streams.put(stream)
        return stream.responses()

    def ClaimSteps(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self.unary["ClaimSteps"](request, context)

    def ReportResults(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self.unary["ReportResults"](request, context)

    def HeartbeatSession(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self.unary["HeartbeatSession"](request, context)

    def FetchDependencies(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self.unary["FetchDependencies"](request, context)


def assignment(step_id: str = "step-1", token: int = 1, step_handler: str = "Echo", inputs: str = "{}", **more: Any) -> Any:
    """An attempt."""
    return assignment_pb2.Assignment(
        task_id="task-1",
        step_id=step_id,
        lease_token=token,
        step_name=more.pop("step_name", "echo"),
        step_handler=step_handler,
        handler=handler_ref_pb2.HandlerRef(namespace="default", name="h", version=more.pop("version", "1.0.0")),
        attempt=more.pop("attempt", 1),
        retry_limit=3,
        inputs_json=inputs,
        correlation_id="corr-1",
        **more,
    )


def abort(
    context: Any,
    code: grpc.StatusCode,
    reason: str,
    retry_after: float | None = None,
    violations: tuple[tuple[str, str], ...] = (),
    message: str = "refused",
) -> None:
    """Refuses a call as the server does."""
    details = [error_details_pb2.ErrorInfo(reason=reason, domain="tasker.v1", metadata={"correlation_id": "c-1"})]
    if retry_after is not None:
        details.append(error_details_pb2.RetryInfo(retry_delay=_duration(retry_after)))
    if violations:
        bad = error_details_pb2.BadRequest()
        for field, description in violations:
            bad.field_violations.add(field=field, description=description)
        details.append(bad)
    packed = []
    for detail in details:
        packed.append(any_pb2.Any())
        packed[-1].Pack(detail)
    status = status_pb2.Status(code=code.value[0], message=message, details=packed)
    context.set_trailing_metadata([("grpc-status-details-bin", status.SerializeToString())])
    context.abort(code, message)


def _duration(seconds: float) -> duration_pb2.Duration:
    whole, rest = divmod(seconds, 1)
    return duration_pb2.Duration(seconds=int(whole), nanos=int(rest * 1e9))


def _now() -> timestamp_pb2.Timestamp:
    stamp = timestamp_pb2.Timestamp()
    stamp.GetCurrentTime()
    return stamp
