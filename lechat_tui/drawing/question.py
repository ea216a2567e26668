"""A question in the transcript, with its attachments. Attached texts and long pastes are folded at first."""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from rich.cells import cell_len
from rich.style import Style

from lechat_tui.attachments.files import AttachmentError
from lechat_tui.attachments.texts import stored_text
from lechat_tui.drawing.items import FOLD, INDENT, Item, estimated_rows
from lechat_tui.drawing.rows import Look, Row, Run, filled, prefixed, row, text_rows
from lechat_tui.drawing.thumbnails import Thumbnails, pixel_rows, thumbnail_cells
from lechat_tui.message import Attachment, Message
from lechat_tui.units import size_text

MAX_ROWS = 24
"""The middle of a text with more rows is folded."""

MAX_UNFOLDED_LINES = 5_000
"""Lines that are shown of an attached text or of a paste."""

UNANSWERED = "■ not answered; /regen to retry"
"""The line below a question that got no answer: it was stopped, or it failed, before the first token."""


class Question(Item):
    """What the user sent, with a bar at its left; `queued` is its place in the queue while it waits, from 1.

    `unanswered` says below it that no answer came, and what to do.
    """

    def __init__(
        self, message: Message, *, queued: int = 0, unanswered: bool = False, thumbnails: Thumbnails | None = None
    ) -> None:
        super().__init__()
        self.text = message.text
        self.attachments = message.attachments
        self.queued = queued
        self.unanswered = unanswered
        self._pasted = message.pasted
        self._long = False
        self._thumbnails = None if queued else thumbnails

    @property
    def foldable(self) -> bool:
        """Whether it has an attached text or a long paste, or was long when it was rendered."""
        return self._long or bool(self._pasted) or any(file.has_text for file in self.attachments)

    def _render(self, width: int, look: Look) -> Iterator[Row]:
        bar = ("▌ ", look.bar)
        inner = width - INDENT - 1
        rows = self._text_rows(inner, look)
        if self.queued:
            mark = (f"queued {self.queued}", look.accent + Style.from_meta({"queued": self.queued}))
            rows = [*rows[:-1], *_with_mark(rows[-1:], mark, inner)]
        yield from prefixed(filled(rows, width - INDENT, look.question), bar, bar)
        for attachment in self.attachments:
            pixels = None
            if attachment.kind == "image" and self._thumbnails and self._thumbnails.visible:
                columns, height = thumbnail_cells(attachment, inner)
                pixels = self._thumbnails.get(attachment, columns, height, self)
                if pixels is None or pixels.width:
                    yield from pixel_rows(pixels, height, width - INDENT, bar, look.question)
            rows = self._file_rows(attachment, pixels.size if pixels else 0, inner, look)
            yield from prefixed(filled(rows, width - INDENT, look.question), bar, bar)
        if self.unanswered:
            yield row(())
            space = (" " * INDENT, look.text)
            yield from prefixed(text_rows([(UNANSWERED, look.soft)], width - INDENT), space, space)

    def _text_rows(self, width: int, look: Look) -> list[Row]:
        """The text, with each paste in a line of its own."""
        rows: list[Row] = []
        style = look.soft if self.queued else look.text
        for text, pasted in self._pieces():
            if pasted:
                size = _lines_text(text) if "\n" in text else f"{len(text):,} characters"
                rows += self._part_rows(f"pasted text · {size}", text, width, look)
            elif text.strip() or not (self._pasted or self.attachments):
                typed = text.strip() if self._pasted else text.strip("\n")
                rows += self._shortened(text_rows([(typed, style)], width), look)
        return rows

    def _pieces(self) -> Iterator[tuple[str, bool]]:
        """The text in pieces, each with whether it is a long paste."""
        done = 0
        for start, end in self._pasted:
            yield self.text[done:start], False
            yield self.text[start:end], True
            done = end
        yield self.text[done:], False

    def _file_rows(self, file: Attachment, thumbnail_size: int, width: int, look: Look) -> list[Row]:
        """The caption of an image, or an attached text or document."""
        if file.has_text:
            return self._part_rows(text_caption(file), _text_of(file) if self.unfolded else "", width, look)
        tokens = self._thumbnails.costs.get(file.sha256) if self._thumbnails else None
        parts = chip(file), size_text(thumbnail_size) if thumbnail_size else "", f"{tokens:,} tokens" if tokens else ""
        return text_rows([(" · ".join(filter(None, parts)), look.soft)], width)

    def _part_rows(self, caption: str, text: str, width: int, look: Look) -> list[Row]:
        """A part that can be unfolded: its caption, and below it the text if it is unfolded."""
        rows = text_rows([(f"{'▾' if self.unfolded else '▸'} {caption}", look.soft + FOLD)], width)
        if not self.unfolded:
            return rows
        lines = text.rstrip("\n").split("\n")
        if more := len(lines) - MAX_UNFOLDED_LINES:
            lines = lines[:MAX_UNFOLDED_LINES]
        edge = ("│ ", look.line)
        rows += prefixed(text_rows([("\n".join(lines), look.text)], width - 2), edge, edge)
        return rows + (text_rows([(f"{more:,} more lines", look.soft)], width) if more > 0 else [])

    def _shortened(self, rows: list[Row], look: Look) -> list[Row]:
        """The first and the last rows of a long text, or all of them if it is unfolded."""
        hidden = len(rows) - MAX_ROWS
        if hidden <= 0:
            return rows
        self._long = True
        mark = row([(f"{'▾ fewer' if self.unfolded else f'▸ {hidden} more'} lines", look.soft + FOLD)])
        if self.unfolded:
            return [mark, *rows]
        return [*rows[: MAX_ROWS // 2], mark, *rows[-MAX_ROWS // 2 :]]

    def _estimate(self, width: int) -> int:
        images = [file for file in self.attachments if file.kind == "image"] if self._has_pixels else []
        pixels = sum(thumbnail_cells(image, width - INDENT - 1)[1] for image in images)
        typed = "".join(text for text, pasted in self._pieces() if not pasted)
        text_height = min(estimated_rows(typed, width), MAX_ROWS) + len(self._pasted)
        return text_height + pixels + len(self.attachments) + 2 * self.unanswered

    @property
    def _has_pixels(self) -> bool:
        return self._thumbnails is not None and self._thumbnails.visible


def chip(attachment: Attachment) -> str:
    """An attachment as a label: `▦ board.png 640x480`, `▤ notes.txt · 12 lines · 1.2 kB`."""
    if attachment.has_text:
        return f"▤ {text_caption(attachment)}"
    return f"▦ {attachment.name} {attachment.width}x{attachment.height}"


def text_caption(file: Attachment) -> str:
    """An attached text or document in a few words: `notes.txt · 12 lines · 1.2 kB`."""
    if file.kind == "document":
        from lechat_tui.attachments.documents import caption  # not needed for the first paint

        return caption(file)
    if file.kind == "passages":
        return file.name
    return " · ".join(filter(None, (file.name, _lines_of(file), size_text(file.size))))


@lru_cache(maxsize=256)
def _lines_of(file: Attachment) -> str:
    text = _text_of(file)
    return _lines_text(text) if text else ""


def _text_of(file: Attachment) -> str:
    """The text of an attached file; empty where it is not stored any more."""
    try:
        return stored_text(file)
    except AttachmentError:
        return ""


def _lines_text(text: str) -> str:
    lines = text.rstrip("\n").count("\n") + 1
    return f"{lines:,} line{'s' * (lines > 1)}"


def _with_mark(last: Iterable[Row], mark: Run, width: int) -> list[Row]:
    """The last row of a text with a mark behind it, or below it if it does not fit there."""
    rows = list(last)
    if rows and not rows[0].skip and cell_len(f"{rows[0].text}  {mark[0]}") <= width:
        return [rows[0]._replace(runs=[*rows[0].runs, ("  ", Style.null()), mark])]
    return [*rows, row([mark], skip=len(mark[0]))]
