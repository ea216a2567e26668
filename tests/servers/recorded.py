"""The same answer as each kind of server streams it: thinking "Hm, ok.", then "Hé, 12!"."""

from dataclasses import dataclass
from typing import Any

from replay import Raw, choice, lines, sse

from lechat_tui.engine.base import DialectName

THINKING, TEXT = "Hm, ok.", "Hé, 12!"


@dataclass(frozen=True)
class Recorded:
    """An answer of one kind of server."""

    dialect: DialectName
    path: str
    content: bytes
    kind: str = "text/event-stream"
    usage: tuple[int, int] = (11, 7)
    """Tokens of the prompt and of the answer."""
    thinking: str = THINKING

    @property
    def raw(self) -> Raw:
        return Raw(headers=(("Content-Type", self.kind),), chunks=(self.content,))


def _usage(**more: Any) -> dict[str, Any]:
    return {"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}, **more}


def _openai(name: DialectName, thinking: str, *last: dict[str, Any]) -> Recorded:
    return Recorded(
        name,
        "/v1/chat/completions",
        sse(
            choice({"role": "assistant", "content": ""}),
            choice({thinking: "Hm, "}),
            choice({thinking: "ok."}),
            choice({"content": "Hé"}),
            choice({"content": ", 12!"}),
            choice({}, "stop"),
            *(last or (_usage(),)),
        ),
    )


_TIMINGS = {"cache_n": 4, "prompt_n": 7, "predicted_n": 7, "predicted_per_second": 50.5}

ANSWERS = (
    _openai("openai", "reasoning_content"),
    _openai("llama-server", "reasoning_content", _usage(timings=_TIMINGS)),
    _openai("vllm", "reasoning"),
    _openai("sglang", "reasoning_content"),
    _openai("lm-studio", "reasoning"),
    Recorded(
        "mistral",
        "/v1/chat/completions",
        sse(
            choice({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm, "}]}]}),
            choice(
                {
                    "content": [
                        {"type": "thinking", "thinking": [{"type": "text", "text": "ok."}]},
                        {"type": "text", "text": "Hé"},
                    ]
                }
            ),
            choice({"content": ", 12!"}),
            choice({"content": ""}, "stop") | {"usage": _usage()["usage"]},
        ),
    ),
    Recorded(
        "ollama",
        "/api/chat",
        lines(
            {"message": {"role": "assistant", "content": "", "thinking": "Hm, ok."}, "done": False},
            {"message": {"role": "assistant", "content": "Hé"}, "done": False},
            {"message": {"role": "assistant", "content": ", 12!"}, "done": False},
            {
                "message": {"role": "assistant", "content": ""},
                "done": True,
                "done_reason": "stop",
                "prompt_eval_count": 11,
                "eval_count": 7,
                "eval_duration": 10**9,
            },
        ),
        kind="application/x-ndjson",
    ),
    Recorded(
        "openai",
        "/v1/chat/completions",
        sse(
            choice({"content": "<thi"}),
            choice({"content": "nk>Hm, ok.</"}),
            choice({"content": "think>\n\nHé, 12!"}),
            choice({}, "stop"),
            _usage(),
        ),
    ),
)
