"""Commands that write files: code and answers out of the chat, and the chat itself. A path is only ever a typed one."""

import asyncio
import difflib
import shlex
from collections.abc import Sequence
from pathlib import Path

from lechat_tui import writing
from lechat_tui.commands.base import Host, command
from lechat_tui.errors import LechatError
from lechat_tui.talk import exports
from lechat_tui.talk.exports import FORMATS, Format
from lechat_tui.talk.fences import fences

LONGEST_DIFF = 60
"""Lines shown of what a file will lose and get."""

SAVING = "/save N PATH writes code N of the last answer, /save answer PATH all of it"


class FileError(LechatError):
    """The file cannot be written; the text says why."""


@command("/save", "write code N of the last answer, or all of it, to a file", argument="N|answer PATH")
async def save(host: Host, rest: str) -> None:
    answer = next((m.text for m in reversed(host.conversation.messages) if m.role == "assistant"), None)
    what, _, path = rest.partition(" ")
    codes = fences(answer or "")
    if answer is None:
        host.say("there is no answer to save yet")
    elif not path.strip() or (what != "answer" and not what.isdecimal()):
        host.say(f"{SAVING}, as in /save 1 hello.py", error=True)
    elif what == "answer":
        await write(host, typed(path), answer)
    elif len(what) < 9 and 1 <= int(what) <= len(codes):
        await write(host, typed(path), codes[int(what) - 1])
    elif codes:
        host.say(f"the last answer has code 1 to {len(codes)}", error=True)
    else:
        host.say("the last answer has no code; /save answer PATH writes all of it", error=True)


@command("/export", "write this chat to a file: Markdown, HTML, or JSON with all branches", argument="[PATH] [FORMAT]")
async def export(host: Host, rest: str) -> None:
    conversation = host.conversation
    chat = conversation.chat
    path, format = asked(rest)
    if not chat or not conversation.messages:
        host.say("nothing has been said yet that could be exported")
        return
    file = typed(path) if path else Path.cwd() / exports.file_name(chat.title, format)
    if not path and not await host.confirm(f"Write this chat to {file}?"):
        return
    text = await asyncio.to_thread(exports.text_of, conversation.store, chat, format)
    await write(host, file, text, shown=False)


def asked(rest: str) -> tuple[str, Format]:
    """The path and the format that were typed; the path's suffix says the format where nothing else does."""
    first, _, last = rest.rpartition(" ")
    format = next((format for format in FORMATS if format == last.casefold()), None)
    path = (first if format else rest).strip()
    return path, format or exports.SUFFIXES.get(Path(path).suffix.casefold(), "md")


def typed(path: str) -> Path:
    """A path as it was typed, quoted or not, `~` too. Raises `FileError`."""
    path = path.strip()
    if "\0" in path:
        raise FileError("a path has no NUL in it; type it again")
    try:
        words = shlex.split(path) if path[:1] in "'\"" else [path]
        file = Path(words[0] if len(words) == 1 else path).expanduser().absolute()
    except (RuntimeError, ValueError) as error:
        raise FileError(f"{path} is not a path: {error}") from error
    if path.endswith("/") or file.is_dir():
        raise FileError(f"{path} is a folder; name a file in it, as in {path.rstrip('/')}/hello.py")
    return file


async def write(host: Host, file: Path, text: str, *, shown: bool = True) -> None:
    """Write the text, after a yes where folders must be made or a file is replaced. Raises `FileError`."""
    there = await asyncio.to_thread(_content, file)
    new = text.encode("utf-8", "replace")
    if there == new:
        host.say(f"{file} has exactly this already")
        return
    if there is not None and shown:
        host.say(difference(there, text, file.name))
    question = f"Replace {file}?" if there is not None else _unmade(file.parent)
    if question and not await host.confirm(question):
        host.say("nothing was written")
        return
    await asyncio.to_thread(_write, file, new)
    host.say(f"written to {file} ({len(new):,} bytes)")


def _unmade(folder: Path) -> str:
    return "" if folder.is_dir() else f"There is no folder {folder}; make it?"


def _content(file: Path) -> bytes | None:
    """What the file has now; None when there is none."""
    try:
        if file.exists() and not file.is_file():
            raise FileError(f"{file} is not a regular file; name another")
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(f"{file} cannot be read: {error.strerror}; name another file") from error


def _write(file: Path, content: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        writing.write(file, content)
    except OSError as error:
        raise FileError(f"{file} cannot be written: {error.strerror}; nothing was changed") from error


def difference(old: bytes, new: str, name: str) -> str:
    """What the file loses and gets, as a unified diff; the beginning of a long one."""
    try:
        before = old.decode("utf-8")
    except UnicodeDecodeError:
        return f"{name} is not text: {len(old):,} bytes would be replaced"
    lines = list(difflib.unified_diff(before.splitlines(), new.splitlines(), name, f"{name}, new", lineterm="", n=2))
    return "\n".join(_shortened(lines)) or "only the ends of lines differ"


def _shortened(lines: Sequence[str]) -> Sequence[str]:
    if len(lines) <= LONGEST_DIFF:
        return lines
    return [*lines[:LONGEST_DIFF], f"... and {len(lines) - LONGEST_DIFF} more lines"]
