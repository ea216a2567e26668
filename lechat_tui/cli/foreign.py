"""Translates command lines of Ollama, llama.cpp, LM Studio and `llm` into lechat's own.

Each row either rewrites the arguments or answers with one sentence that names the right thing. Imports nothing heavy.
"""

import difflib
from collections.abc import Sequence

from lechat_tui.settings import config as settings
from lechat_tui.values import dataclass

NONE, ONE, ANY = 0, 1, 99
"""How many words may follow a subcommand; a line with more words is a question."""


class Unsupported(Exception):
    """There is no such command or option; the text is a sentence that names the right one."""


@dataclass(frozen=True)
class Subcommand:
    """The translation of another program's subcommand: arguments, or a sentence."""

    words: int
    """The maximum number of words after it."""
    arguments: tuple[str, ...] = ()
    """The arguments that replace it; those after it are kept."""
    sentence: str = ""
    """The sentence to print instead."""


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _to(*arguments: str, words: int = ANY) -> Subcommand:
    return Subcommand(words, arguments)


def _say(sentence: str, words: int = NONE) -> Subcommand:
    return Subcommand(words, sentence=sentence)


_NO_SERVER = (
    "lechat is not a server; lechat ls --json lists the paths of your models, and llama-server -m PATH serves one"
)
_UNLOADED = "nothing to stop: lechat unloads its models when it ends, and idle ones after keep_warm minutes"

SUBCOMMANDS = {
    "download": _to("pull", words=ONE),
    "fetch": _to("pull", words=ONE),
    "install": _to("pull", words=ONE),
    "models": _to("ls", words=NONE),
    "remove": _to("rm", words=ONE),
    "delete": _to("rm", words=ONE),
    "uninstall": _to("rm", words=ONE),
    "info": _to("show", words=ONE),
    "inspect": _to("show", words=ONE),
    "link": _to("import", words=ONE),
    "create": _say("to use a GGUF file of yours: lechat import PATH", words=ANY),
    "chat": _to(words=NONE),
    "history": _to("chats", "ls", words=NONE),
    "search": _to("chats", "search", words=ONE),
    "find": _to("chats", "search", words=ONE),
    "export": _to("chats", "export", words=ONE),
    "libraries": _to("library", "ls", words=NONE),
    "collections": _to("library", "ls", words=NONE),
    "status": _to("doctor", words=NONE),
    "check": _to("doctor", words=NONE),
    "benchmark": _to("bench", words=ONE),
    "config": _to("paths", words=NONE),
    "settings": _to("paths", words=NONE),
    "logs": _to("paths", words=NONE),
    "log": _to("paths", words=NONE),
    "version": _to("--version", words=NONE),
    "serve": _say(_NO_SERVER, words=ONE),
    "server": _say(_NO_SERVER, words=ONE),
    "stop": _say(_UNLOADED, words=ONE),
    "unload": _say(_UNLOADED, words=ONE),
    "load": _say("a model is loaded with the first question; lechat run NAME opens a chat with it", words=ONE),
    "update": _say("update lechat with the tool that installed it: uv tool upgrade, pipx upgrade or pip install -U"),
    "upgrade": _say("update lechat with the tool that installed it: uv tool upgrade, pipx upgrade or pip install -U"),
    "login": _say("there is no account; a closed repository on the hub needs HF_TOKEN in the environment"),
    "logout": _say("there is no account to log out of"),
    "push": _say("lechat uploads nothing"),
    "quit": _say("lechat is not running here; inside a chat, /quit leaves"),
    "exit": _say("lechat is not running here; inside a chat, /quit leaves"),
}
"""Subcommands of other programs."""

NEVER_INSTRUCTIONS = frozenset({"models", "serve", "update", "upgrade", "version"})
"""Subcommands that cannot be an instruction for text on stdin, as `check` or `search` can."""

OPTIONS: dict[str, tuple[str, ...]] = {
    **{
        _flag(name): (row.flag,)
        for row in settings.OPTIONS
        for name in (row.name, *row.aliases)
        if _flag(name) != row.flag
    },
    "--verbose": ("--stats",),
    "--attachment": ("--attach",),
    "--prompt": (),
    "-p": (),
    "--no-stream": (),
    "--raw": (),
    "--hidethinking": (),
    "-i": (),
    "--interactive": (),
    "-cnv": (),
    "--conversation": (),
    "--color": (),
    "--no-color": (),
    "--nowordwrap": (),
    "-hf": ("--model",),
    "-hfr": ("--model",),
    "--hf-repo": ("--model",),
    "-ngl": ("--n-gpu-layers",),
    "-sys": ("--system",),
    "--system-prompt": ("--system",),
    "--resume-last": ("--continue",),
    "--no-log": ("--no-save",),
}
"""Options of other programs and the ones that replace them; empty for an option that is not needed here."""

SENTENCES = {
    "-fa": "flash attention is chosen for your machine; flash_attention in config.toml changes it",
    "--flash-attn": "flash attention is chosen for your machine; flash_attention in config.toml changes it",
    "--mmproj": "lechat finds the projector beside the model's file; give the model alone, with -m PATH",
    "--keepalive": "keep_warm in config.toml sets after how many idle minutes a model is unloaded",
    "--ttl": "keep_warm in config.toml sets after how many idle minutes a model is unloaded",
    "--theme": "/theme chooses a theme in the full screen; theme = in config.toml sets it, too",
    "--schema": "lechat can't force the form of an answer; ask for JSON in the prompt",
    "--format": "lechat can't force the form of an answer; ask for JSON in the prompt",
    "-x": "lechat prints whole answers; in a chat, /copy code copies a code block and /save 1 PATH writes it",
    "--xl": "lechat prints whole answers; in a chat, /copy code copies a code block and /save 1 PATH writes it",
    "--extract": "lechat prints whole answers; in a chat, /copy code copies a code block and /save 1 PATH writes it",
    "--yolo": "there is nothing to approve: models have no tools here",
    "--dangerously-skip-permissions": "there is nothing to approve: models have no tools here",
    "--api-key": "there is no account and no key: lechat runs models on this machine",
    "--host": _NO_SERVER,
    "--port": _NO_SERVER,
}
"""Options of other programs that have no counterpart on the command line."""

NUMBERS = {
    "-n": "-n does not save the chat; --max-tokens {0} limits the length of the answer",
    "-c": "-c continues the last chat; --ctx-size {0} sets the context window",
    "-t": "--threads {0} sets the number of CPU threads",
}
"""Options that take a number in llama.cpp and mean something else here."""

VALUES = frozenset(
    f"--{name}"
    for name in (
        *("model", "system", "file", "attach", "image", "resume", "output", "top-p", "top-k", "min-p"),
        *("repeat-penalty", "stop", "lora", "overflow"),
    )
) | {"-m", "-s", "-f", "-a", *(row.flag for row in settings.OPTIONS if not row.switches)}
"""Our options that take a value, which is left alone whatever it looks like."""


def translate(arguments: Sequence[str], commands: Sequence[str], *, piped: bool = False) -> list[str]:
    """The arguments as lechat knows them. `commands` are its own subcommands; `piped` says that stdin is a pipe.

    Raises `Unsupported` for what has no counterpart, and for a misspelled subcommand, which must not become a question.
    """
    if not arguments or arguments[0] in commands:
        return list(arguments)
    if arguments[0] == "--offline":
        return ["--offline", *translate(arguments[1:], commands, piped=piped)]
    first, rest = arguments[0], list(arguments[1:])
    words = sum(not word.startswith("-") for word in rest)
    if first == "run":
        return _run(rest)
    if first == "help" and (not rest or rest[0] in commands):
        return [*rest[:1], "--help"]
    if first in ("-v", "-version") and not rest:
        return ["--version"]
    if (row := SUBCOMMANDS.get(first)) and words <= row.words and (not piped or first in NEVER_INSTRUCTIONS):
        if row.sentence:
            raise Unsupported(row.sentence)
        return [*row.arguments, *rest]
    if row and words == 1 and not piped:
        raise Unsupported(f"lechat {first} takes no word after it; to ask it as a question: lechat -- {first} ...")
    if not piped and words <= 1 and (meant := _meant(first, commands)):
        raise Unsupported(
            f"there is no command {first}; did you mean {meant}? To ask it as a question: lechat -- {first}"
        )
    return _options(list(arguments))


def _run(rest: list[str]) -> list[str]:
    """`run MODEL [PROMPT]`, with options anywhere."""
    rest = _options(rest)
    place, skip = None, False
    for n, word in enumerate(rest):
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word in VALUES
        else:
            place = n
            break
    if place is None:
        raise Unsupported("lechat run needs a model, as in lechat run ministral-3-8b; lechat ls lists them")
    return ["--model", rest[place], *rest[:place], *rest[place + 1 :]]


def _meant(word: str, commands: Sequence[str]) -> str:
    """The subcommand this is a misspelling of; empty for any other word."""
    if (
        len(word) < 2
        or word.startswith("-")
        or not word.isascii()
        or not word.replace("-", "").isalpha()
        or not word.islower()
    ):
        return ""
    near = difflib.get_close_matches(word, [*commands, *SUBCOMMANDS, "run", "help"], 1, 0.75 if len(word) > 3 else 0.85)
    return near[0] if near else ""


def _options(arguments: list[str]) -> list[str]:
    """The options of other programs replaced, up to a `--`."""
    found: list[str] = []
    words = iter(range(len(arguments)))
    for n in words:
        word = arguments[n]
        after = arguments[n + 1] if n + 1 < len(arguments) else ""
        name, equals, value = word.partition("=")
        if word == "--":
            return [*found, *arguments[n:]]
        if word in VALUES:
            found += arguments[n : n + 2]
            next(words, None)
        elif word in NUMBERS and after.isdecimal():
            raise Unsupported(NUMBERS[word].format(after))
        elif word in ("-o", "--option", "--set") and "=" not in word:
            found += _llm_option(arguments[n + 1 : n + 3])
            next(words, None)
            next(words, None)
        elif name == "--think" and equals:
            found.append("--no-think" if value.casefold() in _NO else "--think")
        elif name in SENTENCES:
            raise Unsupported(SENTENCES[name])
        elif name in OPTIONS and name.startswith("-"):
            found += OPTIONS[name]
            if equals:
                found.append(value)
        else:
            found.append(word)
    return found


_NO = ("false", "off", "no", "none", "0")
"""What `--think=` of Ollama may be given to mean no."""


def _llm_option(words: list[str]) -> list[str]:
    """`-o seed 42`, as in `llm`."""
    if len(words) < 2:
        raise Unsupported("-o needs a name and a value, as in -o seed 42")
    name, value = words
    option = f"--{name.replace('_', '-')}"
    option = (OPTIONS.get(option) or (option,))[0]
    if option not in VALUES:
        raise Unsupported(f"there is no option {name}; lechat --help lists them")
    return [option, value]
