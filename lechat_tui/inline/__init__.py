"""The chat in the terminal's own scrollback. No Textual."""
