"""The items of one chat: its messages, and the notes, the activity and the queued questions beside them."""

from collections.abc import Sequence
from itertools import islice, takewhile
from typing import TypeGuard

from lechat_tui.drawing.answer import Answer, speed_summary
from lechat_tui.drawing.items import DIVIDER, DIVIDER_PINNED, Item
from lechat_tui.drawing.notes import Activity, Note, Summary
from lechat_tui.drawing.question import Question
from lechat_tui.drawing.thumbnails import Thumbnails
from lechat_tui.drawing.viewport import Viewport
from lechat_tui.engine.base import DeltaKind
from lechat_tui.message import Message, Receipt
from lechat_tui.plaintext import safe

MAX_ERRORS = 3
"""Errors in a row that are shown."""


class Feed:
    """Adds, changes and removes the items of a viewport."""

    def __init__(self, viewport: Viewport[Item], thumbnails: Thumbnails) -> None:
        self._viewport = viewport
        self._thumbnails = thumbnails
        self._floating = 0
        """How many items at the end stay below whatever is added."""
        self._activity = Activity()
        self._growing: Answer | None = None
        self._unanswered: Question | None = None
        """The question that is marked as unanswered."""
        self._divided = -1, False
        """The message below the divider, and whether pinned ones above it are sent."""
        self._thinking_shown = False
        self._speed_shown = False

    @property
    def growing(self) -> Answer | None:
        """The answer that is being written."""
        return self._growing

    @property
    def messages(self) -> list[Question | Answer | Summary]:
        """The messages, without notes and queued questions."""
        return list(filter(_is_message, self._viewport.items))

    def _last_messages(self, count: int) -> list[Question | Answer | Summary]:
        found = filter(_is_message, reversed(self._viewport.items))
        return list(islice(found, count))[::-1]

    def messages_above(self, index: int) -> int:
        """The number of messages before the item of this index."""
        return sum(isinstance(item, Question | Answer | Summary) for item in self._viewport.items[:index])

    # Messages

    def load(self, messages: Sequence[Message], notes: Sequence[Item] = ()) -> None:
        """Have these messages, these notes and nothing else."""
        self._growing = self._unanswered = None
        self._floating = 0
        self._divided = -1, False
        for message in messages:
            self._learn_costs(message)
        self._viewport.replace([*(self._item(message) for message in messages), *notes])

    def add(self, item: Item) -> None:
        """Add an item above those that float at the end; of errors in a row the newest are kept."""
        if isinstance(item, Note) and item.error:
            self._remove(self._last_errors()[: 1 - MAX_ERRORS])
        self._viewport.insert(len(self._viewport.items) - self._floating, item)

    def add_question(self, question: Message) -> None:
        """Add a question that was sent; errors since the last message are read by now, and go away."""
        self._remove(self._last_errors())
        self._unmark()
        self.add(Question(question, thumbnails=self._thumbnails))

    def replace_question(self, question: Message) -> None:
        """Show the last message, a question, as it was stored: with what was found for it."""
        last = next(reversed(self.messages), None)
        if isinstance(last, Question):
            last.text, last.attachments = question.text, question.attachments
            self._change(last)

    def mark_unanswered(self) -> None:
        """Say below the last message, a question, that no answer came; until something else happens."""
        last = next(reversed(self.messages), None)
        if isinstance(last, Question):
            self._unanswered = last
            last.unanswered = True
            self._change(last)

    def _unmark(self) -> None:
        question, self._unanswered = self._unanswered, None
        if question and question in self._viewport.items:
            question.unanswered = False
            self._change(question)

    def begin_answer(self) -> Answer:
        """Add an answer that grows."""
        self._unmark()
        self._growing = Answer()
        last = next(reversed(self.messages), None)
        self._growing.cites = isinstance(last, Question) and any(file.kind == "passages" for file in last.attachments)
        self._growing.unfolded = self._thinking_shown
        self.add(self._growing)
        return self._growing

    def grow_answer(self, text: str, kind: DeltaKind) -> None:
        """Append a piece to the answer, which has begun, or to its thinking."""
        assert self._growing
        if kind == "thinking":
            self._growing.think(text)
        elif kind == "text":
            self._growing.grow(text)

    def end_answer(self, message: Message) -> None:
        """Show the answer as it was stored, and what the pictures of the questions took."""
        answer, self._growing = self._growing, None
        if answer:
            answer.finish(message)
            answer.aside = self._aside(message.receipt)
            self._measure(answer)
        if new := self._learn_costs(message):
            for item in self._viewport.items:
                if isinstance(item, Question) and any(attachment.sha256 in new for attachment in item.attachments):
                    item.changed()

    def drop_answer(self) -> None:
        """Remove the answer that grows, if there is one."""
        answer, self._growing = self._growing, None
        if answer:
            self._remove([answer])

    def resume_answer(self) -> None:
        """Let the last answer grow again."""
        answers = [item for item in self._viewport.items if isinstance(item, Answer)]
        if answers:
            self._growing = answers[-1]
            self._growing.resume()
            self._measure(self._growing)

    def remove_after_question(self) -> None:
        """Remove what follows the last question that was sent."""
        items = self._viewport.items
        sent = [index for index, item in enumerate(items) if isinstance(item, Question) and not item.queued]
        self._remove(items[sent[-1] + 1 : len(items) - self._floating])

    # What floats at the end

    def show_activity(self, text: str, fraction: float | None, hint: str) -> None:
        """Show what is going on below all messages, with a progress bar for a fraction of 1."""
        self._unmark()
        activity = self._activity
        activity.text, activity.fraction, activity.hint = text, fraction, hint
        activity.changed()
        if activity in self._viewport.items:
            self._measure(activity)
        else:
            at = len(self._viewport.items) - self._floating
            self._floating += 1
            self._viewport.insert(at, activity)

    def hide_activity(self) -> bool:
        """Remove the activity; False when none was shown."""
        if self._activity not in self._viewport.items:
            return False
        self._remove([self._activity])
        return True

    def queue(self, questions: Sequence[Message]) -> None:
        """Show these questions as queued, in this order, and no others."""
        self._remove([item for item in self._viewport.items if isinstance(item, Question) and item.queued])
        for number, question in enumerate(questions, 1):
            self._floating += 1
            self._viewport.insert(len(self._viewport.items), Question(question, queued=number))

    # Marks on messages

    def divide(self, message: int, *, pinned: bool) -> None:
        """Mark the message from which on the model gets the chat, counted from 0; no message for -1.

        `pinned` says that the model also gets pinned messages from above.
        """
        if self._divided == (message, pinned):
            return
        self._divided = message, pinned
        for number, item in enumerate(self.messages):
            text = (DIVIDER_PINNED if pinned else DIVIDER) if number == message else ""
            if item.divider != text:
                item.divider = text
                self._change(item)

    def mark_branches(self, marks: Sequence[str]) -> None:
        """Show below each of the last messages its mark, as in `2/3`; nothing for an empty one."""
        for item, mark in zip(self._last_messages(len(marks)), marks, strict=False):
            if item.branch != mark:
                item.branch = mark
                self._change(item)

    def fold_newest_thinking(self) -> bool:
        """Fold or unfold the thinking of the newest answer that has any; False when none has."""
        for item in reversed(self._viewport.items):
            if isinstance(item, Answer) and item.thinking:
                item.fold()
                self._measure(item)
                return True
        return False

    def show_thinking(self, shown: bool) -> None:
        """Unfold the thinking of every answer, and of those to come, or fold it."""
        self._thinking_shown = shown
        for item in self._viewport.items:
            if isinstance(item, Answer) and item.thinking and item.unfolded != shown:
                item.fold()
                self._measure(item)

    def show_speed(self, shown: bool) -> None:
        """Show beside each answer, and those to come, how fast it was, or no longer."""
        self._speed_shown = shown
        for item in self._viewport.items:
            if isinstance(item, Answer):
                item.aside = self._aside(item.receipt)
                item.changed()

    def _aside(self, receipt: Receipt | None) -> str:
        """The server that an answer came from, and how fast it was."""
        if receipt is None:
            return ""
        server = f"on {safe(receipt.server)}" if receipt.server else ""
        return " · ".join(filter(None, (server, speed_summary(receipt) if self._speed_shown else "")))

    def _item(self, message: Message) -> Item:
        match message.role:
            case "user":
                return Question(message, thumbnails=self._thumbnails)
            case "summary":
                return Summary(message)
            case _:
                answer = Answer(message)
                answer.unfolded = self._thinking_shown
                answer.aside = self._aside(message.receipt)
                return answer

    def _learn_costs(self, message: Message) -> set[str]:
        """Keep how many tokens pictures took; returns the SHA-256 of those of which that is new."""
        costs = message.receipt.picture_tokens if message.receipt else {}
        new = {sha256 for sha256, _ in costs.items() - self._thumbnails.costs.items()}
        self._thumbnails.costs.update(costs)
        return new

    def _change(self, item: Item) -> None:
        item.changed()
        self._measure(item)

    def _measure(self, item: Item) -> None:
        self._viewport.measure(self._viewport.index(item))

    def last_notes(self) -> list[Item]:
        """The notes that nothing but notes follows, in order."""
        items = self._viewport.items[: len(self._viewport.items) - self._floating]
        return list(takewhile(lambda item: isinstance(item, Note), reversed(items)))[::-1]

    def _last_errors(self) -> list[Item]:
        """The errors that nothing but errors follows, in order."""
        end = len(self._viewport.items) - self._floating
        start = end
        while start and isinstance(item := self._viewport.items[start - 1], Note) and item.error:
            start -= 1
        return list(self._viewport.items[start:end])

    def _remove(self, items: Sequence[Item]) -> None:
        floats = self._viewport.items[len(self._viewport.items) - self._floating :]
        self._floating -= sum(item in items for item in floats)
        if any(item.divider for item in items):
            self._divided = -1, False
        self._viewport.remove(items)


def _is_message(item: Item) -> TypeGuard[Question | Answer | Summary]:
    """Whether it is a message, neither a note nor a queued question."""
    return isinstance(item, Question | Answer | Summary) and not (isinstance(item, Question) and item.queued)
