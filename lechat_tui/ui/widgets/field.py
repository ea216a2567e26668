"""A line to write in."""

from textual.widgets import Input


class Field(Input):
    """Its cursor does not blink: a blink is a repaint twice a second for ever."""

    def on_mount(self) -> None:
        """Say so before the cursor is first seen."""
        self.cursor_blink = False
