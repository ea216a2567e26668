"""`lechat pull` against a hub on this machine, through the real client."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from localhub import COMMIT, CONTENT, FILE, REPO

from lechat_tui import paths
from lechat_tui.cli import compose, pull
from lechat_tui.cli.main import main
from lechat_tui.models import hub_cache
from lechat_tui.models.catalog import ModelError
from lechat_tui.models.fit import Resources

CHATON = (paths.bundled("chaton") / "chaton-q8_0.gguf").read_bytes()


class Terminal(io.StringIO):
    """What a terminal is given."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LECHAT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def row(hub, home):
    def write(content: bytes = CONTENT, more: str = "", **wrong: object) -> None:
        hub.commits[COMMIT][FILE] = content
        weights = {"file": FILE, "bytes": len(content), "sha256": hub.sha256(content), **wrong}
        table = ", ".join(f"{key} = {json.dumps(value)}" for key, value in weights.items())
        (home / "config").mkdir(parents=True, exist_ok=True)
        (home / "config" / "models.toml").write_text(
            f'[tiny]\nroles = ["text"]\nrepo = "{REPO}"\ntemperature = 0\nweights = {{ {table} }}\n{more}'
        )

    write()
    return write


def run(*, as_json: bool = False, quiet: bool = False, accept_license: bool = False) -> None:
    pull.run("tiny", as_json=as_json, quiet=quiet, accept_license=accept_license)


def test_a_downloaded_model_is_verified_and_answers(hub, row):
    row(CHATON)
    run(quiet=True)
    command = [sys.executable, "-m", "lechat_tui", "-m", "tiny", "What is 7 + 5?"]
    asked = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100, check=False)
    assert asked.stdout == "7 + 5 = 12.\n"


def test_an_installed_model_is_not_downloaded_again(hub, row, capsys):
    run()
    asked = len(hub.requests)
    run()
    assert "tiny is already on this machine" in capsys.readouterr().err and len(hub.requests) == asked


def test_an_error_is_one_line(hub, row, monkeypatch, capsys):
    hub.refusals.append(("HEAD", 403, {}))
    monkeypatch.setattr(sys, "argv", ["lechat", "pull", "tiny"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("lechat: the hub refused tiny.gguf of us/tiny (status 403); accept the model's license")


@pytest.mark.parametrize("wrong", [{"sha256": "0" * 64}, {"bytes": 7}])
def test_a_file_that_differs_from_the_catalog_is_not_downloaded(hub, row, wrong):
    row(**wrong)
    with pytest.raises(ModelError, match="on the hub differs from the catalog"):
        run()
    assert hub.served == 0


def test_unverified_values_are_taken_from_the_hub(hub, row):
    row(more="verified = false\n", bytes=7, sha256="0" * 64)
    run(quiet=True)
    assert hub.served == len(CONTENT)


def test_without_a_terminal_progress_is_printed_as_lines(hub, row, capsys):
    hub.pace = 3e6
    run()
    written = capsys.readouterr()
    assert written.out == "" and "\r" not in written.err and "\x1b" not in written.err
    first, *_, last = written.err.splitlines()
    assert (
        first.startswith("tiny:")
        and "% of 6.0 MB" in first
        and last == "tiny is ready; lechat -m tiny starts a chat with it"
    )
    assert len(written.err.splitlines()) < 10


def test_on_a_terminal_one_line_is_updated(hub, row, monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("COLUMNS", "100")
    hub.pace = 3e6
    run()
    updates, ready = terminal.getvalue().rstrip("\n").split("\n")
    assert all(len(line) < 100 for line in updates.split("\r")) and "\x1b" not in updates
    assert "MB/s" in updates and "left" in updates and ready.startswith("tiny is ready")


def test_json_progress_is_one_object_per_line(hub, row, capsys):
    run(as_json=True, quiet=True)
    *progress, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert {line["type"] for line in progress} == {"progress"} and last == {"type": "done", "model": "tiny"}
    assert {"done", "total", "speed", "left", "state", "note"} < progress[-1].keys()
    assert progress[-1]["state"] == "done" and progress[-1]["done"] == progress[-1]["total"] == len(CONTENT)


def test_quiet_prints_nothing(hub, row, capsys):
    run(quiet=True)
    assert capsys.readouterr() == ("", "")


def test_ctrl_c_keeps_the_download_and_says_how_to_resume_it(hub, row):
    hub.pace, far = 2e6, threading.Event()
    hub.on_served = lambda served: served > len(CONTENT) / 4 and far.set()
    command = [sys.executable, "-m", "lechat_tui", "pull", "tiny"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
        assert far.wait(30)
        child.send_signal(signal.SIGINT)
        errors = child.communicate(timeout=20)[1]
    assert child.returncode == 130 and "Traceback" not in errors
    assert errors.splitlines()[-1] == "lechat: stopped; lechat pull tiny resumes the download"
    hub.settle()
    ((_, _, kept),) = hub_cache.unfinished(REPO)
    hub.pace, before = 0.0, hub.served
    run(quiet=True)
    assert kept.total > 0 and hub.served - before == len(CONTENT) - kept.total


def test_a_closed_progress_pipe_stops_the_download(hub, row):
    hub.pace = 1e5
    command = [sys.executable, "-m", "lechat_tui", "pull", "tiny", "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as child:
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == "lechat: stopped because the output was closed; the next download resumes it\n"
    assert child.returncode == 1


class TestALicenseThatForbidsCommercialUse:
    """It is accepted once, on a terminal or by an option."""

    @pytest.fixture(autouse=True)
    def licensed(self, row):
        row(more='consent = true\nlicense = "MNPL"\nlicense_url = "https://example.org/mnpl"\n')

    def test_without_a_terminal_it_is_not_fetched(self, hub, monkeypatch):
        monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
        with pytest.raises(ModelError, match=r"read MNPL \(https://example.org/mnpl\), then use --accept-license"):
            run()
        assert hub.requests == []

    @pytest.mark.parametrize("answer", ["", "\n", "n\n", "never\n"])
    def test_who_does_not_say_yes_does_not_get_it(self, hub, monkeypatch, answer):
        self.sit_at_a_terminal(monkeypatch, answer)
        with pytest.raises(ModelError, match="was not downloaded, because its license was not accepted"):
            run()
        assert hub.requests == []

    def test_who_says_yes_is_not_asked_again(self, hub, cache, monkeypatch):
        terminal = self.sit_at_a_terminal(monkeypatch, "yes\n")
        run()
        assert "forbids commercial use: MNPL (https://example.org/mnpl)" in terminal.getvalue()
        for file in cache.rglob("snapshots/*/*"):
            file.unlink()
        self.sit_at_a_terminal(monkeypatch, "")
        run()

    def test_an_option_accepts_it(self, hub):
        run(accept_license=True, quiet=True)
        assert hub.served == len(CONTENT)

    def sit_at_a_terminal(self, monkeypatch, typed: str) -> Terminal:
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdin", Terminal(typed))
        monkeypatch.setattr(sys, "stderr", terminal)
        return terminal


def test_the_bundled_model_is_always_installed(home, capsys):
    pull.run("chaton", as_json=False, quiet=False, accept_license=False)
    assert "chaton is already on this machine" in capsys.readouterr().err


@pytest.fixture
def laptop(home, monkeypatch):
    monkeypatch.setattr(compose, "this_machine", lambda: Resources(ram=25 * 10**9))


def test_a_model_that_is_too_large_is_refused_with_one_that_fits(hub, laptop, capsys):
    with pytest.raises(ModelError, match=r"does not fit .* lechat pull ministral-3-8b downloads one that fits"):
        pull.run("mistral-large-2", as_json=False, quiet=False, accept_license=True)
    assert not hub.requests


def test_at_a_terminal_the_one_that_fits_is_offered(hub, laptop, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    for answer, failure in (
        ("\n", "nothing was downloaded; lechat pull mistral-large-2 --force"),
        ("y\n", "the hub has no repository mistralai/Ministral-3-8B"),
    ):
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        with pytest.raises(ModelError, match=failure):
            pull.run("mistral-large-2", as_json=False, quiet=False, accept_license=True)
    assert "ministral-3-8b (6.1 GB) fits. Download it instead? [y/N]" in screen.getvalue()
    assert "Ministral-3-8B" in hub.requests[0]


def test_a_model_that_is_too_large_can_be_downloaded_anyway(hub, laptop):
    with pytest.raises(ModelError, match="the hub has no"):
        pull.run("mistral-large-2", as_json=False, quiet=False, accept_license=True, force=True)
    assert hub.requests


def answer_of_tiny(timeout: float = 100) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lechat_tui", "-m", "tiny", "What is 7 + 5?"]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
    )


def test_a_file_of_the_right_size_with_other_content_is_not_loaded(hub, row):
    row(CHATON)
    run(quiet=True)
    (blob,) = paths.hub_cache().glob("models--*/blobs/*")
    damaged = bytearray(CHATON)
    damaged[-1000] ^= 1
    blob.write_bytes(damaged)
    for _ in range(2):  # it stays detected
        asked = answer_of_tiny()
        assert asked.returncode == 1 and asked.stdout == ""
        assert (
            "tiny.gguf is damaged: its checksum is wrong; lechat rm tiny deletes it, lechat pull tiny" in asked.stderr
        )
    blob.write_bytes(CHATON)
    assert answer_of_tiny().stdout == "7 + 5 = 12.\n"


def test_a_verified_file_is_not_read_again(hub, row):
    row(CHATON)
    run(quiet=True)
    (blob,) = paths.hub_cache().glob("models--*/blobs/*")
    assert json.loads(paths.verified().read_bytes())[str(blob)][2] == hub.sha256(CHATON)
    status = blob.stat()
    damaged = bytearray(CHATON)
    damaged[-1] ^= 1
    blob.write_bytes(damaged)
    os.utime(blob, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert answer_of_tiny().returncode == 0
