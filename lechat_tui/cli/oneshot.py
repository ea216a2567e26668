"""One answer for a pipe: the words to stdout, all else to stderr. One host of a conversation, beside the screen."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import asdict, fields
from typing import Literal

from lechat_tui.cli.overflow import Overflow, fitting
from lechat_tui.cli.piped import Given
from lechat_tui.engine.base import ContextOverflow, Delta, Done, Event, Fitted, Loading, Prefill
from lechat_tui.message import Attachment, Message, Receipt, Sampling
from lechat_tui.plaintext import safe
from lechat_tui.talk import phrases
from lechat_tui.talk.conversation import Conversation

Output = Literal["text", "json", "stream-json"]

FIGURES = (
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "ttft_ms",
    "tokens_per_s",
    "stop_reason",
    "left_out",
    "seed",
)
"""What a program is told of a receipt."""


RECEIPT = (
    "model",
    "file",
    "sha256",
    "quant",
    "template",
    "context",
    *(field.name for field in fields(Sampling)),
    "pictures",
    "picture_tokens",
    "engine",
    "adapters",
    "kv_type",
    "memory",
)
"""What a program is told of how an answer was made."""


def run(
    conversation: Conversation,
    given: Given,
    *,
    output: Output,
    overflow: Overflow,
    quiet: bool,
    stats: bool,
    kept: bool,
) -> None:
    """Ask, and print the answer as it comes. Raises what `Conversation.ask` raises."""
    files = [conversation.keep_attachment(file) for file in given.files]
    printer, hints = Printer(output, kept), Hints(quiet)
    try:
        asyncio.run(_answer(conversation, given, files, overflow, printer, hints, stats=stats))
    except BrokenPipeError:  # nobody reads on: what was said is kept, and the last flush goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


async def _answer(
    conversation: Conversation,
    given: Given,
    files: Sequence[Attachment],
    overflow: Overflow,
    printer: "Printer",
    hints: "Hints",
    *,
    stats: bool,
) -> None:
    if conversation.model.toy:
        hints.say(f"{conversation.model.id} is a toy model; lechat ls lists real ones, lechat pull NAME gets one")
    try:
        if conversation.setup.loras:
            hints.say(f"asking {conversation.title}: adapters are laid over the model")
        text, attached = await fitting(conversation, given, files, overflow, hints.say)
        async with aclosing(conversation.ask(text, attached, title=given.instruction)) as events:
            async for event in events:
                hints.show(event, conversation.model.id)
                printer.show(event, conversation)
    except ContextOverflow as error:
        if overflow != "refuse":
            raise
        raise ContextOverflow(f"{error}, or let --overflow head, tail, middle or map see to it") from error
    finally:
        hints.clear()
        await conversation.engine.close()
    last = conversation.messages[-1]
    printer.end(last, conversation)
    if stats and last.receipt:
        print(phrases.figures(last.receipt), file=sys.stderr)


class Printer:
    """What goes to stdout. `kept` says whether the chat can be found again by its id."""

    def __init__(self, output: Output, kept: bool) -> None:
        self._output = output
        self._kept = kept
        self._clean = safe if sys.stdout.isatty() else str

    def show(self, event: Event, conversation: Conversation) -> None:
        """An event of the answer, as it comes."""
        match self._output, event:
            case "text", Delta(text, "text"):
                _write(self._clean(text))
            case "stream-json", _:
                _write(json.dumps(_as_line(event, conversation)) + "\n")
            case _:
                pass

    def end(self, last: Message, conversation: Conversation) -> None:
        """What follows the last event."""
        if self._output == "text" and not last.text.endswith("\n"):
            _write("\n")
        elif self._output == "json":
            _write(json.dumps(self._as_object(last, conversation)) + "\n")

    def _as_object(self, last: Message, conversation: Conversation) -> dict[str, object]:
        return {
            "text": last.text,
            "thinking": last.thinking,
            "model": conversation.model.id,
            "chat": conversation.chat.id if conversation.chat and self._kept else None,
            "message": last.id if self._kept else None,
            "stats": _told(last.receipt, FIGURES) if last.receipt else {},
            "receipt": _told(last.receipt, RECEIPT) if last.receipt else {},
        }


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


class Hints:
    """What is said on stderr: sentences always, progress only where a person looks on."""

    def __init__(self, quiet: bool) -> None:
        self._progress = sys.stderr.isatty() and not quiet
        self._shown = 0
        """Cells of the progress line on the screen; 0 for none."""
        self._quiet = quiet
        self._notes = phrases.Notes()

    def say(self, sentence: str) -> None:
        """A line of its own."""
        self.clear()
        if not self._quiet:
            print(f"lechat: {sentence}", file=sys.stderr)

    def show(self, event: Event, model: str) -> None:
        """Print what the user should know of an event; progress goes on one line that is overwritten."""
        if (activity := phrases.activity(event, model)) and phrases.is_long(event):
            text, fraction = activity
            self._over(f"{text}: {fraction:.0%}")
        for sentence in self._notes.about(event, model):
            self.say(sentence)
        if isinstance(event, Fitted) and event.left_out:
            self.say(phrases.left_out(len(event.left_out)))
        if isinstance(event, Delta):
            self.clear()

    def _over(self, text: str) -> None:
        if self._progress:
            print(f"\r{text:<{self._shown}}", end="\r", file=sys.stderr, flush=True)
            self._shown = len(text)

    def clear(self) -> None:
        """Take the progress line away."""
        if self._shown:
            print(f"\r{'':<{self._shown}}", end="\r", file=sys.stderr, flush=True)
            self._shown = 0


def _told(receipt: Receipt, names: Sequence[str]) -> dict[str, object]:
    every = asdict(receipt) | asdict(receipt.sampling)
    return {name: every[name] for name in names}


def _as_line(event: Event, conversation: Conversation) -> dict[str, object]:
    """An event, as `--output stream-json` prints it."""
    match event:
        case Loading(fraction):
            return {"type": "loading", "fraction": fraction}
        case Fitted(tokens, limit, left_out):
            return {"type": "fitted", "tokens": tokens, "limit": limit, "left_out": len(left_out)}
        case Prefill(done, total, cached):
            return {"type": "prefill", "done": done, "total": total, "cached": cached}
        case Delta(text, kind):
            return {"type": kind, "text": text}
        case Done(receipt):
            return {
                "type": "done",
                "model": conversation.model.id,
                "stats": _told(receipt, FIGURES),
                "receipt": _told(receipt, RECEIPT),
            }
