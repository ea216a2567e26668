"""Models of shapes that chaton has not: random weights, chaton's vocabulary."""

from pathlib import Path

import gguf
import numpy as np


class _Writer:
    """A model file with the tokenizer and the template of another."""

    def __init__(self, path: Path, vocabulary: Path, architecture: str, *, layers: int, width: int) -> None:
        reader = gguf.GGUFReader(vocabulary)
        self.numbers = gguf.GGUFWriter(path, architecture)
        for field in reader.fields.values():
            if field.name.startswith("tokenizer."):
                sub = field.types[1] if len(field.types) > 1 else None
                self.numbers.add_key_value(field.name, field.contents(), field.types[0], sub_type=sub)
        self.numbers.add_block_count(layers)
        self.numbers.add_context_length(4096)
        self.numbers.add_embedding_length(width)
        self.numbers.add_layer_norm_rms_eps(1e-5)
        self._random = np.random.default_rng(1)
        self.add("token_embd.weight", len(reader.fields["tokenizer.ggml.tokens"].data), width)
        self.put("output_norm.weight", np.ones(width))

    def add(self, name: str, *shape: int) -> None:
        """A tensor of random numbers."""
        self.put(name, self._random.standard_normal(shape) * 0.3)

    def put(self, name: str, numbers: np.ndarray) -> None:
        self.numbers.add_tensor(name, numbers.astype(np.float32))

    def write(self) -> None:
        self.numbers.write_header_to_file()
        self.numbers.write_kv_data_to_file()
        self.numbers.write_tensors_to_file()
        self.numbers.close()


def recurrent(path: Path, vocabulary: Path) -> None:
    """A model whose memory cannot be cut, like Mamba."""
    layers, width, inner, state, rank, kernel = 2, 64, 128, 8, 4, 4
    model = _Writer(path, vocabulary, "mamba", layers=layers, width=width)
    model.numbers.add_feed_forward_length(0)
    model.numbers.add_head_count(0)
    model.numbers.add_ssm_conv_kernel(kernel)
    model.numbers.add_ssm_inner_size(inner)
    model.numbers.add_ssm_state_size(state)
    model.numbers.add_ssm_time_step_rank(rank)
    for layer in range(layers):
        name = f"blk.{layer}."
        model.put(name + "attn_norm.weight", np.ones(width))
        model.add(name + "ssm_in.weight", 2 * inner, width)
        model.add(name + "ssm_conv1d.weight", inner, kernel)
        model.add(name + "ssm_conv1d.bias", inner)
        model.add(name + "ssm_x.weight", rank + 2 * state, inner)
        model.add(name + "ssm_dt.weight", inner, rank)
        model.add(name + "ssm_dt.bias", inner)
        model.put(name + "ssm_a", -np.tile(np.arange(1, state + 1), (inner, 1)))
        model.put(name + "ssm_d", np.ones(inner))
        model.add(name + "ssm_out.weight", width, inner)
    model.write()


def sliding(path: Path, vocabulary: Path) -> None:
    """A model with a sliding window in every other layer, like Gemma 2."""
    layers, width, heads, head, inner, window = 4, 64, 4, 16, 128, 48
    model = _Writer(path, vocabulary, "gemma2", layers=layers, width=width)
    model.numbers.add_feed_forward_length(inner)
    model.numbers.add_head_count(heads)
    model.numbers.add_head_count_kv(heads)
    model.numbers.add_key_length(head)
    model.numbers.add_value_length(head)
    model.numbers.add_sliding_window(window)
    for layer in range(layers):
        name = f"blk.{layer}."
        for norm in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            model.put(f"{name}{norm}.weight", np.ones(width))
        for part in ("q", "k", "v"):
            model.add(f"{name}attn_{part}.weight", heads * head, width)
        model.add(f"{name}attn_output.weight", width, heads * head)
        model.add(f"{name}ffn_gate.weight", inner, width)
        model.add(f"{name}ffn_up.weight", inner, width)
        model.add(f"{name}ffn_down.weight", width, inner)
    model.write()
