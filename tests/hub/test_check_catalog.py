"""`tools/check_catalog` against a hub on this machine."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

from lechat_tui.models.retry import RetryPolicy

COMMIT = "c" * 40
FILES = {"m-Q4_K_M.gguf": (100, "a" * 64), "mmproj.gguf": (20, "b" * 64)} | {
    f"big-0000{part}-of-00002.gguf": (30, str(part) * 64) for part in (1, 2)
}


class Hub(BaseHTTPRequestHandler):
    """Repository `us/m` with a few files, described in the headers that the real hub sends."""

    def do_HEAD(self) -> None:
        repo, _, where = self.path.partition("/resolve/")
        revision, _, file = where.partition("/")
        if repo != "/us/m" or revision not in ("main", COMMIT) or file not in FILES:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
        else:
            size, sha256 = FILES[file]
            self.send_response(200)
            self.send_header("X-Linked-Size", str(size))
            self.send_header("X-Linked-Etag", f'"{sha256}"')
            self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield address
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    path = Path(__file__).parents[2] / "tools" / "check_catalog"
    loader = SourceFileLoader("check_catalog", str(path))
    spec = spec_from_loader("check_catalog", loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def row(weights: str, *, projector: str = "", repo: str = "us/m", revision: str = COMMIT, id: str = "m") -> str:
    whole = f'[{id}]\nroles = ["text"]\nrepo = "{repo}"\nrevision = "{revision}"\nweights = {{ {weights} }}\n'
    return whole + (f"projector = {{ {projector} }}\n" if projector else "")


RIGHT = f'file = "m-Q4_K_M.gguf", quant = "Q4_K_M", bytes = 100, sha256 = "{"a" * 64}"'
PARTS = f'file = "big-00001-of-00002.gguf", bytes = 60, sha256s = ["{"1" * 64}", "{"2" * 64}"]'


@pytest.mark.parametrize(
    ("rows", "code", "lines"),
    [
        (row(RIGHT), 0, ["ok    m:Q4_K_M"]),
        (row(PARTS), 0, ["ok    m  "]),
        (row(RIGHT, projector='file = "mmproj.gguf", bytes = 20'), 0, ["ok", f"more  m  *sha256 = {'b' * 64}"]),
        (row(RIGHT, revision="main"), 0, [f"more  m:Q4_K_M  *revision = {COMMIT}"]),
        (row('file = "m-Q4_K_M.gguf", about = 101'), 0, [f"more  m  *bytes = 100, sha256 = {'a' * 64}"]),
        (row('file = "m-Q4_K_M.gguf", about = 110'), 1, ["wrong m  *bytes = 100, which is not about 110"]),
        (row(RIGHT.replace("100", "99")), 1, ["wrong m:Q4_K_M  *bytes = 100, not 99"]),
        (row(RIGHT.replace("aa", "dd", 1)), 1, [f"wrong m:Q4_K_M  *sha256 = {'a' * 64} of m-Q4_K_M.gguf"]),
        (row(PARTS.replace("22", "33", 1)), 1, [f"wrong m  *sha256 = {'2' * 64} of big-00002-of-00002.gguf"]),
        (row('file = "gone.gguf"'), 1, ["wrong m  *the hub has no gone.gguf in us/m"]),
        (row(RIGHT, repo="us/other"), 1, ["wrong m:Q4_K_M  *the hub has no m-Q4_K_M.gguf in us/other"]),
        ('[shut]\nroles = ["text"]\nstatus = "closed"\ninstead = "m"', 0, []),
    ],
)
def test_a_row_is_compared_with_the_hub(
    endpoint: str,
    tool: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    rows: str,
    code: int,
    lines: list[str],
) -> None:
    (tmp_path / "models.toml").write_text(rows)
    assert tool.main([], tmp_path / "models.toml") == code
    out, err = capsys.readouterr()
    printed = out.splitlines()
    assert len(printed) == len(lines)
    for line, want in zip(printed, lines, strict=True):
        start, _, words = want.partition("*")
        assert line.startswith(start) and words in line
    assert err == ("1 wrong\n" if code else "the hub has what the catalog says\n")


def test_only_the_named_rows_are_checked(
    endpoint: str, tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "models.toml"
    file.write_text(row(RIGHT) + row('file = "gone.gguf"', id="other"))
    assert tool.main(["m"], file) == 0
    assert tool.main([], file) == 1
    assert tool.main(["nobody"], file) == 2
    assert "there is no entry nobody" in capsys.readouterr().err


def test_an_unreachable_network_is_one_line(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models.toml").write_text(row(RIGHT))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert tool.main([], tmp_path / "models.toml", RetryPolicy(contact=0.0)) == 2
    assert capsys.readouterr() == ("", "the hub cannot be reached; check the network, then try again\n")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert tool.main([], tmp_path / "models.toml") == 2
    assert "needs the network, and lechat is offline" in capsys.readouterr().err
