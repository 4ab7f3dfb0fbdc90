"""Native values from JSON values and back: dataclasses, TypedDicts, pydantic models, enums, and plain containers."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import types
import typing
import uuid
from decimal import Decimal
from typing import Any, Mapping, Union, get_args, get_origin, get_type_hints


class Misfit(ValueError):
    """A JSON value that does not fit the type; the text names the place."""


def to_json_value(value: Any) -> Any:
    """The JSON value of a native value."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value.value if isinstance(value, enum.Enum) else value
    if isinstance(value, enum.Enum):
        return to_json_value(value.value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json_value(getattr(value, field.name)) for field in dataclasses.fields(value)}
    dump = getattr(value, "model_dump", None)
    if callable(dump):  # pydantic
        return dump(mode="json")
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): to_json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_json_value(item) for item in value]
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (uuid.UUID, Decimal)):
        return str(value)
    raise TypeError(f"a value of type {type(value).__qualname__} has no JSON form")


def from_json_value(value: Any, kind: Any, place: str = "") -> Any:
    """A value of the type `kind` made from a JSON value. Raises Misfit."""
    if kind is Any or kind is None or kind is dataclasses.MISSING:
        return value
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _union(value, get_args(kind), place)
    if origin is typing.Annotated:
        return from_json_value(value, get_args(kind)[0], place)
    if origin is typing.Literal:
        if value in get_args(kind):
            return value
        raise Misfit(f"{_at(place)}is none of {', '.join(map(repr, get_args(kind)))}")
    if kind is type(None):
        if value is None:
            return None
        raise Misfit(f"{_at(place)}is not null")
    if isinstance(kind, type) and hasattr(kind, "model_validate"):  # pydantic
        return _pydantic(value, kind, place)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _record(value, kind, place)
    if typing.is_typeddict(kind):
        return _typed_dict(value, kind, place)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        try:
            return kind(value)
        except ValueError:
            raise Misfit(f"{_at(place)}is no {kind.__qualname__}") from None
    return _plain(value, kind, origin, place)


def _union(value: Any, kinds: tuple[Any, ...], place: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    problems: list[str] = []
    for kind in kinds:
        if kind is type(None):
            continue
        try:
            return from_json_value(value, kind, place)
        except Misfit as misfit:
            problems.append(str(misfit))
    raise Misfit(problems[0] if problems else f"{_at(place)}is not null")


def _pydantic(value: Any, kind: Any, place: str) -> Any:
    try:
        return kind.model_validate(value)
    except ValueError as error:
        raise Misfit(f"{_at(place)}{error}") from error


def _record(value: Any, kind: Any, place: str) -> Any:
    if not isinstance(value, dict):
        raise Misfit(f"{_at(place)}is not an object")
    hints = get_type_hints(kind, include_extras=True)
    arguments: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if not field.init:
            continue
        inside = f"{place}.{field.name}" if place else field.name
        if field.name in value:
            arguments[field.name] = from_json_value(value[field.name], hints.get(field.name, Any), inside)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise Misfit(f"{inside} is missing")
    return kind(**arguments)


def _typed_dict(value: Any, kind: Any, place: str) -> Any:
    if not isinstance(value, dict):
        raise Misfit(f"{_at(place)}is not an object")
    hints = get_type_hints(kind)
    result = dict(value)
    for name, hint in hints.items():
        inside = f"{place}.{name}" if place else name
        if name in value:
            result[name] = from_json_value(value[name], hint, inside)
        elif name in kind.__required_keys__:
            raise Misfit(f"{inside} is missing")
    return result


def _plain(value: Any, kind: Any, origin: Any, place: str) -> Any:
    target = origin or kind
    arguments = get_args(kind)
    if target is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if target in (int, float) and isinstance(value, bool):
        raise Misfit(f"{_at(place)}is not a number")
    if target in (list, tuple, set, frozenset):
        return _sequence(value, target, arguments, place)
    if target is dict or (isinstance(target, type) and issubclass(target, Mapping)):
        if not isinstance(value, dict):
            raise Misfit(f"{_at(place)}is not an object")
        item = arguments[1] if len(arguments) == 2 else Any
        return {key: from_json_value(entry, item, f"{place}.{key}" if place else key) for key, entry in value.items()}
    parsed = _scalar(value, target, place)
    if parsed is not _NOT_OURS:
        return parsed
    if isinstance(target, type) and not isinstance(value, target):
        raise Misfit(f"{_at(place)}is not of type {target.__qualname__}")
    return value


_NOT_OURS = object()


def _scalar(value: Any, target: Any, place: str) -> Any:
    makers: dict[Any, Any] = {
        datetime.datetime: datetime.datetime.fromisoformat,
        datetime.date: datetime.date.fromisoformat,
        datetime.time: datetime.time.fromisoformat,
        uuid.UUID: uuid.UUID,
        Decimal: Decimal,
    }
    make = makers.get(target)
    if make is None:
        return _NOT_OURS
    try:
        return make(value if isinstance(value, str) else str(value))
    except (ValueError, ArithmeticError):
        raise Misfit(f"{_at(place)}is no {target.__qualname__}") from None


def _sequence(value: Any, target: Any, arguments: tuple[Any, ...], place: str) -> Any:
    if not isinstance(value, list):
        raise Misfit(f"{_at(place)}is not a list")
    if target is tuple and arguments and arguments[-1] is not Ellipsis:
        if len(arguments) != len(value):
            raise Misfit(f"{_at(place)}does not have {len(arguments)} entries")
        return tuple(from_json_value(item, arguments[i], f"{place}[{i}]") for i, item in enumerate(value))
    item_kind = arguments[0] if arguments else Any
    return target(from_json_value(item, item_kind, f"{place}[{i}]") for i, item in enumerate(value))


def _at(place: str) -> str:
    return f"{place} " if place else "the value "
