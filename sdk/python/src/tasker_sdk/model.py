"""Tasks and steps with native payloads. `raw` is always the message itself, with everything that is not shown here."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from . import _json
from ._gen.tasker.v1 import state_pb2, step_pb2, task_pb2, transition_pb2

FINAL_STATES = frozenset({"complete", "error", "cancelled", "resolved_manually"})
"""States in which a task rests. A task in `error` can be retried."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One step of a task."""

    id: str
    name: str
    state: str
    attempts: int
    results: Any
    raw: step_pb2.Step = dataclasses.field(repr=False)

    @classmethod
    def of(cls, raw: step_pb2.Step) -> "Step":
        """A step from its message."""
        results = _json.loads(raw.results_json) if raw.results_json else None
        return cls(raw.step_id, raw.name, state_name(raw.state), raw.attempts, results, raw)


@dataclasses.dataclass(frozen=True)
class Task:
    """One run of a handler."""

    id: str
    handler: str
    """`namespace.name@version`."""
    state: str
    context: Any
    """The input; None where the answer left payloads out."""
    steps: tuple[Step, ...]
    raw: task_pb2.Task = dataclasses.field(repr=False)

    @classmethod
    def of(cls, raw: task_pb2.Task) -> "Task":
        """A task from its message."""
        handler = f"{raw.handler.namespace}.{raw.handler.name}@{raw.handler.version}"
        context = _json.loads(raw.context_json) if raw.context_json else None
        return cls(raw.task_id, handler, state_name(raw.state), context, tuple(map(Step.of, raw.steps)), raw)

    @property
    def is_final(self) -> bool:
        """Whether the task rests in a final state."""
        return self.state in FINAL_STATES

    @property
    def output(self) -> dict[str, Any]:
        """The results of the steps that no other step waits for, by name."""
        return {step.name: step.results for step in self.steps if not step.raw.child_step_ids}

    def step(self, name: str) -> Step:
        """The step of that name. Raises KeyError."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)


@dataclasses.dataclass(frozen=True)
class Transition:
    """One move of a task or of a step."""

    sequence: int
    step_name: str
    """Empty for a move of the task itself."""
    from_state: str
    to_state: str
    event: str
    time: datetime.datetime
    raw: transition_pb2.Transition = dataclasses.field(repr=False)

    @classmethod
    def of(cls, raw: transition_pb2.Transition) -> "Transition":
        """A transition from its message."""
        return cls(
            raw.sequence,
            raw.step_name,
            state_name(raw.from_state),
            state_name(raw.to_state),
            raw.event,
            raw.transition_time.ToDatetime(tzinfo=datetime.timezone.utc),
            raw,
        )


def state_name(state: int) -> str:
    """`STATE_IN_PROGRESS` as `in_progress`; a state that this version does not know as its number."""
    try:
        return state_pb2.State.Name(state).removeprefix("STATE_").lower()
    except ValueError:
        return str(state)
