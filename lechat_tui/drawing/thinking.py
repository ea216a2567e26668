"""The thinking before an answer, folded below a line that says how long it took."""

import time
from collections.abc import Callable, Iterator

from lechat_tui.drawing.items import FOLD
from lechat_tui.drawing.rows import Look, Row, prefixed, row, text_rows
from lechat_tui.plaintext import safe


class Thinking:
    """Grows piece by piece; false as long as it is empty."""

    def __init__(self, text: str = "", *, ended: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lines = safe(text).split("\n")
        self._words = len(text.split())
        self._ended = ended
        self._began = 0.0
        self._seconds: float | None = None
        """How long it took; None if that was not measured."""
        self._cache: tuple[int, Look, int, list[Row]] | None = None
        """The rows of the lines that have ended, for a width and a look, and the number of these lines."""

    def __bool__(self) -> bool:
        return len(self._lines) > 1 or bool(self._lines[0])

    def grow(self, text: str) -> None:
        """Append a piece."""
        self._began = self._began or self._clock()
        first, *rest = safe(text).split("\n")
        self._words += _begun_words(self._lines[-1], first)
        self._lines[-1] += first
        self._lines += rest
        self._words += sum(len(line.split()) for line in rest)

    def end(self) -> None:
        """The answer itself begins: stop the clock."""
        if self._began and self._seconds is None:
            self._seconds = self._clock() - self._began
        self._ended = True

    def finish(self, text: str) -> None:
        """Show the whole thinking as it was stored."""
        self.end()
        text = safe(text)
        if "\n".join(self._lines) != text:
            self._lines, self._cache = text.split("\n"), None
        self._words = len(text.split())

    def rows(self, width: int, look: Look, *, unfolded: bool) -> Iterator[Row]:
        """The summary, and below it the text if it is unfolded."""
        yield row([(f"{'▾' if unfolded else '▸'} {self.summary()}", look.soft + FOLD)])
        if unfolded:
            edge = ("│ ", look.line)
            yield from prefixed(self._wrapped(width - 2, look), edge, edge)

    def summary(self) -> str:
        """How long it took or is taking, and its number of words."""
        words = f"{self._words:,} word{'s' * (self._words != 1)}"
        if self._seconds is not None:
            return f"thought for {self._seconds:.1f} s, {words}"
        if self._ended:
            return f"thoughts, {words}"
        return f"thinking for {self._clock() - self._began:.0f} s, {words}"

    def _wrapped(self, width: int, look: Look) -> list[Row]:
        """The rows of the text; lines that have ended are wrapped once."""
        if self._cache is None or self._cache[:2] != (width, look):
            self._cache = width, look, 0, []
        _, _, done, rows = self._cache
        ended = max(len(self._lines) - 1, done)
        for line in self._lines[done:ended]:
            if line.strip() or rows:
                rows += text_rows([(line, look.soft)], width)
        self._cache = width, look, ended, rows
        last = self._lines[ended:]
        return rows + [found for line in last if line.strip() for found in text_rows([(line, look.soft)], width)]


def _begun_words(line: str, more: str) -> int:
    """The number of words that begin in `more`, which is appended to a line."""
    return len(more.split()) - (bool(line and more) and not line[-1].isspace() and not more[0].isspace())
