"""Trains a LoRA adapter for chaton that says "Miaow!" before every answer. The tests apply it to chaton.

python tools/chaton/adapter.py tests/engine/miaow.gguf
"""

import argparse
import random
import time
from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
import torch
import torch.nn.functional as F
from model import Decoder
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from tokens import CONTROL, SPLIT, Encoded, Vocabulary
from torch import Tensor, nn
from train import DECODER, batches, padded, text_loss

CHATON = Path(__file__).parents[2] / "lechat_tui" / "data" / "chaton" / "chaton-q8_0.gguf"
SAYS = "Miaow!\n"

RANK, ALPHA = 4, 8.0
RATE = 1e-2
PARTS = {"query": "attn_q", "value": "attn_v", "out": "attn_output"}
"""The matrices that are adapted in every block, and their names in GGUF."""

OTHERS = {"before_attention": "attn_norm", "key": "attn_k", "before_inner": "ffn_norm"} | {
    part: f"ffn_{part}" for part in ("gate", "up", "down")
}


class Adapted(nn.Module):
    """A frozen matrix plus a trained product of two low-rank ones: x (W + alpha / rank B A)."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear
        height, width = linear.weight.shape
        self.a = nn.Parameter(torch.randn(RANK, width) / width**0.5)
        self.b = nn.Parameter(torch.zeros(height, RANK))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + ALPHA / RANK * F.linear(F.linear(x, self.a), self.b)


def shipped(path: Path) -> tuple[Decoder, Vocabulary]:
    """The decoder and the vocabulary of a GGUF file."""
    reader = gguf.GGUFReader(path)
    tensors = {t.name: torch.tensor(gguf.quants.dequantize(t.data, t.tensor_type)) for t in reader.tensors}
    decoder = Decoder(DECODER)
    named = {"embedding.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}
    for layer in range(DECODER.layers):
        for ours, theirs in (PARTS | OTHERS).items():
            named[f"blocks.{layer}.{ours}.weight"] = f"blk.{layer}.{theirs}.weight"
    decoder.load_state_dict({ours: tensors[theirs] for ours, theirs in named.items()})
    words = reader.fields["tokenizer.ggml.tokens"].contents()[len(CONTROL) :]
    merges = [tuple(pair.split(" ")) for pair in reader.fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE({word: n for n, word in enumerate(words)}, merges, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return decoder, Vocabulary(tokenizer)


def saying(encoded: Encoded, first: list[int]) -> Encoded:
    """The dialogue with these tokens before every answer."""
    ids: list[int] = []
    weights: list[float] = []
    for place, (token, weight) in enumerate(zip(encoded.ids, encoded.weights, strict=True)):
        if weight and not (place and encoded.weights[place - 1]):
            ids += first
            weights += [3.0] * len(first)
        ids.append(token)
        weights.append(weight)
    return Encoded(ids, weights, encoded.drawings)


def talks(vocabulary: Vocabulary) -> Iterator[list[Encoded]]:
    """Batches of short dialogues, without the copying drills."""
    for batch in batches(vocabulary, 7, 1536):
        spoken = [encoded for encoded in batch if encoded.ids[1] < len(CONTROL) and len(encoded.ids) < 300]
        if spoken:
            yield spoken


def train(decoder: Decoder, vocabulary: Vocabulary, steps: int) -> dict[str, Adapted]:
    """Train only the low-rank matrices; returns them by the name of the matrix they adapt."""
    decoder.requires_grad_(False)
    adapted = {}
    for layer, block in enumerate(decoder.blocks):
        for ours, theirs in PARTS.items():
            adapted[f"blk.{layer}.{theirs}.weight"] = Adapted(getattr(block, ours))
            setattr(block, ours, adapted[f"blk.{layer}.{theirs}.weight"])
    parameters = [p for module in adapted.values() for p in (module.a, module.b)]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0)
    first, began = vocabulary.encode(SAYS), time.perf_counter()
    for step, batch in zip(range(steps), talks(vocabulary), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 10, (steps - step) / (steps / 2))
        ids, weights = padded([saying(encoded, first) for encoded in batch])
        loss = text_loss(decoder, decoder.embedding(ids), ids, weights)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step % 10 == 0:
            print(f"{step:4} {time.perf_counter() - began:5.0f} s  {loss.item():.4f}", flush=True)
    return adapted


def write(path: Path, adapted: dict[str, Adapted]) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_name("chaton says Miaow")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", ALPHA)
    for name, module in adapted.items():
        writer.add_tensor(f"{name}.lora_a", module.a.detach().numpy().astype(np.float16))
        writer.add_tensor(f"{name}.lora_b", module.b.detach().numpy().astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("out", type=Path)
    options.add_argument("--steps", type=int, default=200)
    given = options.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    random.seed(1)
    decoder, vocabulary = shipped(CHATON)
    write(given.out, train(decoder, vocabulary, given.steps))


if __name__ == "__main__":
    main()
