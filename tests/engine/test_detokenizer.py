"""Token IDs to text, thinking and tool calls."""

from dataclasses import replace

import pytest
import vocabularies

from lechat_tui.engine.base import Delta
from lechat_tui.engine.llama.detokenizer import Detokenizer
from lechat_tui.engine.llama.stop_strings import StopStrings
from lechat_tui.engine.llama.thinking import FORMATS, framing, opened_by


@pytest.fixture(scope="module")
def vocab(vocabulary):
    return vocabulary("v13-tekken")


def tokens(vocab, *parts):
    """Token IDs of an answer: control tokens by their names, and all other text as the model would write it."""
    marks = vocab.specials
    return [t for part in parts for t in ([marks[part]] if part in marks else vocab.tokenize(part))]


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


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.opening)
@pytest.mark.parametrize("way", [tokens, single_bytes])
def test_thinking_that_the_prompt_opens_is_separate(way, form, vocabulary):
    vocab = vocabulary("v3-tekken")
    opened = replace(framing(""), opened=opened_by(f"[INST]hi[/INST]{form.opening}\n", "hi"))
    assert opened.opened == form
    answer = way(vocab, f"hm {form.closing[:2]}\n{form.closing}\n\nYes. {form.closing}")
    assert deltas(vocab, answer, framing=opened) == [
        Delta(f"hm {form.closing[:2]}\n", "thinking"),
        Delta(f"Yes. {form.closing}"),
    ]
    again = way(vocab, f"{form.opening}hm{form.closing}Yes.")
    assert deltas(vocab, again, framing=opened) == [Delta("hm", "thinking"), Delta("Yes.")]


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.opening)
def test_thinking_of_any_family_is_separate(form, vocabulary):
    vocab = vocabulary("v3-tekken")
    answer = vocab.tokenize(f"{form.opening}\nhm\n{form.closing}\nYes.")
    assert deltas(vocab, answer, framing=framing(f"... {form.closing}")) == [Delta("hm\n", "thinking"), Delta("Yes.")]


def test_an_ordinary_beginning_of_an_answer_is_no_mark(vocab):
    text = "Here are my reasoning steps: one, two."
    assert deltas(vocab, tokens(vocab, text)) == [Delta(text)]


@pytest.mark.parametrize(
    ("prompt", "question", "opened"),
    [
        ("<think>\n", "hi", "<think>"),
        ("s: use <think> tags u: hi a:", "hi", None),
        ("u: what is <think> a:", "what is <think>", None),
        ("u: what is <think> a:<think>\n", "what is <think>", "<think>"),
        ("a: <think>x</think> u: hi a:<think>\n\n</think>\n\n", "hi", None),
        ("u: hi a:</think>", "hi", None),
        ("u: think a:<think>\n", "think", "<think>"),
    ],
)
def test_only_the_end_of_a_prompt_opens_thinking(prompt, question, opened):
    form = opened_by(prompt, question)
    assert (form.opening if form else None) == opened


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("between <response></response>", "<think>hm</think><response>Yes.</response>"),
        ("<answer>", "<think>hm</think>\n<answer>\nYes.</answer>\n"),
        (
            "[BEGIN FINAL RESPONSE] [END FINAL RESPONSE]",
            "Here are my reasoning steps:\nhm[BEGIN FINAL RESPONSE]\nYes.[END FINAL RESPONSE]",
        ),
        ("", "<think>hm</think>Yes."),
    ],
)
@pytest.mark.parametrize("way", [tokens, single_bytes])
def test_marks_around_the_answer_are_left_out(way, template, text, vocab):
    assert deltas(vocab, way(vocab, text), framing=framing(template)) == [Delta("hm", "thinking"), Delta("Yes.")]


def test_an_answer_keeps_tags_that_its_template_does_not_name(vocab):
    text = "<think>hm</think><response>Yes.</response>"
    assert deltas(vocab, tokens(vocab, text)) == [Delta("hm", "thinking"), Delta("<response>Yes.</response>")]


@pytest.mark.parametrize(
    ("marks", "parts", "want"),
    [
        (
            ["<|channel|>", "<|message|>", "<|end|>", "<|start|>"],
            ["<|channel|>", "analysis", "<|message|>", "hm", "<|end|>", "<|channel|>", "final", "<|message|>", "Yes."],
            [Delta("hm", "thinking"), Delta("Yes.")],
        ),
        (
            ["<|channel|>", "<|message|>", "<|end|>", "<|start|>"],
            ["<|channel|>", "commentary to=functions.f ", "<|message|>", "{}"],
            [Delta("{}", "tool")],
        ),
        (
            ["<|channel|>", "<|message|>", "<|end|>", "<|start|>"],
            ["<|start|>", "assistant to=functions.f", "<|channel|>", "commentary", "<|message|>", "{}"],
            [Delta("{}", "tool")],
        ),
        (["<|channel>", "<channel|>"], ["<|channel>", "thought\nhm", "<channel|>", "Yes."], None),
        (["<|channel>", "<channel|>"], ["<|channel>", "thought", "<channel|>", "Yes."], [Delta("Yes.")]),
        (
            ["<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>"],
            ["<|START_THINKING|>", "hm", "<|END_THINKING|>", "<|START_RESPONSE|>", "Yes.", "<|END_RESPONSE|>"],
            None,
        ),
        (
            ["<|open|>", "<|close|>", "<|sep|>"],
            [
                "<|open|>",
                "think",
                "<|sep|>",
                "hm",
                "<|close|>",
                "think",
                "<|sep|>",
                "<|open|>",
                "response",
                "<|sep|>",
                "Yes.",
            ],
            None,
        ),
        (["<seed:think>", "</seed:think>"], ["<seed:think>", "hm", "</seed:think>", "Yes."], None),
    ],
)
def test_thinking_in_control_tokens_of_other_families_is_separate(marks, parts, want, tmp_path):
    path = vocabularies.write_bytes(tmp_path / "b.gguf", pre="default", control=marks)
    with vocabularies.opened(path) as vocab:
        assert deltas(vocab, tokens(vocab, *parts)) == (want or [Delta("hm", "thinking"), Delta("Yes.")])


@pytest.mark.parametrize("step", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("stop", "text", "want"),
    [
        (("END",), "one END two", "one "),
        (("END", "ne"), "one END two", "o"),
        (("aab",), "aaab", "a"),
        (("\n\n",), "a\nb\n\nc", "a\nb"),
        (("END",), "EN EN", "EN EN"),
        (("",), "all", "all"),
        (("x", "xyz"), "axyz", "a"),
    ],
)
def test_an_answer_ends_before_a_stop_string(stop, text, want, step):
    strings, passed = StopStrings(stop), []
    for at in range(0, len(text), step):
        passed += strings.feed([Delta(text[at : at + step])])
        assert want.startswith("".join(delta.text for delta in passed))
    passed += strings.rest()
    assert "".join(delta.text for delta in passed) == want
    assert strings.found == (want != text)


def test_stop_strings_do_not_count_in_thinking():
    strings = StopStrings(["END"])
    assert strings.feed([Delta("E"), Delta("END", "thinking"), Delta("ND")]) == [
        Delta("E"),
        Delta("END", "thinking"),
        Delta("ND"),
    ]
