"""The attempts of a worker and who runs them: threads for blocking handlers, an event loop for asynchronous ones.

Never more than `slots` handlers really run, also where some that were told to stop do not end. Shared by the session
and by the unary mode; `lock` guards everything, `changed` is notified when there is something to send.
"""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import logging
import threading
import time
from typing import Any, Callable, Iterable

from .._gen.tasker.worker.v1 import assignment_pb2, result_pb2, session_pb2
from .._time import seconds
from . import outcome
from .attempt import Around, Attempt
from .context import StepContext
from .ledger import Key, Ledger
from .registry import Registry

log = logging.getLogger("tasker_sdk.worker")

STOP_REASONS = {
    session_pb2.STOP_REASON_CANCELLED: "cancelled",
    session_pb2.STOP_REASON_TIMED_OUT: "timed_out",
    session_pb2.STOP_REASON_LEASE_LOST: "lease_lost",
}

Fetch = Callable[[assignment_pb2.Assignment, list[str]], dict[str, str]]


class Hooks:
    """Functions of the user that are told what happens; what they raise is logged."""

    def __init__(self) -> None:
        self.result_dropped: list[Callable[..., None]] = []
        self.stuck: list[Callable[..., None]] = []
        self.connected: list[Callable[..., None]] = []
        self.lost: list[Callable[..., None]] = []

    @staticmethod
    def tell(hooks: Iterable[Callable[..., None]], *arguments: Any) -> None:
        """Calls each hook."""
        for hook in hooks:
            try:
                hook(*arguments)
            except Exception:
                log.exception("a hook failed")


class Hands:
    """What the worker has in its hands."""

    def __init__(self, registry: Registry, slots: int, around: list[Around], hooks: Hooks, fetch: Fetch) -> None:
        self.registry = registry
        self.hooks = hooks
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.ledger: Ledger[Attempt] = Ledger()
        self.draining = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.bytes_max = outcome.PAYLOAD_BYTES_MAX
        self._slots = slots
        self._around = around
        self._fetch = fetch
        self._executing: set[Attempt] = set()
        self._waiting: collections.deque[Attempt] = collections.deque()
        self._progress: dict[Key, session_pb2.Progress] = {}
        self._pool: concurrent.futures.ThreadPoolExecutor | None = None
        # The server's clock, as (its seconds, our monotonic seconds) of one moment.
        self._clock = (time.time(), time.monotonic())

    @property
    def slots(self) -> int:
        """How many handlers run at once."""
        return self._slots

    @slots.setter
    def slots(self, slots: int) -> None:
        with self.lock:
            self._slots = slots
            self._go_on()
            self.changed.notify_all()

    def offered_slots(self) -> int:
        """The slots to tell the server of: those that stuck handlers take are left out."""
        stuck = sum(1 for attempt in self._executing if attempt.stopped_at is not None)
        return max(self._slots - stuck, 0)

    def take_terms(self, terms: Any) -> None:
        """Takes the server's time, by which deadlines are meant, and its limit, from a welcome or the answer to a claim."""
        if terms.HasField("server_time"):
            self._clock = (seconds(terms.server_time), time.monotonic())
        if terms.payload_bytes_max > 0:
            self.bytes_max = terms.payload_bytes_max

    def assigned(self, assignments: Iterable[assignment_pb2.Assignment]) -> None:
        """Begins attempts; one that is here already is passed over."""
        with self.lock:
            for assignment in assignments:
                key = (assignment.step_id, assignment.lease_token)
                if self.ledger.knows(key):
                    continue
                self._begin(key, assignment)
            self._go_on()
            self.changed.notify_all()

    def _begin(self, key: Key, assignment: assignment_pb2.Assignment) -> None:
        handler = self.registry.find(assignment)
        if handler is None:
            result = outcome.release(result_pb2.RELEASE_REASON_NOT_SUPPORTED)
            result.step_id, result.lease_token = key
            self.ledger.keep(key, result)
            return
        deadline = self._deadline(assignment)

        def fetch(names: list[str]) -> dict[str, str]:
            return self._fetch(assignment, names)

        def report(percent: float, note: str) -> None:
            self._report(key, percent, note)

        context = StepContext(
            assignment, deadline=deadline, fetch=fetch, report=report, draining=self.draining
        )
        attempt = Attempt(handler, context, self._around, self.bytes_max, self._done)
        attempt.deadline = deadline
        self.ledger.begin(key, attempt)
        self._waiting.append(attempt)

    def _deadline(self, assignment: assignment_pb2.Assignment) -> float | None:
        if not assignment.HasField("deadline_time"):
            return None
        server, ours = self._clock
        return ours + (seconds(assignment.deadline_time) - server)

    def _go_on(self) -> None:
        """Starts waiting attempts while there is room. Under the lock."""
        while self._waiting and len(self._executing) < max(self._slots, 1):
            attempt = self._waiting.popleft()
            if attempt.stopped_at is not None:
                continue
            self._executing.add(attempt)
            if attempt.handler.is_async and self.loop is not None:
                self.loop.call_soon_threadsafe(attempt.start, self.loop)
            else:
                self._threads().submit(attempt.run)

    def _threads(self) -> concurrent.futures.ThreadPoolExecutor:
        if self._pool is None:
            # As many threads as slots can ever be wanted; threads are made as they are needed.
            self._pool = concurrent.futures.ThreadPoolExecutor(10_000, thread_name_prefix="tasker-step")
        return self._pool

    def _done(self, attempt: Attempt, result: result_pb2.StepResult) -> None:
        key = (attempt.context.step_id, attempt.context.lease_token)
        with self.lock:
            was_stopped = attempt.stopped_at is not None
            self._executing.discard(attempt)
            self._progress.pop(key, None)
            if not was_stopped:
                self.ledger.finish(key, result)
            self._go_on()
            self.changed.notify_all()

    def _report(self, key: Key, percent: float, note: str) -> None:
        with self.lock:
            if key in self.ledger.running:
                self._progress[key] = session_pb2.Progress(
                    step_id=key[0], lease_token=key[1], percent=percent, note=note
                )
                self.changed.notify_all()

    def take_progress(self) -> list[session_pb2.Progress]:
        """The newest progress of each attempt since the last call."""
        with self.lock:
            taken = list(self._progress.values())[:1_000]
            for entry in taken:
                del self._progress[(entry.step_id, entry.lease_token)]
            return taken

    def has_progress(self) -> bool:
        """Whether there is progress to tell."""
        return bool(self._progress)

    def stop(self, stops: Iterable[session_pb2.Stop]) -> None:
        """Tells attempts to stop as the server asks."""
        with self.lock:
            for stop in stops:
                attempt = self.ledger.stop((stop.step_id, stop.lease_token))
                if attempt is not None:
                    self.cancel(attempt, STOP_REASONS.get(stop.reason, "cancelled"))

    def cancel(self, attempt: Attempt, reason: str) -> None:
        """Tells one attempt to stop. It is out of the ledger already."""
        log.info("attempt %s of step %s is stopped: %s", attempt.context.attempt, attempt.context.step_id, reason)
        attempt.cancel(reason)
        self.changed.notify_all()

    def acknowledged(self, acks: Iterable[result_pb2.Ack]) -> None:
        """Obeys acknowledgements."""
        with self.lock:
            for ack in acks:
                dropped = self.ledger.acknowledge(ack)
                if dropped is not None:
                    name = result_pb2.AckOutcome.Name(ack.outcome) if ack.outcome < 5 else str(ack.outcome)
                    log.warning("the result of step %s was dropped: %s %s", ack.step_id, name, ack.message)
                    Hooks.tell(self.hooks.result_dropped, ack.step_id, ack.lease_token, name, ack.message)
            self.changed.notify_all()

    def lost(self, leases: Iterable[assignment_pb2.HeldLease]) -> None:
        """Drops what a welcome says is lost, and makes the other results ready again."""
        with self.lock:
            for attempt in self.ledger.reconnected(leases):
                self.cancel(attempt, "lease_lost")

    def stop_lost(self, assignment: assignment_pb2.Assignment) -> None:
        """A call said that the lease of this attempt is not held any more."""
        with self.lock:
            attempt = self.ledger.stop((assignment.step_id, assignment.lease_token))
            if attempt is not None:
                self.cancel(attempt, "lease_lost")

    def end_leases(self) -> None:
        """The leases have ended without a word of a server: everything is told to stop; results stay to be offered."""
        self.stop_all("lease_lost")

    def stop_all(self, reason: str) -> list[Attempt]:
        """Tells every attempt to stop."""
        with self.lock:
            attempts = list(self.ledger.running.values())
            self.ledger.running.clear()
            for attempt in attempts:
                self.cancel(attempt, reason)
            return attempts

    def release_all(self) -> None:
        """Hands everything back that still runs, because the worker goes."""
        with self.lock:
            for attempt in self.stop_all("draining"):
                result = outcome.release(result_pb2.RELEASE_REASON_WORKER_DRAINING)
                result.step_id = attempt.context.step_id
                result.lease_token = attempt.context.lease_token
                self.ledger.keep((result.step_id, result.lease_token), result)
            self.changed.notify_all()

    def look(self, stop_grace: float) -> None:
        """Ends attempts whose time is over and names the ones that do not end."""
        now = time.monotonic()
        with self.lock:
            for key, attempt in list(self.ledger.running.items()):
                if attempt.deadline is not None and now >= attempt.deadline:
                    self.ledger.stop(key)
                    self.cancel(attempt, "timed_out")
            for attempt in list(self._executing):
                late = attempt.stopped_at is not None and now - attempt.stopped_at >= stop_grace
                if late and not attempt.named_stuck:
                    attempt.named_stuck = True
                    log.warning(
                        "the handler of %s does not end although it was stopped; it keeps its slot",
                        attempt.handler.name,
                    )
                    Hooks.tell(self.hooks.stuck, attempt.context)

    def stuck(self) -> list[str]:
        """The handlers that were told to stop and have not ended in time."""
        with self.lock:
            return sorted(attempt.handler.name for attempt in self._executing if attempt.named_stuck)

    def close(self) -> None:
        """Lets the threads go."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
