"""A watch goes on by itself where a stream was cut."""

from __future__ import annotations

import asyncio
from concurrent import futures

import grpc
import pytest
from scripted import abort

from tasker_sdk import AsyncClient, Client, RefusedError, Task, Transition
from tasker_sdk._gen.tasker.v1 import state_pb2, task_pb2, task_service_pb2, task_service_pb2_grpc, transition_pb2


class Tasks(task_service_pb2_grpc.TaskServiceServicer):
    """Cuts the first stream in the middle."""

    def __init__(self):
        self.asked = []

    def WatchTask(self, request, context):  # noqa: N802
        self.asked.append(request.after_sequence)
        if request.task_id == "none":
            abort(context, grpc.StatusCode.NOT_FOUND, "TASK_NOT_FOUND")
        if len(self.asked) == 1:
            yield message(task=task_pb2.Task(task_id="t", revision=3, state=state_pb2.STATE_IN_PROGRESS))
            yield message(transition=transition_pb2.Transition(task_id="t", sequence=4))
            context.abort(grpc.StatusCode.UNAVAILABLE, "cut")
        yield message(transition=transition_pb2.Transition(task_id="t", sequence=5))
        yield message(task=task_pb2.Task(task_id="t", revision=5, state=state_pb2.STATE_COMPLETE))


def message(**of):
    return task_service_pb2.WatchTaskResponse(**of)


@pytest.fixture
def served():
    tasks = Tasks()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    task_service_pb2_grpc.add_TaskServiceServicer_to_server(tasks, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield tasks, f"http://127.0.0.1:{port}"
    server.stop(0).wait()


def told(updates):
    return [update.sequence if isinstance(update, Transition) else update.state for update in updates]


EXPECTED = ["in_progress", 4, 5, "complete"]


def test_the_blocking_client_resumes(served):
    tasks, endpoint = served
    with Client(endpoint) as client:
        assert told(client.watch("t", wait=20)) == EXPECTED
        assert tasks.asked == [0, 4]
        assert isinstance(client.wait("t", wait=20), Task)
        with pytest.raises(RefusedError) as unknown:
            list(client.watch("none"))
        assert unknown.value.reason == "TASK_NOT_FOUND"
        assert list(client.watch("t", wait=0)) == []


def test_the_asynchronous_client_resumes(served):
    tasks, endpoint = served

    async def work():
        async with AsyncClient(endpoint) as client:
            updates = [update async for update in client.watch("t", wait=20)]
            with pytest.raises(RefusedError) as unknown:
                await client.wait("none")
            return told(updates), unknown.value.reason

    assert asyncio.run(work()) == (EXPECTED, "TASK_NOT_FOUND")
    assert tasks.asked[:2] == [0, 4]
