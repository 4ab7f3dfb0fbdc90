"""The worker: registers handlers, holds a session, drains."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import random
import signal
import socket
import threading
import time
import uuid
from typing import Any, Callable, Iterable, TypeVar

import grpc

from .._calls import DEFAULT_TIMEOUT
from .._gen.tasker.worker.v1 import assignment_pb2, worker_service_pb2
from .._version import VERSION
from ..channel import Target, Tls
from ..client import Stubs
from ..credentials import Token
from ..errors import RefusedError, SetupError, TaskerError, TransportError, from_call
from .attempt import Around
from .hands import Hands, Hooks
from .registry import Registry
from .session import Identity, Session
from .unary import UnarySession

log = logging.getLogger("tasker_sdk.worker")

SLOTS_MAX = 10_000
WORKER_ID_CHARACTERS_MAX = 128
LAST_WORDS = 2.0
"""Seconds that acknowledgements are waited for after the grace of a drain is over."""
_PAUSE_FIRST = 0.1
_PAUSE_MAX = 5.0

F = TypeVar("F", bound=Callable[..., Any])


@dataclasses.dataclass(frozen=True)
class WorkerStatus:
    """How a worker is, for probes."""

    connected: bool
    draining: bool
    slots: int
    running: int
    unacknowledged: int
    stuck: tuple[str, ...]
    last_contact: float | None
    """Seconds since the server was heard; None when never."""


class Worker:
    """Runs steps.

    `endpoint`, `token` and `tls` are those of `Client`. `namespace` is the default one of its handlers. `slots` is how
    many attempts run at once. `drain_grace` is how many seconds running attempts get when the worker is to go,
    `stop_grace` how many an attempt gets that was told to stop before it is named as stuck. `mode` is `stream`, or
    `unary` where streams do not get through.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        namespace: str = "default",
        slots: int = 16,
        worker_id: str | None = None,
        token: Token | str | Callable[[], str] | None = None,
        tls: Tls | None = None,
        drain_grace: float = 20.0,
        stop_grace: float = 5.0,
        mode: str = "stream",
    ) -> None:
        name = worker_id or default_worker_id()
        if not 1 <= len(name) <= WORKER_ID_CHARACTERS_MAX:
            raise SetupError(f"a worker id has from 1 to {WORKER_ID_CHARACTERS_MAX} characters, not {len(name)}")
        if not 0 <= slots <= SLOTS_MAX:
            raise SetupError(f"slots are from 0 to {SLOTS_MAX}, not {slots}")
        if mode not in ("stream", "unary"):
            raise SetupError(f"the mode is stream or unary, not {mode}")
        self._target = Target.of(endpoint, token, tls)
        self._namespace = namespace
        self._registry = Registry()
        self._around: list[Around] = []
        self._hooks = Hooks()
        self._hands = Hands(self._registry, slots, self._around, self._hooks, self._fetch)
        self._identity = Identity(name, f"tasker-python/{VERSION}")
        self._drain_grace = drain_grace
        self._stop_grace = stop_grace
        self._mode = mode
        self._drain_until: float | None = None
        self._released = False
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._wake = threading.Event()
        self._session: Session | UnarySession | None = None
        self._stubs: Stubs | None = None
        self._was_welcomed = False
        self._last_contact: float | None = None
        self._lease_until: float | None = None
        self._failure: BaseException | None = None

    # What it runs

    def step(self, step_handler: str, *, namespace: str | None = None, versions: Iterable[str] = ()) -> Callable[[F], F]:
        """Registers a function for a step handler, in the handler versions given or all.

        The function takes `(ctx, input)`, both optional, and may be `async`. The input is made from its annotation.
        """

        def register(call: F) -> F:
            self._registry.add(
                namespace=namespace or self._namespace, step_handler=step_handler, versions=versions, call=call
            )
            return call

        return register

    def task(self, handler: str, *, namespace: str | None = None, versions: Iterable[str] = ()) -> Callable[[F], F]:
        """Registers a function for all steps of a handler."""

        def register(call: F) -> F:
            self._registry.add(namespace=namespace or self._namespace, handler=handler, versions=versions, call=call)
            return call

        return register

    def around(self, middleware: Around) -> Around:
        """Registers a context manager, `middleware(ctx)`, that is entered around each attempt; the first is the outermost."""
        self._around.append(middleware)
        return middleware

    # What it tells

    def on_result_dropped(self, hook: Callable[[str, int, str, str], None]) -> Callable[[str, int, str, str], None]:
        """Calls `hook(step_id, lease_token, outcome, message)` when the server drops a result."""
        self._hooks.result_dropped.append(hook)
        return hook

    def on_stuck(self, hook: Callable[..., None]) -> Callable[..., None]:
        """Calls `hook(ctx)` when a handler does not end although it was stopped."""
        self._hooks.stuck.append(hook)
        return hook

    def on_connected(self, hook: Callable[[str], None]) -> Callable[[str], None]:
        """Calls `hook(session_id)` after each welcome."""
        self._hooks.connected.append(hook)
        return hook

    def on_lost(self, hook: Callable[[TaskerError], None]) -> Callable[[TaskerError], None]:
        """Calls `hook(error)` when the connection is lost."""
        self._hooks.lost.append(hook)
        return hook

    def status(self) -> WorkerStatus:
        """How the worker is now."""
        with self._hands.lock:
            session = self._session
            heard = session.last_heard if session is not None and session.welcomed else self._last_contact
            return WorkerStatus(
                connected=session is not None and session.welcomed,
                draining=self._hands.draining.is_set(),
                slots=self._hands.slots,
                running=len(self._hands.ledger.running),
                unacknowledged=self._hands.ledger.unacknowledged,
                stuck=tuple(self._hands.stuck()),
                last_contact=None if heard is None else time.monotonic() - heard,
            )

    @property
    def slots(self) -> int:
        """How many attempts run at once; it can be set while the worker runs, 0 pauses it."""
        return self._hands.slots

    @slots.setter
    def slots(self, slots: int) -> None:
        if not 0 <= slots <= SLOTS_MAX:
            raise SetupError(f"slots are from 0 to {SLOTS_MAX}, not {slots}")
        self._hands.slots = slots

    # Its life

    def run_blocking(self, *, signals: bool = True) -> None:
        """Runs until the worker is drained or stopped. SIGTERM and SIGINT drain; a second one stops at once.

        Raises TaskerError when the server refuses the worker for good.
        """
        with self._signals() if signals else contextlib.nullcontext():
            needs_loop = any(handler.is_async for handler in self._registry.all())
            with _own_loop() if needs_loop else contextlib.nullcontext() as loop:
                self._hands.loop = loop
                self._run()

    async def run(self) -> None:
        """The same in the caller's event loop, which runs the asynchronous handlers. Cancelling it drains."""
        loop = asyncio.get_running_loop()
        self._hands.loop = loop
        ended = loop.run_in_executor(None, self._run)
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            self.drain()
            await asyncio.shield(ended)
            raise

    def drain(self) -> None:
        """Takes no further steps and lets those in hand finish within the grace; `wait` tells when it is over."""
        with self._hands.lock:
            if self._drain_until is None:
                self._drain_until = time.monotonic() + self._drain_grace
                self._hands.draining.set()
                if self._session is not None:
                    self._session.drain_notice = self._drain_grace
            self._hands.changed.notify_all()
        self._wake.set()

    def stop(self) -> None:
        """Ends at once; what runs is left to its lease."""
        self._stop.set()
        self._wake.set()
        session = self._session
        if session is not None:
            session.abort()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until the worker has ended; False when the time is over before."""
        return self._ended.wait(timeout)

    def _run(self) -> None:
        if self._ended.is_set() or self._stubs is not None:
            raise SetupError("a worker runs once")
        if not self._registry.all():
            raise SetupError("the worker has no handlers: register some with step or task")
        pid = os.getpid()
        watch = threading.Thread(target=self._watch, daemon=True, name="tasker-watch")
        watch.start()
        try:
            self._connect_for_ever(pid)
        finally:
            self._ended.set()
            self._wake.set()
            self._hands.stop_all("draining")
            self._hands.close()
        if self._failure is not None:
            raise self._failure

    def _connect_for_ever(self, pid: int) -> None:
        tries = 0
        while not self._over():
            channel = self._target.open()
            self._stubs = Stubs(channel)
            session = self._new_session()
            with self._hands.lock:
                self._session = session
                if self._drain_until is not None:
                    session.drain_notice = max(self._drain_until - time.monotonic(), 0.0)
            error: TaskerError | None = None
            try:
                session.serve(self._stubs)
            except TaskerError as failed:
                error = failed
            finally:
                with self._hands.lock:
                    self._session = None
                    if session.welcomed:
                        self._last_contact = session.last_heard
                        self._lease_until = session.lease_until
                channel.close()
            if os.getpid() != pid:
                raise SetupError("a running worker does not survive a fork: start one in each child")
            if session.welcomed:
                self._was_welcomed, tries = True, 0
            if error is None or self._over():
                continue
            self._judge(error)
            Hooks.tell(self._hooks.lost, error)
            pause = self._pause(error, tries)
            tries += 1
            log.warning("not connected: %s; the next try is in %.1f s", error, pause)
            self._wake.wait(pause)
            if self._drain_until is None and not self._stop.is_set():
                self._wake.clear()

    def _new_session(self) -> Session | UnarySession:
        kind = Session if self._mode == "stream" else UnarySession
        return kind(self._hands, self._identity, self._target.token)

    def _judge(self, error: TaskerError) -> None:
        """Raises what no further try can mend."""
        if not isinstance(error, RefusedError):
            return
        if error.reason == "SESSION_UNKNOWN":
            self._identity.session_id = ""
            return
        token = self._target.token
        fixed = error.reason == "UNAUTHENTICATED" and (token is None or not token.changes)
        if fixed or (error.reason in ("PERMISSION_MISSING", "INVALID_FIELDS") and not self._was_welcomed):
            raise error

    def _pause(self, error: TaskerError, tries: int) -> float:
        if isinstance(error, RefusedError) and error.reason == "SESSION_UNKNOWN":
            return 0.0
        pause = min(_PAUSE_FIRST * 2 ** min(tries, 10), _PAUSE_MAX) * random.uniform(0.5, 1.0)
        if isinstance(error, RefusedError) and error.retry_after is not None:
            pause += error.retry_after
        return pause

    def _over(self) -> bool:
        if self._stop.is_set() or self._failure is not None:
            return True
        if self._drain_until is None:
            return False
        with self._hands.lock:
            return self._hands.ledger.is_idle() or time.monotonic() > self._drain_until + LAST_WORDS

    def _watch(self) -> None:
        """Looks a few times a second at what no message tells: silence, ended leases, deadlines, the grace of a drain."""
        try:
            while not self._ended.wait(0.05):
                self._look()
        except BaseException as error:  # A worker without its watch must not go on in silence.
            self._failure = error
            self.stop()

    def _look(self) -> None:
        now = time.monotonic()
        session = self._session
        self._hands.look(self._stop_grace)
        lease_until = session.lease_until if session is not None and session.welcomed else self._lease_until
        if lease_until is not None and now > lease_until and self._hands.ledger.running:
            log.warning("the leases have ended without a word of the server: what runs is stopped")
            self._hands.end_leases()
        if session is not None and session.is_silent():
            log.warning("the server has said nothing for a lease: the connection is made anew")
            session.abort()
        if session is not None and session.server_drains and session.may_end():
            session.close()
        if self._drain_until is not None:
            if now > self._drain_until and not self._released:
                self._released = True
                self._hands.release_all()
            if session is not None and (session.may_end() or now > self._drain_until + LAST_WORDS):
                session.close()
                if now > self._drain_until + LAST_WORDS:
                    session.abort()

    def _fetch(self, assignment: assignment_pb2.Assignment, names: list[str]) -> dict[str, str]:
        results: dict[str, str] = {}
        request = worker_service_pb2.FetchDependenciesRequest(
            step_id=assignment.step_id, lease_token=assignment.lease_token, step_names=names
        )
        while True:
            stubs = self._stubs
            if stubs is None:
                raise TransportError(grpc.StatusCode.UNAVAILABLE, "the worker is not connected")
            try:
                page = stubs.workers.FetchDependencies(request, timeout=DEFAULT_TIMEOUT)
            except grpc.RpcError as failed:
                error = from_call(failed)
                if isinstance(error, RefusedError) and error.reason == "LEASE_STALE":
                    self._hands.stop_lost(assignment)
                raise error from failed
            results.update((entry.step_name, entry.results_json) for entry in page.dependencies)
            if not page.next_page_token:
                return results
            request.page_token = page.next_page_token

    @contextlib.contextmanager
    def _signals(self) -> Any:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def ask(number: int, _frame: Any) -> None:
            # A handler of signals must not wait for a lock: threads do.
            target = self.stop if self._drain_until is not None else self.drain
            threading.Thread(target=target, daemon=True, name="tasker-signal").start()

        before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def _own_loop() -> Any:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True, name="tasker-loop")
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5.0)
        if not thread.is_alive():
            loop.close()


def default_worker_id() -> str:
    """A name that tells processes apart, also those of containers that share a host name."""
    return f"{socket.gethostname()[:80]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
