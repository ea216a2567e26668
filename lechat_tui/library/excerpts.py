"""The part of a passage that has the most words of a question, in one line."""

from lechat_tui.library import scripts

STEP_CHARACTERS = 40
"""Between two places that are tried."""


def excerpt(body: str, question: str, characters: int) -> str:
    """At most so many characters of the passage, with an ellipsis where something was left out."""
    body = " ".join(body.split())
    if len(body) <= characters:
        return body
    words = [word for word in scripts.words(question) if len(word) > 1]
    starts = range(0, len(body) - characters + STEP_CHARACTERS, STEP_CHARACTERS)
    start = max(starts, key=lambda at: (_found(body[at : at + characters], words), -at))
    start = min(start, len(body) - characters)
    start = body.find(" ", start) + 1 if 0 <= body.find(" ", start) < start + STEP_CHARACTERS and start else start
    end = start + characters
    text = body[start:end] if end >= len(body) else body[start:end].rpartition(" ")[0] or body[start:end]
    return ("…" if start else "") + text + ("…" if start + len(text) < len(body) else "")


def _found(text: str, words: list[str]) -> int:
    folded = scripts.folded(text)
    return sum(len(word) for word in words if word in folded)
