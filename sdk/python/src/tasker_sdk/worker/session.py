"""One stream to a server. The session never runs in a thread that runs handlers.

Three threads: the caller of `serve` reads; gRPC's own thread takes from `_requests`, which also makes the heartbeats, so
that a connection that takes nothing more is not kept alive by a timer; the worker's watch looks at silence.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import logging
import threading
import time
from typing import Any, Iterator

import grpc

from .._gen.tasker.worker.v1 import session_pb2
from .._time import seconds
from ..client import Stubs
from ..credentials import Token
from ..errors import TransportError, from_call
from .hands import Hands, Hooks

log = logging.getLogger("tasker_sdk.worker")

WELCOME_WITHIN = 10.0
RETRY_PAUSE = 0.25
"""Seconds before a result is sent again that the server could not store."""

Request = session_pb2.OpenSessionRequest


@dataclasses.dataclass
class Identity:
    """What a worker says of itself at each hello."""

    worker_id: str
    sdk: str
    session_id: str = ""


class Session:
    """The stream; made anew for each connection."""

    def __init__(self, hands: Hands, identity: Identity, token: Token | None) -> None:
        self.welcomed = False
        self.lease_until = 0.0
        """Monotonic time until which the leases are certainly held."""
        self.last_heard = time.monotonic()
        self.server_drains = False
        self.drain_notice: float | None = None
        """The grace to announce, once the worker drains."""
        self._hands = hands
        self._identity = identity
        self._token = token
        self._sent_token = token.text() if token is not None and token.changes else ""
        self._lease_ttl = 30.0
        self._interval = 5.0
        self._beats: collections.deque[float] = collections.deque()
        self._received_sequence = 0
        self._told_slots = hands.offered_slots()
        self._notice_sent = False
        self._retry_at: float | None = None
        self._closed = False
        self._aborted = False
        self._opened = time.monotonic()
        self._call: Any = None

    def serve(self, stubs: Stubs) -> None:
        """Says hello and reads until the stream ends. Returns at an orderly end; raises TaskerError otherwise."""
        hello = session_pb2.Hello(
            worker_id=self._identity.worker_id,
            offers=self._hands.registry.offers(),
            slots=self._told_slots,
            session_id=self._identity.session_id,
            held=self._hands.ledger.held(),
            sdk=self._identity.sdk,
        )
        call = stubs.workers.OpenSession(self._requests(Request(hello=hello)))
        with self._hands.lock:
            self._call = call
            if self._aborted:
                call.cancel()
        guard = threading.Timer(WELCOME_WITHIN, self._give_up_welcome)
        guard.daemon = True
        guard.start()
        try:
            for response in self._call:
                guard.cancel()
                self.last_heard = time.monotonic()
                self._hear(response)
            if not self.server_drains and not self._closed:
                raise TransportError(grpc.StatusCode.UNAVAILABLE, "the server ended the stream")
        except grpc.RpcError as failed:
            if not self._closed:
                raise from_call(failed) from failed
        finally:
            guard.cancel()
            self.close()

    def _give_up_welcome(self) -> None:
        if not self.welcomed and self._call is not None:
            self._call.cancel()

    def close(self) -> None:
        """Ends the stream in order: the worker has nothing more to say."""
        with self._hands.lock:
            self._closed = True
            self._hands.changed.notify_all()

    def abort(self) -> None:
        """Ends the stream at once; the worker opens another."""
        with self._hands.lock:
            self._aborted = True
            if self._call is not None:
                self._call.cancel()

    def is_silent(self) -> bool:
        """Whether the server has said nothing for a lease."""
        return self.welcomed and time.monotonic() - self.last_heard > self._lease_ttl

    def _hear(self, response: session_pb2.OpenSessionResponse) -> None:
        kind = response.WhichOneof("message")
        if kind == "welcome":
            self._welcome(response.welcome)
        elif kind == "assignments":
            with self._hands.lock:
                self._received_sequence = max(self._received_sequence, response.assignments.sequence)
            self._hands.assigned(response.assignments.assignments)
        elif kind == "acks":
            self._hands.acknowledged(response.acks.acks)
            with self._hands.lock:
                if self._hands.ledger.has_later() and self._retry_at is None:
                    self._retry_at = time.monotonic() + RETRY_PAUSE
        elif kind == "stops":
            self._hands.stop(response.stops.stops)
        elif kind == "drain":
            log.info("the server is going: %s", response.drain.reason)
            self.server_drains = True
            with self._hands.lock:
                self._hands.changed.notify_all()
        elif kind == "heartbeat":
            with self._hands.lock:
                if self._beats:
                    self.lease_until = self._beats.popleft() + self._lease_ttl

    def _welcome(self, welcome: session_pb2.Welcome) -> None:
        with self._hands.lock:
            self._lease_ttl = seconds(welcome.lease_ttl) or 30.0
            self._interval = max(seconds(welcome.heartbeat_interval) or self._lease_ttl / 3, 0.05)
            self.lease_until = self._opened + self._lease_ttl
            self._hands.take_terms(welcome)
            self._identity.session_id = welcome.session_id
            self._hands.lost(welcome.lost)
            self.welcomed = True
            self._hands.changed.notify_all()
        log.info("the worker is connected: session %s, server %s", welcome.session_id, welcome.server_version)
        Hooks.tell(self._hands.hooks.connected, welcome.session_id)

    def _requests(self, hello: Request) -> Iterator[Request]:
        yield hello
        next_beat: float | None = None
        while True:
            with self._hands.changed:
                while True:
                    if self._closed:
                        return
                    now = time.monotonic()
                    if self.welcomed:
                        if next_beat is None:
                            next_beat = now + self._interval
                        if (words := self._words()) is not None:
                            break
                        if now >= next_beat:
                            next_beat = now + self._interval
                            self._beats.append(now)
                            words = Request(heartbeat=session_pb2.Heartbeat(received_sequence=self._received_sequence))
                            break
                    self._hands.changed.wait(self._pause(now, next_beat))
            yield words

    def _pause(self, now: float, next_beat: float | None) -> float | None:
        times = [time for time in (next_beat, self._retry_at) if time is not None]
        return max(min(times) - now, 0.0) if times else None

    def _words(self) -> Request | None:
        """The most urgent message; under the lock."""
        if self.drain_notice is not None and not self._notice_sent:
            self._notice_sent = True
            notice = session_pb2.DrainNotice(reason="the worker is going")
            notice.grace.FromTimedelta(datetime.timedelta(seconds=self.drain_notice))
            return Request(drain=notice)
        slots = self._hands.offered_slots()
        if slots != self._told_slots:
            self._told_slots = slots
            return Request(set_slots=session_pb2.SetSlots(slots=slots))
        if self._retry_at is not None and time.monotonic() >= self._retry_at:
            self._retry_at = None
            self._hands.ledger.retry_now()
        if self._hands.ledger.has_ready():
            return Request(results=session_pb2.ResultBatch(results=self._hands.ledger.take_batch()))
        if self._token is not None and self._sent_token:
            fresh = self._token.text()
            if fresh and fresh != self._sent_token:
                self._sent_token = fresh
                return Request(refresh=session_pb2.Refresh(token=fresh))
        if self._hands.has_progress():
            return Request(progress=session_pb2.ProgressReport(progress=self._hands.take_progress()))
        return None

    def may_end(self) -> bool:
        """Whether everything is said: the drain notice, if there is one, and every result."""
        with self._hands.lock:
            told = self.drain_notice is None or self._notice_sent
            return told and self._hands.ledger.is_idle()
