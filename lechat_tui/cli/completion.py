"""Completion of the command line in bash, zsh and fish.

The shell asks `lechat completion words -- WORD ...` for what the last word may become, so that one function serves all
three and models, chats and libraries are completed, too. No candidates means file names.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import typer
from typer.main import get_command

from lechat_tui.cli import printing

Candidate = tuple[str, str]
"""A word and its explanation."""

MAX_CHATS = 50

SCRIPTS = {
    "bash": """\
_lechat() {
    local IFS=$'\\n' word
    COMPREPLY=()
    while IFS=$'\\t' read -r word _; do
        COMPREPLY+=("$word")
    done < <(lechat completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _lechat lechat
""",
    "zsh": """\
#compdef lechat
_lechat() {
    local -a rows
    local word text
    while IFS=$'\\t' read -r word text; do
        rows+=("${word//:/\\\\:}:$text")
    done < <(lechat completion words -- "${words[@]:1:$((CURRENT - 1))}" 2>/dev/null)
    if (( $#rows )); then _describe 'lechat' rows; else _files; fi
}
if [[ $funcstack[1] = _lechat ]]; then _lechat "$@"; else compdef _lechat lechat; fi
""",
    "fish": """\
function __lechat_words
    set -l words (commandline -opc) (commandline -ct)
    set -l rows (lechat completion words -- $words[2..] 2>/dev/null)
    if set -q rows[1]
        printf '%s\\n' $rows
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c lechat -f -a '(__lechat_words)'
""",
}
"""What each shell evaluates."""


def candidates(
    words: Sequence[str],
    asking: typer.Typer,
    commands: typer.Typer,
    *,
    models: Callable[[], Iterable[Candidate]],
    chats: Callable[[], Iterable[Candidate]],
    libraries: Callable[[], Iterable[Candidate]],
) -> list[Candidate]:
    """What the last of the words may become, in order; empty for file names and for free text."""
    named_by = {"models": models, "chats": chats, "libraries": libraries}
    *before, current = words or [""]
    command: Any = get_command(commands)
    named = False
    for word in before:
        if word in getattr(command, "commands", {}):
            command, named = command.commands[word], True
    if not named:
        command = get_command(asking)
    option = next((p for p in command.params if before and before[-1] in p.opts and _takes_value(p)), None)
    found: Iterable[Candidate] = ()
    if option is not None:
        found = _values(option, named_by)
    elif current.startswith("-"):
        found = [(name, p.help or "") for p in command.params for name in p.opts if name.startswith("--")]
    elif subcommands := getattr(command if named else get_command(commands), "commands", None):
        if named or not any(not word.startswith("-") for word in before):
            found = [(name, (row.help or "").partition(".")[0]) for name, row in subcommands.items() if not row.hidden]
    else:
        argument = next((p for p in command.params if p.param_type_name == "argument"), None)
        found = _values(argument, named_by) if argument else ()
    return [(word, " ".join(text.split())) for word, text in found if word.startswith(current)]


def _takes_value(parameter: Any) -> bool:
    return parameter.param_type_name == "option" and not parameter.is_flag


_NAMED = {
    **dict.fromkeys(("model", "name", "names"), "models"),
    **dict.fromkeys(("id", "ids", "resume"), "chats"),
    "library": "libraries",
}
"""What the parameters of these names are."""


def _values(parameter: Any, named_by: Mapping[str, Callable[[], Iterable[Candidate]]]) -> Iterable[Candidate]:
    """What this option or argument may be."""
    kinds = (kind := parameter.type_descriptor.annotation, *get_args(kind))
    for each in kinds:
        if isinstance(each, type) and issubclass(each, Enum):
            return [(str(member.value), "") for member in each]
        if isinstance(each, type) and issubclass(each, Path):
            return ()
    return named_by[_NAMED[parameter.name]]() if parameter.name in _NAMED else ()


def print_candidates(words: Sequence[str], asking: typer.Typer, commands: typer.Typer) -> None:
    """Print a line for each candidate: the word, a tab, its explanation."""
    for word, text in candidates(words, asking, commands, models=_models, chats=_chats, libraries=_libraries):
        printing.show(f"{word}\t{text}")


def _models() -> Iterable[Candidate]:
    """The installed models, then the rest of the catalog."""
    from lechat_tui.cli import compose

    models = compose.models(compose.settings())
    here = [(model.id, "installed") for model in models.installed()]
    names = {id for id, _ in here}
    return [*here, *((id, model.name) for id, model in models.catalog.items() if id not in names)]


def _chats() -> Iterable[Candidate]:
    """The latest chats."""
    from lechat_tui.cli import compose

    with compose.store() as store:
        return [(str(chat.id), chat.title) for chat in store.chats(limit=MAX_CHATS)]


def _libraries() -> Iterable[Candidate]:
    """All libraries."""
    from lechat_tui.library import names

    return [(name, "") for name in names.names()]
