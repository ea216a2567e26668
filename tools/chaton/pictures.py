"""Images as they reach the vision tower: resized, padded with black, averaged."""

import io
import random

import numpy as np
import torch
import words
from corpus import Drawing
from drawing import draw
from PIL import Image, ImageFilter
from torch import Tensor

COLOURS = list(words.COLOURS)
SHAPES = list(words.SHAPES)

TOKEN = 112
"""Side in pixels of what one decoder token covers."""
REDUCE = 4

Grid = tuple[int, int]
"""Rows and columns of decoder tokens."""


def some_grid(rng: random.Random, pictures: int = 1) -> Grid:
    """At least 8 tokens, as llama.cpp makes of small images; large grids only for small batches."""
    kind = rng.random()
    if kind < 0.34 or pictures > 90:
        return 3, 3
    most = 18 if kind > 0.86 else 8
    while True:
        rows, columns = rng.randint(1, most), rng.randint(1, most)
        if (
            rows * columns >= 8
            and max(rows, columns) <= 4 * min(rows, columns) + 4
            and rows * columns * max(pictures, 1) <= 900
        ):
            return rows, columns
        most = max(4, most - 1)


def render(drawing: Drawing, grid: Grid, rng: random.Random) -> Tensor:
    """(3, rows * 28, columns * 28) in [-1, 1]: the image after resizing, black bars and averaging over 4 x 4 pixels."""
    rows, columns = grid
    height, width = rows * TOKEN // REDUCE, columns * TOKEN // REDUCE
    finer = 3 if rows * columns <= 24 else 2
    bar = rng.randint(0, TOKEN // REDUCE) if rng.random() < 0.6 else 0
    inner_width, inner_height = (width - bar, height) if rng.random() < 0.5 else (width, height - bar)
    inner_width, inner_height = max(inner_width, 14), max(inner_height, 14)
    # llama.cpp enlarges small images: fewer pixels, softer edges.
    shrink = rng.uniform(0.1, 0.5) if rng.random() < 0.3 else finer
    image = draw(drawing, max(20, int(inner_width * shrink)), max(20, int(inner_height * shrink)), rng)
    if rng.random() < 0.1:
        packed = io.BytesIO()
        image.save(packed, "JPEG", quality=rng.randint(30, 95))
        image = Image.open(packed)
    image = image.resize((inner_width, inner_height), Image.Resampling.BICUBIC if shrink < 1 else Image.Resampling.BOX)
    if rng.random() < 0.1:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
    pixels = np.zeros((height, width, 3), np.float32)
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    content = np.asarray(image, np.float32)
    if rng.random() < 0.4:
        content = content + np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(1, 8), content.shape)
    pixels[top : top + inner_height, left : left + inner_width] = content.clip(0, 255)
    return torch.from_numpy(pixels / 127.5 - 1).permute(2, 0, 1)
