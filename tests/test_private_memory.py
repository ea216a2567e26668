"""Private text never reaches the disk, not even when the program is killed."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lechat_tui import paths
from lechat_tui.private_memory import PrivateFolder, in_memory, sweep
from lechat_tui.store import Store

HOLD = """
import sys, time
from lechat_tui.store import Store
store = Store(None)
print(store.keep_attachment(b"secret", "secret.txt", "text").path.parent, flush=True)
time.sleep(60)
"""

CRASH = """
import os, resource
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
from lechat_tui.private_memory import forbid_core_dumps
forbid_core_dumps()
print(*resource.getrlimit(resource.RLIMIT_CORE), flush=True)
os.abort()
"""


def program(source: str, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", source], env=paths.environment(), cwd=folder, stdout=subprocess.PIPE, text=True
    )


def test_a_private_folder_is_the_users_alone_and_is_deleted(tmp_path: Path) -> None:
    with PrivateFolder() as folder:
        assert folder.path.stat().st_mode & 0o777 == 0o700
        assert not in_memory() or folder.path.parent == Path("/dev/shm")
        sweep()
        assert folder.path.is_dir(), "it is held"
    assert not folder.path.exists()


def test_what_a_killed_program_left_is_deleted_at_the_next_start(tmp_path: Path) -> None:
    running = program(HOLD, tmp_path)
    assert running.stdout
    folder = Path(running.stdout.readline().strip())
    Store(tmp_path).close()
    assert (folder / ".lock").exists(), "the program runs"
    running.kill()
    running.wait()
    running.stdout.close()
    assert len(list(folder.iterdir())) == 2
    Store(tmp_path).close()
    assert not folder.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="cores are written elsewhere")
def test_a_crash_leaves_no_core(tmp_path: Path) -> None:
    crashed = program(CRASH, tmp_path)
    output, _ = crashed.communicate()
    assert crashed.returncode == -signal.SIGABRT and output == "0 0\n" and list(tmp_path.iterdir()) == []


def test_a_private_store_forbids_cores(tmp_path: Path) -> None:
    source = "import resource as r\nfrom lechat_tui.store import Store\nStore(None)\nprint(r.getrlimit(r.RLIMIT_CORE))"
    output, _ = program(source, tmp_path).communicate()
    assert output == "(0, 0)\n"
