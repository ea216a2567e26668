"""A virtual list: items of different heights below each other, of which only those in view have been rendered.

The height of an item is estimated until it comes into view. When it is then measured, the rows in view stay where they
are. All positions are in rows from the top of the list.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

T = TypeVar("T")


class Viewport(Generic[T]):
    """The items, and where each one is."""

    def __init__(self, measure: Callable[[T], int], estimate: Callable[[T], int]) -> None:
        """`measure` renders an item and returns its rows; `estimate` returns about how many there are, at no cost."""
        self._measure = measure
        self._estimate = estimate
        self._items: list[T] = []
        self._heights: list[int] = []
        self._tops: list[int] = [0]
        """The first row of each item, and the end of the last one."""

    @property
    def items(self) -> Sequence[T]:
        """From the top to the bottom."""
        return self._items

    @property
    def rows(self) -> int:
        """The height of the whole list."""
        return self._tops[-1]

    def top(self, index: int) -> int:
        """The first row of an item, or the end of the list for the index behind the last one."""
        return self._tops[index]

    def height(self, index: int) -> int:
        """The rows of an item: measured, or estimated if it has not been in view."""
        return self._heights[index]

    def index(self, item: T) -> int:
        """The index of an item. Raises `ValueError` if it is not in the list."""
        return self._items.index(item)

    def index_at(self, row: int) -> int:
        """The index of the item that a row belongs to; the last one below the end, 0 when there are no items."""
        return min(bisect_right(self._tops, row) - 1, len(self._items) - 1) if self._items else 0

    def replace(self, items: Iterable[T]) -> None:
        """Have these items instead."""
        self._items = list(items)
        self.estimate()

    def insert(self, index: int, item: T) -> None:
        """Add an item before the one of this index."""
        self._items.insert(index, item)
        self._heights.insert(index, self._estimate(item))
        self._stack(index)

    def remove(self, items: Iterable[T]) -> None:
        """Take these items out of the list; those that are not in it are ignored."""
        gone = set(map(id, items))
        first = next((index for index, item in enumerate(self._items) if id(item) in gone), None)
        if first is None:
            return
        self._items = [item for item in self._items if id(item) not in gone]
        self._heights[first:] = [self._estimate(item) for item in self._items[first:]]
        self._stack(first)

    def estimate(self) -> None:
        """Estimate all heights again, as for another width."""
        self._heights = [self._estimate(item) for item in self._items]
        self._tops = [0]
        self._stack(0)

    def measure(self, index: int) -> int:
        """Measure an item; returns by how many rows it is taller than it was."""
        grown = self._measure(self._items[index]) - self._heights[index]
        if grown:
            self._heights[index] += grown
            self._stack(index)
        return grown

    def view_end(self, height: int) -> int:
        """Measure the last items, as many as a view of this height shows; returns the row at its top."""
        index = len(self._items)
        while index and self.rows - self._tops[index] < height:
            index -= 1
            self.measure(index)
        return max(self.rows - height, 0)

    def view(self, top: int, height: int) -> int:
        """Measure the items in and just above a view that begins at this row.

        Returns where that row is now: further down or up if an item above it was measured.
        """
        index = self.index_at(max(top - height, 0))
        while index < len(self._items) and self._tops[index] < top + height:
            above = self._tops[index] < top
            grown = self.measure(index)
            if above:
                top = max(top + grown, 0)
            index += 1
        return top

    def _stack(self, start: int) -> None:
        """Compute where the items are from this one on."""
        self._tops[start:] = accumulate(self._heights[start:], initial=self._tops[start])
