"""The chat in the terminal's own scrollback, with a scripted engine and lines from a pipe."""

import io
import signal
from pathlib import Path

import pytest

from lechat_tui.drawing.themes import read_themes
from lechat_tui.engine.base import Delta, Done, Fitted
from lechat_tui.engine.echo import EchoEngine, Step
from lechat_tui.inline import session
from lechat_tui.inline.session import Session
from lechat_tui.message import Receipt
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, Weights
from lechat_tui.store import Store
from lechat_tui.talk.conversation import Conversation


def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *script: str | list[Step]) -> None:
    """Ask one question, which the engine answers with this script."""
    weights = tmp_path / "m.gguf"
    weights.write_bytes(b"GGUF")
    model = Model("petit", "Petit", ("text",), Weights(str(weights)), context=16_384)
    conversation = Conversation(Store(None), EchoEngine(*script), Models({"petit": model}), model)
    monkeypatch.setattr("sys.stdin", io.StringIO("go\n"))
    Session(conversation, read_themes()).run()


def test_the_figures_show_the_context_window_that_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    receipt = Receipt("petit", prompt_tokens=900, completion_tokens=10)
    run(tmp_path, monkeypatch, [Fitted(900, 4096, room=3072), Delta("done"), Done(receipt)])
    assert "910 of 4k tokens" in capsys.readouterr().out


def test_the_text_of_a_tool_call_is_not_shown_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, monkeypatch, [Delta("Let me see."), Delta('[TOOL_CALLS]foo[ARGS]{"x": 1}', "tool")])
    shown = capsys.readouterr().out
    assert "Let me see." in shown and "foo" not in shown
    assert "petit tried to call a tool; lechat has no tools" in shown


def test_a_closed_window_ends_the_program_once_though_it_sends_more_than_one_signal():
    kept = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        with pytest.raises(SystemExit) as ended:
            session._exit(signal.SIGHUP, None)
        assert ended.value.code == 128 + signal.SIGHUP
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
