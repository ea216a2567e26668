"""Turns messages into the token IDs of a prompt, through the model's chat template.

Only the template and the model's own system prompt from the catalog write control tokens: whatever a user, a file or a
model wrote stays ordinary text. The rendered text is split at the control tokens that they wrote, and the text between
two of them is tokenized in one call, as mistral-common does.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, dropwhile, groupby, islice

from lechat_tui.engine.base import EngineError
from lechat_tui.engine.llama.sandbox import Sandbox
from lechat_tui.engine.llama.vocab import Vocab, any_of
from lechat_tui.message import Attachment, Message


@dataclass(frozen=True)
class Prompt:
    """Token IDs, and images in their places."""

    parts: tuple[tuple[int, ...] | Attachment, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        """The token IDs alone."""
        return tuple(token for part in self.parts if isinstance(part, tuple) for token in part)

    @property
    def images(self) -> tuple[Attachment, ...]:
        return tuple(part for part in self.parts if isinstance(part, Attachment))


@dataclass(frozen=True)
class _Marks:
    """Characters that occur nowhere in the conversation, Unicode's noncharacters first."""

    guard: str
    """Put into text that reads like a control token, so that it is not one."""
    image: str
    """Put on both sides of an image's number."""
    end: str
    """Put after an unfinished answer."""

    @classmethod
    def unused_in(cls, texts: Iterable[str]) -> "_Marks":
        used = set().union(*texts)
        unused = (chr(code) for code in range(0x10FFFF, 0xDFFF, -1) if chr(code) not in used)
        return cls(*islice(unused, 3))


class ChatTemplate:
    """A model's chat template and the vocabulary it is used with."""

    def __init__(self, source: str, vocab: Vocab, system: str = "") -> None:
        """Compile the Jinja source. Raises `EngineError` when it is not a template.

        `system` is the model's own system prompt from the catalog; its control tokens are kept in a system message.
        """
        self.id = hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()[:12]
        """Identifies this template in receipts."""
        self._vocab = vocab
        self._system = system
        self._sandbox = Sandbox(source)
        special = any_of(vocab.specials) if vocab.specials else "(?!)"
        self._special = re.compile(special)
        self._forged = re.compile(f"(?={special}).", re.DOTALL)
        """Matches the first character of text that reads like a control token."""

    def prompt(self, messages: Sequence[Message]) -> Prompt:
        """The prompt for the next answer. Raises `EngineError`."""
        ordered = self._ordered(messages)
        marks = _Marks.unused_in(message.text for message in ordered)
        text = self._with_system(ordered, marks, self._render_question)
        return self._tokenized(text, marks, ordered)

    def continuation(self, messages: Sequence[Message]) -> Prompt:
        """The prompt that continues the last message, an unfinished answer. Raises `EngineError`."""
        ordered = self._ordered(messages)
        if ordered[-1].role != "assistant":
            return self.prompt(messages)
        marks = _Marks.unused_in(message.text for message in ordered)
        text, end, _ = self._with_system(ordered, marks, self._render_unfinished).partition(marks.end)
        if not end:
            raise EngineError("the model's chat template cannot continue an answer; /regen asks for a new one")
        return self._tokenized(text, marks, ordered)

    def count(self, message: Message) -> int:
        """Tokens of the message's own text, without its images and what the template writes around it."""
        marks = _Marks.unused_in([message.text])
        return sum(1 for _ in self._tokens(self._guarded(message, marks), marks))

    def _ordered(self, messages: Sequence[Message]) -> list[Message]:
        """The messages as templates expect them: no empty answers, alternating roles, a question first."""
        kept = [message for message in messages if message.role != "assistant" or message.text.strip()]
        first = next((index for index, message in enumerate(kept) if message.role == "user"), len(kept))
        system = [message for message in kept[:first] if message.role == "system"]
        ordered = [self._stripped(message) for message in _merged([*system, *kept[first:]])]
        if not any(message.role == "user" for message in ordered):
            raise EngineError("there is no question to answer")
        return ordered

    def _stripped(self, message: Message) -> Message:
        """An answer without trailing spaces, as mistral-common encodes it since its version 2."""
        if message.role != "assistant" or self._vocab.special("[INST]") is None:
            return message
        return replace(message, text=message.text.rstrip(" "))

    def _with_system(
        self, messages: list[Message], marks: _Marks, render: Callable[[list[Message], _Marks], str]
    ) -> str:
        """The rendered text; a template without a system prompt gets it at the start of the first question instead."""
        system = [self._guarded(message, marks).strip() for message in messages if message.role == "system"]
        if not system:
            return render(messages, marks)
        try:
            text = render(messages, marks)
        except EngineError:
            return render(_folded(messages), marks)
        return text if all(part in text for part in system) else render(_folded(messages), marks)

    def _render_question(self, messages: list[Message], marks: _Marks) -> str:
        return self._render(self._rows(messages, marks), answering=True)

    def _render_unfinished(self, messages: list[Message], marks: _Marks) -> str:
        rows = self._rows(messages, marks)
        rows[-1]["content"] += marks.end
        return self._render(rows, answering=False)

    def _rows(self, messages: list[Message], marks: _Marks) -> list[dict[str, str]]:
        """The messages for the template, each with its images' numbers in front of its text."""
        numbers = count()
        return [
            {
                "role": message.role,
                "content": "".join(f"{marks.image}{next(numbers)}{marks.image}" for _ in message.images)
                + self._guarded(message, marks),
            }
            for message in messages
        ]

    def _guarded(self, message: Message, marks: _Marks) -> str:
        """The message's text with a mark in whatever reads like a control token and is not meant as one."""
        own = self._system if message.role == "system" else ""
        parts = message.text.split(own) if own else [message.text]
        text = own.join(self._forged.sub(lambda found: found[0] + marks.guard, part) for part in parts)
        if self._vocab.adds_space and text.startswith(" "):
            return f" {marks.guard}{text[1:]}"  # or it would be taken for the space a template writes before a text
        return text

    def _render(self, rows: list[dict[str, str]], *, answering: bool) -> str:
        vocab = self._vocab
        return self._sandbox.render(
            rows,
            bos_token="" if vocab.bos is None else vocab.text(vocab.bos),
            eos_token="" if vocab.eos is None else vocab.text(vocab.eos),
            add_generation_prompt=answering,
            tools=None,
            documents=None,
        )

    def _tokenized(self, text: str, marks: _Marks, messages: list[Message]) -> Prompt:
        images = [image for message in messages for image in message.images]
        first, *rest = re.split(rf"{marks.image}(\d+){marks.image}", text)
        numbers, runs = [int(number) for number in rest[::2]], rest[1::2]
        if set(numbers) != set(range(len(images))):
            raise EngineError("the model's chat template leaves out an image; ask without it, or ask another model")
        parts: list[tuple[int, ...] | Attachment] = [self._with_bos(self._tokens(first, marks))]
        for number, run in zip(numbers, runs, strict=True):
            parts += [images[number], tuple(self._tokens(run, marks))]
        return Prompt(tuple(part for part in parts if part))

    def _tokens(self, text: str, marks: _Marks) -> Iterator[int]:
        """Control tokens where the template wrote them, and the text between two of them tokenized in one call."""
        start = 0
        for found in self._special.finditer(text):
            if text.startswith(marks.guard, found.end()):
                continue
            yield from self._run(text[start : found.start()], marks)
            yield self._vocab.specials[found[0]]
            start = found.end()
        yield from self._run(text[start:], marks)

    def _run(self, text: str, marks: _Marks) -> list[int]:
        if self._vocab.adds_space and text.startswith(" ") and not text.startswith(marks.guard, 1):
            text = text[1:]  # the vocabulary adds one itself
        return self._vocab.tokenize(text.replace(marks.guard, ""))

    def _with_bos(self, tokens: Iterable[int]) -> tuple[int, ...]:
        """The tokens with exactly one BOS in front, where the vocabulary or the template wants one."""
        bos = self._vocab.bos
        written = tuple(tokens)
        rest = tuple(dropwhile(lambda token: token == bos, written))
        if bos is None or (len(rest) == len(written) and not self._vocab.adds_bos):
            return written
        return (bos, *rest)


def _merged(messages: Iterable[Message]) -> list[Message]:
    """The messages, with neighbors of one role joined by a blank line."""
    return [_joined(list(group)) for _, group in groupby(messages, key=lambda message: message.role)]


def _joined(messages: list[Message]) -> Message:
    text = "\n\n".join(message.text for message in messages if message.text)
    images = tuple(image for message in messages for image in message.images)
    return replace(messages[-1], text=text, attachments=images)


def _folded(messages: list[Message]) -> list[Message]:
    """The messages with the system prompt at the start of the first question."""
    system = [message.text for message in messages if message.role == "system"]
    first, *rest = _merged(message for message in messages if message.role != "system")
    return [replace(first, text="\n\n".join(text for text in (*system, first.text) if text)), *rest]
