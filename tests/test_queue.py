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


def test_a_turn_is_taken_from_any_place_and_put_back_there() -> None:
    queue = held()
    for text in ("one", "two", "three"):
        queue.add(Turn(text))
    taken = queue.take(1)
    assert taken.text == "two" and [turn.text for turn in queue.waiting] == ["one", "three"]
    queue.add(taken, 1)
    assert [turn.text for turn in queue.waiting] == ["one", "two", "three"]
