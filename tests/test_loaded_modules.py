"""The program loads only the modules it needs."""

import os
import subprocess
import sys

import pytest

HEAVY = {"textual", "llama_cpp", "huggingface_hub", "numpy", "asyncio", "PIL", "jinja2", "sqlite3"}

PROBE = """
import sys
sys.argv = ["lechat", *sys.argv[1:]]
from lechat_tui.cli.start import main
try:
    main()
finally:
    print("MODULES", *{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_load_none_of_the_heavy_libraries(flag):
    run = subprocess.run([sys.executable, "-c", PROBE, flag], capture_output=True, text=True, check=True)
    loaded = set(run.stderr.partition("MODULES")[2].split())
    assert "lechat_tui" in loaded
    assert not loaded & HEAVY


def test_a_front_end_does_not_load_the_engine():
    code = "import sys, lechat_tui.cli.oneshot, lechat_tui.cli.compose; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert not loaded & {"llama_cpp", "textual", "huggingface_hub", "numpy"}


def test_the_engine_loads_only_the_bindings_of_llama_cpp_python():
    code = "import sys, lechat_tui.engine.worker, lechat_tui.engine.llama.answer; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "llama_cpp.llama_cpp" in loaded
    assert not loaded & {"numpy", "llama_cpp.llama_chat_format", "PIL", "importlib.metadata", "asyncio"}


NO_SCREEN = {"textual", "llama_cpp", "huggingface_hub", "numpy"}
"""Libraries of the full screen and of the engine, which is a process of its own."""


def test_a_one_shot_answer_loads_no_textual_and_no_command_line_parser(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", PROBE, "-q", "What is 7 + 5?"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "LECHAT_HOME": str(tmp_path)},
    )
    loaded = set(run.stderr.partition("MODULES")[2].split())
    assert run.stdout == "7 + 5 = 12.\n" and "lechat_tui" in loaded
    assert not loaded & (NO_SCREEN | {"typer", "pydantic", "regex"})


def test_inline_loads_no_textual_and_nothing_of_the_screen(tmp_path):
    """What `lechat --inline` runs in a terminal, with its lines from a pipe."""
    code = """
import sys
from lechat_tui.cli import compose, inline
conversation = compose.conversation(compose.Overrides())
with conversation.store:
    inline.run(conversation)
print("MODULES", *sys.modules, file=sys.stderr)
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        input="What is 7 + 5?\n/help\n/models\n\n/why\n",
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "LECHAT_HOME": str(tmp_path)},
    )
    modules = run.stderr.partition("MODULES")[2].split()
    assert "7 + 5 = 12." in run.stdout and "Which model?" in run.stdout
    assert not {name.partition(".")[0] for name in modules} & NO_SCREEN
    assert not [name for name in modules if name.startswith("lechat_tui.ui")]
