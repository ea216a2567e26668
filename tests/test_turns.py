"""The queue of what the model is to say."""

from collections.abc import Awaitable, Callable

from textual.worker import Worker

from lechat_tui.models.catalog import Model, Weights
from lechat_tui.ui.chat.queue import Turn, Turns

OEIL = Model("oeil", "Œil", ("vision",), Weights("oeil.gguf"))


def held() -> Turns:
    """A queue of which nothing begins."""

    async def answer(turn: Turn) -> None:
        raise AssertionError("nothing begins")

    def begin(work: Callable[[], Awaitable[None]]) -> Worker[None]:
        raise AssertionError("nothing begins")

    turns = Turns(answer, begin=begin, changed=lambda: None, ended=lambda: None)
    turns.hold()
    return turns


def test_what_is_dropped_is_named_as_it_is_typed_but_questions_which_are_drafts() -> None:
    turns = held()
    for turn in (
        Turn("a question"),
        Turn(kind="again"),
        Turn(kind="again", model=OEIL),
        Turn(kind="go on"),
        Turn("the\nnumbers", kind="compact"),
        Turn("which is longer? " * 20, kind="compare", model=OEIL),
    ):
        turns.add(turn)
    regen, by, go_on, compact, compare = turns.drop().split(", ")
    assert (regen, by, go_on, compact) == ("/regen", "/regen oeil", "/continue", "/compact the numbers")
    assert compare.startswith("/compare oeil which is longer?") and compare.endswith(" …") and len(compare) <= 60
    assert not turns.waiting and turns.drop() == ""


def test_what_was_added_last_is_taken_back_first() -> None:
    turns = held()
    turns.add(Turn("one"))
    turns.add(Turn("two"))
    assert [turn.text for turn in (turns.take_back(), turns.take_back()) if turn] == ["two", "one"]
    assert turns.take_back() is None
