"""The command line of `lechat library`; `shelves.py` does what it says."""

from pathlib import Path
from typing import Annotated

import typer

from lechat_tui.cli.chats import HELP, Json

Library = Annotated[str, typer.Argument(metavar="NAME", help="A library from lechat library ls.")]

Paths = Annotated[list[Path] | None, typer.Argument(metavar="PATH", help="Folders and files.")]

library = typer.Typer(
    help="Create, update, list, search and remove libraries of documents. Without a command, list them.",
    rich_markup_mode=None,
    context_settings=HELP,
    invoke_without_command=True,
)


@library.callback()
def alone(context: typer.Context) -> None:
    """List the libraries if no command follows."""
    if context.invoked_subcommand is None:
        ls()


@library.command("new", help="Create a library of folders and files, which stay where they are.")
def new(
    title: Annotated[str, typer.Argument(metavar="NAME", help="Name for the library.")], paths: Paths = None
) -> None:
    from lechat_tui.cli import shelves

    shelves.new(title, paths or [])


@library.command("add", help="Add folders and files to a library.")
def add(
    library: Library, paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Folders and files.")]
) -> None:
    from lechat_tui.cli import shelves

    shelves.add(library, paths)


@library.command("connect", help="Use an OpenSearch or Elasticsearch index as a library.")
def connect(
    title: Annotated[str, typer.Argument(metavar="NAME", help="The name of the library.")],
    url: Annotated[str, typer.Argument(metavar="URL", help="Such as https://search.example.org:9200.")],
    index: Annotated[str, typer.Argument(metavar="INDEX", help="The index, an alias or a pattern.")],
    text: Annotated[str, typer.Option(metavar="FIELD", help="Field with the text.")] = "text",
    title_field: Annotated[str, typer.Option("--title", metavar="FIELD", help="Field with the name.")] = "title",
    heading: Annotated[str, typer.Option(metavar="FIELD", help="Field with the headings above a passage.")] = "heading",
    path: Annotated[str, typer.Option(metavar="FIELD", help="Field with the file or address.")] = "path",
    page: Annotated[str, typer.Option(metavar="FIELD", help="Field with the number of the page.")] = "page",
    key_env: Annotated[
        str, typer.Option(metavar="VARIABLE", help="Environment variable with the API key or USER:PASSWORD.")
    ] = "",
    key_file: Annotated[str, typer.Option(metavar="PATH", help="File with the API key or USER:PASSWORD.")] = "",
    cacert: Annotated[str, typer.Option(metavar="PATH", help="PEM file with the CA of the server's certificate.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to send questions there.")] = False,
) -> None:
    from lechat_tui.cli import shelves
    from lechat_tui.library.opensearch import Index

    place = Index(url, index, text, title_field, heading, path, page, key_env, key_file, cacert)
    shelves.connect(title, place, agreed=yes)


@library.command("sync", help="Index new and changed files, and drop deleted ones.")
def sync(library: Library) -> None:
    from lechat_tui.cli import shelves

    shelves.sync(library)


@library.command("ls", help="List the libraries, or the documents of one.")
def ls(
    library: Annotated[str, typer.Argument(metavar="NAME", help="A library; default: all.")] = "",
    json: Json = False,
) -> None:
    from lechat_tui.cli import shelves

    shelves.list_documents(library, as_json=json) if library else shelves.list_libraries(as_json=json)


@library.command("status", help="Show a library's folders, its size, and the files that could not be read.")
def status(library: Library, json: Json = False) -> None:
    from lechat_tui.cli import shelves

    shelves.status(library, as_json=json)


@library.command("search", help="Find passages that match words or answer a question.")
def search(
    library: Library,
    words: Annotated[list[str], typer.Argument(metavar="WORDS")],
    limit: Annotated[
        int, typer.Option("-k", "--limit", min=1, max=100, metavar="N", help="Maximum number of passages.")
    ] = 10,
    everything: Annotated[
        bool, typer.Option("-a", "--all", help="List and count all passages that contain all of the words.")
    ] = False,
    json: Json = False,
) -> None:
    from lechat_tui.cli import shelves

    text = " ".join(words)
    if everything:
        shelves.list_matches(library, text, as_json=json)
    else:
        shelves.search(library, text, limit, as_json=json)


@library.command("embed", help="Prepare a search by meaning with an embedding model; it may be stopped and run again.")
def embed(
    library: Library,
    model: Annotated[str, typer.Option("-m", "--model", help="The model; default: the first installed one.")] = "",
) -> None:
    from lechat_tui.cli import shelves

    shelves.embed(library, model)


@library.command("ask", help="Answer a question from the documents of a library, and cite them.")
def ask(
    library: Library,
    question: list[str],
    model: Annotated[str, typer.Option("-m", "--model", help="A model listed by lechat ls, or a path.")] = "",
    no_save: Annotated[bool, typer.Option("-n", "--no-save", help="Do not save this chat.")] = False,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Print no sources, hints or progress on stderr.")
    ] = False,
    json: Json = False,
) -> None:
    from lechat_tui.cli.library_questions import ask

    ask(library, " ".join(question), model=model, kept=not no_save, quiet=quiet, as_json=json)


@library.command("rm", help="Remove a library, or folders and files from it; the files themselves stay.")
def rm(
    library: Library,
    paths: Paths = None,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    from lechat_tui.cli import shelves

    shelves.remove_sources(library, paths) if paths else shelves.remove(library, agreed=yes)


library.command("create", hidden=True)(new)
library.command("update", hidden=True)(sync)
library.command("list", hidden=True)(ls)
library.command("show", hidden=True)(status)
library.command("find", hidden=True)(search)
library.command("delete", hidden=True)(rm)
library.command("remove", hidden=True)(rm)
