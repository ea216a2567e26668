"""Headers of GGUF files: whole ones, cut ones and hostile ones."""

import os
import random
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import llama_cpp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from lechat_tui import paths
from lechat_tui.machine.footprint import ModelShape
from lechat_tui.models.architectures import CHAT, EMBEDDING, OTHER
from lechat_tui.models.catalog import ModelError
from lechat_tui.models.gguf import FILE_TYPES, TENSOR_TYPES, Header, header, peek, read_header

UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64 = 4, 5, 6, 7, 8, 9, 10


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def key(name: str, kind: int, content: bytes) -> bytes:
    return string(name) + struct.pack("<I", kind) + content


def array(kind: int, count: int, content: bytes) -> bytes:
    return struct.pack("<IQ", kind, count) + content


def gguf(*keys: bytes, version: int = 3, count: int | None = None, tensors: Sequence[bytes] = ()) -> bytes:
    count = len(keys) if count is None else count
    return b"GGUF" + struct.pack("<IQQ", version, len(tensors), count) + b"".join(keys) + b"".join(tensors)


def tensor(name: str, *shape: int, kind: int = 0, offset: int = 0) -> bytes:
    return string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def number(name: str, value: int) -> bytes:
    return key(name, UINT32, struct.pack("<I", value))


def text(name: str, value: str) -> bytes:
    return key(name, STRING, string(value))


MODEL = gguf(
    key("general.architecture", STRING, string("llama")),
    key("general.name", STRING, string("Été 7B")),
    key("general.type", STRING, string("model")),
    key("llama.context_length", UINT32, struct.pack("<I", 32768)),
    key("llama.rope.freq_base", FLOAT32, struct.pack("<f", 0.5)),
    key("tokenizer.ggml.tokens", ARRAY, array(STRING, 3, string("<s>") + string("") + string("é"))),
    key("tokenizer.ggml.scores", ARRAY, array(FLOAT32, 3, b"\0" * 12)),
    key("tokenizer.ggml.add_bos_token", BOOL, b"\1"),
    key("tokenizer.chat_template", STRING, string("{{ bos_token }}")),
)


def written(folder: Path, content: bytes) -> Path:
    file = folder / "model.gguf"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("version", [2, 3])
def test_a_header_describes_the_file(tmp_path: Path, version: int) -> None:
    header = read_header(written(tmp_path, MODEL[:4] + struct.pack("<I", version) + MODEL[8:] + b"tensors"))
    assert (header.architecture, header.name, header.kind, header.context) == ("llama", "Été 7B", "model", 32768)
    assert header.has_template
    assert header.metadata["llama.rope.freq_base"] == 0.5
    assert header.metadata["tokenizer.ggml.add_bos_token"] is True
    assert header.metadata["tokenizer.ggml.tokens"] is None


def test_a_projector_is_recognized_by_its_architecture(tmp_path: Path) -> None:
    header = read_header(written(tmp_path, gguf(key("general.architecture", STRING, string("clip")))))
    assert header.kind == "mmproj"
    assert (header.name, header.context, header.has_template) == ("", 0, False)


@pytest.mark.parametrize(
    ("kind", "content"),
    [(INT32, struct.pack("<i", -5)), (STRING, string("many")), (FLOAT32, struct.pack("<f", 1e9))],
)
def test_an_invalid_context_length_counts_as_unknown(tmp_path: Path, kind: int, content: bytes) -> None:
    keys = key("general.architecture", STRING, string("llama")), key("llama.context_length", kind, content)
    assert read_header(written(tmp_path, gguf(*keys))).context == 0


def test_a_truncated_header_is_an_error(tmp_path: Path) -> None:
    for length in range(len(MODEL)):  # nothing may be read beyond the end, nor taken for the end
        with pytest.raises(ModelError, match=r"^model\.gguf is (empty|incomplete.*); download it again$"):
            read_header(written(tmp_path, MODEL[:length]))
    assert read_header(written(tmp_path, MODEL)).has_template


@pytest.mark.parametrize(
    "content",
    [
        b"a shopping list",
        gguf(version=1),
        gguf(version=2**24),
        gguf(count=2**64 - 1),
        gguf(count=2**31) + b"\0" * 10**6,
        gguf(struct.pack("<Q", 2**64 - 1)),
        gguf(key("a", 99, b"")),
        gguf(key("a", STRING, struct.pack("<Q", 2**63))),
        gguf(key("a", ARRAY, array(UINT64, 2**64 - 1, b""))),
        gguf(key("a", ARRAY, array(STRING, 2**64 - 1, b"\0" * 10**6))),
        gguf(key("a", ARRAY, array(STRING, 2**20, struct.pack("<Q", 2**64 - 1)))),
        gguf(key("a", ARRAY, array(99, 1, b""))),
        gguf(key("a", ARRAY, array(ARRAY, 1, b"") * 10_000)),
        gguf(key("a", ARRAY, array(ARRAY, 2**63, array(ARRAY, 0, b"") * 10_000))),
    ],
    ids=range(14),
)
def test_an_invalid_header_is_an_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ModelError, match=r"^model\.gguf (is not a GGUF|has GGUF version|is incomplete|has a) ?.*"):
        read_header(written(tmp_path, content))


@pytest.mark.parametrize(
    "content",
    [
        gguf(*[key(str(n), BOOL, b"\1") for n in range(10_001)]),
        gguf(key("a", ARRAY, array(STRING, 2**21 + 1, b"\0" * 8 * (2**21 + 1)))),
        gguf(key("a", ARRAY, array(UINT64, 2**23, b"\0" * 2**26))),
    ],
    ids=["keys", "strings", "bytes"],
)
def test_a_too_large_header_is_not_read_to_its_end(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ModelError, match="header"):
        read_header(written(tmp_path, content))


@pytest.mark.parametrize(
    "begin",
    [
        gguf(count=2**40),
        gguf(count=9_999),
        gguf(key("a", ARRAY, array(STRING, 2**40, b""))),
        gguf(key("a", ARRAY, array(STRING, 2**21, b""))),
        gguf(key("a", ARRAY, array(ARRAY, 2**40, b""))),
        gguf(key("a", STRING, struct.pack("<Q", 10**8))),
        gguf(key("a", STRING, struct.pack("<Q", 2**35))),
        gguf(struct.pack("<Q", 10**8)),
        gguf(count=0)[:8] + struct.pack("<QQ", 2**63, 0),
        gguf(count=0)[:8] + struct.pack("<QQ", 99_999, 0),
    ],
    ids=range(10),
)
def test_a_huge_empty_file_is_rejected_at_once(tmp_path: Path, begin: bytes) -> None:
    file = written(tmp_path, begin)
    with file.open("r+b") as opened:
        opened.truncate(40 * 2**30)  # takes no room: it is one hole
    began = time.monotonic()
    with suppress(ModelError):
        read_header(file)
    assert time.monotonic() - began < 10


def test_reading_stops_at_the_maximum_header_size() -> None:
    asked: list[int] = []

    def followed_by_nothing(begin: bytes, start: int, length: int) -> bytes:
        asked.append(length)
        return (begin + bytes(length))[:length] if not start else bytes(length)

    for begin in (
        gguf(key("a", STRING, struct.pack("<Q", 10**8))),
        gguf(key("a", ARRAY, array(UINT64, 2**40, b""))),
        gguf(key("a", ARRAY, array(STRING, 2**21, struct.pack("<Q", 50)))),
    ):
        asked.clear()
        with suppress(ModelError):
            header("m.gguf", 10**12, partial(followed_by_nothing, begin))
        assert sum(asked) < 100 * 2**20


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some.binary(max_size=300), some.integers(0, len(MODEL)))
def test_any_bytes_are_a_header_or_an_error(tmp_path: Path, noise: bytes, kept: int) -> None:
    try:
        header = read_header(written(tmp_path, MODEL[:kept] + noise))
        assert kept + len(noise) >= 24 and isinstance(header.context, int)
    except ModelError as error:
        assert "model.gguf" in str(error)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some.lists(some.tuples(some.integers(4, len(MODEL) - 1), some.integers(0, 255)), min_size=1, max_size=5))
def test_a_header_with_flipped_bytes_is_a_header_or_an_error(tmp_path: Path, flips: list[tuple[int, int]]) -> None:
    content = bytearray(MODEL)
    for place, value in flips:
        content[place] = value
    try:
        assert read_header(written(tmp_path, bytes(content))).context >= 0
    except ModelError as error:
        assert "model.gguf" in str(error)


def test_a_path_that_is_not_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no file .*none.gguf"):
        read_header(tmp_path / "none.gguf")
    with pytest.raises(ModelError, match=r"is a folder; give the path of a .gguf file in it"):
        read_header(tmp_path)
    with pytest.raises(ModelError, match="cannot be read"):
        read_header(tmp_path / ("x" * 5000))
    with pytest.raises(ModelError, match=r"there is no file|not a GGUF"):
        read_header(tmp_path / "nul\0")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_rejected(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(ModelError, match="there is no file"):
        read_header(tmp_path / "pipe.gguf")


# what the header of a model says


LLAMA = (
    text("general.architecture", "llama"),
    number("llama.block_count", 2),
    number("llama.embedding_length", 64),
    number("llama.attention.head_count", 4),
)


def of(tmp_path: Path, *keys: bytes, tensors: Sequence[bytes] = (), begin: Sequence[bytes] = LLAMA) -> Header:
    content = gguf(*begin, *keys, tensors=tensors)
    return read_header(written(tmp_path, content + b"\0" * 10_000))


def test_the_shape_comes_from_the_keys_and_the_vocabulary(tmp_path: Path) -> None:
    tokens = key("tokenizer.ggml.tokens", ARRAY, array(STRING, 3, string("a") * 3))
    found = of(tmp_path, number("llama.attention.head_count_kv", 2), number("llama.feed_forward_length", 99), tokens)
    assert found.shape == ModelShape(2, kv_heads=2, head_size=16, embedding=64, vocabulary=3, heads=4, feed_forward=99)
    explicit = of(tmp_path, number("llama.attention.key_length", 128), number("llama.vocab_size", 7))
    assert explicit.shape == ModelShape(2, kv_heads=4, head_size=128, embedding=64, vocabulary=7, heads=4)
    layers = key("llama.attention.head_count_kv", ARRAY, array(INT32, 2, struct.pack("<2i", 1, 4)))
    assert of(tmp_path, layers).shape == replace(explicit.shape, head_size=16, vocabulary=0), "of layers, the largest"
    assert of(tmp_path, begin=LLAMA[:2]).shape is None


def test_a_mixture_of_experts_uses_part_of_its_parameters(tmp_path: Path) -> None:
    experts = number("llama.expert_count", 8), number("llama.expert_used_count", 2)
    found = of(tmp_path, *experts, tensors=[tensor("blk.0.ffn_up_exps.weight", 4, 4, 8), tensor("output.weight", 4, 5)])
    assert (found.parameters, found.active) == (148, 20 + 32)
    assert found.shape and (found.shape.experts, found.shape.experts_used) == (8, 2)


def test_the_quantization_comes_from_the_header_or_the_tensors(tmp_path: Path) -> None:
    weights = [tensor("a", 256, 2, kind=12), tensor("b", 256, 1, kind=14), tensor("norm", 2000, kind=0)]
    assert of(tmp_path, number("general.file_type", 15), tensors=weights).quantization == "Q4_K_M"
    assert of(tmp_path, number("general.file_type", 15 | 1024), tensors=weights).quantization == "Q4_K_M"
    assert of(tmp_path, number("general.file_type", 999), tensors=weights).quantization == "Q4_K"
    assert of(tmp_path, tensors=weights).quantization == "Q4_K"
    assert of(tmp_path).quantization == ""


def test_a_sliding_window_and_a_license_are_read(tmp_path: Path) -> None:
    found = of(tmp_path, number("llama.attention.sliding_window", 4096), text("general.license", "apache-2.0"))
    assert (found.window, found.license) == (4096, "apache-2.0")


def test_tensors_beyond_the_end_of_the_file_mean_an_incomplete_download(tmp_path: Path) -> None:
    content = gguf(*LLAMA, tensors=[tensor("a", 1024, 1), tensor("b", 1024, 1, offset=4096)])
    start = -(-len(content) // 32) * 32
    whole = content + b"\0" * (start - len(content) + 8192)
    assert read_header(written(tmp_path, whole)).parameters == 2048
    with pytest.raises(ModelError, match=r"model.gguf is incomplete: only 99% of it is there; download it again"):
        read_header(written(tmp_path, whole[:-1]))


@pytest.mark.parametrize(
    ("keys", "tensors", "problem"),
    [
        ([text("general.architecture", "clip")], [], "is a projector, not a model"),
        ([text("general.architecture", "llama"), text("general.type", "adapter")], [], "is a LoRA adapter"),
        ([text("general.architecture", "qwen3"), number("qwen3.pooling_type", 4)], [], "is a reranking model"),
        (
            [text("general.architecture", "whisper")],
            [],
            "has the architecture whisper, with which llama.cpp",
        ),
        ([text("general.architecture", "t5")], [], "which cannot chat"),
        ([text("general.name", "x")], [], "has no architecture in its header"),
        ([number("split.no", 1), number("split.count", 3)], [], "is part 2 of a split file; use the first part"),
        ([text("general.type", "imatrix")], [], "is an importance matrix"),
        ([text("general.architecture", "mistral3")], [tensor("v.blk.0.attn_q.weight", 1)], "only Ollama reads"),
        (
            [text("general.architecture", "mistral3"), number("mistral3.vision.block_count", 24)],
            [],
            "only Ollama reads",
        ),
        (
            [text("general.architecture", "llama"), number("llama.expert_count", 8)],
            [tensor("blk.0.ffn_down.0.weight", 1)],
            "was made for an old llama.cpp",
        ),
        (
            [text("general.architecture", "llama"), key("tokenizer.ggml.tokens", ARRAY, array(STRING, 0, b""))],
            [],
            "has a vocabulary but no weights",
        ),
    ],
)
def test_a_file_that_cannot_chat_has_a_problem(
    tmp_path: Path, keys: list[bytes], tensors: list[bytes], problem: str
) -> None:
    assert problem in of(tmp_path, begin=keys, tensors=tensors).problem


def test_a_header_is_read_by_ranges_without_the_rest_of_the_file() -> None:
    content = CHATON.read_bytes()
    asked: list[tuple[int, int]] = []

    def read(start: int, length: int) -> bytes:
        asked.append((start, length))
        return content[start : start + length]

    assert header("chaton", 10**11, read) == read_header(CHATON)
    assert sum(length for _, length in asked) < len(content) / 2
    assert all(start == sum(length for _, length in asked[:n]) for n, (start, _) in enumerate(asked)), "none read twice"


def test_a_peek_stops_before_the_vocabulary() -> None:
    whole, quick = read_header(CHATON), peek(CHATON)
    assert (quick.architecture, quick.context, quick.quantization) == (whole.architecture, 4096, "Q8_0")
    assert "tokenizer.ggml.model" not in quick.metadata and quick.problem == ""


CHATON = paths.bundled("chaton") / "chaton-q8_0.gguf"


@cache
def chaton() -> bytes:
    """The header of a real model, without its tensors' data."""
    return CHATON.read_bytes()[: 2**17]


def test_a_damaged_real_header_is_a_header_or_an_error() -> None:
    ends = [_with_mistakes(random.Random(seed)) for seed in range(300)]
    assert {"a header", "a sentence"} == set(ends)


def _with_mistakes(dice: random.Random) -> str:
    content = bytearray(chaton())
    for _ in range(dice.randint(1, 8)):
        # most in the first keys and in the list of tensors: the vocabulary between them is large and dull
        at = dice.choice((dice.randrange(4, 2000), dice.randrange(4, len(content) - 8)))
        wrong = dice.choice((b"\xff" * 8, b"\0" * 8, struct.pack("<Q", 2**63), dice.randbytes(4), b"\x09\0\0\0"))
        content[at : at + len(wrong)] = wrong
    size = dice.choice((10**10, CHATON.stat().st_size, dice.randrange(1, len(content))))
    try:
        found = header("m.gguf", size, lambda start, length: bytes(content[start : min(start + length, size)]))
    except ModelError as error:
        assert str(error).startswith("m.gguf ") and "\n" not in str(error)
        return "a sentence"
    assert found.context >= 0 and found.parameters >= 0 and isinstance(found.problem, str)
    return "a header"


def test_the_tables_match_the_gguf_package() -> None:
    constants = pytest.importorskip("gguf.constants")
    sizes = {kind.value: (kind.name, *size) for kind, size in constants.GGML_QUANT_SIZES.items()}
    assert sizes.items() <= TENSOR_TYPES.items()
    types = {t.value: t.name.removeprefix("MOSTLY_").removeprefix("ALL_") for t in constants.LlamaFileType}
    assert {value: name for value, name in types.items() if value != 1024} == FILE_TYPES
    assert set(constants.MODEL_ARCH_NAMES.values()) <= CHAT | EMBEDDING | OTHER.keys()


def test_the_installed_llama_cpp_supports_every_architecture() -> None:
    library = next((Path(llama_cpp.__file__).parent / "lib").glob("libllama.*")).read_bytes()
    unknown = [name for name in CHAT | EMBEDDING | OTHER.keys() if f"{name}\0".encode() not in library]
    assert not unknown
