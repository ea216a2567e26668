"""Where a model is placed when it does not fit as requested, and the note about it."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from lechat_tui import paths
from lechat_tui.cli.oneshot import Hints
from lechat_tui.commands.receipts import table
from lechat_tui.engine.base import EngineError, Fitted, Loading, LocalModel, Request, ScarceMemory, TuningOptions
from lechat_tui.engine.llama.answer import answer, plan
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.llama.placement import SET_BY_USER, place, shape_of
from lechat_tui.engine.llama.tuning import choose, shortage
from lechat_tui.machine.footprint import GIB, ModelShape
from lechat_tui.machine.hardware import Machine, Memory
from lechat_tui.machine.placement import MemoryNeed
from lechat_tui.message import Message, Receipt, Sampling

MINISTRAL_8B = MemoryNeed(ModelShape(34, 8, 128, 4096, 131_072, 32, 14_336), 5_198_911_904)
MISTRAL_SMALL = MemoryNeed(ModelShape(40, 8, 128, 5120, 131_072, 32, 32_768), 14_333_922_848)
SPEC = LocalModel("m", Path("m.gguf"), context=16_384, adapt=True)
PC = Machine(cores=16, physical=8, memory=Memory(32 * GIB, 28 * GIB))


def test_what_fits_is_placed_as_requested():
    placed = place(SPEC, PC, MINISTRAL_8B, [24 * GIB])
    assert (placed.gpu_layers, placed.context, placed.kv_type, placed.note) == (-1, 16_384, "f16", "")


def test_a_context_that_would_not_fit_onto_the_gpu_is_shortened_with_a_note():
    placed = place(SPEC, PC, MINISTRAL_8B, [8 * GIB])
    assert (placed.gpu_layers, placed.context, placed.kv_type) == (-1, 8192, "f16")
    assert placed.note == "the context window has 8,192 tokens: 16,384 would not fit into the 8.6 GB of GPU memory"


def test_the_kv_cache_is_quantized_before_layers_leave_the_gpu():
    placed = place(SPEC, PC, MISTRAL_SMALL, [16 * GIB])
    assert (placed.gpu_layers, placed.context, placed.kv_type) == (-1, 8192, "q8_0")
    assert "slightly less precise" in placed.note and "8,192" in placed.note


def test_a_gpu_that_is_too_small_holds_some_of_the_layers():
    placed = place(SPEC, PC, MISTRAL_SMALL, [12 * GIB])
    assert 10 < placed.gpu_layers < 40 and placed.context == 16_384
    assert f"{placed.gpu_layers} of its layers are on the GPU" in placed.note


def test_a_gpu_that_would_hold_too_few_layers_is_not_used():
    placed = place(SPEC, PC, MISTRAL_SMALL, [3 * GIB])
    assert placed.gpu_layers == 0 and "everything runs on the CPU" in placed.note


def test_two_gpus_hold_what_one_does_not():
    assert place(SPEC, PC, MISTRAL_SMALL, [12 * GIB, 12 * GIB]).gpu_layers == -1


def test_memory_that_cpu_and_gpu_share_is_counted_once():
    mac = Machine(cores=8, physical=8, memory=Memory(16 * GIB, 12 * GIB))
    placed = place(SPEC, mac, MISTRAL_SMALL, [11 * GIB], shared=True)
    assert placed.gpu_layers == 0
    assert place(SPEC, mac, MISTRAL_SMALL, [11 * GIB]).gpu_layers > 10
    assert place(SPEC, mac, MINISTRAL_8B, [11 * GIB], shared=True).gpu_layers == -1


def test_a_context_set_by_the_user_is_not_changed():
    mine = replace(SPEC, adapt=False)
    placed = place(mine, PC, MINISTRAL_8B, [8 * GIB])
    assert placed.context == 16_384 and placed.why_context == SET_BY_USER
    assert placed.kv_type == "q8_0"


def test_without_a_gpu_the_memory_decides():
    small = Machine(cores=4, physical=4, memory=Memory(8 * GIB, 7 * GIB))
    placed = place(SPEC, small, MINISTRAL_8B, None)
    assert placed.gpu_layers == 0 and placed.context < 16_384 and "would not fit into the memory" in placed.note
    assert place(SPEC, PC, MINISTRAL_8B, None).note == ""


def test_what_cannot_be_calculated_is_placed_as_requested():
    assert place(SPEC, PC, None, [GIB]).gpu_layers == -1
    assert place(SPEC, PC, MISTRAL_SMALL, [0]).context == 16_384


def test_more_memory_never_gives_less():
    grades = {"f16": 1, "q8_0": 0}
    for need in (MINISTRAL_8B, MISTRAL_SMALL):
        before = (False, 0, 0)
        for gib in range(1, 40):
            placed = place(SPEC, PC, need, [gib * GIB])
            now = (placed.gpu_layers < 0, grades[placed.kv_type] if placed.gpu_layers < 0 else 0, placed.gpu_layers)
            assert now[:2] >= before[:2]
            assert now[2] < 0 or now[2] >= before[2]
            before = now


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"general.architecture": "llama"},
        {"general.architecture": "llama", "llama.block_count": "-3", "llama.attention.head_count": "x"},
        {"general.architecture": "mamba2", "mamba2.block_count": "64", "mamba2.ssm.state_size": "128"},
    ],
)
def test_a_file_with_incomplete_metadata_has_no_shape(metadata):
    assert shape_of(metadata, 32_768) is None


SQUEEZED = LocalModel(
    "chaton", paths.bundled("chaton") / "chaton-q8_0.gguf", context=4096, tuning=TuningOptions(threads=1), adapt=True
)


def test_the_shorter_window_reaches_llama_cpp_the_receipt_and_the_plan():
    full = Machine(1, 1, memory=Memory(GIB, 2_100_000))  # a window of 4096 tokens takes 4 MiB, of q8_0 2.1
    with closing(Llama(SQUEEZED, lambda _: None, machine=full)) as llama:
        assert llama.window == 2048
        request = Request(SQUEEZED, (Message("user", "What is 7 + 5?"),), Sampling(0.0))
        first = next(event for event in answer(llama, request, lambda: False) if isinstance(event, Fitted))
        assert first.receipt and first.receipt.context == 2048 and "2,048" in first.receipt.memory
        planned = next(iter(plan(llama, request)))
        assert isinstance(planned, Fitted) and planned.note == first.receipt.memory


NOTE = "the context window has 8,192 tokens: 16,384 would not fit into the 8.6 GB of GPU memory"


def test_the_note_is_printed_on_stderr_unless_quiet(capsys):
    for quiet in (False, True):
        Hints(quiet).show(Fitted(1, 8192, note=NOTE), "m")
        assert capsys.readouterr().err == ("" if quiet else f"lechat: m: {NOTE}\n")


def test_the_note_is_in_the_receipt():
    assert ("memory", NOTE) in list(table(Receipt("m", memory=NOTE)))
    assert "memory" not in dict(table(Receipt("m")))


def test_a_context_larger_than_the_memory_is_refused_before_it_is_allocated():
    spec = LocalModel("chaton", paths.bundled("chaton") / "chaton-q8_0.gguf", context=2**31 - 1)
    with pytest.raises(EngineError, match=r"a context of 2147483647 tokens needs .* this machine has"):
        Llama(spec, lambda event: None, machine=PC)


def test_a_model_that_needs_more_memory_than_is_free_is_loaded_after_a_warning_and_not_ahead_of_a_question():
    crowded, told = Machine(1, 1, memory=Memory(GIB, 2_500_000)), list[Loading]()
    with pytest.raises(ScarceMemory, match=r"is not loaded before it is needed: it needs .* and only 2.5 MB is free"):
        Llama(SQUEEZED, told.append, machine=crowded, careful=True)
    assert told == []
    Llama(SQUEEZED, told.append, machine=crowded).close()
    assert "2.5 MB is free" in told[0].note and not any(event.note for event in told[1:])


@pytest.mark.parametrize(
    ("weights", "need", "layers", "available", "lacks"),
    [
        (15 * GIB, None, 0, 16 * GIB, False),
        (15 * GIB, None, 0, 14 * GIB, True),
        (15 * GIB, None, -1, 1 * GIB, False),  # all of it is on a GPU
        (13 * GIB, MISTRAL_SMALL, 0, 14 * GIB, True),  # with its KV cache
        (15 * GIB, MISTRAL_SMALL, 0, 18 * GIB, False),
        (15 * GIB, MISTRAL_SMALL, 20, 10 * GIB, False),  # half of it is
        (15 * GIB, MISTRAL_SMALL, 20, 7 * GIB, True),
    ],
)
def test_a_model_lacks_memory_where_its_part_in_ram_is_larger_than_what_is_free(
    weights, need, layers, available, lacks
):
    tuning = replace(choose(SQUEEZED, Machine(8, 8)), gpu_layers=layers, context=8192)
    assert bool(shortage(weights, need, tuning, available)) == lacks
