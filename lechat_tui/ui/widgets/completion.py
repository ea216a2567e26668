"""The list of completions above the prompt: commands, or files after an `@`. It overlaps the transcript."""

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from lechat_tui.attachments.folders import matching
from lechat_tui.commands.base import Command, completions
from lechat_tui.plaintext import safe

MAX_FILES = 40
"""Files in the list; a longer word finds the others."""


class CompletionList(OptionList, can_focus=False):
    """Follows what is typed. Tab and Enter take the highlighted row."""

    def __init__(self) -> None:
        super().__init__(markup=False, compact=True)
        self.files: Sequence[str] = ()
        """The files of the current folder."""
        self._offers: Sequence[Command | str] = ()
        self._closed_for = ""
        self._matched: tuple[Sequence[str], str, Sequence[str]] = (), "", ()

    @property
    def shown(self) -> bool:
        """Whether there are any completions."""
        return self.has_class("-shown")

    @property
    def offer(self) -> Command | str | None:
        """The highlighted command, or the path of the highlighted file."""
        return self._offers[self.highlighted] if self.shown and self.highlighted is not None else None

    def follow(self, typed: str, mention: str | None = None) -> None:
        """Show the completions of the text in the prompt, if any; `mention` is the text after an `@`."""
        if typed != self._closed_for:
            self._closed_for = ""
        offers: Sequence[Command | str] = ()
        if not self._closed_for:
            offers = tuple(completions(typed)) if mention is None else self._files(mention)
        if offers and offers != self._offers:
            self.set_options(map(Option, _rows(offers)))
            self.highlighted = 0
        self._offers = offers
        self.set_class(bool(offers), "-shown")

    def _files(self, mention: str) -> Sequence[str]:
        files, asked, found = self._matched
        if files is not self.files or asked != mention:
            found = matching(self.files, mention, MAX_FILES)
            self._matched = self.files, mention, found
        return found

    def move(self, by: int) -> None:
        """Move the highlight; it wraps around at the ends."""
        self.highlighted = ((self.highlighted or 0) + by) % len(self._offers)

    def close(self, typed: str) -> None:
        """Close the list until something else is typed."""
        self._closed_for = typed
        self.follow(typed)


def _rows(offers: Sequence[Command | str]) -> list[Content]:
    commands = [offer for offer in offers if isinstance(offer, Command)]
    wide = max((len(_name(command)) for command in commands), default=0)
    return [_row(offer, wide) if isinstance(offer, Command) else _file(offer) for offer in offers]


def _file(path: str) -> Content:
    folder, slash, name = safe(path).rpartition("/")
    return Content.assemble((f"{folder}{slash}", "$soft"), (name, "$accent"))


def _name(command: Command) -> str:
    return f"{command.name} {command.argument}".rstrip()


def _row(command: Command, wide: int) -> Content:
    name = _name(command)
    return Content.assemble(
        (command.name, "$accent"),
        (name.removeprefix(command.name), "$soft"),
        " " * (wide - len(name) + 2),
        (command.help, "$soft"),
    )
