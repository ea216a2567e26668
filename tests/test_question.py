"""A question as rows: what is folded in it, and how it is unfolded."""

from pathlib import Path

import pytest
from rich.style import Style

from lechat_tui.drawing.question import MAX_UNFOLDED_LINES, Question
from lechat_tui.drawing.rows import Look
from lechat_tui.drawing.selection import find_word
from lechat_tui.drawing.styles import ROLES
from lechat_tui.message import Attachment, Message, Span

LOOK = Look(**dict.fromkeys(ROLES, Style.null()))  # type: ignore[arg-type]
PASTE = "\n".join(f"line {n}" for n in range(40))


def shown(question: Question, width: int = 60) -> list[str]:
    return [row.text.strip(" ▌") for row in question.rows(width, LOOK)][:-1]


@pytest.mark.parametrize(
    ("text", "pasted", "rows"),
    [
        (PASTE, (0, len(PASTE)), ["▸ pasted text · 40 lines"]),
        (f"Why?\n{PASTE}", (5, 5 + len(PASTE)), ["Why?", "▸ pasted text · 40 lines"]),
        (f"In {PASTE} and here", (3, 3 + len(PASTE)), ["In", "▸ pasted text · 40 lines", "and here"]),
        ("see " + "x" * 2000, (4, 2004), ["see", "▸ pasted text · 2,000 characters"]),
        (PASTE, None, [*PASTE.split("\n")[:12], "▸ 16 more lines", *PASTE.split("\n")[-12:]]),
    ],
)
def test_long_pastes_are_folded(text: str, pasted: Span | None, rows: list[str]) -> None:
    question = Question(Message("user", text, pasted=(pasted,) if pasted else ()))
    assert shown(question) == rows and question.foldable
    question.fold()
    words = " ".join(shown(question)).replace("│ ", "").split()
    assert [word for word in text.split() if "x" not in word] == [word for word in words if word in text.split()]
    assert len(shown(question)) > len(rows)


def test_an_attached_text_is_folded_and_a_search_finds_it_when_it_is_unfolded(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    path.write_text("alpha\nbeta\n" * 3)
    file = Attachment("f00", "notes.txt", "text", path, path.stat().st_size)
    question = Question(Message("user", "Sum up", attachments=(file,)))
    assert shown(question) == ["Sum up", "▸ notes.txt · 6 lines · 33 bytes"]
    assert find_word(question.rows(60, LOOK), "beta") is None
    question.fold()
    assert shown(question)[1:4] == ["▾ notes.txt · 6 lines · 33 bytes", "│ alpha", "│ beta"]
    assert find_word(question.rows(60, LOOK), "beta")
    path.unlink()
    question.changed()
    assert shown(question)[1].startswith("▾ notes.txt"), "a file that is gone still has its name"


def test_an_enormous_paste_is_shown_in_part() -> None:
    text = "x\n" * (MAX_UNFOLDED_LINES + 10)
    question = Question(Message("user", text, pasted=((0, len(text)),)))
    question.fold()
    assert shown(question)[-1] == "10 more lines" and len(shown(question)) == MAX_UNFOLDED_LINES + 2
