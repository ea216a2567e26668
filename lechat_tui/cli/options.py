"""The command-line options that come from the table of settings."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer
from typer.core import TyperArgument

from lechat_tui.settings.options import OPTIONS, Option, unescaped


def _without_type(argument: TyperArgument, ctx: object) -> None:
    return None


TyperArgument.display_type_rich = _without_type  # type: ignore[assignment, method-assign]  # help shows no Python types


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each row of the table; their values come as `settings`, None when not given."""
    signature = inspect.signature(command)
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        parameters += map(_parameter, OPTIONS) if parameter.name == "settings" else [parameter]

    @wraps(command)
    def run(**values: Any) -> None:
        settings = {row.name: _given(row, values.pop(row.name)) for row in OPTIONS}
        command(**values, settings=settings)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _parameter(row: Option) -> inspect.Parameter:
    if row.repeats:
        texts = typer.Option(row.flag, metavar=row.metavar, help=row.help)
        annotated = Annotated[list[str] | None, texts]
        return inspect.Parameter(row.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=annotated)
    if row.switches:
        flags = typer.Option(f"{row.flag}/--no-{row.name}", help=row.help)
        switch = Annotated[bool | None, flags]
        return inspect.Parameter(row.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=switch)
    kind, least, most = row.range
    option = typer.Option(row.flag, min=least, max=most, metavar=row.metavar, help=row.help)
    annotation = Annotated[kind | None, option]  # type: ignore[valid-type]
    return inspect.Parameter(row.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=annotation)


def _given(row: Option, value: Any) -> Any:
    """The value of an option; None when it was not given, which Typer makes an empty list for those that repeat."""
    if row.switches:
        return None if value is None else "on" if value else "off"
    if not row.repeats:
        return value
    return tuple(map(unescaped, value)) if value else None
