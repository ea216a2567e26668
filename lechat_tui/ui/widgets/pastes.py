"""Long pasted texts, each folded into a label. Does not import Textual."""

import re
from collections.abc import Iterable

from lechat_tui.message import Span
from lechat_tui.plaintext import storable
from lechat_tui.values import dataclass

MAX_LINES, MAX_CHARS = 12, 1_000
"""A paste with more lines or characters is folded."""


@dataclass(frozen=True)
class Expanded:
    """A text to send, and where its long pastes are."""

    text: str
    pasted: tuple[Span, ...] = ()


def joined(parts: Iterable[Expanded]) -> Expanded:
    """The texts, with an empty line between them."""
    text, spans = "", list[Span]()
    for part in parts:
        text += "\n\n" if text else ""
        spans += [(len(text) + start, len(text) + end) for start, end in part.pasted]
        text += part.text
    return Expanded(text, tuple(spans))


class Pastes:
    """Pasted texts by their labels. A label counts only while it is complete in the text around it."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._labels: re.Pattern[str] | None = None

    def fold(self, text: str, around: str) -> str:
        """Keep a text; returns its label, which does not occur in the text around it."""
        lines = text.count("\n") + 1
        size = f"{lines:,} lines" if lines > MAX_LINES else f"{len(text):,} characters"
        label, number = f"[pasted {size}]", 1
        while label in self._texts or label in around:
            number += 1
            label = f"[pasted {size}, {number}]"
        self._texts[label] = text
        self._labels = re.compile("|".join(map(re.escape, self._texts)))
        return label

    def expand(self, text: str) -> str:
        """The text with the pasted texts in place of the labels."""
        return self._labels.sub(lambda found: self._texts[found[0]], text) if self._labels else text

    def unfold(self, text: str) -> Expanded:
        """The same as it can be stored, with where the pasted texts are."""
        pieces: list[str] = []
        spans: list[Span] = []
        done = size = 0
        for start, end in self.spans(text):
            typed, pasted = storable(text[done:start]), storable(self._texts[text[start:end]])
            size += len(typed)
            spans.append((size, size + len(pasted)))
            size += len(pasted)
            pieces += typed, pasted
            done = end
        return Expanded("".join([*pieces, storable(text[done:])]), tuple(spans))

    def spans(self, line: str) -> list[Span]:
        """The labels in a line: the first character and the one behind the last, for each."""
        return [found.span() for found in self._labels.finditer(line)] if self._labels else []

    def label_at(self, line: str, column: int) -> Span | None:
        """The label that this column is within, not at one of its ends."""
        return next(((start, end) for start, end in self.spans(line) if start < column < end), None)


@dataclass(frozen=True)
class Submission:
    """What the user sent."""

    typed: str
    """The text, with labels for the pastes."""
    pastes: Pastes

    @property
    def text(self) -> str:
        """The whole text."""
        return self.expanded(self.typed).text

    def expanded(self, typed: str) -> Expanded:
        """Another text with the same pastes, in place of their labels."""
        return self.pastes.unfold(typed)


def is_long(text: str) -> bool:
    """Whether a paste should be folded."""
    return text.count("\n") >= MAX_LINES or len(text) > MAX_CHARS
