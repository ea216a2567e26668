"""The queue of turns."""

from collections.abc import Awaitable, Callable

from textual.worker import Worker

from lechat_tui.models.catalog import Model, Weights
from lechat_tui.ui.chat.queue import Turn, TurnQueue

OEIL = Model("oeil", "Œil", ("vision",), Weights("oeil.gguf"))


def held() -> TurnQueue:
    """A queue that starts nothing."""

    async def run(turn: Turn) -> None:
        raise AssertionError("a held queue has started a turn")

    def start_worker(work: Callable[[], Awaitable[None]]) -> Worker[None]:
        raise AssertionError("a held queue has started a worker")

    queue = TurnQueue(run, start_worker=start_worker, changed=lambda: None, ended=lambda: None)
    queue.hold()
    return queue


def test_dropped_turns_are_named_by_their_commands_except_questions() -> None:
    queue = held()
    for turn in (
        Turn("a question"),
        Turn(kind="again"),
        Turn(kind="again", model=OEIL),
        Turn(kind="continue"),
        Turn("the\nnumbers", kind="compact"),
        Turn("which is longer? " * 20, kind="compare", model=OEIL),
    ):
        queue.add(turn)
    regen, other, resume, compact, compare = queue.drop().split(", ")
    assert (regen, other, resume, compact) == ("/regen", "/regen oeil", "/continue", "/compact the numbers")
    assert compare.startswith("/compare oeil which is longer?") and compare.endswith(" …") and len(compare) <= 60
    assert not queue.waiting and queue.drop() == ""


def test_the_newest_turn_is_taken_back_first() -> None:
    queue = held()
    queue.add(Turn("one"))
    queue.add(Turn("two"))
    assert [turn.text for turn in (queue.take_back(), queue.take_back()) if turn] == ["two", "one"]
    assert queue.take_back() is None
