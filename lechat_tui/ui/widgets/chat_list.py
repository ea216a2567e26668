"""A list of chats that may be very long: only the rows in view are fetched and rendered."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
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

from lechat_tui.drawing.bidi import CELL
from lechat_tui.plaintext import safe
from lechat_tui.store import Chat, Listing
from lechat_tui.ui.widgets.styled_lines import padded
from lechat_tui.units import short_date_text
from lechat_tui.values import dataclass

NEW = -1
"""The index of the row that starts a new chat."""

PAGE_CHATS = 100
"""Chats that are fetched at once."""

MAX_CACHED_CHATS = 5_000

DAY_SECONDS = 86_400.0


class Group(NamedTuple):
    """The chats of a day, of some days or of a month, below a blank row and a row with its name."""

    top: int
    """Its first row."""
    name: str
    first: int
    """The index of its first chat."""
    end: int
    """The index behind its last chat."""


class ChatList(ScrollView, can_focus=True):
    """A row that starts a new chat, and below it the chats of a listing by day."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"chatlist--{name}" for name in ("title", "new", "day", "date", "mark", "highlight", "chosen")
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "first", show=False),
        Binding("end", "last", show=False),
        Binding("enter", "pick", show=False),
        Binding("space", "mark", show=False),
    ]

    @dataclass
    class Wanted(Message):
        """The list needs these chats, which are in view or close to it."""

        ids: Sequence[int]

    @dataclass
    class Picked(Message):
        """The user wants this chat; None is a new one."""

        chat: int | None

    def __init__(self) -> None:
        super().__init__()
        self._listing = Listing()
        self._groups: list[Group] = []
        self._cached: dict[int, Chat] = {}
        self._requested: set[int] = set()
        self._current = 0
        self._index = NEW
        self._now = datetime.min
        self.marked: set[int] = set()
        """The IDs of the chats that are marked, to be deleted together."""

    @property
    def highlighted(self) -> int | None:
        """The ID of the highlighted chat; None on the row that starts a new one."""
        return self._listing.ids[self._index] if self._index != NEW else None

    @property
    def cached(self) -> int:
        """The number of chats whose titles are in memory."""
        return len(self._cached)

    def show(self, listing: Listing, current: int, now: datetime) -> None:
        """Show these chats. The current one has a bar, and is highlighted unless the list has the focus."""
        keep = self.highlighted if self.has_focus else current
        self._listing, self._current, self._now = listing, current, now
        self._groups = list(groups(listing.updated, now.date()))
        self._index = NEW
        if keep and keep in listing.ids:
            self._index = listing.ids.index(keep)
        self._requested.clear()
        self.virtual_size = Size(0, self._rows)
        self._reveal()
        self._request(again=True)
        self.refresh()

    def fill(self, chats: Iterable[Chat]) -> None:
        """Show these chats, which were requested with `Wanted`."""
        self._cached.update((chat.id, chat) for chat in chats)
        while len(self._cached) > MAX_CACHED_CHATS:
            del self._cached[next(iter(self._cached))]
        self.refresh()

    def go_to_first(self) -> None:
        """Highlight the first chat."""
        self._go(0)

    def clear_marks(self) -> bool:
        """Unmark all chats; whether any was marked."""
        cleared = bool(self.marked)
        self.marked.clear()
        self.refresh()
        return cleared

    @property
    def highlighted_title(self) -> tuple[str, int]:
        """The title of the highlighted chat, and its row in view; empty if it is not known."""
        chat = self._cached.get(self.highlighted or 0)
        return (_one_line(chat.title), self._row_of(self._index) - self.scroll_offset.y) if chat else ("", 0)

    # Rows

    @property
    def _rows(self) -> int:
        last = self._groups[-1] if self._groups else None
        return last.top + 2 + last.end - last.first if last else 1

    def _row_of(self, index: int) -> int:
        if index == NEW:
            return 0
        group = self._groups[bisect_right(self._groups, index, key=lambda group: group.first) - 1]
        return group.top + 2 + index - group.first

    def _at(self, row: int) -> tuple[Group | None, int | None]:
        """The group and the index of the chat in a row; None for the rows above the chats of a group."""
        if row == 0:
            return None, NEW
        number = bisect_right(self._groups, row, key=lambda group: group.top) - 1
        if number < 0:
            return None, None
        group = self._groups[number]
        index = group.first + row - group.top - 2
        return group, index if group.first <= index < group.end else None

    def _request(self, *, again: bool = False) -> None:
        """Request the chats in view, and some around them, if they are not cached or `again`."""
        if not self.size.height or not self._listing.ids:
            return
        shown = [index for y in range(self.size.height) if (index := self._at(self.scroll_offset.y + y)[1]) is not None]
        indices = [index for index in shown if index != NEW]
        missing = [index for index in indices if self._listing.ids[index] not in self._cached]
        if not indices or not (again or missing):
            return
        first, last = max(indices[0] - PAGE_CHATS // 4, 0), max(indices[-1], indices[0] + PAGE_CHATS)
        around = range(first, min(last + 1, len(self._listing.ids)))
        ids = [id for id in (self._listing.ids[index] for index in around) if again or id not in self._cached]
        if wanted := [id for id in ids if id not in self._requested]:
            self._requested.update(wanted)
            self.post_message(self.Wanted(wanted))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Request the chats that came into view."""
        super().watch_scroll_y(old_value, new_value)
        self._request()

    def on_resize(self, event: Resize) -> None:
        """Request the chats that came into view."""
        self._request()

    # Rendering

    def render_line(self, y: int) -> Strip:
        """One row."""
        row, width = self.scroll_offset.y + y, self.size.width
        group, index = self._at(row)
        if row >= self._rows or (index is None and (group is None or row == group.top)):
            return Strip.blank(width, self.rich_style)
        if index is None:
            assert group
            return self._line([(group.name, "day")], width, lit=False)
        if index == NEW:
            return self._line([("+ New chat", "new")], width, lit=self._index == NEW)
        id = self._listing.ids[index]
        chat = self._cached.get(id)
        title = (_one_line(chat.title) or "untitled") if chat else ""
        mark = ("▌" if id == self._current else "") + ("✓ " if id in self.marked else "")
        date = f" {short_date_text(self._listing.updated[index], self._now)}" if chat else ""
        room = max(width - cell_len(mark) - cell_len(date), 0)
        runs = [(mark, "mark"), (padded(title, room), "title"), (date, "date")]
        return self._line(runs, width, lit=self._index == index)

    def _line(self, runs: Iterable[tuple[str, str]], width: int, *, lit: bool) -> Strip:
        base = self.rich_style
        if lit:
            base += self._style("highlight" if self.has_focus else "chosen")
        left, segments = width, []
        for text, name in runs:
            if cell_len(text) > left:
                text = set_cell_size(text, max(left - 1, 0)) + "…"
            style = self._style(name) + base if lit else base + self._style(name)
            segments.append(Segment(text, style + CELL if name == "title" else style))
            left -= cell_len(text)
        return Strip(segments).extend_cell_length(width, base).crop(0, width)

    # Actions

    def action_move(self, by: int) -> None:
        """Move the highlight."""
        self._go(self._index + by)

    def action_page(self, by: int) -> None:
        """Move the highlight by a page."""
        self._go(self._index + by * max(self.size.height - 3, 1))

    def action_first(self) -> None:
        """Go to the top."""
        self._go(NEW)

    def action_last(self) -> None:
        """Go to the oldest chat."""
        self._go(len(self._listing.ids) - 1)

    def action_pick(self) -> None:
        """Open the highlighted chat."""
        self.post_message(self.Picked(self.highlighted))

    def action_mark(self) -> None:
        """Mark the highlighted chat or unmark it, and go to the next."""
        if id := self.highlighted:
            self.marked ^= {id}
            self._go(self._index + 1)

    def on_click(self, event: Click) -> None:
        """Open the chat that was clicked."""
        _, index = self._at(self.scroll_offset.y + event.y)
        if index is not None:
            self._go(index)
            self.action_pick()

    def _go(self, index: int) -> None:
        self._index = min(max(index, NEW), len(self._listing.ids) - 1)
        self._reveal()
        self.refresh()

    def _reveal(self) -> None:
        row = self._row_of(self._index)
        self.scroll_to_region(Region(0, max(row - 2, 0), 1, 3 if row else 1), animate=False, force=True)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"chatlist--{name}", partial=True)


def groups(updated: Sequence[float], today: date) -> Iterable[Group]:
    """The groups of chats, the one added to last first, from the time of the last message of each."""
    days = _in_order(updated, today)
    at, top = 0, 1
    while at < len(days):
        name, since = _period(days[at], today)
        end = max(bisect_right(days, -since, lo=at, key=lambda moment: -moment), at + 1)
        yield Group(top, name, at, end)
        top += 2 + end - at
        at = end


def _in_order(updated: Sequence[float], today: date) -> Sequence[float]:
    """The times, the latest first. A chat that has an earlier one than the chats below it, as an imported chat may, or
    one that has not come yet, as after a wrong clock, belongs to the day of the chats below.
    """
    tomorrow = datetime(today.year, today.month, today.day).timestamp() + DAY_SECONDS
    latest = next((moment for moment in reversed(updated) if moment < tomorrow), tomorrow)
    days = array("d", updated)
    for index in range(len(days) - 1, -1, -1):
        days[index] = latest = max(latest, updated[index]) if updated[index] < tomorrow else latest
    return days


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


def _one_line(title: str) -> str:
    return safe(title).replace("\n", " ").expandtabs(1)
