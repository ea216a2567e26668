"""Tables of plain values, from TOML or JSON, converted to frozen dataclasses, with errors that name the key."""

import difflib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

T = TypeVar("T")


class TableError(Exception):
    """The table can't be converted; the text names the key."""


def build(kind: type[T], table: Mapping[str, Any], *, strict: bool = True) -> T:
    """Convert the table to a `kind`. Raises `TableError` for an unknown or missing key or a value of a wrong type.

    Unless `strict`, numbers may be given as strings.
    """
    _reject_unknown(kind, table, "")
    try:
        return msgspec.convert(table, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise TableError(_readable(str(error))) from error


def _reject_unknown(kind: Any, table: Mapping[str, Any], at: str) -> None:
    known = {field.name for field in fields(kind)}
    hints = get_type_hints(kind)
    for key, value in table.items():
        if key not in known:
            meant = difflib.get_close_matches(key, known, n=1)
            raise TableError(f"unknown key {at}{key}" + (f"; did you mean {meant[0]}?" if meant else ""))
        inner = next((t for t in (hints[key], *get_args(hints[key])) if is_dataclass(t)), None)
        for at_key, table in _listed(f"{at}{key}", value):
            if inner and isinstance(table, Mapping):
                _reject_unknown(inner, table, f"{at_key}.")


def _listed(key: str, value: Any) -> list[tuple[str, Any]]:
    """The values below a key with their keys: the items of a list, or the one value."""
    return (
        [(f"{key}[{index}]", item) for index, item in enumerate(value)] if isinstance(value, list) else [(key, value)]
    )


def _readable(error: str) -> str:
    """An error of msgspec, as in ``Expected `int`, got `str` - at `$.a` ``, as `a: expected int, got str`."""
    what, _, where = error.replace("`", "").partition(" - at $.")
    what = what.replace(" | null", "").replace("object", "table")
    if missing := what.partition("Object missing required field ")[2]:
        return f"the key {where}.{missing} is missing" if where else f"the key {missing} is missing"
    what = what[:1].lower() + what[1:]
    return f"{where}: {what}" if where else what
