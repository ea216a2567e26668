"""Token IDs to text, thinking and tool calls."""

import pytest
import vocabularies

from lechat_tui.engine.base import Delta
from lechat_tui.engine.llama.detokenizer import Detokenizer


@pytest.fixture(scope="module")
def vocab(vocabulary):
    return vocabulary("v13-tekken")


def tokens(vocab, *parts):
    """Token IDs of an answer: control tokens by their names, and all other text as the model would write it."""
    return [t for part in parts for t in ([vocab.control[part]] if part in vocab.control else vocab.tokenize(part))]


def single_bytes(vocab, text):
    """The answer with one token for each byte."""
    first = len(vocab.control)
    return [first + byte for byte in text.encode()]


def deltas(vocab, ids, **how):
    """The deltas of the answer, with neighbors of one kind joined."""
    pieces = Detokenizer(vocab, **how)
    joined: list[Delta] = []
    for delta in [delta for token in ids for delta in pieces.feed(token)] + pieces.finish():
        if joined and joined[-1].kind == delta.kind:
            delta = Delta(joined.pop().text + delta.text, delta.kind)
        joined.append(delta)
    return joined


@pytest.mark.parametrize(
    "text", ["hi", "Où ? 😀 中文 العَرَبِيَّة", "  indented\n\ttext \n", "< <thi", "<thinking>", "a <think> b"]
)
@pytest.mark.parametrize("way", [tokens, single_bytes])
def test_an_answer_comes_out_as_it_was_written(way, text, vocab):
    assert deltas(vocab, way(vocab, text)) == [Delta(text)]


def test_a_character_appears_when_it_is_complete(vocab):
    pieces = Detokenizer(vocab)
    assert [pieces.feed(token) for token in single_bytes(vocab, "a😀")] == [[Delta("a")], [], [], [], [Delta("😀")]]
    assert pieces.finish() == []


@pytest.mark.parametrize("broken", [b"\xf0\x9f\x98", b"\xff", b"\xc3("])
def test_broken_characters_are_replaced(broken, vocab):
    ids = [len(vocab.control) + byte for byte in b"a" + broken]
    assert deltas(vocab, ids) == [Delta((b"a" + broken).decode(errors="replace"))]


def test_thinking_between_control_tokens_is_separate(vocab):
    ids = tokens(vocab, "[THINK]", "hm </think>", "[/THINK]", "\n\nYes.\n", "</s>")
    assert deltas(vocab, ids) == [Delta("hm </think>", "thinking"), Delta("Yes.\n")]


def test_a_broken_character_before_a_control_token_stays_before_it(vocab):
    ids = [*tokens(vocab, "[THINK]", "hm"), *single_bytes(vocab, "😀")[:2], *tokens(vocab, "[/THINK]", "Yes")]
    assert deltas(vocab, ids) == [Delta("hm\ufffd", "thinking"), Delta("Yes")]


@pytest.mark.parametrize("way", [tokens, single_bytes])
@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("<think>hm</think>\n\nYes.", [Delta("hm", "thinking"), Delta("Yes.")]),
        (
            "\n<think>\nhm < 3 </thin\n</think>Yes </think>",
            [Delta("hm < 3 </thin\n", "thinking"), Delta("Yes </think>")],
        ),
        ("<think>never ended </th", [Delta("never ended </th", "thinking")]),
        ("<think></think>Yes", [Delta("Yes")]),
    ],
)
def test_thinking_in_tags_at_the_start_is_separate(way, text, want, vocab):
    assert deltas(vocab, way(vocab, text)) == want


def test_a_tool_call_keeps_its_control_tokens(vocab):
    ids = tokens(
        vocab, "Well: ", "[TOOL_CALLS]", "add", "[ARGS]", '{"a": 1}', "[TOOL_CALLS]", "now", "[CALL_ID]", "x", "</s>"
    )
    assert deltas(vocab, ids) == [
        Delta("Well: "),
        Delta('[TOOL_CALLS]add[ARGS]{"a": 1}[TOOL_CALLS]now[CALL_ID]x', "tool"),
    ]


def test_other_control_tokens_add_no_text(vocab):
    assert deltas(vocab, tokens(vocab, "a", "[INST]", "[IMG]", "<SPECIAL_20>", "[ARGS]", "b", "</s>")) == [Delta("ab")]


def test_the_rest_of_an_answer_is_taken_as_it_comes(vocab):
    assert deltas(vocab, tokens(vocab, "<think> is a tag"), continuing=True) == [Delta("<think> is a tag")]
    assert Detokenizer(vocab, continuing=True).feed(tokens(vocab, " ")[0]) == [Delta(" ")]


def test_the_space_that_sentencepiece_adds_is_dropped(vocabulary):
    vocab = vocabulary("v3")
    assert deltas(vocab, vocab.tokenize("Bonjour le monde")) == [Delta("Bonjour le monde")]
    assert deltas(vocab, vocab.tokenize("<think>hm</think> Oui")) == [Delta("hm", "thinking"), Delta("Oui")]
    assert deltas(vocab, vocab.tokenize("monde"), continuing=True) == [Delta(" monde")]


def test_thinking_tags_that_are_control_tokens_are_recognised(tmp_path):
    path = vocabularies.write_bytes(tmp_path / "b.gguf", pre="default", control=["<think>", "</think>"])
    with vocabularies.opened(path) as vocab:
        ids = [vocab.control["<think>"], *vocab.tokenize("hm"), vocab.control["</think>"], *vocab.tokenize(" Yes")]
        assert deltas(vocab, ids) == [Delta("hm", "thinking"), Delta("Yes")]
