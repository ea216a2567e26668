"""Searches all chats while the user types, and shows the hits in their context."""

import asyncio
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import Worker

from lechat_tui.errors import LechatError
from lechat_tui.plaintext import safe
from lechat_tui.store import Hit
from lechat_tui.ui.widgets.field import Field
from lechat_tui.units import date_text

SEARCH_DELAY_SECONDS = 0.12
"""Time without a key after which the search starts."""

MAX_CHARACTERS_BEFORE = 24
"""Characters of context before a match, so that the match fits into the row."""

MATCH_STYLE = "bold underline $accent"


class Finder(ModalScreen[tuple[Hit, str] | None]):
    """Its result is the chosen hit and the query that found it, or None."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "leave", "Leave", priority=True),
        Binding("up", "move(-1)", "Up", priority=True),
        Binding("down", "move(1)", "Down", priority=True),
        Binding("pageup", "move(-6)", "Up", priority=True),
        Binding("pagedown", "move(6)", "Down", priority=True),
    ]

    def __init__(self, search: Callable[[str], list[Hit]], query: str, now: datetime) -> None:
        super().__init__()
        self._now = now
        self._search = search
        self._query = safe(query)
        self._found_for = ""
        self._hits: Sequence[Hit] = ()
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet") as sheet:
            sheet.border_title = "Search all chats"
            yield Field(
                self._query, placeholder="words of a question or an answer", compact=True, select_on_focus=False
            )
            yield OptionList(markup=False, compact=True)
            yield Static("", id="message", markup=False)
            yield Static("Enter opens · Esc cancels", id="hint", markup=False)

    def on_mount(self) -> None:
        """Search for the given query."""
        self._start_search()

    @on(Input.Changed)
    def _typed(self) -> None:
        if self._timer:
            self._timer.stop()
        self._timer = self.set_timer(SEARCH_DELAY_SECONDS, self._start_search)

    def _start_search(self) -> None:
        query = self.query_one(Input).value
        _: Worker[None] = self.run_worker(partial(self._find, query), exclusive=True)

    async def _find(self, query: str) -> None:
        try:
            hits = await asyncio.to_thread(self._search, query)
        except LechatError as error:
            self._show(query, (), str(error))
        else:
            self._show(query, hits, "" if hits or not query.strip() else "no message has these words")

    def _show(self, query: str, hits: Sequence[Hit], message: str) -> None:
        if not self.is_attached:  # Esc was pressed just before
            return
        self._found_for, self._hits = query, hits
        rows = self.query_one(OptionList)
        rows.set_options(Option(_row(hit, self._now)) for hit in hits)
        rows.highlighted = 0 if hits else None
        self.query_one("#message", Static).update(Content(safe(message)))
        self.query_one("#message").set_class(bool(message), "-shown")

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._take(event.option_index)

    @on(Input.Submitted)
    async def _entered(self, event: Input.Submitted) -> None:
        """Take the highlighted hit, after a search for what was typed since the last one."""
        if event.value != self._found_for:
            await self._find(event.value)
        if not self.is_attached:
            return
        index = self.query_one(OptionList).highlighted
        if index is not None:
            self._take(index)

    def _take(self, index: int) -> None:
        self.dismiss((self._hits[index], self._found_for))

    def action_move(self, by: int) -> None:
        """Move the highlight."""
        rows = self.query_one(OptionList)
        if rows.option_count:
            rows.highlighted = min(max((rows.highlighted or 0) + by, 0), rows.option_count - 1)

    def action_leave(self) -> None:
        """Close without a hit."""
        self.dismiss(None)


def _row(hit: Hit, now: datetime) -> Content:
    title = " ".join(safe(hit.chat.title).split()) or "untitled"
    return Content.assemble((title, "bold"), (f"  {date_text(hit.chat.updated, now)}\n", "$soft"), "  ", *_context(hit))


def _context(hit: Hit) -> list[str | tuple[str, str]]:
    """The snippet from shortly before its first match, with every match marked without colors, too."""
    (first, _), *rest = hit.pieces()
    before = _line(first)
    start = f"…{before[-MAX_CHARACTERS_BEFORE:]}" if len(before) > MAX_CHARACTERS_BEFORE else before
    return [start, *((_line(text), MATCH_STYLE) if is_match else _line(text) for text, is_match in rest)]


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", safe(text))
