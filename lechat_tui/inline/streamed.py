"""Text that streams in, as rows: those that are final, each once, and those that may still change."""

from collections.abc import Sequence
from dataclasses import replace

from lechat_tui.drawing.blocks import render_blocks
from lechat_tui.drawing.markdown import Block, Reader, read
from lechat_tui.drawing.rows import Look, Row, prefixed, row, text_rows
from lechat_tui.plaintext import safe


class StreamedThinking:
    """Thinking: a line is final when it has ended."""

    def __init__(self, width: int, look: Look) -> None:
        self._width, self._look = width, look
        self._line = ""
        self._has_text = False

    def feed(self, text: str) -> None:
        """Add a piece."""
        self._line += text

    def advance(self) -> list[Row]:
        """The rows of the lines that have ended, without blank ones at the beginning."""
        *lines, self._line = self._line.split("\n")
        return [row for line in lines for row in self._rows(line)]

    def rest(self) -> list[Row]:
        """The rows of the last line, which may still grow."""
        return self._wrapped(self._line)

    def close(self) -> list[Row]:
        """The rows that are left when nothing more arrives."""
        rows, self._line = [*self.advance(), *self.rest()], ""
        return rows

    def _rows(self, line: str) -> list[Row]:
        self._has_text = self._has_text or bool(line.strip())
        return self._wrapped(line, blank=self._has_text)

    def _wrapped(self, line: str, *, blank: bool = False) -> list[Row]:
        edge = ("│ ", self._look.line)
        if not line.strip() and not blank:
            return []
        return list(prefixed(text_rows([(line, self._look.soft)], self._width - len(edge[0])), edge, edge))


class StreamedMarkdown:
    """Markdown: a block is final when it is finished, and a line of an open code block when it has ended."""

    def __init__(self, width: int, look: Look, *, below: bool = False) -> None:
        self._width, self._look = width, look
        self._reader = Reader()
        self._written_blocks = 0
        self._written_rows = 0
        """Rows that were returned early, of the blocks after those."""
        self._below = below
        """Whether there are rows above."""
        self._open: Sequence[Block] = ()

    def feed(self, text: str) -> None:
        """Add a piece."""
        self._reader.feed(text)

    def skip(self, text: str) -> None:
        """Add text that is on the screen already; its finished blocks are not returned again."""
        ended, newline, rest = text.rpartition("\n")
        self.feed(ended + newline)
        self._reader.advance()
        self._written_blocks = len(self._reader.blocks)
        self.feed(rest)

    def advance(self) -> list[Row]:
        """The new rows of finished blocks, and of the lines that have ended in an open code block."""
        self._open = self._reader.advance()
        final = self._finished()
        if self._open and (sure := _ended_lines(self._open[0])):
            rows = self._rows([sure])
            final += rows[self._written_rows :]
            self._written_rows = max(self._written_rows, len(rows))
        return final

    def rest(self) -> list[Row]:
        """The rows that may still change."""
        return self._rows(self._open)[self._written_rows :]

    def close(self) -> list[Row]:
        """The rows that are left when nothing more arrives."""
        self._reader.close()
        return self._finished()

    def late_links(self, text: str) -> Sequence[Row]:
        """The targets of links that were written as plain text, because `text` defines them only further below."""
        known = self._reader.references
        if not known or _texts(self._rows(self._reader.blocks)) == _texts(self._rows(read(safe(text)))):
            return ()
        targets = "\n".join(f"[{label.lower()}]: {target['href']}" for label, target in known.items())
        return [row(()), *text_rows([(targets, self._look.soft)], self._width)]

    def _finished(self) -> list[Row]:
        rows = self._rows(self._reader.blocks[self._written_blocks :])
        self._written_blocks = len(self._reader.blocks)
        self._below = self._below or bool(rows)
        new, self._written_rows = rows[self._written_rows :], max(self._written_rows - len(rows), 0)
        return new

    def _rows(self, blocks: Sequence[Block]) -> list[Row]:
        return list(render_blocks(blocks, self._width, self._look, below=self._below))


def _ended_lines(block: Block) -> Block | None:
    """An open code block with only those of its lines that have ended, which no longer change; else None."""
    token = block.tokens[0]
    ended = token.content.rfind("\n") + 1
    if token.type != "fence" or not ended:
        return None
    return replace(block, tokens=[token.copy(content=token.content[:ended])])


def _texts(rows: Sequence[Row]) -> list[str]:
    return [one.text for one in rows]
