"""Where the items of a virtual list are, with estimated and measured heights."""

import random
from collections.abc import Callable

import pytest

from lechat_tui.drawing.viewport import Viewport


class Box:
    """An item: its height, and what is estimated before it is measured."""

    def __init__(self, height: int, estimate: int) -> None:
        self.height = height
        self.estimate = estimate
        self.measured = False


def measure(box: Box) -> int:
    box.measured = True
    return box.height


def estimate(box: Box) -> int:
    return box.height if box.measured else box.estimate


@pytest.fixture
def boxes() -> Callable[..., tuple[Viewport[Box], list[Box]]]:
    def make(*sizes: tuple[int, int]) -> tuple[Viewport[Box], list[Box]]:
        made = [Box(height, guess) for height, guess in sizes]
        viewport: Viewport[Box] = Viewport(measure, estimate)
        viewport.replace(made)
        return viewport, made

    return make


Boxes = Callable[..., tuple[Viewport[Box], list[Box]]]


def tops(viewport: Viewport[Box]) -> list[int]:
    return [viewport.top(index) for index in range(len(viewport.items) + 1)]


def test_an_empty_list_has_no_rows(boxes: Boxes) -> None:
    viewport, _ = boxes()
    assert (viewport.rows, viewport.index_at(7), viewport.view(5, 10), viewport.view_end(10)) == (0, 0, 5, 0)


def test_heights_are_estimates_until_an_item_is_measured(boxes: Boxes) -> None:
    viewport, (_, second, _) = boxes((5, 2), (7, 4), (1, 1))
    assert tops(viewport) == [0, 2, 6, 7]
    assert viewport.measure(1) == 3
    assert tops(viewport) == [0, 2, 9, 10] and second.measured
    assert viewport.measure(1) == 0


@pytest.mark.parametrize(("row", "index"), [(0, 0), (1, 0), (2, 1), (5, 1), (6, 2), (7, 2), (99, 2)])
def test_every_row_belongs_to_an_item(boxes: Boxes, row: int, index: int) -> None:
    viewport, _ = boxes((2, 2), (4, 4), (1, 1))
    assert viewport.index_at(row) == index


def test_only_the_items_at_the_end_are_measured_for_a_view_of_the_end(boxes: Boxes) -> None:
    viewport, made = boxes(*[(3, 10)] * 50)
    top = viewport.view_end(8)
    assert [box.measured for box in made] == [False] * 47 + [True] * 3
    assert top == viewport.rows - 8 == 47 * 10 + 9 - 8


def test_the_row_at_the_top_of_a_view_stays_when_items_above_it_turn_out_taller(boxes: Boxes) -> None:
    viewport, made = boxes(*[(10, 2)] * 20)
    top = viewport.view(20, 6)
    index = viewport.index_at(20 // 10)
    assert index == 1  # where the first measured item is now
    assert viewport.index_at(top) == 10 and top == viewport.top(10)
    assert sum(box.measured for box in made) < 8


def test_a_row_within_an_item_keeps_its_offset(boxes: Boxes) -> None:
    viewport, _ = boxes((4, 4), (9, 3), (20, 20), (6, 6))
    inside = viewport.top(2) + 5
    top = viewport.view(inside, 10)
    assert (viewport.index_at(top), top - viewport.top(2)) == (2, 5)


def test_items_are_inserted_and_removed_in_place(boxes: Boxes) -> None:
    viewport, (first, second, third) = boxes((2, 2), (4, 4), (1, 1))
    new = Box(3, 3)
    viewport.insert(1, new)
    assert list(viewport.items) == [first, new, second, third] and tops(viewport) == [0, 2, 5, 9, 10]
    viewport.remove([new, third, Box(1, 1)])
    assert list(viewport.items) == [first, second] and tops(viewport) == [0, 2, 6]
    viewport.remove([])
    assert viewport.index(second) == 1 and viewport.height(1) == 4


def test_any_order_of_changes_leaves_the_sums_right() -> None:
    pick = random.Random(7)
    viewport: Viewport[Box] = Viewport(measure, estimate)
    for _ in range(2_000):
        match pick.randrange(5):
            case 0 | 1:
                viewport.insert(pick.randint(0, len(viewport.items)), Box(pick.randint(1, 9), pick.randint(1, 9)))
            case 2 if viewport.items:
                viewport.remove(pick.sample(list(viewport.items), pick.randint(1, min(3, len(viewport.items)))))
            case 3 if viewport.items:
                viewport.measure(pick.randrange(len(viewport.items)))
            case _:
                viewport.view(pick.randint(0, viewport.rows), 12)
        heights = [viewport.height(index) for index in range(len(viewport.items))]
        assert heights == [estimate(box) for box in viewport.items]
        assert tops(viewport) == [sum(heights[:end]) for end in range(len(heights) + 1)]
