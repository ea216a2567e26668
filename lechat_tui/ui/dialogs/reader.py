"""A long text over the chat, such as the help or a prompt, until Esc closes it."""

import re
import textwrap
from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.screen import ModalScreen
from textual.widgets import Static

from lechat_tui.message import Span
from lechat_tui.plaintext import safe

TWO_COLUMNS = re.compile(r"( +\S.*?)  +(\S.*)")
"""An indented line of two columns with a gap between them."""

MAX_LEFT = 28
"""Characters of the left column; a longer entry has a line of its own."""


Layout = Callable[[str, int], Content]


class Reader(ModalScreen[None]):
    """Shows a text, which `layout` fits into so many characters."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,f1,ctrl+c", "leave", "Close", priority=True),
        Binding("j", "scroll(1)", "Down"),
        Binding("k", "scroll(-1)", "Up"),
        Binding("space", "page(1)", "Page down"),
        Binding("g", "end(False)", "Top"),
        Binding("G", "end(True)", "End"),
    ]

    def __init__(self, title: str, text: str, layout: "Layout | None" = None, *, marked: Span = (0, 0)) -> None:
        """`layout` is `page` unless it is given. `marked` is highlighted and in view at first, with `as_it_is`."""
        super().__init__()
        start, end = marked
        before = len(safe(text[:start]))
        self._marked = before, before + len(safe(text[start:end]))
        self._rows_of_width = layout or page
        self._title = safe(title)
        self._text = safe(text)
        self._page = Static(markup=False)

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet") as sheet:
            sheet.border_title = Content(self._title).markup
            with VerticalScroll():
                yield self._page
            yield Static("Esc closes · Up, Down, PgUp, PgDn scroll", id="hint", markup=False)

    def on_mount(self) -> None:
        """Let the arrow keys scroll."""
        self.query_one(VerticalScroll).focus()

    def on_resize(self, event: Resize) -> None:
        """Wrap the text to the width."""
        sheet = min(int(event.size.width * 0.95), 100)
        content = self._rows_of_width(self._text, sheet - 7)
        start, end = self._marked
        if start < end:
            start, end = (_place(self._text, content.plain, place) for place in (start, end))
            content = content.stylize("$accent on $raised", start, end)
            self.call_after_refresh(self._show_row, content.plain[:start].count("\n"))
        self._page.update(content)

    def _show_row(self, row: int) -> None:
        text = self.query_one(VerticalScroll)
        text.scroll_to(y=max(row - text.size.height // 4, 0), animate=False)

    def action_scroll(self, rows: int) -> None:
        """Scroll by rows."""
        self.query_one(VerticalScroll).scroll_relative(y=rows, animate=False)

    def action_page(self, pages: int) -> None:
        """Scroll by pages."""
        text = self.query_one(VerticalScroll)
        text.scroll_relative(y=pages * max(text.size.height - 1, 1), animate=False)

    def action_end(self, bottom: bool) -> None:
        """Scroll to the end or to the top."""
        text = self.query_one(VerticalScroll)
        text.scroll_end(animate=False) if bottom else text.scroll_home(animate=False)

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)


def _place(text: str, wrapped: str, place: int) -> int:
    """Where a place of a text is after `as_it_is`, which only adds line ends."""
    at = 0
    for character in text[:place]:
        at += 1 + (wrapped[at] != character)
    return at + (wrapped[at : at + 1] == "\n" != text[place : place + 1])


def as_it_is(text: str, width: int) -> Content:
    """The text with all of its spaces, in rows of so many characters."""
    rows = (
        textwrap.wrap(line, max(width, 8), expand_tabs=False, replace_whitespace=False, drop_whitespace=False) or [""]
        for line in text.split("\n")
    )
    return Content("\n".join(row for line in rows for row in line))


def page(text: str, width: int) -> Content:
    """Sections of text in rows of so many characters: lines of two columns below an accented heading."""
    column = min(MAX_LEFT, width // 3)
    return Content("\n").join(row for line in text.split("\n") for row in _rows(line, width, column))


def _rows(line: str, width: int, column: int) -> list[Content]:
    found = TWO_COLUMNS.fullmatch(line)
    if not found:
        style = "bold $accent" if line and not line.startswith(" ") else ""
        return [Content.styled(row, style) for row in textwrap.wrap(line, max(width, 8)) or [""]]
    left, right = found.groups()
    rights = textwrap.wrap(right, max(width - column - 2, 8))
    rows: list[Content] = []
    if len(left) > column:
        rows += [Content(row) for row in textwrap.wrap(left, max(width, 8), subsequent_indent="    ")]
        left = ""
    for number, words in enumerate(rights):
        rows.append(Content.assemble(f"{'' if number else left:<{column}}  ", (words, "$soft")))
    return rows
