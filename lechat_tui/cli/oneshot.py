"""One answer for a script: the text to stdout, everything else to stderr."""

import asyncio
import gc
import json
import sys
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import asdict, fields
from typing import Literal

from lechat_tui.attachments.documents import remarks
from lechat_tui.attachments.texts import invisible_characters
from lechat_tui.cli import printing, streams
from lechat_tui.cli.inputs import Input, NoPrompt
from lechat_tui.cli.overflow import Overflow, fitting
from lechat_tui.engine.base import ContextOverflow, Delta, Done, Event, Fitted, Loading, Prefill, Retrieved, Waiting
from lechat_tui.message import Attachment, Citation, Message, Receipt, Sampling
from lechat_tui.plaintext import safe
from lechat_tui.talk import phrases
from lechat_tui.talk.conversation import Conversation
from lechat_tui.talk.sources import cited, uncited

Output = Literal["text", "json", "stream-json"]

STATS = (
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "ttft_ms",
    "tokens_per_s",
    "joules",
    "stop_reason",
    "left_out",
    "seed",
)
"""Fields of a receipt in `stats`."""

RECEIPT = (
    "model",
    "file",
    "sha256",
    "quant",
    "template",
    "context",
    *(field.name for field in fields(Sampling)),
    "documents",
    "pictures",
    "picture_tokens",
    "engine",
    "server",
    "adapters",
    "kv_type",
    "threads",
    "cpu",
    "memory",
)
"""Fields of a receipt in `receipt`: how the answer was made."""


def run(
    conversation: Conversation,
    question: Input,
    *,
    output: Output,
    overflow: Overflow,
    quiet: bool,
    stats: bool,
    kept: bool,
) -> None:
    """Ask, and print the answer as it arrives. Raises what `Conversation.ask` raises, and `NoPrompt`."""
    if kept and _begins_like_private(question.instruction or question.material):
        raise NoPrompt("/private is for the chat; lechat -n QUESTION asks one question and saves nothing")
    gc.enable()  # `start.py` has disabled it
    files = [conversation.keep_attachment(file) for file in question.files]
    printer, hints = Printer(output, kept), Hints(quiet)
    with suppress(streams.NobodyReads):  # what arrived is kept
        asyncio.run(_answer(conversation, question, files, overflow, printer, hints, stats=stats))


def _begins_like_private(text: str) -> bool:
    if text.lstrip()[:1] not in ("/", "\\", "\uff0f"):
        return False
    from lechat_tui.commands.base import resembles_private  # loads all commands

    return resembles_private(text)


async def _answer(
    conversation: Conversation,
    question: Input,
    files: Sequence[Attachment],
    overflow: Overflow,
    printer: "Printer",
    hints: "Hints",
    *,
    stats: bool,
) -> None:
    if question.note:
        hints.say(question.note)
    if conversation.model.toy and not conversation.store.chats(limit=1):
        hints.say(f"{conversation.model.id} is a toy model; lechat ls lists real ones, lechat pull NAME downloads one")
    if conversation.notice:
        hints.say(conversation.notice)
    try:
        if conversation.setup.loras:
            hints.say(f"using {conversation.setup.title}, with adapters applied")
        files = await _with_page_pictures(conversation, files, hints)
        asked = await fitting(conversation, question, files, overflow, hints.say)
        if hidden := invisible_characters(asked.text, asked.attachments):
            hints.say(phrases.invisible_characters(hidden))
        for remark in remarks(files):
            hints.say(remark)
        events = conversation.ask(asked.text, asked.attachments, pasted=asked.pasted, title=question.instruction)
        async with aclosing(events):
            async for event in events:
                hints.show(event, conversation.model.id)
                printer.show(event, conversation)
        hints.clear()
        last = conversation.messages[-1]
        printer.end(last, conversation)
        for line in cited(last) or uncited(conversation.messages):
            hints.say(line)
        if stats and last.receipt:
            printing.say(phrases.figures(last.receipt))
    except ContextOverflow as error:
        if overflow != "refuse":
            raise
        raise ContextOverflow(f"{error}, or {_ways_out(files)}") from error
    finally:
        hints.clear()
        await conversation.engine.close()  # it may save its state: after everything has been shown


async def _with_page_pictures(
    conversation: Conversation, files: Sequence[Attachment], hints: "Hints"
) -> Sequence[Attachment]:
    """The attachments, with pictures of pages without text."""
    if all(file.kind != "document" for file in files):
        return files
    from lechat_tui.talk.page_pictures import with_page_pictures

    pictured = await asyncio.to_thread(with_page_pictures, conversation, files, ocr="lechat ocr")
    for note in pictured.notes:
        hints.say(note)
    return pictured.attachments


def _ways_out(files: Sequence[Attachment]) -> str:
    """What to do with a question that does not fit."""
    document = next((file for file in files if file.kind == "document"), None)
    if document is None:
        return "choose what to keep with --overflow head, tail, middle or map"
    return f"choose with --overflow passages, map or head, or name pages, as in -f {safe(document.name)}#1-9"


class Printer:
    """Prints to stdout. `kept` says whether the chat is saved and has an ID."""

    def __init__(self, output: Output, kept: bool) -> None:
        self._output = output
        self._kept = kept

    def show(self, event: Event, conversation: Conversation) -> None:
        """Print an event of the answer."""
        match self._output, event:
            case "text", Delta(text, "text"):
                printing.content(text)
            case "stream-json", _:
                printing.content(json.dumps(_as_line(event, conversation)) + "\n")
            case _:
                pass

    def end(self, last: Message, conversation: Conversation) -> None:
        """Print what follows the last event."""
        if self._output == "text" and not last.text.endswith("\n"):
            printing.content("\n")
        elif self._output == "json":
            printing.content(json.dumps(self._as_object(last, conversation)) + "\n")

    def _as_object(self, last: Message, conversation: Conversation) -> dict[str, object]:
        return {
            "text": last.text,
            "thinking": last.thinking,
            **_citations(conversation),
            "model": conversation.model.id,
            "chat": conversation.chat.id if conversation.chat and self._kept else None,
            "message": last.id if self._kept else None,
            "stats": _fields(last.receipt, STATS) if last.receipt else {},
            "receipt": _fields(last.receipt, RECEIPT) if last.receipt else {},
        }


class Hints:
    """Prints to stderr: sentences always, progress only on a terminal."""

    def __init__(self, quiet: bool) -> None:
        self._progress = sys.stderr.isatty() and not quiet
        self._shown = 0
        """Cells of the progress line on the screen; 0 for none."""
        self._quiet = quiet
        self._notes = phrases.Notes()

    def say(self, sentence: str) -> None:
        """Print a sentence on a line of its own."""
        self.clear()
        if not self._quiet:
            printing.say(f"lechat: {sentence}")

    def show(self, event: Event, model: str) -> None:
        """Print what the user should know of an event; progress is shown on one line that is overwritten."""
        if (activity := phrases.activity(event, model)) and phrases.is_long(event):
            text, fraction = activity
            self.overwrite(f"{text}: {phrases.percent(fraction)}".removesuffix(": "))
        for sentence in self._notes.about(event, model):
            self.say(sentence)
        if isinstance(event, Fitted) and event.left_out:
            self.say(phrases.left_out(len(event.left_out)))
        if isinstance(event, Delta):
            self.clear()

    def overwrite(self, text: str) -> None:
        """Show this on the progress line."""
        if self._progress:
            printing.rewrite(f"{text:<{self._shown}}", end="\r")
            self._shown = len(text)

    def clear(self) -> None:
        """Remove the progress line."""
        if self._shown:
            printing.rewrite(" " * self._shown, end="\r")
            self._shown = 0


def _fields(receipt: Receipt, names: Sequence[str]) -> dict[str, object]:
    values = asdict(receipt) | asdict(receipt.sampling)
    return {name: values[name] for name in names}


def _citations(conversation: Conversation) -> dict[str, object]:
    """The citations of the last answer; nothing in a chat without passages of a library."""
    if not conversation.has_passages:
        return {}
    return {"citations": [_citation(one) for one in conversation.messages[-1].citations]}


def _citation(citation: Citation) -> dict[str, object]:
    """A citation as JSON output has it: without its place in the answer."""
    values = asdict(citation)
    del values["mark"]
    return values


def _as_line(event: Event, conversation: Conversation) -> dict[str, object]:
    """An event as `--output stream-json` prints it."""
    match event:
        case Loading(fraction, note):
            return {"type": "loading", "fraction": fraction} | ({"note": note} if note else {})
        case Retrieved(note):
            return {"type": "retrieved", "note": note}
        case Waiting(reason):
            return {"type": "waiting", "reason": reason}
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
                **_citations(conversation),
                "stats": _fields(receipt, STATS),
                "receipt": _fields(receipt, RECEIPT),
            }
