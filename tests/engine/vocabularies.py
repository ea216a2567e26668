"""The published Mistral tokenizers: as mistral-common reads them, and as vocabulary-only GGUF files for llama.cpp.

mistral-common ships the files themselves; its encoding of a conversation is what the models were trained on.
"""

import ctypes
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import sentencepiece
from gguf import GGUFWriter, TokenType
from mistral_common.protocol.instruct.chunk import ImageChunk, ImageURLChunk, TextChunk
from mistral_common.protocol.instruct.messages import AssistantMessage, SystemMessage, UserMessage
from mistral_common.protocol.instruct.normalize import get_normalizer
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.protocol.instruct.validator import ValidationMode, get_validator
from mistral_common.tokens.tokenizers.base import TokenizerVersion
from mistral_common.tokens.tokenizers.image import ImageConfig, ImageEncoder, ImageEncoding, SpecialImageIDs
from mistral_common.tokens.tokenizers.instruct import (
    InstructTokenizerV3,
    InstructTokenizerV7,
    InstructTokenizerV11,
    InstructTokenizerV13,
)
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer
from mistral_common.tokens.tokenizers.tekken import SpecialTokenInfo, Tekkenizer
from PIL import Image

from lechat_tui.engine.llama.vocab import Vocab
from lechat_tui.message import Message

HERE = Path(__file__).parent

_DATA = MistralTokenizer._data_path()

_PIECES = {
    "v1": "tokenizer.model.v1",
    "v2": "mistral_instruct_tokenizer_240216.model.v2",
    "v3": "mistral_instruct_tokenizer_240323.model.v3",
    "v7": "mistral_instruct_tokenizer_241114.model.v7",
}

_TEKKEN = {
    "v3-tekken": (InstructTokenizerV3, TokenizerVersion.v3),
    "v7-tekken": (InstructTokenizerV7, TokenizerVersion.v7),
    "v11-tekken": (InstructTokenizerV11, TokenizerVersion.v11),
    "v13-tekken": (InstructTokenizerV13, TokenizerVersion.v13),
}

TEMPLATES = {
    "v1": "v1",
    "v2": "v3",
    "v3": "v3",
    "v7": "v7",
    "v3-tekken": "v3-tekken",
    "v7-tekken": "v7-tekken",
    "v11-tekken": "v7-tekken",
    "v13-tekken": "v7-tekken",
}
"""Which of the shipped templates renders each published version."""

NAMES = tuple(TEMPLATES)

_LATER = {24: "[AUDIO]", 25: "[BEGIN_AUDIO]", 32: "[ARGS]", 33: "[CALL_ID]", 34: "[THINK]", 35: "[/THINK]"}
"""Control tokens that Tekken got after v7."""


_quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)


IMAGE = 10
"""The control token [IMG], which stands for every image here."""


class _OneToken(ImageEncoder):
    """Encodes an image as one token: how many there are is a matter of the projector."""

    def __init__(self) -> None:
        super().__init__(ImageConfig(image_patch_size=1, max_image_size=1), SpecialImageIDs(IMAGE, IMAGE, IMAGE))

    def __call__(self, content: ImageChunk | ImageURLChunk) -> ImageEncoding:
        return ImageEncoding([IMAGE], np.zeros((3, 1, 1)))


@cache
def reference(name: str) -> MistralTokenizer[Any, Any, Any, Any, Any]:
    """mistral-common's own tokenizer."""
    if name in _PIECES:
        return MistralTokenizer.from_file(str(_DATA / _PIECES[name]), mode=ValidationMode.test)
    instruct, version = _TEKKEN[name]
    return MistralTokenizer(
        instruct(_tekkenizer(version), image_encoder=_OneToken()),
        validator=get_validator(version, mode=ValidationMode.test),
        request_normalizer=get_normalizer(version, None),
    )


def expected(name: str, messages: Sequence[Message], *, unfinished: bool = False) -> list[int]:
    """The token IDs of a conversation, as mistral-common encodes it."""
    kinds: Mapping[str, Any] = {"system": SystemMessage, "user": UserMessage, "assistant": AssistantMessage}
    turns = [kinds[message.role](content=_content(message)) for message in messages]
    if unfinished:
        turns[-1].prefix = True
    tokens: list[int] = reference(name).encode_chat_completion(ChatCompletionRequest(messages=turns)).tokens
    return tokens


def _content(message: Message) -> Any:
    """The content of a message; images come before the text."""
    if not message.images:
        return message.text
    return [*(ImageChunk(image=Image.new("RGB", (8, 8))) for _ in message.images), TextChunk(text=message.text)]


@contextmanager
def opened(path: Path) -> Iterator[Vocab]:
    """The vocabulary of a GGUF file, loaded without weights."""
    llama_cpp.llama_log_set(_quiet, ctypes.c_void_p(0))
    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
    assert model
    pointer = llama_cpp.llama_model_get_vocab(model)
    assert pointer
    yield Vocab(pointer, _metadata(model))
    llama_cpp.llama_model_free(model)


def native(vocab: Vocab, text: str) -> list[int]:
    """The tokens of ordinary text from llama.cpp itself."""
    content = text.encode()
    tokens = (llama_cpp.llama_token * (len(content) + 8))()
    count = llama_cpp.llama_tokenize(vocab._pointer, content, len(content), tokens, len(tokens), False, False)
    return tokens[:count]


def write(name: str, folder: Path) -> Path:
    """Write the vocabulary-only GGUF of a published tokenizer, once; returns its path."""
    path = folder / f"{name}.gguf"
    if not path.exists():
        with _written(path) as writer:
            (_write_pieces if name in _PIECES else _write_tekken)(writer, name)
    return path


def write_bytes(path: Path, *, pre: str, added: Sequence[str] = (), control: Sequence[str] = ()) -> Path:
    """Write a byte-level vocabulary: <s> and </s>, the 256 bytes, one merge, and tokens a fine-tune has added."""
    letters = _byte_letters()
    kinds = {
        TokenType.CONTROL: ["<s>", "</s>", *control],
        TokenType.NORMAL: [*(letters[byte] for byte in range(256)), "in"],
        TokenType.USER_DEFINED: added,
    }
    with _written(path) as writer:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        writer.add_token_list([token for tokens in kinds.values() for token in tokens])
        writer.add_token_types([kind for kind, tokens in kinds.items() for _ in tokens])
        writer.add_token_merges(["i n"])
        writer.add_bos_token_id(0)
        writer.add_eos_token_id(1)
    return path


def write_pieces(path: Path, *, added: Sequence[str]) -> Path:
    """Write the SentencePiece vocabulary of v3 with a fine-tune's added tokens."""
    with _written(path) as writer:
        _write_pieces(writer, "v3", added)
    return path


@contextmanager
def _written(path: Path) -> Iterator[GGUFWriter]:
    """A minimal GGUF file for llama.cpp; it gets its name when it is complete."""
    growing = path.with_suffix(f".{os.getpid()}.part")
    writer = GGUFWriter(growing, "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_head_count(1)
    writer.add_feed_forward_length(32)
    writer.add_layer_norm_rms_eps(1e-5)
    yield writer
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    growing.rename(path)


def _write_pieces(writer: GGUFWriter, name: str, added: Sequence[str] = ()) -> None:
    model = sentencepiece.SentencePieceProcessor(model_file=str(_DATA / _PIECES[name]))
    kinds = {
        TokenType.UNKNOWN: model.IsUnknown,
        TokenType.CONTROL: model.IsControl,
        TokenType.UNUSED: model.IsUnused,
        TokenType.BYTE: model.IsByte,
        TokenType.NORMAL: lambda token: True,
    }
    every = range(model.vocab_size())
    types = [next(kind for kind, matches in kinds.items() if matches(token)) for token in every]
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([*(model.IdToPiece(token) for token in every), *added])
    writer.add_token_scores([*(model.GetScore(token) for token in every), *(0.0 for _ in added)])
    writer.add_token_types([*types, *(TokenType.USER_DEFINED for _ in added)])
    writer.add_bos_token_id(model.bos_id())
    writer.add_eos_token_id(model.eos_id())
    writer.add_unk_token_id(model.unk_id())
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)


def _write_tekken(writer: GGUFWriter, name: str) -> None:
    tekken = _tekkenizer(_TEKKEN[name][1])
    special = [info["token_str"] for info in tekken._all_special_tokens]
    ranks = tekken._tekken_token2id_nospecial
    letters = _byte_letters()
    text = {token: "".join(letters[byte] for byte in token) for token in ranks}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("tekken")
    writer.add_token_list(special + [text[token] for token in sorted(ranks, key=ranks.__getitem__)])
    writer.add_token_types([TokenType.CONTROL] * len(special) + [TokenType.NORMAL] * len(ranks))
    writer.add_token_merges([f"{text[left]} {text[right]}" for left, right in _merges()])
    writer.add_bos_token_id(tekken.bos_id)
    writer.add_eos_token_id(tekken.eos_id)
    writer.add_unk_token_id(tekken.unk_id)
    writer.add_pad_token_id(tekken.pad_id)


@cache
def _merges() -> list[tuple[bytes, bytes]]:
    """Every pair of tokens that merges into one, by the rank of the merged token; all versions of Tekken share them."""
    ranks: dict[bytes, int] = _tekkenizer(TokenizerVersion.v3)._tekken_token2id_nospecial
    merges: list[tuple[bytes, bytes]] = []
    for token in sorted(ranks, key=ranks.__getitem__):
        pairs = [(token[:cut], token[cut:]) for cut in range(1, len(token))]
        merges += sorted(
            (pair for pair in pairs if pair[0] in ranks and pair[1] in ranks),
            key=lambda pair: (ranks[pair[0]], ranks[pair[1]]),
        )
    return merges


def _byte_letters() -> dict[int, str]:
    """The printable letter that stands for each byte in a byte-level vocabulary (GPT-2's table)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + at) for at, byte in enumerate(others)}


@cache
def _tekken_file() -> Any:
    return json.loads((_DATA / "tekken_240911.json").read_text())


@cache
def _tekkenizer(version: TokenizerVersion) -> Tekkenizer:
    data = _tekken_file()
    special = list(Tekkenizer.DEPRECATED_SPECIAL_TOKENS)
    if version > TokenizerVersion.v7:
        names = [_LATER.get(rank, f"<SPECIAL_{rank}>") for rank in range(len(special), 36)]
        special += [SpecialTokenInfo(rank=20 + at, token_str=name, is_control=True) for at, name in enumerate(names)]
    return Tekkenizer(
        vocab=data["vocab"],
        special_tokens=special,
        pattern=data["config"]["pattern"],
        vocab_size=data["config"]["default_vocab_size"],
        num_special_tokens=data["config"]["default_num_special_tokens"],
        version=version,
    )


def _metadata(model: llama_cpp.llama_model_p) -> dict[str, str]:
    buffer = ctypes.create_string_buffer(1 << 16)
    found = {}
    for index in range(llama_cpp.llama_model_meta_count(model)):
        llama_cpp.llama_model_meta_key_by_index(model, index, buffer, len(buffer))
        key = buffer.value.decode()
        llama_cpp.llama_model_meta_val_str_by_index(model, index, buffer, len(buffer))
        found[key] = buffer.value.decode(errors="replace")
    return found
