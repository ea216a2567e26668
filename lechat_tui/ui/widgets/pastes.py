"""Long texts that were pasted, each folded into a label. Knows no widget."""

import re
from dataclasses import dataclass

from lechat_tui.plaintext import storable

LINES, CHARACTERS = 12, 1_000
"""A paste of more than so many lines or characters is folded."""


class Pastes:
    """What was pasted, by the label that stands for it; whoever edits text with labels in it leaves them whole."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._labels: re.Pattern[str] | None = None

    def fold(self, text: str, beside: str) -> str:
        """The label for this text, one that is not in the text it will stand in."""
        lines = text.count("\n") + 1
        size = f"{lines:,} lines" if lines > LINES else f"{len(text):,} characters"
        label, number = f"[pasted {size}]", 1
        while label in self._texts or label in beside:
            number += 1
            label = f"[pasted {size}, {number}]"
        self._texts[label] = text
        self._labels = re.compile("|".join(map(re.escape, self._texts)))
        return label

    def open(self, text: str) -> str:
        """Text with what was pasted in place of the labels."""
        return self._labels.sub(lambda found: self._texts[found[0]], text) if self._labels else text

    def spans(self, line: str) -> list[tuple[int, int]]:
        """Where the labels stand in a line, each from its first character to behind its last."""
        return [found.span() for found in self._labels.finditer(line)] if self._labels else []

    def around(self, line: str, column: int) -> tuple[int, int] | None:
        """The label inside which this column is; its two ends are outside."""
        return next(((start, end) for start, end in self.spans(line) if start < column < end), None)


@dataclass(frozen=True)
class Written:
    """What was written, pastes and all."""

    typed: str
    """With labels for the pastes."""
    pastes: Pastes

    @property
    def text(self) -> str:
        """All of it, as it can be kept."""
        return self.opened(self.typed)

    def opened(self, typed: str) -> str:
        """This in place of what was typed, with its pastes."""
        return storable(self.pastes.open(typed))


def is_long(text: str) -> bool:
    """Whether a paste would fill the prompt."""
    return text.count("\n") >= LINES or len(text) > CHARACTERS
