"""`lechat doctor`: looks at everything an answer needs, and has the engine prove itself."""

import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import asdict, dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lechat_tui import __version__, paths
from lechat_tui.cli import compose
from lechat_tui.cli.fit import unused
from lechat_tui.engine import wire
from lechat_tui.engine.base import Delta, LocalModel, Request, TuningOptions
from lechat_tui.engine.llama.tuning import Tuning
from lechat_tui.engine.local import LocalEngine
from lechat_tui.errors import LechatError
from lechat_tui.message import Attachment, Message, Sampling
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, chat_template
from lechat_tui.settings.config import Settings
from lechat_tui.talk.setup import Setup
from lechat_tui.units import size_text

REPORT = (sys.executable, "-P", "-m", "lechat_tui.engine.llama.report")
PATIENCE = 120.0
"""Seconds for llama.cpp to load, and for each of the two proofs."""

LIBRARIES = ("llama-cpp-python", "textual", "huggingface-hub", "pillow")
SUM = ("What is 7 + 5?", ("12",))
SIGHT = ("What is in this picture?", ("red", "circle"))


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    topic: str
    text: str
    ok: bool = True


def run(*, as_json: bool) -> int:
    """Print what is found, one line after the other as it is found; 0 when all is well, else 1."""
    found: list[Finding] = []
    for finding in examine():
        found.append(finding)
        if not as_json:
            print(f"{'ok' if finding.ok else 'WRONG':<6} {finding.topic:<16} {finding.text}", flush=True)
    well = all(finding.ok for finding in found)
    if as_json:
        print(json.dumps({"ok": well, "findings": [asdict(finding) for finding in found]}, indent=2))
    else:
        print("all is well" if well else "something is wrong; the lines marked WRONG say what")
    return 0 if well else 1


def examine() -> Iterator[Finding]:
    """Look at everything, in the order in which one thing needs the other."""
    yield Finding("lechat", f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    yield Finding("libraries", ", ".join(f"{name} {_version(name)}" for name in LIBRARIES))
    yield from _folders()
    try:
        settings = compose.settings()
        yield Finding("settings", str(paths.config() / "config.toml") if _has_settings() else "the defaults")
    except LechatError as error:
        yield Finding("settings", str(error), ok=False)
        settings = Settings()
    yield _history()
    try:
        models = compose.models(settings)
    except LechatError as error:
        yield Finding("models", str(error), ok=False)
        return
    yield Finding("models", ", ".join(model.id for model in models.installed()) or "none", ok=bool(models.installed()))
    yield from _engine(settings)
    yield from _proofs(models)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "is missing"


def _has_settings() -> bool:
    return (paths.config() / "config.toml").exists()


def _folders() -> Iterator[Finding]:
    for name, folder in (
        ("configuration", paths.config()),
        ("history", paths.data()),
        ("logs", paths.logs()),
        ("weights", paths.hub_cache()),
    ):
        writable = _is_writable(folder)
        yield Finding(name, f"{folder}" if writable else f"{folder} cannot be written", ok=writable)


def _is_writable(folder: Path) -> bool:
    """Whether files can be made there; of a folder that is not there yet, whether it can be made."""
    try:
        nearest = next(path for path in (folder, *folder.parents) if path.exists())
    except OSError:
        return False
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def _history() -> Finding:
    if not paths.data().exists():
        return Finding("chats", "none yet")
    try:
        with compose.store() as store:
            latest = store.latest()
    except LechatError as error:
        return Finding("chats", str(error), ok=False)
    return Finding("chats", "the history opens" + (f"; the latest chat is {latest.id}" if latest else ""))


def _engine(settings: Settings) -> Iterator[Finding]:
    """What llama.cpp says of itself in a process of its own, and how it would be set up."""
    setup = Setup(Model("any", "any", ("text",)), settings)
    adapt = settings.context is None
    spec = LocalModel("any", Path("any.gguf"), context=setup.window, adapt=adapt, tuning=setup.tuning())
    try:
        done = subprocess.run(
            REPORT,
            input=wire.encode(wire.Load(spec)),
            capture_output=True,
            timeout=PATIENCE,
            env=paths.environment(),
            check=True,
        )
        report = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        yield Finding("engine", f"llama.cpp does not start: {_last_line(error)}", ok=False)
        return
    yield Finding("engine", f"{report['engine']}; {report['system']}")
    machine, memory = report["machine"], report["machine"]["memory"]
    cores = f"{machine['cores']} cores" + (f", {machine['physical']} of them real" if machine["physical"] else "")
    yield Finding("machine", f"{cores}; memory {_size(memory['total'])}, {_size(memory['available'])} free")
    for device in report["devices"]:
        yield Finding("device", f"{device['name']} ({device['type']}): {device['description']}")
    if (
        settings.gpu_layers
        and report["gpu_offload"]
        and not any("GPU" in device["type"] for device in report["devices"])
    ):
        yield Finding(
            "device", "llama.cpp is built for a GPU and finds none; install its driver, or set gpu_layers = 0", ok=False
        )
    for sentence in unused():
        yield Finding("gpu", sentence)
    yield from _tuning(report["tuning"])


def _tuning(tuning: dict[str, Any]) -> Iterator[Finding]:
    names = [field.name for field in fields(Tuning) if field.name not in ("why", "note")]
    for name, why in zip(names, tuning["why"], strict=True):
        value = "auto" if tuning[name] is None else json.dumps(tuning[name]).strip('"')
        yield Finding(name, f"{value}: {why}")


def _last_line(error: Exception) -> str:
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else b""
    lines = (said or b"").decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else str(error)


def _size(size: int | None) -> str:
    return "unknown" if size is None else size_text(size)


def _proofs(models: Models) -> Iterator[Finding]:
    """A sum, and a picture drawn here, asked of the toys that ship with the program."""
    from PIL import Image, ImageDraw

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "circle.png"
        image = Image.new("RGB", (256, 256), (205, 205, 205))
        ImageDraw.Draw(image).ellipse((60, 60, 200, 200), fill="red")
        image.save(path)
        picture = Attachment("doctor", path.name, "image", path, path.stat().st_size, *image.size)
        text = next((m for m in models.installed() if m.toy and not m.supports_images), None)
        eyes = next((m for m in models.installed() if m.toy and m.supports_images), None)
        for topic, model, (question, words), pictures in (("sum", text, SUM, ()), ("sight", eyes, SIGHT, (picture,))):
            if model is None:
                yield Finding(topic, "the toy model that ships with lechat is not here; install lechat again", ok=False)
                continue
            files = models.files(model)
            assert files
            spec = LocalModel(
                model.id,
                files.weights,
                files.projector,
                chat_template(model),
                context=1024,
                tuning=TuningOptions(threads=1),
            )
            message = Message("user", question, attachments=pictures)
            try:
                said = asyncio.run(asyncio.wait_for(_answer(Request(spec, (message,), Sampling(0.0))), PATIENCE))
            except LechatError as error:
                yield Finding(topic, str(error), ok=False)
                continue
            except TimeoutError:
                yield Finding(topic, f"{model.id} did not answer within {PATIENCE:.0f} seconds", ok=False)
                continue
            right = all(word in said.lower() for word in words)
            yield Finding(
                topic, f"{question} {said}" + ("" if right else f" (that is wrong: {' '.join(words)})"), ok=right
            )


async def _answer(request: Request) -> str:
    engine = LocalEngine(paths.logs())
    try:
        async with aclosing(engine.stream(request)) as events:
            return "".join([e.text async for e in events if isinstance(e, Delta) and e.kind == "text"])
    finally:
        await engine.close()
