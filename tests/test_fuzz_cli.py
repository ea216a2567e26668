"""Any command line ends with an exit code of the documented ones and at most a few lines, never with a traceback.

`LECHAT_FUZZED=10000` tries so many; `LECHAT_FUZZ_SEED=17` repeats one.
"""

import os
import random
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import typer.main
from calling import Lechat, caller
from processes import adopting_orphans, children_of, left_after

from lechat_tui import network
from lechat_tui.cli import bench, compose, doctor, foreign, main
from lechat_tui.engine.echo import EchoEngine

FUZZED = int(os.environ.get("LECHAT_FUZZED", "60"))
"""Command lines to try."""
SEEDS = [int(os.environ["LECHAT_FUZZ_SEED"])] if "LECHAT_FUZZ_SEED" in os.environ else list(range(FUZZED))

SECONDS = 20
"""After so long a command line hangs."""
EXIT_CODES = {0, 1, 2, 3, 130}
MAX_LINES, MAX_CHARACTERS = 4, 1200
"""Of an error message."""
PROCESSES = 3 if FUZZED < 1000 else 50
"""Command lines that are run as a process."""

NUMBERS = (
    *("0", "-0", "1", "-1", "2", "255", "256", "4294967294", "4294967295", "2147483647", "2147483648"),
    *("9223372036854775807", "9223372036854775808", "1" * 400, "1e400", "inf", "-inf", "nan", "0.5", "1e-320"),
    *("0x10", "1_000", "٣", "²", "+1", " 1", "1 ", "1,5", "10.0000001", "24G", "0G", "-8G", "1e9G", "infG", "8XB"),
)
JUNK = (
    "", " ", "\n", "\t", "-", "--", "---", "-=", "--=", "=", "/", ".", "..", "~", "~nobody", "$HOME", "*", "@",
    "@a.txt", "a\x1b[2Jb", "\x1b]0;x\x07", "\x07", "a\0b", "\x7f", "\u202eabc", "\u200b", "\ufeff", "é", "日本語",
    "🐈" * 40, "\udcff", "caf\udce9", "-\udcff", "--\udcff=1", "\udcff.gguf", "x" * 5000, "-" * 300, "a/" * 600,
    "\r\n" * 50, "%s%n", "{0}", "{}", "[red]x[/red]", "[/]", "'; DROP TABLE chat; --", "--help=1", "-h=", "-Vq",
    "-nqc", "-mchaton", "http://127.0.0.1:9/x", "hf.co/a/b", "who/what:Q4_K_M", "a/b/c/d", "/private x", "\\private",
    "chaton:Q8_0", "a@x",
)  # fmt: skip
FILES = (
    "a.txt", "a.gguf", "cut.gguf", "a.png", "a.json", "caf\udce9.txt", "empty", "folder", "/dev/null", "/dev/zero",
    "no.txt",
)  # fmt: skip
FOREIGN = (
    "-ngl", "-hf", "-p", "-i", "-cnv", "--ctx-size=4", "-fa", "-t", "-n", "-o", "-x", "-v", "-c", "--top-k",
    "--keepalive", "--num-predict", "--threads", "--format", "--think", "--verbose", "--api-key", "--port", "-sys",
    "--temp", "--yolo",
)  # fmt: skip
NEVER = frozenset({"/"})
"""Not the whole disk: a search for models in it takes as long as the disk is large."""


def walk(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Each command of a tree and its options."""
    yield words, [name for row in command.params if row.param_type_name == "option" for name in row.opts]
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, (*words, name))


COMMANDS = dict(walk(typer.main.get_command(main.commands)))
"""The options of each command."""
COMMANDS |= {(word,): ["--json"] for word in foreign.SUBCOMMANDS}
COMMANDS[()] = dict(walk(typer.main.get_command(main.asking)))[()]
ALL_OPTIONS = sorted({option for options in COMMANDS.values() for option in options} | {"--help", "-h"})
WORDS = (
    "chaton",
    "hello",
    "1",
    "2",
    "json",
    "stream-json",
    "text",
    "head",
    "map",
    "md",
    "bash",
    "last",
    "mixtral-8x7b",
)


def command_line(dice: random.Random) -> list[str]:
    """A command with options of its own or of others, with values and junk, some of them mutated."""
    command = dice.choice(list(COMMANDS)) if dice.random() < 0.7 else ()
    own, others = COMMANDS[command] or ALL_OPTIONS, (ALL_OPTIONS, WORDS, FILES, NUMBERS, JUNK, FOREIGN)
    words = list(command)
    for _ in range(dice.choice((0, 1, 1, 2, 2, 3, 4, 6))):
        if dice.random() < 0.5:
            words += dice.choice(own), dice.choice(dice.choice((WORDS, WORDS, FILES, NUMBERS, JUNK)))
        else:
            words.append(dice.choice(dice.choice(others)))
    words = [mutated(word, dice) if dice.random() < 0.08 else word for word in words]
    if dice.random() < 0.05:
        dice.shuffle(words)
    return [word for word in words if word not in NEVER]


def mutated(word: str, dice: random.Random) -> str:
    """The word with some characters changed, doubled or left out."""
    letters = list(word[:200]) or [""]
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(letters))
        other = chr(dice.choice((dice.randrange(128), dice.randrange(0x300), 0xDC80 + dice.randrange(128))))
        letters[at] = dice.choice(("", letters[at] * 2, other, other + letters[at], letters[at].upper()))
    return "".join(letters)


class Hangs(BaseException):
    """The program did not end in time."""


@contextmanager
def deadline(seconds: int) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files of each kind."""
    (tmp_path / "a.txt").write_text("The secret word is plum.\n")
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "a.gguf").write_bytes(b"GGUF\x03" + bytes(40))
    (tmp_path / "cut.gguf").write_bytes(b"GGUF\x03\0\0\0\x01")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + zlib.compress(b"x"))
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")).write_text("tea")
    return tmp_path


@pytest.fixture
def lechat(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Lechat:
    """The program without engine, network and screens."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # restored after the test, which sets it
    lechat = caller(folder, monkeypatch, capfd)
    network.forbid()
    monkeypatch.setattr(compose, "engine", lambda *_: EchoEngine())
    monkeypatch.setattr(bench, "run", lambda *_, **__: None)
    monkeypatch.setattr(doctor, "run", lambda **_: 0)
    monkeypatch.setattr("lechat_tui.models.resources.backends", lambda: frozenset())
    monkeypatch.setattr("socket.socket.connect", lambda *_: None)
    return lechat


def case(seed: int) -> tuple[list[str], bytes]:
    """The arguments and the input of a seed."""
    dice = random.Random(seed)
    return command_line(dice), dice.choice((b"", b"", b"hello", b"hello", b"\xff\xfe\0", dice.randbytes(50)))


def check(code: int, out: str, err: str, seed: int) -> None:
    """The exit code is a documented one, and an error is a short message."""
    label = f"LECHAT_FUZZ_SEED={seed}: lechat {case(seed)}: {code}, {err[-500:]!r}"
    assert code in EXIT_CODES, label
    assert "Traceback" not in out + err and "unexpected error" not in out + err, label
    assert code in (0, 130) or err.strip(), label
    assert code == 0 or (err.count("\n") <= MAX_LINES and len(err) <= MAX_CHARACTERS), label
    assert not any(ord(letter) < 32 and letter not in "\n\t" for letter in err), label


def test_any_command_line_ends_with_a_sentence(lechat):
    for seed in SEEDS:
        words, stdin = case(seed)
        try:
            with deadline(SECONDS):
                run = lechat(*words, stdin=stdin)
        except BaseException as error:
            raise AssertionError(f"{error!r}: LECHAT_FUZZ_SEED={seed}: lechat {words}, {stdin!r}") from error
        check(run.returncode, run.stdout, run.stderr, seed)


def test_the_program_itself_leaves_no_process(folder):
    home, before = str(folder / "home"), children_of(os.getpid())
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "LECHAT_"))}
    environment = {**kept, "LECHAT_HOME": home, "HF_HOME": f"{home}/hub", "HF_HUB_OFFLINE": "1"}
    with adopting_orphans():
        for seed in SEEDS[:: max(1, len(SEEDS) // PROCESSES)]:
            words, stdin = case(seed)
            command = [sys.executable, "-m", "lechat_tui", *(word.replace("\0", "") for word in words)]
            run = subprocess.run(command, input=stdin, capture_output=True, env=environment, cwd=folder, timeout=60)
            check(run.returncode, run.stdout.decode("utf-8", "replace"), run.stderr.decode("utf-8", "replace"), seed)
        assert left_after(10, before) == set()
