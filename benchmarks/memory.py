"""Compares the memory that `footprint` predicts with what llama.cpp allocates, for models of real shape.

    python benchmarks/memory.py FOLDER 0.6b 1b 3b 8b

The models are those of `random_model.py`, of type q4_0. Each configuration is loaded by the engine's own code in a
process of its own. llama.cpp logs what it allocates, in lines like "CPU KV buffer size = 128.00 MiB". Weights that it
rearranges for the CPU count twice there, as mapped and as REPACK; the prediction for these is that of Q4_0 matrices.
"""

import argparse
import re
import subprocess
import sys
from collections import Counter
from itertools import product
from pathlib import Path

from random_model import SHAPES, Shape

from lechat_tui.engine.base import LocalModel, TuningOptions
from lechat_tui.machine import footprint
from lechat_tui.machine.footprint import KvType

CONTEXTS, BATCHES = (4096, 32_768), (512, 128)
KV_TYPES: tuple[KvType, ...] = ("f16", "q8_0")
FEW: dict[str, tuple[tuple[int, KvType, int], ...]] = {"8b": ((8192, "f16", 512), (32_768, "q8_0", 512))}
"""The configurations of a model that takes long to load."""

MIB = 1 << 20


def load(spec: LocalModel) -> None:
    """Load a model as the engine does, and print the peak memory of this process in bytes."""
    import resource

    from lechat_tui.engine.llama.model import Llama

    Llama(spec, lambda _: None)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def measured(model: Path, context: int, kind: KvType, batch: int) -> tuple[Counter[str], int]:
    """Bytes of llama.cpp's buffers by kind, and of the whole process."""
    command = [sys.executable, __file__, "--load", str(model), str(context), kind, str(batch)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    sizes: Counter[str] = Counter()
    for device, what, size in re.findall(r"(\S+) (\S+) buffer size = +([\d.]+) MiB", done.stderr):
        sizes["repack" if "REPACK" in device else what] += round(float(size) * MIB)
    return sizes, int(done.stdout)


def predicted(shape: Shape, model: Path, context: int, kind: KvType, batch: int) -> Counter[str]:
    """The same as predicted."""
    known = footprint.ModelShape(
        shape.layers, shape.kv_heads, shape.head_width, shape.width, shape.vocabulary, shape.heads, shape.inner
    )
    attention = 2 * shape.width * (shape.heads + shape.kv_heads) * shape.head_width
    matrices = shape.layers * (attention + 3 * shape.width * shape.inner)
    return Counter(
        {
            "model": model.stat().st_size,
            "repack": matrices * 18 // 32,
            "KV": footprint.kv_bytes(known, context, kind),
            "compute": footprint.compute_bytes(known, context, kind, batch=batch),
            "output": 4 * shape.vocabulary,
        }
    )


def main() -> None:
    """Print a line for each configuration, and the lowest and highest ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("shapes", nargs="+", choices=SHAPES)
    options = parser.parse_args()
    names = ("model", "repack", "KV", "compute")
    print(f"{'':<28}" + "".join(f"{name:>16}" for name in (*names, "together")) + f"{'process':>12}")
    ratios = []
    for name in options.shapes:
        model = options.folder / f"random-{name}-q4_0.gguf"
        for context, kind, batch in FEW.get(name, product(CONTEXTS, KV_TYPES, BATCHES)):
            real, process = measured(model, context, kind, batch)
            foretold = predicted(SHAPES[name], model, context, kind, batch)
            pairs = [(foretold[what], real[what]) for what in names] + [(foretold.total(), real.total())]
            ratios.append(foretold.total() / real.total())
            cells = "".join(f"{mine / MIB:>8.0f}/{theirs / MIB:<7.0f}" for mine, theirs in pairs)
            print(
                f"{name:<5}{context:>7} {kind:<5} {batch:>4}  {ratios[-1]:>6.1%} {cells}{process / MIB:>9.0f}",
                flush=True,
            )
    print(f"predicted / allocated: {min(ratios):.1%} to {max(ratios):.1%}; sizes in MiB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load"]:
        path, context, kind, batch = sys.argv[2:]
        tuning = TuningOptions(kv_type="q8_0" if kind == "q8_0" else "f16", batch=int(batch))
        load(LocalModel("model", Path(path), context=int(context), tuning=tuning))
    else:
        main()
