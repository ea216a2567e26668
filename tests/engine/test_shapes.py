"""Models of other shapes than chaton's: what is kept of a prompt, and that every answer equals a fresh engine's.

`LECHAT_WALKS=50` takes that many random walks with each model.
"""

import os
import random
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import llama_cpp
import pytest
import random_models
from chats import TEXT
from walking import STORY, Walk

from lechat_tui.engine.base import Prefill, Request
from lechat_tui.engine.llama.cells import common_prefix
from lechat_tui.engine.llama.continuing import first_prompt
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.llama.prefill import prefill
from lechat_tui.engine.llama.segments import cells_of
from lechat_tui.message import Message

WALKS = int(os.environ.get("LECHAT_WALKS", "1"))
STEPS = 10

ONLY_WINDOW = "gemma3, only its window"

SHAPES = (*random_models.WRITERS, ONLY_WINDOW)

CHAT = (
    Message("user", f"One. {STORY}"),
    Message("assistant", "Yes."),
    Message("user", f"Two. {STORY}"),
    Message("assistant", "No."),
    Message("user", "What is 7 + 5?"),
)

EDITS = {
    "none": CHAT,
    "the last question": (*CHAT[:-1], Message("user", "What is 7 + 6?")),
    "the second question": (*CHAT[:2], Message("user", f"Three. {STORY}"), *CHAT[3:]),
    "the first question": (Message("user", f"Three. {STORY}"), *CHAT[1:]),
}


class OnlyWindow(Llama):
    """A model whose KV cache drops what is behind the sliding window: the program does not ask for one."""

    def _context_params(self) -> llama_cpp.llama_context_params:
        params = super()._context_params()
        params.swa_full = False
        return params


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Llama]:
    """Loads the model of a shape; all that are given one folder share their saved states."""
    folder = tmp_path_factory.mktemp("shapes")

    def start(shape: str, states: Path | None = None) -> Llama:
        name = shape.partition(",")[0]
        path = folder / f"{name}.gguf"
        if not path.exists():
            random_models.WRITERS[name](path, TEXT.path)
        kind = OnlyWindow if shape == ONLY_WINDOW else Llama
        return kind(replace(TEXT, name=name, path=path), lambda _: None, states, 100_000_000)

    return start


def read(llama: Llama, messages: tuple[Message, ...]) -> Prefill:
    """Evaluate a prompt; what is reported first."""
    segments = first_prompt(llama, Request(llama.spec, messages)).segments
    first, *_ = list(prefill(llama, segments, lambda: False))
    return first


def cells(llama: Llama, messages: tuple[Message, ...]) -> list[int | str]:
    segments = first_prompt(llama, Request(llama.spec, messages)).segments
    return [cell for segment in segments for cell in cells_of(llama, segment)]


@pytest.mark.parametrize("shape", SHAPES)
def test_an_edit_evaluates_no_more_than_the_memory_makes_necessary(shape, start):
    with closing(start(shape)) as llama:
        one, two, three = (read(llama, CHAT[:length]) for length in (1, 3, 5))
        assert (two.cached, three.cached) == (one.total, two.total)
        kept, shared = [], []
        for messages in EDITS.values():
            read(llama, CHAT)
            kept.append(read(llama, messages).cached)
            shared.append(common_prefix(cells(llama, CHAT), cells(llama, messages)))
        if shape in random_models.RECURRENT:
            assert kept == [two.total, two.total, one.total, 0]
        elif shape == ONLY_WINDOW:
            assert kept == [*shared[:2], 0, 0]
        else:
            assert kept == shared


@pytest.mark.parametrize("seed", range(WALKS))
@pytest.mark.parametrize("shape", SHAPES)
def test_an_answer_equals_that_of_a_fresh_engine_whatever_came_before(shape, seed, start, tmp_path):
    fresh = start(shape)
    with closing(fresh), closing(Walk(random.Random(seed), lambda: start(shape, tmp_path), fresh)) as walk:
        for _ in range(STEPS):
            walk.step()
