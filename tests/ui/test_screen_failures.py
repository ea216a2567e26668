"""What should not happen, happens."""

import pytest
from seeing import Talk, prompt
from textual.worker import WorkerFailed

from lechat_tui.store import Store


async def test_a_crash_prints_one_sentence_and_keeps_what_is_typed(
    talk: Talk, store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = talk()
    said: list[str] = []

    def told(error: Exception) -> str:
        said.append(repr(error))
        return "something went wrong"

    app._failed = told
    with pytest.raises(ZeroDivisionError):
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press(*"half a thought")
            app.call_later(lambda: 1 // 0)
            await pilot.pause()
    assert said == ["ZeroDivisionError('integer division or modulo by zero')"]
    assert [draft.text for draft in store.drafts(0)] == ["half a thought"]
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err + shown.out and app.return_code == 1


async def test_a_crash_of_a_background_task_is_reported_with_its_traceback(talk: Talk) -> None:
    app = talk()
    told: list[Exception] = []

    def failed(error: Exception) -> str:
        told.append(error)
        return "something went wrong"

    async def work() -> None:
        _ = 1 // 0

    app._failed = failed
    with pytest.raises(WorkerFailed):
        async with app.run_test(size=(80, 24)) as pilot:
            app.run_worker(work)
            await pilot.pause()
    assert [type(error) for error in told] == [ZeroDivisionError] and told[0].__traceback__


async def test_undo_beyond_the_end_of_a_long_prompt_on_a_low_screen(talk: Talk) -> None:
    async with talk().run_test(size=(60, 12)) as pilot:
        for _ in range(12):
            await pilot.press(*"a line", "ctrl+j")
        for _ in range(40):
            await pilot.press("ctrl+z")
        assert prompt(pilot).text == ""
