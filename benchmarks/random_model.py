"""Writes models of real shape with random weights: as fast as the real ones, with nothing to download.

    python benchmarks/random_model.py 0.6b 3b --type q4_0 --out FOLDER

The answers of such a model are nonsense, but their cost is real: time depends on the shapes and types of the weights
and not on their values. It never ends by itself, since the rows of the control tokens in its output matrix are zero;
those of single bytes are too, so its text is whole characters. The mixtures of types are llama-quantize's.
"""

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType as Type

from lechat_tui import paths


@dataclass(frozen=True)
class Shape:
    """The numbers of a decoder of llama.cpp's architecture `llama`."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    head_width: int
    inner: int
    vocabulary: int
    tied: bool = False
    """Whether the embedding matrix is also the output matrix."""


SHAPES = {
    "tiny": Shape(4, 256, 4, 2, 64, 1024, 32_768),
    "0.6b": Shape(16, 1536, 24, 8, 64, 5120, 32_768),
    "1b": Shape(16, 2048, 32, 8, 64, 8192, 131_072, tied=True),
    "3b": Shape(26, 3072, 32, 8, 128, 9216, 131_072, tied=True),
    "8b": Shape(34, 4096, 32, 8, 128, 14_336, 131_072),
    "24b": Shape(40, 5120, 32, 8, 128, 32_768, 131_072),
}
"""The last three are Ministral 3 3B, Ministral 3 8B and Mistral Small 3."""


@dataclass(frozen=True)
class Blocks:
    """The layout of a block of weights of a type, and the factor that gives a standard deviation of one."""

    layout: np.dtype[np.void]
    weights: int
    deviation: float
    """The standard deviation of a weight whose block has scale 1 and otherwise random bits."""
    centre: float = 0.0
    """`dmin` for a scale of 1 that makes the mean zero; 0 for types without one."""


BLOCKS = {
    Type.Q4_0: Blocks(np.dtype([("d", "<f2"), ("bits", "u1", 16)]), 32, 4.61),
    Type.Q8_0: Blocks(np.dtype([("d", "<f2"), ("bits", "u1", 32)]), 32, 73.9),
    Type.Q4_K: Blocks(np.dtype([("d", "<f2"), ("dmin", "<f2"), ("bits", "u1", 140)]), 256, 258.0, 7.5),
    Type.Q6_K: Blocks(np.dtype([("bits", "u1", 208), ("d", "<f2")]), 256, 1366.0),
}
"""As in ggml-common.h of llama.cpp."""

FILE_TYPES = {
    "q4_0": gguf.LlamaFileType.MOSTLY_Q4_0,
    "q4_k_m": gguf.LlamaFileType.MOSTLY_Q4_K_M,
    "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
}

NAMED = [
    *("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]"),
    *("[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]"),
    *("[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]"),
]
CONTROL = 1000
"""Control tokens at the beginning of a Tekken vocabulary."""

CONTRAST = 3.0
"""Standard deviation of the logits: uneven, as a real model's; with much more, a tied matrix repeats the last token."""


def write(path: Path, shape: Shape, kind: str, *, seed: int = 0) -> None:
    """Write the model; the file appears under its name when it is complete."""
    growing = path.with_suffix(".part")
    writer = gguf.GGUFWriter(growing, "llama")
    writer.add_name(path.stem)
    writer.add_file_type(FILE_TYPES[kind])
    _write_shape(writer, shape)
    _write_vocabulary(writer, shape.vocabulary)
    tensors = list(_tensors(shape, kind))
    for name, dimensions, tensor_type in tensors:
        size = _bytes(dimensions, tensor_type)
        writer.add_tensor_info(name, dimensions, np.dtype(np.float32), size, raw_dtype=tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    random = np.random.default_rng(seed)
    for name, dimensions, tensor_type in tensors:
        is_output = name == ("token_embd.weight" if shape.tied else "output.weight")
        writer.write_tensor_data(_values(random, dimensions, tensor_type, is_output=is_output))
    writer.close()
    growing.rename(path)


def _tensors(shape: Shape, kind: str) -> Iterator[tuple[str, tuple[int, ...], Type]]:
    """Name, dimensions (rows first) and type of each tensor, as llama-quantize mixes them."""
    common = {"q4_0": Type.Q4_0, "q4_k_m": Type.Q4_K, "q8_0": Type.Q8_0}[kind]
    better = Type.Q8_0 if kind == "q8_0" else Type.Q6_K
    queries, keys = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    yield "token_embd.weight", (shape.vocabulary, shape.width), better if shape.tied else common
    if not shape.tied:
        yield "output.weight", (shape.vocabulary, shape.width), better
    yield "output_norm.weight", (shape.width,), Type.F32
    for i in range(shape.layers):
        eighth = shape.layers // 8
        outer = i < eighth or i >= 7 * shape.layers // 8 or (i - eighth) % 3 == 2
        some = better if kind == "q4_k_m" and outer else common
        yield f"blk.{i}.attn_norm.weight", (shape.width,), Type.F32
        yield f"blk.{i}.attn_q.weight", (queries, shape.width), common
        yield f"blk.{i}.attn_k.weight", (keys, shape.width), common
        yield f"blk.{i}.attn_v.weight", (keys, shape.width), some
        yield f"blk.{i}.attn_output.weight", (shape.width, queries), common
        yield f"blk.{i}.ffn_norm.weight", (shape.width,), Type.F32
        yield f"blk.{i}.ffn_gate.weight", (shape.inner, shape.width), common
        yield f"blk.{i}.ffn_up.weight", (shape.inner, shape.width), common
        yield f"blk.{i}.ffn_down.weight", (shape.width, shape.inner), some


def _bytes(dimensions: tuple[int, ...], kind: Type) -> int:
    count = math.prod(dimensions)
    return count * 4 if kind == Type.F32 else count // BLOCKS[kind].weights * BLOCKS[kind].layout.itemsize


def _values(
    random: np.random.Generator, dimensions: tuple[int, ...], kind: Type, *, is_output: bool
) -> npt.NDArray[np.generic]:
    """Ones for a norm; for a matrix, random blocks scaled so that activations keep their magnitude."""
    if kind == Type.F32:
        return np.ones(dimensions, np.float32)
    block = BLOCKS[kind]
    rows, columns = dimensions
    size = _bytes(dimensions, kind)
    bits = random.integers(0, 2**64, -(-size // 8), dtype=np.uint64, endpoint=False)
    blocks = bits.view(np.uint8)[:size].view(block.layout).reshape(rows, -1)
    scale = (CONTRAST if is_output else 1.0) / math.sqrt(columns) / block.deviation
    scales = random.choice((-scale, scale), blocks.shape)  # a block's mean is not zero: without signs it would add up
    blocks["d"] = scales
    if block.centre:
        blocks["dmin"] = scales * block.centre
    if is_output:
        blocks["d"][: CONTROL + 256] = 0
    return blocks


def _write_shape(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_context_length(131_072)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_width)
    writer.add_value_length(shape.head_width)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_vocab_size(shape.vocabulary)


def _write_vocabulary(writer: gguf.GGUFWriter, size: int) -> None:
    """A byte-level vocabulary laid out like Tekken: control tokens, the 256 bytes, random words."""
    words, merges = _words(size - CONTROL - 256)
    letters = _byte_letters()
    control = NAMED + [f"<SPECIAL_{i}>" for i in range(len(NAMED), CONTROL)]
    ordinary = [bytes([byte]) for byte in range(256)] + words
    text = {token: "".join(letters[byte] for byte in token) for token in ordinary}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("tekken")
    writer.add_token_list(control + [text[token] for token in ordinary])
    writer.add_token_types([gguf.TokenType.CONTROL] * CONTROL + [gguf.TokenType.NORMAL] * len(ordinary))
    writer.add_token_merges([f"{text[left]} {text[right]}" for left, right in merges])
    writer.add_bos_token_id(NAMED.index("<s>"))
    writer.add_eos_token_id(NAMED.index("</s>"))
    writer.add_unk_token_id(NAMED.index("<unk>"))
    writer.add_pad_token_id(NAMED.index("<pad>"))
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_chat_template((paths.bundled("templates") / "v7-tekken.jinja").read_text("utf-8"))


def _words(count: int) -> tuple[list[bytes], list[tuple[bytes, bytes]]]:
    """`count` words of up to 12 letters, more than half with a space in front, and the pairs they are merged from."""
    random = np.random.default_rng(1)
    letters = [bytes([byte]) for byte in range(ord("a"), ord("z") + 1)]
    merges = [(b" ", letter) for letter in letters] + [(a, b) for a in letters for b in letters]
    spaced = [b" " + letter for letter in letters]
    bare = [*letters, *(a + b for a in letters for b in letters)]
    known = {left + right for left, right in merges}
    draws = iter(random.random((count * 8, 3)).tolist())
    while len(merges) < count:
        which, first, second = next(draws)
        pool = spaced if which < 0.6 else bare
        left, right = pool[int(first * len(pool))], bare[int(second * 702)]
        word = left + right
        if word not in known and len(word) <= 12:
            known.add(word)
            pool.append(word)
            merges.append((left, right))
    return [left + right for left, right in merges], merges


def _byte_letters() -> dict[int, str]:
    """The printable letter that stands for each byte in a byte-level vocabulary (GPT-2's table)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + at) for at, byte in enumerate(others)}


def main() -> None:
    """Write the models that do not exist yet, and print the paths."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", nargs="+", choices=SHAPES)
    parser.add_argument("--type", choices=FILE_TYPES, default="q4_0")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path.home() / ".cache" / "lechat-benchmarks")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.shapes:
        path = options.out / f"random-{name}-{options.type}.gguf"
        if not path.exists():
            write(path, SHAPES[name], options.type, seed=options.seed)
        print(path, flush=True)


if __name__ == "__main__":
    main()
