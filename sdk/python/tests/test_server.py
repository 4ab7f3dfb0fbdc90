"""Client and worker against a real server, which the tests start themselves."""

from __future__ import annotations

import asyncio
import datetime
import threading

import pytest

from tasker_sdk import AsyncClient, Client, PermanentError, RefusedError, StepContext, TaskFailedError, Transition, Worker
from tasker_sdk._gen.tasker.v1 import handler_pb2, handler_service_pb2
from tasker_sdk.testing import TestServer


@pytest.fixture(scope="module")
def endpoint():
    with TestServer() as server:
        with Client(server.endpoint) as client:
            steps = [
                handler_pb2.StepTemplate(name="reserve", step_handler="Reserve"),
                handler_pb2.StepTemplate(name="label", step_handler="Label", depends_on_step="reserve", default_retry_limit=2),
            ]
            handler = handler_pb2.Handler(namespace="shop", name="ship", version="1.0.0", step_templates=steps)
            request = handler_service_pb2.RegisterHandlersRequest(handlers=[handler])
            client.call(client.stubs.handlers.RegisterHandlers, request)
        yield server.endpoint


@pytest.fixture(params=["stream", "unary"])
def worker(request, endpoint):
    worker = Worker(endpoint, namespace="shop", slots=4, mode=request.param)

    @worker.step("Reserve")
    def reserve(ctx: StepContext, order):
        if order.get("fail"):
            raise PermanentError("no such order", code="NO_ORDER", details={"order": order["n"]})
        return {"n": order["n"], "nothing": None, "text": "é☂\u2028"}

    @worker.step("Label")
    async def label(ctx: StepContext, order):
        await asyncio.sleep(0)
        return {"label": ctx.dependency("reserve")["n"] + 1, "null": ctx.dependency("reserve")["nothing"]}

    thread = threading.Thread(target=worker.run_blocking, daemon=True)
    thread.start()
    yield worker
    worker.drain()
    assert worker.wait(30)


def test_a_task_runs_to_its_output(endpoint, worker):
    with Client(endpoint) as client:
        number = 12345678901234567890
        task = client.submit_and_wait("shop.ship", {"n": number}, wait=60, tags=["a"])
        assert task.output == {"label": {"label": number + 1, "null": None}}
        assert task.step("reserve").results["text"] == "é☂\u2028"
        assert (task.handler, task.state) == ("shop.ship@1.0.0", "complete")
        moves = [update for update in client.watch(task.id) if isinstance(update, Transition)]
        later = [update for update in client.watch(task.id, after=2) if isinstance(update, Transition)]
        assert all(move.sequence > 2 for move in later) and len(moves) <= task.raw.revision
        assert task.id in {found.id for found in client.list(handler="ship", namespace="shop", tags=["a"], page_size=1)}


def test_a_failed_task_says_why_and_can_be_retried(endpoint, worker):
    with Client(endpoint) as client:
        with pytest.raises(TaskFailedError, match="no such order") as failed:
            client.submit_and_wait("shop.ship", {"n": 1, "fail": True}, wait=60)
        task = failed.value.task
        failure = task.step("reserve").raw.failure
        assert (task.state, failure.error_code, failure.context_json) == ("error", "NO_ORDER", '{"order":1}')
        assert client.resolve_step(task.step("reserve").id, {"n": 5, "nothing": None}, reason="by hand").state == "resolved_manually"
        done = client.retry(task.id) if client.get(task.id).state == "error" else client.get(task.id)
        assert client.wait(done.id, wait=60).output["label"]["label"] == 6


def test_refusals_are_typed_and_keys_repeat(endpoint):
    with Client(endpoint) as client:
        with pytest.raises(RefusedError) as unknown:
            client.submit("shop.none", {"n": 1})
        assert unknown.value.reason == "HANDLER_UNKNOWN" and unknown.value.metadata["correlation_id"]
        with pytest.raises(RefusedError) as invalid:
            client.submit("shop.ship", [1], initiator="x" * 200)
        assert invalid.value.reason == "INVALID_FIELDS" and len(invalid.value.violations) == 2
        first = client.submit("shop.ship", {"n": 1}, idempotency_key="k")
        assert client.submit("shop.ship", {"n": 1}, idempotency_key="k").id == first.id
        with pytest.raises(RefusedError) as taken:
            client.submit("shop.ship", {"n": 2}, idempotency_key="k")
        assert taken.value.reason == "TASK_EXISTS"
        outcomes = client.submit_many([client.new_task("shop.ship", {"n": 1}), client.new_task("shop.none", {"n": 1})])
        assert outcomes[0].state == "pending" and outcomes[1].reason == "HANDLER_UNKNOWN"
        tomorrow = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
        changed = client.update(first.id, tags=["t"], deadline=tomorrow)
        assert list(changed.raw.tags) == ["t"] and changed.raw.HasField("deadline_time")
        assert client.explain(first.id).task_id == first.id
        assert [handler.name for handler in client.handlers("shop")] == ["ship"]
        assert client.cancel(first.id, reason="enough").state == "cancelled"
        assert client.cancel(first.id).state == "cancelled"


def test_the_asynchronous_client_does_the_same(endpoint, worker):
    async def work():
        async with AsyncClient(endpoint) as client:
            task = await client.submit_and_wait("shop.ship", {"n": 7}, wait=60)
            listed = [found.id async for found in client.list(namespace="shop", page_size=2)]
            with pytest.raises(RefusedError) as unknown:
                await client.get("01900000-0000-7000-8000-000000000000")
            return task.output, task.id in listed, unknown.value.reason

    assert asyncio.run(work()) == ({"label": {"label": 8, "null": None}}, True, "TASK_NOT_FOUND")
