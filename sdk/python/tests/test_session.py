"""What a worker says and obeys on its stream."""

from __future__ import annotations

import asyncio
import json
import threading
import time

import grpc
import pytest
from conftest import until
from google.protobuf import timestamp_pb2
from scripted import assignment

from tasker_sdk import PermanentError, RefusedError, RetryableError, SetupError, StepContext, Token, Worker
from tasker_sdk._gen.tasker.worker.v1 import assignment_pb2, result_pb2, session_pb2, worker_service_pb2


def echo_worker(server, **options):
    worker = Worker(server.endpoint, **options)

    @worker.step("Echo")
    def echo(ctx, input):
        return input

    return worker


def test_hello_introduces_the_worker(server, run):
    worker = echo_worker(server, slots=7, worker_id="w")
    worker.task("ship", namespace="logistics", versions=["1.0.0"])(lambda ctx: None)
    run(worker)
    hello = server.stream().next("hello")
    assert (hello.worker_id, hello.slots, hello.session_id, list(hello.held)) == ("w", 7, "", [])
    assert hello.sdk == "tasker-python/0.1.0"
    offers = {(o.namespace, o.step_handler, o.handler, tuple(o.versions)) for o in hello.offers}
    assert offers == {("default", "Echo", "", ()), ("logistics", "", "ship", ("1.0.0",))}


def test_a_result_is_kept_until_it_is_acknowledged(server, run):
    running = run(echo_worker(server))
    stream = server.welcomed()
    stream.assign(assignment(inputs='{"n":9007199254740993}'))
    first = stream.result()
    assert first.success.results_json == '{"n":9007199254740993}'
    stream.cut()
    again = server.stream()
    hello = again.next("hello")
    assert hello.session_id == "s-1"
    assert [(lease.step_id, lease.lease_token) for lease in hello.held] == [("step-1", 1)]
    again.welcome()
    second = again.result()
    assert second == first
    again.ack(second)
    until(lambda: running.worker.status().unacknowledged == 0)


def test_results_come_once_after_an_accepted_ack_and_again_after_retry(server, run):
    dropped = []
    worker = echo_worker(server)
    worker.on_result_dropped(lambda *what: dropped.append(what))
    run(worker)
    stream = server.welcomed()
    stream.assign(assignment("a"))
    result = stream.result()
    stream.ack(result, result_pb2.ACK_OUTCOME_RETRY)
    assert stream.result() == result
    stream.ack(result, 77)
    until(lambda: dropped)
    assert dropped[0][:3] == ("a", 1, "77")
    stream.assign(assignment("b"))
    stale = stream.result()
    stream.ack(stale, result_pb2.ACK_OUTCOME_STALE)
    until(lambda: len(dropped) == 2)
    assert dropped[1][2] == "ACK_OUTCOME_STALE"
    assert worker.status().unacknowledged == 0


def test_what_a_welcome_says_is_lost_is_stopped_and_not_reported(server, run):
    reasons, gate = [], threading.Event()
    worker = Worker(server.endpoint)

    @worker.step("Echo")
    def wait(ctx: StepContext):
        if ctx.step_id == "kept":
            gate.wait(10)
            return "kept"
        ctx.cancelled.wait(10)
        reasons.append(ctx.cancel_reason)
        return "lost"

    run(worker)
    stream = server.welcomed(lease_ttl=20, interval=5)
    stream.assign(assignment("lost"), assignment("kept"))
    until(lambda: worker.status().running == 2)
    stream.cut()
    again = server.stream()
    held = {lease.step_id for lease in again.next("hello").held}
    assert held == {"lost", "kept"}
    again.welcome(lost=[assignment_pb2.HeldLease(step_id="lost", lease_token=1)])
    until(lambda: reasons)
    gate.set()
    assert again.result().step_id == "kept"
    assert reasons == ["lease_lost"]


def test_an_unknown_session_begins_anew(server, run):
    run(echo_worker(server))
    server.welcomed().cut()
    second = server.stream()
    assert second.next("hello").session_id == "s-1"
    second.refuse(grpc.StatusCode.NOT_FOUND, "SESSION_UNKNOWN")
    assert server.stream().next("hello").session_id == ""


def test_the_same_attempt_twice_runs_once_and_a_greater_token_again(server, run):
    calls = []
    worker = Worker(server.endpoint)
    worker.step("Echo")(lambda ctx: calls.append(ctx.lease_token))
    run(worker)
    stream = server.welcomed()
    stream.assign(assignment(token=1), assignment(token=1), assignment(token=2))
    tokens = {result.lease_token for result in _results(stream, 2)}
    assert tokens == {1, 2} and sorted(calls) == [1, 2]


def _results(stream, count):
    results = []
    while len(results) < count:
        results.extend(stream.next("results").results)
    return results


def test_odd_ids_and_unknown_messages_do_no_harm(server, run):
    run(echo_worker(server))
    stream = server.welcomed()
    stream.say()
    stream.say(heartbeat=session_pb2.Heartbeat())
    stream.assign(assignment("no uuid at all ☂"))
    assert stream.result().step_id == "no uuid at all ☂"


def test_a_silent_stream_is_left_for_another(server, run):
    run(echo_worker(server))
    stream = server.welcomed(lease_ttl=0.4, interval=0.1)
    stream.answers_beats = False
    again = server.stream()
    assert again.next("hello").session_id == "s-1"


def test_leases_end_locally_and_results_are_offered_again(server, run):
    reasons = []
    worker = Worker(server.endpoint)

    @worker.step("Echo")
    def wait(ctx: StepContext):
        if ctx.step_id == "done":
            return "done"
        ctx.cancelled.wait(10)
        reasons.append(ctx.cancel_reason)

    run(worker)
    stream = server.welcomed(lease_ttl=0.5, interval=0.1)
    stream.assign(assignment("running"), assignment("done"))
    assert stream.result().step_id == "done"
    stream.answers_beats = False
    stream.cut()
    second = server.stream()
    second.next("hello")
    until(lambda: reasons)
    assert reasons == ["lease_lost"]
    second.cut()
    third = server.stream()
    assert [lease.step_id for lease in third.next("hello").held] == ["done"]
    third.welcome()
    assert third.result().step_id == "done"


@pytest.mark.parametrize("reason, code", [("UNAUTHENTICATED", "UNAUTHENTICATED"), ("PERMISSION_MISSING", "PERMISSION_DENIED"), ("INVALID_FIELDS", "INVALID_ARGUMENT")])
def test_a_refusal_for_good_ends_the_worker(server, run, reason, code):
    running = run(echo_worker(server, token="t"))
    server.stream().refuse(grpc.StatusCode[code], reason)
    error = running.ended()
    assert isinstance(error, RefusedError) and error.reason == reason and error.metadata["correlation_id"] == "c-1"


def test_a_refusal_for_now_waits_as_long_as_the_server_says(server, run):
    run(echo_worker(server))
    server.stream().refuse(grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE", 0.3)
    began = time.monotonic()
    server.stream()
    assert time.monotonic() - began >= 0.29


def test_null_is_told_from_nothing(server, run):
    worker = Worker(server.endpoint)

    @worker.step("Nothing")
    def nothing(ctx) -> None:
        return None

    @worker.step("Null")
    def null(ctx) -> "dict | None":
        return None

    run(worker)
    stream = server.welcomed()
    stream.assign(assignment("a", step_handler="Nothing"))
    assert not stream.result().success.HasField("results_json")
    stream.assign(assignment("b", step_handler="Null"))
    assert stream.result().success.results_json == "null"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "a\x00b", "\ud800", {1, object()}])
def test_what_is_no_json_fails_for_good(server, run, value):
    worker = Worker(server.endpoint)
    worker.step("Echo")(lambda ctx: value)
    run(worker)
    stream = server.welcomed()
    stream.assign(assignment())
    failure = stream.result().failure
    assert failure.permanent and failure.error_class == "InvalidResult"


def test_depth_and_size_are_bounded(server, run):
    worker = Worker(server.endpoint)

    def nested(levels):
        value = []
        for _ in range(levels - 1):
            value = [value]
        return value

    made = {"fits": nested(127), "deep": nested(128), "deepest": nested(100_000), "large": "x" * 998, "larger": "x" * 999}
    worker.step("Echo")(lambda ctx: made[ctx.step_id])
    run(worker)
    stream = server.welcomed(payload_bytes_max=1_000)
    got = {}
    for name in made:
        stream.assign(assignment(name))
        result = stream.result()
        got[name] = result.failure.error_class if result.HasField("failure") else "ok"
        stream.ack(result)
    assert got == {"fits": "ok", "deep": "InvalidResult", "deepest": "InvalidResult", "large": "ok", "larger": "ResultTooLarge"}


def test_a_huge_failure_is_cut_and_the_stream_lives(server, run):
    worker = Worker(server.endpoint)

    @worker.step("Echo")
    def fail(ctx):
        raise PermanentError("m\x00" * 500_000, code="C" * 1_000, details={"d": "x" * (20 << 20)})

    run(worker)
    stream = server.welcomed()
    stream.assign(assignment())
    result = stream.result()
    assert result.ByteSize() < 100_000
    assert len(result.failure.message) == 4_096 and "\x00" not in result.failure.message
    assert json.loads(result.failure.context_json) == {"details_left_out": "more than 1048576 bytes"}


def test_errors_say_what_they_are(server, run):
    worker = Worker(server.endpoint)

    @worker.step("Echo")
    def fail(ctx: StepContext):
        raise {
            "later": RetryableError("busy", retry_after=1.5),
            "now": RetryableError("busy", retry_after=0),
            "some time": RetryableError("busy"),
            "never": PermanentError("no order", code="NO_ORDER", details={"order": 7}),
            "native": ValueError("bad"),
            "exit": SystemExit(3),
        }[ctx.step_id]

    run(worker)
    stream = server.welcomed()
    failures = {}
    for name in ("later", "now", "some time", "never", "native", "exit"):
        stream.assign(assignment(name))
        result = stream.result()
        failures[name] = result.failure
        stream.ack(result)
    assert (failures["later"].retry_after.seconds, failures["later"].retry_after.nanos) == (1, 500_000_000)
    assert failures["now"].HasField("retry_after") and failures["now"].retry_after.seconds == 0
    assert not failures["some time"].HasField("retry_after")
    assert (failures["never"].permanent, failures["never"].error_code) == (True, "NO_ORDER")
    assert failures["never"].context_json == '{"order":7}'
    assert (failures["native"].error_class, failures["native"].message) == ("ValueError", "bad")
    assert "in fail" in failures["native"].backtrace and "attempt.py" not in failures["native"].backtrace
    assert (failures["exit"].error_class, failures["exit"].permanent) == ("SystemExit", False)


def test_a_stop_reaches_an_async_handler_at_once_and_nothing_is_reported(server, run):
    seen = []
    worker = Worker(server.endpoint, slots=1)

    @worker.step("Echo")
    async def wait(ctx: StepContext):
        if ctx.step_id == "next":
            return "next"
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append(ctx.cancel_reason)
            raise

    run(worker)
    stream = server.welcomed()
    stream.assign(assignment("first"))
    until(lambda: worker.status().running == 1)
    stream.stop("first", 1, session_pb2.STOP_REASON_CANCELLED)
    until(lambda: seen)
    stream.assign(assignment("next"))
    assert stream.result().step_id == "next"
    assert seen == ["cancelled"]


def test_a_stuck_handler_keeps_its_slot_and_is_named(server, run):
    stuck, gate, most, now = [], threading.Event(), [0], [0]
    lock = threading.Lock()
    worker = Worker(server.endpoint, slots=2, stop_grace=0.1)
    worker.on_stuck(lambda ctx: stuck.append(ctx.step_id))

    @worker.step("Echo")
    def block(ctx: StepContext):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        if ctx.step_id == "deaf":
            gate.wait(10)
        with lock:
            now[0] -= 1

    run(worker)
    stream = server.welcomed(lease_ttl=10)
    stream.assign(assignment("deaf"))
    until(lambda: worker.status().running == 1)
    stream.stop("deaf", 1, session_pb2.STOP_REASON_CANCELLED)
    assert stream.next("set_slots").slots == 1
    until(lambda: stuck)
    assert worker.status().stuck == ("Echo",)
    stream.assign(*(assignment(f"s{i}") for i in range(10)))
    _results(stream, 10)
    gate.set()
    assert stream.next("set_slots").slots == 2
    assert most[0] <= 2 and stuck == ["deaf"]


def test_a_deadline_is_by_the_servers_clock(server, run):
    seen = []
    worker = Worker(server.endpoint)

    @worker.step("Echo")
    def wait(ctx: StepContext):
        ctx.cancelled.wait(10)
        seen.append((ctx.cancel_reason, ctx.remaining))

    run(worker)
    an_hour_ahead = int(time.time()) + 3_600
    stream = server.welcomed(lease_ttl=10, server_time=timestamp_pb2.Timestamp(seconds=an_hour_ahead))
    stream.assign(assignment(deadline_time=timestamp_pb2.Timestamp(seconds=an_hour_ahead, nanos=300_000_000)))
    until(lambda: seen)
    assert seen == [("timed_out", 0.0)]


def test_heartbeats_go_on_while_handlers_compute(server, run):
    worker = Worker(server.endpoint)
    end = time.monotonic() + 1.5

    @worker.step("Echo")
    def spin(ctx):
        while time.monotonic() < end:
            pass

    run(worker)
    stream = server.welcomed(lease_ttl=1.0, interval=0.2)
    stream.assign(assignment("a"), assignment("b"))
    _results(stream, 2)
    gaps = [later - earlier for earlier, later in zip(stream.beats, stream.beats[1:])]
    assert len(gaps) >= 4 and max(gaps) < 1.0


def test_a_heartbeat_says_what_was_received(server, run):
    run(echo_worker(server))
    stream = server.welcomed(interval=0.05, lease_ttl=5)
    assert stream.next("heartbeat").received_sequence == 0
    stream.assign(assignment(), sequence=41)
    until(lambda: stream.next("heartbeat").received_sequence == 41)


def test_of_many_progress_reports_the_last_arrives(server, run):
    gate = threading.Event()
    worker = Worker(server.endpoint)

    @worker.step("Echo")
    def report(ctx: StepContext):
        for number in range(10_000):
            ctx.progress(number / 100, f"n{number}")
        ctx.progress(float("nan"))
        ctx.progress(250, "é" * 300)
        gate.wait(10)

    run(worker)
    stream = server.welcomed(lease_ttl=20)
    stream.assign(assignment())
    messages = 0
    while True:
        entries = stream.next("progress").progress
        messages += 1
        if entries[-1].percent == 100 and entries[-1].note == "é" * 255:
            break
    assert messages < 5_000
    gate.set()


def test_slots_change_while_it_runs(server, run):
    worker = echo_worker(server, slots=8)
    run(worker)
    stream = server.welcomed()
    worker.slots = 0
    assert stream.next("set_slots").slots == 0
    worker.slots = 4
    assert stream.next("set_slots").slots == 4


def test_an_idle_worker_drains_at_once(server, run):
    running = run(echo_worker(server))
    stream = server.welcomed()
    running.worker.drain()
    assert stream.next("drain").grace.seconds == 20
    stream.next("end")
    stream.end()
    assert running.ended() is None


def test_a_busy_worker_finishes_what_it_has(server, run):
    seen, gate = [], threading.Event()
    worker = Worker(server.endpoint)

    @worker.step("Echo")
    def wait(ctx: StepContext):
        gate.wait(10)
        seen.append(ctx.shutting_down.is_set())
        return "done"

    running = run(worker)
    stream = server.welcomed()
    stream.assign(assignment("before"))
    until(lambda: worker.status().running == 1)
    worker.drain()
    stream.next("drain")
    stream.assign(assignment("crossed"), sequence=2)
    until(lambda: worker.status().running == 2)
    gate.set()
    results = _results(stream, 2)
    assert {result.step_id for result in results} == {"before", "crossed"}
    for result in results:
        stream.ack(result)
    stream.next("end")
    stream.end()
    assert running.ended() is None and seen == [True, True]


def test_what_does_not_end_within_the_grace_is_handed_back(server, run):
    seen = []
    worker = Worker(server.endpoint, drain_grace=0.2)

    @worker.step("Echo")
    def wait(ctx: StepContext):
        ctx.cancelled.wait(10)
        seen.append(ctx.cancel_reason)

    running = run(worker)
    stream = server.welcomed()
    stream.assign(assignment())
    until(lambda: worker.status().running == 1)
    worker.drain()
    result = stream.result()
    assert result.release.reason == result_pb2.RELEASE_REASON_WORKER_DRAINING
    stream.ack(result)
    stream.next("end")
    stream.end()
    assert running.ended() is None
    until(lambda: seen)
    assert seen == ["draining"]


def test_a_draining_worker_reconnects_to_hand_in_what_is_done(server, run):
    running = run(echo_worker(server))
    stream = server.welcomed()
    stream.assign(assignment())
    stream.result()
    stream.cut()
    running.worker.drain()
    again = server.welcomed()
    result = again.result()
    again.ack(result)
    again.next("end")
    again.end()
    assert running.ended() is None


def test_an_unknown_step_is_handed_back(server, run):
    worker = Worker(server.endpoint)
    worker.task("h", versions=["1.0.0"])(lambda ctx: "done")
    run(worker)
    stream = server.welcomed()
    stream.assign(assignment("old", step_handler="X"))
    assert stream.result().success.results_json == '"done"'
    stream.assign(assignment("new", step_handler="X", version="2.0.0"))
    assert stream.result().release.reason == result_pb2.RELEASE_REASON_NOT_SUPPORTED


def test_inputs_that_do_not_fit_fail_for_good(server, run):
    import dataclasses

    @dataclasses.dataclass
    class Order:
        id: int
        note: str = ""

    worker = Worker(server.endpoint)

    @worker.step("Typed")
    def typed(ctx: StepContext, order: Order):
        return order.id + ctx.dependency("parent", int)

    typed.__annotations__["order"] = Order
    worker2 = Worker(server.endpoint)
    worker2.step("Typed")(typed)
    run(worker2)
    stream = server.welcomed()
    parent = [assignment_pb2.DependencyResult(step_name="parent", results_json="1")]
    wrong = [assignment_pb2.DependencyResult(step_name="parent", results_json='"x"')]
    cases = {
        "fits": ('{"id":1}', parent, "2"),
        "input": ('{"id":"x"}', parent, "InvalidInputs"),
        "none": ('{"id":1}', [], "UnknownParent"),
        "parent": ('{"id":1}', wrong, "InvalidDependency"),
    }
    got = {}
    for name, (inputs, dependencies, _) in cases.items():
        stream.assign(assignment(name, step_handler="Typed", inputs=inputs, dependencies=dependencies))
        result = stream.result()
        got[name] = result.failure.error_class if result.HasField("failure") else result.success.results_json
        assert not result.HasField("failure") or result.failure.permanent
        stream.ack(result)
    assert got == {name: expected for name, (_, _, expected) in cases.items()}


def test_a_changed_token_is_sent_on_the_stream(server, run, tmp_path):
    file = tmp_path / "token"
    file.write_text("one")
    run(echo_worker(server, token=Token.from_file(file)))
    stream = server.welcomed(interval=0.05, lease_ttl=5)
    assert stream.metadata["authorization"] == "Bearer one"
    file.write_text("another")
    assert stream.next("refresh").token == "another"


def test_omitted_results_are_fetched_once_over_pages(server, run):
    asked = []

    def fetch(request, context):
        asked.append(request.page_token)
        if not request.page_token:
            entry = assignment_pb2.DependencyResult(step_name="a", results_json="1")
            return worker_service_pb2.FetchDependenciesResponse(dependencies=[entry], next_page_token="2")
        entry = assignment_pb2.DependencyResult(step_name="b", results_json="2")
        return worker_service_pb2.FetchDependenciesResponse(dependencies=[entry])

    server.unary["FetchDependencies"] = fetch
    worker = Worker(server.endpoint)
    worker.step("Echo")(lambda ctx: ctx.dependency("a") + ctx.dependency("b"))
    run(worker)
    stream = server.welcomed()
    stream.assign(assignment(dependencies_omitted=True))
    assert stream.result().success.results_json == "3"
    assert asked == ["", "2"]


def test_a_server_that_drains_is_left_when_all_is_said(server, run):
    run(echo_worker(server))
    stream = server.welcomed()
    stream.say(drain=session_pb2.DrainNotice(reason="bye"))
    stream.next("end")
    stream.end()
    assert server.stream().next("hello").session_id == "s-1"


def test_a_worker_is_set_up_right_or_not_at_all(server):
    with pytest.raises(SetupError, match="from 1 to 128"):
        Worker(server.endpoint, worker_id="x" * 129)
    with pytest.raises(SetupError, match="slots"):
        Worker(server.endpoint, slots=10_001)
    worker = Worker(server.endpoint)
    worker.step("A")(lambda: None)
    with pytest.raises(SetupError, match="registered twice"):
        worker.step("A")(lambda: None)
    with pytest.raises(SetupError, match="no handlers"):
        Worker(server.endpoint).run_blocking()


def test_middleware_surrounds_each_attempt(server, run):
    import contextlib

    events = []
    worker = echo_worker(server)

    @worker.around
    @contextlib.contextmanager
    def outer(ctx):
        events.append(f"in {ctx.step_id}")
        yield
        events.append("out")

    run(worker)
    stream = server.welcomed()
    stream.assign(assignment())
    stream.result()
    assert events == ["in step-1", "out"]
