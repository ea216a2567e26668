"""The journal of a partial file is believed as far as it can be, and no further."""

import random
from dataclasses import replace

import pytest

from lechat_tui.models.journal import JOURNAL, PART, Partial, PartialInfo, Ranges, boot, read

CARD = PartialInfo("us/tiny", "tiny.gguf", "main", "a" * 40, "e" * 64, 100)


@pytest.fixture
def blob(tmp_path):
    return tmp_path / CARD.etag


@pytest.fixture
def journal(blob):
    return blob.with_name(blob.name + JOURNAL)


def begun(blob, *ranges, synced: int = 0) -> None:
    """Leave a partial file with these ranges, of which the first so many are on the disk itself."""
    partial = Partial(blob, CARD)
    for number, (start, end) in enumerate(ranges, 1):
        partial.write(start, bytes(end - start))
        partial.note(start, end)
        if number == synced:
            partial.sync()
    partial.close()


@pytest.mark.parametrize("seed", range(20))
def test_ranges_know_the_written_and_the_missing_bytes(seed):
    draw, ranges, there = random.Random(seed), Ranges(), set()
    for _ in range(30):
        start, end = sorted(draw.sample(range(101), 2))
        ranges.add(start, end)
        there |= set(range(start, end))
        gaps = {at for start, end in ranges.gaps(100) for at in range(start, end)}
        assert ranges.total == len(there) and gaps == set(range(100)) - there
        assert ranges.prefix == next(at for at in range(101) if at not in there)
        assert {at for start, end in ranges for at in range(start, end)} == there


def test_written_ranges_are_there_after_reopening(blob, journal):
    begun(blob, (0, 10), (20, 30))
    partial = Partial(blob, CARD)
    partial.write(10, b"x" * 10)
    partial.note(10, 20)
    assert partial.gaps() == [(30, 100)] and (partial.done, partial.prefix) == (30, 30)
    partial.close()
    assert list(read(journal)[1]) == [(0, 30)]


def test_after_a_reboot_only_synced_ranges_are_trusted(blob, journal):
    begun(blob, (0, 10), (20, 30), (40, 50), synced=2)
    assert read(journal)[1].total == 30
    journal.write_bytes(journal.read_bytes().replace(boot().encode(), boot()[::-1].encode()))
    assert list(read(journal)[1]) == [(0, 10), (20, 30)]
    begun(blob)
    assert list(read(journal)[1]) == [(0, 10), (20, 30)]


@pytest.mark.parametrize(
    "line", [b"50 6", b"50 60", b"50 60 70\n", b"-1 60\n", b"60 50\n", b"\xff\xfe\n", b"90 900000000000000000000\n"]
)
def test_an_invalid_line_is_skipped(blob, journal, line):
    begun(blob, (0, 10))
    with journal.open("ab") as file:
        file.write(line)
    assert list(read(journal)[1]) == [(0, 10)]
    begun(blob, (10, 20))
    assert list(read(journal)[1]) == [(0, 20)]


@pytest.mark.parametrize("text", [b"", b"{}", b"\n1 2\n", b"[1]\n", b'{"repo": 1}\n', b"\xff\n"])
def test_an_invalid_journal_is_replaced(blob, journal, text):
    begun(blob, (0, 10))
    journal.write_bytes(text)
    assert read(journal) is None
    begun(blob)
    assert read(journal)[1].total == 0 and blob.with_name(blob.name + PART).stat().st_size == 0


def test_ranges_beyond_the_end_of_the_file_are_ignored(blob, journal):
    begun(blob, (0, 10), (20, 30))
    with blob.with_name(blob.name + PART).open("r+b") as file:
        file.truncate(25)
    assert list(read(journal)[1]) == [(0, 10), (20, 25)]


def test_another_content_starts_over(blob, journal):
    begun(blob, (0, 10))
    Partial(blob, replace(CARD, etag="f" * 64)).close()
    assert read(journal)[1].total == 0


def test_nothing_is_written_after_close(blob, journal):
    partial = Partial(blob, CARD)
    partial.close()
    partial.write(0, b"late")
    partial.note(0, 4)
    partial.sync()
    assert read(journal)[1].total == 0 and partial.path.read_bytes() == b""
