"""The line below the prompt: the model, what it is doing, how full its context is."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from lechat_tui.plaintext import safe
from lechat_tui.ui.look.text_styles import text_style
from lechat_tui.units import token_speed_text, tokens_text
from lechat_tui.values import dataclass

METER_CELLS = 8

SEPARATOR = " · "


@dataclass(frozen=True)
class Status:
    """What the line shows."""

    model: str
    role: str
    state: str = ""
    used: int = 0
    """Tokens of the context window in use."""
    context: int = 0
    """The context window, in tokens."""
    speed: float = 0.0
    """Tokens per second of the last answer; 0 if unknown."""
    private: bool = False
    """Whether nothing in the chat is written to the disk."""
    hints: Sequence[str] = ()
    """Shown as long as no tokens have been used."""


class StatusLine(Widget):
    """Shows a `Status`; parts that do not fit are left out, from the right. Changes cause no layout."""

    def __init__(self, status: Status) -> None:
        super().__init__()
        self._status = status

    @property
    def status(self) -> Status:
        """The status that is shown."""
        return self._status

    def show(self, status: Status) -> None:
        """Show this status."""
        if status != self._status:
            self._status = status
            self.refresh()

    def change(self, **fields: object) -> None:
        """Change some fields."""
        self.show(replace(self._status, **fields))  # type: ignore[arg-type]

    def render_line(self, y: int) -> Strip:
        """The line."""
        width = self.size.width
        segments: list[Segment] = []
        used = 0
        for number, part in enumerate(self._parts()):
            separated = [(SEPARATOR, "soft"), *part] if number else part
            size = sum(cell_len(text) for text, _ in separated)
            if used + size > width:
                break
            used += size
            segments += [Segment(text, text_style(self.app, name)) for text, name in separated]
        return Strip(segments, used).adjust_cell_length(width).apply_style(self.rich_style)

    def _parts(self) -> Iterator[list[tuple[str, str]]]:
        status = self._status
        yield [(safe(status.model), "accent"), (f" {status.role}", "soft")]
        if status.private:
            yield [("private", "accent")]
        if status.state:
            yield [(status.state, "text")]
        if status.used and status.context:
            full = min(max(round(status.used / status.context * METER_CELLS), 1), METER_CELLS)
            yield [
                (tokens_text(status.used), "text"),
                (f" of {tokens_text(status.context)} ", "soft"),
                ("▰" * full, "full"),
                ("▱" * (METER_CELLS - full), "line"),
            ]
        if status.speed:
            yield [(token_speed_text(status.speed), "soft")]
        if not status.used:
            yield from ([(hint, "soft")] for hint in status.hints)
