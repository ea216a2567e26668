"""Turns the thinking of a model on or off, with the variable that its chat template has for it."""

from collections.abc import Collection, Mapping

from lechat_tui.message import Think

_SWITCHES: Mapping[str, tuple[object, object]] = {
    "enable_thinking": (True, False),  # Qwen3, GLM, Nemotron, Gemma 4, SmolLM3
    "thinking": (True, False),  # DeepSeek V3.1, Granite 3, Kimi K3
    "reasoning_effort": ("high", "none"),  # Mistral Small 4 and Medium 3.5, Command A
    "thinking_mode": ("enabled", "disabled"),  # MiniMax M3
    "thinking_budget": (-1, 0),  # Seed-OSS
}
"""Variables of chat templates, with their values for on and off."""

_ALWAYS_THINKS = "<|channel|>analysis"
"""In the template of gpt-oss, which can only think more or less."""


def switched(variables: Collection[str], source: str, think: Think) -> dict[str, object]:
    """The variables to render a template with; empty if it has no switch. `variables` are those that it reads."""
    if think == "auto":
        return {}
    on = think == "on"
    values = {name: (yes if on else no) for name, (yes, no) in _SWITCHES.items() if name in variables}
    if not on and "reasoning_effort" in values and _ALWAYS_THINKS in source:
        values["reasoning_effort"] = "low"
    return values
