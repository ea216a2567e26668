"""How models of different families mark their thinking. Knows texts only, no tokens."""

from collections.abc import Sequence

from lechat_tui.values import dataclass


@dataclass(frozen=True)
class ThinkingFormat:
    """The marks before and after the thinking of an answer."""

    opening: str
    closing: str
    by_name: bool = False
    """Whether an answer that begins with the opening is thinking only if the chat template has the closing in it."""


FORMATS = (
    ThinkingFormat("[THINK]", "[/THINK]"),  # Magistral, Ministral 3
    ThinkingFormat("<think>", "</think>"),  # DeepSeek R1, Qwen3, QwQ, GLM, MiniMax M2, Nemotron, Granite, Kimi K2
    ThinkingFormat("<seed:think>", "</seed:think>"),  # Seed-OSS
    ThinkingFormat("<mm:think>", "</mm:think>"),  # MiniMax
    ThinkingFormat("<thought>", "</thought>"),  # EXAONE Deep
    ThinkingFormat("◁think▷", "◁/think▷"),  # Kimi VL
    ThinkingFormat("<|START_THINKING|>", "<|END_THINKING|>"),  # Command R7B and A
    ThinkingFormat("<|channel>thought", "<channel|>"),  # Gemma 4
    ThinkingFormat("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    ThinkingFormat("<|channel|>analysis<|message|>", "<|end|>", by_name=True),  # gpt-oss
    ThinkingFormat("<|open|>think<|sep|>", "<|close|>think<|sep|>", by_name=True),  # Kimi K3
    ThinkingFormat("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]", by_name=True),  # Apriel
)
"""Marks by family; `tests/test-chat.cpp` of llama.cpp has examples of most."""

_ANSWERS = (
    ("<response></response>", ("<response>", "</response>")),  # Granite 3.3
    ("<answer>", ("<answer>", "</answer>")),  # Hunyuan
    ("[END FINAL RESPONSE]", ("", "[END FINAL RESPONSE]")),  # Apriel
)
"""What a chat template has in it, and the marks that its model then writes around the answer after the thinking."""


@dataclass(frozen=True)
class Framing:
    """What a prompt and its chat template say about the marks in the answer."""

    opened: ThinkingFormat | None = None
    """The thinking that the end of the prompt has opened."""
    formats: tuple[ThinkingFormat, ...] = tuple(form for form in FORMATS if not form.by_name)
    """The formats in which the answer may begin."""
    answer: tuple[str, str] | None = None
    """The marks around the answer after the thinking; the first may be empty."""


PLAIN = Framing()
"""For a template that says nothing about marks."""


def framing(template: str) -> Framing:
    """What the source of a chat template says."""
    return Framing(
        formats=tuple(form for form in FORMATS if not form.by_name or form.closing in template),
        answer=next((marks for named, marks in _ANSWERS if named in template), None),
    )


def opened_by(prompt: str, question: str) -> ThinkingFormat | None:
    """The format whose thinking is open at the end of the prompt, by what stands behind the last question."""
    form = max(FORMATS, key=lambda form: prompt.rfind(form.opening))
    at = prompt.rfind(form.opening)
    if at < 0 or at < prompt.rfind(form.closing):
        return None
    if form.opening in question:
        return form if form.opening in prompt.rpartition(question)[2] else None
    return None if question in prompt[at + len(form.opening) :] else form


def overlap(text: str, marks: Sequence[str]) -> int:
    """How many characters at the end of the text may be the beginning of one of the marks."""
    longest = max(map(len, marks), default=0) - 1
    sizes = range(min(longest, len(text)), 0, -1)
    return next((size for size in sizes if any(mark.startswith(text[-size:]) for mark in marks)), 0)
