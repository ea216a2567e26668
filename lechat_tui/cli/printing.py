"""Prints for the command line. Everything passes `plaintext.safe` here, so nothing can send the terminal an escape."""

import sys

from lechat_tui.plaintext import safe


def show(text: str, *, end: str = "\n", flush: bool = False) -> None:
    """Print to stdout."""
    print(safe(text), end=end, flush=flush)


def content(text: str) -> None:
    """Print what a user or a model wrote to stdout, at once and without a line end; a pipe gets it unchanged."""
    sys.stdout.write(safe(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def say(text: str, *, end: str = "\n") -> None:
    """Print to stderr, at once, as one line: a name in it may have line breaks."""
    print(safe(" ".join(text.splitlines())), end=end, file=sys.stderr, flush=True)


def rewrite(text: str, *, end: str = "") -> None:
    """Print to stderr over the line that is there; `end` is a carriage return or a newline."""
    print("\r" + safe(text), end=end, file=sys.stderr, flush=True)
