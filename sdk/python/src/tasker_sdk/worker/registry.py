"""Which function runs which step."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, Callable, Iterable, get_type_hints

from .._gen.tasker.worker.v1 import assignment_pb2, worker_pb2
from ..errors import SetupError


@dataclasses.dataclass(frozen=True)
class Handler:
    """A registered function."""

    name: str
    call: Callable[..., Any]
    is_async: bool
    wants_context: bool
    wants_input: bool
    input_kind: Any


class Registry:
    """The functions by what they are registered for. A step handler goes before a whole handler."""

    def __init__(self) -> None:
        self._steps: dict[tuple[str, str], list[tuple[frozenset[str], Handler]]] = {}
        self._handlers: dict[tuple[str, str], list[tuple[frozenset[str], Handler]]] = {}

    def add(
        self, *, namespace: str, step_handler: str = "", handler: str = "", versions: Iterable[str], call: Any
    ) -> None:
        """Registers a function. Raises SetupError for a second one of the same name and version."""
        name = step_handler or handler
        if not name:
            raise SetupError("a step handler needs a name")
        wanted = frozenset(versions)
        entries = (self._steps if step_handler else self._handlers).setdefault((namespace or "default", name), [])
        for present, other in entries:
            if not present or not wanted or present & wanted:
                raise SetupError(f"{name} is registered twice: {_place(other.call)} and {_place(call)}")
        entries.append((wanted, inspect_handler(name, call)))

    def find(self, assignment: assignment_pb2.Assignment) -> Handler | None:
        """The function for an assignment; None when there is none for its version."""
        namespace, version = assignment.handler.namespace, assignment.handler.version
        for table, name in ((self._steps, assignment.step_handler), (self._handlers, assignment.handler.name)):
            for versions, handler in table.get((namespace, name), ()):
                if not versions or version in versions:
                    return handler
        return None

    def all(self) -> list[Handler]:
        """Every registered function."""
        tables = (*self._steps.values(), *self._handlers.values())
        return [handler for entries in tables for _, handler in entries]

    def offers(self) -> list[worker_pb2.Offer]:
        """What the worker runs, as it is said to the server."""
        steps = [
            worker_pb2.Offer(namespace=space, step_handler=name, versions=_sorted(entries))
            for (space, name), entries in self._steps.items()
        ]
        handlers = [
            worker_pb2.Offer(namespace=space, handler=name, versions=_sorted(entries))
            for (space, name), entries in self._handlers.items()
        ]
        return steps + handlers


def _sorted(entries: list[tuple[frozenset[str], Handler]]) -> list[str]:
    return sorted({version for versions, _ in entries for version in versions})


def inspect_handler(name: str, call: Any) -> Handler:
    """How a function wants to be called: `(ctx, input)`, both optional, the input by its annotation."""
    target = call if inspect.isroutine(call) else getattr(call, "__call__", call)
    try:
        parameters = list(inspect.signature(call).parameters.values())
    except (TypeError, ValueError) as error:
        raise SetupError(f"the handler of {name} cannot be called: {error}") from error
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len([p for p in positional if p.default is p.empty]) > 2:
        raise SetupError(f"the handler of {name} takes more than a context and an input")
    try:
        hints = get_type_hints(target)
    except Exception:  # A name that only type checkers see leaves the input as it is.
        hints = {}
    from .context import StepContext

    context_first = bool(positional) and (
        hints.get(positional[0].name) is StepContext or positional[0].name in ("ctx", "context")
    )
    rest = positional[1:] if context_first else positional
    if len(rest) > 1 and not context_first:
        context_first, rest = True, positional[1:]
    return Handler(
        name,
        call,
        inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(target),
        context_first,
        bool(rest),
        hints.get(rest[0].name, Any) if rest else Any,
    )


def _place(call: Any) -> str:
    code = getattr(inspect.unwrap(call), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(call)
