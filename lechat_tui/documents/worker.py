"""The child process: one document on stdin, its pages as JSON lines on stdout.

Run as `python -m lechat_tui.documents.worker FORMAT [PAGES]`.
"""

import os
import sys
from importlib import import_module

import msgspec

from lechat_tui.documents.child import NO_MEMORY
from lechat_tui.documents.confinement import confine
from lechat_tui.documents.convert import Frame
from lechat_tui.documents.model import Page, PageRange
from lechat_tui.documents.parsers.common import Unreadable


def main(format: str, pages: str) -> None:
    """Print a frame for each page of the document on stdin."""
    out = confine()

    def send(frame: Frame) -> None:
        out.write(msgspec.json.encode(frame) + b"\n")
        out.flush()

    try:
        parser = import_module(f"lechat_tui.documents.parsers.{format}")
        for item in parser.parse(sys.stdin.buffer.read(), PageRange.of(pages)):
            match item:
                case Page():
                    send(Frame(page=item))
                case int():
                    send(Frame(total=item))
                case str():
                    send(Frame(note=item))
    except Unreadable as error:
        send(Frame(error=str(error)))
    except MemoryError:
        os._exit(NO_MEMORY)
    except Exception as error:  # noqa: BLE001  # the edge of the process: whatever a damaged file makes a parser raise
        if isinstance(error, ImportError) and "failed to map" in str(error):
            os._exit(NO_MEMORY)
        send(Frame(error=f"is damaged and can't be read ({type(error).__name__})"))
    out.close()
    os._exit(0)  # native code may crash while it is torn down


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
