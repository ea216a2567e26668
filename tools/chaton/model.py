"""The two networks, as llama.cpp computes them: a `llama` decoder and a `pixtral` vision tower.

Every formula here mirrors llama.cpp (src/models/llama.cpp and tools/mtmd/models/pixtral.cpp), so that weights trained
with torch can be written to GGUF as they are: RMS norms, interleaved rotary pairs, SiLU-gated feed-forward blocks.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class DecoderShape:
    vocabulary: int = 1024
    width: int = 192
    layers: int = 4
    heads: int = 6
    key_heads: int = 2
    head_width: int = 32
    inner: int = 512
    rope_base: float = 10_000.0
    epsilon: float = 1e-5
    context: int = 4096
    """Context length declared in the GGUF, in tokens; training reaches about 1,400."""


@dataclass(frozen=True)
class VisionShape:
    patch: int = 56
    """Side of a patch in pixels, as in llama.cpp."""
    reduce: int = 4
    """A patch is averaged over reduce x reduce pixels first. The mean is linear, so export folds it into the patch embedding."""
    merge: int = 2
    """Patches per side that become one decoder token, which covers patch * merge pixels per side."""
    width: int = 96
    layers: int = 3
    heads: int = 3
    inner: int = 256
    rope_base: float = 10_000.0
    epsilon: float = 1e-5

    @property
    def small_patch(self) -> int:
        return self.patch // self.reduce


class Norm(nn.Module):
    """Root-mean-square norm."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.epsilon)


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary position embedding on interleaved pairs (NORM in llama.cpp), so no rows need to be permuted on export."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), -1).flatten(-2)


class Block(nn.Module):
    """One transformer block; the vision tower's has key_heads == heads."""

    def __init__(self, width: int, heads: int, key_heads: int, head_width: int, inner: int, epsilon: float) -> None:
        super().__init__()
        self.heads, self.key_heads, self.head_width = heads, key_heads, head_width
        self.before_attention = Norm(width, epsilon)
        self.query = nn.Linear(width, heads * head_width, bias=False)
        self.key = nn.Linear(width, key_heads * head_width, bias=False)
        self.value = nn.Linear(width, key_heads * head_width, bias=False)
        self.out = nn.Linear(heads * head_width, width, bias=False)
        self.before_inner = Norm(width, epsilon)
        self.gate = nn.Linear(width, inner, bias=False)
        self.up = nn.Linear(width, inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor, causal: bool) -> Tensor:
        batch, length, _ = x.shape
        h = self.before_attention(x)
        query = self.query(h).view(batch, length, self.heads, self.head_width).transpose(1, 2)
        key = self.key(h).view(batch, length, self.key_heads, self.head_width).transpose(1, 2)
        value = self.value(h).view(batch, length, self.key_heads, self.head_width).transpose(1, 2)
        query, key = rotate(query, cosine, sine), rotate(key, cosine, sine)
        copies = self.heads // self.key_heads
        if copies > 1:
            key, value = key.repeat_interleave(copies, 1), value.repeat_interleave(copies, 1)
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
        x = x + self.out(seen.transpose(1, 2).reshape(batch, length, -1))
        h = self.before_inner(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


def start_small(module: nn.Module, layers: int) -> None:
    """Normal weights with a deviation of 0.02, less where a block adds to the residual stream."""
    for name, weight in module.named_parameters():
        if weight.dim() >= 2:
            deviation = 0.02 / (2 * layers) ** 0.5 if name.endswith(("out.weight", "down.weight")) else 0.02
            nn.init.normal_(weight, std=deviation)


class Decoder(nn.Module):
    """Token or image embeddings to hidden states; the output matrix is the embedding matrix."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(
            Block(shape.width, shape.heads, shape.key_heads, shape.head_width, shape.inner, shape.epsilon)
            for _ in range(shape.layers)
        )
        self.norm = Norm(shape.width, shape.epsilon)
        start_small(self, shape.layers)
        frequency = shape.rope_base ** (-torch.arange(0, shape.head_width, 2).float() / shape.head_width)
        angle = torch.arange(shape.context).float()[:, None] * frequency
        self.register_buffer("cosine", angle.cos(), persistent=False)
        self.register_buffer("sine", angle.sin(), persistent=False)

    def forward(self, embedded: Tensor) -> Tensor:
        """(batch, length, width) embeddings to normed hidden states of the same shape."""
        length = embedded.shape[1]
        cosine, sine = self.cosine[:length].to(embedded.dtype), self.sine[:length].to(embedded.dtype)
        x = embedded
        for block in self.blocks:
            x = block(x, cosine, sine, causal=True)
        return self.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        return hidden @ self.embedding.weight.to(hidden.dtype).T


class Vision(nn.Module):
    """Images to decoder embeddings: one per merge x merge patches, and a break after every row but the last."""

    def __init__(self, shape: VisionShape, decoder_width: int) -> None:
        super().__init__()
        self.shape = shape
        width, small = shape.width, shape.small_patch
        self.patches = nn.Linear(3 * small * small, width, bias=False)
        self.first_norm = Norm(width, shape.epsilon)
        self.blocks = nn.ModuleList(
            Block(width, shape.heads, shape.heads, width // shape.heads, shape.inner, shape.epsilon)
            for _ in range(shape.layers)
        )
        self.last_norm = Norm(width, shape.epsilon)
        self.merger = nn.Linear(width * shape.merge**2, width, bias=False)
        self.project_in = nn.Linear(width, decoder_width)
        self.project_out = nn.Linear(decoder_width, decoder_width)
        self.row_break = nn.Parameter(torch.zeros(decoder_width))
        start_small(self, shape.layers)
        nn.init.normal_(self.row_break, std=0.02)

    def angles(self, rows: int, columns: int) -> tuple[Tensor, Tensor]:
        """The first half of a head rotates by row, the second by column with frequencies shifted by one step."""
        head = self.shape.width // self.shape.heads
        half = head // 2
        frequency = self.shape.rope_base ** (-torch.arange(0, half, 2).float() / half)
        shifted = frequency * self.shape.rope_base ** (-2 / head)
        row = torch.arange(rows).repeat_interleave(columns).float()[:, None] * frequency
        column = torch.arange(columns).repeat(rows).float()[:, None] * shifted
        angle = torch.cat((row, column), -1)
        return angle.cos(), angle.sin()

    def tokens(self, pictures: Tensor) -> tuple[Tensor, int, int]:
        """(batch, 3, height, width) reduced images in [-1, 1] to (batch, rows * columns, decoder width), rows, columns."""
        small, merge = self.shape.small_patch, self.shape.merge
        batch, _, height, width = pictures.shape
        rows, columns = height // small, width // small
        x = F.unfold(pictures, small, stride=small).transpose(1, 2)
        x = self.first_norm(self.patches(x))
        cosine, sine = (a.to(x.dtype) for a in self.angles(rows, columns))
        for block in self.blocks:
            x = block(x, cosine, sine, causal=False)
        x = self.last_norm(x)
        grid = x.transpose(1, 2).reshape(batch, self.shape.width, rows, columns)
        x = self.merger(F.unfold(grid, merge, stride=merge).transpose(1, 2))
        x = self.project_out(F.gelu(self.project_in(x), approximate="tanh"))
        return x, rows // merge, columns // merge

    def forward(self, pictures: Tensor) -> Tensor:
        """(batch, rows * columns + rows - 1, decoder width): the tokens with the row breaks between."""
        x, rows, columns = self.tokens(pictures)
        batch, _, width = x.shape
        x = x.view(batch, rows, columns, width)
        ends = self.row_break.to(x.dtype).expand(batch, rows, 1, width)
        return torch.cat((x, ends), 2).reshape(batch, rows * (columns + 1), width)[:, :-1]
