"""What `lechat library` does: makes, fills, lists, searches and removes libraries."""

import json
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lechat_tui.cli import compose, printing
from lechat_tui.documents.formats import BY_SUFFIX
from lechat_tui.engine.base import EngineError
from lechat_tui.engine.remote.server import base_url
from lechat_tui.library import names, vectors
from lechat_tui.library import sync as syncing
from lechat_tui.library.errors import LibraryError
from lechat_tui.library.excerpts import excerpt
from lechat_tui.library.opensearch import Index, OpenSearch
from lechat_tui.library.passages import Passage
from lechat_tui.library.store import Library
from lechat_tui.models import servers
from lechat_tui.talk import embedders
from lechat_tui.units import duration_text, size_text

EXCERPT_CHARACTERS = 300


def new(name: str, paths: list[Path]) -> None:
    """Make a library and read these folders and files. Raises `LibraryError`."""
    with names.create(name) as library:
        if not paths:
            printing.say(f"the library {name} is empty; lechat library add {name} FOLDER fills it")
            return
        try:
            syncing.add_sources(library, paths)
        except LibraryError:
            names.remove(name)
            raise
        _sync(library)


def add(name: str, paths: list[Path]) -> None:
    """Read these folders and files into a library. Raises `LibraryError`."""
    with names.find(name) as library:
        syncing.add_sources(library, paths)
        _sync(library)


def sync(name: str) -> None:
    """Bring a library up to date with its folders. Raises `LibraryError`."""
    with names.find(name) as library:
        _sync(library)


def list_libraries(*, as_json: bool) -> None:
    """Print the libraries and what each holds. Raises `LibraryError`."""
    rows, there = [], []
    for name in names.names():
        if index := names.index_of(name):
            there.append((name, index))
            continue
        with names.find(name) as library:
            totals = library.totals()
            rows.append((name, totals.documents, totals.passages, _size(library)))
    if as_json:
        keys = ("name", "documents", "passages", "bytes")
        here = [dict(zip(keys, row, strict=True)) for row in rows]
        on_servers = [{"name": name, "url": index.url, "index": index.index} for name, index in there]
        printing.show(json.dumps([*here, *on_servers], indent=2))
        return
    if not rows and not there:
        printing.say("there is no library; lechat library new NAME FOLDER makes one")
    width = max((len(name) for name in names.names()), default=0)
    for name, documents, passages, size in rows:
        printing.show(f"{name:<{width}}  {_about(documents, passages, size)}")
    for name, index in there:
        printing.show(f"{name:<{width}}  {index.index} on {index.server.label}")


def list_documents(name: str, *, as_json: bool) -> None:
    """Print the documents of a library. Raises `LibraryError`."""
    with names.find(name) as library:
        entries = library.documents()
    if as_json:
        rows = [
            {
                "path": entry.path,
                "format": entry.format,
                "pages": entry.pages,
                "bytes": entry.size,
                "sha256": entry.sha256,
                "added": datetime.fromtimestamp(entry.added, UTC).isoformat(timespec="seconds"),
                "notes": list(entry.notes),
                "problem": entry.problem,
            }
            for entry in entries
        ]
        printing.show(json.dumps(rows, indent=2))
        return
    for entry in entries:
        about = f"can't be read: {entry.problem}" if entry.problem else _count(entry.pages, "page")
        printing.show(f"{entry.path}  {about}")


def status(name: str, *, as_json: bool) -> None:
    """Print what a library holds, where it is from, and what could not be read. Raises `LechatError`."""
    if index := names.index_of(name):
        _server_status(name, index, as_json=as_json)
        return
    with names.find(name) as library:
        totals, sources, size = library.totals(), library.sources(), _size(library)
        entries = library.documents()
    problems = {entry.path: entry.problem for entry in entries if entry.problem}
    empty = [entry.path for entry in entries if not entry.problem and not entry.passages]
    missing = [source for source in sources if not Path(source).exists()]
    if as_json:
        about = {
            "name": name,
            "documents": totals.documents,
            "passages": totals.passages,
            "bytes": size,
            "sources": sources,
            "missing": missing,
            "unreadable": problems,
            "empty": empty,
        }
        printing.show(json.dumps(about, indent=2))
        return
    printing.show(f"{name}: {_about(totals.documents, totals.passages, size)}")
    for source in sources:
        printing.show(f"  {source}{' (missing now; its documents are kept)' if source in missing else ''}")
    if problems:
        printing.show(f"{_count(len(problems), 'file')} could not be read:")
    for path, problem in problems.items():
        printing.show(f"  {path}: {problem}")
    if empty:
        printing.show(f"{_count(len(empty), 'document')} without text (lechat ocr FILE -o TEXT.md reads scans):")
    for path in empty:
        printing.show(f"  {path}")


def _server_status(name: str, index: Index, *, as_json: bool) -> None:
    documents = OpenSearch(index).count()
    if as_json:
        about = {"name": name, "documents": documents, "url": index.url, "index": index.index}
        printing.show(json.dumps(about, indent=2))
    else:
        printing.show(f"{name}: {_count(documents, 'document')} in {index.index} on {index.server.label}")


def connect(name: str, index: Index, *, agreed: bool) -> None:
    """Add an index of a search server as a library, after asking for consent. Raises `LechatError`."""
    names.check_new(name)
    index = replace(index, url=base_url(index.url))
    server = index.server
    if refusal := servers.refused(server):
        raise LibraryError(refusal)
    if not server.is_here and not agreed:
        if not sys.stdin.isatty():
            raise LibraryError(f"{server.label} is another machine; --yes agrees that questions to {name} go there")
        printing.say(
            f"Questions to {name} are sent to {server.label}, and whoever runs it can read them. [y/N] ", end=""
        )
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise LibraryError("nothing was connected")
    documents = OpenSearch(index).count()
    names.connect(name, index)
    printing.say(f"{name}: {_count(documents, 'document')} in {index.index} on {server.label}")


def search(name: str, words: str, limit: int, *, as_json: bool) -> None:
    """Print the passages that match best. Raises `LechatError`."""
    if index := names.index_of(name):
        found = OpenSearch(index).search(words, limit)
    else:
        with names.find(name) as library:
            found = _search(library, words, limit)
    if as_json:
        printing.show(json.dumps([_row(passage) for passage in found], indent=2))
    elif not found:
        printing.say(f"nothing in {name} matches")
    else:
        _show(found, words)


def _search(library: Library, words: str, limit: int) -> list[Passage]:
    from lechat_tui.library.embedding import search

    if not vectors.embedders_of(library):  # the models need not be looked for
        return library.search(words, limit)
    embedder = embedders.of_library(library, compose.models(compose.settings()))
    try:
        return search(library, words, embedder, limit)
    except EngineError as error:
        printing.say(f"{error}; only the words were searched")
        return library.search(words, limit)
    finally:
        if embedder:
            embedder.close()


def embed(name: str, model: str) -> None:
    """Make vectors for all passages of a library, so that it is searched by meaning, too.

    Raises `LibraryError`, `ModelError` or `EngineError`.
    """
    from lechat_tui.library.embedding import Progress, embed_pending

    is_terminal = sys.stderr.isatty()
    began, first = time.monotonic(), None

    def report(progress: Progress) -> None:
        nonlocal first
        first = progress.done if first is None else first
        made = progress.done - first
        if is_terminal:
            left = (time.monotonic() - began) / made * (progress.total - progress.done) if made else None
            rest = f", {duration_text(left)} left" if left else ""
            text = f"{progress.done:,} of {progress.total:,} passages{rest}"
            printing.rewrite(f"{text:<50}", end="\r")

    embedder = embedders.chosen(compose.models(compose.settings()), model)
    with names.find(name) as library:
        try:
            made = embed_pending(library, embedder, report)
        finally:
            embedder.close()
            if is_terminal:
                printing.rewrite(" " * 50, end="\r")
    printing.say(f"{name}: {_count(made, 'passage')} embedded with {embedder.name}")


def list_matches(name: str, words: str, *, as_json: bool) -> None:
    """Print all passages that have all of the words, and how many there are. Raises `LechatError`."""
    if index := names.index_of(name):
        found = _count(OpenSearch(index).count(words), "document")
        raise LibraryError(f"{found} of {name} have all of the words; only libraries on this machine list all of them")
    with names.find(name) as library:
        matches = library.matches(words)
        if as_json:
            rows = [_row(passage) for passage in matches]
            about = {"passages": matches.count, "documents": matches.documents, "matches": rows}
            printing.show(json.dumps(about, indent=2))
            return
        _show(matches, words)
    printing.say(f"{_count(matches.count, 'passage')} in {_count(matches.documents, 'document')}")


def remove(name: str, *, agreed: bool) -> None:
    """Delete a library after a confirmation. Raises `LibraryError`."""
    names.check(name)
    if not agreed:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise LibraryError(f"use --yes to delete the library {name}, because there is no terminal to confirm it on")
        printing.say(f"Delete the library {name}? The files that were added to it stay. [y/N] ", end="")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise LibraryError("nothing was deleted")
    names.remove(name)
    printing.say(f"deleted the library {name}")


def remove_sources(name: str, paths: list[Path]) -> None:
    """Remove folders and files from a library, with their documents. Raises `LibraryError`."""
    with names.find(name) as library:
        gone = sum(syncing.remove_source(library, path) for path in paths)
    printing.say(f"{name}: {_count(gone, 'document')} removed")


def _sync(library: Library) -> None:
    """Bring it up to date, with progress on a terminal, and print what was done."""
    is_terminal = sys.stderr.isatty()
    width = 0

    def progress(file: Path, done: int, total: int) -> None:
        nonlocal width
        if is_terminal:
            text = f"{done:,} of {total:,} files, {file.name}"[:78]
            printing.rewrite(text.ljust(width), end="\r")
            width = len(text)

    report = syncing.sync(library, progress=progress)
    if width:
        printing.rewrite(" " * width, end="\r")
    counts = report.counts
    done = [
        f"{_count(number, 'document')} {action}"
        for action in ("added", "changed", "removed")
        if (number := counts[action])
    ]
    if counts["unreadable"]:
        files = _count(counts["unreadable"], "file")
        done.append(f"{files} could not be read (lechat library status {library.name} says why)")
    printing.say(f"{library.name}: {', '.join(done) or 'nothing has changed'}")
    for source in report.missing:
        printing.say(f"{source} is not there now; its documents are kept")


def _show(passages: Iterable[Passage], words: str) -> None:
    for passage in passages:
        where = passage.path or passage.document
        if passage.page > 1 or Path(where).suffix.lower() in BY_SUFFIX:
            where += f", page {passage.page}"
        printing.show(f"{where}: {passage.heading}" if passage.heading else where)
        printing.show(f"    {excerpt(passage.body, words, EXCERPT_CHARACTERS)}")


def _row(passage: Passage) -> dict[str, Any]:
    return {
        "document": passage.document,
        "path": passage.path,
        "page": passage.page,
        "start": passage.start,
        "end": passage.end,
        "heading": passage.heading,
        "text": passage.body,
    }


def _about(documents: int, passages: int, size: int) -> str:
    return f"{_count(documents, 'document')}, {_count(passages, 'passage')}, {size_text(size)}"


def _size(library: Library) -> int:
    """Bytes of its file."""
    file = library.file
    return file.stat().st_size if file else 0


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number:,} {what}s"
