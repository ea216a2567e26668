"""`lechat doctor`: checks the installation and lets the bundled models answer two questions."""

import asyncio
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import asdict, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lechat_tui import __version__, paths
from lechat_tui.cli import compose, printing
from lechat_tui.cli.fit import unused
from lechat_tui.drawing.themes import read_themes
from lechat_tui.engine import wire
from lechat_tui.engine.base import Delta, LocalModel, Request, TuningOptions
from lechat_tui.engine.llama.tuning import Tuning
from lechat_tui.engine.local import LocalEngine
from lechat_tui.engine.remote.discovery import discover
from lechat_tui.errors import LechatError
from lechat_tui.machine import energy
from lechat_tui.message import Attachment, Message, Sampling
from lechat_tui.models import adapters, scan
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, chat_template
from lechat_tui.settings.config import Settings
from lechat_tui.talk.setup import Setup
from lechat_tui.units import size_text
from lechat_tui.values import dataclass

REPORT = (sys.executable, "-P", "-m", "lechat_tui.engine.llama.report")
"""Prints what llama.cpp reports about itself, as JSON."""

TIMEOUT_SECONDS = 120.0
"""For llama.cpp to load, and for each answer."""

LIBRARIES = ("llama-cpp-python", "textual", "huggingface-hub", "pillow")


@dataclass(frozen=True)
class SelfTest:
    """A question that a bundled model must answer."""

    topic: str
    question: str
    expected: tuple[str, ...]
    """Words of the right answer."""
    has_image: bool = False


SELF_TESTS = (
    SelfTest("sum", "What is 7 + 5?", ("12",)),
    SelfTest("image", "What is in this picture?", ("red", "circle"), has_image=True),
)


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    topic: str
    text: str
    ok: bool = True


def run(*, as_json: bool) -> int:
    """Print the results as they come; the exit code, 1 when a check failed."""
    found: list[Finding] = []
    for finding in examine():
        found.append(finding)
        if not as_json:
            printing.show(f"{'ok' if finding.ok else 'FAILED':<6} {finding.topic:<16} {finding.text}", flush=True)
    passed = all(finding.ok for finding in found)
    if as_json:
        printing.show(json.dumps({"ok": passed, "findings": [asdict(finding) for finding in found]}, indent=2))
    else:
        failed = sum(not finding.ok for finding in found)
        printing.show("all checks passed" if passed else f"{failed} of {len(found)} checks failed")
    return 0 if passed else 1


def examine() -> Iterator[Finding]:
    """Run all checks."""
    yield Finding("lechat", f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    yield Finding("libraries", ", ".join(f"{name} {_version(name)}" for name in LIBRARIES))
    yield from _folders()
    try:
        settings = compose.settings()
        yield Finding("settings", str(paths.config() / "config.toml") if _has_settings() else "the defaults")
    except LechatError as error:
        yield Finding("settings", str(error), ok=False)
        settings = Settings()
    for sentence in scan.missing(settings.folders):
        yield Finding("folders", sentence, ok=False)
    yield _history()
    try:
        models = compose.models(settings)
    except LechatError as error:
        yield Finding("models", str(error), ok=False)
        return
    yield Finding("models", ", ".join(model.id for model in models.installed()) or "none", ok=bool(models.installed()))
    yield from _servers(models)
    yield from _named(settings, models)
    yield from _engine(settings)
    yield from _self_tests(models)


def _servers(models: Models) -> Iterator[Finding]:
    """The connected servers, and those on this machine that could be."""
    known = {model.server for model in models.on_servers()}
    for url in sorted(known):
        count = sum(model.server == url for model in models.on_servers())
        yield Finding("server", f"{url}, connected with {count} {'model' if count == 1 else 'models'}")
    for server in asyncio.run(discover()):
        if server.url not in known:
            yield Finding("server", f"{server.url} offers models; lechat connect {server.url} adds them")


def _named(settings: Settings, models: Models) -> Iterator[Finding]:
    """What the settings name and is not there: models, adapters and a theme."""
    for role, name in (("text", settings.text), ("code", settings.code), ("vision", settings.vision)):
        try:
            models.require(name) if name else None
        except LechatError as error:
            yield Finding(role, f"{role} in config.toml is {name}: {error}", ok=False)
    for text in settings.lora or ():
        file = Path(adapters.read(text, paths.config()).file)
        if not scan.is_file(file):
            yield Finding("lora", f"the adapter {file} in config.toml does not exist; correct lora there", ok=False)
    themes = read_themes()
    for sentence in filter(None, (*themes.complaints, themes.missing(settings.theme))):
        yield Finding("theme", sentence, ok=False)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


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
        yield Finding(name, f"{folder}" if writable else f"{folder} is not writable", ok=writable)


def _is_writable(folder: Path) -> bool:
    """Whether files can be created there; for a folder that does not exist, whether it can be created."""
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
    return Finding("chats", "readable" + (f"; the latest chat is {latest.id}" if latest else ""))


def _engine(settings: Settings) -> Iterator[Finding]:
    """What llama.cpp reports in a process of its own, and the options it would run with."""
    setup = Setup(Model("any", "any", ("text",)), settings)
    adapt = settings.context is None
    spec = LocalModel("any", Path("any.gguf"), context=setup.window, adapt=adapt, tuning=setup.tuning())
    try:
        done = subprocess.run(
            REPORT,
            input=wire.encode(wire.Load(spec)),
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            env=paths.environment(),
            check=True,
        )
        report = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        yield Finding("engine", f"llama.cpp does not start: {_last_line(error)}", ok=False)
        return
    yield Finding("engine", f"{report['engine']}; {_features(report['system'])}")
    machine, memory = report["machine"], report["machine"]["memory"]
    cores = f"{machine['cores']} cores" + (f", {machine['physical']} of them physical" if machine["physical"] else "")
    yield Finding("machine", f"{cores}; memory {_size(memory['total'])}, {_size(memory['available'])} free")
    for device in report["devices"]:
        yield Finding("device", f"{device['name']} ({device['type']}): {device['description']}")
    if (
        settings.gpu_layers
        and report["gpu_offload"]
        and not any("GPU" in device["type"] for device in report["devices"])
    ):
        yield Finding(
            "device",
            "llama.cpp is built for a GPU but finds none; install its driver, or set gpu_layers = 0",
            ok=False,
        )
    for sentence in unused():
        yield Finding("gpu", sentence)
    if report["threads"] and not settings.threads:
        yield Finding("load", report["threads"])
    if file := energy.unreadable():
        yield Finding("energy", f"energy is not shown, because only root can read {file}")
    yield from _tuning(report["tuning"])


def _features(system: str) -> str:
    """What llama.cpp uses of the hardware, from its list, as in `CPU : AVX2 = 1 | FMA = 1`."""
    return re.sub(r" \|\s*$", "", re.sub(r" = 1\b", "", system)).replace(" : ", ": ").replace(" | ", ", ")


def _tuning(tuning: dict[str, Any]) -> Iterator[Finding]:
    names = [field.name for field in fields(Tuning) if field.name not in ("why", "note")]
    for name, why in zip(names, tuning["why"], strict=True):
        value = "auto" if tuning[name] is None else json.dumps(tuning[name]).strip('"')
        yield Finding(name, f"{value}: {why}")


def _last_line(error: Exception) -> str:
    stderr = error.stderr if isinstance(error, subprocess.CalledProcessError) else b""
    lines = (stderr or b"").decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else str(error)


def _size(size: int | None) -> str:
    return "unknown" if size is None else size_text(size)


def _self_tests(models: Models) -> Iterator[Finding]:
    """Ask the bundled models a sum and what is in a generated image."""
    from PIL import Image, ImageDraw

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "circle.png"
        image = Image.new("RGB", (256, 256), (205, 205, 205))
        ImageDraw.Draw(image).ellipse((60, 60, 200, 200), fill="red")
        image.save(path)
        attachment = Attachment("doctor", path.name, "image", path, path.stat().st_size, *image.size)
        bundled = [model for model in models.installed() if model.toy]
        for test in SELF_TESTS:
            model = next((model for model in bundled if model.supports_images == test.has_image), None)
            if model is None:
                yield Finding(test.topic, "a model that ships with lechat is missing; reinstall lechat", ok=False)
            else:
                message = Message("user", test.question, attachments=(attachment,) if test.has_image else ())
                yield _self_test(test, _spec(models, model), message)


def _spec(models: Models, model: Model) -> LocalModel:
    files = models.files(model)
    assert files
    tuning = TuningOptions(threads=1)
    return LocalModel(model.id, files.weights, files.projector, chat_template(model), context=1024, tuning=tuning)


def _self_test(test: SelfTest, spec: LocalModel, message: Message) -> Finding:
    request = Request(spec, (message,), Sampling(0.0))
    try:
        answer = asyncio.run(asyncio.wait_for(_answer(request), TIMEOUT_SECONDS))
    except LechatError as error:
        return Finding(test.topic, str(error), ok=False)
    except TimeoutError:
        return Finding(test.topic, f"{spec.name} did not answer within {TIMEOUT_SECONDS:.0f} seconds", ok=False)
    if all(word in answer.lower() for word in test.expected):
        return Finding(test.topic, f"{test.question} {answer}")
    return Finding(test.topic, f"{test.question} {answer} (expected: {' '.join(test.expected)})", ok=False)


async def _answer(request: Request[LocalModel]) -> str:
    """The text of the answer, from an engine of its own."""
    engine = LocalEngine(paths.logs())
    try:
        async with aclosing(engine.stream(request)) as events:
            return "".join([e.text async for e in events if isinstance(e, Delta) and e.kind == "text"])
    finally:
        await engine.close()
