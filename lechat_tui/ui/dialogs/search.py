"""The search through all chats: hits in their context, as one types. Knows no store: it is given what finds."""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
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

PAUSE = 0.12
"""Seconds without a key after which it is searched."""

BEFORE = 24
"""Characters shown before a match, so that it stands in the row."""

MARK = "bold underline $accent"


class Finder(ModalScreen[tuple[Hit, str] | None]):
    """Asks for a message; its answer is the chosen hit and the words that found it, or None."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "leave", "Leave", priority=True),
        Binding("up", "move(-1)", "Up", priority=True),
        Binding("down", "move(1)", "Down", priority=True),
        Binding("pageup", "move(-6)", "Up", priority=True),
        Binding("pagedown", "move(6)", "Down", priority=True),
    ]

    def __init__(self, search: Callable[[str], list[Hit]], words: str = "") -> None:
        super().__init__()
        self._search = search
        self._words = safe(words)
        self._found_for = ""
        self._hits: Sequence[Hit] = ()
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet") as sheet:
            sheet.border_title = "Find in all chats"
            yield Field(
                self._words, placeholder="words of a question or an answer", compact=True, select_on_focus=False
            )
            yield OptionList(markup=False, compact=True)
            yield Static("", id="message", markup=False)
            yield Static("Enter goes there · Esc leaves", id="hint", markup=False)

    def on_mount(self) -> None:
        """Search for what is given."""
        self._look()

    @on(Input.Changed)
    def _typed(self) -> None:
        if self._timer:
            self._timer.stop()
        self._timer = self.set_timer(PAUSE, self._look)

    def _look(self) -> None:
        words = self.query_one(Input).value
        _: Worker[None] = self.run_worker(partial(self._find, words), exclusive=True)

    async def _find(self, words: str) -> None:
        try:
            hits = await asyncio.to_thread(self._search, words)
        except LechatError as error:
            self._show(words, (), str(error))
        else:
            self._show(words, hits, "" if hits or not words.strip() else "no message has these words")

    def _show(self, words: str, hits: Sequence[Hit], said: str) -> None:
        self._found_for, self._hits = words, hits
        rows = self.query_one(OptionList)
        rows.set_options(Option(_row(hit)) for hit in hits)
        rows.highlighted = 0 if hits else None
        self.query_one("#message", Static).update(Content(safe(said)))
        self.query_one("#message").set_class(bool(said), "-shown")

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._take(event.option_index)

    @on(Input.Submitted)
    async def _entered(self, event: Input.Submitted) -> None:
        """Go to the highlighted hit; what was typed since the last search is searched first."""
        if event.value != self._found_for:
            await self._find(event.value)
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
        """Go nowhere."""
        self.dismiss(None)


def _row(hit: Hit) -> Content:
    title = " ".join(safe(hit.chat.title).split()) or "untitled"
    day = time.strftime("%Y-%m-%d", time.localtime(hit.chat.updated))
    return Content.assemble((title, "bold"), (f"  {day}\n", "$soft"), "  ", *_context(hit))


def _context(hit: Hit) -> list[str | tuple[str, str]]:
    """The snippet from shortly before its first match, with every match marked without colors, too."""
    (first, _), *rest = hit.pieces()
    before = _line(first)
    start = f"…{before[-BEFORE:]}" if len(before) > BEFORE else before
    return [start, *((_line(text), MARK) if is_match else _line(text) for text, is_match in rest)]


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", safe(text))
