"""Values, errors, tokens, endpoints and the test kit."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import enum
import os
from decimal import Decimal
from typing import TypedDict

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from tasker_sdk import PermanentError, RefusedError, RetryableError, SetupError, StepContext, Tls, Token, TransportError
from tasker_sdk._calls import pause_before_repeat
from tasker_sdk._convert import Misfit, from_json_value, to_json_value
from tasker_sdk._json import JsonError, dumps, loads
from tasker_sdk.channel import Target
from tasker_sdk.errors import from_status
from tasker_sdk.testing import run_step


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Inner:
    when: datetime.datetime
    price: Decimal = Decimal("1.10")


@dataclasses.dataclass
class Outer:
    number: int
    inner: Inner
    colours: list[Colour] = dataclasses.field(default_factory=list)
    note: str | None = None


class Loose(TypedDict, total=False):
    a: int


def test_values_go_there_and_back():
    value = Outer(2**70 + 1, Inner(datetime.datetime(2026, 1, 2, 3, 4, 5)), [Colour.RED])
    text = dumps(to_json_value(value))
    assert "1180591620717411303425" in text
    assert from_json_value(loads(text), Outer) == value
    assert from_json_value({"a": 1, "b": 2}, Loose) == {"a": 1, "b": 2}
    assert from_json_value(3, float) == 3.0 and from_json_value([1], tuple[int, ...]) == (1,)


@pytest.mark.parametrize(
    "value, place",
    [
        ({"number": "x"}, "number is not of type int"),
        ({"number": True, "inner": {}}, "number is not a number"),
        ({"number": 1}, "inner is missing"),
        ({"number": 1, "inner": {"when": "?"}}, "inner.when is no datetime"),
        ({"number": 1, "inner": {"when": "2026-01-01"}, "colours": ["blue"]}, "colours[0] is no Colour"),
        ([], "the value is not an object"),
    ],
)
def test_misfits_name_the_place(value, place):
    with pytest.raises(Misfit) as misfit:
        from_json_value(value, Outer)
    assert str(misfit.value) == place


def test_pydantic_models_are_taken():
    pydantic = pytest.importorskip("pydantic")

    class Model(pydantic.BaseModel):
        n: int

    assert from_json_value({"n": 1}, Model) == Model(n=1) and to_json_value(Model(n=1)) == {"n": 1}
    with pytest.raises(Misfit):
        from_json_value({"n": "x"}, Model)


@pytest.mark.parametrize("value", [float("nan"), "\x00", {"a\x00": 1}, "\udcff", object()])
def test_what_json_cannot_take_is_refused(value):
    with pytest.raises(JsonError):
        dumps(value)
    assert dumps("\\u0000") == '"\\\\u0000"'


def status(*details, code=grpc.StatusCode.INVALID_ARGUMENT):
    packed = []
    for detail in details:
        packed.append(any_pb2.Any())
        packed[-1].Pack(detail)
    return status_pb2.Status(code=code.value[0], message="m", details=packed)


def test_a_status_becomes_an_error_with_all_of_it():
    bad = error_details_pb2.BadRequest()
    for number in range(3):
        bad.field_violations.add(field=f"f{number}", description="d")
    info = error_details_pb2.ErrorInfo(reason="A_NEW_REASON", domain="tasker.v1", metadata={"k": "v"})
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(1_500)
    error = from_status(status(info, bad, retry))
    assert isinstance(error, RefusedError)
    assert (error.reason, error.metadata, error.retry_after, error.is_retryable) == ("A_NEW_REASON", {"k": "v"}, 1.5, True)
    assert [violation.field for violation in error.violations] == ["f0", "f1", "f2"]
    foreign = from_status(status(error_details_pb2.ErrorInfo(reason="X", domain="other")))
    assert isinstance(foreign, TransportError) and foreign.code is grpc.StatusCode.INVALID_ARGUMENT


def test_only_what_helps_is_repeated():
    lost = TransportError(grpc.StatusCode.UNAVAILABLE, "lost")
    full = from_status(status(error_details_pb2.ErrorInfo(reason="QUEUE_FULL", domain="tasker.v1")))
    assert pause_before_repeat(lost, False, 0, 10) is None
    assert pause_before_repeat(lost, True, 0, 10) is not None
    assert pause_before_repeat(lost, True, 0, 0.001) is None
    assert pause_before_repeat(full, True, 0, 10) is None
    advised = RefusedError("QUEUE_FULL", grpc.StatusCode.RESOURCE_EXHAUSTED, "", {}, (), 0.05)
    assert pause_before_repeat(advised, False, 0, 10) == 0.05


def test_a_token_is_followed_and_never_shown(tmp_path):
    file = tmp_path / "token"
    file.write_text("one\n")
    token = Token.from_file(file)
    assert token.text() == "one" and "one" not in repr(token)
    file.write_text("two")
    assert token.text() == "two"
    os.remove(file)
    assert token.text() == "two"
    with pytest.raises(SetupError):
        Token.from_file(file)
    assert Token.from_provider(lambda: " x ").text() == "x"


def test_endpoints_are_understood_or_refused():
    assert Target("https://h").address() == ("h:443", True)
    assert Target("h:1").address() == ("h:1", False)
    assert Target("http://[::1]:5").address() == ("[::1]:5", False)
    assert Target("unix:/tmp/s").address() == ("unix:/tmp/s", False)
    for wrong in (Target("ftp://h"), Target("http://h:x"), Target("http://h", tls=Tls(ca_file="ca"))):
        with pytest.raises(SetupError):
            wrong.address()


def test_a_step_is_run_without_a_server():
    def handler(ctx: StepContext, input):
        ctx.progress(50, "half")
        return {"n": input["n"] + ctx.dependency("p"), "left": ctx.attempts_left, "config": ctx.config}

    run = run_step(handler, {"n": 1}, dependencies={"p": 2}, config={"c": 1})
    assert (run.outcome, run.results) == ("success", {"n": 3, "left": 2, "config": {"c": 1}})
    assert run.progress == [(50.0, "half")]

    def failing(ctx):
        raise RetryableError("busy", retry_after=2, code="BUSY")

    failed = run_step(failing)
    assert (failed.outcome, failed.error_class, failed.retry_after, failed.error_code) == ("failure", "RetryableError", 2.0, "BUSY")

    async def slow(ctx):
        await asyncio.sleep(60)

    assert run_step(slow, cancel_after=0.05).outcome == "stopped"

    def patient(ctx: StepContext):
        ctx.sleep(60)

    assert run_step(patient, timeout=0.05).outcome == "stopped"

    def refusing(ctx):
        raise PermanentError("no")

    assert run_step(refusing).permanent
