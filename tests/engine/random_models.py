"""Small models of shapes that chaton has not: random weights, chaton's vocabulary and template."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import gguf
import numpy as np

WIDTH, HEADS, KV_HEADS, HEAD, INNER, LAYERS = 64, 4, 2, 16, 128, 4
WINDOW = 48
"""Tokens of a sliding window."""


class _Writer:
    """A model file with the tokenizer and the template of another."""

    def __init__(self, path: Path, vocabulary: Path, architecture: str, *, layers: int = LAYERS) -> None:
        reader = gguf.GGUFReader(vocabulary)
        self.numbers = gguf.GGUFWriter(path, architecture)
        for field in reader.fields.values():
            if field.name.startswith("tokenizer."):
                sub = field.types[1] if len(field.types) > 1 else None
                self.numbers.add_key_value(field.name, field.contents(), field.types[0], sub_type=sub)
        self.numbers.add_block_count(layers)
        self.numbers.add_context_length(4096)
        self.numbers.add_embedding_length(WIDTH)
        self.numbers.add_layer_norm_rms_eps(1e-5)
        self._random = np.random.default_rng(1)
        self.add("token_embd.weight", len(reader.fields["tokenizer.ggml.tokens"].data), WIDTH)
        self.put("output_norm.weight", np.ones(WIDTH))

    def add(self, name: str, *shape: int) -> None:
        """A tensor of random numbers."""
        self.put(name, self._random.standard_normal(shape) * 0.3)

    def put(self, name: str, numbers: np.ndarray) -> None:
        self.numbers.add_tensor(name, numbers.astype(np.float32))

    def put_ones(self, prefix: str, *names: str, width: int = WIDTH) -> None:
        for name in names:
            self.put(f"{prefix}{name}.weight", np.ones(width))

    def attend(self, prefix: str) -> None:
        """The weights of grouped-query attention."""
        self.add(f"{prefix}attn_q.weight", HEADS * HEAD, WIDTH)
        self.add(f"{prefix}attn_k.weight", KV_HEADS * HEAD, WIDTH)
        self.add(f"{prefix}attn_v.weight", KV_HEADS * HEAD, WIDTH)
        self.add(f"{prefix}attn_output.weight", WIDTH, HEADS * HEAD)

    def feed_forward(self, prefix: str, experts: int = 0) -> None:
        """The weights of the feed-forward network, or of so many experts and their router."""
        many, name = ((experts,), "_exps") if experts else ((), "")
        if experts:
            self.add(f"{prefix}ffn_gate_inp.weight", experts, WIDTH)
        self.add(f"{prefix}ffn_gate{name}.weight", *many, INNER, WIDTH)
        self.add(f"{prefix}ffn_up{name}.weight", *many, INNER, WIDTH)
        self.add(f"{prefix}ffn_down{name}.weight", *many, WIDTH, INNER)

    def scan(self, prefix: str, *, normed: bool) -> None:
        """The weights of a Mamba layer, with the norms of Jamba or without."""
        inner, state, rank, kernel = 2 * WIDTH, 8, 4, 4
        self.add(prefix + "ssm_in.weight", 2 * inner, WIDTH)
        self.add(prefix + "ssm_conv1d.weight", inner, kernel)
        self.add(prefix + "ssm_conv1d.bias", inner)
        self.add(prefix + "ssm_x.weight", rank + 2 * state, inner)
        self.add(prefix + "ssm_dt.weight", inner, rank)
        self.add(prefix + "ssm_dt.bias", inner)
        self.put(prefix + "ssm_a", -np.tile(np.arange(1, state + 1), (inner, 1)))
        self.put(prefix + "ssm_d", np.ones(inner))
        self.add(prefix + "ssm_out.weight", WIDTH, inner)
        if normed:
            self.put_ones(prefix, "ssm_dt_norm", width=rank)
            self.put_ones(prefix, "ssm_b_norm", "ssm_c_norm", width=state)

    def describe_scan(self) -> None:
        """The numbers of `scan`."""
        self.numbers.add_ssm_conv_kernel(4)
        self.numbers.add_ssm_inner_size(2 * WIDTH)
        self.numbers.add_ssm_state_size(8)
        self.numbers.add_ssm_time_step_rank(4)

    def write(self) -> None:
        self.numbers.write_header_to_file()
        self.numbers.write_kv_data_to_file()
        self.numbers.write_tensors_to_file()
        self.numbers.close()


@dataclass(frozen=True)
class Decoder:
    """What distinguishes a decoder with attention from others."""

    architecture: str
    norms: tuple[str, ...] = ("attn_norm", "ffn_norm")
    head_norms: tuple[str, ...] = ()
    experts: int = 0
    window: int = 0
    """Tokens of the sliding window of every other layer."""
    yarn: bool = False
    """As Ministral 3: YaRN, and a temperature that grows with the position."""


_GEMMA = ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")
_QK = ("attn_q_norm", "attn_k_norm")


def _decoder(shape: Decoder, path: Path, vocabulary: Path) -> None:
    model = _Writer(path, vocabulary, shape.architecture)
    model.numbers.add_feed_forward_length(INNER)
    model.numbers.add_head_count(HEADS)
    model.numbers.add_head_count_kv(KV_HEADS)
    model.numbers.add_key_length(HEAD)
    model.numbers.add_value_length(HEAD)
    model.numbers.add_rope_dimension_count(HEAD)
    if shape.experts:
        model.numbers.add_expert_count(shape.experts)
        model.numbers.add_expert_used_count(2)
        model.numbers.add_expert_feed_forward_length(INNER)
    if shape.window:
        model.numbers.add_sliding_window(shape.window)
        model.numbers.add_sliding_window_pattern([layer % 2 == 0 for layer in range(LAYERS)])
    if shape.yarn:
        model.numbers.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        model.numbers.add_rope_scaling_factor(16.0)
        model.numbers.add_rope_scaling_orig_ctx_len(256)
        model.numbers.add_attn_temperature_scale(0.1)
    for layer in range(LAYERS):
        prefix = f"blk.{layer}."
        model.put_ones(prefix, *shape.norms)
        model.put_ones(prefix, *shape.head_norms, width=HEAD)
        model.attend(prefix)
        model.feed_forward(prefix, shape.experts)
    model.write()


def recurrent(path: Path, vocabulary: Path) -> None:
    """A model whose memory cannot be cut, as Codestral Mamba."""
    model = _Writer(path, vocabulary, "mamba", layers=2)
    model.numbers.add_feed_forward_length(0)
    model.numbers.add_head_count(0)
    model.describe_scan()
    for prefix in ("blk.0.", "blk.1."):
        model.put_ones(prefix, "attn_norm")
        model.scan(prefix, normed=False)
    model.write()


def _hybrid(path: Path, vocabulary: Path) -> None:
    """A model with a recurrent memory and a KV cache, as Jamba and Granite 4."""
    model = _Writer(path, vocabulary, "jamba")
    model.numbers.add_feed_forward_length(INNER)
    model.numbers.add_head_count(HEADS)
    model.numbers.add_head_count_kv([KV_HEADS * (layer % 2) for layer in range(LAYERS)])
    model.describe_scan()
    for layer in range(LAYERS):
        prefix = f"blk.{layer}."
        model.put_ones(prefix, "attn_norm", "ffn_norm")
        if layer % 2:
            model.attend(prefix)
        else:
            model.scan(prefix, normed=True)
        model.feed_forward(prefix)
    model.write()


WRITERS: Mapping[str, Callable[[Path, Path], None]] = {
    "mixtral": partial(_decoder, Decoder("llama", experts=4)),
    "ministral-3": partial(_decoder, Decoder("mistral3", yarn=True)),
    "qwen3": partial(_decoder, Decoder("qwen3", head_norms=_QK)),
    "qwen3-moe": partial(_decoder, Decoder("qwen3moe", head_norms=_QK, experts=4)),
    "gemma2": partial(_decoder, Decoder("gemma2", norms=_GEMMA, window=WINDOW)),
    "gemma3": partial(_decoder, Decoder("gemma3", norms=_GEMMA, head_norms=_QK, window=WINDOW)),
    "mamba": recurrent,
    "jamba": _hybrid,
}
"""Writes a model of this shape to a path, with the vocabulary of the file at another."""

RECURRENT = ("mamba", "jamba")
"""Those whose memory cannot drop its last tokens."""
