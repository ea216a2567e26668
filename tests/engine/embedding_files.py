"""Embedding models in GGUF files: a tiny random one, and the means to write a real one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import gguf
import numpy as np

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = (
    "the",
    "cat",
    "sat",
    "on",
    "mat",
    "dog",
    "ran",
    "in",
    "garden",
    "king",
    "castle",
    "river",
    "boat",
    "sea",
    "snow",
)


def write_bert(
    path: Path, vocabulary: Sequence[str], tensors: Mapping[str, np.ndarray], *, layers: int, heads: int, context: int,
    name: str = "tiny embedder", pooling: gguf.PoolingType = gguf.PoolingType.MEAN,
) -> Path:  # fmt: skip
    """Write a BERT with a WordPiece vocabulary, whose tokens begin with the five special ones."""
    width, inner = tensors["token_embd.weight"].shape[1], tensors["blk.0.ffn_up.weight"].shape[0]
    writer = gguf.GGUFWriter(str(path), "bert")
    writer.add_name(name)
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(inner)
    writer.add_block_count(layers)
    writer.add_head_count(heads)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(pooling)
    writer.add_token_type_count(2)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("jina-v2-en")
    writer.add_token_list([_phantom_space(token) for token in vocabulary])
    kinds = gguf.TokenType
    writer.add_token_types([kinds.CONTROL if token in SPECIAL else kinds.NORMAL for token in vocabulary])
    where = {token: number for number, token in enumerate(vocabulary)}
    writer.add_pad_token_id(where["[PAD]"])
    writer.add_unk_token_id(where["[UNK]"])
    writer.add_bos_token_id(where["[CLS]"])
    writer.add_eos_token_id(where["[SEP]"])
    writer.add_sep_token_id(where["[SEP]"])
    writer.add_mask_token_id(where["[MASK]"])
    for tensor, values in tensors.items():
        writer.add_tensor(tensor, np.ascontiguousarray(values, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_tiny(path: Path, *, seed: int = 1) -> Path:
    """A random BERT of one layer. Texts that share words get similar vectors, since its layer adds little."""
    random = np.random.default_rng(seed)
    vocabulary = [*SPECIAL, *map(chr, range(97, 123)), *(f"##{chr(n)}" for n in range(97, 123)), *WORDS]
    width, inner = 32, 64

    def small(*shape: int) -> np.ndarray:
        return random.normal(0, 0.02, shape)

    tensors = {
        "token_embd.weight": random.normal(0, 1, (len(vocabulary), width)),
        "position_embd.weight": small(128, width),
        "token_types.weight": small(2, width),
        **_norm("token_embd_norm", width),
        **{f"blk.0.attn_{part}.weight": small(width, width) for part in ("q", "k", "v", "output")},
        **{f"blk.0.attn_{part}.bias": small(width) for part in ("q", "k", "v", "output")},
        **_norm("blk.0.attn_output_norm", width),
        "blk.0.ffn_up.weight": small(inner, width),
        "blk.0.ffn_up.bias": small(inner),
        "blk.0.ffn_down.weight": small(width, inner),
        "blk.0.ffn_down.bias": small(width),
        **_norm("blk.0.layer_output_norm", width),
    }
    return write_bert(path, vocabulary, tensors, layers=1, heads=2, context=128)


def _norm(name: str, width: int) -> dict[str, np.ndarray]:
    return {f"{name}.weight": np.ones(width), f"{name}.bias": np.zeros(width)}


def _phantom_space(token: str) -> str:
    """As llama.cpp's converter writes WordPiece: the begin of a word is marked, not its continuation."""
    if token in SPECIAL:
        return token
    return token[2:] if token.startswith("##") else f"\u2581{token}"
