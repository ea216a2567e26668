"""Bytes from a terminal become text, keys, sequences and pastes, however they are split and whatever they are."""

import os
import random

import pytest

from lechat_tui.terminal_input import Alt, Escape, Invalid, Paste, Sequence, Text, Token, Tokenizer

FUZZED = int(os.environ.get("LECHAT_FUZZED", "2000"))
"""Random inputs to try; `LECHAT_FUZZED=100000` for a night."""

KNOWN = [
    (b"hello", [Text("hello")]),
    ("café 日本 🐈".encode(), [Text("café 日本 🐈")]),
    (b"\r", [Text("\r")]),
    (b"\x1b[A", [Sequence("\x1b[A")]),
    (b"\x1b[1;5C", [Sequence("\x1b[1;5C")]),
    (b"\x1bOP", [Sequence("\x1bOP")]),
    (b"\x1b[[A", [Sequence("\x1b[[A")]),
    (b"\x1b[23$", [Sequence("\x1b[23$")]),
    (b"\x1b[<35;10;20M", [Sequence("\x1b[<35;10;20M")]),
    (b"\x1bx", [Alt("x")]),
    ("\x1bé".encode(), [Alt("é")]),
    (b"\x1b\r", [Alt("\r")]),
    (b"\x1b[M \xff\x21", []),
    (b"\x9bA", [Sequence("\x1b[A")]),
    (b"\xff", [Invalid(b"\xff")]),
    (b"\xe9 ", [Invalid(b"\xe9"), Text(" ")]),
    (b"\x1b]11;rgb:1e1e/2020/2a2a\x07", []),
    (b"\x1b]11;rgb:1e1e/2020/2a2a\x1b\\", []),
    (b"\x1b]52;c;aGVsbG8=\x1b\\", []),
    (b"\x1bP>|xterm(390)\x1b\\", []),
    (b"\x1bP1+r544e=787465726d\x1b\\", []),
    (b"\x1b_Gi=31;OK\x1b\\", []),
    (b"\x1b[?62;22c", [Sequence("\x1b[?62;22c")]),
    (
        b"\x1b[200~a\x1bb \x1b[31mred\x1b[0m\r/export x\x07\xff\x1b[201~",
        [Paste("a\x1bb \x1b[31mred\x1b[0m\r/export x\x07�")],
    ),
    (b"\x1b[200~\x1b[200~x\x1b[201~", [Paste("\x1b[200~x")]),
    (b"\x1b[201~", []),
    (b"\x1b[12\r", [Text("\r")]),
    (b"\x1b[1;2\x1b[A", [Sequence("\x1b[A")]),
    (b"\x1b[" + b"1" * 1000 + b"A", []),
    (b"\x1b]0;half\r", [Text("\r")]),
    (b"\x1b]0;half\x1b[A", [Sequence("\x1b[A")]),
]


def tokens(*parts: bytes | None) -> list[Token]:
    """What these reads become; None is a pause in which nothing arrives. Neighboring texts are joined."""
    tokenizer = Tokenizer()
    found: list[Token] = []
    for part in (*parts, None):
        found += tokenizer.expire() if part is None else tokenizer.feed(part)
    joined: list[Token] = []
    for token in found:
        if isinstance(token, Text) and joined and isinstance(joined[-1], Text):
            joined[-1] = Text(joined[-1].text + token.text)
        else:
            joined.append(token)
    return joined


@pytest.mark.parametrize(("data", "expected"), KNOWN)
def test_what_terminals_send(data, expected):
    assert tokens(data) == expected


@pytest.mark.parametrize(("data", "expected"), KNOWN)
def test_where_reads_end_makes_no_difference(data, expected):
    assert tokens(*(data[n : n + 1] for n in range(len(data)))) == expected
    for cut in range(1, len(data)):
        assert tokens(data[:cut], data[cut:]) == expected
        first, last = (found := tokens(b"a" + data[:cut], data[cut:] + b"b"))[0], found[-1]
        assert isinstance(first, Text) and first.text.startswith("a")
        assert isinstance(last, Text) and last.text.endswith("b")


def test_a_lone_escape_is_the_esc_key_once_nothing_follows():
    tokenizer = Tokenizer()
    assert tokenizer.feed(b"\x1b") == [] and tokenizer.wait
    assert tokenizer.expire() == [Escape()]
    assert tokenizer.feed(b"x") == [Text("x")]


@pytest.mark.parametrize("data", [b"\x1b[A", b"\x1b[1;5C", b"\x1bOP", b"\x1b[?62;22c", b"\x1b]11;rgb:0/0/0\x07"])
def test_nothing_of_a_sequence_is_typed_when_the_connection_pauses_in_it(data):
    for cut in range(1, len(data)):
        if len(data) - cut == 1 and cut <= 2:
            continue  # Alt and a key, then another key: nothing tells these apart
        found = tokens(data[:cut], None, data[cut:])
        assert not any(isinstance(token, Text) for token in found), (cut, found)


def test_keys_after_a_pause_are_keys():
    assert tokens(b"\x1b", None, b"[") == [Escape(), Text("[")]
    assert tokens(b"\x1b", None, b"hello") == [Escape(), Text("hello")]
    assert tokens(b"\x1b]", None, b"hello") == [Alt("]"), Text("hello")]


def test_alt_and_a_letter_that_could_begin_a_string_types_nothing_and_loses_nothing():
    assert tokens(b"\x1b]hello") == [Alt("]"), Text("hello")]
    assert tokens(b"\x1bPhello") == [Alt("P"), Text("hello")]
    assert tokens(b"\x1b_hello") == [Alt("_"), Text("hello")]
    assert tokens(b"\x1bXhello") == [Alt("X"), Text("hello")]


def test_a_paste_that_never_ends_is_handed_on_and_a_key_by_itself_leaves_it():
    tokenizer = Tokenizer()
    assert tokenizer.feed(b"\x1b[200~one\r") == []
    assert tokenizer.expire() == [Paste("one\r")]
    assert tokenizer.wait is None
    assert tokenizer.feed(b"two") == [] and tokenizer.expire() == [Paste("two")]
    assert tokenizer.feed(b"\x03") == [Text("\x03")]
    assert tokenizer.feed(b"x") == [Text("x")]


def test_a_string_that_never_ends_takes_no_memory():
    tokenizer = Tokenizer()
    tokenizer.feed(b"\x1b]52;c;")
    for _ in range(100):
        assert tokenizer.feed(b"A" * 100_000) == []
    assert len(tokenizer._pending) < 1000
    assert tokenizer.expire() == [] and tokenizer.feed(b"x") == [Text("x")]


def inputs(seed: int) -> list[bytes | None]:
    """Random reads: known sequences, mutated, cut, mixed with noise and pauses."""
    dice = random.Random(seed)
    data = bytearray()
    for _ in range(dice.randrange(1, 8)):
        piece = bytearray(dice.choice(KNOWN)[0][:80] if dice.random() < 0.7 else dice.randbytes(dice.randrange(1, 9)))
        for _ in range(dice.randrange(3)):
            piece[dice.randrange(len(piece))] = dice.choice(
                [0x1B, 0x5B, 0x7E, 0x3B, 0x3A, 0x07, 0x9B, dice.randrange(256)]
            )
        data += piece
    reads: list[bytes | None] = []
    while data:
        size = dice.choice([1, 1, 2, 3, 7, 100])
        reads.append(bytes(data[:size]))
        del data[:size]
        if dice.random() < 0.1:
            reads.append(None)
    return reads


@pytest.mark.parametrize("block", range(4))
def test_random_input_is_read_to_its_end(block):
    for seed in range(block * FUZZED // 4, (block + 1) * FUZZED // 4):
        reads = inputs(seed)
        tokenizer = Tokenizer()
        for read in reads:
            for token in tokenizer.expire() if read is None else tokenizer.feed(read):
                assert not isinstance(token, Text) or (token.text and "\x1b" not in token.text), (seed, token)
        for _ in range(4):
            tokenizer.expire()
        tokenizer.feed(b"\x03")
        assert tokenizer.feed(b"end") == [Text("end")], (seed, reads)


def test_a_paste_arrives_whole_wherever_it_is_cut():
    for seed in range(300):
        dice = random.Random(seed)
        text = dice.randbytes(dice.randrange(1, 60)).replace(b"\x1b[201~", b"").decode("utf-8", "replace")
        data = b"\x1b[200~" + text.encode() + b"\x1b[201~"
        cut = sorted(dice.randrange(len(data)) for _ in range(3))
        parts = [data[a:b] for a, b in zip([0, *cut], [*cut, len(data)], strict=True)]
        assert tokens(*(part for part in parts if part)) == [Paste(text)]
