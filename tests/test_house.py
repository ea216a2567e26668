"""The program starts cold without loading what it does not need."""

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
def test_a_cold_start_loads_nothing_heavy(flag):
    run = subprocess.run([sys.executable, "-c", PROBE, flag], capture_output=True, text=True, check=True)
    loaded = set(run.stderr.partition("MODULES")[2].split())
    assert "lechat_tui" in loaded
    assert not loaded & HEAVY


def test_the_engine_is_not_loaded_by_the_program_that_talks_to_it():
    code = "import sys, lechat_tui.cli.oneshot, lechat_tui.cli.compose; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert not loaded & {"llama_cpp", "textual", "huggingface_hub", "numpy"}


def test_the_engine_loads_nothing_of_llama_cpp_python_that_it_does_not_use():
    code = "import sys, lechat_tui.engine.worker, lechat_tui.engine.llama.answer; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "llama_cpp.llama_cpp" in run.stdout and "numpy" not in run.stdout
    assert "llama_cpp.llama_chat_format" not in run.stdout
