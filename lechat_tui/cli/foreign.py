"""Translates command lines of Ollama, llama.cpp, LM Studio and `llm` into lechat's own.

Each row either rewrites the arguments or answers with one sentence that names the right thing. Imports nothing heavy.
"""

import difflib
from collections.abc import Sequence

from lechat_tui.settings import options as settings
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
_UPDATE = "update lechat with the tool that installed it: uv tool upgrade, pipx upgrade or pip install -U"
_NO_ACCOUNT = "there is no account; a gated repository on the hub needs HF_TOKEN in the environment"
_NO_TOOLS = "models have no tools or plugins here; -f PATH gives one a file or an image"
_UNLOADED = "nothing to stop: lechat unloads its models when it exits, and idle ones after keep_warm minutes"

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
    "create": _say("to use your own GGUF file: lechat import PATH", words=ANY),
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
    "update": _say(_UPDATE),
    "upgrade": _say(_UPDATE),
    "plugins": _say(_NO_TOOLS, words=ONE),
    "mcp": _say(_NO_TOOLS, words=ONE),
    "skills": _say(_NO_TOOLS, words=ONE),
    "ocr": _say("to read an image: lechat -f PATH 'What does it say?'", words=ONE),
    "cp": _say("a model needs no copy; an entry in models.toml gives it another name and other settings", words=2),
    "prompt": _to(words=ONE),
    "signin": _say(_NO_ACCOUNT),
    "login": _say(_NO_ACCOUNT),
    "keys": _say(_NO_ACCOUNT, words=ONE),
    "signout": _say("there is no account to log out of"),
    "logout": _say("there is no account to log out of"),
    "push": _say("lechat uploads nothing"),
    "quit": _say("lechat is not running here; inside a chat, /quit leaves"),
    "exit": _say("lechat is not running here; inside a chat, /quit leaves"),
}
"""Subcommands of other programs."""

PAIRS: dict[tuple[str, str], tuple[str, ...]] = {
    ("logs", "list"): ("chats", "ls"),
    ("logs", "path"): ("paths",),
    ("session", "last"): ("chats", "show", "last"),
    **{(group, "list"): ("chats", "ls") for group in ("session", "sessions")},
    **{
        (group, word): ("chats", word)
        for group in ("session", "sessions")
        for word in ("ls", "show", "search", "rename", "export", "rm", "delete")
    },
}
"""Subcommands of two words."""

NEVER_INSTRUCTIONS = frozenset({"models", "serve", "update", "upgrade", "version"})
"""Subcommands that can't be an instruction for text on stdin, as `check` or `search` can."""

OPTIONS: dict[str, tuple[str, ...]] = {
    **{
        _flag(name): (row.flag,)
        for row in settings.OPTIONS
        for name in (row.name, *row.aliases)
        if _flag(name) != row.flag
    },
    "-v": ("--stats",),
    "-u": ("--stats",),
    "--verbose": ("--stats",),
    "--usage": ("--stats",),
    "--attachment": ("--attach",),
    "--fragment": ("--file",),
    "--output-format": ("--output",),
    "--help-all": ("--help",),
    "-help": ("--help",),
    "-?": ("--help",),
    "-hf": ("--model",),
    "-hfr": ("--model",),
    "--hf-repo": ("--model",),
    "-ngl": ("--n-gpu-layers",),
    "--n-ctx": ("--ctx-size",),
    "-sys": ("--system",),
    "--system-prompt": ("--system",),
    "--resume-last": ("--continue",),
    "--no-log": ("--no-save",),
    "--no-cache": ("--no-save",),
    "--no-chat-save": ("--no-save",),
    "--list-models": ("ls",),
    "--list-sessions": ("chats", "ls"),
    "--list-devices": ("doctor",),
    "--info": ("doctor",),
    "--dirs": ("paths",),
    **dict.fromkeys(
        (
            *("--prompt", "-p", "--no-stream", "-S", "--raw", "--hidethinking", "--hide-reasoning", "-R", "-i", "-e"),
            *("--interactive", "-cnv", "--conversation", "-no-cnv", "--no-conversation", "-st", "--single-turn"),
            *("--color", "--no-color", "--nowordwrap", "--simple-io", "--jinja", "--no-display-prompt", "-y", "--yes"),
        ),
        (),
    ),
}
"""Options of other programs and what replaces them; empty for an option that is not needed here."""

_REASONS = {
    "flash attention is chosen for your machine; flash_attention in config.toml changes it": "-fa --flash-attn",
    "the KV cache's type is chosen for your machine; kv_type in config.toml changes it": (
        "-ctk -ctv --cache-type-k --cache-type-v"
    ),
    "the batch size is chosen for your machine; batch in config.toml changes it": "-b -ub --batch-size --ubatch-size",
    "how weights are read is chosen for your machine; mmap in config.toml changes it": "--mlock --mmap --no-mmap",
    "lechat places a model on the GPUs on its own; --n-gpu-layers N limits it": "--gpu -mg -sm -ts -dev --device",
    "lechat finds the projector next to the model; pass only the model, with -m PATH": "--mmproj -mm",
    "keep_warm in config.toml sets after how many idle minutes a model is unloaded": "--keepalive --keep-alive --ttl",
    "set theme in config.toml, or use /theme in the full screen": "--theme",
    "--think and --no-think turn the thinking of a model on or off, where it has a choice": (
        "--reasoning --reasoning-budget --reasoning-effort"
    ),
    "lechat can't constrain the output format; ask for JSON in the prompt": (
        "--schema --format --json-schema -j --grammar --grammar-file"
    ),
    "lechat prints whole answers; in a chat, /copy code copies a code block and /save 1 PATH writes it": (
        "-x --xl --extract --extract-last --code"
    ),
    "there is nothing to approve: models have no tools here": "--yolo --dangerously-skip-permissions --tool --tools",
    "there is no account and no key: lechat runs models on this machine": "--api-key --key",
    "lechat keeps no prompt templates; -s TEXT sets the system prompt": "-t --template --role -r",
    "-f PATH attaches a file; lechat recognizes its type": "--at --attachment-type",
    "template in models.toml sets the chat template of a model": "--chat-template --chat-template-file",
    "LECHAT_HOME in the environment names the folder with the chats": "--database -d --db --data-dir",
    "lechat chats rename ID TITLE gives a chat its title": "--title --name",
    "lechat writes its logs on its own; lechat paths says where": "--debug --log-file",
    "lechat chats ls lists the IDs of your chats, and --resume ID continues one": "--cid --session",
    _NO_SERVER: "--host --port --serve",
}

SENTENCES = {name: sentence for sentence, names in _REASONS.items() for name in names.split()}
"""Options of other programs that have no counterpart on the command line."""

NUMBERS = {
    "-n": "-n does not save the chat; --max-tokens {0} limits the length of the answer",
    "-c": "-c continues the last chat; --ctx-size {0} sets the context window",
    "-t": "--threads {0} sets the number of CPU threads",
    "-s": "-s sets the system prompt; --seed {0} sets the random seed",
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

CHATS = frozenset({"--cid", "--conversation", "--session"})
"""Options before the ID of a chat."""

_LONG = (
    VALUES
    | OPTIONS.keys()
    | SENTENCES.keys()
    | {f"--{name}" for name in ("continue", "json", "no-save", "quiet", "stats")}
)
"""Long options of lechat and of other programs."""

_SHORT = "mcCsfanqVh"
"""The letters of our short options."""


def translate(arguments: Sequence[str], commands: Sequence[str], *, piped: bool = False) -> list[str]:
    """The arguments as lechat knows them. `commands` are its own subcommands; `piped` says that stdin is a pipe.

    Raises `Unsupported` for what has no counterpart, and for a misspelled subcommand, which must not become a question.
    """
    if not arguments or arguments[0] in commands:
        return list(arguments)
    if arguments[0] == "--offline":
        return ["--offline", *translate(arguments[1:], commands, piped=piped)]
    first, rest = arguments[0], list(arguments[1:])
    words = len(_words(rest))
    prompted = "-p" in rest or "--prompt" in rest
    if first == "run" or (first == "chat" and (words <= 1 or prompted) and not piped):
        return _run(rest, needed=first == "run")
    if first == "help" and (not rest or rest[0] in commands):
        return [*rest[:1], "--help"]
    if first in ("-v", "-version") and not rest:
        return ["--version"]
    if (pair := PAIRS.get((first, rest[0] if rest else ""))) and not piped:
        return [*pair, *rest[1:]]
    if (row := SUBCOMMANDS.get(first)) and words <= row.words and (not piped or first in NEVER_INSTRUCTIONS):
        if row.sentence:
            raise Unsupported(row.sentence)
        return [*row.arguments, *rest]
    if row and words == 1 and not piped:
        raise Unsupported(f"lechat {first} takes no arguments; to ask a question: lechat -- {first} ...")
    if not piped and words <= 1 and (meant := _meant(first, commands)):
        raise Unsupported(
            f"there is no command {first}; did you mean {meant}? To ask it as a question: lechat -- {first}"
        )
    found = [arguments[n] for n in _words(arguments)]
    if first.startswith("-") and first != "--" and not piped and len(found) in (1, 2) and found[0] in commands:
        raise Unsupported(
            f"options come after a command, and lechat {found[0]} --help lists them; "
            f"to ask it as a question: lechat -- {' '.join(found)}"
        )
    return _options(list(arguments))


def _run(rest: list[str], *, needed: bool) -> list[str]:
    """`run MODEL [PROMPT]` or `chat [MODEL]`, with options anywhere."""
    rest = _options(rest)
    words = _words(rest)
    if words:
        return ["--model", rest[words[0]], *rest[: words[0]], *rest[words[0] + 1 :]]
    if needed:
        raise Unsupported("lechat run needs a model, as in lechat run ministral-3-8b; lechat ls lists them")
    return rest


def _words(arguments: Sequence[str]) -> list[int]:
    """The places of the words that are neither options nor their values."""
    found: list[int] = []
    skip = False
    for place, word in enumerate(arguments):
        if word == "--":
            return [*found, *range(place + 1, len(arguments))]
        if not skip and not word.startswith("-"):
            found.append(place)
        skip = not skip and word in VALUES
    return found


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
    known = [*commands, *SUBCOMMANDS, "run", "help"]
    if len(word) <= 3:  # so short a word is a misspelling only of one that begins alike
        known = [name for name in known if name.startswith(word[0])]
    near = difflib.get_close_matches(word, known, 1, 0.75 if len(word) > 3 else 0.8)
    return near[0] if near else ""


def _options(arguments: list[str]) -> list[str]:
    """The options of other programs replaced, up to a `--`."""
    found: list[str] = []
    words = iter(range(len(arguments)))
    for n in words:
        word = _spelled(arguments[n])
        after = arguments[n + 1] if n + 1 < len(arguments) else ""
        name, equals, value = word.partition("=")
        if word == "--":
            return [*found, *arguments[n:]]
        if word in NUMBERS and after.isdecimal():
            raise Unsupported(NUMBERS[word].format(after))
        if word in VALUES:
            found += [word, *arguments[n + 1 : n + 2]]
            next(words, None)
        elif name == "--think" and equals:
            found.append("--no-think" if value.casefold() in _NO else "--think")
        elif word in ("-o", "--option", "--set"):
            pair = [*after.split("=", 1)] if "=" in after else arguments[n + 1 : n + 3]
            found += _llm_option(pair)
            for _ in range(1 if "=" in after else 2):
                next(words, None)
        elif word in CHATS and after.isdecimal():
            found.append("--resume")
        elif name in SENTENCES:
            raise Unsupported(SENTENCES[name])
        elif name in OPTIONS and name.startswith("-"):
            found += OPTIONS[name]
            if equals:
                found.append(value)
        elif word[:1] == "-" and word[1:2].isalpha() and word[1] not in _SHORT and len(word) > 2:
            raise Unsupported(f"there is no option {word}; lechat --help lists them")
        else:
            found.append(word)
    return found


_NO = ("false", "off", "no", "none", "0")
"""What `--think=` of Ollama may be given to mean no."""


def _spelled(word: str) -> str:
    """An option with its hyphens: `--top_p` is `--top-p`, and `-seed` is `--seed`."""
    name, equals, value = word.partition("=")
    if not name.startswith("-") or name in OPTIONS or name in SENTENCES:
        return word
    long = f"--{name.lstrip('-').replace('_', '-')}"
    return f"{long}{equals}{value}" if len(name) > 2 and long in _LONG else word


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
