"""Everything on the screen."""

import os

FRAMES = 120
"""Frames a second at most. After a frame a key waits up to two periods for the next: with Textual's 60, 33 ms."""

os.environ.setdefault("TEXTUAL_FPS", str(FRAMES))  # Textual reads it when it is imported, which is after this
