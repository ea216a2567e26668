"""What is evaluated again and what is not: the prompts of a growing chat, compared with llama-cpp-python in one run.

    python benchmarks/prefill.py [chat] [edit] [picture] [switch] [pieces] [--model MODEL.gguf] [--other MODEL.gguf]

`chat`     each turn of a chat: positions evaluated before the first token, and the time to it
`edit`     the last question is asked in other words
`picture`  a chat about one image, against llama-cpp-python's `MTMDChatHandler`
`pieces`   the cost of a token when a prompt is evaluated in batches of several sizes, in CPU time with one thread
`switch`   two models take turns in one chat, against one model at a time (what `llama_cpp.server` does)

The answers are the models' own, so the chat grows as it would for a user. Times are medians of the rounds.
"""

import argparse
import asyncio
import base64
import hashlib
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, replace
from pathlib import Path

from peers import Peer, silence_llama
from PIL import Image, ImageDraw

from lechat_tui import paths
from lechat_tui.engine.base import Delta, Done, LocalModel, Request, TuningOptions
from lechat_tui.engine.llama.decode import decode
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.local import LocalEngine
from lechat_tui.message import Attachment, Message, Sampling

CONTEXT = 4096
SAMPLING = Sampling(temperature=0, max_tokens=48)
OPTIONS = {"temperature": 0.0, "max_tokens": 48}

QUESTIONS = (
    "My name is Anna.",
    "What is the capital of France?",
    "Count from 1 to 10",
    "What is 7 + 5?",
    "And the capital of Italy?",
    "What is my name?",
)
ABOUT_A_PICTURE = ("What is in this picture?", "What colour is it?", "What shape is it?", "What is 7 + 5?")
LONG = "Here is what I have read today, please keep it in mind. " * 12
"""A first message of a few hundred tokens for a chat between two models."""
NOTED = "Noted."
WARMING = "Hello"


@dataclass(frozen=True)
class Turn:
    """The cost of one question: positions in the prompt, positions evaluated, and seconds to the first text."""

    prompt: int
    evaluated: int
    first: float
    encoded: int = 0
    """Images that were encoded."""


class Ours:
    """A chat with the engine in its child process."""

    def __init__(self, engine: LocalEngine, *before: Message) -> None:
        self.engine = engine
        self.messages = list(before)

    async def ask(self, model: LocalModel, text: str, *pictures: Attachment) -> Turn:
        """Ask and measure."""
        self.messages.append(Message("user", text, attachments=pictures))
        request = Request(model, tuple(self.messages), SAMPLING)
        began, first, said = time.perf_counter(), 0.0, ""
        async with aclosing(self.engine.stream(request)) as events:
            async for event in events:
                if isinstance(event, Delta):
                    first = first or time.perf_counter() - began
                    said += event.text
                if isinstance(event, Done):
                    receipt = event.receipt
        self.messages.append(Message("assistant", said))
        return Turn(receipt.prompt_tokens, receipt.prompt_tokens - receipt.cached_tokens, first)


class Theirs:
    """A chat with llama-cpp-python's high-level API."""

    def __init__(self, before: str = "") -> None:
        self.messages: list[dict[str, object]] = []
        if before:
            self.messages = [{"role": "user", "content": before}, {"role": "assistant", "content": NOTED}]

    def ask(self, peer: Peer, text: str, picture: Attachment | None = None) -> Turn:
        """Ask and measure."""
        content: object = text
        if picture:
            data = base64.b64encode(picture.path.read_bytes()).decode()
            url = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
            content = [url, {"type": "text", "text": text}]
        self.messages.append({"role": "user", "content": content})
        asked = peer.ask(self.messages, **OPTIONS)
        self.messages.append({"role": "assistant", "content": asked.text})
        return Turn(0, asked.evaluated, asked.first, asked.encoded)


async def chat(model: LocalModel, rounds: int) -> None:
    """Each turn of a chat."""
    mine, theirs = [], []
    for _ in range(rounds):
        ours, engine = await _ours(model)
        mine.append([await ours.ask(model, question) for question in QUESTIONS])
        await engine.close()
        with closing(_peer(model)) as peer:
            other = Theirs()
            theirs.append([other.ask(peer, question) for question in QUESTIONS])
    _print(f"a chat with {model.path.name}, against create_chat_completion", mine, theirs)


async def edit(model: LocalModel, rounds: int) -> None:
    """The last question is asked in other words."""
    mine, theirs = [], []
    for _ in range(rounds):
        ours, engine = await _ours(model)
        for question in QUESTIONS:
            await ours.ask(model, question)
        del ours.messages[-2:]
        mine.append([await ours.ask(model, "Do you remember my name?")])
        await engine.close()
        with closing(_peer(model)) as peer:
            other = Theirs()
            for question in QUESTIONS:
                other.ask(peer, question)
            del other.messages[-2:]
            theirs.append([other.ask(peer, "Do you remember my name?")])
    _print(f"the last of {len(QUESTIONS)} questions edited, against create_chat_completion", mine, theirs)


async def picture(model: LocalModel, rounds: int, folder: Path) -> None:
    """A chat about one image."""
    seen = _drawn(folder)
    mine, theirs = [], []
    for _ in range(rounds):
        ours, engine = await _ours(model)
        first, *others = ABOUT_A_PICTURE
        mine.append([await ours.ask(model, first, seen), *[await ours.ask(model, question) for question in others]])
        await engine.close()
        with closing(_peer(model)) as peer:
            other = Theirs()
            theirs.append([other.ask(peer, first, seen), *(other.ask(peer, question) for question in others)])
    _print(f"a chat about a picture with {model.path.name}, against MTMDChatHandler", mine, theirs)
    print(f"images encoded by MTMDChatHandler: {', '.join(str(turn.encoded) for turn in theirs[0])}")


async def switch(model: LocalModel, other: LocalModel, rounds: int) -> None:
    """Two models take turns: both warm, against one at a time."""
    mine, theirs = [], []
    for _ in range(rounds):
        ours, engine = await _ours(model, other, before=LONG)
        order = (model, other) * 3
        mine.append([await ours.ask(spec, question) for spec, question in zip(order, QUESTIONS, strict=True)])
        await engine.close()
        alone = Theirs(LONG)
        turns = []
        for spec, question in zip(order, QUESTIONS, strict=True):
            began = time.perf_counter()
            with closing(_loaded(spec)) as peer:
                loading = time.perf_counter() - began
                turn = alone.ask(peer, question)
            turns.append(Turn(0, turn.evaluated, turn.first + loading))
        theirs.append(turns)
    names = f"{model.path.name} and {other.path.name}"
    _print(f"{names} in turns, against loading the one that is asked", mine, theirs)


async def _ours(*models: LocalModel, before: str = "") -> tuple[Ours, LocalEngine]:
    """A chat with warm models: each has answered something else already."""
    engine = LocalEngine()
    for model in models:
        await Ours(engine).ask(model, WARMING)
    messages = (Message("user", before), Message("assistant", NOTED)) if before else ()
    return Ours(engine, *messages), engine


def _peer(model: LocalModel) -> Peer:
    """The same model, also warm."""
    peer = _loaded(model)
    Theirs().ask(peer, WARMING)
    return peer


def _loaded(model: LocalModel) -> Peer:
    return Peer(model.path, context=model.context, threads=model.tuning.threads or 1, projector=model.projector)


def _drawn(folder: Path) -> Attachment:
    path = folder / "circle.png"
    image = Image.new("RGB", (256, 256), (205, 205, 205))
    ImageDraw.Draw(image).ellipse((60, 60, 200, 200), fill=(220, 30, 30))
    image.save(path)
    return Attachment(
        hashlib.sha256(path.read_bytes()).hexdigest(), path.name, "image", path, path.stat().st_size, 256, 256
    )


def pieces(spec: LocalModel, rounds: int) -> None:
    """The same tokens in batches of each size, in turns."""
    llama = Llama(replace(spec, tuning=TuningOptions(threads=1, batch=512)), lambda _: None)
    tokens = llama.vocab.tokenize(LONG * 10)[:512]
    sizes = (16, 32, 64, 128, 256, 512)
    costs: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(rounds + 1):
        for size in sizes:
            llama.cache.clear()
            began = time.process_time()
            for start in range(0, len(tokens), size):
                decode(llama.context, tokens[start : start + size])
            costs[size].append((time.process_time() - began) * 1e6 / len(tokens))
    llama.close()
    print(f"\n{spec.path.name}: {len(tokens)} tokens in batches, CPU time of one thread")
    whole = statistics.median(costs[512][1:])  # without the first round, which touches the weights
    for size in sizes:
        cost = statistics.median(costs[size][1:])
        print(f"  {size:4} {cost:10.0f} microseconds per token   {cost / whole:.2f}")


def _print(title: str, mine: Sequence[Sequence[Turn]], theirs: Sequence[Sequence[Turn]]) -> None:
    print(f"\n{title}")
    print(f"{'turn':>4} {'prompt':>8} {'evaluated':>10} {'theirs':>8} {'first token':>13} {'theirs':>10} {'ratio':>7}")
    for at, turn in enumerate(mine[0]):
        ours = statistics.median(row[at].first for row in mine) * 1000
        other = statistics.median(row[at].first for row in theirs) * 1000
        ratio = statistics.median(a[at].first / b[at].first for a, b in zip(mine, theirs, strict=True))
        counts = f"{turn.prompt:8,} {turn.evaluated:10,} {theirs[0][at].evaluated:8,}"
        print(f"{at + 1:>4} {counts} {ours:10.1f} ms {other:7.1f} ms {ratio:7.2f}")
    evaluated, others = (sum(turn.evaluated for turn in rows[0]) for rows in (mine, theirs))
    print(f" all {'':8} {evaluated:10,} {others:8,} {'':29} {evaluated / others:.2f} of the positions")


def main() -> None:
    """Measure what is asked for and print the results."""
    chaton = paths.bundled("chaton") / "chaton-q8_0.gguf"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["chat", "edit", "picture", "switch"])
    parser.add_argument("--model", type=Path, default=chaton)
    parser.add_argument("--other", type=Path, default=chaton, help="the second model of `switch`")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    silence_llama()
    model = LocalModel("model", options.model, context=CONTEXT, tuning=TuningOptions(threads=options.threads))
    other = LocalModel("other", options.other, context=CONTEXT, tuning=TuningOptions(threads=options.threads))
    vision = LocalModel(
        "vision", chaton, chaton.with_name("chaton-mmproj-q8_0.gguf"), context=CONTEXT, tuning=TuningOptions(threads=1)
    )
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "chat": lambda: chat(model, options.rounds),
            "edit": lambda: edit(model, options.rounds),
            "picture": lambda: picture(vision, options.rounds, Path(folder)),
            "switch": lambda: switch(model, other, options.rounds),
        }
        for name in options.what:
            pieces(model, options.rounds) if name == "pieces" else asyncio.run(ways[name]())


if __name__ == "__main__":
    main()
