"""Engine events and receipts as sentences, the same in every front end. Does not import Textual or Rich.

A sentence that names a key takes it as an argument: keys can be rebound.
"""

from collections.abc import Iterator
from dataclasses import replace

from lechat_tui.engine.base import Delta, Event, Fitted, Loading, Prefill, Retrieved, Waiting
from lechat_tui.message import Receipt
from lechat_tui.network import STAYS_HERE
from lechat_tui.plaintext import INVISIBLE_SIGN
from lechat_tui.units import energy_text, latency_text

MIN_SHOWN_PREFILL_TOKENS = 512
"""A prefill of fewer new tokens ends before anyone could read a line about it."""

MAX_TOY_TOKENS = 400
"""Of a prompt that the toy model understands."""

NEARLY_FULL = "context nearly full: /compact summarizes the chat"


def activity(event: Event, model: str) -> tuple[str, float | None] | None:
    """What the engine does before an answer begins, and the fraction done, 0 to 1, if known; None for other events."""
    match event:
        case Loading(fraction):
            return f"loading {model}", fraction
        case Waiting(reason):
            return reason, None
        case Prefill(done, total, cached):
            reused = f", {cached:,} cached" if cached else ""
            return f"reading {total - cached:,} new tokens{reused}", (done - cached) / max(total - cached, 1)
    return None


def percent(fraction: float | None) -> str:
    """How much is done, as `40%`; empty if that is unknown."""
    return "" if fraction is None else f"{fraction:.0%}"


def is_long(event: Event) -> bool:
    """Whether an activity takes long enough to be worth a line of its own."""
    return not isinstance(event, Prefill) or event.total - event.cached > MIN_SHOWN_PREFILL_TOKENS


def left_out(count: int) -> str:
    """How many of the oldest messages were not sent."""
    if count == 1:
        return "the oldest message did not fit into the context window and was left out"
    return f"the {count} oldest messages did not fit into the context window and were left out"


def missing_from_summary(count: int) -> str:
    """How many of the oldest messages the model did not get to sum up."""
    if count == 1:
        return "the oldest message no longer fits and is missing from the summary"
    return f"the {count} oldest messages no longer fit and are missing from the summary"


def invisible_characters(count: int) -> str:
    """For a question with characters that no terminal shows."""
    characters = "1 invisible character" if count == 1 else f"{count:,} invisible characters"
    return f"the question has {characters}, which the model reads; {INVISIBLE_SIGN} shows where"


def tool_call_dropped(model: str) -> str:
    """For an answer with a tool call in it."""
    return f"{model} tried to call a tool; lechat has no tools, so the call was dropped"


def no_images(model: str) -> str:
    """For a question with images to a model without image support."""
    return f"{model} does not support images; only the file name is sent"


def offer_image_model(model: str, other: str) -> str:
    """The question whether to switch to a model that supports images."""
    return f"{model} does not support images; switch to {other}?"


def promise(elsewhere: str) -> str:
    """Where a chat stays, by `Setup.elsewhere`."""
    return f"this chat is sent to {elsewhere}" if elsewhere else STAYS_HERE


def figures(receipt: Receipt) -> str:
    """The figures of an answer in one line, for `/stats` and `--stats`."""
    return (
        f"{receipt.model}: {receipt.prompt_tokens:,} prompt tokens ({receipt.cached_tokens:,} cached), "
        f"{receipt.completion_tokens:,} generated, first token after {latency_text(receipt.ttft_ms)}, "
        f"{receipt.tokens_per_s:.1f} tokens/s"
    ) + (f", {used}" if (used := energy(receipt)) else "")


def energy(receipt: Receipt) -> str:
    """The energy of an answer and its tokens per joule; empty where the machine does not report it."""
    if not receipt.joules:
        return ""
    return ", ".join(filter(None, (energy_text(receipt.joules), per_joule(receipt.completion_tokens, receipt.joules))))


def per_joule(tokens: float, joules: float) -> str:
    """Tokens per joule; empty for no tokens."""
    return f"{tokens / joules:.2g} tokens/J" if tokens else ""


def with_warning(fitted: Fitted, *, toy: bool) -> Fitted:
    """The event with a note about a long prompt of a toy model, whose answer is nonsense."""
    if not toy or fitted.tokens <= MAX_TOY_TOKENS or fitted.note:
        return fitted
    note = "it is a toy for short questions, and its answer to a long text is nonsense; lechat ls lists real models"
    return replace(fitted, note=note)


class Notes:
    """What to tell the user besides the answer. A note that stays true of a loaded model is shown once."""

    def __init__(self) -> None:
        self._shown: set[str] = set()
        self._tool_call_reported = False
        self._nearly_full = False

    def about(self, event: Event, model: str) -> Iterator[str]:
        """The sentences that an event gives rise to, apart from what was left out."""
        match event:
            case Retrieved(note) if note:
                yield note
            case Loading(note=note) if note:
                yield from self._once(f"{model} is being loaded, but {note}")
            case Fitted(note=note):
                self._tool_call_reported = False
                if note:
                    yield from self._once(f"{model}: {note}")
            case Delta(kind="tool") if not self._tool_call_reported:
                self._tool_call_reported = True
                yield tool_call_dropped(model)

    def _once(self, sentence: str) -> Iterator[str]:
        if sentence not in self._shown:
            self._shown.add(sentence)
            yield sentence

    def fullness(self, nearly_full: bool) -> str:
        """The warning that the context window is nearly full, when that has become so; else empty."""
        before, self._nearly_full = self._nearly_full, nearly_full
        return NEARLY_FULL if nearly_full and not before else ""

    def forget_fullness(self) -> None:
        """Another chat or branch is shown: warn again."""
        self._nearly_full = False
