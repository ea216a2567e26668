"""The command line of `lechat chats`; `history.py` does what it says."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

HELP = {"help_option_names": ["-h", "--help"]}

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

Id = Annotated[
    str, typer.Argument(metavar="ID", help="A number from lechat chats ls, or last for the most recent chat.")
]

MAX_LIMIT = 2**31 - 1


class ExportFormat(StrEnum):
    """The format of an exported chat."""

    md = "md"
    html = "html"
    json = "json"


chats = typer.Typer(
    help="List, show, search, rename, export, import and delete chats. Without a command, list them.",
    rich_markup_mode=None,
    context_settings=HELP,
    invoke_without_command=True,
)


@chats.callback()
def alone(context: typer.Context) -> None:
    """List the chats if no command follows."""
    if context.invoked_subcommand is None:
        ls()


@chats.command("ls", help="List chats, the most recent first.")
def ls(
    limit: Annotated[int, typer.Option(min=1, max=MAX_LIMIT, metavar="N", help="Maximum number of chats.")] = 50,
    json: Json = False,
) -> None:
    from lechat_tui.cli import history

    history.list_json(limit) if json else history.list_chats(limit)


@chats.command("show", help="Print a chat as Markdown.")
def show(id: Id) -> None:
    from lechat_tui.cli import history

    history.show(id)


@chats.command("search", help="Find messages that contain all of the words.")
def search(words: Annotated[list[str], typer.Argument(metavar="WORDS")]) -> None:
    from lechat_tui.cli import history

    history.search(" ".join(words))


@chats.command("rename", help="Rename a chat.")
def rename(id: Id, title: Annotated[list[str], typer.Argument(metavar="TITLE")]) -> None:
    from lechat_tui.cli import history

    history.rename(id, " ".join(title))


@chats.command("export", help="Export a chat as Markdown, HTML, or JSON (with all branches).")
def export(
    id: Id,
    format: Annotated[
        ExportFormat | None, typer.Option(help="Default: that of the file's name, or md.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="PATH", help="File to write; default: stdout.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    from lechat_tui.cli import history
    from lechat_tui.talk import exports

    suffix = exports.SUFFIXES.get(output.suffix.casefold(), "md") if output else "md"
    history.export(id, format.value if format else suffix, output, force=force)


@chats.command("import", help="Import a chat that was exported as JSON.")
def bring(file: Annotated[Path, typer.Argument(metavar="FILE.json")]) -> None:
    from lechat_tui.cli import history

    history.import_chat(file)


@chats.command("rm", help="Delete chats by ID or by age.")
def rm(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Numbers from lechat chats ls, or last.")
    ] = None,
    older_than: Annotated[
        str, typer.Option(metavar="TIME", help="All chats whose last message is older: 90d, 8w, 6m, 1y.")
    ] = "",
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    from lechat_tui.cli import history

    history.remove(ids or [], older_than=older_than, agreed=yes)


chats.command("list", hidden=True)(ls)
chats.command("find", hidden=True)(search)
chats.command("delete", hidden=True)(rm)
chats.command("remove", hidden=True)(rm)
