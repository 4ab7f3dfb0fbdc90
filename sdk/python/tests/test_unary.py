"""The same worker by unary calls."""

from __future__ import annotations

import threading

from conftest import until
from google.protobuf import duration_pb2
from scripted import assignment

from tasker_sdk import StepContext, Worker
from tasker_sdk._gen.tasker.worker.v1 import result_pb2, session_pb2, worker_service_pb2


def test_claims_reports_and_stops(server, run):
    given, reported, beats = [], [], []
    gate = threading.Event()
    work = [assignment("a"), assignment("b")]

    def claim(request, context):
        if work and request.session_id:
            given.append(request.max_steps)
            steps = [work.pop(0)]
        else:
            steps = []
            if request.session_id:
                gate.wait(0.2)
        return worker_service_pb2.ClaimStepsResponse(
            session_id="s", assignments=steps, lease_ttl=duration_pb2.Duration(nanos=300_000_000), payload_bytes_max=1_000
        )

    def report(request, context):
        reported.extend(request.results)
        acks = [
            result_pb2.Ack(step_id=r.step_id, lease_token=r.lease_token, outcome=result_pb2.ACK_OUTCOME_ACCEPTED)
            for r in request.results
        ]
        return worker_service_pb2.ReportResultsResponse(acks=acks)

    def beat(request, context):
        beats.append(request)
        stops = [
            session_pb2.Stop(step_id=h.step_id, lease_token=h.lease_token, reason=session_pb2.STOP_REASON_TIMED_OUT)
            for h in request.held
            if h.step_id == "b"
        ]
        return worker_service_pb2.HeartbeatSessionResponse(stops=stops)

    server.unary.update(ClaimSteps=claim, ReportResults=report, HeartbeatSession=beat)
    reasons = []
    worker = Worker(server.endpoint, slots=4, mode="unary")

    @worker.step("Echo")
    def work_on(ctx: StepContext):
        if ctx.step_id == "b":
            ctx.cancelled.wait(10)
            reasons.append(ctx.cancel_reason)
            return "late"
        return "done"

    running = run(worker)
    until(lambda: reasons and reported)
    assert [result.step_id for result in reported] == ["a"] and reasons == ["timed_out"]
    assert given[0] == 4 and beats
    worker.drain()
    assert running.ended() is None
