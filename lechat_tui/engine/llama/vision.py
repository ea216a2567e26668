"""Encodes images into the context through llama.cpp's mtmd."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import llama_cpp
from llama_cpp import mtmd_cpp

from lechat_tui.attachments import pixels
from lechat_tui.engine.base import EngineError
from lechat_tui.engine.llama.cache import SEQUENCE
from lechat_tui.message import Attachment
from lechat_tui.values import dataclass

MAX_SIDE_PIXELS = 2048
"""Pixels; a larger image is scaled down before mtmd scales it to its own limit, which takes far less memory."""


@dataclass(frozen=True)
class ImageLayout:
    """How an image is placed in the context: tokens before it, its own positions, tokens after it."""

    before: tuple[int, ...]
    positions: int
    after: tuple[int, ...]


class Projector:
    """The image encoder of a model."""

    def __init__(
        self, projector: Path, model: llama_cpp.llama_model_p, *, threads: int, gpu: bool, tokens: int | None = None
    ) -> None:
        params = mtmd_cpp.mtmd_context_params_default()
        params.use_gpu = gpu
        params.print_timings = False
        params.n_threads = threads
        params.warmup = False
        if tokens:
            params.image_max_tokens = tokens
        context = mtmd_cpp.mtmd_init_from_file(os.fsencode(projector), model, params)
        if not context:
            raise EngineError(f"{projector.name} could not be loaded; it may belong to another model")
        self._context = context
        self._layouts: dict[str, ImageLayout] = {}

    def close(self) -> None:
        mtmd_cpp.mtmd_free(self._context)

    def layout(self, attachment: Attachment) -> ImageLayout:
        """How the image is placed. Raises `EngineError` when it cannot be read."""
        if attachment.sha256 not in self._layouts:
            with self._chunks(attachment) as chunks:
                self._layouts[attachment.sha256] = _layout(chunks)
        return self._layouts[attachment.sha256]

    def evaluate(self, attachment: Attachment, context: llama_cpp.llama_context_p, past: int, batch: int) -> bool:
        """Encode the image and evaluate it at position `past` of the KV cache; False when it broke off."""
        with self._chunks(attachment) as chunks:
            image = next(chunk for chunk in chunks if not _is_text(chunk))
            reached = llama_cpp.llama_pos(0)
            start, sequence = llama_cpp.llama_pos(past), llama_cpp.llama_seq_id(SEQUENCE)
            status = mtmd_cpp.mtmd_helper_eval_chunk_single(
                self._context, context, image, start, sequence, batch, False, ctypes.byref(reached)
            )
            return bool(status == 0)

    @contextmanager
    def _chunks(self, attachment: Attachment) -> Iterator[list[mtmd_cpp.mtmd_input_chunk_p]]:
        """The image as mtmd's chunks: its embedding and the control tokens around it."""
        width, height, pixels = _pixels(attachment)
        bitmap = mtmd_cpp.mtmd_bitmap_init(width, height, (ctypes.c_uint8 * len(pixels)).from_buffer_copy(pixels))
        chunks = mtmd_cpp.mtmd_input_chunks_init()
        if not bitmap or not chunks:
            raise EngineError(f"{attachment.name} does not fit into memory")
        try:
            part = mtmd_cpp.mtmd_input_part(text=None, bitmap=bitmap)
            parts = (ctypes.POINTER(mtmd_cpp.mtmd_input_part) * 1)(ctypes.pointer(part))
            if mtmd_cpp.mtmd_tokenize_from_parts(self._context, chunks, parts, 1, False):
                raise EngineError(f"{attachment.name} could not be prepared for the model")
            count = mtmd_cpp.mtmd_input_chunks_size(chunks)
            yield [mtmd_cpp.mtmd_input_chunks_get(chunks, i) for i in range(count)]
        finally:
            mtmd_cpp.mtmd_input_chunks_free(chunks)
            mtmd_cpp.mtmd_bitmap_free(bitmap)


def _is_text(chunk: mtmd_cpp.mtmd_input_chunk_p) -> bool:
    return bool(mtmd_cpp.mtmd_input_chunk_get_type(chunk) == mtmd_cpp.MTMD_INPUT_CHUNK_TYPE_TEXT)


def _layout(chunks: list[mtmd_cpp.mtmd_input_chunk_p]) -> ImageLayout:
    around: tuple[list[int], list[int]] = ([], [])
    positions = 0
    for chunk in chunks:
        if _is_text(chunk):
            size = ctypes.c_size_t()
            tokens = mtmd_cpp.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(size))
            around[positions > 0].extend(tokens[: size.value] if tokens else ())
        else:
            positions += mtmd_cpp.mtmd_input_chunk_get_n_pos(chunk)
    return ImageLayout(tuple(around[0]), positions, tuple(around[1]))


def _pixels(attachment: Attachment) -> tuple[int, int, bytes]:
    """Width, height and RGB bytes, upright, on white where the image is transparent."""
    from PIL import Image  # late: most models see no image

    try:
        flat = pixels.rgb(attachment.path.read_bytes(), MAX_SIDE_PIXELS, MAX_SIDE_PIXELS)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise EngineError(f"{attachment.name} cannot be read as an image; attach it again") from error
    return flat.width, flat.height, flat.tobytes()
