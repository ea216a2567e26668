"""Speculative decoding: the same answers in fewer evaluations."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import llama_cpp
import pytest

from lechat_tui import paths
from lechat_tui.engine.base import Done, LocalModel, Request, TuningOptions
from lechat_tui.engine.llama.answer import answer
from lechat_tui.engine.llama.decode import Generation, decode
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.llama.sampling import Sampler
from lechat_tui.engine.llama.speculation import Speculation
from lechat_tui.message import Message, Receipt, Sampling

SPEC = LocalModel("chaton", paths.bundled("chaton") / "chaton-q8_0.gguf", context=1024, tuning=TuningOptions(threads=1))
GREEDY = Sampling(temperature=0, max_tokens=250)
QUESTIONS = ("Count from 1 to 200", "What is 7 + 5?", "Tell me a story")


class Eager(Speculation):
    """Evaluates every draft, whatever it costs."""

    def draft(self, most: int) -> tuple[int, ...]:
        return self.lookup.propose(min(most, 12))

    def record(self, drafted: int, seconds: float) -> None:
        """Costs do not matter."""


class Script(Sampler):
    """Samples prescribed tokens, over and over."""

    def __init__(self, llama: Llama, text: str) -> None:
        super().__init__(GREEDY, 0, llama.vocab.size)
        self.tokens = llama.vocab.tokenize(text)
        self.sampled = 0
        self.rows: list[int] = []

    def sample(self, context: llama_cpp.llama_context_p, row: int = -1) -> int:
        super().sample(context, row)  # a row without logits would end the process here
        self.rows.append(row)
        self.sampled += 1
        return self.tokens[(self.sampled - 1) % len(self.tokens)]


@pytest.fixture(scope="module")
def loaded() -> Iterator[Llama]:
    with closing(Llama(SPEC, lambda _: None)) as llama:
        yield llama


@pytest.fixture
def llama(loaded: Llama) -> Llama:
    loaded.cache.clear()
    loaded.speculation = Eager()
    return loaded


def held_by_memory(llama: Llama) -> int:
    return int(llama_cpp.llama_memory_seq_pos_max(llama_cpp.llama_get_memory(llama.context), 0)) + 1


def asked(question: str, sampling: Sampling) -> Request:
    return Request(SPEC, (Message("user", question),), sampling)


def answered(llama: Llama, request: Request) -> tuple[list[int | str], Receipt]:
    """The cells of the cache after the answer, and its receipt."""
    *_, done = answer(llama, request, lambda: False)
    assert isinstance(done, Done)
    assert held_by_memory(llama) == len(llama.cache.cells)
    return list(llama.cache.cells), done.receipt


def started(llama: Llama, tokens: Sequence[int]) -> None:
    """Evaluate these tokens."""
    assert decode(llama.context, tokens)
    llama.cache.extend(tokens)


def generated(
    llama: Llama, text: str, *, limit: int | None = None, stop: Callable[[], bool] = lambda: False
) -> tuple[Generation, str]:
    """The answer of a model that repeats the text after a prompt with it twice."""
    started(llama, llama.vocab.tokenize(text) * 2)
    with closing(Script(llama, text)) as script:
        generation = Generation(llama, script, limit)
        return generation, "".join(delta.text for delta in generation.run(stop))


@pytest.mark.parametrize(
    "sampling",
    [
        GREEDY,
        Sampling(temperature=1.0, seed=1, max_tokens=100),
        Sampling(temperature=0.8, top_k=20, top_p=0.9, min_p=0.02, seed=5, max_tokens=100),
        Sampling(temperature=0, repeat_penalty=1.2, max_tokens=100),
    ],
    ids=str,
)
def test_the_answer_is_the_same_with_draft_tokens_and_without(llama, sampling):
    drafted = 0
    for question in QUESTIONS:
        llama.speculation = None
        plain, receipt = answered(llama, asked(question, sampling))
        assert (receipt.drafted, receipt.accepted) == (0, 0)
        llama.cache.clear()
        llama.speculation = Eager()
        with_drafts, drafted_receipt = answered(llama, asked(question, sampling))
        assert with_drafts == plain
        assert drafted_receipt.stop_reason == receipt.stop_reason
        assert drafted_receipt.completion_tokens == receipt.completion_tokens
        drafted += drafted_receipt.drafted
    assert drafted


def test_a_text_that_repeats_takes_fewer_evaluations(llama):
    generation, text = generated(llama, "one two three four five six seven eight nine ten. ", limit=120)
    assert generation.count == 120 and generation.accepted > 80
    assert generation.accepted <= generation.drafted
    assert text.count("seven") >= 2
    assert held_by_memory(llama) == len(llama.cache.cells)


def test_the_next_answer_continues_from_the_cache_that_draft_tokens_left(llama):
    generated(llama, "one two three four five six seven eight nine ten. ", limit=50)
    held = list(llama.cache.cells)
    with closing(Sampler(GREEDY, 0, llama.vocab.size)) as sampler:
        after_drafts = [Generation(llama, sampler, 20)]
        list(after_drafts[0].run(lambda: False))
        tail = llama.cache.cells[len(held) :]
        llama.cache.clear()
        llama.speculation = None
        started(llama, [slot for slot in held if isinstance(slot, int)])
        list(Generation(llama, sampler, 20).run(lambda: False))
    assert llama.cache.cells[len(held) :] == tail


@pytest.mark.parametrize("seed", range(2))
def test_an_answer_is_reproduced_with_the_drafts_of_its_receipt(llama, seed):
    sampling = Sampling(temperature=1.5, seed=seed, max_tokens=200)
    request = asked("Count from 1 to 200", sampling)
    tokens, receipt = answered(llama, request)
    assert receipt.drafts
    llama.speculation = None
    llama.cache.clear()
    again, same = answered(llama, replace(request, drafts=receipt.drafts, reuse=receipt.cached_tokens))
    assert again == tokens
    assert (same.drafts, same.accepted) == (receipt.drafts, receipt.accepted)


@pytest.mark.parametrize("limit", [1, 2, 7, 12, 13, 14, 37])
def test_a_limit_inside_accepted_draft_tokens_is_kept(llama, limit):
    before = len(llama.vocab.tokenize("a b c d e f g h i j k l m n. ")) * 2
    generation, _ = generated(llama, "a b c d e f g h i j k l m n. ", limit=limit)
    assert (generation.count, generation.reason) == (limit, "length")
    assert len(llama.cache.cells) == before + limit == held_by_memory(llama)


def test_the_end_of_the_context_is_reached_exactly(llama):
    generation, _ = generated(llama, "one two three four five six seven eight nine ten. ")
    assert generation.reason == "length"
    assert len(llama.cache.cells) == llama.window == held_by_memory(llama)


@pytest.mark.parametrize("after", [3, 4, 9, 13, 14, 19])
def test_stopping_inside_accepted_draft_tokens_keeps_the_text_so_far(llama, after):
    text = "one two three four five six seven eight nine ten. "
    before = len(llama.vocab.tokenize(text)) * 2
    asked = iter(range(after))
    generation, _ = generated(llama, text, stop=lambda: next(asked, None) is None)
    assert (generation.count, generation.reason) == (after, "stopped")
    assert len(llama.cache.cells) == before + after == held_by_memory(llama)


def test_closing_the_answer_inside_accepted_draft_tokens_drops_the_rest(llama):
    started(llama, llama.vocab.tokenize("one two three four five six seven. ") * 2)
    with closing(Script(llama, "one two three four five six seven. ")) as script:
        pieces = Generation(llama, script, None).run(lambda: False)
        while held_by_memory(llama) == len(llama.cache.cells):
            next(pieces)
        pieces.close()  # type: ignore[attr-defined]
    assert held_by_memory(llama) == len(llama.cache.cells)


@pytest.mark.parametrize("closed", [True, False])
def test_the_first_token_is_sent_before_it_is_evaluated(llama, closed):
    text = "one two three. "
    before = len(llama.vocab.tokenize(text)) * 2
    started(llama, llama.vocab.tokenize(text) * 2)
    with closing(Script(llama, text)) as script:
        pieces = Generation(llama, script, 3).run(lambda: False)
        assert next(pieces).text and held_by_memory(llama) == before
        if closed:
            pieces.close()  # type: ignore[attr-defined]
        else:
            list(pieces)
    assert held_by_memory(llama) == len(llama.cache.cells) == before + (1 if closed else 3)


def test_an_end_inside_accepted_draft_tokens_ends_the_answer(llama):
    text = "one two three four five six seven. "
    started(llama, llama.vocab.tokenize(text) * 2)
    with closing(Script(llama, text)) as script:
        script.tokens = [*script.tokens[:-2], llama.vocab.eos]
        generation = Generation(llama, script, None)
        list(generation.run(lambda: False))
    assert generation.reason == "end" and generation.count == len(script.tokens) - 1
    assert generation.drafted > generation.accepted > 0
    assert held_by_memory(llama) == len(llama.cache.cells)


def test_speculation_is_off_where_it_is_disabled_or_cannot_help():
    for spec in (
        LocalModel("m", SPEC.path, context=256, tuning=TuningOptions(threads=1, speculate=False)),
        LocalModel("m", SPEC.path, context=256, tuning=TuningOptions(threads=1), pace=100),
    ):
        with closing(Llama(spec, lambda _: None)) as llama:
            assert llama.speculation is None


def draft_sizes(speculation: Speculation, tokens: Sequence[int], *, cost: float) -> list[int]:
    """The sizes of the drafts for this text, where each draft token costs so many evaluations of one."""
    sizes, ahead = list[int](), tuple[int, ...]()
    for token in tokens:
        speculation.add(token)
        if ahead and ahead[0] == token:
            ahead = ahead[1:]
            continue
        ahead = speculation.draft(100)
        sizes.append(len(ahead))
        speculation.record(len(ahead), 0.01 * (1 + cost * len(ahead)))
    return sizes


def reading(text: Sequence[int]) -> Speculation:
    speculation = Speculation()
    speculation.start(text)
    return speculation


BOOK = range(100, 9000)


def test_drafts_are_long_where_they_cost_little_and_are_accepted():
    sizes = draft_sizes(reading(BOOK), BOOK[:400], cost=0.05)
    assert len(sizes) < 50 and sizes.count(15) > 15


def test_drafts_stop_where_an_additional_token_costs_as_much_as_one_alone():
    sizes = draft_sizes(reading(BOOK), BOOK[:400], cost=1.2)
    assert sum(map(bool, sizes)) < 10 and not any(sizes[50:200])


def test_drafts_stop_where_they_are_not_accepted():
    sizes = draft_sizes(reading(BOOK), [BOOK[i % 3] if i % 3 < 2 else 9000 + i for i in range(400)], cost=0.3)
    assert max(sizes[:50]) > 0 and not any(sizes[100:])


def test_costs_measured_on_a_busy_machine_are_measured_again():
    speculation = reading(BOOK)
    assert not any(draft_sizes(speculation, BOOK[:400], cost=1.2)[50:200])
    again = draft_sizes(speculation, BOOK[400:6000], cost=0.05)
    assert min(again[-20:]) >= 7
