"""The commands that are about the full screen: what `lechat --inline` answers to them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from lechat_tui.message import Span

NO_THEMES = "--inline uses your terminal's own colors; themes are for the full screen"


class WithoutScreen(ABC):
    """The part of a host that only the full screen has."""

    @abstractmethod
    def say(self, text: str, *, error: bool = False) -> None:
        """Write a note for the user."""

    def show_page(self, title: str, text: str) -> None:
        """Write all of it."""
        self.say(text)

    def show_text(self, title: str, text: str, marked: Span = (0, 0)) -> None:
        """Write all of it, with what is marked between arrows."""
        start, end = marked
        self.say(f"{text[:start]}→ {text[start:end]} ←{text[end:]}" if end else text)

    def show_chats(self) -> bool:
        """There is no list beside the chat: `/resume` picks one."""
        return False

    def bind(self, chosen: Mapping[str, str] | None) -> None:
        """Reject it: keys are for the full screen."""
        self.say("keys can be changed only in the full screen; start lechat without --inline")

    def set_theme(self, name: str) -> None:
        """Say that the theme is for the full screen."""
        self.say(f"{NO_THEMES} ({name} from now on)")

    async def choose_theme(self) -> str | None:
        """Reject it: themes are for the full screen."""
        self.say(NO_THEMES)
        return None

    def number_lines(self) -> str:
        """Reject it: lines stay as they can be copied from the terminal."""
        return "--inline prints code without line numbers, so that it can be copied; they are for the full screen"
