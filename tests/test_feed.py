"""The items of a chat: in which order they are, and what changes them. Without Textual."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.style import Style

from lechat_tui.drawing.answer import Answer
from lechat_tui.drawing.feed import Feed
from lechat_tui.drawing.items import DIVIDER, DIVIDER_PINNED, Item
from lechat_tui.drawing.notes import Note, Summary
from lechat_tui.drawing.question import UNANSWERED, Question
from lechat_tui.drawing.rows import Look, Row
from lechat_tui.drawing.selection import MAX_ROWS, Point, find_word, position, selected_text
from lechat_tui.drawing.styles import ROLES
from lechat_tui.drawing.thumbnails import Thumbnails
from lechat_tui.drawing.viewport import Viewport
from lechat_tui.message import Attachment, Message, Receipt

LOOK = Look(**dict.fromkeys(ROLES, Style.null()))  # type: ignore[arg-type]
WIDTH = 40
CHAT = (
    Message("user", "What is it?"),
    Message("assistant", "It is a *cat*.", thinking="Whiskers."),
    Message("user", "And now?"),
    Message("assistant", "Still a cat."),
)


@pytest.fixture
def viewport() -> Viewport[Item]:
    return Viewport(lambda item: len(item.rows(WIDTH, LOOK)), lambda item: item.height(WIDTH))


@pytest.fixture
def feed(viewport: Viewport[Item]) -> Feed:
    return Feed(viewport, Thumbnails(lambda: None))


def shown(viewport: Viewport[Item]) -> list[str]:
    """The rows of all items that have text."""
    return [row.text.strip() for item in viewport.items for row in item.rows(WIDTH, LOOK) if row.text.strip()]


def test_messages_are_shown_in_their_order(feed: Feed, viewport: Viewport[Item]) -> None:
    feed.load(CHAT)
    assert shown(viewport) == ["▌ What is it?", "▸ thoughts, 1 word", "It is a cat.", "▌ And now?", "Still a cat."]
    assert feed.messages_above(2) == 2 and len(feed.messages) == 4


def test_a_question_without_an_answer_says_so_until_the_next_turn(feed: Feed, viewport: Viewport[Item]) -> None:
    feed.load(CHAT[:3])
    feed.mark_unanswered()
    assert shown(viewport)[-1] == UNANSWERED and viewport.rows == sum(item.height(WIDTH) for item in viewport.items)
    feed.show_activity("reading", None, "")
    assert UNANSWERED not in shown(viewport)
    feed.hide_activity()
    feed.mark_unanswered()
    feed.add_question(Message("user", "Well?"))
    assert UNANSWERED not in shown(viewport)
    feed.load(CHAT)
    feed.mark_unanswered()
    assert UNANSWERED not in shown(viewport)


def test_the_answer_of_a_server_is_marked(feed: Feed, viewport: Viewport[Item]) -> None:
    there, here = Receipt("office/m", server="gpu.example.org", ttft_ms=310), Receipt("m", ttft_ms=310)
    feed.load([Message("user", "Who?"), Message("assistant", "I.", receipt=there)])
    feed.add_question(Message("user", "And?"))
    feed.begin_answer()
    feed.end_answer(Message("assistant", "You.", receipt=here))
    assert shown(viewport) == ["▌ Who?", "I.", "on gpu.example.org", "▌ And?", "You."]
    feed.show_speed(True)
    assert shown(viewport)[2::2] == ["on gpu.example.org", "You."], (
        "where it came from is shown if only one of both fits"
    )
    assert shown(viewport)[-1] == "first token after 0.31 s"


def test_an_answer_grows_and_ends_as_it_was_stored(feed: Feed, viewport: Viewport[Item]) -> None:
    feed.add_question(Message("user", "Who?"))
    answer = feed.begin_answer()
    feed.grow_answer("I ", "text")
    feed.grow_answer("am", "text")
    assert shown(viewport)[-1] == "I am" and feed.growing is answer
    feed.end_answer(Message("assistant", "I am", state="stopped"))
    assert shown(viewport)[1:] == ["I am", "■ stopped; /continue to resume, /regen", "to retry"]
    assert feed.growing is None


def test_an_answer_is_dropped_or_resumed(feed: Feed, viewport: Viewport[Item]) -> None:
    feed.load(CHAT)
    feed.begin_answer()
    feed.drop_answer()
    assert len(viewport.items) == 4
    feed.resume_answer()
    feed.grow_answer(" Or a dog.", "text")
    assert shown(viewport)[-1] == "Still a cat. Or a dog."


def test_activity_and_queued_questions_stay_at_the_end(feed: Feed, viewport: Viewport[Item]) -> None:
    feed.load(CHAT[:2])
    feed.queue([Message("user", "later")])
    feed.show_activity("loading", 0.5, "Esc stops")
    feed.add(Note("a note"))
    feed.begin_answer()
    kinds = [type(item).__name__ for item in viewport.items]
    assert kinds == ["Question", "Answer", "Note", "Answer", "Activity", "Question"]
    assert feed.hide_activity() and not feed.hide_activity()
    feed.queue([])
    feed.add(Note("another"))
    assert isinstance(viewport.items[-1], Note) and len(feed.messages) == 3


def test_what_follows_the_last_question_is_removed(feed: Feed, viewport: Viewport[Item]) -> None:
    feed.load(CHAT)
    feed.add(Note("a note"))
    feed.queue([Message("user", "later")])
    feed.remove_after_question()
    assert shown(viewport)[-2:] == ["▌ And now?", "▌ later  queued 1"]


@pytest.mark.parametrize(("pinned", "text"), [(False, DIVIDER), (True, DIVIDER_PINNED)])
def test_the_divider_moves_to_another_message(feed: Feed, viewport: Viewport[Item], pinned: bool, text: str) -> None:
    feed.load(CHAT)
    feed.divide(2, pinned=pinned)
    assert [item.divider for item in feed.messages] == ["", "", text, ""]
    feed.divide(-1, pinned=pinned)
    assert not any(item.divider for item in feed.messages)


def test_branches_are_marked_below_their_messages(feed: Feed, viewport: Viewport[Item]) -> None:
    feed.load(CHAT)
    feed.mark_branches(["", "2/3 petit", "", ""])
    assert "‹ 2/3 › petit" in shown(viewport)


def test_thinking_is_unfolded_now_and_later(feed: Feed, viewport: Viewport[Item]) -> None:
    feed.load(CHAT)
    feed.show_thinking(True)
    assert "│ Whiskers." in shown(viewport)
    assert feed.begin_answer().unfolded
    feed.drop_answer()
    assert feed.fold_newest_thinking() and "│ Whiskers." not in shown(viewport)


def test_what_an_image_took_is_shown_below_it(feed: Feed, viewport: Viewport[Item]) -> None:
    image = Attachment("f00", "x.png", "image", Path("x.png"), 10, 30, 16)
    feed.load([Message("user", "what?", attachments=(image,))])
    answer = feed.begin_answer()
    feed.grow_answer("a flag", "text")
    assert not any("tokens" in row for row in shown(viewport))
    feed.end_answer(Message("assistant", "a flag", receipt=Receipt("oeil", picture_tokens={"f00": 266})))
    assert "▌ ▦ x.png 30x16 · 266 tokens" in shown(viewport) and isinstance(answer, Answer)


def test_a_summary_is_folded(feed: Feed, viewport: Viewport[Item]) -> None:
    feed.add(Summary(Message("summary", "cats were discussed")))
    assert not any("cats" in row for row in shown(viewport))
    viewport.items[0].fold()
    assert "│ cats were discussed" in shown(viewport)


def test_a_word_is_found_in_any_case_and_accent() -> None:
    rows = Question(Message("user", "nothing here\nun Élève")).rows(WIDTH, LOOK)
    assert find_word(rows, "ELEVE") == (1, 5, 10)
    assert find_word(rows, "absent") is None


def test_selected_text_is_copied_without_bars_indents_and_wrapping() -> None:
    items: list[Item] = [Question(Message("user", "one two three four five six seven eight nine ten")), Note("a note")]
    end = Point(position(1, 0) + 1, 99)

    def rows(index: int) -> Sequence[Row]:
        return items[index].rows(20, LOOK)

    text = selected_text(rows, len(items), Point(0, 0), end, margin=3)
    assert text.splitlines()[0] == "one two three four five six seven eight nine ten" and text.endswith("a note")
    part = selected_text(rows, len(items), Point(0, 3 + 2 + 4), Point(0, 3 + 2 + 7), margin=3)
    assert part == "two" and position(1, 0) == MAX_ROWS


def test_of_errors_in_a_row_the_newest_are_kept_and_a_question_removes_them(
    feed: Feed, viewport: Viewport[Item]
) -> None:
    feed.add(Note("a note"))
    for number in range(5):
        feed.add(Note(f"error {number}", error=True))
    assert [item.text for item in viewport.items if isinstance(item, Note)] == [
        "a note", "error 2", "error 3", "error 4"
    ]  # fmt: skip
    feed.add_question(Message("user", "hello"))
    assert [item.text for item in viewport.items if isinstance(item, Note)] == ["a note"]
    feed.add(Note("where the rest went"))
    feed.load([Message("user", "hello")], feed.last_notes())
    assert [item.text for item in viewport.items if isinstance(item, Note)] == ["where the rest went"]
