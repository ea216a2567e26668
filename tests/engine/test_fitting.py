"""What of a long conversation is rendered, with a template that counts words."""

import random
import statistics
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from lechat_tui.engine.base import EngineError, LocalModel, Request
from lechat_tui.engine.llama.fitting import fitted_prompt
from lechat_tui.engine.llama.prompt import Prompt
from lechat_tui.engine.llama.sandbox import TemplateTooLong
from lechat_tui.engine.transfer import Incoming, MissingMessages, Outgoing
from lechat_tui.message import Message


class Words:
    """A template with a token for each word, which takes no more than so many messages."""

    def __init__(self, most):
        self.most = most
        self.rendered = []

    def obeys(self, think):
        return True

    def prompt(self, messages, think="auto"):
        self.rendered.append(len(messages))
        if len(messages) > self.most:
            raise TemplateTooLong("it runs too long")
        return Prompt((tuple(0 for message in messages for _ in message.text.split()),))

    def count(self, message):
        return len(message.text.split())


def engine(template, path, window=4000) -> Any:
    spec = LocalModel("m", path, context=window)
    return SimpleNamespace(template=template, window=window, tuning=SimpleNamespace(note=""), spec=spec, projector=None)


def fitted(template, messages, path):
    llama = engine(template, path)
    return fitted_prompt(llama, Request(llama.spec, tuple(messages))).fitted


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


class Pipe:
    """Two halves of a transfer with an engine at its end; `sent` has the number of messages of each request."""

    def __init__(self, llama):
        self.llama, self.outgoing, self.incoming = llama, Outgoing(), Incoming()
        self.sent = []

    def fitted(self, request):
        same, rest = self.outgoing.shortened(request)
        self.sent.append(len(rest.messages))
        try:
            prompt = fitted_prompt(self.llama, self.incoming.completed(same, rest))
        except MissingMessages:
            self.outgoing.forget()
            return self.fitted(request)
        self.incoming.count(prompt.fitted)
        return prompt


@pytest.mark.parametrize("most", [1000, 40], ids=["any template", "a template that takes 40 messages"])
def test_a_prompt_does_not_depend_on_what_was_sent_before(tmp_path, most):
    dice = random.Random(most)
    llama = engine(Words(most), tmp_path, window=1000)
    pipe, chat = Pipe(llama), [Message("system", "be brief")]
    for turn in range(300):
        chat = [*chat, Message("user", "word " * dice.randint(1, 40), pinned=turn == 3)]
        if turn % 50 == 49:  # another branch, a larger window, a pin
            del chat[dice.randrange(1, len(chat)) :]
            chat.append(Message("user", "and now?"))
            llama.window += dice.randint(-300, 300)
            at = dice.randrange(len(chat))
            chat[at] = replace(chat[at], pinned=True)
        request = Request(llama.spec, tuple(chat))
        alone, piped = fitted_prompt(llama, request), pipe.fitted(request)
        assert piped.segments == alone.segments
        assert piped.fitted == alone.fitted
        chat.append(Message("assistant", "word " * dice.randint(0, 40)))
    if most == 1000:
        assert statistics.median(pipe.sent) == 2 and sum(pipe.sent) < 3000
        known = pipe.incoming.completed(len(request.messages), replace(request, messages=())).messages
        assert len(known) == len(request.messages)
        assert sum(len(message.text.split()) for message in known) <= max(llama.window, alone.fitted.tokens)
