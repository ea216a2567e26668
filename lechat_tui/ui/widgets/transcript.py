"""The talk on the screen: one scroll view drawn row by row. Knows items and their places, not what they say.

Only what is visible has been drawn; the height of the rest is guessed, and put right when it comes into view,
without moving what is being read. An answer that grows is drawn again at most `RATE` times a second.
"""

import asyncio
import re
import time
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

from rich.segment import Segment
from rich.style import Style
from textual.events import Click, Resize
from textual.geometry import Offset, Region, Size
from textual.message import Message as Said
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget
from textual.worker import Worker

from lechat_tui.drawing.items import ABOVE, ABOVE_UNPINNED, Activity, Answer, Item, Note, Question, Summary, pace
from lechat_tui.drawing.rows import Look, Row
from lechat_tui.drawing.styles import styles
from lechat_tui.drawing.thumbnails import Thumbnails, Way
from lechat_tui.engine.base import Kind
from lechat_tui.message import Attachment, Message, Receipt
from lechat_tui.ui.look.themes import parse_color

RATE = 16
"""Drawings a second of an answer that grows."""

SHARE = 8
"""A drawing that took long is followed by a pause so many times longer."""

WIDEST = 100
"""Cells of the column of text."""

STRIDE = 1 << 20
"""Rows an item may have: a place in the talk is told by one number, the item's times this plus the row's."""

BLANK = Row(())


class Transcript(ScrollView, can_focus=False):
    """Everything said in one chat, and what the program says beside it."""

    ALLOW_SELECT = True

    @dataclass
    class Walked(Said):
        """The person wants another branch at the message of this place: the next for 1, the one before for -1."""

        place: int
        by: int

    def __init__(self, *, pictures: Way = "blocks", id: str | None = None) -> None:
        super().__init__(id=id)
        self._items: list[Item] = []
        self._heights: list[int] = []
        self._tops: list[int] = [0]
        self._floating = 0
        """How many items at the end stay below whatever is added."""
        self._activity = Activity()
        self._growing: Answer | None = None
        self._following = True
        self._placing = False
        self._look: Look | None = None
        self._stale = True
        self._numbered = False
        self._painted: dict[int, tuple[Row, Strip]] = {}
        """What the rows in view were painted as, by their places."""
        self._shown: list[Strip] = []
        """The rows of the view as they were last asked to be drawn."""
        self._thumbnails = Thumbnails(self._want_thumbnails, pictures)
        self._decoding = False
        self._timer: Timer | None = None
        self._next_drawing = 0.0
        self._measured_for = 0
        self._eye = 0, 0
        """The item and its line at the top of the view, when it does not follow."""
        self._thinking_shown = False
        self._figures_shown = False
        self._once_sized: Callable[[], None] | None = None
        """What waits for the view to be opened."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to see."""
        return not self._items

    # What a screen says to it

    def show(self, messages: Sequence[Message]) -> None:
        """Show these messages and nothing else, the newest in view."""
        self._end_growth()
        self._allow_pixels()
        for message in messages:
            self._price(message)
        self._items = [self._item(message) for message in messages]
        for item in self._items:
            if isinstance(item, Answer):
                item.unfolded = self._thinking_shown
                item.aside = self._figures(item.receipt)
        self._floating = 0
        self._following = True
        self.screen.clear_selection()
        self._measure()

    def ask(self, text: str, attachments: Sequence[Attachment] = ()) -> None:
        """A question was sent."""
        self._following = True
        self._add(Question(text, attachments, thumbnails=self._thumbnails))

    def grow(self, text: str, kind: Kind) -> None:
        """A piece of the answer came; the first one begins it."""
        if self._growing is None:
            self._growing = Answer()
            self._growing.unfolded = self._thinking_shown
            self._add(self._growing)
        if kind == "thinking":
            self._growing.think(text)
        elif kind == "text":
            self._growing.grow(text)
        if self._timer is None:
            self._timer = self.set_timer(max(self._next_drawing - time.monotonic(), 0.001), self._draw_growth)

    def settle(self, message: Message) -> None:
        """The answer has ended, as kept in this message."""
        answer = self._growing
        self._end_growth()
        if answer:
            answer.settle(message)
            answer.aside = self._figures(message.receipt)
            self._changed(self._items.index(answer))
        if priced := self._price(message):
            for item in self._items:
                if isinstance(item, Question) and any(image.sha256 in priced for image in item.attachments):
                    item.changed()
            self._fit()

    def drop_growth(self) -> None:
        """What grew goes."""
        answer = self._growing
        self._end_growth()
        if answer:
            self._remove([answer])

    def sum_up(self, message: Message) -> None:
        """A summary was kept."""
        self._add(Summary(message))

    def note(self, text: str, *, error: bool = False) -> None:
        """Say something to the person; what is longer than the view is shown from its beginning."""
        note = Note(text, error=error)
        self._add(note)
        self._from_its_top(note)

    def _from_its_top(self, note: Note) -> None:
        if not self.size.height:
            self._once_sized = partial(self._from_its_top, note)
            return
        if note in self._items and self._following and self._growing is None:
            index = self._items.index(note)
            if self._heights[index] > self.size.height:
                self._following = False
                self._scroll(self._tops[index])
                self._fit()

    def busy(self, text: str, fraction: float | None = None, hint: str = "") -> None:
        """Show what is going on below everything said."""
        activity = self._activity
        activity.text, activity.fraction, activity.hint = text, fraction, hint
        activity.changed()
        if activity in self._items:
            self._changed(self._items.index(activity))
            return
        at = len(self._items) - self._floating
        self._floating += 1
        self._insert(at, activity)

    def rest(self) -> None:
        """Nothing is going on."""
        if self._activity in self._items:
            self._remove([self._activity])

    def queue(self, waiting: Sequence[tuple[str, Sequence[Attachment]]]) -> None:
        """Show these questions as waiting, and no others."""
        self._remove([item for item in self._items if isinstance(item, Question) and item.queued])
        for text, attachments in waiting:
            self._floating += 1
            self._insert(len(self._items), Question(text, attachments, queued=True))

    def divide(self, message: int, *, pinned: bool = False) -> None:
        """Draw the line above which the model sees nothing, or only what is pinned: before this message, from 0 on."""
        said = [item for item in self._items if isinstance(item, Question | Answer | Summary)]
        for place, item in enumerate(said):
            words = (ABOVE_UNPINNED if pinned else ABOVE) if place == message else ""
            if item.divided != words:
                item.divided = words
                item.changed()
                self._changed(self._items.index(item))

    def branch(self, marks: Sequence[str]) -> None:
        """Say below each message which of its branches it is, as in `2/3`; nothing where there is one only."""
        for item, mark in zip(self._said, marks, strict=False):
            if item.branch != mark:
                item.branch = mark
                item.changed()
                self._changed(self._items.index(item))

    def go_on(self) -> None:
        """The last answer grows again."""
        answers = [item for item in self._items if isinstance(item, Answer)]
        if answers:
            self._growing = answers[-1]
            self._growing.reopen()
            self._changed(self._items.index(self._growing))

    def reveal(self, place: int) -> None:
        """Bring the message of this place into view, its beginning if need be at the top."""
        said = self._said
        if not 0 <= place < len(said) or place >= len(said) - 1:
            self.to_end()
            return
        index = self._items.index(said[place])
        top, height = self._tops[index], self.size.height
        if not self._tops[-1] > height or self.scroll_y <= top < self.scroll_y + height - 1:
            return
        self._following = False
        self._placing = True
        self._resize(self._tops[-1])
        self._scroll(min(top, max(self._tops[-1] - height, 0)))
        self._placing = False
        self._fit()

    def point_out(self, place: int, query: str) -> None:
        """Bring the message of this place into view, with the first of the query's words selected where it stands."""
        if not self.size.height:
            self._once_sized = partial(self.point_out, place, query)
            return
        self.reveal(place)
        index = self._items.index(self._said[place])
        found = self._row_with(index, query)
        if found is None and not self._items[index].unfolded:
            self._items[index].fold()
            found = self._row_with(index, query)
            if found is None:
                self._items[index].fold()
            self._changed(index)
        if found is None:
            return
        number, start, end = found
        self._following = False
        self._placing = True
        self._count(index)
        self._resize(self._tops[-1])
        above = max(number - self.size.height // 3, 0)
        self._scroll(min(self._tops[index] + above, max(self._tops[-1] - self.size.height, 0)))
        self._placing = False
        self._fit()
        at = index * STRIDE + number
        left = self._margin
        self.screen.selections = {self: Selection(Offset(left + start, at), Offset(left + end, at))}

    def _row_with(self, index: int, query: str) -> tuple[int, int, int] | None:
        """The first row of an item that has one of the words, and where the word stands in it."""
        wanted = [_plain(word) for word in re.findall(r"\w+", query)]
        for number, row in enumerate(self._items[index].rows(self._width, self.look)):
            text = _plain(row.text)
            for word in wanted:
                start = text.find(word)
                if start >= 0:
                    return number, start, start + len(word)
        return None

    def in_view(self) -> tuple[int, int]:
        """The places of the first and the last message in view."""
        top = round(self.scroll_y)
        first, last = self._index(top), self._index(max(top + self.size.height - 1, 0))
        said = [isinstance(item, Question | Answer | Summary) for item in self._items]
        return sum(said[:first]), sum(said[: last + 1]) - 1

    @property
    def _said(self) -> list[Question | Answer | Summary]:
        """The messages, without what is only said beside them or waits."""
        said = (item for item in self._items if isinstance(item, Question | Answer | Summary))
        return [item for item in said if not (isinstance(item, Question) and item.queued)]

    def cut(self) -> None:
        """Take away what follows the last question that was asked."""
        asked = [n for n, item in enumerate(self._items) if isinstance(item, Question) and not item.queued]
        self._remove(self._items[asked[-1] + 1 : len(self._items) - self._floating])

    def fold_thinking(self) -> bool:
        """Show or hide the thinking of the newest answer that has any; False when none has."""
        for index in range(len(self._items) - 1, -1, -1):
            item = self._items[index]
            if isinstance(item, Answer) and item.thoughts:
                item.fold()
                self._changed(index)
                return True
        return False

    def show_thinking(self, shown: bool) -> None:
        """Unfold the thinking of every answer from now on, or fold it."""
        self._thinking_shown = shown
        for index, item in enumerate(self._items):
            if isinstance(item, Answer) and item.thoughts and item.unfolded != shown:
                item.fold()
                self._changed(index)

    def show_figures(self, shown: bool) -> None:
        """Say beside each answer how fast it was, or no longer."""
        self._figures_shown = shown
        for item in self._items:
            if isinstance(item, Answer):
                item.aside = self._figures(item.receipt)
                item.changed()
        if self.is_attached:
            self._draw_anew()

    def _figures(self, receipt: Receipt | None) -> str:
        return pace(receipt) if self._figures_shown and receipt else ""

    def page(self, direction: int) -> None:
        """Scroll by a page, up for -1 and down for 1."""
        self.scroll_to(y=self.scroll_target_y + direction * max(self.size.height - 2, 1), animate=False)

    def to_end(self) -> None:
        """Go to the newest, and follow it."""
        self._following = True
        self._fit()

    # Where things lie

    def _add(self, item: Item) -> None:
        self._insert(len(self._items) - self._floating, item)

    def _insert(self, at: int, item: Item) -> None:
        self._items.insert(at, item)
        self._heights.insert(at, item.height(self._width))
        self._stack(at)
        self._fit()

    def _remove(self, items: Sequence[Item]) -> None:
        if not items:
            return
        gone = set(map(id, items))
        at = next(n for n, item in enumerate(self._items) if id(item) in gone)
        floats = self._items[len(self._items) - self._floating :]
        self._floating = sum(id(item) not in gone for item in floats)
        self._items = [item for item in self._items if id(item) not in gone]
        self._heights[at:] = [item.height(self._width) for item in self._items[at:]]
        self._stack(at)
        self._fit()

    def _changed(self, index: int) -> None:
        """An item has other rows now; what is above them stays where it is."""
        self._count(index)
        self._fit()

    def _measure(self) -> None:
        """All heights anew: for other items, or for another width."""
        width = self._width
        self._heights = [item.height(width) for item in self._items]
        self._tops = [0]
        self._stack(0)
        self._fit()

    def _stack(self, start: int) -> None:
        self._tops[start:] = accumulate(self._heights[start:], initial=self._tops[start])

    @property
    def _width(self) -> int:
        return min(max(self.scrollable_content_region.width - 2, 1), WIDEST)

    @property
    def _margin(self) -> int:
        return max((self.scrollable_content_region.width - self._width) // 2, 0)

    def _fit(self) -> None:
        """Draw what is in view, count the rows that were guessed, and keep what is read where it is."""
        height = self.size.height
        if not height:
            return
        self._placing = True
        if self._following:
            self._draw_last(height)
            self._resize(self._tops[-1])
            self._scroll(self._tops[-1] - height)
        else:
            top = self._draw_from(round(self.scroll_y), height)
            self._resize(self._tops[-1])
            self._scroll(top)
            self._remember(top)
        self._placing = False
        self._redraw()

    def _redraw(self) -> None:
        """Have the rows drawn that are others than before."""
        shown = self._view()
        if len(shown) == len(self._shown):
            both = enumerate(zip(shown, self._shown, strict=True))
            changed = [Region(0, y, self.size.width, 1) for y, (new, old) in both if new is not old and new != old]
        else:
            changed = [self.size.region]
        self._shown = shown
        if changed:
            self.refresh(*changed)

    def _remember(self, top: int) -> None:
        """Which line is at the top of the view; not while the width is another and its rows may be gone."""
        if self._items and self._measured_for == self._width:
            index = self._index(top)
            self._eye = index, self._items[index].line_of(top - self._tops[index])

    def _draw_last(self, height: int) -> None:
        index = len(self._items)
        while index and self._tops[-1] - self._tops[index] < height:
            index -= 1
            self._count(index)

    def _draw_from(self, top: int, height: int) -> int:
        """Draw from this row on; returns where the row is now that items above its end have been counted."""
        index = self._index(max(top - height, 0))
        while index < len(self._items) and self._tops[index] < top + height:
            above = self._tops[index] < top
            grown = self._count(index)
            if above:
                top = max(top + grown, 0)
            index += 1
        return top

    def _count(self, index: int) -> int:
        """Draw an item; returns by how many rows the guess was short."""
        grown = len(self._items[index].rows(self._width, self.look)) - self._heights[index]
        if grown:
            self._heights[index] += grown
            self._stack(index)
        return grown

    def _index(self, row: int) -> int:
        """The item this row belongs to."""
        return min(bisect_right(self._tops, row) - 1, len(self._items) - 1) if self._items else 0

    def _resize(self, rows: int) -> None:
        size = Size(self.scrollable_content_region.width, rows)
        if size != self.virtual_size:
            self.set_reactive(Widget.virtual_size, size)  # assigning it would lay out the whole screen
            self._scroll_update(size)

    def _scroll(self, row: int) -> None:
        self.scroll_target_y = self.scroll_y = max(row, 0)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The person scrolled, or the view was put somewhere."""
        super().watch_scroll_y(old_value, new_value)
        if self._placing:
            return
        self._following = new_value >= self.max_scroll_y
        self._fit()

    def on_resize(self, event: Resize) -> None:
        """Wrap everything anew where the column has another width."""
        self._painted.clear()
        self.screen.clear_selection()
        if self._once_sized:
            self.call_later(self._once_sized)
            self._once_sized = None
        if self._measured_for == self._width:
            self._fit()
            return
        self._measured_for = self._width
        self._draw_anew()

    def _draw_anew(self) -> None:
        """Every row may be another now; the line at the top of the view stays there."""
        first, line = self._eye
        following, self._following = self._following, True
        self._measure()
        if not following:
            self._following = False
            self._placing = True
            self._count(first)
            self._scroll(self._tops[first] + self._items[first].row_of(line))
            self._placing = False
            self._fit()

    # An answer that grows

    def _draw_growth(self) -> None:
        self._timer = None
        if self._growing is None:
            return
        began = time.monotonic()
        index = self._items.index(self._growing)
        self._count(index)
        self._fit()
        took = time.monotonic() - began
        self._next_drawing = began + max(1 / RATE, SHARE * took)

    def _end_growth(self) -> None:
        self._growing = None
        if self._timer:
            self._timer.stop()
            self._timer = None

    # Pictures

    def _price(self, message: Message) -> set[str]:
        """Learn what pictures took; the SHA-256 of those of which that is new."""
        costs = message.receipt.picture_tokens if message.receipt else {}
        new = {sha256 for sha256, _ in costs.items() - self._thumbnails.costs.items()}
        self._thumbnails.costs.update(costs)
        return new

    def _want_thumbnails(self) -> None:
        if not self._decoding:
            self._decoding = True
            self.call_after_refresh(self._start_decoding)

    def _start_decoding(self) -> None:
        _: Worker[None] = self.run_worker(self._decode, group="thumbnails")

    async def _decode(self) -> None:
        """Decode what is wanted, one after the other and off the loop; it takes the rows that were kept for it."""
        try:
            while wanted := self._thumbnails.next:
                seen = await asyncio.to_thread(self._thumbnails.read, wanted)
                for item in self._thumbnails.keep(wanted, seen):
                    if item in self._items:
                        self._changed(self._items.index(item))
        finally:
            self._decoding = False

    # How it looks

    @property
    def look(self) -> Look:
        """The styles of the theme in force; the same object as long as they are the same."""
        if self._stale:
            self._stale = False
            self._allow_pixels()
            look = styles(self.app.theme_variables, parse=parse_color, numbered=self._numbered)
            if self._look is None or vars(look) != vars(self._look):
                self._look = look
        assert self._look
        return self._look

    def _allow_pixels(self) -> None:
        app = self.app
        enough = app.console.color_system in ("truecolor", "256")
        self._thumbnails.allow(colors=enough and not app.no_color and not app.native_ansi_color)

    def notify_style_update(self) -> None:
        """Another theme, maybe: what was drawn in other styles is drawn anew."""
        super().notify_style_update()
        self._stale = True
        self._painted.clear()
        if self._items and self.is_attached:
            self.call_later(self._fit)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Rows of the widget, the line above the view among them.

        Each is the object it was when it was last drawn: what a strip keeps, cut, filtered or as the terminal gets it,
        is then made once, and scrolling is cheap.
        """
        above = self.gutter.top
        filters, background = self.get_line_filters(), self.background_colors[1]
        blank, view = Strip.blank(self.size.width, Style(bgcolor=background.rich_color)), self._view()
        strips: list[Strip] = []
        for y in crop.line_range:
            strip = view[y - above] if above <= y < above + len(view) else blank
            for one in filters:
                strip = strip.apply_filter(one, background)
            strips.append(strip.crop(crop.x, crop.right))
        return strips

    def render_line(self, y: int) -> Strip:
        """One row of the view."""
        return self._view()[y]

    def _view(self) -> list[Strip]:
        """The rows of the view, each with its place in the talk for the selection."""
        height, width, look = self.size.height, self._width, self.look
        at, ground = round(self.scroll_y), self.rich_style
        blank = Strip.blank(self.size.width, ground)
        painted: dict[int, tuple[Row, Strip]] = {}
        for index in range(self._index(at), len(self._items)):
            rows = self._items[index].rows(width, look)
            first = at - self._tops[index]
            for number in range(first, min(first + height - len(painted), self._heights[index])):
                place = index * STRIDE + number
                new = rows[number] if number < len(rows) else BLANK
                known = self._painted.get(place)
                same = known and (known[0] is new or known[0] == new)
                painted[place] = known if known and same else (new, self._paint(new, place, ground))
            at = self._tops[index + 1]
            if len(painted) >= height:
                break
        self._painted = painted
        selection = self.text_selection
        view = [
            self._highlight(strip, selection.get_span(place)) if selection else strip
            for place, (_, strip) in painted.items()
        ]
        view += [blank] * (height - len(view))
        if view and not self._following:
            view[-1] = self._hint(view[-1])
        return view

    def _hint(self, strip: Strip) -> Strip:
        """The last row in view, with a word at its end that there is more."""
        below = self._tops[-1] - round(self.scroll_y) - self.size.height
        text = f" ↓ {below:,} more · End "
        if below <= 0 or len(text) > self.size.width:
            return strip
        style = self.rich_style + self.look.question + self.look.accent + Style.from_meta({"newest": True})
        end = self._margin + self._width
        pill = Strip([Segment(text, style)])
        return Strip.join([strip.crop(0, end - len(text)), pill, strip.crop(end)])

    def _paint(self, row: Row, place: int, ground: Style) -> Strip:
        runs = [(" " * self._margin, Style.null()), *row.runs]
        strip = Strip([Segment(text, style) for text, style in runs if text])
        return strip.adjust_cell_length(self.size.width, Style.null()).apply_style(ground).apply_offsets(0, place)

    def _highlight(self, strip: Strip, span: tuple[int, int] | None) -> Strip:
        if span is None:
            return strip
        start, end = span
        text = strip.text
        end = len(text.rstrip()) if end < 0 else end
        style = self.screen.get_component_rich_style("screen--selection")
        left, right = (strip.index_to_cell_position(min(at, len(text))) for at in (start, max(start, end)))
        chosen = [Segment(text, (old or Style.null()) + style) for text, old, _ in strip.crop(left, right)]
        return Strip.join([strip.crop(0, left), Strip(chosen), strip.crop(right)])

    # What the mouse and the clipboard want

    def selection_updated(self, selection: Selection | None) -> None:
        """Show what is selected."""
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text as it was before it was wrapped, without indents and bars."""
        if not self._items:
            return None
        start = selection.start or Offset(0, 0)
        end = selection.end or Offset(STRIDE, len(self._items) * STRIDE)
        pieces: list[str] = []
        for index in range(start.y // STRIDE, min(end.y // STRIDE, len(self._items) - 1) + 1):
            for number, row in enumerate(self._items[index].rows(self._width, self.look)):
                place = index * STRIDE + number
                if not start.y <= place <= end.y:
                    continue
                text = " " * self._margin + row.text
                left = max(start.x if place == start.y else 0, self._margin + row.skip)
                right = end.x if place == end.y else len(text)
                joint = "\n" if row.joint is None else row.joint
                pieces += [joint if pieces else "", text[left:right].rstrip()]
        return "".join(pieces).strip("\n"), "\n"

    def on_click(self, event: Click) -> None:
        """Do what was clicked: fold, open a link, number the lines of code, go to another branch or to the newest."""
        meta = event.style.meta
        if self.screen.get_selected_text():
            return
        index = self._index(self.scroll_offset.y + event.y - self.gutter.top)
        if by := meta.get("walk"):
            place = sum(isinstance(item, Question | Answer | Summary) for item in self._items[:index])
            self.post_message(self.Walked(place, by))
        elif meta.get("fold"):
            self._items[index].fold()
            self._changed(index)
        elif meta.get("open"):
            self.app.open_url(meta["open"])
        elif meta.get("lines"):
            self.number_lines()
        elif meta.get("newest"):
            self.to_end()

    def number_lines(self) -> bool:
        """Put numbers before the lines of code, or take them away; whether they have them now."""
        self._numbered = not self._numbered
        self._stale = True
        self._painted.clear()
        self._draw_anew()
        return self._numbered

    def _item(self, message: Message) -> Item:
        match message.role:
            case "user":
                return Question(message.text, message.attachments, thumbnails=self._thumbnails)
            case "summary":
                return Summary(message)
            case _:
                return Answer(message)


def _plain(text: str) -> str:
    """The text without case and accents, character for character."""
    return "".join(unicodedata.normalize("NFD", char)[0].casefold()[0] for char in text)
