"""`lechat` as a function: what a script has of it, without the start of another Python."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lechat_tui.cli.start import main

Run = subprocess.CompletedProcess[str]
Lechat = Callable[..., Run]


def caller(folder: Path, patch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str]) -> Lechat:
    """`lechat("-q", "hello", stdin="")`, with `folder` as the current one, and nothing set but where its home is.

    Variables of the environment are named arguments.
    """
    for name in [name for name in os.environ if name.startswith(("HF_", "LECHAT_"))]:
        patch.delenv(name)
    patch.setenv("LECHAT_HOME", str(folder / "home"))
    patch.setenv("HF_HOME", str(folder / "home" / "hub"))
    patch.chdir(folder)

    def call(*words: str, stdin: str | bytes = b"", **environment: str) -> Run:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        captured.readouterr()
        with patch.context() as now, pytest.raises(SystemExit) as ended:
            now.setattr(sys, "argv", ["lechat", *words])
            now.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
            for name, value in environment.items():
                now.setenv(name, value)
            main()
        said = captured.readouterr()
        return Run(["lechat", *words], int(ended.value.code or 0), said.out, said.err)

    return call
