"""Decides how llama.cpp is set up for a model on a machine, with a reason for each choice. Pure: reads nothing."""

from collections.abc import Sequence
from dataclasses import replace

from lechat_tui.engine.base import FlashAttention, LocalModel
from lechat_tui.engine.llama.placement import SET_BY_USER, place
from lechat_tui.machine.footprint import CPU_BATCH, GPU_BATCH, KvType
from lechat_tui.machine.hardware import Machine
from lechat_tui.machine.placement import MemoryNeed
from lechat_tui.units import size_text
from lechat_tui.values import dataclass


@dataclass(frozen=True)
class Tuning:
    """The settings of llama.cpp that depend on the machine."""

    gpu_layers: int
    """-1 is all of them."""
    context: int
    """The context window, in tokens."""
    threads: int
    """For decoding, one token at a time, and for both while nothing else runs (see `threads.py`)."""
    threads_batch: int
    """For prefill, and for evaluating draft tokens."""
    batch: int
    """The micro-batch: tokens of a prompt computed at once, between two checks for a stop."""
    flash_attention: FlashAttention
    kv_type: KvType
    mmap: bool | None
    """None leaves it to llama.cpp."""
    why: tuple[str, ...]
    """The reason for each of the settings above, in their order."""
    note: str = ""
    """What was reduced to make the model fit, as a sentence; empty for nothing."""


def choose(
    spec: LocalModel,
    machine: Machine,
    *,
    gpus: Sequence[int] | None = None,
    shared: bool = False,
    need: MemoryNeed | None = None,
) -> Tuning:
    """The settings for this model.

    `gpus` has the bytes of each GPU that llama.cpp can use, 0 for an unknown size; None without any. `shared` says that
    these are part of the RAM. `need` is the memory the model needs, where that is known.
    """
    threads, why_threads = _threads(spec, machine)
    batch, why_batch = _batch(spec, gpu=bool(gpus))
    placed = place(spec, machine, replace(need, batch=batch) if need else None, gpus, shared=shared)
    flash, why_flash = _flash_attention(spec, placed.kv_type)
    why_threads_batch = SET_BY_USER if spec.tuning.threads_batch else "as many as for decoding"
    why_mmap = "llama.cpp chooses what suits the device" if spec.tuning.mmap is None else SET_BY_USER
    return Tuning(
        gpu_layers=placed.gpu_layers,
        context=placed.context,
        threads=threads,
        threads_batch=spec.tuning.threads_batch or threads,
        batch=batch,
        flash_attention=flash,
        kv_type=placed.kv_type,
        mmap=spec.tuning.mmap,
        why=(
            placed.why_layers,
            placed.why_context,
            why_threads,
            why_threads_batch,
            why_batch,
            why_flash,
            placed.why_kv_type,
            why_mmap,
        ),
        note=placed.note,
    )


def shortage(weights: int, need: MemoryNeed | None, tuning: Tuning, available: int) -> str:
    """What a model needs and what is free, as a sentence, where it needs more RAM than that; else empty.

    `weights` is the size of its files in bytes, all that is known without a `need`. Weights that are mapped count, too:
    the system drops and reads them again for each token where they do not fit.
    """
    if tuning.gpu_layers < 0:
        return ""
    share, wanted = 1.0, weights
    if need:
        share -= min(1.0, tuning.gpu_layers / (need.shape.layers + 1))
        need = replace(need, batch=tuning.batch)
        wanted = need.bytes(tuning.context, tuning.kv_type, gpu=False) - need.reserve(gpu=False)
    wanted = int(wanted * share)
    if wanted <= available:
        return ""
    return (
        f"it needs {size_text(wanted)} of memory and only {size_text(available)} is free, so it and other programs "
        "would be very slow; close some programs, or use a smaller model (lechat fit)"
    )


def _threads(spec: LocalModel, machine: Machine) -> tuple[int, str]:
    """llama.cpp's threads wait for each other by spinning, so one without a core of its own stalls all others."""
    if spec.tuning.threads:
        return spec.tuning.threads, SET_BY_USER
    count, why = default_threads(machine)
    return count, f"{why}; fewer while other programs use them"


def default_threads(machine: Machine) -> tuple[int, str]:
    """How many threads are fastest on a machine that does nothing else, and why."""
    if machine.physical:
        return machine.physical, "one for each physical core"
    if machine.cores > 4:
        return machine.cores // 2, "half of the logical cores, since the others are usually hyperthreads"
    return machine.cores, "one for each core"


def _batch(spec: LocalModel, *, gpu: bool) -> tuple[int, str]:
    if spec.tuning.batch:
        return spec.tuning.batch, SET_BY_USER
    if gpu:
        return GPU_BATCH, "a GPU is fastest with large batches"
    return (
        CPU_BATCH,
        "a CPU is no faster with larger ones, and smaller ones show progress sooner and need less memory",
    )


def _flash_attention(spec: LocalModel, kv_type: KvType) -> tuple[FlashAttention, str]:
    if spec.tuning.flash_attention:
        return spec.tuning.flash_attention, SET_BY_USER
    if kv_type != "f16":
        return "on", f"a KV cache of {kv_type} needs it"
    return "auto", "llama.cpp turns it on where the device can"
