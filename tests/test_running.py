"""`lechat ps`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from calling import Lechat, caller

from lechat_tui.cli.running import Running, running

LISTING = """\
    1  1100       10:01 /sbin/init splash
 4321 50000 1-02:03:04 /usr/bin/python3 -P -m lechat_tui.engine.worker ministral-3-8b
 4322 20480      00:07 /opt/my python/bin/python -P -m lechat_tui.engine.worker unsloth/Some-GGUF:Q4_K_M
 4323  1000      00:01 grep lechat_tui.engine.worker
"""


def test_engine_processes_are_recognized() -> None:
    assert running(LISTING) == [
        Running("ministral-3-8b", 4321, 51_200_000, 93_784),
        Running("unsloth/Some-GGUF:Q4_K_M", 4322, 20_971_520, 7),
    ]


def test_a_loaded_model_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    lechat: Lechat = caller(tmp_path, monkeypatch, capfd)
    command = [sys.executable, "-P", "-m", "lechat_tui.engine.worker", "mine-of-this-test"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as worker:
        try:
            found = {row["model"]: row for row in json.loads(lechat("ps", "--json").stdout)}
            assert found["mine-of-this-test"]["pid"] == worker.pid
            assert "mine-of-this-test" in lechat("ps").stdout
        finally:
            worker.kill()
