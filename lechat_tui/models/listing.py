"""Sense made of a list of GGUF files by their names: quantizations, parts of a file, which projector is whose.

A list is that of a repository on the hub, or of a folder; nothing is read here.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from lechat_tui.machine.split_files import first_part, part, without_part
from lechat_tui.models.catalog import ModelError, Weights

_QUANT = re.compile(
    r"(?<![A-Za-z0-9])((?:UD-)?(?:I?Q[1-8]_(?:K_(?:XXL|XL|L|M|S|P)|K|[01](?:_[48]_[48])?|XXS|XS|NL|S|M|L)"
    r"|TQ[12]_0|(?:MX|NV)FP4(?:_MOE)?|BF16|FP?16|FP?32))(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_SIZE = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)b(?![a-z0-9])")
_PROJECTOR = re.compile(r"mm-?proj(?:ector)?", re.IGNORECASE)

USUAL = "Q4_K_M"
"""The quantization taken when none is named: half the size of Q8_0 and close to it."""
_PRECISION = ("F16", "BF16", "F32", "Q8_0")
"""Of a projector, the best first: BF16 is slow on some graphics cards, and F32 twice as large for nothing."""


def quant(file: str) -> str:
    """The quantization a file name says, as in `Q4_K_M`; empty where it says none."""
    found = _QUANT.findall(_stem(file))
    return found[-1].upper().replace("FP16", "F16").replace("FP32", "F32") if found else ""


@lru_cache(maxsize=4096)
def base(file: str) -> str:
    """What two quantizations of one model have in common: letters and digits of the name without the rest."""
    return re.sub(r"[^a-z0-9]+", "", _bare(file))


def is_projector(file: str) -> bool:
    """Whether the name is that of a projector (mmproj) file."""
    return bool(_PROJECTOR.search(_stem(file)))


@dataclass(frozen=True)
class Listing:
    """The models and projectors among some files."""

    models: tuple[Weights, ...]
    """Split files are one each, with the size of all parts; the smallest first."""
    projectors: tuple[Weights, ...]

    def named(self, file: str) -> Weights:
        """The model in this file, or in this part of one. Raises `ModelError`."""
        wanted = first_part(file)
        found = next((weights for weights in self.models if weights.file == wanted), None)
        if found:
            return found
        if any(weights.file == file for weights in self.projectors):
            raise ModelError(f"{file} is a projector, not a model; name the model it belongs to")
        raise ModelError(f"there is no {file}; there are {_names(w.file for w in self.models)}")

    def quantized(self, wanted: str) -> Weights:
        """The model of this quantization, in whatever case, or of the best that begins so (`Q4`); for none, the usual.

        Raises `ModelError` that names those there are.
        """
        if not self.models:
            raise ModelError("there is no GGUF model in it; look for a repository whose name ends in GGUF")
        if len({base(weights.file) for weights in self.models}) > 1:
            raise ModelError(f"it holds several models; name a file: {_names(w.file for w in self.models)}")
        for fits in (str.__eq__, str.startswith):
            offered = [weights for weights in self.models if fits(weights.quant.lower(), wanted.lower())]
            if offered and (wanted or fits is str.startswith):
                return usual(offered)
        raise ModelError(f"it has no quantization {wanted}; there are {_names(w.quant for w in self.models)}")

    def others(self, chosen: Weights) -> tuple[Weights, ...]:
        """The other quantizations of the same model, the smallest first."""
        own = base(chosen.file)
        return tuple(w for w in self.models if w != chosen and w.quant and base(w.file) == own)

    def projector(self, weights: Weights) -> Weights | None:
        """The projector that sees for this model; None where there is none, or none is sure to be its own."""
        own, alone = base(weights.file), len({base(w.file) for w in self.models}) == 1
        named = [p for p in self.projectors if _same_model(base(p.file), own) and _same_size(p, weights)]
        if not named and alone:
            named = [p for p in self.projectors if _same_size(p, weights)]
            if len({base(p.file) for p in named}) > 1:
                return None
        return min(named, key=_precision, default=None)


def usual(offered: Sequence[Weights]) -> Weights:
    """The usual quantization, else the nearest below it, else the smallest."""
    for weights in offered:
        if weights.quant == USUAL:
            return weights
    below = [weights for weights in offered if _bits(weights.quant) <= _bits(USUAL)]
    return max(below, key=lambda w: w.size) if below else min(offered, key=lambda w: w.size)


def listed(files: Iterable[Weights]) -> Listing:
    """Sort files into models and projectors; parts of a split file count once, and not at all when one is missing."""
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


def _precision(projector: Weights) -> tuple[int, str]:
    known = projector.quant in _PRECISION
    return _PRECISION.index(projector.quant) if known else len(_PRECISION), projector.file


def _trunk(file: str) -> str:
    return file.rpartition("/")[2].removesuffix(".gguf")


def _stem(file: str) -> str:
    return without_part(_trunk(file))


def _bare(file: str) -> str:
    """The name without publisher, quantization, part, `mmproj` and `imatrix`."""
    bare = _PROJECTOR.sub("", _QUANT.sub("", _stem(file))).lower().strip("-._")
    return re.sub(r"[-._](?:i1|imat|imatrix)(?=[-._]|$)", "", re.sub(r"^[a-z-]+_(?=[a-z])", "", bare))


def _same_model(one: str, other: str) -> bool:
    """Whether one name is the other, perhaps with the publisher's before it."""
    if one == other:
        return bool(one)
    return len(one) > 3 and len(other) > 3 and (one.endswith(other) or other.endswith(one))


def _same_size(one: Weights, other: Weights) -> bool:
    """False when both names say a size, as in `8B`, and another one."""
    sizes = [set(_SIZE.findall(_bare(weights.file))) for weights in (one, other)]
    return not (sizes[0] and sizes[1]) or bool(sizes[0] & sizes[1])


def _bits(quant: str) -> int:
    """Bits of a weight, roughly; of an unknown quantization, very many."""
    found = re.search(r"\d+", quant)
    return int(found[0]) if found else 99


def _names(names: Iterable[str]) -> str:
    known = list(dict.fromkeys(filter(None, names)))
    return ", ".join(known[:12]) + (f" and {len(known) - 12} more" if len(known) > 12 else "") or "none"
