"""`lechat ps`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from calling import Lechat, caller

from lechat_tui.engine.running import Running, listed, own_memory
from lechat_tui.machine import usage

LISTING = """\
    1     0  1100       10:01 /sbin/init splash
 4321  4000 50000 1-02:03:04 /usr/bin/python3 -P -m lechat_tui.engine.worker ministral-3-8b
 4322  4000 20480      00:07 /opt/my python/bin/python -P -m lechat_tui.engine.worker unsloth/Some-GGUF:Q4_K_M
 4323  4000  1000      00:01 grep lechat_tui.engine.worker
"""


def test_engine_processes_are_recognized() -> None:
    assert listed(LISTING) == [
        Running("ministral-3-8b", 4321, 4000, 51_200_000, 93_784),
        Running("unsloth/Some-GGUF:Q4_K_M", 4322, 4000, 20_971_520, 7),
    ]


def test_the_memory_of_a_process_is_read_from_the_system_and_the_driver(tmp_path: Path) -> None:
    status = tmp_path / "proc/4321/status"
    status.parent.mkdir(parents=True)
    status.write_text("VmRSS:\t   50000 kB\nRssAnon:\t   20000 kB\nRssFile:\t   30000 kB\n")
    assert usage.mapped(4321, tmp_path) == 30_720_000
    assert usage.mapped(1, tmp_path) is None
    listing = "4321, 1024\n4322, [N/A]\n4321, 512\n"
    assert usage.gpu(lambda command: listing if command[0] == "nvidia-smi" else "") == {4321: 1536 << 20}
    assert Running("m", 1, 1, 400_000_000, 7, gpu_bytes=1 << 30).memory == "400.0 MB, 1.1 GB on the GPU"


def test_a_loaded_model_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    lechat: Lechat = caller(tmp_path, monkeypatch, capfd)
    command = [sys.executable, "-P", "-m", "lechat_tui.engine.worker", "mine-of-this-test"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as worker:
        try:
            found = {row["model"]: row for row in json.loads(lechat("ps", "--json").stdout)}
            assert found["mine-of-this-test"]["pid"] == worker.pid
            assert found["mine-of-this-test"]["program"] == os.getpid()
            assert "mine-of-this-test" in lechat("ps").stdout and "mine-of-this-test" in own_memory()
        finally:
            worker.kill()
