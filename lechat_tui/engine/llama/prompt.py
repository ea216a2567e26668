"""Turns messages into the token IDs of a prompt, through the model's chat template.

Only the template and the model's own system prompt from the catalog write control tokens: whatever a user, a file or a
model wrote stays ordinary text. The rendered text is split at the control tokens that they wrote, and the text between
two of them is tokenized in one call, as mistral-common does.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import count, dropwhile, groupby, islice

from lechat_tui.engine.base import EngineError
from lechat_tui.engine.llama.rows import Form, Row, form_of
from lechat_tui.engine.llama.sandbox import Sandbox
from lechat_tui.engine.llama.thinking import FORMATS, PLAIN, Framing, framing, opened_by
from lechat_tui.engine.llama.thinking_switch import switched
from lechat_tui.engine.llama.vocab import Vocab, any_of
from lechat_tui.message import Attachment, Message, Think
from lechat_tui.values import dataclass


@dataclass(frozen=True)
class Prompt:
    """Token IDs, and images in their places."""

    parts: tuple[tuple[int, ...] | Attachment, ...]
    framing: Framing = PLAIN
    """How the answer begins."""

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
    space: str
    """Stands for the space that a text begins with; white space as well, so that a template can trim it."""
    image: str
    """Put on both sides of an image's number."""
    end: str
    """Put after an unfinished answer."""

    @classmethod
    def unused_in(cls, texts: Iterable[str]) -> "_Marks":
        used = set().union(*texts)
        unused = (chr(code) for code in range(0x10FFFF, 0xDFFF, -1) if chr(code) not in used)
        guard, image, end = islice(unused, 3)
        space = next((space for space in _WHITE_SPACE if space not in used), guard)
        return cls(guard, space, image, end)


_WHITE_SPACE = "\u205f\u2008\u2006\u2005\u2004\u2000\u2001\u1680"
"""Spaces that are hardly ever used."""

_OWN_SYSTEM = "default_system_message"
"""In the templates of Mistral that write a system prompt of their own where there is none."""

_MAX_COMPARED_WORDS = 50
"""Words of a question that are looked for in a prompt that changes it."""


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
        self._source = source
        self._sandbox = Sandbox(source)
        self._default_framing = framing(source)
        special = any_of(vocab.specials) if vocab.specials else "(?!)"
        self._special = re.compile(special)
        self._forged = re.compile(f"(?={special}).", re.DOTALL)
        """Matches the first character of text that reads like a control token."""

    def prompt(self, messages: Sequence[Message], think: Think = "auto") -> Prompt:
        """The prompt for the next answer. Raises `EngineError`."""
        ordered = self._ordered(messages, think)
        marks = _marks(ordered)
        text = self._with_system(ordered, marks, partial(self._render_question, think=think))
        prompt = self._tokenized(text, marks, ordered)
        self._check_question(text, ordered, marks)
        return replace(prompt, framing=self._framing(text, ordered, marks))

    def continuation(self, messages: Sequence[Message], think: Think = "auto") -> Prompt:
        """The prompt that continues the last message, an unfinished answer. Raises `EngineError`.

        It begins with the prompt of the question wherever the template allows that.
        """
        ordered = self._ordered(messages, think)
        if ordered[-1].role != "assistant":
            return self.prompt(messages, think)
        marks = _marks(ordered)
        asked = self._with_system(ordered[:-1], marks, partial(self._render_question, think=think))
        self._check_question(asked, ordered, marks)
        try:
            render = partial(self._render_unfinished, think=think)
            text, end, _ = self._with_system(ordered, marks, render).partition(marks.end)
        except EngineError:
            text, end = "", ""
        if not (end and text.startswith(asked)):
            if not self._framing(asked, ordered, marks).opened:
                text = _extended(asked, text if end else "", self._guard(ordered[-1].text, marks))
            elif not end:
                raise EngineError("the model's chat template cannot continue an answer; /regen asks for a new one")
        return self._tokenized(text, marks, ordered)

    def obeys(self, think: Think) -> bool:
        """Whether thinking can be turned on or off so: by a variable, or by the catalog's system prompt for it."""
        return think == "auto" or bool(self._switched(think)) or any(form.opening in self._system for form in FORMATS)

    def count(self, message: Message) -> int:
        """Tokens of the message's own text, without its images and what the template writes around it."""
        marks = _marks([message])
        texts = [self._guarded(message, marks), self._guarded_thinking(message, marks)]
        return sum(1 for text in texts if text for _ in self._tokens(text, marks))

    @cached_property
    def _form(self) -> Form:
        """How the template takes messages."""
        return form_of(lambda rows: self._render(rows, answering=True), self._source)

    @cached_property
    def _takes_thinking(self) -> bool:
        """Whether earlier thinking is passed on: not where the marks would be ordinary text for this vocabulary."""
        return "[THINK]" not in self._source or self._vocab.special("[THINK]") is not None

    def _switched(self, think: Think) -> dict[str, object]:
        return switched(self._sandbox.variables, self._source, think) if think != "auto" else {}

    def _ordered(self, messages: Sequence[Message], think: Think = "auto") -> list[Message]:
        """The messages as templates expect them: no empty answers, alternating roles, a question first."""
        kept = [message for message in messages if message.role != "assistant" or message.text.strip()]
        first = next((index for index, message in enumerate(kept) if message.role == "user"), len(kept))
        system = [message for message in kept[:first] if message.role == "system"]
        ordered = [self._stripped(message) for message in _merged([*system, *kept[first:]])]
        if not any(message.role == "user" for message in ordered):
            raise EngineError("there is no question to answer")
        if think == "off" and ordered[0].role != "system" and self._asks_to_think:
            return [Message("system", ""), *ordered]
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

    @cached_property
    def _asks_to_think(self) -> bool:
        """Whether the template's own system prompt asks for thinking."""
        return _OWN_SYSTEM in self._source and "[THINK]" in self._source

    def _render_question(self, messages: list[Message], marks: _Marks, *, think: Think) -> str:
        return self._render(self._rows(messages, marks), answering=True, think=think)

    def _render_unfinished(self, messages: list[Message], marks: _Marks, *, think: Think) -> str:
        return self._render(self._rows(messages, marks, end=marks.end), answering=False, think=think)

    def _rows(self, messages: list[Message], marks: _Marks, *, end: str = "") -> list[Row]:
        """The messages for the template, each with its images' numbers in front of its text; the last before `end`."""
        numbers = count()
        rows = []
        for message in messages:
            images = "".join(f"{marks.image}{next(numbers)}{marks.image}" for _ in message.images)
            text = images + self._guarded(message, marks) + (end if message is messages[-1] else "")
            role = "user" if message.role == "summary" else message.role
            rows.append(self._form.row(role, text, self._guarded_thinking(message, marks)))
        return rows

    def _guarded(self, message: Message, marks: _Marks) -> str:
        """The message's text with a mark in whatever reads like a control token and is not meant as one."""
        return self._guard(message.text, marks, own=self._system if message.role == "system" else "")

    def _guarded_thinking(self, message: Message, marks: _Marks) -> str:
        """The thinking of an earlier answer, guarded in the same way; empty where the template has no place for it."""
        if message.role != "assistant" or not message.thinking.strip() or not self._takes_thinking:
            return ""
        return self._guard(message.thinking, marks) if self._form.keeps_thinking or "reasoning" in self._source else ""

    def _guard(self, text: str, marks: _Marks, *, own: str = "") -> str:
        parts = text.split(own) if own else [text]
        text = own.join(self._forged.sub(lambda found: found[0] + marks.guard, part) for part in parts)
        if self._vocab.adds_space and text.startswith(" "):
            return marks.space + text[1:]  # or it would be taken for the space a template writes before a text
        return text

    def _check_question(self, rendered: str, messages: Sequence[Message], marks: _Marks) -> None:
        """Raise `EngineError` when the last question is not in the rendered text."""
        question = _last_question(messages)
        text = self._guarded(question, marks).strip()
        if text in rendered or "".join(text.split()) in "".join(rendered.split()):
            return
        found = rendered.casefold()
        words = re.findall(r"\w+", question.text.casefold())[:_MAX_COMPARED_WORDS]
        if not words or sum(word in found for word in words) < len(words) / 2:
            raise EngineError("the model's chat template drops your question; use another model")

    def _framing(self, rendered: str, messages: Sequence[Message], marks: _Marks) -> Framing:
        """How the answer begins, by what the template has written behind the last question."""
        question = _last_question(messages).text.strip()
        return replace(self._default_framing, opened=opened_by(rendered.replace(marks.guard, ""), question))

    def _render(self, rows: Sequence[Row], *, answering: bool, think: Think = "auto") -> str:
        vocab = self._vocab
        return self._sandbox.render(
            rows,
            bos_token="" if vocab.bos is None else vocab.text(vocab.bos),
            eos_token="" if vocab.eos is None else vocab.text(vocab.eos),
            add_generation_prompt=answering,
            tools=None,
            documents=None,
            **self._switched(think),
        )

    def _tokenized(self, text: str, marks: _Marks, messages: list[Message]) -> Prompt:
        images = [image for message in messages for image in message.images]
        first, *rest = re.split(rf"{marks.image}(\d+){marks.image}", text)
        numbers, runs = [int(number) for number in rest[::2]], rest[1::2]
        if set(numbers) != set(range(len(images))):
            raise EngineError("the model's chat template drops an image; ask without it, or use another model")
        first = self._without_space_before_bos(first, marks)
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
        if self._vocab.adds_space and text.startswith(" "):
            text = text[1:]  # the vocabulary adds one itself
        return self._vocab.tokenize(text.replace(marks.space, " ").replace(marks.guard, ""))

    def _without_space_before_bos(self, text: str, marks: _Marks) -> str:
        """The text without white space before its BOS, where the vocabulary would add another one before that."""
        if not self._vocab.adds_bos or self._vocab.bos is None:
            return text
        bos, stripped = self._vocab.text(self._vocab.bos), text.lstrip()
        return stripped if bos and stripped.startswith(bos) and not stripped.startswith(marks.guard, len(bos)) else text

    def _with_bos(self, tokens: Iterable[int]) -> tuple[int, ...]:
        """The tokens with exactly one BOS in front, where the vocabulary or the template wants one."""
        bos = self._vocab.bos
        written = tuple(tokens)
        rest = tuple(dropwhile(lambda token: token == bos, written))
        if bos is None or (len(rest) == len(written) and not self._vocab.adds_bos):
            return written
        return (bos, *rest)


def _marks(messages: Iterable[Message]) -> _Marks:
    return _Marks.unused_in(text for message in messages for text in (message.text, message.thinking))


def _last_question(messages: Sequence[Message]) -> Message:
    return next(message for message in reversed(messages) if message.role == "user")


def _extended(asked: str, written: str, answer: str) -> str:
    """The prompt of a question with the beginning of its answer, after the white space that the template writes there.

    `written` is what the template makes of both: not the same beginning, or the answer could just be added to it.
    """
    before = written.removesuffix(answer) if answer else written
    end = asked.rstrip()
    if len(before) == len(written) or not before.rstrip().endswith(end[-8:]):
        return asked + answer
    return end + before[len(before.rstrip()) :] + answer


def _merged(messages: Iterable[Message]) -> list[Message]:
    """The messages, with neighbors of one role joined by a blank line."""
    return [_joined(list(group)) for _, group in groupby(messages, key=lambda message: message.role)]


def _joined(messages: list[Message]) -> Message:
    text = "\n\n".join(message.text for message in messages if message.text)
    thinking = "\n\n".join(message.thinking for message in messages if message.thinking)
    images = tuple(image for message in messages for image in message.images)
    return replace(messages[-1], text=text, thinking=thinking, attachments=images)


def _folded(messages: list[Message]) -> list[Message]:
    """The messages with the system prompt at the start of the first question."""
    system = [message.text for message in messages if message.role == "system"]
    first, *rest = _merged(message for message in messages if message.role != "system")
    return [replace(first, text="\n\n".join(text for text in (*system, first.text) if text)), *rest]
