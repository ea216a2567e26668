"""The parts of a split GGUF file, by name and on disk."""

import pytest

from lechat_tui.machine.split_files import first_part, part, parts, size_on_disk, without_part


@pytest.mark.parametrize(
    ("file", "number_and_count", "first", "without"),
    [
        ("m.gguf", (1, 1), "m.gguf", "m.gguf"),
        ("a/m-00001-of-00002.gguf", (1, 2), "a/m-00001-of-00002.gguf", "a/m.gguf"),
        ("m-00003-of-00007.gguf", (3, 7), "m-00001-of-00007.gguf", "m.gguf"),
        ("m-00003-of-00007", (3, 7), "m-00001-of-00007", "m"),
        ("m-00003-of-00007-Q4_0.gguf", (1, 1), "m-00003-of-00007-Q4_0.gguf", "m-00003-of-00007-Q4_0.gguf"),
    ],
)
def test_a_name_tells_which_part_it_is(file, number_and_count, first, without):
    assert (part(file), first_part(file), without_part(file)) == (number_and_count, first, without)


@pytest.mark.parametrize(
    ("file", "all_parts"),
    [
        ("m.gguf", ("m.gguf",)),
        ("m-00001-of-00001.gguf", ("m-00001-of-00001.gguf",)),
        ("a/m-00001-of-00002.gguf", ("a/m-00001-of-00002.gguf", "a/m-00002-of-00002.gguf")),
        ("m-00002-of-00002.gguf", ("m-00002-of-00002.gguf",)),
    ],
)
def test_the_first_part_names_all_parts(file, all_parts):
    assert parts(file) == all_parts


def test_the_size_on_disk_is_that_of_all_parts_that_exist(tmp_path):
    for number, size in ((1, 10), (2, 90)):
        (tmp_path / f"m-0000{number}-of-00003.gguf").write_bytes(b"x" * size)
    assert size_on_disk(tmp_path / "m-00001-of-00003.gguf") == 100
    assert size_on_disk(tmp_path / "missing.gguf") == 0
