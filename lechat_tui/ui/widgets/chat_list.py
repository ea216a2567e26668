"""A list of chats that may be very long: only the rows in view are fetched and drawn. Knows places, days and titles."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import ClassVar, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lechat_tui.plaintext import safe
from lechat_tui.store import Chat, Listing

NEW = -1
"""The place of the row that starts a chat."""

PAGE = 100
"""Chats that are fetched at once."""

KEPT = 5_000
"""Chats whose titles are kept."""


class Group(NamedTuple):
    """The chats of a day, some days or a month: a blank row, a row with its name, and they."""

    top: int
    """Its first row."""
    name: str
    first: int
    """The place of its first chat."""
    end: int
    """The place behind its last one."""


class ChatList(ScrollView, can_focus=True):
    """The row that starts a chat, and below it the chats of a listing, by day."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"chatlist--{name}" for name in ("title", "new", "day", "mark", "highlight", "chosen")
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "first", show=False),
        Binding("end", "last", show=False),
        Binding("enter", "pick", show=False),
    ]

    @dataclass
    class Wanted(Message):
        """These chats are in view, or nearly, and not known yet."""

        ids: Sequence[int]

    @dataclass
    class Picked(Message):
        """The person wants this chat; None is a new one."""

        chat: int | None

    def __init__(self) -> None:
        super().__init__()
        self._listing = Listing()
        self._groups: list[Group] = []
        self._known: dict[int, Chat] = {}
        self._asked: set[int] = set()
        self._current = 0
        self._place = NEW

    @property
    def highlighted(self) -> int | None:
        """The id of the chat under the bar; None on the row that starts one."""
        return self._listing.ids[self._place] if self._place != NEW else None

    def show(self, listing: Listing, current: int, today: date) -> None:
        """Show these chats; the current one is marked, and the bar goes to it unless the person is moving it."""
        keep = self.highlighted if self.has_focus else current
        self._listing, self._current = listing, current
        self._groups = list(_groups(listing.updated, today))
        self._place = NEW
        if keep and keep in listing.ids:
            self._place = listing.ids.index(keep)
        self._asked.clear()
        self.virtual_size = Size(0, self._rows)
        self._reveal()
        self._want(anew=True)
        self.refresh()

    def fill(self, chats: Iterable[Chat]) -> None:
        """These were wanted."""
        self._known.update((chat.id, chat) for chat in chats)
        while len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        self.refresh()

    def go_to_first(self) -> None:
        """Put the bar on the first chat."""
        self._go(0)

    # Rows and places

    @property
    def _rows(self) -> int:
        last = self._groups[-1] if self._groups else None
        return last.top + 2 + last.end - last.first if last else 1

    def _row_of(self, place: int) -> int:
        if place == NEW:
            return 0
        group = self._groups[bisect_right(self._groups, place, key=lambda group: group.first) - 1]
        return group.top + 2 + place - group.first

    def _at(self, row: int) -> tuple[Group | None, int | None]:
        """What lies in a row: its group, and a place, or None for the rows above the chats of a group."""
        if row == 0:
            return None, NEW
        index = bisect_right(self._groups, row, key=lambda group: group.top) - 1
        if index < 0:
            return None, None
        group = self._groups[index]
        place = group.first + row - group.top - 2
        return group, place if group.first <= place < group.end else None

    def _want(self, *, anew: bool = False) -> None:
        """Ask for the chats in view, and for some around them."""
        if not self.size.height or not self._listing.ids:
            return
        shown = [place for y in range(self.size.height) if (place := self._at(self.scroll_offset.y + y)[1]) is not None]
        places = [place for place in shown if place != NEW]
        missing = [place for place in places if self._listing.ids[place] not in self._known]
        if not places or not (anew or missing):
            return
        around = range(
            max(places[0] - PAGE // 4, 0), min(max(places[-1], places[0] + PAGE) + 1, len(self._listing.ids))
        )
        ids = [id for id in (self._listing.ids[place] for place in around) if anew or id not in self._known]
        if wanted := [id for id in ids if id not in self._asked]:
            self._asked.update(wanted)
            self.post_message(self.Wanted(wanted))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other rows are in view."""
        super().watch_scroll_y(old_value, new_value)
        self._want()

    def on_resize(self, event: Resize) -> None:
        """More rows may be in view."""
        self._want()

    # Drawing

    def render_line(self, y: int) -> Strip:
        """One row."""
        row, width = self.scroll_offset.y + y, self.size.width
        group, place = self._at(row)
        if row >= self._rows or (place is None and (group is None or row == group.top)):
            return Strip.blank(width, self.rich_style)
        if place is None:
            assert group
            return self._line([(group.name, "day")], width, lit=False)
        if place == NEW:
            return self._line([("+ New chat", "new")], width, lit=self._place == NEW)
        chat = self._known.get(self._listing.ids[place])
        title = (safe(chat.title).replace("\n", " ").expandtabs(1) or "untitled") if chat else ""
        mark = "▌" if self._listing.ids[place] == self._current else ""
        return self._line([(mark, "mark"), (title, "title")], width, lit=self._place == place)

    def _line(self, runs: Iterable[tuple[str, str]], width: int, *, lit: bool) -> Strip:
        base = self.rich_style
        if lit:
            base += self._style("highlight" if self.has_focus else "chosen")
        left, segments = width, []
        for text, name in runs:
            if cell_len(text) > left:
                text = set_cell_size(text, max(left - 1, 0)) + "…"
            segments.append(Segment(text, self._style(name) + base if lit else base + self._style(name)))
            left -= cell_len(text)
        return Strip(segments).extend_cell_length(width, base).crop(0, width)

    # What the person does

    def action_move(self, by: int) -> None:
        """Move the bar."""
        self._go(self._place + by)

    def action_page(self, by: int) -> None:
        """Move the bar by a page."""
        self._go(self._place + by * max(self.size.height - 3, 1))

    def action_first(self) -> None:
        """To the top."""
        self._go(NEW)

    def action_last(self) -> None:
        """To the oldest chat."""
        self._go(len(self._listing.ids) - 1)

    def action_pick(self) -> None:
        """Open what is under the bar."""
        self.post_message(self.Picked(self.highlighted))

    def on_click(self, event: Click) -> None:
        """Open what was clicked."""
        _, place = self._at(self.scroll_offset.y + event.y)
        if place is not None:
            self._go(place)
            self.action_pick()

    def _go(self, place: int) -> None:
        self._place = min(max(place, NEW), len(self._listing.ids) - 1)
        self._reveal()
        self.refresh()

    def _reveal(self) -> None:
        row = self._row_of(self._place)
        self.scroll_to_region(Region(0, max(row - 2, 0), 1, 3 if row else 1), animate=False, force=True)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"chatlist--{name}", partial=True)


def _groups(updated: Sequence[float], today: date) -> Iterable[Group]:
    """Chats by day, newest first, from when each was added to."""
    at, top = 0, 1
    while at < len(updated):
        name, since = _period(updated[at], today)
        end = max(bisect_right(updated, -since, lo=at, key=lambda moment: -moment), at + 1)
        yield Group(top, name, at, end)
        top += 2 + end - at
        at = end


def _period(moment: float, today: date) -> tuple[str, float]:
    """The name of the group a chat belongs to, and when the group begins, in seconds since the epoch."""
    day = datetime.fromtimestamp(moment).date()
    name = day_name(moment, today)
    since = {"Today": today, "Yesterday": today - timedelta(days=1), "Last 7 days": today - timedelta(days=6)}
    first = since.get(name) or day.replace(day=1)
    return name, datetime(first.year, first.month, first.day).timestamp()


def day_name(moment: float, today: date) -> str:
    """The group a chat belongs to, by its local day."""
    day = datetime.fromtimestamp(moment).date()
    if day >= today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    return "Last 7 days" if day > today - timedelta(days=7) else day.strftime("%B %Y")
