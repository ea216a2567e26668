"""What is written to a terminal arrives."""

import io

from lechat_tui.terminal import whole


class Interrupted(io.RawIOBase):
    """A terminal whose every write is interrupted half way."""

    def __init__(self) -> None:
        self.written = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:
        taken = bytes(data)[: len(data) // 2 + 1]
        self.written += taken
        return len(taken)


def test_a_write_that_is_interrupted_goes_on_also_where_python_has_no_buffer() -> None:
    terminal = Interrupted()
    frame = "".join(f"row {n}\n" for n in range(3_000))
    bare = io.TextIOWrapper(terminal, "utf-8", write_through=True)
    bare.write(frame)
    assert len(terminal.written) < len(frame)
    terminal.written = b""
    stream = whole(bare)
    stream.write(frame)
    stream.flush()
    assert terminal.written.decode() == frame


def test_a_stream_that_has_a_buffer_stays_as_it_is() -> None:
    stream = io.TextIOWrapper(io.BytesIO())
    assert whole(stream) is stream
