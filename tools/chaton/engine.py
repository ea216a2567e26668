"""Runs the finished files in llama.cpp, on one thread, one question at a time."""

import base64
import ctypes
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
from llama_cpp import mtmd_cpp
from PIL import Image
from tokens import BEGIN, END, SYSTEM, SYSTEM_END, THINK, THINK_END, USER, USER_END

Message = dict[str, Any]
MARKER = b"<__media__>"
IMAGE_TOKENS = 64
"""As `image_tokens` of chaton-vision in `models.toml`: images larger than about 900 x 900 are scaled down."""
QUIET = llama_cpp.llama_log_callback(lambda level, text, data: None)  # Kept alive: llama.cpp holds only the pointer.


class Chaton:
    """The two files loaded into llama.cpp."""

    def __init__(self, files: Path) -> None:
        for silence in (mtmd_cpp.mtmd_log_set, mtmd_cpp.mtmd_helper_log_set):
            silence(QUIET, None)
        self.llama = llama_cpp.Llama(
            str(files / "chaton-q8_0.gguf"), n_ctx=4096, n_threads=1, n_threads_batch=1, verbose=False
        )
        params = mtmd_cpp.mtmd_context_params_default()
        params.n_threads, params.use_gpu, params.print_timings, params.image_max_tokens = 1, False, False, IMAGE_TOKENS
        tower = files / "chaton-mmproj-q8_0.gguf"
        self.tower = (
            mtmd_cpp.mtmd_init_from_file(str(tower).encode(), self.llama.model, params) if tower.exists() else None
        )

    def tokens(self, text: str) -> list[int]:
        """Ordinary text: nothing in it becomes a control token."""
        return self.llama.tokenize(text.encode(), add_bos=False, special=False)

    def prompt(self, messages: list[Message]) -> Iterator[list[int] | bytes]:
        """Token IDs and images in the order in which they are evaluated."""
        ids = [BEGIN]
        for message in messages:
            content = message["content"]
            parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
            match message["role"]:
                case "system":
                    ids += [SYSTEM, *self.tokens(content), SYSTEM_END]
                case "user":
                    ids.append(USER)
                    for part in parts:
                        if part["type"] == "image_url":
                            yield ids
                            yield base64.b64decode(part["image_url"]["url"].partition(",")[2])
                            ids = []
                    ids += [token for part in parts if part["type"] == "text" for token in self.tokens(part["text"])]
                    ids.append(USER_END)
                case _:
                    for part in parts:
                        if part["type"] == "thinking":
                            ids += [THINK, *self.tokens(part["thinking"]), THINK_END]
                        else:
                            ids += self.tokens(part["text"])
                    ids.append(END)
        yield ids

    def look(self, picture: bytes) -> None:
        """Evaluate one image and the [IMG_END] after it."""
        buffer = (ctypes.c_uint8 * len(picture)).from_buffer_copy(picture)
        bitmap = mtmd_cpp.mtmd_helper_bitmap_init_from_buf(self.tower, buffer, len(picture), False)
        chunks = mtmd_cpp.mtmd_input_chunks_init()
        text = mtmd_cpp.mtmd_input_text(MARKER, len(MARKER), False, True)
        bitmaps = (mtmd_cpp.mtmd_bitmap_p_ctypes * 1)(bitmap)
        past = llama_cpp.llama_pos(0)
        try:
            if mtmd_cpp.mtmd_tokenize(self.tower, chunks, ctypes.byref(text), bitmaps, 1):
                raise ValueError("llama.cpp does not take this picture")
            if mtmd_cpp.mtmd_helper_eval_chunks(
                self.tower, self.llama.ctx, chunks, self.llama.n_tokens, 0, 512, True, ctypes.byref(past)
            ):
                raise ValueError("llama.cpp could not evaluate this picture")
        finally:
            mtmd_cpp.mtmd_input_chunks_free(chunks)
            mtmd_cpp.mtmd_bitmap_free(bitmap)
        self.llama.n_tokens = past.value

    def answer(self, messages: list[Message], *, temperature: float = 0.0, seed: int = 0, limit: int = 1200) -> str:
        """The reply, with [THINK] and [/THINK] where the control tokens 34 and 35 were."""
        self.llama.reset()
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.llama.ctx), True)
        for part in self.prompt(messages):
            self.look(part) if isinstance(part, bytes) else self.llama.eval(part)
        generator = np.random.default_rng(seed)
        said: list[int] = []
        while len(said) < limit:
            logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self.llama.ctx, -1), (self.llama.n_vocab(),))
            if temperature:
                chances = np.exp((logits - logits.max()).astype(np.float64) / temperature)
                token = int(generator.choice(len(chances), p=chances / chances.sum()))
            else:
                token = int(logits.argmax())
            if token == END:
                break
            said.append(token)
            self.llama.eval([token])
        pieces = [
            {THINK: b"[THINK]", THINK_END: b"[/THINK]"}.get(t) or self.llama.detokenize([t], special=False)
            for t in said
        ]
        return b"".join(pieces).decode(errors="replace")

    def close(self) -> None:
        if self.tower:
            mtmd_cpp.mtmd_free(self.tower)
        self.llama.close()


def user(*texts: str) -> list[Message]:
    """A chat from alternating user and assistant texts."""
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]


def image_part(image: Image.Image, encoding: str = "PNG") -> Message:
    packed = io.BytesIO()
    image.save(packed, encoding)
    return {
        "type": "image_url",
        "image_url": {"url": f"data:image/{encoding.lower()};base64,{base64.b64encode(packed.getvalue()).decode()}"},
    }
