"""Commands about files: attach one, save code and answers, export a chat. A path always comes from the user."""

import asyncio
import difflib
import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lechat_tui import paths, writing
from lechat_tui.attachments.files import Named, named
from lechat_tui.attachments.mentions import pasted_path
from lechat_tui.commands.base import Host, command, shortened
from lechat_tui.errors import LechatError
from lechat_tui.talk.fences import fences

if TYPE_CHECKING:
    from lechat_tui.message import DocumentUse
    from lechat_tui.talk.exports import Format

MAX_DIFF_LINES = 60
"""Shown before a file is replaced."""

MAX_ASKED_LINES = 6
"""Of them, in the question whether to replace it; the chat shows all of more."""

SAVE_USAGE = "/save N PATH saves code block N of the last answer, /save answer PATH all of it"


class FileError(LechatError):
    """The file can't be written; the text says why."""


@command(
    "/attach",
    "attach a file to the next question; PATH#3-9 takes pages",
    argument="PATH",
    aliases=("/image", "/file"),
)
async def attach(host: Host, rest: str) -> None:
    if not rest:
        host.say("/attach needs the path of a file, as in /attach notes.txt")
        return
    from lechat_tui.attachments.reading import read_named  # not needed for the first paint

    path = pasted_path(rest)
    file = await asyncio.to_thread(read_named, Named(path) if path else _typed(rest))
    host.attach(await asyncio.to_thread(host.conversation.keep_attachment, file))


@command(
    "/library",
    "answer from a library; off ends that; alone, list them",
    argument="[NAME|off]",
    aliases=("/libraries",),
)
async def library(host: Host, rest: str) -> None:
    from lechat_tui.library import names  # not needed for the first paint

    conversation = host.conversation
    if not rest:
        host.say(_about_libraries(conversation.libraries, await asyncio.to_thread(names.names)))
    elif rest.casefold() in ("off", "none"):
        conversation.set_libraries(())
        host.say("questions are no longer answered from a library")
    else:
        chosen = rest.split()
        for name in chosen:
            await asyncio.to_thread(names.check, name)
        conversation.set_libraries(chosen)
        host.say(
            f"questions in this chat are answered from {', '.join(chosen)}, with citations; /sources lists them, "
            "/library off ends it"
        )


def _about_libraries(attached: Sequence[str], known: Sequence[str]) -> str:
    if not known:
        return "there is no library; in the shell, lechat library new NAME FOLDER makes one of a folder"
    used = f"this chat uses {', '.join(attached)}" if attached else "this chat uses none; /library NAME attaches one"
    return f"libraries: {', '.join(known)}; {used}"


USES: dict[str, "DocumentUse"] = {"passages": "passages", "parts": "parts", "beginning": "beginning", "ask": "whole"}
"""What can be typed behind /documents, and what it stands for."""


@command(
    "/documents",
    "list documents, or choose what to send of long ones",
    argument="[passages|parts|beginning|ask]",
)
async def documents(host: Host, rest: str) -> None:
    from lechat_tui.attachments.documents import caption

    conversation = host.conversation
    if rest:
        if rest.casefold() not in USES:
            host.say("/documents takes passages, parts, beginning or ask", error=True)
            return
        conversation.document_use = USES[rest.casefold()]
        what = "you are asked" if rest.casefold() == "ask" else f"{rest.casefold()}"
        host.say(f"of documents that do not fit: {what}, from the next question of this chat on")
        return
    files = [file for message in conversation.messages for file in message.attachments if file.kind == "document"]
    if not files:
        host.say("no document came with this chat yet; /attach report.pdf attaches one, @report.pdf#3-9 some pages")
        return
    host.say("\n".join(dict.fromkeys(map(caption, files))))


def _typed(rest: str) -> Named:
    """The file that was typed, perhaps in quotes, pages included."""
    quoted = len(rest) > 2 and rest[0] == rest[-1] and rest[0] in "'\""
    return named(rest[1:-1] if quoted else rest)


@command(
    "/ocr",
    "read a scan and attach its text, or write it to a file",
    argument="PATH[#3-9] [OUT.md]",
    aliases=("/scan",),
)
async def ocr(host: Host, rest: str) -> None:
    if not rest:
        host.say("/ocr needs the path of a PDF or an image, as in /ocr scan.pdf or /ocr scan.pdf scan.md")
        return
    from lechat_tui.commands.ocr import start  # not needed for the first paint

    file, out = _file_and_output(rest)
    await start(host, file, user_path(out) if out else None)


_FILE_AND_OUTPUT = re.compile(r"""(.*\S)\s+("[^"]+"|'[^']+'|[^\s"']+)""")


def _file_and_output(rest: str) -> tuple[Named, str]:
    """The file to read and, behind it, the one to write; only a path with spaces that is to be written needs quotes."""
    path = pasted_path(rest)
    whole = Named(path) if path else _typed(rest)
    parts = _FILE_AND_OUTPUT.fullmatch(rest)
    if parts is None or whole.path.is_file() or not _typed(parts[1]).path.is_file():
        return whole, ""
    return _typed(parts[1]), parts[2]


@command("/save", "save code block N of the last answer, or all of it", argument="N|answer PATH")
async def save(host: Host, rest: str) -> None:
    answer = next((m.text for m in reversed(host.conversation.messages) if m.role == "assistant"), None)
    what, _, path = rest.partition(" ")
    codes = fences(answer or "")
    if answer is None:
        host.say("there is no answer to save yet")
    elif not path.strip() or (what != "answer" and not what.isdecimal()):
        host.say(f"{SAVE_USAGE}, as in /save 1 hello.py", error=True)
    elif what == "answer":
        await write(host, user_path(path), answer)
    elif len(what) < 9 and 1 <= int(what) <= len(codes):
        await write(host, user_path(path), codes[int(what) - 1])
    elif codes:
        host.say(f"the last answer has code blocks 1 to {len(codes)}", error=True)
    else:
        host.say("the last answer has no code block; /save answer PATH saves all of it", error=True)


@command("/export", "save this chat as Markdown, HTML or JSON", argument="[PATH] [FORMAT]")
async def export(host: Host, rest: str) -> None:
    from lechat_tui.talk import exports

    conversation = host.conversation
    chat = conversation.chat
    path, format = path_and_format(rest)
    if not chat or not conversation.messages:
        host.say("there is nothing to export yet; ask something first")
        return
    file = user_path(path or exports.file_name(chat.title, format))
    if not path and not await host.confirm(f"Write this chat to {file}?"):
        host.say("nothing was written; /export PATH writes to a file without asking")
        return
    text = await asyncio.to_thread(exports.text_of, conversation.store, chat, format)
    await write(host, file, text, shown=False)


def path_and_format(rest: str) -> "tuple[str, Format]":
    """The path and the format that were typed; without a format, the path's suffix decides."""
    from lechat_tui.talk.exports import FORMATS, SUFFIXES

    first, _, last = rest.rpartition(" ")
    format = next((format for format in FORMATS if format == last.casefold()), None)
    path = (first if format else rest).strip()
    return path, format or SUFFIXES.get(Path(path).suffix.casefold(), "md")


def user_path(path: str) -> Path:
    """A path as it was typed, quoted or not, `~` too. Raises `FileError`."""
    path = path.strip()
    if "\0" in path:
        raise FileError("this is not a path; type it again")
    try:
        words = shlex.split(path) if path[:1] in "'\"" else [path]
        file = paths.expanded(words[0] if len(words) == 1 else path)
        if file.parts[:1] and file.parts[0].startswith("~"):
            raise FileError(f"{shortened(path)} is not a path: there is no user {file.parts[0][1:]}")
        file = file.absolute()
    except FileNotFoundError as error:
        raise FileError("the folder lechat was started in no longer exists; give the full path of a file") from error
    except (RuntimeError, ValueError) as error:
        raise FileError(f"{shortened(path)} is not a path: {error}") from error
    if path.endswith("/") or os.path.isdir(file):  # noqa: PTH112  # False for a name that is too long, too
        raise FileError(f"{shortened(path)} is a folder; name a file in it, as in {path.rstrip('/')}/hello.py")
    return file


async def write(host: Host, file: Path, text: str, *, shown: bool = True) -> None:
    """Write the text; asks the user before it makes a folder or replaces a file. Raises `FileError`."""
    old = await asyncio.to_thread(_content, file)
    new = text.encode("utf-8", "replace")
    if old == new:
        host.say(f"{file} already has exactly this content")
        return
    question = f"Replace {file}?" if old is not None else _missing_folder(file.parent)
    if old is not None and shown:
        changes = difference(old, text, file.name)
        lines = changes.split("\n")
        if len(lines) > MAX_ASKED_LINES:
            host.say(changes)
            lines[MAX_ASKED_LINES:] = [f"... and {len(lines) - MAX_ASKED_LINES} more lines, in the chat"]
        question = "\n".join((*lines, "", question))
    if question and not await host.confirm(question):
        host.say("nothing was written")
        return
    await asyncio.to_thread(_write, file, new)
    host.say(f"saved to {file} ({len(new):,} bytes)")


def _missing_folder(folder: Path) -> str:
    there = os.path.isdir(folder)  # noqa: PTH112  # False for a name that is too long, too
    return "" if there else f"There is no folder {folder}; create it?"


def _content(file: Path) -> bytes | None:
    """The current content of the file; None when there is none."""
    try:
        if file.exists() and not file.is_file():
            raise FileError(f"{file} is not a regular file; name another")
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(f"{shortened(str(file))} can't be read: {error.strerror}; name another file") from error


def _write(file: Path, content: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        writing.write(file, content)
    except OSError as error:
        reason = f"{shortened(str(file))} can't be written: {error.strerror}"
        raise FileError(f"{reason}; nothing was changed") from error


def difference(old: bytes, new: str, name: str) -> str:
    """The changes to the file as a unified diff, of which a long one is cut."""
    try:
        before = old.decode("utf-8")
    except UnicodeDecodeError:
        return f"{name} is not text: {len(old):,} bytes would be replaced"
    lines = list(difflib.unified_diff(before.splitlines(), new.splitlines(), name, f"{name}, new", lineterm="", n=2))
    return "\n".join(_shortened(lines)) or "only the line endings differ"


def _shortened(lines: Sequence[str]) -> Sequence[str]:
    if len(lines) <= MAX_DIFF_LINES:
        return lines
    return [*lines[:MAX_DIFF_LINES], f"... and {len(lines) - MAX_DIFF_LINES} more lines"]
