"""When a call is repeated: where the server says that it helps and when, and after a lost connection where it is safe."""

from __future__ import annotations

import random

import grpc

from .errors import RefusedError, TaskerError, TransportError

DEFAULT_TIMEOUT = 30.0
"""Seconds that a call may take with all its repeats."""

_FIRST_PAUSE = 0.1
_PAUSE_MAX = 5.0


def pause_before_repeat(error: TaskerError, safe: bool, tries: int, left: float) -> float | None:
    """How long to wait before the next try; None when the error stands.

    `safe` says whether the call may be repeated although nobody knows whether it was carried out.
    """
    backoff = min(_FIRST_PAUSE * 2 ** min(tries, 10), _PAUSE_MAX) * random.uniform(0.5, 1.0)
    if isinstance(error, RefusedError) and error.retry_after is not None:
        pause = max(error.retry_after, 0.0) + (backoff if tries else 0.0)
    elif isinstance(error, TransportError) and safe and error.code is grpc.StatusCode.UNAVAILABLE:
        pause = backoff
    else:
        return None
    return pause if pause < left else None
