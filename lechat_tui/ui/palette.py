"""The command palette: the commands, and every setting, model, theme and key."""

from collections.abc import Iterator
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from lechat_tui.commands.arguments import arguments
from lechat_tui.commands.base import COMMANDS, Host
from lechat_tui.plaintext import safe
from lechat_tui.ui.chat.screen import ChatScreen
from lechat_tui.ui.textual_private import EarlyCommandPalette
from lechat_tui.values import dataclass


@dataclass(frozen=True)
class Entry:
    """A row of the palette."""

    line: str
    """The command line; one that ends with a space is put into the prompt to be completed."""
    help: str


def entries(host: Host) -> Iterator[Entry]:
    """The commands, then what some of them take as an argument."""
    for command in COMMANDS.values():
        needs = command.argument and not command.argument.startswith("[")
        yield Entry(f"{command.name} " if needs else command.name, command.help)
    for name in ("/model", "/theme", "/set", "/keys"):
        yield from (Entry(row.line, row.help) for row in arguments(host, name))


class Palette(EarlyCommandPalette):
    """Textual's command palette with the entries of `Slash`."""


class Slash(Provider):
    """The entries, for Textual's palette."""

    async def discover(self) -> Hits:
        """The commands only; typing finds the rest."""
        for entry in self._entries():
            if entry.line.strip() in COMMANDS:
                yield DiscoveryHit(entry.line.strip(), partial(self._run, entry), help=entry.help)

    async def search(self, query: str) -> Hits:
        """The entries whose line or help matches the query."""
        matcher = self.matcher(query)
        for entry in self._entries():
            text = f"{entry.line} {entry.help}"
            score = max(matcher.match(text), float(query.casefold() in text.casefold()))
            if score:
                shown = matcher.highlight(entry.line.strip())
                yield Hit(score, shown, partial(self._run, entry), text=entry.line.strip(), help=entry.help)

    def _entries(self) -> list[Entry]:
        if not isinstance(self.screen, ChatScreen):
            return []
        return [Entry(safe(entry.line), safe(entry.help)) for entry in entries(self.screen.host)]

    def _run(self, entry: Entry) -> None:
        if isinstance(self.screen, ChatScreen):
            self.screen.begin(entry.line)
