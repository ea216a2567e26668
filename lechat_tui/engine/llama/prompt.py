"""Messages to the token ids of a prompt, through the model's chat template. Knows no context window and no cache.

Only the template and the catalog's system prompt write control tokens: whatever a person, a file or a model wrote
stays ordinary text. The rendered text is split at the control tokens that they wrote, and what stands between two of
them is tokenized as one run, as mistral-common does.
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
    """What the model reads: token ids, and pictures in their places."""

    parts: tuple[tuple[int, ...] | Attachment, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        """The token ids alone."""
        return tuple(token for part in self.parts if isinstance(part, tuple) for token in part)

    @property
    def pictures(self) -> tuple[Attachment, ...]:
        return tuple(part for part in self.parts if isinstance(part, Attachment))


@dataclass(frozen=True)
class _Marks:
    """Characters that nobody wrote in the conversation: Unicode's noncharacters first."""

    guard: str
    """Breaks what reads like a control token."""
    picture: str
    """Stands on both sides of a picture's number."""
    end: str
    """Stands after an unfinished answer."""

    @classmethod
    def unused_in(cls, texts: Iterable[str]) -> "_Marks":
        used = set().union(*texts)
        unused = (chr(code) for code in range(0x10FFFF, 0xDFFF, -1) if chr(code) not in used)
        return cls(*islice(unused, 3))


class ChatTemplate:
    """A model's chat template and the vocabulary it writes for."""

    def __init__(self, source: str, vocab: Vocab, system: str = "") -> None:
        """Compile the Jinja source. Raises `EngineError` when it is not a template.

        `system` is the catalog's system prompt for the model; its control tokens count, in a system message.
        """
        self.id = hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()[:12]
        """Tells this template from others, in the receipts."""
        self._vocab = vocab
        self._system = system
        self._sandbox = Sandbox(source)
        special = any_of(vocab.specials) if vocab.specials else "(?!)"
        self._special = re.compile(special)
        self._forged = re.compile(f"(?={special}).", re.DOTALL)
        """The first character of whatever reads like a control token."""

    def prompt(self, messages: Sequence[Message]) -> Prompt:
        """What asks for the next answer. Raises `EngineError`."""
        talk = self._ordered(messages)
        marks = _Marks.unused_in(message.text for message in talk)
        text = self._written(talk, marks, self._asking)
        return self._tokenized(text, marks, talk)

    def continuation(self, messages: Sequence[Message]) -> Prompt:
        """What lets the model go on with the last message, its own unfinished answer. Raises `EngineError`."""
        talk = self._ordered(messages)
        if talk[-1].role != "assistant":
            return self.prompt(messages)
        marks = _Marks.unused_in(message.text for message in talk)
        text, end, _ = self._written(talk, marks, self._continuing).partition(marks.end)
        if not end:
            raise EngineError("the model's chat template cannot go on with an answer; /regen asks for a new one")
        return self._tokenized(text, marks, talk)

    def count(self, message: Message) -> int:
        """Tokens of the message's own text, without its pictures and what the template writes around it."""
        marks = _Marks.unused_in([message.text])
        return sum(1 for _ in self._tokens(self._guarded(message, marks), marks))

    def _ordered(self, messages: Sequence[Message]) -> list[Message]:
        """The messages as templates expect them: nothing empty from the model, roles in turns, a question first."""
        said = [message for message in messages if message.role != "assistant" or message.text.strip()]
        first = next((at for at, message in enumerate(said) if message.role == "user"), len(said))
        opening = [message for message in said[:first] if message.role == "system"]
        talk = [self._stripped(message) for message in _merged([*opening, *said[first:]])]
        if not any(message.role == "user" for message in talk):
            raise EngineError("there is no question to answer")
        return talk

    def _stripped(self, message: Message) -> Message:
        """An answer without the spaces at its end, as mistral-common encodes it since its version 2."""
        if message.role != "assistant" or self._vocab.special("[INST]") is None:
            return message
        return replace(message, text=message.text.rstrip(" "))

    def _written(self, talk: list[Message], marks: _Marks, write: Callable[[list[Message], _Marks], str]) -> str:
        """The text the template makes; where it takes no system prompt, that opens the first question instead."""
        system = [self._guarded(message, marks).strip() for message in talk if message.role == "system"]
        if not system:
            return write(talk, marks)
        try:
            text = write(talk, marks)
        except EngineError:
            return write(_folded(talk), marks)
        return text if all(part in text for part in system) else write(_folded(talk), marks)

    def _asking(self, talk: list[Message], marks: _Marks) -> str:
        return self._render(self._rows(talk, marks), opens=True)

    def _continuing(self, talk: list[Message], marks: _Marks) -> str:
        rows = self._rows(talk, marks)
        rows[-1]["content"] += marks.end
        return self._render(rows, opens=False)

    def _rows(self, talk: list[Message], marks: _Marks) -> list[dict[str, str]]:
        """The messages as the template sees them, each with its pictures' numbers in front of its text."""
        numbers = count()
        return [
            {
                "role": message.role,
                "content": "".join(f"{marks.picture}{next(numbers)}{marks.picture}" for _ in message.images)
                + self._guarded(message, marks),
            }
            for message in talk
        ]

    def _guarded(self, message: Message, marks: _Marks) -> str:
        ours = self._system if message.role == "system" else ""
        parts = message.text.split(ours) if ours else [message.text]
        text = ours.join(self._forged.sub(lambda found: found[0] + marks.guard, part) for part in parts)
        if self._vocab.adds_space and text.startswith(" "):
            return f" {marks.guard}{text[1:]}"  # not the space a template writes in front of a text
        return text

    def _render(self, rows: list[dict[str, str]], *, opens: bool) -> str:
        vocab = self._vocab
        return self._sandbox.write(
            rows,
            bos_token="" if vocab.bos is None else vocab.text(vocab.bos),
            eos_token="" if vocab.eos is None else vocab.text(vocab.eos),
            add_generation_prompt=opens,
            tools=None,
            documents=None,
        )

    def _tokenized(self, text: str, marks: _Marks, talk: list[Message]) -> Prompt:
        pictures = [picture for message in talk for picture in message.images]
        first, *rest = re.split(rf"{marks.picture}(\d+){marks.picture}", text)
        numbers, runs = [int(number) for number in rest[::2]], rest[1::2]
        if set(numbers) != set(range(len(pictures))):
            raise EngineError("the model's chat template leaves out a picture; ask without it, or ask another model")
        parts: list[tuple[int, ...] | Attachment] = [self._begun(self._tokens(first, marks))]
        for number, run in zip(numbers, runs, strict=True):
            parts += [pictures[number], tuple(self._tokens(run, marks))]
        return Prompt(tuple(part for part in parts if part))

    def _tokens(self, text: str, marks: _Marks) -> Iterator[int]:
        """Control tokens where the template wrote them, and what stands between them as one run each."""
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
            text = text[1:]  # the vocabulary puts one there itself
        return self._vocab.tokenize(text.replace(marks.guard, ""))

    def _begun(self, tokens: Iterable[int]) -> tuple[int, ...]:
        """The tokens with exactly one BOS in front, for a vocabulary or a template that wants one."""
        bos = self._vocab.bos
        written = tuple(tokens)
        rest = tuple(dropwhile(lambda token: token == bos, written))
        if bos is None or (len(rest) == len(written) and not self._vocab.adds_bos):
            return written
        return (bos, *rest)


def _merged(messages: Iterable[Message]) -> list[Message]:
    """Messages of one role that follow each other, as one, with a blank line between."""
    return [_joined(list(group)) for _, group in groupby(messages, key=lambda message: message.role)]


def _joined(messages: list[Message]) -> Message:
    text = "\n\n".join(message.text for message in messages if message.text)
    pictures = tuple(picture for message in messages for picture in message.images)
    return replace(messages[-1], text=text, attachments=pictures)


def _folded(talk: list[Message]) -> list[Message]:
    """The talk with its system prompt at the head of the first question."""
    system = [message.text for message in talk if message.role == "system"]
    first, *rest = _merged(message for message in talk if message.role != "system")
    return [replace(first, text="\n\n".join(text for text in (*system, first.text) if text)), *rest]
