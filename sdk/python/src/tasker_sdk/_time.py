"""Lengths and points of time as the contract has them, in seconds."""

from __future__ import annotations

from typing import Any


def seconds(of: Any) -> float:
    """The seconds of a Duration, or of a Timestamp since 1970."""
    return of.seconds + of.nanos / 1e9
