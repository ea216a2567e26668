"""The rebindable keys of the screen: the table of bindings, and which keys they have now."""

import re
from collections.abc import Mapping

from textual.binding import Binding, BindingType

from lechat_tui.commands.base import Bound, key_of

CHAT_BINDINGS: list[BindingType] = [
    Binding("escape", "stop", "Stop; what arrived is kept", id="stop"),
    Binding(
        "ctrl+c,super+c",
        "interrupt",
        "Copy, stop, or clear; press twice to quit",
        id="interrupt",
        priority=True,
    ),
    Binding("ctrl+shift+c", "copy_selection", "Copy the selection", id="copy_selection", priority=True),
    Binding("ctrl+d", "leave", "Quit, if the prompt is empty", id="leave"),
    Binding("ctrl+n", "run('/new')", "New chat", id="new", priority=True),
    Binding("ctrl+s", "chats", "List of chats", id="chats", priority=True),
    Binding("ctrl+l", "run('/model')", "Models", id="models", priority=True),
    Binding("ctrl+g", "editor", "Write the question in $EDITOR", id="editor", priority=True),
    Binding("ctrl+f", "run('/search')", "Search all chats", id="search", priority=True),
    Binding("ctrl+r", "history", "Pick an earlier question", id="history", priority=True),
    Binding("ctrl+t", "fold('thinking')", "Show or hide the latest thinking", id="thinking", priority=True),
    Binding("ctrl+o", "fold('sent')", "Unfold pasted text and sent files", id="unfold"),
    Binding("ctrl+y", "run('/copy')", "Copy the answer", id="copy", priority=True),
    Binding("ctrl+p", "app.command_palette", "Command palette", id="palette", priority=True),
    Binding("f1", "run('/help', True)", "Help", id="help", priority=True),
    Binding("question_mark", "run('/help', True, True)", "Help, if the prompt is empty", id="help_empty"),
    Binding("f2", "first_models", "Download the suggested model", id="first_models", priority=True),
    Binding("ctrl+v", "run('/paste')", "Paste text or an image", id="paste"),
    Binding("pageup", "page(-1)", "Scroll up", id="page_up", priority=True),
    Binding("pagedown", "page(1)", "Scroll down", id="page_down", priority=True),
    Binding("end", "newest", "Scroll to the newest message", id="newest"),
    Binding("alt+left", "walk(-1)", "Previous branch", id="branch_before", priority=True),
    Binding("alt+right", "walk(1)", "Next branch", id="branch_after", priority=True),
    Binding("ctrl+e", "edit", "Edit an earlier question", id="edit", priority=True),
    Binding("ctrl+end", "newest(True)", "Scroll to the newest message", id="to_end", priority=True),
]
"""The bindings of the chat, with their default keys."""


class Keymap:
    """The keys that the rebindable actions have now."""

    def __init__(self, chosen: Mapping[str, str]) -> None:
        """`chosen` has the keys of the bindings that the user changed, by name, with commas between them."""
        self._chosen = dict(chosen)

    @property
    def chosen(self) -> Mapping[str, str]:
        """The keys that differ from the defaults, by the name of the binding."""
        return self._chosen

    def bind(self, chosen: Mapping[str, str]) -> None:
        """Give these bindings these keys, and all others their default keys."""
        self._chosen = dict(chosen)

    @property
    def bindings(self) -> list[Bound]:
        """All rebindable actions with their keys."""
        named = [one for one in CHAT_BINDINGS if isinstance(one, Binding) and one.id]
        return [
            Bound(
                name=binding.id or "",
                what=binding.description,
                keys=tuple(_split(self._chosen.get(binding.id or "", binding.key))),
                chosen=binding.id in self._chosen,
                command=_command(binding.action),
            )
            for binding in named
        ]

    def action_before_editor(self, key: str) -> str:
        """The action of a key that the user chose for it and that an editor may have a use for; empty for any other.

        The bindings with `priority` need no such care: Textual looks at them first.
        """
        return next(
            (
                binding.action
                for binding in CHAT_BINDINGS
                if isinstance(binding, Binding)
                and not binding.priority
                and key in _split(self._chosen.get(binding.id or "", ""))
            ),
            "",
        )

    def action_of(self, key: str) -> str:
        """The action of a key without priority; empty if it has none."""
        return next(
            (
                binding.action
                for binding in CHAT_BINDINGS
                if isinstance(binding, Binding)
                and not binding.priority
                and key in _split(self._chosen.get(binding.id or "", binding.key))
            ),
            "",
        )

    def key(self, name: str) -> str:
        """The first key of this binding as people write it, for a sentence: `Esc`."""
        return key_of(self.bindings, name)


def _split(keys: str) -> list[str]:
    return [key.strip() for key in keys.split(",")]


def _command(action: str) -> str:
    """The command line that an action runs; empty if it does something else."""
    found = re.match(r"run\('([^']*)'", action)
    return found[1] if found else ""
