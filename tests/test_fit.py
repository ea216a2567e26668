"""What fits where: the machines people have, and that nothing is promised beyond their memory."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from lechat_tui.cli import fit as command
from lechat_tui.machine import footprint
from lechat_tui.machine.bandwidth import bandwidth
from lechat_tui.machine.footprint import GIB, ModelShape
from lechat_tui.machine.hardware import Gpu
from lechat_tui.models import catalog, fit, resources
from lechat_tui.models.catalog import ROLES, Model, ModelError, ModelRole, Weights
from lechat_tui.models.fit import Resources

CATALOG = catalog.read(Path(__file__).parent.parent / "models.toml")


def gpus(*sizes: float, ram: int = 0) -> Resources:
    return Resources(tuple(Gpu("", "", int(size * GIB)) for size in sizes), ram=ram * GIB)


def computer(name: str) -> Resources:
    match name.split():
        case ["Mac", size]:
            return Resources(unified=int(size) * GIB, ram=int(size) * GIB)
        case ["CPU", size]:
            return Resources(ram=int(size) * GIB)
        case sizes:
            return gpus(*map(int, sizes))


@pytest.mark.parametrize(
    ("name", "role", "model", "quant", "context", "most"),
    [
        ("8", "text", "ministral-3-8b", "Q4_K_M", 8192, 12_784),
        ("8", "vision", "ministral-3-3b", "Q4_K_M", 32_768, 34_448),
        ("12", "text", "ministral-3-14b", "Q4_K_M", 16_384, 18_522),
        ("12", "vision", "ministral-3-14b", "Q4_K_M", 8192, 11_189),
        ("16", "text", "mistral-small-3.2", "IQ4_XS", 16_384, 17_021),
        ("16", "code", "devstral-small-2", "IQ4_XS", 16_384, 17_021),
        ("16", "vision", "ministral-3-14b", "Q5_K_M", 24_576, 28_972),
        ("24", "text", "mistral-small-3.2", "Q5_K_M", 32_768, 45_136),
        ("24", "code", "devstral-small-2", "Q4_K_M", 49_152, 59_968),
        ("24", "vision", "mistral-small-3.2", "Q5_K_M", 32_768, 37_811),
        ("Mac 32", "text", "mistral-small-3.2", "Q4_K_M", 32_768, 45_550),
        ("Mac 32", "code", "devstral-small-2", "Q4_K_M", 32_768, 45_550),
        ("Mac 32", "vision", "mistral-small-3.2", "Q4_K_M", 32_768, 38_225),
        ("CPU 16", "text", "ministral-3-8b", "Q4_K_M", 16_384, 50_563),
        ("CPU 16", "vision", "ministral-3-3b", "Q4_K_M", 16_384, 83_853),
    ],
)
def test_common_machines_get_the_best_model_they_can_run(
    name: str, role: ModelRole, model: str, quant: str, context: int, most: int
) -> None:
    chosen = fit.best_by_role(CATALOG, computer(name))[role]
    assert (chosen.model.id.partition(":")[0], chosen.model.weights.quant) == (model, quant)
    assert (chosen.context, chosen.kv_type) == (context, "f16")
    assert chosen.largest_context == pytest.approx(most, rel=0.03)


@pytest.mark.parametrize(
    ("name", "id", "most"),
    [
        ("16", "mistral-small-3.2:Q4_K_M", 7539),
        ("16", "ministral-3-14b:Q6_K", 27_348),
        ("24", "mistral-small-3.2:Q6_K", 29_377),
        ("24", "codestral-22b:Q4_K_M", 47_000),
        ("12", "mistral-nemo:Q4_K_M", 23_000),
        ("CPU 16", "ministral-3-14b:Q4_K_M", 24_420),
    ],
)
def test_the_largest_context_of_a_quantization(name: str, id: str, most: int) -> None:
    model, _, quant = id.partition(":")
    trained = replace(CATALOG[model], trained=max(CATALOG[model].trained, 131_072)).quantized(quant)
    assert fit.measure(trained, computer(name), kv_type="f16", vision=False).largest_context == pytest.approx(
        most, rel=0.05
    )


def test_a_quantized_kv_cache_holds_nearly_twice_as_much() -> None:
    exact, quantized = (
        fit.measure(CATALOG["ministral-3-8b"], gpus(8), kv_type=kind, vision=False) for kind in ("f16", "q8_0")
    )
    assert quantized.largest_context / exact.largest_context == pytest.approx(64 / 34, rel=0.03)


def test_a_large_model_is_split_between_gpu_and_ram() -> None:
    mixtral = fit.best_quantization(CATALOG["mixtral-8x7b"].quantized("Q4_K_M"), gpus(24, ram=32))
    assert mixtral.fits and 20 <= mixtral.gpu_layers <= 28 and "the rest into RAM" in mixtral.reason
    assert not fit.measure(CATALOG["mixtral-8x7b"], computer("Mac 32")).fits


def test_a_model_that_does_not_fit_says_what_would() -> None:
    small = fit.measure(CATALOG["mistral-small-3.2"].quantized("Q8_0"), gpus(24))
    assert not small.fits and small.context == 0 and "too large" in small.reason
    short = fit.measure(CATALOG["ministral-3-8b"], gpus(8), context=65_536, vision=False)
    assert not short.fits and "it would fit" in short.reason


def test_a_mixture_of_experts_is_loaded_completely_and_read_in_part() -> None:
    dense = replace(CATALOG["mixtral-8x7b"], active=None)
    sparse = CATALOG["mixtral-8x7b"]
    whole, part = (fit.measure(model, Resources(ram=64 * GIB)) for model in (dense, sparse))
    assert whole.total == part.total and whole.speed and part.speed and part.speed > 3 * whole.speed


def test_the_speed_follows_from_the_bandwidth_and_may_be_unknown() -> None:
    known = Resources((Gpu("NVIDIA GeForce RTX 4090", "NVIDIA", 24 * GIB),))
    speed = fit.measure(CATALOG["mistral-small-3.1"], known).speed
    assert speed == pytest.approx(1008e9 / 14_333_910_496)
    assert fit.measure(CATALOG["mistral-small-3.1"], gpus(24)).speed is None


@pytest.mark.parametrize(
    ("name", "gigabytes"),
    [
        ("NVIDIA GeForce RTX 4070 Ti SUPER", 672),
        ("NVIDIA GeForce RTX 4070", 504),
        ("Apple M3 Pro", 150),
        ("AMD Radeon RX 7900 XTX", 960),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA GeForce RTX 40900", None),
        ("", None),
    ],
)
def test_the_bandwidth_is_found_by_the_whole_name_of_a_gpu(name: str, gigabytes: int | None) -> None:
    assert bandwidth(name) == (gigabytes and gigabytes * 1e9)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.floats(0.5, 100), max_size=3),
    ram=st.integers(0, 256),
    unified=st.booleans(),
    id=st.sampled_from([id for id, model in CATALOG.items() if model.shape and model.weights.size]),
    context=st.none() | st.integers(1, 300_000),
)
def test_no_result_exceeds_the_memory(sizes, ram, unified, id, context) -> None:
    described = Resources(unified=ram * GIB, ram=ram * GIB) if unified and ram else gpus(*sizes, ram=ram)
    if not (sizes or ram):
        with pytest.raises(ModelError, match="cannot be detected"):
            fit.measure(CATALOG[id], described, context=context)
        return
    found = fit.measure(CATALOG[id], described, context=context)
    assert found.fits == (found.context > 0)
    if found.fits:
        assert found.total <= found.budget and found.context <= max(found.largest_context, context or 0)
        assert context is None or found.context == context


@settings(max_examples=25, deadline=None)
@given(small=st.floats(2, 48), more=st.floats(0, 48), role=st.sampled_from(ROLES), kind=st.sampled_from(["gpu", "cpu"]))
def test_more_memory_never_gives_a_worse_model(small, more, role, kind) -> None:
    order = list(CATALOG)

    def rank(size: float) -> tuple[float, ...]:
        described = gpus(size) if kind == "gpu" else Resources(ram=int(size * GIB))
        found = fit.best(tuple(CATALOG.values()), described, role)
        if found is None:
            return (9,)
        return (*fit._model_rank(found, role), order.index(found.model.id.partition(":")[0]), *fit._rank(found, role))

    assert rank(small + more) <= rank(small)


def test_a_second_gpu_never_makes_it_worse() -> None:
    one = fit.measure(CATALOG["ministral-3-14b"], gpus(12))
    for size in (0.5, 1, 2, 6, 12):
        assert fit.measure(CATALOG["ministral-3-14b"], gpus(12, size)).largest_context >= one.largest_context


def test_toys_superseded_models_and_those_too_large_for_the_disk_are_not_chosen() -> None:
    assert not any(pick.model.toy for pick in fit.best_by_role(CATALOG, computer("CPU 16")).values())
    assert fit.best_by_role(CATALOG, replace(computer("24"), disk=GIB)) == {}
    tight = fit.best(tuple(CATALOG.values()), replace(computer("24"), disk=6_500_000_000), "text")
    assert tight and tight.model.bytes <= 6_500_000_000
    here = fit.best(tuple(CATALOG.values()), replace(computer("24"), disk=0), "text", here=["ministral-3-3b"])
    assert here and here.model.id.startswith("ministral-3-3b")


def test_without_an_installed_model_the_best_one_is_recommended() -> None:
    text = fit.recommendation("text", fit.best_by_role(CATALOG, computer("12"))["text"])
    assert text.endswith("lechat pull ministral-3-14b downloads the best one for it (9.1 GB)")
    assert "none in the catalog fits" in fit.recommendation("vision", None)


def test_the_memory_of_a_model_of_unknown_shape_is_not_estimated() -> None:
    strange = Model("strange", "Strange", ("text",), Weights("/x.gguf", 10**9))
    with pytest.raises(ModelError, match="the memory that strange needs is not known"):
        fit.best_quantization(strange, computer("24"))
    assert fit.best((strange,), computer("24"), "text") is None
    empty = replace(strange, shape=ModelShape(0, 8, 128, 4096, 131_072))
    with pytest.raises(ModelError, match="the memory that strange needs is not known"):
        fit.measure(empty, computer("24"))


def test_unknown_memory_is_an_error(home, capsys) -> None:
    assert fit.best_by_role(CATALOG, Resources()) == {}
    with pytest.raises(ModelError, match="memory of this machine cannot be detected"):
        fit.best_quantization(CATALOG["ministral-3-8b"], Resources())


SHAPE_24B = ModelShape(40, 8, 128, 5120, 131_072, heads=32, feed_forward=32_768)


@pytest.mark.parametrize(
    ("context", "batch", "flash", "mebibytes"),
    [(4096, 512, True, 276.0), (65_536, 512, True, 294.01), (65_536, 128, True, 73.5), (16_384, 512, False, 1106.01)],
)
def test_the_compute_buffer_is_what_llama_cpp_reserves(context, batch, flash, mebibytes) -> None:
    """The numbers are llama.cpp's own, of a model of this shape."""
    computed = footprint.compute_bytes(SHAPE_24B, context, batch=batch, flash_attention=flash)
    assert computed / 2**20 == pytest.approx(mebibytes, rel=0.01)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("24G", 24 * 10**9),
        ("24", 24 * 10**9),
        (" 24 gb ", 24 * 10**9),
        ("24GiB", 24 * GIB),
        ("512M", 512 * 10**6),
        ("512MiB", GIB // 2),
        ("0.5T", 500 * 10**9),
        ("7.5g", 7_500_000_000),
    ],
)
def test_sizes_are_decimal_unless_they_say_gib(text: str, size: int) -> None:
    assert command.size(text, "--vram") == size


@pytest.mark.parametrize(
    "text", ["", "0", "-8G", "8X", "nan", "inf", "1e9G", "9999999T", "٨G", "8,5G", "8G; rm", "\x1b[31m8G", "9" * 5000]
)
def test_an_invalid_size_is_rejected(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a size; write it like --vram 24G") as error:
        command.size(text, "--vram")
    assert "\x1b" not in str(error.value)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LECHAT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    return tmp_path


def output(capsys, name: str = "", *, as_json: bool = False, context: int | None = None, **wanted: Any) -> str:
    command.run(name, command.MachineFlags(**wanted), context=context, as_json=as_json)
    return capsys.readouterr().out


def test_the_table_lists_the_best_models_and_all_others(home, capsys) -> None:
    table = output(capsys, vram=["24G"])
    assert "text    mistral-small-3.2:Q5_K_M, Q5_K_M, context 24,576" in table
    assert "upper bound" not in table and "\x1b" not in table
    rows = table.splitlines()
    assert any(row.startswith("mistral-large-2 ") and "too large" in row for row in rows)
    assert not any(row.startswith(("chaton", "mistral-saba")) for row in rows)


def test_without_options_this_machine_is_detected(home, capsys) -> None:
    assert output(capsys).startswith("memory: ")


def test_the_calculation_for_one_model_adds_up(home, capsys) -> None:
    result = json.loads(output(capsys, "ministral-3-8b", as_json=True, vram=["8G"]) or "{}")
    parts = result["bytes"]
    assert sum(parts[name] for name in ("weights", "projector", "kv", "compute", "reserve")) == parts["total"]
    lines = output(capsys, "ministral-3-8b", vram=["12G"], context=4096)
    assert "4,096 tokens x 34 layers x 8 KV heads x 128 x 2 x 2 bytes (f16)" in lines


def test_a_file_is_measured_by_its_header(home, capsys) -> None:
    file = Path(footprint.__file__).parents[1] / "data" / "chaton" / "chaton-q8_0.gguf"
    lines = output(capsys, str(file), ram="4G", context=2048)
    assert "2,048 tokens x 4 layers x 2 KV heads x 32 x 2 x 2 bytes (f16)" in lines


def test_a_named_quantization_is_measured(home, capsys) -> None:
    for quant in ("Q4_K_M", "q8_0"):
        result = json.loads(output(capsys, f"ministral-3-8b:{quant}", as_json=True, vram=["8G"]))
        assert result["quant"] == quant.upper()


def test_lines_are_wrapped_to_a_narrow_terminal() -> None:
    line = "total 7.3 GB of 7.5 GB usable: a GPU with 8.0 GB, 32.0 GB RAM, 1.0 TB free disk space"
    wrapped = command._wrapped(line, 30)
    assert max(map(len, wrapped.splitlines())) <= 30 and wrapped.split() == line.split()
    assert command._wrapped(line, 0) == line


def test_a_closed_pipe_is_not_an_error(home) -> None:
    code = "import sys; sys.argv = ['lechat', 'fit', '--vram', '24G']; from lechat_tui.cli.main import main; main()"
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run([sys.executable, "-c", code], stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_unpublished_model_names_its_replacement(home) -> None:
    with pytest.raises(ModelError, match=r"use mistral-small-3\.2 instead"):
        command.run("mistral-saba", command.MachineFlags(vram=["24G"]), context=None, as_json=False)


def test_json_holds_the_same_results(home, capsys) -> None:
    result = json.loads(output(capsys, as_json=True, unified="32G"))
    assert result["choices"]["code"]["model"] == "devstral-small-2"
    assert {"model", "fits", "context", "bytes", "reason"} <= set(result["models"][0])


def test_unified_memory_is_not_combined_with_other_memory(home, capsys) -> None:
    with pytest.raises(typer.BadParameter, match="can't be combined"):
        output(capsys, unified="32G", ram="64G")


def test_free_disk_space_is_that_of_the_nearest_existing_folder(tmp_path) -> None:
    assert resources.free_disk(tmp_path / "not" / "there") == resources.free_disk(tmp_path)


def test_a_gpu_without_memory_of_its_own_uses_the_machines():
    spark = Gpu("NVIDIA GB10", "NVIDIA", driver="580.95", shared=True)
    machine = resources.offered([spark], 128 * GIB, frozenset({"cuda"}))
    assert (machine.unified, machine.ram) == (128 * GIB, 128 * GIB)
    assert 64 * GIB < machine.gpu_budgets[0] < 128 * GIB
    assert resources.offered([spark], 128 * GIB, frozenset()) == Resources(ram=128 * GIB)


@pytest.mark.parametrize(
    ("gpu", "built", "words"),
    [
        (Gpu("RTX 4090", "NVIDIA", driver="580.65"), set(), "whl/cu130 "),
        (Gpu("RTX 3060", "NVIDIA", driver="550.54.14"), set(), "whl/cu124 "),
        (Gpu("GTX 1060", "NVIDIA", driver="470.1"), set(), "too old for CUDA 12"),
        (Gpu("RX 7900 XTX", "AMD", driver="kfd"), {"cuda"}, "whl/rocm72 "),
        (Gpu("RX 580", "AMD"), {"cuda"}, "whl/vulkan "),
        (Gpu("Apple M3", "Apple"), set(), "whl/metal "),
        (Gpu("Arc A770", "Intel"), set(), "whl/vulkan "),
        (Gpu("RTX 4090", "NVIDIA", driver="580.65"), {"cuda"}, ""),
        (Gpu("Arc A770", "Intel"), {"vulkan"}, ""),
    ],
)
def test_an_unused_gpu_is_reported_with_what_to_install(gpu: Gpu, built: set[str], words: str) -> None:
    advice = resources.advice(gpu, frozenset(built))
    assert words in advice and bool(advice) == bool(words)


def test_what_llama_cpp_was_built_for_is_seen_without_loading_it(tmp_path) -> None:
    (tmp_path / "lib").mkdir()
    for name in ("libggml-base.so", "libggml-cpu.so", "libggml-cuda.so.0", "ggml-vulkan.dll"):
        (tmp_path / "lib" / name).touch()
    assert resources.backends(tmp_path) == {"cuda", "vulkan"}
    assert resources.backends(tmp_path / "lib") == frozenset()
