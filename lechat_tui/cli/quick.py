"""Reads the most frequent command lines of a question without Typer, whose imports take as long as all others.

Whatever is not in these tables is left to Typer, and so is everything that it would reject.
"""

from collections.abc import Sequence
from typing import Any

SWITCHES = {
    "-c": "resume_last",
    "-C": "resume_last",
    "--continue": "resume_last",
    "-n": "no_save",
    "--no-save": "no_save",
    "-q": "quiet",
    "--quiet": "quiet",
    "--no-stdin": "no_stdin",
    "--stats": "stats",
    "--json": "json",
}
"""Options without a value, and the parameter of `asking.run` that each sets."""

TEXTS = {"-m": "model", "--model": "model", "-s": "system", "--system": "system"}
"""Options with a text."""

NUMBERS = {
    "--threads": ("threads", 1, 512),
    "--max-tokens": ("max_tokens", 1, 2**31 - 1),
    "--ctx-size": ("context", 256, 2**31 - 1),
    "--seed": ("seed", 0, 2**32 - 2),
}
"""Settings that are whole numbers, with the least and the greatest."""


def read(arguments: Sequence[str]) -> dict[str, Any] | None:
    """The parameters of `asking.run` for a question on the command line; None where Typer must read it."""
    if not arguments or not (arguments[0].startswith("-") or " " in arguments[0]):
        return None  # a command, or a misspelled one
    values: dict[str, Any] = {"prompt": [], "settings": {}}
    words = iter(_single(arguments))
    for word in words:
        if name := SWITCHES.get(word):
            values[name] = True
        elif name := TEXTS.get(word):
            values[name] = next(words, None)
            if values[name] is None:
                return None
        elif word in NUMBERS:
            name, least, greatest = NUMBERS[word]
            number = next(words, "")
            if not (number.isascii() and number.isdecimal() and least <= int(number[:12]) <= greatest):
                return None
            values["settings"][name] = int(number)
        elif word.startswith("-") or (word.isdecimal() and len(arguments) > 1):
            return None  # another option, or a number that may belong to one in llama.cpp
        else:
            values["prompt"].append(word)
    return values if values["prompt"] else None


def _single(arguments: Sequence[str]) -> list[str]:
    """The arguments with `-qn` as `-q -n`."""
    found: list[str] = []
    for word in arguments:
        letters = [f"-{letter}" for letter in word[1:]]
        joined = len(letters) > 1 and word[0] == "-" and all(letter in SWITCHES for letter in letters)
        found += letters if joined else [word]
    return found
