"""Crashes of the screen and of its background tasks."""

import pytest
from seeing import MakeApp, prompt
from textual.worker import WorkerFailed

from lechat_tui.store import Store


class Reports:
    """Collects the exceptions that the app reports."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []

    def __call__(self, error: Exception) -> str:
        self.errors.append(error)
        return "a sentence about it"


async def test_a_crash_prints_one_sentence_and_keeps_what_is_typed(
    make_app: MakeApp, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    reports = Reports()
    app = make_app(report=reports)
    with pytest.raises(ZeroDivisionError):
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press(*"half a thought")
            app.call_later(lambda: 1 // 0)
            await pilot.pause()
    assert [repr(error) for error in reports.errors] == ["ZeroDivisionError('integer division or modulo by zero')"]
    assert [draft.text for draft in store.drafts(0)] == ["half a thought"]
    printed = capsys.readouterr()
    assert "lechat: a sentence about it" in printed.err and app.return_code == 1
    assert "Traceback" not in printed.err + printed.out


async def test_a_crash_of_a_background_task_is_reported_with_its_traceback(make_app: MakeApp) -> None:
    reports = Reports()
    app = make_app(report=reports)

    async def crash() -> None:
        _ = 1 // 0

    with pytest.raises(WorkerFailed):
        async with app.run_test(size=(80, 24)) as pilot:
            app.run_worker(crash)
            await pilot.pause()
    assert [type(error) for error in reports.errors] == [ZeroDivisionError] and reports.errors[0].__traceback__


async def test_undo_beyond_the_end_of_a_long_prompt_on_a_low_screen(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(60, 12)) as pilot:
        for _ in range(12):
            await pilot.press(*"a line", "ctrl+j")
        for _ in range(40):
            await pilot.press("ctrl+z")
        assert prompt(pilot).text == ""
