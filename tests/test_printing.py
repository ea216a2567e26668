"""What the command line prints."""

import errno

import pytest

from lechat_tui.cli import edge, printing

HOSTILE = "x\x1b]0;pwned\x07\x1b[2J\x9b31m\udcffy"


def test_no_escape_reaches_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    for function in (printing.show, printing.content, printing.say, printing.rewrite):
        function(HOSTILE)
    edge.complain(edge.Failure(HOSTILE, 1))
    written = "".join(capsys.readouterr())
    assert not set(written) & {"\x1b", "\x07", "\x9b", "\udcff"} and written.count("␛]0;pwned␇␛[2J") == 5


def test_a_name_with_line_breaks_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    printing.say("a\n\r\nlechat: all is well")
    assert capsys.readouterr().err == "a  lechat: all is well\n"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "not enough memory"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_what_runs_short_is_a_sentence(error: Exception, sentence: str) -> None:
    assert sentence in edge.failure(error).message and "unexpected" not in edge.failure(error).message


def test_a_pipe_gets_what_a_model_wrote_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    printing.content("a\x1b[1mb")
    assert capsys.readouterr().out == "a\x1b[1mb"


def test_the_sentence_about_an_unexpected_error_is_short() -> None:
    failed = edge.failure(UnicodeDecodeError("utf-8", b"\xff" * 1_000_000, 0, 1, "invalid start byte"))
    assert len(failed.message) < 500 and "details are in" in failed.message
