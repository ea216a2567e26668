"""The list of completions above the prompt: commands, or files after an `@`. It overlaps the transcript."""

from collections.abc import Callable, Sequence

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from lechat_tui.attachments.folders import matching
from lechat_tui.commands.arguments import Argument
from lechat_tui.commands.base import Command, completions
from lechat_tui.plaintext import safe

MAX_FILES = 40
"""Files in the list; a longer word finds the others."""

Offer = Command | Argument | str
"""A command, a command line with an argument, or the path of a file."""


class CompletionList(OptionList, can_focus=False):
    """Follows what is typed. Tab and Enter take the highlighted row."""

    def __init__(self, mount: Callable[[], object]) -> None:
        """`mount` adds the list to the screen; it is called when there is something to show for the first time."""
        super().__init__(markup=False, compact=True)
        self._mount = mount
        self.files: Sequence[str] = ()
        """The files of the current folder."""
        self._offers: Sequence[Offer] = ()
        self.arguments: Callable[[str], Sequence[Argument]] = lambda typed: ()
        """The command lines that a typed one may become."""
        self.moved = False
        """Whether the user moved the highlight since the list has these rows."""
        self._closed_for = ""
        self._matched: tuple[Sequence[str], str, Sequence[str]] = (), "", ()

    @property
    def shown(self) -> bool:
        """Whether there are any completions."""
        return self.has_class("-shown")

    @property
    def offer(self) -> Offer | None:
        """The highlighted command, or the path of the highlighted file."""
        return self._offers[self.highlighted] if self.shown and self.highlighted is not None else None

    def follow(self, typed: str, mention: str | None = None) -> None:
        """Show the completions of the text in the prompt, if any; `mention` is the text after an `@`."""
        if typed != self._closed_for:
            self._closed_for = ""
        offers: Sequence[Offer] = ()
        if not self._closed_for:
            offers = (
                self._files(mention) if mention is not None else tuple(completions(typed)) or self._command_lines(typed)
            )
        if offers and not self.is_attached:
            self._mount()
        if offers and offers != self._offers:
            self.set_options(map(Option, _rows(offers)))
            self.highlighted = 0
            self.moved = False
        self._offers = offers
        self.set_class(bool(offers), "-shown")

    def _command_lines(self, typed: str) -> Sequence[Argument]:
        return tuple(self.arguments(typed)) if typed.startswith("/") and "\n" not in typed else ()

    def _files(self, mention: str) -> Sequence[str]:
        files, asked, found = self._matched
        if files is not self.files or asked != mention:
            found = matching(self.files, mention, MAX_FILES)
            self._matched = self.files, mention, found
        return found

    def move(self, by: int) -> None:
        """Move the highlight; it wraps around at the ends."""
        self.moved = True
        self.highlighted = ((self.highlighted or 0) + by) % len(self._offers)

    def close(self, typed: str) -> None:
        """Close the list until something else is typed."""
        self._closed_for = typed
        self.follow(typed)


MAX_NAME_CHARACTERS = 24
"""Of a command with its argument; a longer one moves its explanation to the right."""


def _rows(offers: Sequence[Offer]) -> list[Content]:
    names = [len(_name(offer)) for offer in offers if not isinstance(offer, str)]
    wide = min(max(names, default=0), MAX_NAME_CHARACTERS)
    return [_file(offer) if isinstance(offer, str) else _row(offer, wide) for offer in offers]


def _file(path: str) -> Content:
    folder, slash, name = safe(path).rpartition("/")
    return Content.assemble((f"{folder}{slash}", "$soft"), (name, "$accent"))


def _name(offer: Command | Argument) -> str:
    return safe(offer.line) if isinstance(offer, Argument) else f"{offer.name} {offer.argument}".rstrip()


def _row(offer: Command | Argument, wide: int) -> Content:
    name = _name(offer)
    strong = offer.name if isinstance(offer, Command) else name
    return Content.assemble(
        (strong, "$accent"),
        (name.removeprefix(strong), "$soft"),
        " " * max(wide - len(name) + 2, 2),
        (safe(offer.help), "$soft"),
    )
