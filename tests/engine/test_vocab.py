"""Text to tokens and back, compared with the published tokenizers."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import vocabularies
from hypothesis import given, settings
from hypothesis import strategies as st
from mistral_common.tokens.tokenizers.tekken import Tekkenizer
from vocabularies import NAMES, reference

from lechat_tui import paths
from lechat_tui.engine.llama.vocab import any_of

LONG = 200_000
RUNS = ("a", "-", " ", "\n", "\ue000", "aZ9+/", "-" * 499 + "\n" * 499)

SCRIPTS = (
    st.sampled_from(" \n\t\r'’éÉaZ0_/.\x00\u200d\u0301"),
    *(
        st.characters(min_codepoint=first, max_codepoint=last)
        for first, last in (
            (0x20, 0x7E),
            (0xA0, 0x24F),
            (0x391, 0x3A1),
            (0x400, 0x4FF),
            (0x621, 0x652),
            (0x905, 0x94D),
            (0xE01, 0xE3A),
            (0x2010, 0x2027),
            (0x4E00, 0x9FA5),
            (0xAC00, 0xD7A3),
            (0x1F300, 0x1F64F),
        )
    ),
)


@pytest.mark.parametrize("name", NAMES)
def test_any_text_becomes_the_tokens_of_the_reference(name, vocabulary):
    vocab, published = vocabulary(name), reference(name).instruct_tokenizer.tokenizer

    @settings(derandomize=True, max_examples=200, deadline=None, database=None)
    @given(st.text(st.one_of(SCRIPTS), max_size=40))
    def compare(text):
        assert vocab.tokenize(text) == published.encode(text, bos=False, eos=False)

    compare()


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "  deux  espaces ",
        "L'ÉCOLE, l'École et l’éBar",
        "МоскваМосква",
        "हिन्दी में लिखिए",
        "สวัสดีครับ",
        "العَرَبِيَّة",
        "def f(x):\n\treturn {'a': x**2}  # \n\n\n",
        "👩‍👩‍👧 ✍🏽",
        "1234567890 3,14",
        "https://example.org/a/b?c=d&e=%20",
        "word\n" * 3000,
        "une phrase assez longue, " * 1000,
    ],
)
@pytest.mark.parametrize("name", ["v1", "v3", "v7", "v3-tekken"])
def test_ordinary_texts_become_the_tokens_of_the_reference(name, text, vocabulary):
    published = reference(name).instruct_tokenizer.tokenizer
    assert vocabulary(name).tokenize(text) == published.encode(text, bos=False, eos=False)


CHATON = paths.bundled("chaton") / "chaton-q8_0.gguf"


def test_a_small_vocabulary_is_read_as_llama_cpp_reads_it():
    prose = (
        Path(vocabularies.__file__).read_text() + "What is the capital of France? Paris. Quelle est la capitale ? " * 20
    )
    texts = [*prose.split("\n"), *(prose[at : at + 90] for at in range(0, len(prose), 90))]
    with vocabularies.opened(CHATON) as vocab:
        assert [text for text in texts if vocab.tokenize(text) != vocabularies.native(vocab, text)] == []


@pytest.mark.parametrize("name", ["v3", "v3-tekken"])
def test_what_cannot_be_encoded_is_replaced(name, vocabulary):
    vocab = vocabulary(name)
    assert vocab.tokenize("a\ud800b") == vocab.tokenize("a?b")
    assert b"".join(vocab.piece(token) for token in vocab.tokenize("a\0b")).strip() == b"a\0b"


@pytest.mark.parametrize("name", ["v3", "v3-tekken"])
def test_a_control_token_has_a_name_and_no_bytes(name, vocabulary):
    vocab = vocabulary(name)
    assert (vocab.text(vocab.bos), vocab.text(vocab.eos)) == ("<s>", "</s>")
    assert vocab.special("[INST]") == vocab.control["[INST]"] == 3
    assert {vocab.piece(token) for token in vocab.control.values()} == {b""}
    assert vocab.special("inst") is None
    assert vocab.is_end(vocab.eos)
    assert not vocab.is_end(vocab.bos)


def test_the_bytes_of_every_token_are_the_published_ones(vocabulary):
    vocab, published = vocabulary("v3-tekken"), reference("v3-tekken").instruct_tokenizer.tokenizer
    assert isinstance(published, Tekkenizer)
    ordinary = range(len(vocab.control), vocab.size)
    assert [t for t in ordinary if vocab.piece(t) != published.id_to_byte_piece(t)] == []
    assert max(len(vocab.piece(token)) for token in ordinary) > 64


def test_a_token_of_any_length_is_read_completely(tmp_path):
    long = "<|" + "long" * 200 + "|>"
    with vocabularies.opened(vocabularies.write_bytes(tmp_path / "b.gguf", pre="default", added=[long])) as vocab:
        assert vocab.piece(vocab.specials[long]) == long.encode()


@pytest.mark.parametrize("kind", ["default", "tekken", "pieces"])
def test_the_text_of_an_added_token_stays_text(kind, tmp_path):
    path, added = tmp_path / "added.gguf", ["<|im_start|>", "<|im|>", "\n\n"]
    if kind == "pieces":
        vocabularies.write_pieces(path, added=added)
    else:
        vocabularies.write_bytes(path, pre=kind, added=added)
    text = "a <|im_start|>user<|im|><|im|>\nb"
    with vocabularies.opened(path) as vocab:
        tokens = vocab.tokenize(text)
        assert b"".join(vocab.piece(token) for token in tokens).decode().removeprefix(" ") == text
        assert not {vocab.specials["<|im_start|>"], vocab.specials["<|im|>"]} & set(tokens)


PROBE = """
import sys, threading, time
from pathlib import Path
import vocabularies

def read(vocab, run):
    text = (run * LONG)[:LONG]
    started = time.thread_time()
    tokens = vocab.tokenize(text)
    seconds = time.thread_time() - started
    pieces = {token: vocab.piece(token) for token in set(tokens)}
    assert b"".join(map(pieces.__getitem__, tokens)).decode().strip() == text.strip(), repr(run)
    assert seconds < 3, f"{seconds} s for {run!r}"
    done.append(run)

LONG, done = int(sys.argv[2]), []
threading.stack_size(512 * 1024)
with vocabularies.opened(Path(sys.argv[1])) as vocab:
    for run in eval(sys.argv[3]):
        thread = threading.Thread(target=read, args=[vocab, run])
        thread.start()
        thread.join()
assert len(done) == len(eval(sys.argv[3]))
"""


@pytest.mark.parametrize("name", ["v3", "v3-tekken", "gpt-4o", "bloom", "gpt3-finnish", "poro-chat", "viking"])
def test_a_long_unbroken_run_is_read_fast_even_on_a_small_stack(name, gguf, tmp_path):
    path = gguf(name) if name in NAMES else vocabularies.write_bytes(tmp_path / "b.gguf", pre=name)
    command = [sys.executable, "-c", PROBE, str(path), str(LONG), repr(RUNS)]
    run = subprocess.run(command, cwd=vocabularies.HERE, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr[-2000:]


def test_any_of_prefers_the_longest_text():
    texts = ["<s>", "</s>", "<", "<sp", "[INST]", "a.b", "a"]
    found = re.findall(any_of(texts), "<s><sp<</s>[INST]a.bacb[INST")
    assert found == ["<s>", "<sp", "<", "</s>", "[INST]", "a.b", "a"]
