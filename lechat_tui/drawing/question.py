"""A question in the transcript, with its attachments."""

from collections.abc import Iterator, Sequence

from lechat_tui.drawing.items import FOLD, INDENT, Item, estimated_rows, indented
from lechat_tui.drawing.rows import Look, Row, Run, filled, plain, prefixed, row, text_rows
from lechat_tui.drawing.thumbnails import Thumbnails, pixel_rows, thumbnail_cells
from lechat_tui.message import Attachment
from lechat_tui.units import size_text

MAX_ROWS = 24
"""The middle of a question with more rows is folded."""

UNANSWERED = "■ not answered; /regen answers it"
"""The line below a question that got no answer: it was stopped, or it failed, before the first token."""


class Question(Item):
    """What the user sent, with a bar at its left; `queued` while it waits for its turn.

    `unanswered` says below it that no answer came, and what to do.
    """

    def __init__(
        self,
        text: str,
        attachments: Sequence[Attachment] = (),
        *,
        queued: bool = False,
        unanswered: bool = False,
        thumbnails: Thumbnails | None = None,
    ) -> None:
        super().__init__()
        self.text = text
        self.attachments = attachments
        self.queued = queued
        self.unanswered = unanswered
        self._thumbnails = None if queued else thumbnails

    def _render(self, width: int, look: Look) -> Iterator[Row]:
        style = look.soft if self.queued else look.text
        runs: list[Run] = [(self.text.strip("\n"), style)]
        if self.queued:
            runs.append(("  queued", look.accent))
        rows = text_rows(runs, width - INDENT - 1) if plain(runs) or not self.attachments else []
        if len(rows) > MAX_ROWS:
            rows = self._folded(rows, look)
        bar = ("▌ ", look.bar)
        yield from prefixed(filled(rows, width - INDENT, look.question), bar, bar)
        for attachment in self.attachments:
            pixels = None
            if attachment.kind == "image" and self._thumbnails and self._thumbnails.visible:
                columns, height = thumbnail_cells(attachment, width - INDENT - 1)
                pixels = self._thumbnails.get(attachment, columns, height, self)
                if pixels is None or pixels.width:
                    yield from pixel_rows(pixels, height, width - INDENT, bar, look.question)
            caption = self._caption(attachment, pixels.size if pixels else 0)
            rows = text_rows([(caption, look.soft)], width - INDENT - 1)
            yield from prefixed(filled(rows, width - INDENT, look.question), bar, bar)
        if self.unanswered:
            yield row(())
            yield from indented(text_rows([(UNANSWERED, look.soft)], width - INDENT), look)

    def _caption(self, attachment: Attachment, size: int) -> str:
        tokens = self._thumbnails.costs.get(attachment.sha256) if self._thumbnails else None
        parts = chip(attachment), size_text(size) if size else "", f"{tokens:,} tokens" if tokens else ""
        return " · ".join(filter(None, parts))

    def _folded(self, rows: list[Row], look: Look) -> list[Row]:
        """The first and the last rows of a long question, or all of them if it is unfolded."""
        hidden = len(rows) - MAX_ROWS
        mark = row([(f"{'▾ fewer' if self.unfolded else f'▸ {hidden} more'} lines", look.soft + FOLD)])
        if self.unfolded:
            return [mark, *rows]
        return [*rows[: MAX_ROWS // 2], mark, *rows[-MAX_ROWS // 2 :]]

    def _estimate(self, width: int) -> int:
        images = [file for file in self.attachments if file.kind == "image"] if self._has_pixels else []
        pixels = sum(thumbnail_cells(image, width - INDENT - 1)[1] for image in images)
        return min(estimated_rows(self.text, width), MAX_ROWS) + pixels + len(self.attachments) + 2 * self.unanswered

    @property
    def _has_pixels(self) -> bool:
        return self._thumbnails is not None and self._thumbnails.visible


def chip(attachment: Attachment) -> str:
    """An attachment as a label: `▦ board.png 640x480`, `▤ notes.txt 1.2 kB`."""
    if attachment.kind == "text":
        return f"▤ {attachment.name} {size_text(attachment.size)}"
    return f"▦ {attachment.name} {attachment.width}x{attachment.height}"
