"""The attempts that a worker has in its hands and the results that are not acknowledged.

    begin -> running -> finish -> ready -> take_batch -> sent -> ACCEPTED, STALE, INVALID -> gone
                                    ^                      '--> RETRY -> later --.
                                    '----------- reconnected, retry_now ---------'

It does no IO and takes no lock: the session calls it under its own.
"""

from __future__ import annotations

import collections
from typing import Generic, Iterable, TypeVar

from .._gen.tasker.worker.v1 import assignment_pb2, result_pb2

Key = tuple[str, int]
"""A step id, which is opaque text, and a lease token."""

T = TypeVar("T")

BATCH_BYTES_MAX = 1 << 20
"""A message stays below this size, one large result excepted."""
BATCH_RESULTS_MAX = 1_000


class Ledger(Generic[T]):
    """The books. `T` is what stands for a running attempt."""

    def __init__(self) -> None:
        self.running: dict[Key, T] = {}
        self._results: dict[Key, result_pb2.StepResult] = {}
        self._ready: collections.deque[Key] = collections.deque()
        self._later: list[Key] = []

    def knows(self, key: Key) -> bool:
        """Whether the attempt is here already."""
        return key in self.running or key in self._results

    def begin(self, key: Key, attempt: T) -> None:
        """Notes an attempt that runs."""
        self.running[key] = attempt

    def finish(self, key: Key, result: result_pb2.StepResult) -> bool:
        """Notes the end of an attempt. The result of one that was stopped is dropped, and False returned."""
        if self.running.pop(key, None) is None:
            return False
        self.keep(key, result)
        return True

    def keep(self, key: Key, result: result_pb2.StepResult) -> None:
        """Keeps a result until it is acknowledged."""
        self._results[key] = result
        self._ready.append(key)

    def stop(self, key: Key) -> T | None:
        """Takes a running attempt out, to be told to stop; its result will be dropped."""
        return self.running.pop(key, None)

    def has_ready(self) -> bool:
        """Whether there is a result to send now."""
        return any(key in self._results for key in self._ready)

    def take_batch(self) -> list[result_pb2.StepResult]:
        """What fits into a message; the originals stay until they are acknowledged."""
        batch: list[result_pb2.StepResult] = []
        size = 0
        while self._ready and len(batch) < BATCH_RESULTS_MAX:
            result = self._results.get(self._ready[0])
            if result is not None:
                size += result.ByteSize()
                if batch and size > BATCH_BYTES_MAX:
                    break
                batch.append(result)
            self._ready.popleft()
        return batch

    def acknowledge(self, ack: result_pb2.Ack) -> result_pb2.StepResult | None:
        """Obeys an acknowledgement; returns the result if it was dropped without being accepted."""
        key = (ack.step_id, ack.lease_token)
        if ack.outcome == result_pb2.ACK_OUTCOME_RETRY:
            if key in self._results:
                self._later.append(key)
            return None
        result = self._results.pop(key, None)
        return None if ack.outcome == result_pb2.ACK_OUTCOME_ACCEPTED else result

    def has_later(self) -> bool:
        """Whether results wait to be sent again after a pause."""
        return bool(self._later)

    def retry_now(self) -> None:
        """Makes the results ready that the server wants later."""
        self._ready.extend(self._later)
        self._later.clear()

    def held(self) -> list[assignment_pb2.HeldLease]:
        """Every lease that there is still something to do for."""
        keys = [*self.running, *(key for key in self._results if key not in self.running)]
        return [assignment_pb2.HeldLease(step_id=step, lease_token=token) for step, token in keys]

    def reconnected(self, lost: Iterable[assignment_pb2.HeldLease]) -> list[T]:
        """Begins again on a new stream: drops what is lost, makes every other result ready. Returns what is to stop."""
        stopped: list[T] = []
        for lease in lost:
            key = (lease.step_id, lease.lease_token)
            self._results.pop(key, None)
            if (attempt := self.stop(key)) is not None:
                stopped.append(attempt)
        self._later.clear()
        self._ready = collections.deque(self._results)
        return stopped

    @property
    def unacknowledged(self) -> int:
        """Results that are not acknowledged."""
        return len(self._results)

    def is_idle(self) -> bool:
        """Whether nothing is in hand."""
        return not self.running and not self._results
