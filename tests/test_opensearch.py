"""A library on a search server: a small server that answers like the documented API of OpenSearch."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from calling import Lechat, caller

from lechat_tui.library import names
from lechat_tui.library.errors import LibraryError
from lechat_tui.library.opensearch import Index, OpenSearch

LONG = "\n\n".join(f"Paragraph {n} of the yearbook. " + "Nothing happens here. " * 40 for n in range(20))
DOCUMENTS: list[dict[str, Any]] = [
    {"title": "Savanna", "text": "Zebras graze in herds.", "page": 3, "heading": "Animals", "path": "https://x/1"},
    {"title": "Yearbook", "text": f"{LONG}\n\nIn May, the zebras escaped from the zoo.\n\n{LONG}", "path": "y.txt"},
    {"title": "Odd", "text": 7, "page": "x"},
]


class Server(ThreadingHTTPServer):
    """Keeps what was asked; `reply` replaces its answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, dict[str, Any], str]] = []
        self.reply: tuple[int, bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body, self.headers.get("Authorization", "")))
        query = body["query"].get("multi_match", {}).get("query", "")
        hits = [] if "nothing" in query else [{"_id": str(n), "_source": row} for n, row in enumerate(DOCUMENTS)]
        answer: dict[str, Any] = {"count": len(DOCUMENTS)} if self.path.endswith("_count") else {"hits": {"hits": hits}}
        status, content = self.server.reply or (200, json.dumps(answer).encode())
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def lechat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lechat:
    return caller(tmp_path, monkeypatch, capsys)


def test_passages_come_from_the_fields_and_a_long_document_gives_its_best_part(server):
    short, long = OpenSearch(Index(server.url, "books*")).search("When did the zebras escape?", 5)
    assert (short.document, short.page, short.heading, short.path) == ("Savanna", 3, "Animals", "https://x/1")
    assert short.body == "Zebras graze in herds."
    assert "zebras escaped" in long.body and len(long.body) < len(LONG)
    assert DOCUMENTS[1]["text"][long.start : long.end] == long.body
    path, body, _ = server.asked[0]
    assert (path, body["size"]) == ("/books*/_search", 5)
    assert body["query"]["multi_match"]["fields"] == ["text", "title^2"]


@pytest.mark.parametrize(("key", "header"), [("abc", "Bearer abc"), ("me:pass", "Basic bWU6cGFzcw==")])
def test_the_key_is_sent_as_the_server_wants_it(server, monkeypatch, key, header):
    monkeypatch.setenv("SEARCH_KEY", key)
    OpenSearch(Index(server.url, "books", key_env="SEARCH_KEY")).count()
    assert server.asked[0][2] == header and (":" not in key or base64.b64decode(header.split()[1]).decode() == key)


@pytest.mark.parametrize(
    ("status", "content", "sentence"),
    [
        (404, b'{"error": {"reason": "no such index [books]"}, "status": 404}', "no such index"),
        (401, b"Unauthorized", "API key"),
        (200, b"<html>", "not JSON"),
        (200, b'{"hits": {"hits": {"0": 1}}}', ""),
        (200, b'{"hits": [1, 2]}', ""),
    ],
)
def test_what_the_server_sends_wrongly_is_a_sentence_or_nothing(server, status, content, sentence):
    server.reply = status, content
    index = OpenSearch(Index(server.url, "books"))
    if not sentence:
        assert index.search("zebras") == []
        return
    with pytest.raises(LibraryError, match=sentence):
        index.search("zebras")


def test_an_index_is_a_library_like_any_other(server, lechat):
    assert "3 documents in books" in lechat("library", "connect", "archive", server.url, "books").stderr
    found = json.loads(lechat("library", "search", "archive", "zebras", "--json").stdout)
    assert [row["document"] for row in found] == ["Savanna", "Yearbook"]
    assert "nothing in archive matches" in lechat("library", "search", "archive", "nothing").stderr
    assert "books on 127.0.0.1" in lechat("library").stdout
    assert "3 documents in books" in lechat("library", "status", "archive").stdout
    assert "lechat only searches" in lechat("library", "sync", "archive").stderr
    assert "3 documents of archive have all" in lechat("library", "search", "archive", "--all", "zebras").stderr
    assert "there is a library archive" in lechat("library", "new", "archive").stderr
    with_file = names.searchable("archive")
    assert with_file.search("zebras", 1)[0].document == "Savanna"
    assert lechat("library", "rm", "archive", "-y").returncode == 0 and names.names() == []


def test_questions_go_to_another_machine_only_after_consent(lechat):
    result = lechat("library", "connect", "archive", "https://search.example.org:9200", "books")
    assert "--yes agrees that questions to archive go there" in result.stderr and names.names() == []
    offline = lechat("--offline", "library", "connect", "archive", "https://search.example.org:9200", "books", "-y")
    assert "lechat is offline" in offline.stderr and names.names() == []
