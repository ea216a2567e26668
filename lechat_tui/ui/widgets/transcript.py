"""The transcript: the messages of a chat and what the program says beside them.

An answer that grows is rendered at most `RENDERS_PER_SECOND` times a second.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

from textual.events import Click
from textual.message import Message as Event
from textual.timer import Timer
from textual.worker import Worker

from lechat_tui.drawing.feed import Feed
from lechat_tui.drawing.notes import Note, Summary
from lechat_tui.drawing.question import Question
from lechat_tui.drawing.selection import find_word
from lechat_tui.drawing.thumbnails import Graphics, Thumbnails
from lechat_tui.engine.base import DeltaKind
from lechat_tui.message import Message
from lechat_tui.ui.widgets.row_view import RowView
from lechat_tui.values import dataclass

RENDERS_PER_SECOND = 16

PAUSE_FACTOR = 8
"""A render that took long is followed by a pause of so many times its duration."""


class Transcript(RowView, can_focus=False):
    """Everything in one chat."""

    @dataclass
    class Walked(Event):
        """The user wants another branch at a message, counted from 0: the next one for 1, the one before for -1."""

        place: int
        by: int

    @dataclass
    class QueuedClicked(Event):
        """The user wants the queued question at this place, counted from 0, back in the prompt."""

        place: int

    @dataclass
    class CitationClicked(Event):
        """The user wants to see the passage with this number."""

        number: int

    def __init__(
        self, *, graphics: Graphics = "blocks", end_key: Callable[[], str] = str, id: str | None = None
    ) -> None:
        """`graphics` says how images are shown; `end_key` returns the key that goes to the newest message."""
        super().__init__(end_key=end_key, id=id)
        self._thumbnails = Thumbnails(self._want_thumbnails, graphics)
        self._decoding = False
        self._feed = Feed(self.viewport, self._thumbnails)
        self._timer: Timer | None = None
        self._next_render = 0.0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to see."""
        return not self.viewport.items

    # Messages

    def show(self, messages: Sequence[Message], *, keep_notes: bool = False) -> None:
        """Show these messages and nothing else but the last notes if wanted, the newest in view."""
        self._stop_timer()
        self._allow_pixels()
        self._feed.load(messages, self._feed.last_notes() if keep_notes else ())
        self.screen.clear_selection()
        self.to_end()

    def add_question(self, question: Message) -> None:
        """Show a question that was sent."""
        self._feed.add_question(question)
        self.to_end()

    def replace_question(self, question: Message) -> None:
        """Show the last question as it was stored."""
        self._feed.replace_question(question)
        self.fit()

    def grow_answer(self, text: str, kind: DeltaKind) -> None:
        """Show a piece of the answer; the first one begins it."""
        if self._feed.growing is None:
            self._feed.begin_answer()
            self.fit()
        self._feed.grow_answer(text, kind)
        if self._timer is None:
            self._timer = self.set_timer(max(self._next_render - time.monotonic(), 0.001), self._render_growth)

    def mark_unanswered(self) -> None:
        """Say below the last question that no answer came."""
        self._feed.mark_unanswered()
        self.fit()

    def end_answer(self, message: Message) -> None:
        """Show the answer as it was stored."""
        self._stop_timer()
        self._feed.end_answer(message)
        self.fit()

    def drop_answer(self) -> None:
        """Remove the answer that grows."""
        self._stop_timer()
        self._feed.drop_answer()
        self.fit()

    def resume_answer(self) -> None:
        """Let the last answer grow again."""
        self._feed.resume_answer()
        self.fit()

    def remove_after_question(self) -> None:
        """Remove what follows the last question that was sent."""
        self._feed.remove_after_question()
        self.fit()

    def add_summary(self, message: Message) -> None:
        """Show a summary that was stored."""
        self._feed.add(Summary(message))
        self.fit()

    def note(self, text: str, *, error: bool = False) -> None:
        """Show a note to the user; one that is taller than the view is shown from its beginning."""
        note = Note(text, error=error)
        self._feed.add(note)
        self.fit()
        self._show_from_top(note)

    def _show_from_top(self, note: Note) -> None:
        if self.once_open(partial(self._show_from_top, note)):
            return
        if note in self.viewport.items and self.following and self._feed.growing is None:
            index = self.viewport.index(note)
            if self.viewport.height(index) > self.size.height:
                self.stay_at(self.viewport.top(index))

    # Below the messages

    def show_activity(self, text: str, fraction: float | None = None, hint: str = "") -> None:
        """Show what is going on below all messages, with a progress bar for a fraction of 1."""
        self._feed.show_activity(text, fraction, hint)
        self.fit()

    def hide_activity(self) -> None:
        """Nothing is going on any longer."""
        if self._feed.hide_activity():
            self.fit()

    def queue(self, questions: Sequence[Message]) -> None:
        """Show these questions as queued, in this order, and no others."""
        self._feed.queue(questions)
        self.fit()

    # Marks on messages

    def divide(self, message: int, *, pinned: bool = False) -> None:
        """Mark the message from which on the model gets the chat, counted from 0; no message for -1.

        `pinned` says that the model also gets pinned messages from above.
        """
        self._feed.divide(message, pinned=pinned)
        self.fit()

    def mark_branches(self, marks: Sequence[str]) -> None:
        """Show below each message which of its branches it is, as in `2/3`; nothing for an empty mark."""
        self._feed.mark_branches(marks)
        self.fit()

    def fold_thinking(self) -> bool:
        """Fold or unfold the thinking of the newest answer that has any; False when none has."""
        folded = self._feed.fold_newest_thinking()
        self.fit()
        return folded

    def fold_sent(self) -> bool:
        """Fold or unfold what was sent with the last question in view that has a file or a long paste.

        Without one in view, with the last of all; False when no question has any.
        """
        first, last = self.messages_in_view()
        questions = [(n, item) for n, item in enumerate(self._feed.messages) if isinstance(item, Question)]
        foldable = [(n, item) for n, item in questions if item.foldable]
        if not foldable:
            return False
        _, question = next(((n, item) for n, item in reversed(foldable) if first <= n <= last), foldable[-1])
        index = self.viewport.index(question)
        self._fold(index)
        if question.unfolded and self.viewport.height(index) > self.size.height:
            self.stay_at(self.viewport.top(index))  # its end would be in view
        return True

    def _fold(self, index: int) -> None:
        self.viewport.items[index].fold()
        self.viewport.measure(index)
        self.fit()

    def show_thinking(self, shown: bool) -> None:
        """Unfold the thinking of every answer, and of those to come, or fold it."""
        self._feed.show_thinking(shown)
        self.fit()

    def show_speed(self, shown: bool) -> None:
        """Show beside each answer, and those to come, how fast it was, or no longer."""
        self._feed.show_speed(shown)
        if self.is_attached:
            self.render_again()

    # Places

    def messages_in_view(self) -> tuple[int, int]:
        """The first and the last message in view, counted from 0."""
        top = round(self.scroll_y)
        bottom = max(top + self.size.height - 1, 0)
        first, last = self.viewport.index_at(top), self.viewport.index_at(bottom)
        return self._feed.messages_above(first), self._feed.messages_above(last + 1) - 1

    def reveal(self, message: int) -> None:
        """Bring a message, counted from 0, into view, with its beginning at the top if need be."""
        messages = self._feed.messages
        if not 0 <= message < len(messages) - 1:
            self.to_end()
            return
        top, height = self.viewport.top(self.viewport.index(messages[message])), self.size.height
        if self.viewport.rows > height and not self.scroll_y <= top < self.scroll_y + height - 1:
            self.stay_at(top)

    def show_match(self, message: int, query: str) -> None:
        """Bring a message into view, with the first of the query's words that it contains selected."""
        if self.once_open(partial(self.show_match, message, query)):
            return
        self.reveal(message)
        item = self._feed.messages[message]
        found = find_word(item.rows(self.column_width, self.look), query)
        if found is None and not item.unfolded:
            item.fold()
            found = find_word(item.rows(self.column_width, self.look), query)
            if found is None:
                item.fold()
        index = self.viewport.index(item)
        self.viewport.measure(index)
        if found is None:
            self.fit()
            return
        row, start, end = found
        self.stay_at(self.viewport.top(index) + max(row - self.size.height // 3, 0))
        self.select(index, row, start, end)

    # An answer that grows

    def _render_growth(self) -> None:
        self._timer = None
        answer = self._feed.growing
        if answer is None:
            return
        began = time.monotonic()
        self.viewport.measure(self.viewport.index(answer))
        self.fit()
        took = time.monotonic() - began
        self._next_render = began + max(1 / RENDERS_PER_SECOND, PAUSE_FACTOR * took)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.stop()
            self._timer = None

    # Pictures

    def notify_style_update(self) -> None:
        """The theme may be another, with other colors."""
        self._allow_pixels()
        super().notify_style_update()

    def _allow_pixels(self) -> None:
        app = self.app
        enough = app.console.color_system in ("truecolor", "256")
        self._thumbnails.allow(colors=enough and not app.no_color and not app.native_ansi_color)

    def _want_thumbnails(self) -> None:
        if not self._decoding:
            self._decoding = True
            self.call_after_refresh(self._start_decoding)

    def _start_decoding(self) -> None:
        _: Worker[None] = self.run_worker(self._decode, group="thumbnails")

    async def _decode(self) -> None:
        """Decode the pictures that are wanted, one after the other in a thread; each has its rows already."""
        try:
            while request := self._thumbnails.next:
                thumbnail = await asyncio.to_thread(self._thumbnails.decode, request)
                items = self._thumbnails.keep(request, thumbnail)
                for item in self.viewport.items:
                    if item in items:
                        self.viewport.measure(self.viewport.index(item))
                self.fit()
        finally:
            self._decoding = False

    # Mouse

    def on_click(self, event: Click) -> None:
        """Fold, open a link, number the lines of code, or go to another branch or to the end."""
        meta = event.style.meta
        if self.screen.get_selected_text():
            return
        index = self.viewport.index_at(self.scroll_offset.y + event.y - self.gutter.top)
        if by := meta.get("walk"):
            self.post_message(self.Walked(self._feed.messages_above(index), by))
        elif queued := meta.get("queued"):
            self.post_message(self.QueuedClicked(queued - 1))
        elif meta.get("fold"):
            self._fold(index)
        elif cited := meta.get("cited"):
            self.post_message(self.CitationClicked(cited))
        elif meta.get("open"):
            self.app.open_url(meta["open"])
        elif meta.get("lines"):
            self.number_lines()
        elif meta.get("newest"):
            self.to_end()
