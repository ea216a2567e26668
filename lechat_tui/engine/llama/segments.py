"""A prompt as segments, each evaluated in one go, and the cells of the KV cache that they take."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from lechat_tui.engine.base import EngineError, PromptPart
from lechat_tui.engine.llama.cells import Cell
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.llama.prompt import Prompt
from lechat_tui.engine.llama.vocab import Vocab
from lechat_tui.message import Attachment

Segment = tuple[int, ...] | Attachment
"""Token IDs, or an image."""


def segments_of(llama: Llama, prompt: Prompt) -> list[Segment]:
    """The prompt, with each image between the control tokens that belong around it."""
    segments: list[Segment] = []
    for part in prompt.parts:
        for segment in image_segments(llama, part) if isinstance(part, Attachment) else [part]:
            if segments and isinstance(segment, tuple) and isinstance(segments[-1], tuple):
                segments[-1] += segment
            else:
                segments.append(segment)
    return segments


def image_segments(llama: Llama, image: Attachment) -> list[Segment]:
    """An image between its control tokens. Raises `EngineError` where the model does not support images."""
    if llama.projector is None:
        raise EngineError(f"{llama.spec.name} does not support images; /vision switches to a model that does")
    layout = llama.projector.layout(image)
    return [layout.before, image, layout.after]


def as_text(vocab: Vocab, segments: Iterable[Segment]) -> Iterator[PromptPart]:
    """The text of the tokens, with each control token and each image as a part of its own."""
    control = set(vocab.specials.values())
    for segment in segments:
        if isinstance(segment, Attachment):
            yield PromptPart(segment.name, "image")
            continue
        for is_control, run in groupby(segment, key=control.__contains__):
            if is_control:
                yield from (PromptPart(vocab.text(token), "control") for token in run)
            else:
                yield PromptPart(b"".join(map(vocab.piece, run)).decode("utf-8", "replace"), "text")


def image_tokens(llama: Llama, segments: Iterable[Segment]) -> dict[str, int]:
    """Tokens that each image takes, its control tokens included, by its SHA-256."""
    images = (segment for segment in segments if isinstance(segment, Attachment))
    return {image.sha256: length(llama, image_segments(llama, image)) for image in images}


def length(llama: Llama, segments: Iterable[Segment]) -> int:
    """The number of cells that the segments take."""
    return sum(len(cells_of(llama, segment)) for segment in segments)


def cells_of(llama: Llama, segment: Segment) -> Sequence[Cell]:
    """The cells that a segment takes."""
    if isinstance(segment, tuple):
        return segment
    return [segment.sha256] * llama.projector.layout(segment).positions if llama.projector else ()
