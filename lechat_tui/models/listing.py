"""What the names of GGUF files say: quantizations, parts of split files, and which projector belongs to which model.

The files are those of a repository on the hub or of a folder; none is opened.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from lechat_tui.machine.split_files import first_part, part, without_part
from lechat_tui.models.catalog import ModelError, Weights
from lechat_tui.values import dataclass

_QUANT = re.compile(
    r"(?<![A-Za-z0-9])((?:UD-)?(?:I?Q[1-8]_(?:K_(?:XXL|XL|L|M|S|P)|K|[01](?:_[48]_[48])?|XXS|XS|NL|S|M|L)"
    r"|TQ[12]_0|(?:MX|NV)FP4(?:_MOE)?|BF16|FP?16|FP?32))(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_SIZE = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)b(?![a-z0-9])")
_PROJECTOR = re.compile(r"mm-?proj(?:ector)?", re.IGNORECASE)

DEFAULT_QUANT = "Q4_K_M"
"""The default quantization: half the size of Q8_0 with nearly the same quality."""
_PROJECTOR_TYPES = ("F16", "BF16", "F32", "Q8_0")
"""Preferred types of a projector: BF16 is slow on some GPUs, and F32 is twice as large without being better."""


def quant(file: str) -> str:
    """The quantization in a file name, such as `Q4_K_M`; empty if there is none."""
    found = _QUANT.findall(_stem(file))
    return found[-1].upper().replace("FP16", "F16").replace("FP32", "F32") if found else ""


@lru_cache(maxsize=4096)
def base(file: str) -> str:
    """The part of the name that all quantizations of a model share, in lowercase letters and digits."""
    return re.sub(r"[^a-z0-9]+", "", _bare(file))


def is_projector(file: str) -> bool:
    """Whether the name is that of a projector (mmproj) file."""
    return bool(_PROJECTOR.search(_stem(file)))


@dataclass(frozen=True)
class Listing:
    """The models and projectors among some files."""

    models: tuple[Weights, ...]
    """Smallest first. A split file is one entry with the size of all parts."""
    projectors: tuple[Weights, ...]

    def named(self, file: str) -> Weights:
        """The model in this file, or in the split file that it is a part of. Raises `ModelError`."""
        wanted = first_part(file)
        found = next((weights for weights in self.models if weights.file == wanted), None)
        if found:
            return found
        if any(weights.file == file for weights in self.projectors):
            raise ModelError(f"{file} is a projector, not a model; name the model it belongs to")
        raise ModelError(f"there is no file {file}; available are {_names(w.file for w in self.models)}")

    def quantized(self, wanted: str) -> Weights:
        """The model in this quantization, or in the best one that begins with `wanted` (`Q4`); by default `Q4_K_M`.

        Upper and lower case are the same. Raises `ModelError` that lists the available ones.
        """
        if not self.models:
            raise ModelError("it has no GGUF model; look for a repository whose name ends in GGUF")
        if len({base(weights.file) for weights in self.models}) > 1:
            raise ModelError(f"it has several models; choose a file: {_names(w.file for w in self.models)}")
        for fits in (str.__eq__, str.startswith):
            offered = [weights for weights in self.models if fits(weights.quant.lower(), wanted.lower())]
            if offered and (wanted or fits is str.startswith):
                return best_quant(offered)
        raise ModelError(f"it has no quantization {wanted}, only {_names(w.quant for w in self.models)}")

    def others(self, chosen: Weights) -> tuple[Weights, ...]:
        """The other quantizations of the same model, the smallest first."""
        own = base(chosen.file)
        return tuple(w for w in self.models if w != chosen and w.quant and base(w.file) == own)

    def projector(self, weights: Weights) -> Weights | None:
        """The projector of this model; None if there is none, or none that certainly belongs to it."""
        own, alone = base(weights.file), len({base(w.file) for w in self.models}) == 1
        named = [p for p in self.projectors if _same_model(base(p.file), own) and _same_size(p, weights)]
        if not named and alone:
            named = [p for p in self.projectors if _same_size(p, weights)]
            if len({base(p.file) for p in named}) > 1:
                return None
        return min(named, key=_projector_order, default=None)


def best_quant(offered: Sequence[Weights]) -> Weights:
    """The default quantization, else the largest one below it, else the smallest."""
    for weights in offered:
        if weights.quant == DEFAULT_QUANT:
            return weights
    below = [weights for weights in offered if _bits(weights.quant) <= _bits(DEFAULT_QUANT)]
    return max(below, key=lambda w: w.size) if below else min(offered, key=lambda w: w.size)


def listed(files: Iterable[Weights]) -> Listing:
    """Sort files into models and projectors; an incomplete split file is left out."""
    whole: dict[str, dict[int, Weights]] = defaultdict(dict)
    for weights in files:
        whole[first_part(weights.file)][part(weights.file)[0]] = weights
    joined = [_joined(first, parts) for first, parts in whole.items() if len(parts) == part(first)[1]]
    models = sorted((w for w in joined if not is_projector(w.file)), key=lambda w: (w.bytes, w.file))
    return Listing(tuple(models), tuple(w for w in joined if is_projector(w.file)))


def _joined(first: str, parts: dict[int, Weights]) -> Weights:
    if len(parts) == 1:
        return replace(next(iter(parts.values())), quant=quant(first))
    rows = [parts[number] for number in sorted(parts)]
    sums = tuple(row.sha256 for row in rows)
    return Weights(first, sum(row.bytes for row in rows), quant=quant(first), sha256s=sums if all(sums) else ())


def _projector_order(projector: Weights) -> tuple[int, str]:
    known = projector.quant in _PROJECTOR_TYPES
    return _PROJECTOR_TYPES.index(projector.quant) if known else len(_PROJECTOR_TYPES), projector.file


def _name(file: str) -> str:
    return file.rpartition("/")[2].removesuffix(".gguf")


def _stem(file: str) -> str:
    return without_part(_name(file))


def _bare(file: str) -> str:
    """The name without publisher, quantization, part number, `mmproj` and `imatrix`."""
    bare = _PROJECTOR.sub("", _QUANT.sub("", _stem(file))).lower().strip("-._")
    return re.sub(r"[-._](?:i1|imat|imatrix)(?=[-._]|$)", "", re.sub(r"^[a-z-]+_(?=[a-z])", "", bare))


def _same_model(one: str, other: str) -> bool:
    """Whether the names are the same, apart from a publisher at the beginning of one."""
    if one == other:
        return bool(one)
    return len(one) > 3 and len(other) > 3 and (one.endswith(other) or other.endswith(one))


def _same_size(one: Weights, other: Weights) -> bool:
    """False if both names contain a size, such as `8B`, and the sizes differ."""
    sizes = [set(_SIZE.findall(_bare(weights.file))) for weights in (one, other)]
    return not (sizes[0] and sizes[1]) or bool(sizes[0] & sizes[1])


def _bits(quant: str) -> int:
    """Approximate bits per weight; 99 for an unknown quantization."""
    found = re.search(r"\d+", quant)
    return int(found[0]) if found else 99


def _names(names: Iterable[str]) -> str:
    known = list(dict.fromkeys(filter(None, names)))
    return ", ".join(known[:12]) + (f" and {len(known) - 12} more" if len(known) > 12 else "") or "none"
