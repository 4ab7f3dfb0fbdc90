"""The session by unary calls, for networks in which streams do not get through: the same ledger, the same rules."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable

import grpc
from google.protobuf import duration_pb2

from .._gen.tasker.worker.v1 import worker_service_pb2
from .._time import seconds
from ..client import Stubs
from ..credentials import Token
from ..errors import TaskerError, from_call
from .hands import Hands, Hooks
from .session import RETRY_PAUSE, Identity

CLAIM_WAIT = 20
"""Seconds that a claim waits for work."""
_CALL_TIMEOUT = 30.0


class UnarySession:
    """Claims in the caller's thread, reports and heartbeats in two of its own."""

    def __init__(self, hands: Hands, identity: Identity, token: Token | None) -> None:
        del token  # Each call carries the present one.
        self.welcomed = False
        self.lease_until = 0.0
        self.last_heard = time.monotonic()
        self.server_drains = False
        self.drain_notice: float | None = None
        self._hands = hands
        self._identity = identity
        self._lease_ttl = 30.0
        self._closed = threading.Event()
        self._error: TaskerError | None = None
        self._claim: Any = None

    def serve(self, stubs: Stubs) -> None:
        """Works until it is closed. Raises TaskerError when a call fails."""
        threads = [
            threading.Thread(target=self._guarded, args=(work, stubs), daemon=True, name=f"tasker-{name}")
            for name, work in (("report", self._report), ("heartbeat", self._beat))
        ]
        if self._identity.session_id:
            self._hands.lost(())
        for thread in threads:
            thread.start()
        self._guarded(self._claim_steps, stubs)
        for thread in threads:
            thread.join(_CALL_TIMEOUT)
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Ends in order."""
        self._closed.set()
        self.abort()
        with self._hands.lock:
            self._hands.changed.notify_all()

    def abort(self) -> None:
        """Ends the claim that waits."""
        if self._claim is not None:
            self._claim.cancel()

    def is_silent(self) -> bool:
        """Calls have time limits of their own."""
        return False

    def may_end(self) -> bool:
        """Whether every result is acknowledged."""
        return self._hands.ledger.is_idle()

    def _guarded(self, work: Callable[[Stubs], None], stubs: Stubs) -> None:
        try:
            work(stubs)
        except grpc.FutureCancelledError:
            pass  # The claim that waited was ended by `abort`.
        except grpc.RpcError as failed:
            if not self._closed.is_set():
                self._error = self._error or from_call(failed)
        finally:
            self.close()

    def _heard(self, asked: float) -> None:
        self.last_heard = time.monotonic()
        self.lease_until = asked + self._lease_ttl

    def _claim_steps(self, stubs: Stubs) -> None:
        while not self._closed.is_set():
            with self._hands.changed:
                free = self._hands.offered_slots() - len(self._hands.ledger.running)
                resting = self.drain_notice is not None or self.server_drains or free <= 0
                if resting and not self._closed.is_set():
                    self._hands.changed.wait(0.5)
                    continue
            asked = time.monotonic()
            request = worker_service_pb2.ClaimStepsRequest(
                worker_id=self._identity.worker_id,
                session_id=self._identity.session_id,
                offers=self._hands.registry.offers(),
                max_steps=min(free, 1_000),
                wait=duration_pb2.Duration(seconds=CLAIM_WAIT if self.welcomed else 0, nanos=0 if self.welcomed else 1_000_000),
            )
            self._claim = stubs.workers.ClaimSteps.future(request, timeout=CLAIM_WAIT + _CALL_TIMEOUT)
            answer = self._claim.result()
            self._lease_ttl = seconds(answer.lease_ttl) or self._lease_ttl
            self._heard(asked)
            self._hands.take_terms(answer)
            self._identity.session_id = answer.session_id
            if not self.welcomed:
                self.welcomed = True
                Hooks.tell(self._hands.hooks.connected, answer.session_id)
            self._hands.assigned(answer.assignments)

    def _report(self, stubs: Stubs) -> None:
        retry_at: float | None = None
        while not self._closed.is_set():
            with self._hands.changed:
                if retry_at is not None and time.monotonic() >= retry_at:
                    retry_at = None
                    self._hands.ledger.retry_now()
                batch = self._hands.ledger.take_batch() if self.welcomed else []
                if not batch:
                    self._hands.changed.wait(0.5 if retry_at is None else max(retry_at - time.monotonic(), 0.01))
                    continue
            request = worker_service_pb2.ReportResultsRequest(session_id=self._identity.session_id, results=batch)
            answer = stubs.workers.ReportResults(request, timeout=_CALL_TIMEOUT)
            self._hands.acknowledged(answer.acks)
            if self._hands.ledger.has_later() and retry_at is None:
                retry_at = time.monotonic() + RETRY_PAUSE

    def _beat(self, stubs: Stubs) -> None:
        while not self._closed.wait(self._lease_ttl / 3 if self.welcomed else 0.1):
            if not self.welcomed:
                continue
            asked = time.monotonic()
            request = worker_service_pb2.HeartbeatSessionRequest(
                session_id=self._identity.session_id,
                held=self._hands.ledger.held(),
                progress=self._hands.take_progress(),
            )
            answer = stubs.workers.HeartbeatSession(request, timeout=_CALL_TIMEOUT)
            self._heard(asked)
            self._hands.stop(answer.stops)
            if answer.draining:
                self.server_drains = True
