"""Proposes draft tokens by prompt lookup: what followed when the last few tokens occurred earlier in the text.

A proposal costs the same after a hundred tokens as after a hundred thousand, and so does a new token.
"""

from array import array
from collections.abc import Sequence
from itertools import takewhile

from lechat_tui.engine.llama.cells import Cell

MIN_MATCH = 2
"""Tokens that must have occurred earlier in this order, for a proposal."""

LONG_MATCH = 5
"""Looked up first: a place where more tokens match is more likely the right one."""

MAX_MATCH = 16
"""Longer matches are not measured."""

TABLE_SIZE = 1 << 16
"""Places kept for each of the two lengths, 256 kB; in a longer text, new places overwrite old ones."""


class PromptLookup:
    """A text that grows at its end, and the latest place in it that matches its end."""

    def __init__(self) -> None:
        self._text: list[Cell] = []
        self._tables = {size: array("i", bytes(4 * TABLE_SIZE)) for size in (LONG_MATCH, MIN_MATCH)}
        """Where the text continued after a run of tokens, by the run's hash: hints, which are checked before use."""
        self._overwritten: list[int] = []
        """The places that the text's tokens overwrote in the tables, so that the text can be cut again."""
        self._next = 0
        """Index of the token that followed the match."""
        self.match_length = 0
        """How many tokens before that place equal the last ones, up to `MAX_MATCH`; 0 without a match."""

    def sync(self, text: Sequence[Cell]) -> None:
        """Bring the text up to date after it was cut or has grown elsewhere; only what is new is read."""
        same = len(self._text)
        if list(text[:same]) != self._text:
            pairs = zip(self._text, text, strict=False)
            same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            while len(self._text) > same:
                self._pop()
        for cell in text[same:]:
            self._push(cell)
        self._find()

    def add(self, token: int) -> None:
        """Append a token."""
        predicted = token == self.predicted()
        self._push(token)
        if predicted:
            self._next += 1
            self.match_length = min(self.match_length + 1, MAX_MATCH)
        else:
            self._find()

    def predicted(self) -> Cell | None:
        """The next token if the text repeats itself; None without a match."""
        return self._text[self._next] if self.match_length else None

    def propose(self, most: int) -> tuple[int, ...]:
        """Up to `most` draft tokens; an image ends them."""
        if not self.match_length:
            return ()
        tokens: list[int] = []
        for cell in self._text[self._next : self._next + most]:
            if isinstance(cell, str):
                break
            tokens.append(cell)
        return tuple(tokens)

    def _push(self, cell: Cell) -> None:
        """Append a cell, and note that the text continued here after its last tokens."""
        text = self._text
        if len(text) >= LONG_MATCH:
            for size, table in self._tables.items():
                row = hash(tuple(text[-size:])) % TABLE_SIZE
                self._overwritten.append(table[row])
                table[row] = len(text)
        text.append(cell)

    def _pop(self) -> None:
        """Undo the last `_push`."""
        text = self._text
        text.pop()
        if len(text) >= LONG_MATCH:
            for size, table in reversed(self._tables.items()):
                table[hash(tuple(text[-size:])) % TABLE_SIZE] = self._overwritten.pop()

    def _find(self) -> None:
        """Find the latest place that matches the end of the text."""
        text = self._text
        self.match_length = 0
        for size, table in self._tables.items():
            tail = text[-size:]
            place = table[hash(tuple(tail)) % TABLE_SIZE]
            if size <= place < len(text) and text[place - size : place] == tail:
                length = size
                while length < min(place, MAX_MATCH) and text[place - 1 - length] == text[-1 - length]:
                    length += 1
                self._next, self.match_length = place, length
                return
