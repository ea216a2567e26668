"""What of a long conversation is rendered, with a template that counts words."""

from types import SimpleNamespace
from typing import Any

import pytest

from lechat_tui.engine.base import EngineError, LocalModel, Request
from lechat_tui.engine.llama.fitting import fitted_prompt
from lechat_tui.engine.llama.prompt import Prompt
from lechat_tui.engine.llama.sandbox import TemplateTooLong
from lechat_tui.message import Message


class Words:
    """A template with a token for each word, which takes no more than so many messages."""

    def __init__(self, most):
        self.most = most
        self.rendered = []

    def prompt(self, messages):
        self.rendered.append(len(messages))
        if len(messages) > self.most:
            raise TemplateTooLong("it runs too long")
        return Prompt((tuple(0 for message in messages for _ in message.text.split()),))

    def count(self, message):
        return len(message.text.split())


def fitted(template, messages, path, window=4000):
    spec = LocalModel("m", path, context=window)
    llama: Any = SimpleNamespace(
        template=template, window=window, tuning=SimpleNamespace(note=""), spec=spec, projector=None
    )
    return fitted_prompt(llama, Request(spec, tuple(messages))).fitted


def conversation(turns, words):
    text = "word " * words
    turns = [Message(role, text) for _ in range(turns) for role in ("user", "assistant")]
    return [*turns, Message("user", "and now?")]


def test_a_conversation_that_is_surely_too_long_is_not_rendered_whole(tmp_path):
    template = Words(10_000)
    result = fitted(template, conversation(500, 20), tmp_path)
    assert len(template.rendered) == 1 and template.rendered[0] < 200
    assert result.tokens <= result.room and len(result.left_out) + template.rendered[0] == 1001


def test_a_conversation_that_is_too_long_for_its_template_is_shortened(tmp_path):
    template = Words(40)
    result = fitted(template, conversation(50, 10), tmp_path)
    assert 1 < template.rendered[-1] <= 40 and len(result.left_out) == 101 - template.rendered[-1]


def test_a_template_that_cannot_take_even_the_question_is_an_error(tmp_path):
    with pytest.raises(EngineError, match="runs too long"):
        fitted(Words(0), conversation(5, 10), tmp_path)
