"""What a GGUF file is, read from its header without loading it: of a file on this disk, or of one on the hub."""

import os
import stat
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from lechat_tui.machine.footprint import ModelShape
from lechat_tui.models.architectures import CHAT, OTHER
from lechat_tui.models.catalog import ModelError
from lechat_tui.models.gguf_reader import Contents, ReadRange, Tensor, Unreadable, Value, contents, first_keys

FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS",
    21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE", 39: "NVFP4",
    40: "Q1_0",
}  # fmt: skip
"""`general.file_type`, llama.cpp's `llama_ftype` (include/llama.h)."""

TENSOR_TYPES = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
}  # fmt: skip
"""`ggml_type` (ggml.h): its name, the elements of a block and the bytes of a block."""

_GUESSED = 1024
"""A bit of `general.file_type`: llama.cpp inferred it from the tensors."""
_ALIGNMENT = 32


@dataclass(frozen=True)
class Header:
    """What a GGUF file says of itself; 0 and the empty text stand for what it does not say."""

    architecture: str
    name: str
    kind: str
    """`general.type`: `model`, `mmproj`, `adapter`; empty in old files."""
    context: int
    """Trained context length in tokens."""
    has_template: bool
    quantization: str = ""
    """As in `Q4_K_M`: what the file says, else the type of most of its weights."""
    parameters: int = 0
    """Numbers in its tensors: in one part, of a split file."""
    active: int = 0
    """Of these, the ones one token uses; less than all in a mixture of experts."""
    shape: ModelShape | None = None
    window: int = 0
    """Sliding window of the attention in tokens."""
    license: str = ""
    projection: int = 0
    """Width of what a projector hands to its model: that one's `shape.embedding`."""
    part: int = 1
    parts: int = 1
    problem: str = ""
    """Why it cannot chat; the text follows its name in a sentence."""
    metadata: dict[str, Value] = field(default_factory=dict)
    """Every key. An array of few whole numbers is a tuple; of any other array, and of a very long text, None."""


def read_header(path: Path) -> Header:
    """Read the header of a file. Raises `ModelError` when it is not there, is not GGUF, or is cut short."""
    return _read_file(path, header)


def peek(path: Path) -> Header:
    """Read only what stands before the vocabulary: no parameters, no template, no tensors. Raises `ModelError`."""
    return _read_file(path, _peeked)


def _read_file(path: Path, understand: Callable[[str, int, ReadRange], Header]) -> Header:
    try:
        if path.is_dir():
            raise ModelError(f"{path} is a folder; name the .gguf file in it")
        if not path.is_file():  # a pipe or a device would never end
            raise ModelError(f"there is no file {path}")
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ModelError(f"there is no file {path}")
            return understand(path.name, status.st_size, partial(_read, descriptor))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the name
        raise ModelError(f"there is no file {path}") from error


def _read(descriptor: int, start: int, length: int) -> bytes:
    return os.pread(descriptor, length, start)


def header(name: str, size: int, read: ReadRange) -> Header:
    """Read the header of a file of `size` bytes, wherever it lies, by ranges.

    `name` is for the sentences. Raises `ModelError`, and what `read` raises.
    """
    try:
        found = contents(size, read)
        _check_whole(found, size)
    except Unreadable as error:
        raise ModelError(f"{name} {error}") from error
    return _understood(found)


def _peeked(name: str, size: int, read: ReadRange) -> Header:
    try:
        return _understood(first_keys(size, read))
    except Unreadable as error:
        raise ModelError(f"{name} {error}") from error


def _check_whole(found: Contents, size: int) -> None:
    """Raise `Unreadable` for a file that ends before its tensors do."""
    alignment = found.metadata.get("general.alignment", _ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1:
        raise Unreadable("has a damaged header: its alignment is not a number of bytes")
    start = -(-found.end // alignment) * alignment
    end = max((start + tensor.offset + _bytes(tensor) for tensor in found.tensors), default=0)
    if end > size:
        raise Unreadable(f"is cut short: {size * 100 // end} % of it is there; fetch it again")


def _bytes(tensor: Tensor) -> int:
    """Bytes of a tensor; 0 for a type that is not known here."""
    _, elements, size = TENSOR_TYPES.get(tensor.kind, ("", 1, 0))
    return tensor.elements // elements * size


def _understood(found: Contents) -> Header:
    keys = _Keys(found.metadata)
    architecture = keys.text("general.architecture")
    count, active = _parameters(found.tensors, keys)
    return Header(
        architecture=architecture,
        name=keys.text("general.name"),
        kind="mmproj" if architecture == "clip" else keys.text("general.type"),
        context=keys.own("context_length"),
        has_template="tokenizer.chat_template" in found.metadata,
        quantization=_quantization(found, keys),
        parameters=count,
        active=active,
        shape=_shape(found, keys),
        window=keys.own("attention.sliding_window"),
        license=keys.text("general.license"),
        projection=keys.number("clip.vision.projection_dim"),
        part=keys.number("split.no") + 1,
        parts=max(keys.number("split.count"), 1),
        problem=_problem(found, keys),
        metadata=found.metadata,
    )


class _Keys:
    """The metadata, where what has a wrong type counts as absent."""

    def __init__(self, metadata: dict[str, Value]) -> None:
        self._metadata = metadata
        self._architecture = self.text("general.architecture")

    def text(self, key: str) -> str:
        value = self._metadata.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int:
        """The number of this key, of one that has a number a layer the largest, and never less than 0."""
        value = self._metadata.get(key)
        largest = max(value, default=0) if isinstance(value, tuple) else value
        return max(largest, 0) if isinstance(largest, int) and not isinstance(largest, bool) else 0

    def own(self, key: str) -> int:
        """The number of a key that begins with the architecture."""
        return self.number(f"{self._architecture}.{key}")


def _parameters(tensors: Sequence[Tensor], keys: _Keys) -> tuple[int, int]:
    """All parameters, and those that one token uses."""
    total = sum(tensor.elements for tensor in tensors)
    experts, used = keys.own("expert_count"), keys.own("expert_used_count")
    if not 0 < used < experts:
        return total, total
    resting = sum(tensor.elements for tensor in tensors if "_exps." in tensor.name)
    return total, total - resting * (experts - used) // experts


def _shape(found: Contents, keys: _Keys) -> ModelShape | None:
    """The shape of a language model; of what is none, None."""
    layers, heads, embedding = keys.own("block_count"), keys.own("attention.head_count"), keys.own("embedding_length")
    head_size = keys.own("attention.key_length") or (embedding // heads if heads else 0)
    if not (layers and embedding) or keys.text("general.architecture") in OTHER:
        return None
    return ModelShape(
        layers=layers,
        kv_heads=keys.own("attention.head_count_kv") or heads,
        head_size=head_size,
        embedding=embedding,
        vocabulary=found.lengths.get("tokenizer.ggml.tokens") or keys.own("vocab_size"),
        heads=heads,
        feed_forward=keys.own("feed_forward_length"),
        experts=keys.own("expert_count"),
        experts_used=keys.own("expert_used_count"),
    )


def _quantization(found: Contents, keys: _Keys) -> str:
    said = found.metadata.get("general.file_type")
    if isinstance(said, int) and (name := FILE_TYPES.get(said & ~_GUESSED)):
        return name
    types: Counter[int] = Counter()
    for tensor in found.tensors:
        if len(tensor.shape) > 1:  # norms and biases stay in F32 whatever the rest is
            types[tensor.kind] += tensor.elements
    most = types.most_common(1)
    return TENSOR_TYPES[most[0][0]][0] if most and most[0][0] in TENSOR_TYPES else ""


def _problem(found: Contents, keys: _Keys) -> str:
    """Why llama.cpp cannot chat with this file; empty when it can, for all its header says."""
    architecture, kind = keys.text("general.architecture"), keys.text("general.type")
    names = [tensor.name for tensor in found.tensors]
    if not architecture and keys.number("split.no"):
        return f"is part {keys.number('split.no') + 1} of a split file; name the first part"
    if kind == "adapter":
        return "is a LoRA adapter, not a model; name the model it belongs to"
    if kind == "imatrix" or architecture == "imatrix":
        return "is an importance matrix, made for quantizing; it is not a model"
    if kind == "mmproj" or architecture in OTHER:
        return f"is {OTHER.get(architecture, OTHER['clip'])}"
    if keys.own("pooling_type"):
        return "is an embedding model: it compares texts and cannot answer"
    if not architecture:
        return "does not say its architecture; it is not a model that llama.cpp can load"
    if architecture not in CHAT:
        return f"is of the architecture {architecture[:40]}, which llama.cpp does not run for chat"
    if keys.own("vision.block_count") or any(name.startswith(("v.", "mm.")) for name in names):
        return "holds its projector inside, a layout that only Ollama reads; lechat pull fetches one that works here"
    if keys.own("expert_count") and any(name.endswith(".ffn_down.0.weight") for name in names):
        return "was made for an older llama.cpp, with a tensor for each expert; fetch a newer conversion"
    if not names and "tokenizer.ggml.tokens" in found.metadata:
        return "holds a vocabulary and no weights"
    return ""
