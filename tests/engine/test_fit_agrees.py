"""What `models.fit` promises before a download is what the engine does with the file."""

from itertools import product
from pathlib import Path

import pytest

from lechat_tui.engine.base import LocalModel
from lechat_tui.engine.llama.tuning import choose
from lechat_tui.machine.footprint import GIB, ModelShape
from lechat_tui.machine.hardware import Gpu, Machine, Memory
from lechat_tui.machine.placement import MemoryNeed
from lechat_tui.models.catalog import Model, Weights
from lechat_tui.models.fit import CPU_CONTEXT, Resources, measure

MODELS = {
    "3B": (ModelShape(26, 8, 128, 3072, 131_072, 32, 9216), 2_147_000_000),
    "8B": (ModelShape(34, 8, 128, 4096, 131_072, 32, 14_336), 5_198_911_904),
    "24B": (ModelShape(40, 8, 128, 5120, 131_072, 32, 32_768), 14_333_922_848),
    "123B": (ModelShape(88, 8, 128, 12_288, 131_072, 96, 28_672), 74_000_000_000),
}
PROJECTOR = 900_000_000

GPUS = ((), (4,), (6,), (8,), (12,), (16,), (24,), (48,), (80,), (12, 12), (24, 8), (24, 24))
"""GiB of each."""

RAM = (4, 8, 16, 32, 64, 128)
"""GiB."""


@pytest.mark.parametrize("gpus", GPUS, ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_fit_and_the_engine_decide_the_same_context_kv_type_and_layers(name, gpus):
    shape, weights = MODELS[name]
    for ram, context, projector in product(RAM, (8192, 16_384, 32_768), (0, PROJECTOR)):
        files = Weights("m.gguf", weights), Weights("p.gguf", projector) if projector else None
        model = Model(
            "m", "M", ("text",), files[0], projector=files[1], context=context, trained=context, shape=shape
        )  # trained for no more, so that fit recommends no more than the engine is asked for
        fit = measure(model, Resources(tuple(Gpu("", "", gib * GIB) for gib in gpus), ram=ram * GIB))
        if not fit.fits or (fit.gpu_layers >= 0 and context > CPU_CONTEXT):
            continue  # fit advises against a longer context where the CPU computes; the engine opens it if asked
        spec = LocalModel("m", Path("m.gguf"), context=context, adapt=True)
        tuning = choose(
            spec,
            Machine(8, 8, Memory(ram * GIB)),
            gpus=[gib * GIB for gib in gpus] or None,
            need=MemoryNeed(shape, weights, projector),
        )
        assert (tuning.context, tuning.kv_type, tuning.gpu_layers) == (fit.context, fit.kv_type, fit.gpu_layers), (
            f"{ram} GiB of RAM, {context} tokens, projector of {projector} bytes"
        )
