"""The programs in examples/ run and print what they are about."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"

EXPECTED = {
    "ask": (
        "The capital of France is Paris.\n"
        "user: What is the capital of France?\nassistant: The capital of France is Paris.\n"
    ),
    "branches": "branch 2 of 2: Coffee.\nbranch 1: Tea.\n",
    "stop": "stopped: One two three\n",
}


@pytest.mark.parametrize("name", sorted(file.stem for file in EXAMPLES.glob("*.py")))
def test_an_example_prints_what_it_is_about(name: str) -> None:
    run = subprocess.run([sys.executable, EXAMPLES / f"{name}.py"], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, EXPECTED[name], "")
