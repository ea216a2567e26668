"""The threads that fetch one file, with a source in place of a hub."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lechat_tui.models.download import FileDownload
from lechat_tui.models.journal import Partial, PartialInfo
from lechat_tui.models.retry import DEFAULT_POLICY, Cancelled, never

SIZE = 52 * 2**20


class Zeros:
    """An answer of nothing but zeros, which waits for its start."""

    ranged = True

    def __init__(self, start: int, end: int, go: threading.Event) -> None:
        self.start, self._end, self._go = start, end, go

    def __iter__(self) -> Iterator[bytes]:
        self._go.wait()
        for at in range(self.start, self._end, 2**16):
            yield bytes(min(2**16, self._end - at))

    def abort(self) -> None:
        self._go.set()


class Source:
    """Gives zeros; the answer that begins at 0 hangs until its end is asked for by somebody else."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []
        self.helped = threading.Event()

    @contextmanager
    def open(self, start: int, end: int) -> Iterator[Zeros]:
        if any(first < start < last for first, last in self.asked):
            self.helped.set()
        self.asked.append((start, end))
        go = threading.Event()
        if start:
            go.set()
        yield Zeros(start, end, go if start else self.helped)


@pytest.fixture
def partial(tmp_path) -> Iterator[Partial]:
    partial = Partial(tmp_path / "blob", PartialInfo("us/tiny", "tiny.gguf", "main", "a" * 40, "blob", SIZE))
    yield partial
    partial.close()


def test_an_idle_thread_takes_over_part_of_a_slow_segment(partial):
    source = Source()
    FileDownload(partial, source, DEFAULT_POLICY).run(lambda done, state, note: None, never)
    assert source.helped.is_set() and partial.gaps() == []
    assert all(end - start <= SIZE / 6 for start, end in source.asked)


def test_stopping_aborts_a_hanging_response(partial):
    source = Source()
    with pytest.raises(Cancelled):
        FileDownload(partial, source, DEFAULT_POLICY).run(lambda done, state, note: None, lambda: bool(source.asked))
    assert source.helped.is_set()
