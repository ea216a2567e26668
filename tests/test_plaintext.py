"""Text from anywhere, made safe for a terminal and for the disk."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lechat_tui.plaintext import copyable, invisible, safe, storable

anything = some.text(some.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("\x1b]52;c;ZXZpbA==\x1b\\", "␛]52;c;ZXZpbA==␛\\"),
        ("\x9b2J\x9d0;t\x9c", "�2J�0;t�"),
        ("over\rwritten\b\b", "over␍written␈␈"),
        ("nul\0del\x7f", "nul␀del␡"),
        ("invoice\u202egpj.exe", "invoice�gpj.exe"),
        ("\u2066isolated\u2069", "�isolated�"),
        ("lone\ud83d", "lone�"),
        ("one\u2028two\u2029three", "one\ntwo\nthree"),
        ("windows\r\nlines", "windows\nlines"),
        ("hello\U000e0069\U000e0067\U000e006e!", "hello▭!"),
        ("pass\u200bword, soft\u2060ware", "pass▭word, soft▭ware"),
        ("a\u200b b", "a▭ b"),
        ("left\u200eright", "left▭right"),
        ("hid\u200b\u200c\u200d\u200cden", "hid▭den"),
        ("😀\U000e0100\U000e0101\U000e0102", "😀▭"),
        ("\ufefffirst", "▭first"),
    ],
)
def test_control_characters_become_visible(hostile: str, shown: str) -> None:
    assert safe(hostile) == shown


@pytest.mark.parametrize(
    "text",
    [
        "plain\n\tindented",
        "été, naïve, Ångström, e\u0301",
        "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇫🇷",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "مرحبا بالعالم",
        "שלום עולם\u200f!",
        "C++\u200e היא שפה",
        "می\u200cخواهم",
        "ไทย\u200bไทย",
        "葛\U000e0100城 1️⃣ ❤️ ☎︎",
        "न‍मस्ते ไทย 日本語 한국어",
        "[bold]markup[/bold] & <tags> \\n",
        "",
    ],
)
def test_text_of_every_script_and_emoji_are_not_changed(text: str) -> None:
    assert safe(text) == text
    assert storable(text) == text


@given(anything)
def test_no_control_character_is_left(text: str) -> None:
    shown = safe(text)
    assert not [char for char in shown if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") and char not in "\n\t"]
    assert not [char for char in shown if unicodedata.bidirectional(char) in ("LRE", "RLE", "LRO", "RLO", "PDF")]
    assert not [char for char in shown if unicodedata.bidirectional(char) in ("LRI", "RLI", "FSI", "PDI")]
    assert safe(shown) == shown
    assert invisible(shown) == 0


@given(anything)
def test_storable_text_survives_a_round_trip(text: str) -> None:
    kept = storable(text)
    assert kept.encode("utf-8").decode("utf-8") == kept
    assert "\0" not in kept
    assert storable(kept) == kept


def test_storable_text_keeps_escapes() -> None:
    assert storable("\x1b[31mred\r\nnext\rline\0\udfff") == "\x1b[31mred\nnext\rline�"


def test_a_copy_has_no_control_characters() -> None:
    assert copyable("a\tb\r\nc\x1b[201~;\x07d\x9be\n") == "a\tb\nc[201~;de\n"
