"""One answer while it is written."""

from pathlib import Path

import pytest

from lechat_tui.engine.base import Delta, Done, Fitted, LocalModel, Prefill, Request
from lechat_tui.message import Message, Receipt, Sampling
from lechat_tui.store import Store, StoreError
from lechat_tui.talk.growing import GrowingAnswer

REQUEST = Request(LocalModel("m", Path("/m.gguf"), context=512), (Message("user", "go"),), Sampling(0.5))


@pytest.fixture
def question(store: Store) -> Message:
    chat = store.new_chat("go")
    return store.add(chat.id, Message("user", "go"), 0)


def growing(store: Store, question: Message, continued: Message | None = None, interval: float = 0.0) -> GrowingAnswer:
    return GrowingAnswer(store, 1, REQUEST, parent=question.id, continued=continued, draft_interval=interval)


async def test_nothing_is_stored_before_the_first_piece(store: Store, question: Message) -> None:
    answer = growing(store, question)
    await answer.take(Fitted(1, 512))
    await answer.take(Prefill(1, 1, 1))
    assert not answer.started and len(store.path(1)) == 1
    await answer.take(Delta("Hi"))
    assert answer.started and [m.text for m in store.path(1)] == ["go", "Hi"]


async def test_pieces_between_two_drafts_wait_for_the_end(store: Store, question: Message) -> None:
    answer = growing(store, question, interval=1000.0)
    for text in ("one ", "two ", "three"):
        await answer.take(Delta(text))
    assert store.path(1)[1].text == "one " and answer.message.text == "one two three"
    assert answer.finish().state == "stopped" and store.path(1)[1].text == "one two three"


@pytest.mark.parametrize(("reason", "state"), [("end", "complete"), ("length", "cut")])
async def test_an_answer_ends_as_its_receipt_says(store: Store, question: Message, reason, state) -> None:
    answer = growing(store, question)
    await answer.take(Delta("Hi"))
    await answer.take(Done(Receipt("m", stop_reason=reason)))
    assert answer.finish().state == state and store.path(1)[1].receipt == Receipt("m", stop_reason=reason)


async def test_the_receipt_of_an_answer_that_failed_is_what_was_known_by_then(store: Store, question: Message) -> None:
    answer = growing(store, question)
    await answer.take(Prefill(9, 9, 4))
    await answer.take(Delta("half"))
    answer.fail()
    receipt = answer.finish().receipt
    assert receipt and (receipt.model, receipt.file, receipt.cached_tokens) == ("m", "m.gguf", 4)
    assert (receipt.sampling, receipt.stop_reason) == (Sampling(0.5, seed=0), "failed")


async def test_a_continued_answer_grows_in_place_and_counts_its_pieces(store: Store, question: Message) -> None:
    first = store.add(
        1, Message("assistant", "one ", state="cut", receipt=Receipt("m"), parent=question.id), question.id
    )
    answer = growing(store, question, first)
    await answer.take(Delta("two"))
    assert [(m.id, m.text, m.state) for m in store.path(1)[1:]] == [(first.id, "one two", "draft")]
    await answer.take(Done(Receipt("m")))
    receipt = answer.finish().receipt
    assert receipt and receipt.pieces == 2


async def test_a_store_that_fails_is_reported_at_the_end(store: Store, question: Message) -> None:
    answer = growing(store, question)
    store.close()
    await answer.take(Delta("Hi"))
    assert answer.message.text == "Hi"
    with pytest.raises(StoreError):
        answer.finish()
