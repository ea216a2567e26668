"""Messages in the form that a chat template takes, found out by trying the template once.

Most templates take the content of a message as text, some only as a list of typed parts; some take the thinking of
earlier answers in a field of its own, some as a part of the content, most not at all.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

from lechat_tui.engine.base import EngineError
from lechat_tui.engine.llama.sandbox import TemplateTooLong
from lechat_tui.message import Role
from lechat_tui.values import dataclass

Row = dict[str, Any]
"""One message as a template gets it."""

ThinkingForm = Literal["field", "part", "list"]
"""Where thinking goes: into fields of the message, into a part of its content as text, or there as a list of parts."""

_ROLES: tuple[Role, ...] = ("system", "user", "assistant")

_QUESTION, _THINKING, _ANSWER, _LAST = "zqfirst", "zqthinking", "zqanswer", "zqlast"
"""Texts that no template has in it."""

_A_LIST = re.compile(r"\{'type'|\{\"type\"")
"""Typed parts that a template wrote as if they were text."""


@dataclass(frozen=True)
class Form:
    """How a template takes messages."""

    typed: frozenset[Role] = frozenset()
    """The roles whose content is a list of typed parts."""
    thinking: ThinkingForm = "field"
    keeps_thinking: bool = False
    """Whether the thinking of an earlier answer gets into the prompt."""

    def row(self, role: Role, text: str, thinking: str = "") -> Row:
        """A message for the template."""
        parts: list[Row] = [{"type": "text", "text": text}]
        if not thinking:
            return {"role": role, "content": parts if role in self.typed else text}
        if self.thinking == "field":
            content = parts if role in self.typed else text
            return {"role": role, "content": content, **dict.fromkeys(_FIELDS, thinking)}
        inner = thinking if self.thinking == "part" else [{"type": "text", "text": thinking}]
        return {"role": role, "content": [{"type": "thinking", "thinking": inner, "closed": True}, *parts]}


_FIELDS = ("reasoning_content", "reasoning", "thinking")
"""Names of the field with the thinking of an answer: most templates, Gemma 4, gpt-oss."""

_TYPED: tuple[frozenset[Role], ...] = (frozenset(), frozenset({"user"}), frozenset(_ROLES))


def form_of(render: Callable[[Sequence[Row]], str], source: str) -> Form:
    """The form that a template takes, with this source and this way to render messages."""
    try:
        form = _content_form(render)
        return _thinking_form(render, form, source)
    except TemplateTooLong:
        return Form()


def _content_form(render: Callable[[Sequence[Row]], str]) -> Form:
    forms = [Form(typed) for typed in _TYPED]
    for texts in ((_QUESTION, _ANSWER, _LAST), (_LAST,)):
        for form in forms:
            rows = [form.row(("user", "assistant")[at % 2], text) for at, text in enumerate(texts)]
            if _holds(render, rows, texts):
                return form
    return Form()


def _thinking_form(render: Callable[[Sequence[Row]], str], form: Form, source: str) -> Form:
    kinds: list[ThinkingForm] = ["field", "part", "list"] if re.search(r"""["']thinking["']""", source) else ["field"]
    for kind in kinds:
        tried = replace(form, thinking=kind, keeps_thinking=True)
        answer = tried.row("assistant", _ANSWER, _THINKING)
        rows = [form.row("user", _QUESTION), answer, form.row("user", _LAST)]
        if _holds(render, rows, (_THINKING, _ANSWER, _LAST)):
            return tried
    return form


def _holds(render: Callable[[Sequence[Row]], str], rows: Sequence[Row], texts: Sequence[str]) -> bool:
    """Whether all of the texts are in what the template makes of the messages."""
    try:
        rendered = render(rows)
    except TemplateTooLong:
        raise
    except EngineError:
        return False
    return all(text in rendered for text in texts) and not _A_LIST.search(rendered)
