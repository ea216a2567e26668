"""A process for the engine that starts before it is known which model it will load."""

from pathlib import Path

import pytest

from lechat_tui import paths
from lechat_tui.engine.base import LocalModel
from lechat_tui.engine.local import LocalEngine
from lechat_tui.engine.process import UNNAMED, Spare
from lechat_tui.engine.running import loaded

CHATON = LocalModel("chaton", paths.bundled("chaton") / "chaton-q8_0.gguf", context=512)


@pytest.mark.usefixtures("capfd")
async def test_a_spare_process_loads_the_first_model_and_is_ended_where_none_is(tmp_path: Path) -> None:
    def spares() -> set[int]:
        return {row.pid for row in loaded() if row.model == UNNAMED} - before

    before = {row.pid for row in loaded()}
    used, unused = Spare(tmp_path), Spare(tmp_path)
    engine = LocalEngine(tmp_path, spare=used)
    await engine.load(CHATON)
    used.close()
    assert len(spares()) == 2, "closing a spare that was taken does nothing"
    unused.close()
    unused.close()
    assert len(spares()) == 1
    await engine.close()
    assert not spares()
