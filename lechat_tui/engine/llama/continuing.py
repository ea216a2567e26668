"""Makes the prompt of an answer, or the one that continues an unfinished answer.

Tokenizing the text of an answer need not give the tokens that were sampled. So where a known state holds exactly this
answer after exactly this prompt, its tokens are used, and only the last of them is evaluated again, for its logits.
Elsewhere the text is tokenized.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lechat_tui.engine.base import ContextOverflow, Fitted, Request
from lechat_tui.engine.llama.cells import Cell
from lechat_tui.engine.llama.detokenizer import Detokenizer
from lechat_tui.engine.llama.fitting import FittedPrompt, fitted_prompt
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.llama.segments import Segment, cells_of, length, segments_of
from lechat_tui.engine.llama.thinking import FORMATS, Framing
from lechat_tui.engine.llama.vocab import Vocab
from lechat_tui.message import Message
from lechat_tui.values import dataclass

MIN_REST_TOKENS = 256
"""Tokens that must be free for the rest of the answer (in a small window an eighth of it), or more messages are left
out."""

_TAGS = next(form for form in FORMATS if form.opening == "<think>")
"""For a vocabulary without any of the marks."""


@dataclass(frozen=True)
class AnswerPrompt:
    """A prompt, perhaps with the beginning of the answer."""

    segments: list[Segment]
    fitted: Fitted
    detokenizer: Detokenizer
    """It has seen the beginning."""


def first_prompt(llama: Llama, request: Request) -> AnswerPrompt:
    """The prompt for an answer to the last message of the request. Raises `EngineError`, such as `ContextOverflow`."""
    prompt = fitted_prompt(llama, request)
    return AnswerPrompt(prompt.segments, prompt.fitted, Detokenizer(llama.vocab, prompt.framing))


def continued_prompt(llama: Llama, request: Request) -> AnswerPrompt:
    """The prompt that continues the last message of the request. Raises `EngineError`, such as `ContextOverflow`."""
    *messages, answer = request.messages
    asked = replace(request, messages=tuple(messages))
    prompt = fitted_prompt(llama, asked)
    continued = _continued(llama, asked, prompt, answer)
    if continued.fitted.tokens + min(MIN_REST_TOKENS, llama.window // 8) <= llama.window:
        return continued
    try:
        answer_tokens = continued.fitted.tokens - prompt.fitted.tokens
        prompt = fitted_prompt(llama, asked, answer_tokens)
    except ContextOverflow as error:
        raise ContextOverflow(
            f"the answer has filled the context window of {llama.spec.name}; enlarge it (--ctx-size, /set context), or "
            "ask for the rest in a new question"
        ) from error
    return _continued(llama, asked, prompt, answer)


def _continued(llama: Llama, asked: Request, prompt: FittedPrompt, answer: Message) -> AnswerPrompt:
    segments, fitted, framing = prompt.segments, prompt.fitted, prompt.framing
    cells = [cell for segment in segments for cell in cells_of(llama, segment)]
    tokens = _sampled_tokens(llama, cells, answer, framing) or _thinking_tokens(llama.vocab, answer, framing)
    if tokens:
        detokenizer = Detokenizer(llama.vocab, framing)
        for token in tokens:
            detokenizer.feed(token)
        segments = _extended(segments, tokens)
    else:
        left_out = set(fitted.left_out)
        kept = [message for index, message in enumerate(asked.messages) if index not in left_out]
        detokenizer = Detokenizer(llama.vocab, continuing=True)
        segments = segments_of(llama, llama.template.continuation([*kept, answer], asked.sampling.think))
    return AnswerPrompt(segments, replace(fitted, tokens=length(llama, segments)), detokenizer)


def _sampled_tokens(llama: Llama, prompt: Sequence[Cell], answer: Message, framing: Framing) -> tuple[int, ...]:
    """The tokens that were sampled for the answer; empty where no state holds them."""
    for cells in llama.saved_states.known_cells():
        if list(cells[: len(prompt)]) == list(prompt):
            tokens = tuple(_matching_tokens(llama.vocab, cells[len(prompt) :], answer, framing))
            if tokens:
                return tokens
    return ()


def _matching_tokens(vocab: Vocab, cells: Sequence[Cell], answer: Message, framing: Framing) -> Iterator[int]:
    """As many of the cells as give the answer's text, with those at their end that add none; none if they do not."""
    detokenizer = Detokenizer(vocab, framing)
    text = thinking = ""
    special = frozenset(vocab.specials.values())
    matching = 0
    for count, cell in enumerate(cells, start=1):
        if isinstance(cell, str) or vocab.is_end(cell) or (matching and cell in special):
            break
        for delta in detokenizer.feed(cell):
            if delta.kind == "thinking":
                thinking += delta.text
            elif delta.kind == "text":
                text += delta.text
        if (text, thinking) == (answer.text, answer.thinking):
            matching = count
        elif matching:
            break
    return (cell for cell in cells[:matching] if isinstance(cell, int))


def _thinking_tokens(vocab: Vocab, answer: Message, framing: Framing) -> list[int]:
    """An answer with thinking as tokens; empty for one without, which the template writes."""
    if not answer.thinking:
        return []
    form = framing.opened or next((form for form in FORMATS if vocab.special(form.opening) is not None), _TAGS)
    opening, closing = vocab.special(form.opening), vocab.special(form.closing)
    if closing is None:
        text = f"{form.closing}\n\n{answer.text}" if answer.text else ""
        return vocab.tokenize(("" if framing.opened else f"{form.opening}\n") + answer.thinking + text)
    tokens = [] if framing.opened or opening is None else [opening]
    tokens += vocab.tokenize(answer.thinking)
    return [*tokens, closing, *vocab.tokenize(answer.text)] if answer.text else tokens


def _extended(segments: Sequence[Segment], tokens: Sequence[int]) -> list[Segment]:
    *before, last = segments
    return [*before, (*last, *tokens)] if isinstance(last, tuple) else [*segments, tuple(tokens)]
