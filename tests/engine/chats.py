"""Talks with the real engine on chaton, for the tests of what the KV cache keeps."""

import asyncio
import os
import subprocess
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageDraw

from lechat_tui import paths
from lechat_tui.engine.base import Delta, Done, Event, LocalModel, ModelSpec, Prefill, Request, TuningOptions
from lechat_tui.engine.local import LocalEngine
from lechat_tui.message import Attachment, Message, Receipt, Sampling

FOLDER = paths.bundled("chaton")
TEXT = LocalModel("chaton", FOLDER / "chaton-q8_0.gguf", context=2048, tuning=TuningOptions(threads=1))
VISION = replace(TEXT, name="chaton-vision", projector=FOLDER / "chaton-mmproj-q8_0.gguf")
PAGE = "The cat sat on the mat and looked at the moon. " * 40
"""Some hundred tokens of reading."""


class Chat:
    """One chat as the engine sees it. `number` None is a private one."""

    def __init__(self, model: ModelSpec = TEXT, number: int | None = None, *messages: Message) -> None:
        self.model, self.number = model, number
        self.messages = list(messages)
        self.receipt: Receipt | None = None
        self.progress: list[Prefill] = []

    @property
    def read(self) -> int:
        """Prompt tokens evaluated for the last answer."""
        assert self.receipt
        return self.receipt.prompt_tokens - self.receipt.cached_tokens

    async def ask(
        self,
        engine: LocalEngine,
        text: str,
        *pictures: Attachment,
        tokens: int = 24,
        until: Callable[[Event], bool] = lambda event: False,
    ) -> str:
        """Ask, and keep the answer; stop at the event for which `until` is true."""
        self.messages.append(Message("user", text, attachments=pictures))
        answer, self.receipt, self.progress = "", None, []
        sampling = Sampling(temperature=0, max_tokens=tokens)
        async with aclosing(engine.stream(Request(self.model, tuple(self.messages), sampling, self.number))) as events:
            async for event in events:
                match event:
                    case Delta(piece, "text"):
                        answer += piece
                    case Prefill():
                        self.progress.append(event)
                    case Done(receipt):
                        self.receipt = receipt
                    case _:
                        pass
                if until(event):
                    break
        self.messages.append(Message("assistant", answer))
        return answer


def picture(folder: Path, colour: str, shape: str) -> Attachment:
    image = Image.new("RGB", (256, 256), (205, 205, 205))
    draw = ImageDraw.Draw(image)
    {"circle": draw.ellipse, "square": draw.rectangle}[shape]((60, 60, 200, 200), fill=colour)
    path = folder / f"{colour}-{shape}.png"
    image.save(path)
    return Attachment(f"{colour}-{shape}", path.name, "image", path, path.stat().st_size, 256, 256)


async def eventually(true: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(seconds):
        while True:
            if true():
                return
            await asyncio.sleep(0.02)


def children() -> list[int]:
    """The process IDs of this process's engine children."""
    command = ["pgrep", "-P", str(os.getpid()), "-f", "engine.worker"]
    return [int(line) for line in subprocess.run(command, capture_output=True, check=False).stdout.split()]
