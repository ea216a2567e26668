"""Filters for the text of an answer as it arrives: thinking that the server left in it, and a repeated beginning."""

from collections.abc import Iterator

from lechat_tui.engine.base import Delta
from lechat_tui.engine.llama.thinking import FORMATS, ThinkingFormat, overlap

_FORMATS = tuple(form for form in FORMATS if not form.by_name)
_OPENINGS = tuple(form.opening for form in _FORMATS)


class ThinkingMarks:
    """Turns text between the marks of thinking at the beginning of an answer into thinking, without the marks."""

    def __init__(self) -> None:
        self._held = ""
        self._open: ThinkingFormat | None = None
        self._over = False
        """Whether the rest is text, whatever is in it."""
        self._trim = False
        """Whether space between the thinking and the text is still to be dropped."""

    def feed(self, delta: Delta) -> Iterator[Delta]:
        """The delta, or what of it is certain."""
        if delta.kind != "text":
            yield from self.rest()
            yield delta
            return
        self._held += delta.text
        if self._open is None and not self._over:
            self._begin()
        if self._open:
            yield from self._think()
        if self._over and self._open is None:
            yield from self._rest_of_text()

    def rest(self) -> Iterator[Delta]:
        """What was held back, at the end of the answer."""
        held, self._held = self._held, ""
        if held and not (self._trim and held.isspace()):
            yield Delta(held, "thinking" if self._open else "text")

    def _begin(self) -> None:
        start = self._held.lstrip()
        self._open = next((form for form in _FORMATS if start.startswith(form.opening)), None)
        if self._open:
            self._held = start.removeprefix(self._open.opening)
        else:
            self._over = bool(start) and not any(opening.startswith(start) for opening in _OPENINGS)

    def _think(self) -> Iterator[Delta]:
        assert self._open
        thinking, closing, after = self._held.partition(self._open.closing)
        if closing:
            self._open, self._over, self._trim, self._held = None, True, True, after
        else:
            certain = len(thinking) - overlap(thinking, (self._open.closing,))
            thinking, self._held = thinking[:certain], thinking[certain:]
        if thinking:
            yield Delta(thinking, "thinking")

    def _rest_of_text(self) -> Iterator[Delta]:
        piece, self._held = self._held.lstrip() if self._trim else self._held, ""
        if piece:
            self._trim = False
            yield Delta(piece)


class RepeatedBeginning:
    """Drops the beginning of a continued answer where the server sends it once more."""

    def __init__(self, beginning: str) -> None:
        self._beginning = beginning
        self._held = ""
        self._over = not beginning

    def feed(self, delta: Delta) -> Iterator[Delta]:
        """The delta without what is a repetition."""
        if self._over or delta.kind != "text":
            yield delta
            return
        self._held += delta.text
        if self._held.startswith(self._beginning):
            self._over, piece = True, self._held.removeprefix(self._beginning)
        elif self._beginning.startswith(self._held):
            return
        else:
            self._over, piece = True, self._held
        self._held = ""
        if piece:
            yield Delta(piece)

    def rest(self) -> Iterator[Delta]:
        """What was held back, at the end of the answer: it only began like a repetition."""
        held, self._held = self._held, ""
        if held and not self._over:
            yield Delta(held)
