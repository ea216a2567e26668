"""What the words after a command can be, for completion."""

from collections.abc import Iterable

from lechat_tui.commands.base import COMMANDS, Host
from lechat_tui.settings.options import OPTIONS
from lechat_tui.values import dataclass


@dataclass(frozen=True)
class Argument:
    """A command line with one possible argument."""

    line: str
    """One that ends with a space still needs a value."""
    help: str


def arguments(host: Host, name: str) -> Iterable[Argument]:
    """The command lines that this command can become; none if anything can follow it."""
    match name:
        case "/model" | "/load" | "/pull" | "/download":
            for model in host.models.catalog.values():
                here = host.models.ready(model)
                yield Argument(f"{name} {model.id}", f"{model.name}{'' if here else ' (not downloaded)'}")
        case "/theme":
            yield from (Argument(f"{name} {theme}", "switch to this theme") for theme in host.themes)
        case "/set":
            yield from (Argument(f"{name} {row.name} ", "change this setting") for row in OPTIONS)
            yield Argument("/set keep ", "how long chats are kept, as in 1y")
        case "/keys":
            yield from (Argument(f"{name} {bound.name} ", f"rebind: {bound.what}") for bound in host.bindings())
        case "/help":
            yield from (Argument(f"{name} {one.name.removeprefix('/')}", one.help) for one in COMMANDS.values())
        case "/library" | "/libraries":
            from lechat_tui.library import names  # not needed for the first paint

            yield from (Argument(f"{name} {one}", "answer from this library") for one in names.names())
            yield Argument(f"{name} off", "answer from no library")
        case "/think" | "/stats":
            yield from (Argument(f"{name} {word}", "") for word in ("on", "off"))


def completed(host: Host, typed: str) -> list[Argument]:
    """The command lines that a typed one may become: those whose argument is, begins with or contains the word."""
    name, space, word = typed.partition(" ")
    word = word.casefold()
    if not space or " " in word or not name.startswith("/"):
        return []
    found = [row for row in arguments(host, name.casefold()) if word in _word(row) and word != _word(row)]
    return sorted(found, key=lambda row: not _word(row).startswith(word))


def _word(row: Argument) -> str:
    return row.line.partition(" ")[2].strip().casefold()
