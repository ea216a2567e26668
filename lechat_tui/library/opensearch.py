"""A library on a search server: an index of OpenSearch, or of Elasticsearch, that someone else fills.

Uses only `POST /INDEX/_search` and `POST /INDEX/_count` with a `multi_match` query, which both servers document.
"""

import asyncio
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from lechat_tui import writing
from lechat_tui.documents.model import Document, Page
from lechat_tui.engine.base import EngineError, Server
from lechat_tui.engine.remote.connection import Connection
from lechat_tui.engine.remote.server import bearer_or_basic
from lechat_tui.library.errors import LibraryError, library_errors
from lechat_tui.library.passages import MAX_WORDS, Passage
from lechat_tui.library.scripts import count_words
from lechat_tui.library.store import Library
from lechat_tui.values import dataclass

TITLE_BOOST = 2
"""A word in a title counts as often as this."""

MAX_TEXT_CHARACTERS = 2_000_000
"""Of a document that the server returns."""


@dataclass(frozen=True)
class Index:
    """Where the passages are, and how the fields of the server's documents are called."""

    url: str
    """The address of the server, such as `https://search.example.org:9200`."""
    index: str
    """The name of the index; a pattern or an alias is one, too."""
    text: str = "text"
    """The field with the text of a document or passage."""
    title: str = "title"
    """The field with its name."""
    heading: str = "heading"
    path: str = "path"
    """The field with the address or file of the document."""
    page: str = "page"
    key_env: str = ""
    """The environment variable with the API key or `USER:PASSWORD`; empty for none."""
    key_file: str = ""
    cacert: str = ""
    """A PEM file with the authority that signed the server's TLS certificate; empty for the system's."""

    @property
    def server(self) -> Server:
        return Server(self.url, self.key_env, self.key_file, self.cacert)


def read(file: Path) -> Index:
    """The index that a file describes. Raises `LibraryError`."""
    with library_errors(file.stem):
        content = writing.read(file, 100_000)
    try:
        return msgspec.convert(tomllib.loads(content.decode("utf-8")), Index)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise LibraryError(f"{file} does not describe an index: {error}") from error


def write(file: Path, index: Index) -> None:
    """Write the file that describes an index. Raises `LibraryError`."""
    import tomli_w

    values = {name: value for name, value in msgspec.to_builtins(index).items() if value}
    with library_errors(file.stem):
        writing.private_folder(file.parent)
        writing.write(file, tomli_w.dumps(values))


class OpenSearch:
    """Searches an index. Each call has a connection of its own; call it where no event loop runs, as in a thread."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._path = f"/{quote(index.index, safe='*,')}"

    def close(self) -> None:
        """Nothing stays open."""

    def search(self, question: str, k: int = 10) -> list[Passage]:
        """The passages that match best, at most `k`; of a long document, the best of its passages.

        Raises `LibraryError`.
        """
        fields = (self._index.text, self._index.title, self._index.heading, self._index.path, self._index.page)
        answer = self._post("_search", {"size": k, "query": self._query(question), "_source": list(fields)})
        hits = _mapping(answer.get("hits")).get("hits")
        found = [self._passage(_mapping(hit)) for hit in (hits if isinstance(hits, list) else [])[:k]]
        return [_best(passage, question) for passage in found if passage.body.strip()]

    def count(self, words: str = "") -> int:
        """The number of documents that have all of the words; of all documents without any. Raises `LibraryError`."""
        query = self._query(words, operator="and") if words else {"match_all": {}}
        count = self._post("_count", {"query": query}).get("count")
        return count if isinstance(count, int) else 0

    def _post(self, what: str, body: dict[str, Any]) -> Mapping[str, Any]:
        try:
            return asyncio.run(self._posted(f"{self._path}/{what}", body))
        except EngineError as error:
            raise LibraryError(str(error)) from error

    async def _posted(self, path: str, body: dict[str, Any]) -> Mapping[str, Any]:
        connection = Connection(self._index.server, authorization=bearer_or_basic)
        try:
            return await connection.post(path, body)
        finally:
            await connection.close()

    def _query(self, text: str, operator: str = "or") -> dict[str, Any]:
        fields = [self._index.text, f"{self._index.title}^{TITLE_BOOST}"]
        return {"multi_match": {"query": text, "fields": fields, "type": "cross_fields", "operator": operator}}

    def _passage(self, hit: Mapping[str, Any]) -> Passage:
        source = _mapping(hit.get("_source"))

        def value(field: str) -> str:
            found = source.get(field)
            return found if isinstance(found, str) else ""

        body = value(self._index.text)[:MAX_TEXT_CHARACTERS]
        page = source.get(self._index.page)
        return Passage(
            document=value(self._index.title) or str(hit.get("_id", "")),
            page=page if isinstance(page, int) and page > 0 else 1,
            start=0,
            end=len(body),
            heading=value(self._index.heading),
            body=body,
            path=value(self._index.path) or str(hit.get("_id", "")),
        )


def _best(found: Passage, question: str) -> Passage:
    """The passage itself, or the best part of one that is a whole document; `start` and `end` are of the document."""
    if count_words(found.body) <= MAX_WORDS:
        return found
    with Library(None) as library:
        library.add(Document(found.document, "text", (Page(found.page, found.body, "markdown"),)), found.path)
        return next(iter(library.search(question, 1)), found)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
