"""LoRA adapters for chaton, written from the shapes of its tensors."""

from pathlib import Path

import gguf
import numpy as np

RANK = 4


Pairs = dict[str, tuple[np.ndarray, np.ndarray]]
"""By tensor, the two factors of what is added to it: B (height, rank) times A (rank, width)."""


def random_pairs(base: Path, seed: int = 1, *, wider: int = 0) -> Pairs:
    """Random matrices for queries and gates of all layers, large enough to change answers; `wider` breaks shapes."""
    random = np.random.default_rng(seed)
    pairs: Pairs = {}
    for tensor in gguf.GGUFReader(base).tensors:
        if tensor.name.endswith(("attn_q.weight", "ffn_gate.weight")):
            width, height = (int(size) for size in tensor.shape)
            a = random.standard_normal((RANK, width + wider)) / np.sqrt(width)
            pairs[tensor.name] = a, random.standard_normal((height, RANK)) * 2
    return pairs


def together(one: Pairs, other: Pairs) -> Pairs:
    """The sum of two adapters, as one of twice the rank."""
    return {
        name: (np.concatenate((a, other[name][0])), np.concatenate((b, other[name][1]), axis=1))
        for name, (a, b) in one.items()
    }


def write(
    path: Path,
    pairs: Pairs,
    *,
    type: str = "adapter",
    architecture: str = "llama",
    alpha: float | None = RANK,
    after: tuple[int, ...] = (),
) -> Path:
    """Write an adapter, which llama.cpp scales by alpha / rank; `after` makes it an activated LoRA."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type(type)
    writer.add_string("adapter.type", "lora")
    if alpha is not None:
        writer.add_float32("adapter.lora.alpha", alpha)
    if after:
        kinds = gguf.GGUFValueType
        writer.add_key_value("adapter.alora.invocation_tokens", after, kinds.ARRAY, sub_type=kinds.UINT32)
    for name, (a, b) in pairs.items():
        writer.add_tensor(f"{name}.lora_a", a.astype(np.float32))
        writer.add_tensor(f"{name}.lora_b", b.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
