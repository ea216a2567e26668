"""Tables of plain values, from TOML or JSON, converted to frozen dataclasses, with errors that name the key."""

import difflib
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from lechat_tui import writing

T = TypeVar("T")

MAX_TOML_BYTES = 4_000_000
"""Of a file that is written by hand, or lists what this program has imported."""


class TableError(Exception):
    """The table can't be read or converted; the text names the line or the key."""


def read(file: Path) -> dict[str, Any]:
    """The table in a TOML file; an empty one where there is no file.

    Raises `TableError`; its text continues a sentence that begins with the file's name.
    """
    try:
        content = writing.read(file, MAX_TOML_BYTES)
        return tomllib.loads(content.decode("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise TableError(f"is not text in UTF-8 (at line {line}); save it as UTF-8") from error
    except OSError as error:
        raise TableError(f"can't be read: {error.strerror or error}") from error
    except RecursionError as error:
        raise TableError("is not valid TOML: its lists or tables are nested too deeply") from error
    except ValueError as error:
        raise TableError(f"is not valid TOML: {error}") from error


def build(kind: type[T], table: Mapping[str, Any], *, strict: bool = True) -> T:
    """Convert the table to a `kind`. Raises `TableError` for an unknown or missing key or a value of a wrong type.

    Unless `strict`, numbers may be given as strings.
    """
    _reject_unknown(kind, table, "")
    try:
        built = msgspec.convert(table, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise TableError(_readable(str(error), kind, table)) from error
    _reject_infinite(built, "")
    return built


def _reject_infinite(value: Any, at: str) -> None:
    """Numbers that are none pass every comparison with a limit, and no JSON can hold them."""
    if isinstance(value, float) and not math.isfinite(value):
        raise TableError(f"{at} must be a finite number")
    if is_dataclass(value):
        for field in fields(value):
            _reject_infinite(getattr(value, field.name), f"{at}.{field.name}".lstrip("."))
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            _reject_infinite(item, f"{at}[{index}]")


def _reject_unknown(kind: Any, table: Mapping[str, Any], at: str) -> None:
    known, hints = _names_and_types(kind)
    for key, value in table.items():
        if key not in known:
            meant = difflib.get_close_matches(key, known, n=1)
            raise TableError(f"unknown key {at}{key}" + (f"; did you mean {meant[0]}?" if meant else ""))
        inner = next((t for t in (hints[key], *get_args(hints[key])) if is_dataclass(t)), None)
        for at_key, table in _listed(f"{at}{key}", value):
            if inner and isinstance(table, Mapping):
                _reject_unknown(inner, table, f"{at_key}.")


@cache
def _names_and_types(kind: Any) -> tuple[frozenset[str], Mapping[str, Any]]:
    return frozenset(field.name for field in fields(kind)), get_type_hints(kind)


def _listed(key: str, value: Any) -> list[tuple[str, Any]]:
    """The values below a key with their keys: the items of a list, or the one value."""
    return (
        [(f"{key}[{index}]", item) for index, item in enumerate(value)] if isinstance(value, list) else [(key, value)]
    )


_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text in quotes",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}
_BOUNDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_WRONG_KIND = re.compile(r"expected ([\w |]+), got (\w+)", re.IGNORECASE)
_OUT_OF_RANGE = re.compile(r"expected (?:int|float) ([<>]=?) (\S+)", re.IGNORECASE)
_WRONG_LENGTH = re.compile(r"expected array of length (\d+), got (\d+)", re.IGNORECASE)
_NO_CHOICE = re.compile(r"invalid enum value '?(.*?)'?$", re.IGNORECASE)


def _readable(error: str, kind: Any, table: Mapping[str, Any]) -> str:
    """An error of msgspec, as in ``Expected `int` >= 1 - at `$.threads` ``, as in `threads must be from 1 to 512`."""
    what, _, where = error.replace("`", "").partition(" - at $.")
    if where.endswith("[...]"):  # a table of texts, of which msgspec does not name the key
        where = where.removesuffix("[...]")
        texts: Mapping[str, Any] = table.get(where, {})
        where += f".{next((key for key, value in texts.items() if not isinstance(value, str)), '')}"
    if missing := what.partition("Object missing required field ")[2]:
        return f"the key {where}.{missing} is missing" if where else f"the key {missing} is missing"
    name = where or "the value"
    hint = get_type_hints(kind, include_extras=True).get(where.partition("[")[0])
    if match := _WRONG_KIND.fullmatch(what):
        kinds = [_KINDS[word] for word in match[1].split(" | ") if word in _KINDS]
        return f"{name} must be {' or '.join(kinds) or match[1]}, not {_KINDS.get(match[2], match[2])}"
    if match := _OUT_OF_RANGE.fullmatch(what):
        return f"{name} must be {range_text(hint) or f'{_BOUNDS[match[1]]} {_number(float(match[2]))}'}"
    if "matching regex" in what:
        return f"{name} must be like {_examples(hint)}"
    if "of length >= 1" in what:
        return f"{name} must not be empty"
    if match := _WRONG_LENGTH.fullmatch(what):
        return f"{name} must be a list of {match[1]}, not of {match[2]}"
    if "out of range" in what:
        return f"{name} must be {range_text(hint) or 'a smaller number'}"
    if match := _NO_CHOICE.fullmatch(what):
        names = [str(choice) for choice in _choices(hint) if choice]
        return f"{name} must be {' or '.join(names)}, not {match[1]}" if names else f"{name} can't be {match[1]}"
    return f"{name}: {what[:1].lower()}{what[1:]}"


def _examples(hint: Any) -> str:
    """The examples of a type, as in `90d, 6m or forever`."""
    *most, last = next((meta.examples for meta in getattr(hint, "__metadata__", ()) if meta.examples), [""])
    return f"{', '.join(most)} or {last}" if most else str(last)


def _choices(hint: Any) -> list[object]:
    """The values of the literals in a type."""
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    return [choice for part in get_args(hint) for choice in _choices(part)]


def range_text(hint: Any) -> str:
    """`from 0 to 10`, for a type with such limits; empty for one without both."""
    for part in (hint, *get_args(hint)):
        for meta in getattr(part, "__metadata__", ()):
            least = meta.ge if meta.ge is not None else meta.gt
            if least is not None and meta.le is not None:
                return f"{'from' if meta.ge is not None else 'more than'} {_number(least)} to {_number(meta.le)}"
    return ""


def _number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:g}"
