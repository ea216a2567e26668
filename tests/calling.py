"""`lechat` as a function: what a script gets from it, without starting another Python."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lechat_tui.cli.start import main

OFFLINE = "HF_HUB_OFFLINE"

Run = subprocess.CompletedProcess[str]
Lechat = Callable[..., Run]


def caller(folder: Path, patch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str]) -> Lechat:
    """`lechat("-q", "hello", stdin="")` in `folder`, with a home of its own and no other configuration.

    Environment variables are keyword arguments.
    """
    for name in [name for name in os.environ if name.startswith(("HF_", "LECHAT_"))]:
        patch.delenv(name)
    patch.setenv(OFFLINE, "")  # so that what `--offline` sets ends with the test
    patch.delenv(OFFLINE)
    patch.setenv("LECHAT_HOME", str(folder / "home"))
    patch.setenv("HF_HOME", str(folder / "home" / "hub"))
    patch.chdir(folder)

    def call(*words: str, stdin: str | bytes = b"", **environment: str) -> Run:
        piped = stdin.encode() if isinstance(stdin, str) else stdin
        captured.readouterr()
        with patch.context() as now, pytest.raises(SystemExit) as ended:
            now.setattr(sys, "argv", ["lechat", *words])
            now.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(piped)))
            for name, value in environment.items():
                now.setenv(name, value)
            main()
        output = captured.readouterr()
        return Run(["lechat", *words], int(ended.value.code or 0), output.out, output.err)

    return call
