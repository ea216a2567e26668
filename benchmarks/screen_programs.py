"""The programs that `screen.py` runs in a terminal. Each measures itself from inside and writes JSON when it ends.

python benchmarks/screen_programs.py lechat|markdown|nothing|resting RESULT.json [--tokens N] [--messages N]
"""

import argparse
import asyncio
import gc
import json
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import cast

from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Input, Label, Markdown

from lechat_tui import paths
from lechat_tui.engine.base import Delta, Event, Request
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, Weights
from lechat_tui.models.fit import Resources
from lechat_tui.models.jobs import Jobs
from lechat_tui.store import Store
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.app import LeChat
from lechat_tui.ui.chat.screen import ChatScreen

SPEED = 300
"""Tokens per second."""

STRETCH = 1_000
"""Tokens per measurement of CPU time."""

PART = """## Part {n}: what is drawn

A paragraph with **strong words**, *others*, some `code` and [a link](https://example.org/{n}), long enough to be
wrapped more than once in a column of a hundred cells, as most paragraphs of an answer are.

1. First, something to do with `x_{n}`.
2. Then something else, which takes more words to say.
   - with a point below it
   - and another one

```python
def part_{n}(values: list[int]) -> int:
    total = 0  # the sum so far
    for value in values:
        if value % 2:
            total += value * {n}
    return total
```

| column | meaning | value |
|--------|---------|------:|
| first  | a thing of part {n} | {n} |
| second | another thing | 2 |

> A sentence that is quoted from somewhere else.

"""


def answer(tokens: int) -> list[str]:
    """A Markdown answer, split as a tokenizer might: words with the space before them."""
    pieces: list[str] = []
    part = 0
    while len(pieces) < tokens:
        part += 1
        text = PART.format(n=part)
        at = 0
        while at < len(text):
            end = at + 1
            while end < len(text) and not text[end].isspace():
                end += 1
            pieces.append(text[at:end])
            at = end
    return pieces[:tokens]


class Meter:
    """Counts tokens and measures their cost; `watch` measures how late a timer of 10 ms fires."""

    def __init__(self, result: Path) -> None:
        self._result = result
        self._tokens = 0
        self._marks: list[float] = []
        self._late: list[list[float]] = [[]]
        self._busy: list[float] = []

    def count(self) -> None:
        """Count a token."""
        if not self._tokens:  # everything before is the start, which `start.py` measures
            self._marks = [time.process_time()]
        self._tokens += 1
        if self._tokens % STRETCH == 0:
            self._marks.append(time.process_time())
            self._late.append([])

    async def watch(self) -> None:
        """Measure until cancelled."""
        while True:
            began, worked = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.01)
            self._late[-1].append((time.perf_counter() - began - 0.01) * 1000)
            self._busy.append((time.thread_time() - worked) * 1000)

    def write(self) -> None:
        """Milliseconds of CPU per token and of lateness for each stretch, and of CPU while each timer ran."""
        cpu = [(b - a) * 1000 / STRETCH for a, b in zip(self._marks, self._marks[1:], strict=False)]
        self._result.write_text(json.dumps({"cpu": cpu, "late": self._late[: len(cpu)], "busy": self._busy}))

    def write_lateness(self) -> None:
        """The same as one table."""
        late = [value for stretch in self._late for value in stretch][:-1]  # the last one lasted until the end
        self._result.write_text(json.dumps({"late": late, "busy": self._busy}))


class Counting(EchoEngine):
    """Answers the first question with these pieces, then ends the program."""

    def __init__(self, pieces: list[str], meter: Meter, end: Callable[[], None]) -> None:
        super().__init__()
        self._pieces, self._meter, self._end = pieces, meter, end

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Yield the pieces at an even speed."""
        watching = asyncio.create_task(self._meter.watch())
        asyncio.get_running_loop().call_later(3.0, gc.freeze)  # as cli/screen.py does
        async for piece in evenly(self._pieces):
            self._meter.count()
            yield Delta(piece)
        watching.cancel()
        self._meter.write()
        self._end()


async def evenly(pieces: list[str]) -> AsyncGenerator[str, None]:
    """Yield each piece at its time; if the program is late, all that are due at once."""
    began = time.perf_counter()
    for number, piece in enumerate(pieces):
        ahead = number / SPEED - (time.perf_counter() - began)
        await asyncio.sleep(max(ahead, 0))
        yield piece


class Asking(LeChat):
    """lechat, asking a question by itself."""

    def on_ready(self) -> None:
        """Ask after the first paint."""
        cast(ChatScreen, self.screen).host.ask("Write a long answer.")


def lechat(pieces: list[str], meter: Meter, messages: int) -> LeChat:
    """lechat with a scripted engine, below this many earlier messages."""
    app: list[LeChat] = []
    engine = Counting(pieces, meter, lambda: app[0].exit())
    conversation = talk(engine, newest=messages > 0)
    app.append(Asking(conversation, jobs=Jobs(), machine=Resources))
    return app[0]


def talk(engine: EchoEngine, *, newest: bool) -> Conversation:
    """A new chat, or the newest one there is, with a model whose weights are empty."""
    store = Store(paths.data())
    weights = paths.data() / "none.gguf"
    weights.touch()
    model = Model("echo", "Echo", ("text",), Weights(str(weights)))
    return Conversation(store, engine, Models({"echo": model}), model, chat=store.latest() if newest else None)


class Resting(LeChat):
    """lechat with a meter that runs until it quits."""

    def __init__(self, meter: Meter) -> None:
        super().__init__(talk(EchoEngine(), newest=False), jobs=Jobs(), machine=Resources)
        self._meter = meter

    def on_mount(self) -> None:
        """Start measuring."""
        super().on_mount()
        self._watching = asyncio.create_task(self._meter.watch())

    def on_unmount(self) -> None:
        """Write the measurements."""
        self._meter.write_lateness()


class Peer(App[None]):
    """Textual's own widget for a streamed answer; with `drawn` false, nothing is rendered."""

    def __init__(self, pieces: list[str], meter: Meter, *, drawn: bool) -> None:
        super().__init__()
        self._pieces, self._meter, self._drawn = pieces, meter, drawn

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Markdown() if self._drawn else Label()
        yield Input()

    def on_mount(self) -> None:
        """Begin once the page is mounted."""
        self.query_one(VerticalScroll).anchor()
        self.query_one(Input).focus()
        self.call_after_refresh(lambda: self.run_worker(self._stream()))

    async def _stream(self) -> None:
        watching = asyncio.create_task(self._meter.watch())
        stream = Markdown.get_stream(self.query_one(Markdown)) if self._drawn else None
        async for piece in evenly(self._pieces):
            self._meter.count()
            if stream:
                await stream.write(piece)
        watching.cancel()
        self._meter.write()
        self.exit()


def main() -> None:
    """Run one program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("program", choices=("lechat", "markdown", "nothing", "resting"))
    parser.add_argument("result", type=Path)
    parser.add_argument("--tokens", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=0)
    options = parser.parse_args()
    pieces, meter = answer(options.tokens), Meter(options.result)
    if options.program == "lechat":
        app: App[None] = lechat(pieces, meter, options.messages)
    elif options.program == "resting":
        app = Resting(meter)
    else:
        app = Peer(pieces, meter, drawn=options.program == "markdown")
    if isinstance(app, LeChat):
        gc.freeze()  # as cli/screen.py does
    app.run()


if __name__ == "__main__":
    main()
