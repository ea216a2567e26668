"""A terminal receives everything that is written to it."""

import io
from typing import cast

from lechat_tui.terminal import buffered


class Interrupted(io.RawIOBase):
    """A terminal whose every write is interrupted halfway."""

    def __init__(self) -> None:
        self.written = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        taken = bytes(data)[: len(data) // 2 + 1]
        self.written += taken
        return len(taken)


def test_an_interrupted_write_continues_where_python_has_no_buffer() -> None:
    terminal = Interrupted()
    frame = "".join(f"row {n}\n" for n in range(3_000))
    bare = io.TextIOWrapper(cast(io.BufferedWriter, terminal), "utf-8", write_through=True)
    bare.write(frame)
    assert len(terminal.written) < len(frame)
    terminal.written = b""
    stream = buffered(bare)
    stream.write(frame)
    stream.flush()
    assert terminal.written.decode() == frame


def test_a_stream_with_a_buffer_is_not_changed() -> None:
    stream = io.TextIOWrapper(io.BytesIO())
    assert buffered(stream) is stream
