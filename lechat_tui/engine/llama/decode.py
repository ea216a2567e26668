"""The decode loop: sample a token, detokenize it, evaluate it.

Where `speculation.py` expects a gain, draft tokens are evaluated together with the sampled one. Every token is still
sampled from the model's own logits: as long as it equals the draft token, it need not be evaluated again; when it
differs, the draft tokens behind it are dropped from the KV cache. So speculation changes the time, not the answer.
"""

import ctypes
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

import llama_cpp

from lechat_tui.engine.base import Delta, EngineError
from lechat_tui.engine.llama.detokenizer import Detokenizer
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.llama.sampling import Sampler
from lechat_tui.engine.llama.speculation import RecordedDrafts
from lechat_tui.engine.llama.stop_strings import StopStrings
from lechat_tui.message import StopReason

MIN_DELTA_SECONDS = 0.01
"""Text that comes faster than this is sent in one delta."""


def decode(context: llama_cpp.llama_context_p, tokens: Sequence[int]) -> bool:
    """Evaluate these tokens in one call, with logits for the last one; False when it broke off."""
    array = (llama_cpp.llama_token * len(tokens))(*tokens)  # llama.cpp reads it during the call: it must stay alive
    return bool(llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(array, len(tokens))) == 0)


def decode_each(context: llama_cpp.llama_context_p, tokens: Sequence[int]) -> bool:
    """Evaluate these tokens in one call, with logits for each of them; False when it broke off."""
    count = len(tokens)
    array, wanted = (llama_cpp.llama_token * count)(*tokens), (ctypes.c_int8 * count)(*[1] * count)
    batch = llama_cpp.llama_batch_get_one(array, count)
    batch.logits = wanted
    return bool(llama_cpp.llama_decode(context, batch) == 0)


class Generation:
    """Generates the tokens of one answer; its figures are for the receipt."""

    def __init__(
        self,
        llama: Llama,
        sampler: Sampler,
        limit: int | None,
        detokenizer: Detokenizer | None = None,
        drafts: Sequence[int] | None = None,
        stop: Sequence[str] = (),
    ) -> None:
        """`limit` is the most tokens to generate. `detokenizer` has seen the beginning of an answer to continue.

        `drafts` are those of an earlier answer's receipt, to draft exactly as it did. The answer ends before the first
        text of `stop`.
        """
        self._llama = llama
        self._sampler = sampler
        self._limit = limit
        self._detokenizer = detokenizer or Detokenizer(llama.vocab)
        self._stop = StopStrings(stop) if stop else None
        self._speculation = llama.speculation if drafts is None else RecordedDrafts(drafts)
        self._pending: list[int] = []
        """Draft tokens that llama.cpp holds behind the cells of the cache, the next one last."""
        self._row = -1
        """The row of the last evaluation's logits from which the next token is sampled."""
        self._first: int | None = None
        """The first token while it is not evaluated: it is sent before that, since somebody waits for it."""
        self._evaluation_seconds = 0.0
        """Time of the last evaluation, without waiting for the device; 0 once it is recorded."""
        self.count = 0
        self.drafted = self.accepted = 0
        """Draft tokens that were evaluated, and those of them that were sampled."""
        self.drafts: list[int] = []
        """In pairs: tokens sampled before a draft, and its size."""
        self.reason: StopReason = "stopped"
        self.first_token_at = self._last_token_at = time.perf_counter()

    @property
    def speed(self) -> float:
        """Tokens per second after the first; 0 for an answer of one."""
        return (self.count - 1) / (self._last_token_at - self.first_token_at) if self.count > 1 else 0.0

    def run(self, stopped: Callable[[], bool]) -> Iterator[Delta]:
        """Generate until the model ends, the limit or the context is reached, or the user stops it."""
        if self._speculation:
            self._speculation.start(self._llama.cache.cells)
        try:
            yield from self._deltas(stopped)
        finally:
            self._evaluate_first()
            self._drop_pending()

    def _deltas(self, stopped: Callable[[], bool]) -> Iterator[Delta]:
        waiting: list[Delta] = []
        sent_at = 0.0
        while not stopped():
            token = self._next()
            if token is None:
                break
            deltas = self._detokenizer.feed(token)
            waiting += self._stop.feed(deltas) if self._stop else deltas
            if self._stop and self._stop.found:
                self.reason = "end"
                break
            if pace := self._llama.spec.pace:
                time.sleep(max(0.0, self.first_token_at + self.count / pace - time.perf_counter()))
            if waiting and self._last_token_at - sent_at >= MIN_DELTA_SECONDS:
                yield from _joined(waiting, self.count)
                waiting, sent_at = [], self._last_token_at
        rest = self._detokenizer.finish() if self.reason == "end" else self._detokenizer.cut()
        if self._stop:
            rest = [*self._stop.feed(rest), *self._stop.rest()]
            self.reason = "end" if self._stop.found else self.reason
        yield from _joined(waiting + rest, self.count)

    def _next(self) -> int | None:
        """The next token, evaluated and in the cache unless it is the first; None, with the reason set, for none."""
        llama = self._llama
        self._evaluate_first()
        if self.count == self._limit or len(llama.cache.cells) >= llama.window:
            self.reason = "length"
            return None
        token = self._sample()
        if self.count == 0:
            self.first_token_at = self._last_token_at
        if llama.vocab.is_end(token):
            self.reason = "end"
            return None
        self.count += 1
        if self._speculation:
            self._speculation.add(token)
        if self.count == 1:
            self._first = token
            return token
        if self._pending and token == self._pending[-1]:
            self._pending.pop()
            self._row += 1
            self.accepted += 1
        else:
            self._drop_pending()
            self._evaluate(token)
        llama.cache.extend((token,))
        return token

    def _evaluate_first(self) -> None:
        """Evaluate the first token if it is not yet."""
        if self._first is None:
            return
        token, self._first = self._first, None
        self._evaluate(token)
        self._llama.cache.extend((token,))

    def _sample(self) -> int:
        """A token from the logits; this waits for a device that computes on its own."""
        began = time.perf_counter()
        token = self._sampler.sample(self._llama.context, self._row)
        self._last_token_at = time.perf_counter()
        if self._evaluation_seconds:
            self._record(self._evaluation_seconds + self._last_token_at - began)
            self._evaluation_seconds = 0.0
        return token

    def _record(self, seconds: float) -> None:
        """The last evaluation took so long."""
        drafted, units = len(self._pending), 1.0
        if self._speculation:
            units += self._speculation.cost(drafted)
            self._speculation.record(drafted, seconds)
        if self._llama.threads:
            self._llama.threads.wrote(units, seconds)

    def _evaluate(self, token: int) -> None:
        """Evaluate the token, and draft tokens behind it."""
        context = self._llama.context
        if self._llama.threads and self._llama.threads.writing(self.count) and self._speculation:
            self._speculation.speed_changed()
        draft = self._draft()
        began = time.perf_counter()
        if not (decode_each(context, (token, *draft)) if draft else decode(context, (token,))):
            self._llama.cache.rollback()
            raise EngineError("llama.cpp failed while writing the answer; ask again")
        self._evaluation_seconds = time.perf_counter() - began
        self._pending = list(reversed(draft))
        self._row = 0 if draft else -1
        self.drafted += len(draft)
        self.drafts += (self.count, len(draft)) if draft else ()

    def _draft(self) -> tuple[int, ...]:
        """Draft tokens behind the one to be evaluated, no more than the limit and the context allow."""
        if not self._speculation:
            return ()
        room = self._llama.window - len(self._llama.cache.cells) - 1
        most = room if self._limit is None else min(room, self._limit - self.count)
        draft = self._speculation.draft(most)
        return tuple(takewhile(lambda token: not self._llama.vocab.is_end(token), draft))

    def _drop_pending(self) -> None:
        """Drop the draft tokens that were not accepted from llama.cpp's memory."""
        if not self._pending:
            return
        self._pending = []
        length = len(self._llama.cache.cells)
        self._llama.cache.rollback()
        if len(self._llama.cache.cells) < length:  # this memory cannot be cut at a token
            self._llama.speculation = self._speculation = None
            raise EngineError("llama.cpp failed while writing the answer; ask again, now without speculative decoding")


def _joined(deltas: Sequence[Delta], tokens: int) -> Iterator[Delta]:
    """The deltas, with neighbors of one kind joined, each with the number of tokens so far."""
    joined: list[Delta] = []
    for delta in deltas:
        if joined and joined[-1].kind == delta.kind:
            joined[-1] = replace(joined[-1], text=joined[-1].text + delta.text)
        else:
            joined.append(replace(delta, tokens=tokens))
    return iter(joined)
