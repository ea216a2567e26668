"""A text field."""

from textual.widgets import Input


class Field(Input):
    """A field whose cursor does not blink: blinking repaints the screen twice a second."""

    def on_mount(self) -> None:
        """Stop the blinking before the cursor is shown."""
        self.cursor_blink = False
