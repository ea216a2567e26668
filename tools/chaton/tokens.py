"""The byte-level vocabulary, Mistral's control tokens and the chat template: text to token IDs, and to GGUF.

Parts of a prompt are tokenized one by one, so text that looks like a control token stays text.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from corpus import Dialogue, Drawing
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

VOCABULARY = 1024

# Ids as in Mistral's Tekken v11 and v13.
NAMED = {
    0: "<unk>", 1: "<s>", 2: "</s>", 3: "[INST]", 4: "[/INST]", 5: "[AVAILABLE_TOOLS]", 6: "[/AVAILABLE_TOOLS]", 7: "[TOOL_RESULTS]",
    8: "[/TOOL_RESULTS]", 9: "[TOOL_CALLS]", 10: "[IMG]", 11: "<pad>", 12: "[IMG_BREAK]", 13: "[IMG_END]", 14: "[PREFIX]", 15: "[MIDDLE]",
    16: "[SUFFIX]", 17: "[SYSTEM_PROMPT]", 18: "[/SYSTEM_PROMPT]", 19: "[TOOL_CONTENT]", 24: "[AUDIO]", 25: "[BEGIN_AUDIO]", 32: "[ARGS]",
    33: "[CALL_ID]", 34: "[THINK]", 35: "[/THINK]",
}  # fmt: skip
CONTROL = [NAMED.get(i, f"<SPECIAL_{i}>") for i in range(36)]
BEGIN, END, USER, USER_END, PICTURE, PAD, PICTURE_END, SYSTEM, SYSTEM_END, THINK, THINK_END = (
    1,
    2,
    3,
    4,
    10,
    11,
    13,
    17,
    18,
    34,
    35,
)

SPLIT = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Tekken splits text before merging, as llama.cpp does for tokenizer.ggml.pre = tekken."""

TEMPLATE = """\
{{- bos_token }}
{%- for message in messages %}
{%- if message['role'] == 'system' %}{{- '[SYSTEM_PROMPT]' }}
{%- elif message['role'] == 'user' %}{{- '[INST]' }}
{%- endif %}
{%- if message['content'] is string %}{{- message['content'] }}
{%- elif message['content'] %}
{%- for part in message['content'] if part['type'] in ('image', 'image_url') %}{{- '[IMG]' }}{%- endfor %}
{%- for part in message['content'] %}
{%- if part['type'] == 'text' %}{{- part['text'] }}
{%- elif part['type'] == 'thinking' %}{{- '[THINK]' }}
{%- if part['thinking'] is string %}{{- part['thinking'] }}
{%- else %}{%- for piece in part['thinking'] %}{{- piece['text'] }}{%- endfor %}
{%- endif %}{{- '[/THINK]' }}
{%- endif %}
{%- endfor %}
{%- endif %}
{%- if message['role'] == 'system' %}{{- '[/SYSTEM_PROMPT]' }}
{%- elif message['role'] == 'user' %}{{- '[/INST]' }}
{%- elif message['role'] == 'assistant' %}{{- eos_token }}
{%- endif %}
{%- endfor %}"""


class Vocabulary:
    """36 control tokens, 256 bytes, and the merges learned from dialogues."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    @classmethod
    def learn(cls, texts: Iterable[str]) -> "Vocabulary":
        tokenizer = Tokenizer(models.BPE(ignore_merges=True))
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(SPLIT), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        # llama-cpp-python's detokenizer silently drops tokens of more than 32 bytes.
        trainer = trainers.BpeTrainer(
            vocab_size=VOCABULARY - len(CONTROL), initial_alphabet=alphabet, max_token_length=16, show_progress=False
        )
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer)

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        return cls(Tokenizer.from_file(str(path)))

    def merges(self) -> list[str]:
        """Merges in the order in which they were learned, as GGUF stores them."""
        return [" ".join(pair) for pair in json.loads(self.tokenizer.to_str())["model"]["merges"]]

    def encode(self, text: str) -> list[int]:
        return [i + len(CONTROL) for i in self.tokenizer.encode(text).ids]

    def decode(self, ids: Iterable[int]) -> str:
        return self.tokenizer.decode([i - len(CONTROL) for i in ids if i >= len(CONTROL)])


@dataclass(frozen=True)
class Encoded:
    """One dialogue as token IDs, with weights for training."""

    ids: list[int]
    weights: list[float]
    """The loss weight of each token; 0 for everything the model does not generate."""
    drawings: tuple[Drawing, ...]
    """In the order of the PICTURE tokens among the IDs."""


def encode(vocabulary: Vocabulary, dialogue: Dialogue, *, keep_thinking: bool) -> Encoded:
    """Without `keep_thinking`, the thinking of all turns but the last is dropped, as some programs do."""
    ids, weights, drawings = [BEGIN], [0.0], []

    def add(part: list[int], weight: float = 0.0) -> None:
        ids.extend(part)
        weights.extend([weight] * len(part))

    if dialogue.system:
        add([SYSTEM, *vocabulary.encode(dialogue.system), SYSTEM_END])
    for number, turn in enumerate(dialogue.turns):
        drawings.extend(turn.drawings)
        add([USER, *[PICTURE, PICTURE_END] * len(turn.drawings), *vocabulary.encode(turn.user), USER_END])
        answer = vocabulary.encode(turn.answer)
        if turn.thinking and not keep_thinking and number < len(dialogue.turns) - 1:
            add([*answer, END])  # without its thinking: in the context, but not trained on
            continue
        if turn.thinking:
            add([THINK, *vocabulary.encode(turn.thinking), THINK_END], 1.0)
        # Long answers are mostly counting and memorized texts: they must not outweigh the short ones.
        add(answer[:-2], min(1.0, max(0.4, (30 / len(answer)) ** 0.5)) if answer else 1.0)
        add([*answer[-2:], END], 1.0)
    return Encoded(ids, weights, tuple(drawings))
