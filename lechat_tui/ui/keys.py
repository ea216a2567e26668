"""The keys a person can change: what bindings there are, and which keys they have now."""

import re
from collections.abc import Iterable, Mapping

from textual.binding import Binding, BindingType

from lechat_tui.commands.base import Bound

TALK: list[BindingType] = [
    Binding("escape", "stop", "Stop the answer; what was said is kept", id="stop"),
    Binding(
        "ctrl+c,super+c",
        "interrupt",
        "Copy what is selected, stop, or clear; twice leaves",
        id="interrupt",
        priority=True,
    ),
    Binding("ctrl+shift+c", "copy_selection", "Copy what is selected", id="copy_selection", priority=True),
    Binding("ctrl+d", "leave", "Leave, when nothing is typed", id="leave"),
    Binding("ctrl+n", "run('/new')", "New chat", id="new", priority=True),
    Binding("ctrl+s", "chats", "The list of chats", id="chats", priority=True),
    Binding("ctrl+l", "run('/model')", "Models", id="models", priority=True),
    Binding("ctrl+g", "editor", "Write the question in $EDITOR", id="editor", priority=True),
    Binding("ctrl+f", "run('/search')", "Find in all chats", id="search", priority=True),
    Binding("ctrl+r", "history", "Pick an earlier question", id="history", priority=True),
    Binding("ctrl+t", "thinking", "Show or hide the last thinking", id="thinking", priority=True),
    Binding("ctrl+y", "run('/copy')", "Copy the answer", id="copy", priority=True),
    Binding("ctrl+p", "app.command_palette", "Everything, by name", id="palette", priority=True),
    Binding("f1", "run('/help', True)", "Help", id="help", priority=True),
    Binding("f2", "first_models", "First models, or a download to go on with", id="first_models", priority=True),
    Binding("pageup", "page(-1)", "Scroll up", id="page_up", priority=True),
    Binding("pagedown", "page(1)", "Scroll down", id="page_down", priority=True),
    Binding("end", "newest", "To the newest", id="newest"),
    Binding("alt+left", "walk(-1)", "The branch before", id="branch_before", priority=True),
    Binding("alt+right", "walk(1)", "The next branch", id="branch_after", priority=True),
    Binding("ctrl+e", "edit", "Edit a question", id="edit", priority=True),
    Binding("ctrl+end", "to_end", "To the newest", id="to_end", priority=True),
]
"""Those of the conversation, as they came."""


def bound(bindings: Iterable[BindingType], chosen: Mapping[str, str]) -> list[Bound]:
    """The bindings with a name, with their keys as they came or as they were chosen."""
    named = [binding for binding in bindings if isinstance(binding, Binding) and binding.id]
    return [
        Bound(
            name=binding.id or "",
            what=binding.description,
            keys=tuple(key.strip() for key in chosen.get(binding.id or "", binding.key).split(",")),
            chosen=binding.id in chosen,
            command=_command(binding.action),
        )
        for binding in named
    ]


def _command(action: str) -> str:
    """The command line that a binding runs, if that is what it does."""
    found = re.match(r"run\('([^']*)'", action)
    return found[1] if found else ""
