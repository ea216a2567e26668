"""What a GGUF file contains, read from its header, whether it is on this disk or on the hub."""

import os
import stat
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import field
from functools import partial
from pathlib import Path

from lechat_tui.machine.footprint import ModelShape
from lechat_tui.models.architectures import CHAT, EMBEDDING, OTHER
from lechat_tui.models.catalog import ModelError
from lechat_tui.models.gguf_reader import Contents, ReadRange, Tensor, Unreadable, Value, contents, first_keys
from lechat_tui.values import dataclass

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
"""`ggml_type` (ggml.h): name, elements per block and bytes per block."""

_INFERRED = 1024
"""Flag in `general.file_type`: llama.cpp inferred the type from the tensors (`LLAMA_FTYPE_INFERRED`)."""
_ALIGNMENT = 32
_RANK = 4
"""`LLAMA_POOLING_TYPE_RANK` of llama.h."""


@dataclass(frozen=True)
class Header:
    """The header of a GGUF file; 0 and empty strings stand for missing values."""

    architecture: str
    name: str
    kind: str
    """`general.type`: `model`, `mmproj`, `adapter`; empty in old files."""
    context: int
    """Trained context length in tokens."""
    has_template: bool
    quantization: str = ""
    """Such as `Q4_K_M`; if the header does not say it, the type of most tensors."""
    parameters: int = 0
    """Number of weights in its tensors; of a split file, in this part."""
    active: int = 0
    """Parameters used for one token; fewer than all in a mixture of experts."""
    shape: ModelShape | None = None
    window: int = 0
    """Sliding attention window in tokens."""
    license: str = ""
    projection: int = 0
    """Of a projector, the width of its output, which is the `shape.embedding` of its model."""
    part: int = 1
    parts: int = 1
    embeds: bool = False
    """Whether it is an embedding model, for libraries."""
    problem: str = ""
    """Why lechat can't use it, to follow the file name in a sentence; empty if it can."""
    metadata: dict[str, Value] = field(default_factory=dict)
    """Every key. A short array of integers is a tuple; other arrays and very long strings are None."""


def read_header(path: Path) -> Header:
    """Read the header of a file. Raises `ModelError` if the file is missing, not GGUF or incomplete."""
    return _read_file(path, header)


def peek(path: Path) -> Header:
    """Read only the keys before the vocabulary: no parameters, template or tensors. Raises `ModelError`."""
    return _read_file(path, _peek_header)


def _read_file(path: Path, parse: Callable[[str, int, ReadRange], Header]) -> Header:
    try:
        if path.is_dir():
            raise ModelError(f"{path} is a folder; give the path of a .gguf file in it")
        if not path.is_file():  # reading a pipe or a device would never end
            raise ModelError(f"there is no file {path}")
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ModelError(f"there is no file {path}")
            return parse(path.name, status.st_size, partial(_read, descriptor))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the name
        raise ModelError(f"there is no file {path}") from error


def _read(descriptor: int, start: int, length: int) -> bytes:
    return os.pread(descriptor, length, start)


def header(name: str, size: int, read: ReadRange) -> Header:
    """Read the header of a file of `size` bytes by ranges, wherever the file is.

    `name` is used in messages. Raises `ModelError`, and what `read` raises.
    """
    try:
        found = contents(size, read)
        _check_whole(found, size)
    except Unreadable as error:
        raise ModelError(f"{name} {error}") from error
    return _header_of(found)


def _peek_header(name: str, size: int, read: ReadRange) -> Header:
    try:
        return _header_of(first_keys(size, read))
    except Unreadable as error:
        raise ModelError(f"{name} {error}") from error


def _check_whole(found: Contents, size: int) -> None:
    """Raise `Unreadable` if the file ends before its last tensor."""
    alignment = found.metadata.get("general.alignment", _ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1:
        raise Unreadable("has a damaged header: its alignment is not a number")
    start = -(-found.end // alignment) * alignment
    end = max((start + tensor.offset + _bytes(tensor) for tensor in found.tensors), default=0)
    if end > size:
        raise Unreadable(f"is incomplete: only {size * 100 // end}% of it is there; download it again")


def _bytes(tensor: Tensor) -> int:
    """Bytes of a tensor; 0 if its type is not known."""
    _, elements, size = TENSOR_TYPES.get(tensor.kind, ("", 1, 0))
    return tensor.elements // elements * size


def _header_of(found: Contents) -> Header:
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
        embeds=_embeds(keys),
        problem=_problem(found, keys),
        metadata=found.metadata,
    )


class _Keys:
    """The metadata, in which values of a wrong type count as missing."""

    def __init__(self, metadata: dict[str, Value]) -> None:
        self._metadata = metadata
        self._architecture = self.text("general.architecture")

    def text(self, key: str) -> str:
        value = self._metadata.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int:
        """The number of this key, at least 0; of a key with one number per layer, the largest."""
        value = self._metadata.get(key)
        largest = max(value, default=0) if isinstance(value, tuple) else value
        return max(largest, 0) if isinstance(largest, int) and not isinstance(largest, bool) else 0

    def own(self, key: str) -> int:
        """The number of a key that begins with the architecture's name."""
        return self.number(f"{self._architecture}.{key}")


def _parameters(tensors: Sequence[Tensor], keys: _Keys) -> tuple[int, int]:
    """The number of parameters, and of those used for one token."""
    total = sum(tensor.elements for tensor in tensors)
    experts, used = keys.own("expert_count"), keys.own("expert_used_count")
    if not 0 < used < experts:
        return total, total
    expert_parameters = sum(tensor.elements for tensor in tensors if "_exps." in tensor.name)
    return total, total - expert_parameters * (experts - used) // experts


def _shape(found: Contents, keys: _Keys) -> ModelShape | None:
    """The shape of a language model; None for other files."""
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
    file_type = found.metadata.get("general.file_type")
    if isinstance(file_type, int) and (name := FILE_TYPES.get(file_type & ~_INFERRED)):
        return name
    types: Counter[int] = Counter()
    for tensor in found.tensors:
        if len(tensor.shape) > 1:  # norms and biases are always F32
            types[tensor.kind] += tensor.elements
    most = types.most_common(1)
    return TENSOR_TYPES[most[0][0]][0] if most and most[0][0] in TENSOR_TYPES else ""


def _embeds(keys: _Keys) -> bool:
    """Whether a model makes vectors of texts: a chat model has no way to pool them."""
    return keys.text("general.architecture") in EMBEDDING or bool(keys.own("pooling_type"))


def _problem(found: Contents, keys: _Keys) -> str:
    """Why llama.cpp cannot use this file, as far as the header shows; empty if it can."""
    architecture, kind = keys.text("general.architecture"), keys.text("general.type")
    names = [tensor.name for tensor in found.tensors]
    if not architecture and keys.number("split.no"):
        return f"is part {keys.number('split.no') + 1} of a split file; use the first part"
    if kind == "adapter":
        return "is a LoRA adapter, not a model; use the model it belongs to"
    if kind == "imatrix" or architecture == "imatrix":
        return "is an importance matrix for quantizing, not a model"
    if kind == "mmproj" or architecture in OTHER:
        return f"is {OTHER.get(architecture, OTHER['clip'])}"
    if not architecture:
        return "has no architecture in its header, so llama.cpp cannot load it"
    if keys.own("pooling_type") == _RANK:
        return "is a reranking model, which lechat does not use"
    if architecture not in CHAT and not _embeds(keys):
        return f"has the architecture {architecture[:40]}, with which llama.cpp cannot chat"
    if keys.own("vision.block_count") or any(name.startswith(("v.", "mm.")) for name in names):
        return "contains its projector, a format that only Ollama reads; lechat pull downloads one that works here"
    if keys.own("expert_count") and any(name.endswith(".ffn_down.0.weight") for name in names):
        return "was made for an old llama.cpp, with one tensor per expert; download a newer conversion"
    if not names and "tokenizer.ggml.tokens" in found.metadata:
        return "has a vocabulary but no weights"
    return ""
