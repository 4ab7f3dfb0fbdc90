"""JSON as the service has it: integers of any size stay exact, NaN and U+0000 are refused, nesting is bounded."""

from __future__ import annotations

import json
from typing import Any

DEPTH_MAX = 127
"""Nesting that the server takes."""


class JsonError(ValueError):
    """A value that cannot travel as JSON."""


def dumps(value: Any) -> str:
    """The JSON text of a value. Raises JsonError for what JSON or the server cannot take."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        raise JsonError(f"the value is nested deeper than {DEPTH_MAX} levels") from None
    except (TypeError, ValueError) as error:
        raise JsonError(str(error)) from error
    if "\\u0000" in text and _has_nul(value):
        raise JsonError("the value contains the character U+0000")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise JsonError("the value contains a lone surrogate") from None
    if _deeper_than(value, DEPTH_MAX):
        raise JsonError(f"the value is nested deeper than {DEPTH_MAX} levels")
    return text


def loads(text: str) -> Any:
    """The value of a JSON text; of an empty text an empty object, as the server has it."""
    return json.loads(text) if text else {}


def _deeper_than(value: Any, levels: int) -> bool:
    stack = [(value, 1)]
    while stack:
        current, depth = stack.pop()
        if isinstance(current, dict):
            children = list(current.values())
        elif isinstance(current, (list, tuple)):
            children = list(current)
        else:
            continue
        if depth > levels:
            return True
        stack.extend((child, depth + 1) for child in children)
    return False


def _has_nul(value: Any) -> bool:
    stack = [value]
    while stack:
        current = stack.pop()
        if isinstance(current, str):
            if "\x00" in current:
                return True
        elif isinstance(current, dict):
            stack.extend(current.keys())
            stack.extend(current.values())
        elif isinstance(current, (list, tuple)):
            stack.extend(current)
    return False


def clean(text: str, characters: int) -> str:
    """A text that can travel: cut at a number of characters, without U+0000 and lone surrogates."""
    cut = text[:characters].replace("\x00", "\ufffd")
    return cut.encode("utf-8", "replace").decode("utf-8") if not cut.isascii() else cut
