"""What one cell of the KV cache holds, and what two sequences of cells have in common. Does not import llama_cpp."""

from collections.abc import Sequence
from itertools import takewhile

Cell = int | str
"""One position of the KV cache: a token ID, or the SHA-256 of the image whose embedding is there."""


def common_prefix(cells: Sequence[Cell], wanted: Sequence[Cell]) -> int:
    """How many of the wanted cells need not be evaluated where `cells` are in the cache.

    The last wanted cell never counts, since it must be evaluated for its logits, and an image counts as a whole or not
    at all.
    """
    pairs = zip(cells, wanted[:-1], strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    while 0 < shared < len(wanted) and isinstance(wanted[shared], str) and wanted[shared] == wanted[shared - 1]:
        shared -= 1
    return shared


def equal_prefix(cells: Sequence[Cell], other: Sequence[Cell]) -> int:
    """The number of cells with which both begin."""
    pairs = enumerate(zip(cells, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(cells), len(other)))
