"""Slash commands of other programs: each becomes one of ours, or a sentence that names the right thing."""

import re

from lechat_tui.values import dataclass


@dataclass(frozen=True)
class Foreign:
    """The translation of one command."""

    line: str = ""
    """Our command, to which the words after the foreign one are added."""
    sentence: str = ""
    """What to say instead."""


_MEMORY = "lechat remembers nothing across chats; /system TEXT sets instructions for this chat"
_TOOLS = "models have no tools here; they answer from the chat, and /attach PATH adds a file or an image to it"
_PROGRAM = "that is done in the shell: lechat --help lists the commands there"
_ACCOUNT = "there is no account: everything stays on this machine"
_PROMPT = "a backslash before Enter starts a new line, and /keys lists the key that opens your editor"

_LINES = {
    "/set": "/config /settings /options /params /parameters /parameter",
    "/stats": "/usage /cost /tokens /timing /perf",
    "/stats on": "/verbose",
    "/models": "/ls /list /hub /browse",
    "/chats": "/history /sessions /session /conversations /open-chat",
    "/undo": "/rewind /back /revert",
    "/new": "/reset /cls /clean /restart",
    "/regen": "/regenerate /again",
    "/think": "/thinking /reasoning /reason",
    "/set think off": "/nothink /no_think /no-think",
    "/context": "/messages",
    "/prompt": "/template /tokenize /raw",
    "/attach": "/read /add /upload /include /glob",
    "/export": "/share /print /dump",
    "/system": "/persona /role /character /instructions /sys /system_prompt /system-prompt",
    "/search": "/grep",
    "/log": "/debug /logs",
    "/branch": "/branches /tree",
    "/compact": "/summarize /summarise /compress",
    "/keys": "/shortcuts /bindings /hotkeys /keybindings",
    "/theme": "/themes /color /colors /colour",
    "/help": "/commands /h",
    "/exit": "/q /stop-program",
    "/set seed": "/seed",
    "/set temperature": "/temperature /temp",
    "/set top_p": "/top_p",
    "/set top_k": "/top_k",
    "/set min_p": "/min_p",
    "/set context": "/num_ctx /ctx",
}

_SENTENCES = {
    _MEMORY: "/memory /remember /forget /memories",
    _TOOLS: "/tools /tool /mcp /skills /agents /agent /plugins /plugin /web /browse-web /run /exec /shell",
    _PROGRAM: "/update /upgrade /install /serve /server /config-file /create /import",
    _ACCOUNT: "/login /logout /account /feedback",
    _PROMPT: '""" ::: /multiline /multi /editor /vim /ml',
    "to stop an answer, press the stop key; /keys lists it": "/stop /cancel /abort /interrupt",
    "an idle model is unloaded automatically; /exit frees all memory": "/unload /eject /kill",
    "lechat supports text and images, but no audio or video": "/audio /video /voice /speak /listen /tts",
    "Backspace in an empty prompt removes the last attachment": "/drop /detach /remove",
}

TABLE = {
    **{name: Foreign(line=line) for line, names in _LINES.items() for name in names.split()},
    **{name: Foreign(sentence=sentence) for sentence, names in _SENTENCES.items() for name in names.split()},
}

BLOCKS = ('"""', ":::")
"""What begins a text of several lines in other programs, and in `--inline`."""

SET = {"verbose": "/stats on", "quiet": "/stats off", "think": "/set think on", "nothink": "/set think off"}
"""What `/set` of Ollama sets with one of these words alone, and the command that does."""

SHOW = {
    "parameters": "/set",
    "system": "/system",
    "template": "/prompt",
    "modelfile": "/status",
    "license": "/status",
    "info": "/status",
    "": "/status",
}
"""What `/show` of Ollama shows, and the command that does."""


def translated(word: str, rest: str) -> Foreign | None:
    """The translation of a command with the words after it; None if no program is known to have it."""
    word = word.casefold()
    if dotted := re.fullmatch(r"/(session|add|memory)\.(\w+)", word):
        word = "/memory" if dotted[1] == "memory" else f"/{dotted[2]}"
        if word not in TABLE:
            return Foreign(line=f"{word} {rest}".rstrip())
    if word == "/show":
        return Foreign(line=SHOW.get(rest.strip().casefold(), f"/status {rest}".rstrip()))
    found = TABLE.get(word)
    if found and found.line:
        return Foreign(line=f"{found.line} {rest}".rstrip())
    return found
