"""How llama.cpp is set up for a machine, and that the settings reach it."""

from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

import llama_cpp
import pytest

from lechat_tui import paths
from lechat_tui.engine.base import Delta, LocalModel, Request, TuningOptions
from lechat_tui.engine.llama.answer import answer
from lechat_tui.engine.llama.devices import devices
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.llama.placement import SET_BY_USER
from lechat_tui.engine.llama.tuning import Tuning, choose
from lechat_tui.machine.footprint import GIB, ModelShape
from lechat_tui.machine.hardware import Machine, Memory
from lechat_tui.machine.placement import MemoryNeed
from lechat_tui.message import Message, Sampling

SPEC = LocalModel("m", Path("m.gguf"))
HUGE = MemoryNeed(ModelShape(88, 8, 128, 12_288, 131_072, 96, 28_672), 74_000_000_000)
LAPTOP = Machine(cores=16, physical=8, memory=Memory(32_000_000_000, 20_000_000_000))


def why(tuning: Tuning, name: str) -> str:
    return tuning.why[[field.name for field in fields(Tuning)].index(name)]


def test_every_setting_has_its_reason():
    tuning = choose(SPEC, LAPTOP, gpus=None)
    assert len(tuning.why) == len(fields(Tuning)) - 2 and all(tuning.why)


@pytest.mark.parametrize(
    ("machine", "threads"),
    [
        (LAPTOP, 8),
        (replace(LAPTOP, physical=None), 8),
        (replace(LAPTOP, cores=4, physical=None), 4),
        (replace(LAPTOP, cores=1, physical=1), 1),
    ],
)
def test_each_thread_gets_a_core_of_its_own(machine, threads):
    tuning = choose(SPEC, machine, gpus=None)
    assert (tuning.threads, tuning.threads_batch) == (threads, threads)


def test_layers_go_to_a_gpu_that_is_there():
    assert choose(SPEC, LAPTOP, gpus=[24 * GIB]).gpu_layers == -1
    assert choose(SPEC, LAPTOP, gpus=None).gpu_layers == 0
    assert choose(replace(SPEC, tuning=TuningOptions(gpu_layers=12)), LAPTOP, gpus=[24 * GIB]).gpu_layers == 12


def test_the_batch_is_small_on_a_cpu_and_large_on_a_gpu():
    assert choose(SPEC, LAPTOP, gpus=None).batch == 128
    assert choose(SPEC, LAPTOP, gpus=[24 * GIB]).batch == 512
    assert choose(replace(SPEC, tuning=TuningOptions(batch=64)), LAPTOP, gpus=[24 * GIB]).batch == 64


def test_settings_of_the_user_are_kept_and_marked_as_theirs():
    options = TuningOptions(
        gpu_layers=3, threads=5, threads_batch=6, batch=64, flash_attention="off", kv_type="f16", mmap=False
    )
    tuning = choose(replace(SPEC, tuning=options), LAPTOP, gpus=[GIB], need=HUGE)
    assert tuning == Tuning(3, 8192, 5, 6, 64, "off", "f16", False, (SET_BY_USER,) * 8)


def test_the_devices_of_this_machine_are_listed():
    found = devices()
    assert any(device.type == "CPU" for device in found)
    assert all(device.name and device.description for device in found)


def kept(llama: Llama) -> int:
    """Bytes of the state of the one sequence."""
    return int(llama_cpp.llama_state_seq_get_size(llama.context, 0))


def test_the_settings_reach_llama_cpp_and_it_still_answers():
    sizes = {}
    for kv_type in ("f16", "q8_0"):
        spec = LocalModel(
            "chaton",
            paths.bundled("chaton") / "chaton-q8_0.gguf",
            context=512,
            tuning=TuningOptions(threads=1, threads_batch=2, batch=32, kv_type=kv_type, mmap=False),
        )
        with closing(Llama(spec, lambda _: None)) as llama:
            request = Request(spec, (Message("user", "What is 7 + 5?"),), Sampling(0.0))
            text = [event.text for event in answer(llama, request, lambda: False) if isinstance(event, Delta)]
            assert "12" in "".join(text)
            assert llama_cpp.llama_n_ubatch(llama.context) == 32
            assert llama_cpp.llama_n_threads(llama.context) == 1
            assert llama_cpp.llama_n_threads_batch(llama.context) == 2
            sizes[kv_type] = kept(llama) / len(llama.cache.cells)
    assert sizes["q8_0"] < 0.7 * sizes["f16"]
