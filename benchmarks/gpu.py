"""Checks everything that only a GPU can show, in one call: speed, partial offload, stops, freed memory and images.

    python benchmarks/gpu.py [--folder FOLDER] [--build SDIST]     # a model of 24B, about five minutes on one large GPU
    python benchmarks/gpu.py --tiny                                # the same on a CPU, with a tiny model

Models and projector have the shape of Mistral Small 3.1 24B (Q4_K_M) and random weights. The peer is `llama-bench`,
where it is on the PATH, or else the plainest loop over llama.cpp's functions. Where `llama-cpp-python` has no GPU in
it, `--build` first builds the source archive given (it needs nvcc, cmake, ninja and scikit-build-core, no network).

Prints a line for each check. The exit code is the number of those that failed.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import gguf
import numpy as np
from PIL import Image
from random_model import SHAPES, Shape, write
from stop import question, stop

from lechat_tui.engine.base import Done, LocalModel, Prefill, Request, TuningOptions
from lechat_tui.engine.local import LocalEngine
from lechat_tui.engine.running import loaded
from lechat_tui.machine import footprint, hardware, usage
from lechat_tui.machine.placement import MemoryNeed
from lechat_tui.message import Attachment, Message, Receipt, Sampling

MIB = 1 << 20
CLAIMED_TOKENS_PER_S = 150
"""Of Mistral Small 3.1 (https://mistral.ai/news/mistral-small-3-1), on hardware that is not named."""

MAX_MEMORY_ERROR = 0.05
SMALL_GPU_BYTES = 12 * footprint.GIB
"""The GPU that partial offload is planned for."""

CONTEXT = 8192


@dataclass(frozen=True)
class Vision:
    """The numbers of a projector of llama.cpp's type `pixtral`."""

    layers: int
    width: int
    heads: int
    inner: int
    image: int
    patch: int
    output: int


@dataclass(frozen=True)
class Size:
    """What is measured."""

    shape: str
    vision: Vision
    prompt: int
    tokens: int


FULL = Size("24b", Vision(24, 1024, 16, 4096, 1540, 14, 5120), 2048, 256)
TINY = Size("tiny", Vision(2, 64, 2, 128, 896, 56, 256), 384, 32)


class Checks:
    """Prints the results."""

    def __init__(self) -> None:
        self.failed = 0

    def show(self, what: str, ok: bool | None, text: str) -> None:
        """One line; None is a figure without a bound."""
        self.failed += ok is False
        print(f"{'    ' if ok is None else ' ok ' if ok else 'FAIL'} {what:<18} {text}", flush=True)


def write_projector(path: Path, vision: Vision) -> None:
    """A projector with random weights."""
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "pixtral")
    writer.add_bool("clip.use_silu", True)
    for name, number in (
        ("image_size", vision.image),
        ("patch_size", vision.patch),
        ("embedding_length", vision.width),
        ("feed_forward_length", vision.inner),
        ("block_count", vision.layers),
        ("attention.head_count", vision.heads),
        ("projection_dim", vision.output),
        ("spatial_merge_size", 2),
    ):
        writer.add_uint32(f"clip.vision.{name}", number)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    writer.add_array("clip.vision.image_mean", [0.48, 0.46, 0.41])
    writer.add_array("clip.vision.image_std", [0.27, 0.26, 0.28])
    random = np.random.default_rng(0)

    def matrix(name: str, *rows: int) -> None:
        values = random.standard_normal(rows, np.float32) / np.sqrt(np.prod(rows[1:]))
        writer.add_tensor(name, values.astype(np.float16))

    def ones(name: str, size: int) -> None:
        writer.add_tensor(name, np.ones(size, np.float32))

    width, output = vision.width, vision.output
    matrix("v.patch_embd.weight", width, 3, vision.patch, vision.patch)
    ones("v.pre_ln.weight", width)
    ones("v.token_embd.img_break", output)
    for layer in range(vision.layers):
        ones(f"v.blk.{layer}.ln1.weight", width)
        for part in ("q", "k", "v", "out"):
            matrix(f"v.blk.{layer}.attn_{part}.weight", width, width)
        ones(f"v.blk.{layer}.ln2.weight", width)
        matrix(f"v.blk.{layer}.ffn_gate.weight", vision.inner, width)
        matrix(f"v.blk.{layer}.ffn_up.weight", vision.inner, width)
        matrix(f"v.blk.{layer}.ffn_down.weight", width, vision.inner)
    ones("mm.input_norm.weight", width)
    matrix("mm.patch_merger.weight", width, 4 * width)
    matrix("mm.1.weight", output, width)
    matrix("mm.2.weight", output, output)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def check_build(checks: Checks, *, gpu: bool) -> None:
    """Whether llama.cpp is built for a GPU and finds it."""
    import llama_cpp

    from lechat_tui.engine.llama.devices import devices

    found = [device for device in devices() if device.is_gpu]
    names = ", ".join(f"{device.description} ({device.memory / footprint.GIB:.1f} GiB)" for device in found)
    checks.show("build", bool(found) if gpu else None, f"llama-cpp-python {llama_cpp.__version__}, {names or 'no GPU'}")


async def answered(engine: LocalEngine, request: Request) -> tuple[Receipt, float]:
    """The receipt of an answer, and the speed of its prefill in tokens per second."""
    seen: list[tuple[float, int]] = []
    async with aclosing(engine.stream(request)) as events:
        async for event in events:
            if isinstance(event, Prefill):
                seen.append((time.perf_counter(), event.done))
            if isinstance(event, Done):
                (begin, cached), (end, done) = seen[0], seen[-1]
                return event.receipt, (done - cached) / max(end - begin, 1e-9)
    raise AssertionError("an answer ends with Done")


async def check_speed(checks: Checks, spec: LocalModel, size: Size) -> float:
    """Decode and prefill, next to a peer; returns the speed of prefill."""
    engine = LocalEngine()
    await engine.load(spec)
    long = question(spec, 1, size.prompt // 2).messages
    for _ in range(2):  # the first answer warms up
        receipt, prefill = await answered(engine, Request(spec, long, Sampling(0.7, max_tokens=size.tokens)))
        long = question(spec, 2, size.prompt // 2).messages
    for row in loaded():
        if row.program == os.getpid():
            checks.show("memory", None, f"{row.memory} for {spec.path.stat().st_size / 1e9:.1f} GB of weights")
    if receipt.joules:
        checks.show(
            "energy", None, f"{receipt.joules:.0f} J, {receipt.completion_tokens / receipt.joules:.2f} tokens/J"
        )
    await engine.close()
    peer, peer_prefill, name = await asyncio.to_thread(peers, spec, size)
    decode = receipt.tokens_per_s
    checks.show("decode", decode >= 0.9 * peer, f"{decode:.1f} tokens/s = {decode / peer:.2f} of {name} ({peer:.1f})")
    checks.show("decode, claimed", None, f"{decode / CLAIMED_TOKENS_PER_S:.2f} of {CLAIMED_TOKENS_PER_S} tokens/s")
    ratio = prefill / peer_prefill
    checks.show("prefill", ratio >= 0.8, f"{prefill:.0f} tokens/s = {ratio:.2f} of {name} ({peer_prefill:.0f})")
    return prefill


def peers(spec: LocalModel, size: Size) -> tuple[float, float, str]:
    """Tokens per second of decode and of prefill in a peer, and its name."""
    if program := shutil.which("llama-bench"):
        words = [
            program,
            "-m",
            str(spec.path),
            "-p",
            str(size.prompt),
            "-n",
            str(size.tokens),
            "-ngl",
            "99",
            "-o",
            "json",
        ]
        rows = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
        speeds = {row["n_gen"] > 0: float(row["avg_ts"]) for row in rows}
        return speeds[True], speeds[False], "llama-bench"
    command = [sys.executable, __file__, "--plain", str(spec.path), str(size.prompt), str(size.tokens)]
    decode, prefill = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    return decode, prefill, "the plain loop"


def plain(path: Path, prompt: int, tokens: int) -> None:
    """The plainest loop over llama.cpp's functions; prints its speeds."""
    import llama_cpp

    from lechat_tui.engine.llama.decode import decode
    from lechat_tui.engine.llama.model import Llama

    llama = Llama(LocalModel("plain", path, context=CONTEXT, tuning=TuningOptions(threads=1)), lambda _: None)
    speeds = []
    for _ in range(2):
        llama.cache.clear()
        began = time.perf_counter()
        for start in range(0, prompt, llama.tuning.batch):
            decode(llama.context, range(2000 + start, 2000 + min(prompt, start + llama.tuning.batch)))
        llama_cpp.llama_synchronize(llama.context)
        read = time.perf_counter()
        chain = llama_cpp.llama_sampler_init_greedy()
        for at in range(tokens):
            llama_cpp.llama_sampler_sample(chain, llama.context, -1)
            decode(llama.context, (2000 + at,))
        llama_cpp.llama_synchronize(llama.context)
        speeds = [tokens / (time.perf_counter() - read), prompt / (read - began)]
    print(json.dumps(speeds))


def check_offload(checks: Checks, spec: LocalModel, shape: Shape, *, gpu: bool) -> None:
    """The memory that a part of the model takes on the GPU, as planned for a smaller one, or all of it in RAM."""
    known = footprint.ModelShape(
        shape.layers, shape.kv_heads, shape.head_width, shape.width, shape.vocabulary, shape.heads, shape.inner
    )
    batch = footprint.GPU_BATCH if gpu else footprint.CPU_BATCH
    need = MemoryNeed(known, spec.path.stat().st_size, batch=batch)
    layers, planned = 0, need.bytes(CONTEXT, "f16", gpu=False) - need.reserve(gpu=False)
    if gpu:
        room = SMALL_GPU_BYTES - footprint.GPU_BACKEND_BYTES - need.compute(CONTEXT, "f16")
        part = footprint.offload(known, need.weights, CONTEXT, "f16", room)
        layers, planned = part.layers, part.bytes + need.compute(CONTEXT, "f16")
    command = [sys.executable, __file__, "--load", str(spec.path), str(layers)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    used: Counter[str] = Counter()
    for device, what, size in re.findall(r"(\S+) (\S+) buffer size = +([\d.]+) MiB", done.stderr):
        if "REPACK" not in device and what != "output":
            used["GPU" if device.startswith("CUDA") and "Host" not in device else "CPU"] += round(float(size) * MIB)
    here = used["GPU" if gpu else "CPU"]
    error = here / planned - 1
    text = (
        f"{layers} of {shape.layers + 1} layers, {here / MIB:,.0f} MiB of {planned / MIB:,.0f} planned ({error:+.1%})"
    )
    checks.show("partial offload", abs(error) <= MAX_MEMORY_ERROR if gpu else None, text)
    if gpu:
        total = int(done.stdout.split()[-1])
        limit = planned + footprint.GPU_BACKEND_BYTES
        checks.show("of the process", total <= limit, f"{total / MIB:,.0f} MiB on the GPU, {limit / MIB:,.0f} allowed")


def load(path: Path, layers: int) -> None:
    """Load a model, and print the GPU memory of this process; llama.cpp logs its buffers."""
    from lechat_tui.engine.llama.model import Llama

    Llama(LocalModel("part", path, context=CONTEXT, tuning=TuningOptions(gpu_layers=layers)), lambda _: None)
    print(usage.gpu().get(os.getpid(), 0))


async def check_stop(checks: Checks, spec: LocalModel, size: Size, prefill: float, *, gpu: bool) -> None:
    """A stop takes effect within one batch of the prompt."""
    engine = LocalEngine()
    await engine.load(spec)
    waits = []
    for number in range(5):
        wait, _ = await stop(engine, question(spec, number, 2 * size.prompt), 0.02)
        waits.append(wait)
    await engine.close()
    batch = (footprint.GPU_BATCH if gpu else footprint.CPU_BATCH) / prefill
    worst = max(waits)
    checks.show("stop", worst <= 2 * batch + 0.1, f"{worst * 1000:.0f} ms at most; a batch takes {batch * 1000:.0f} ms")


async def check_unload(checks: Checks, spec: LocalModel) -> None:
    """All memory is free after a model was unloaded."""
    before = usage.gpu()
    engine = LocalEngine()
    await engine.load(spec)
    rows = [row for row in loaded() if row.program == os.getpid()]
    during = sum(row.gpu_bytes or row.bytes for row in rows)
    await engine.close()
    left = [row for row in loaded() if row.program == os.getpid()]
    more = {pid: bytes for pid, bytes in usage.gpu().items() if pid not in before}
    checks.show(
        "unload", not left and not more, f"{during / MIB:,.0f} MiB before, {sum(more.values()) / MIB:,.0f} MiB after"
    )


async def check_image(checks: Checks, spec: LocalModel, projector: Path, folder: Path) -> None:
    """A picture goes through the projector and is answered."""
    file = folder / "picture.png"
    Image.effect_mandelbrot((896, 672), (-2.0, -1.2, 1.0, 1.2), 80).convert("RGB").save(file)
    picture = Attachment("picture", file.name, "image", file, file.stat().st_size, 896, 672)
    engine = LocalEngine()
    seeing = replace(spec, name="vision", projector=projector)
    request = Request(seeing, (Message("user", "What is this?", attachments=(picture,)),), Sampling(0.7, max_tokens=8))
    began = time.perf_counter()
    await engine.load(seeing)
    ready = time.perf_counter()
    receipt, _ = await answered(engine, request)
    again, _ = await answered(engine, request)
    await engine.close()
    tokens = sum(receipt.picture_tokens.values())
    times = f"load {ready - began:.1f} s, first token {receipt.ttft_ms:,.0f} ms, again {again.ttft_ms:,.0f} ms"
    text = f"{tokens} tokens, {times}"
    checks.show("picture", tokens > 0 and receipt.completion_tokens > 0 and again.cached_tokens >= tokens, text)


def built(sdist: Path, folder: Path) -> Path:
    """Build llama-cpp-python for CUDA; returns the folder to put on the path."""
    target = folder / "cuda"
    if not target.exists():
        command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index"]
        options = {"CMAKE_ARGS": "-DGGML_CUDA=on -DCMAKE_CUDA_ARCHITECTURES=native -DLLAVA_BUILD=on"}
        subprocess.run([*command, "--target", str(target), str(sdist)], check=True, env=os.environ | options)
    return target


async def run(checks: Checks, size: Size, folder: Path, *, gpu: bool) -> None:
    """All checks; one that breaks off counts as failed."""
    shape = SHAPES[size.shape]
    path, projector = folder / f"random-{size.shape}-q4_k_m.gguf", folder / f"random-{size.shape}-mmproj.gguf"
    began = time.perf_counter()
    if not path.exists():
        write(path, shape, "q4_k_m")
    if not projector.exists():
        write_projector(projector, size.vision)
    checks.show(
        "model", None, f"{path.name}, {path.stat().st_size / 1e9:.2f} GB, ready in {time.perf_counter() - began:.0f} s"
    )
    spec = LocalModel(size.shape, path, context=CONTEXT)
    check_build(checks, gpu=gpu)
    prefill = await check_speed(checks, spec, size)
    steps: tuple[tuple[str, Callable[[], object]], ...] = (
        ("partial offload", lambda: check_offload(checks, spec, shape, gpu=gpu)),
        ("stop", lambda: check_stop(checks, spec, size, prefill, gpu=gpu)),
        ("unload", lambda: check_unload(checks, spec)),
        ("picture", lambda: check_image(checks, spec, projector, folder)),
    )
    for name, step in steps:
        try:
            if asyncio.iscoroutine(result := step()):
                await result
        except Exception as error:  # noqa: BLE001  # one failed check must not stop the others
            checks.show(name, False, f"{type(error).__name__}: {error}")


def main() -> None:
    """Run the checks and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="a tiny model, also without a GPU")
    parser.add_argument("--folder", type=Path, default=Path.home() / ".cache" / "lechat-benchmarks")
    parser.add_argument("--build", type=Path, metavar="SDIST", help="source archive of llama-cpp-python")
    parser.add_argument("--plain", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--load", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain:
        plain(Path(options.plain[0]), *map(int, options.plain[1:]))
        return
    if options.load:
        load(Path(options.load[0]), int(options.load[1]))
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.build:
        path = os.pathsep.join([str(built(options.build, options.folder)), os.environ.get("PYTHONPATH", "")])
        words = [word for word in sys.argv[1:] if word not in ("--build", str(options.build))]
        again = subprocess.run([sys.executable, __file__, *words], env=os.environ | {"PYTHONPATH": path}, check=False)
        sys.exit(again.returncode)
    gpu = any(device.vendor == "NVIDIA" for device in hardware.gpus())
    checks = Checks()
    asyncio.run(run(checks, TINY if options.tiny else FULL, options.folder, gpu=gpu))
    sys.exit(checks.failed)


if __name__ == "__main__":
    main()
