"""What a sliding window has dropped is evaluated again: an edited chat gives the same answer as in a fresh engine."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import llama_cpp
import numpy as np
import pytest
import random_models
from chats import TEXT

from lechat_tui.engine.base import ModelSpec, Request
from lechat_tui.engine.llama.cache import Cache
from lechat_tui.engine.llama.fitting import fitted_prompt
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.llama.prefill import prefill
from lechat_tui.engine.llama.saved_states import SavedStates
from lechat_tui.message import Message

STORY = "The cat sat on the mat and looked at the moon. " * 12
"""Several windows long."""

CHAT = (
    Message("user", f"One. {STORY}"),
    Message("assistant", "Yes."),
    Message("user", f"Two. {STORY}"),
    Message("assistant", "No."),
    Message("user", "What is 7 + 5?"),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    path: Path = tmp_path_factory.mktemp("sliding") / "sliding.gguf"
    random_models.sliding(path, TEXT.path)
    return replace(TEXT, name="sliding", path=path)


@pytest.fixture(params=["whole", "window"])
def llama(request: pytest.FixtureRequest, model: ModelSpec) -> Iterator[Llama]:
    """The model with a KV cache of all tokens, and with one that drops those behind the window."""
    with closing(Llama(model, lambda _: None)) as llama:
        if request.param == "window":
            params = llama_cpp.llama_context_default_params()
            params.n_ctx, params.n_batch, params.n_ubatch, params.n_threads = llama.window, 512, 64, 1
            params.swa_full = False
            made = llama_cpp.llama_init_from_model(llama_cpp.llama_get_model(llama.context), params)
            llama_cpp.llama_free(llama.context)
            llama.context = made
            llama.cache = Cache(made)
            llama.saved_states = SavedStates(llama.cache)
        yield llama


def read(llama: Llama, *messages: Message) -> tuple[int, np.ndarray]:
    """How many tokens of the prompt were cached, and the logits at its end."""
    runs = fitted_prompt(llama, Request(llama.spec, messages)).segments
    first, *_ = list(prefill(llama, runs, lambda: False))
    logits = llama_cpp.llama_get_logits_ith(llama.context, -1)
    return first.cached, np.array(np.ctypeslib.as_array(logits, shape=(llama.vocab.size,)))


def read_afresh(llama: Llama, *messages: Message) -> np.ndarray:
    """The logits with an empty cache."""
    llama.cache.clear()
    llama.saved_states = SavedStates(llama.cache)
    cached, logits = read(llama, *messages)
    assert cached == 0
    return logits


EDITS = {
    "the next turn": (*CHAT, Message("assistant", "12"), Message("user", "And 2 + 2?")),
    "the last question": (*CHAT[:-1], Message("user", "What is 7 + 6?")),
    "the end of the second question": (*CHAT[:2], Message("user", f"Two. {STORY}Well?"), *CHAT[3:]),
    "the second question": (*CHAT[:2], Message("user", f"Three. {STORY}"), *CHAT[3:]),
    "the first question": (Message("user", f"Three. {STORY}"), *CHAT[1:]),
}

FORGOTTEN = ("the second question", "the first question")
"""Such an edit needs cells that a cache of the window alone has dropped."""


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_chat_gives_what_a_fresh_engine_gives(llama, edit):
    read(llama, *CHAT)
    forgotten = edit in FORGOTTEN and llama_cpp.llama_memory_seq_pos_min(llama_cpp.llama_get_memory(llama.context), 0)
    cached, logits = read(llama, *EDITS[edit])
    assert (cached == 0) == bool(forgotten)
    np.testing.assert_allclose(logits, read_afresh(llama, *EDITS[edit]), atol=0.1)  # they are from -8 to 8
