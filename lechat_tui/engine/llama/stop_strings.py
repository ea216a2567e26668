"""Ends an answer before the first stop string in its text. Text that may be the beginning of one is held back."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lechat_tui.engine.base import Delta
from lechat_tui.engine.llama.thinking import overlap


class StopStrings:
    """Looks for stop strings in the text of one answer; thinking and tool calls are left alone."""

    def __init__(self, texts: Sequence[str]) -> None:
        """`texts` are the stop strings; empty ones are ignored."""
        self._texts = [text for text in texts if text]
        self._held = ""
        self.found = False
        """Whether a stop string has come, so that the answer is complete."""

    def feed(self, deltas: Iterable[Delta]) -> list[Delta]:
        """The deltas without what is held back and what is behind a stop string."""
        passed: list[Delta] = []
        for delta in deltas:
            if self.found:
                break
            if delta.kind != "text":
                passed += [*self.rest(), delta]
            elif text := self._passed(delta.text):
                passed.append(replace(delta, text=text))
        return passed

    def rest(self) -> list[Delta]:
        """What was held back: the text has ended, or something else begins."""
        held, self._held = self._held, ""
        return [Delta(held)] if held else []

    def _passed(self, text: str) -> str:
        text, self._held = self._held + text, ""
        ends = [at for stop in self._texts if (at := text.find(stop)) >= 0]
        if ends:
            self.found = True
            return text[: min(ends)]
        certain = len(text) - overlap(text, self._texts)
        self._held = text[certain:]
        return text[:certain]
