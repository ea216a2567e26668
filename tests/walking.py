"""Random walks through everything that touches the KV cache: each prompt must give the logits of a fresh engine."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import llama_cpp
import numpy as np

from lechat_tui.engine.base import Delta, Prefill, Request
from lechat_tui.engine.llama.answer import answer
from lechat_tui.engine.llama.continuing import first_prompt
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.llama.prefill import prefill
from lechat_tui.engine.llama.saved_states import SavedStates
from lechat_tui.message import Message, Sampling

STORY = "The cat sat on the mat and looked at the moon. " * 12
"""Longer than a batch."""


@dataclass
class Walk:
    """A model, its chats and its saved states."""

    dice: random.Random
    start: Callable[[], Llama]
    fresh: Llama
    tolerance: float = 1.0
    """Of a logit: what is evaluated together decides its last bits, and in a mixture of experts sometimes the choice of
    one. A wrong cell changes the random models' logits, which are from -8 to 8, by 5 and more."""
    llama: Llama = field(init=False)
    chats: list[list[Message]] = field(default_factory=lambda: [[], [], []])
    at: int = 0
    """The open chat."""
    steps: list[str] = field(default_factory=list)
    """For the message of a failure."""

    def __post_init__(self) -> None:
        self.llama = self.start()

    def close(self) -> None:
        self.llama.close()

    @property
    def chat(self) -> list[Message]:
        return self.chats[self.at]

    def step(self) -> None:
        """Take a random step, then ask a question and compare."""
        step = self.dice.choice((self.grow, self.edit, self.switch, self.restart, self.rest, self.stop, self.go_on))
        self.steps.append(step.__name__)
        step()
        if step != self.go_on:
            long = self.dice.random() < 0.4
            self.chat.append(Message("user", f"{self.dice.random()} {STORY if long else 'and?'}"))
            self.ask()

    def ask(self, *, continues: bool = False) -> None:
        """Compare the logits at the end of the prompt with those of a fresh engine, and keep some of an answer."""
        sampling, text = Sampling(temperature=0, max_tokens=6), ""
        request = Request(self.llama.spec, tuple(self.chat), sampling, self.at or None, continues=continues)
        for event in answer(self.llama, request, lambda: False):
            if isinstance(event, Prefill) and event.done == event.total:
                want = self.afresh(tuple(cell for cell in self.llama.cache.cells if isinstance(cell, int)))
                np.testing.assert_allclose(logits(self.llama), want, atol=self.tolerance, err_msg=str(self.steps))
            elif isinstance(event, Delta):
                text += event.text
        if continues:
            self.chat[-1] = replace(self.chat[-1], text=self.chat[-1].text + text)
        else:
            self.chat.append(Message("assistant", text or "Yes."))

    def afresh(self, prompt: tuple[int, ...]) -> np.ndarray:
        """The logits at the end of a prompt that nothing is known of."""
        self.fresh.cache.clear()
        self.fresh.saved_states = SavedStates(self.fresh.cache)
        for _ in prefill(self.fresh, [prompt], lambda: False):
            pass
        return logits(self.fresh)

    def grow(self) -> None:
        """Nothing: the next question is enough."""

    def edit(self) -> None:
        del self.chat[2 * self.dice.randrange(1 + len(self.chat) // 2) :]

    def switch(self) -> None:
        self.at = self.dice.randrange(len(self.chats))

    def restart(self) -> None:
        self.llama.saved_states.flush_all()
        self.llama.close()
        self.llama = self.start()

    def rest(self) -> None:
        """Return the buffers, as an idle engine does."""
        self.llama.return_buffers()
        self.llama.reopen()

    def stop(self) -> None:
        """Stop while a long question is evaluated."""
        polls = iter(range(self.dice.randrange(2, 5)))
        segments = first_prompt(self.llama, Request(self.llama.spec, (*self.chat, Message("user", STORY * 3)))).segments
        for _ in prefill(self.llama, segments, lambda: next(polls, None) is None, self.at or None):
            pass

    def go_on(self) -> None:
        """Continue the last answer."""
        if self.chat:
            self.ask(continues=True)


def logits(llama: Llama) -> np.ndarray:
    """Those of the token that was evaluated last."""
    values = llama_cpp.llama_get_logits_ith(llama.context, -1)
    return np.array(np.ctypeslib.as_array(values, shape=(llama.vocab.size,)))
