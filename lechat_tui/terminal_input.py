"""Splits the bytes a terminal sends into text, keys, control sequences and pastes.

Follows ECMA-48 and the parser at https://vt100.net/emu/dec_ansi_parser, with what terminals of today add: bracketed
paste, X10 mouse reports, the function keys of the Linux console and of rxvt. What is malformed is dropped, never typed.
"""

import re
from typing import NamedTuple

ESCAPE_SECONDS = 0.05
"""A lone ESC followed by nothing for so long is the Esc key: most of the time that a stop takes."""

SEQUENCE_SECONDS = 1.0
"""A sequence that began and does not continue for so long is dropped: a slow connection splits sequences."""

STRING_SECONDS = 0.5
"""The same for a string whose end is missing: until then, what is typed is taken for a part of it."""

PASTE_SECONDS = 2.0
"""A paste whose end is missing is handed on after so long."""

MAX_SEQUENCE_BYTES = 256

_CSI = re.compile(rb"\x1b\[(?:\[[A-E]|[0-9]{1,2}\$|[0-?]*[ -/]*[@-Z\\-~])")
_CSI_BEGUN = re.compile(rb"\x1b\[(?:\[|[0-?]*[ -/]*)")
_SS3 = re.compile(rb"\x1bO[0-9;]*[!-/<-~ ]")
_SS3_BEGUN = re.compile(rb"\x1bO[0-9;]*")
_STRING_END = re.compile(rb"\x07|\x1b\\|[\x00-\x06\x08\x0a-\x1f]")
_SOME_STRING = b"\x1b]0;"
_PASTE_START = b"\x1b[200~"
_PASTE_END = b"\x1b[201~"
_X10_MOUSE = b"\x1b[M"
_X10_MOUSE_BYTES = 6
_C1 = {0x8F: b"O", 0x90: b"P", 0x98: b"X", 0x9B: b"[", 0x9D: b"]", 0x9E: b"^", 0x9F: b"_"}
"""Single bytes for ESC and a letter that begins something longer; none can begin a character in UTF-8."""


class Text(NamedTuple):
    """Characters as they were typed, control characters included."""

    text: str


class Escape(NamedTuple):
    """The Esc key."""


class Alt(NamedTuple):
    """One character with Alt held."""

    text: str


class Sequence(NamedTuple):
    """A complete CSI or SS3 sequence, beginning with ESC: a key, a mouse report, a reply of the terminal."""

    text: str


class Paste(NamedTuple):
    """Pasted text, every byte of it; bytes that are not UTF-8 are U+FFFD."""

    text: str


class Invalid(NamedTuple):
    """Bytes outside a paste that are not UTF-8; they stand for no key."""

    data: bytes


Token = Text | Escape | Alt | Sequence | Paste | Invalid


class Tokenizer:
    """Give it bytes as they arrive with `feed`; call `expire` when nothing has arrived for `wait` seconds."""

    def __init__(self) -> None:
        self._pending = b""
        """Begun and not complete."""
        self._paste: list[bytes] | None = None
        """What was pasted so far; None outside a paste."""
        self._stale = False
        """The paste was handed on before its end came."""
        self._string = False
        """Inside an OSC, DCS or APC string, which is dropped up to its end."""
        self._late = b""
        """What `expire` has just given up waiting for: if the rest comes now, nobody typed it."""
        self._tokens: list[Token] = []

    @property
    def wait(self) -> float | None:
        """Seconds to wait for more bytes before `expire`; None to wait for ever."""
        if self._paste is not None:
            return PASTE_SECONDS if self._paste or self._pending else None
        if self._string:
            return STRING_SECONDS
        if self._pending:
            return ESCAPE_SECONDS if self._pending == b"\x1b" or self._is_alt else SEQUENCE_SECONDS
        return SEQUENCE_SECONDS if self._late else None

    @property
    def _is_alt(self) -> bool:
        """Whether what is pending may be Alt and a key. `ESC [` and `ESC O` are much more often the start of a key."""
        return len(self._pending) == 2 and self._pending[:1] == b"\x1b" and self._pending[1:] in b"]P_^X"

    def feed(self, data: bytes) -> list[Token]:
        """The tokens that these bytes complete, in order."""
        if self._late:
            data = self._rejoined(data)
        if self._stale and data in (b"\x03", b"\x1b"):  # a key pressed by itself leaves a paste that lost its end
            self._paste, self._stale, self._pending = None, False, b""
        data = self._pending + data
        self._pending = b""
        while data:
            if self._paste is not None:
                data = self._read_paste(data)
            elif self._string:
                data = self._skip_string(data)
            elif data[0] == 0x1B:
                data = self._read_escape(data)
            else:
                data = self._read_text(data)
            if self._pending:
                break
        tokens, self._tokens = self._tokens, []
        return tokens

    def expire(self) -> list[Token]:
        """The tokens that what has arrived stands for, now that nothing follows."""
        pending, self._pending = self._pending, b""
        self._late = b""
        if self._paste is not None:
            self._paste.append(pending)
            self._stale = True
            return self._pasted()
        if self._string:
            self._string = False
            self._late = _SOME_STRING + pending
            return []
        if pending == b"\x1b":
            self._late = pending
            return [Escape()]
        if len(pending) == 2 and pending[:1] == b"\x1b":
            self._late = pending
            return [Alt(pending[1:].decode("ascii", "replace"))]
        if pending and pending[0] >= 0x80:
            return [Invalid(pending)]
        self._late = pending
        return []

    def _rejoined(self, data: bytes) -> bytes:
        """The bytes with what they continue, if they do: a terminal on a slow connection sends `ESC` and `[A` apart.

        Nobody types `[A` within one read; the key that was reported too early cannot be taken back.
        """
        whole = self._late + data
        alone, self._late = len(self._late) < 3 and len(data) == 1, b""
        if alone:
            return data
        complete = _CSI.match(whole) or _SS3.match(whole)
        end = _STRING_END.search(whole, 2) if len(whole) > 2 and _opens_string(whole) else None
        string = end and end[0] in (b"\x07", b"\x1b\\")
        return whole if (complete or string) and len(whole) > 2 else data

    def _read_paste(self, data: bytes) -> bytes:
        assert self._paste is not None
        end = data.find(_PASTE_END)
        if end < 0:
            kept = next((n for n in range(len(_PASTE_END) - 1, 0, -1) if data.endswith(_PASTE_END[:n])), 0)
            self._paste.append(data[: len(data) - kept])
            self._pending = data[len(data) - kept :]
            return b""
        self._paste.append(data[:end])
        self._tokens += self._pasted()
        self._paste, self._stale = None, False
        return data[end + len(_PASTE_END) :]

    def _pasted(self) -> list[Token]:
        content = b"".join(self._paste or ())
        self._paste = []
        return [Paste(content.decode("utf-8", "replace"))] if content else []

    def _skip_string(self, data: bytes) -> bytes:
        end = _STRING_END.search(data)
        if end is None:
            if data.endswith(b"\x1b"):
                self._pending = b"\x1b"
            return b""
        if data[end.start()] == 0x1B and end.end() == len(data) and len(end[0]) == 1:  # perhaps the end, cut in two
            self._pending = b"\x1b"
            return b""
        self._string = False
        ends = end[0] in (b"\x07", b"\x1b\\", b"\x18", b"\x1a")
        return data[end.end() :] if ends else data[end.start() :]

    def _read_escape(self, data: bytes) -> bytes:
        """What begins with ESC; the rest is returned."""
        if len(data) == 1:
            self._pending = data
            return b""
        opener = data[1:2]
        if opener == b"[":
            return self._read_csi(data)
        if opener == b"O":
            return self._read_begun(data, _SS3, _SS3_BEGUN)
        if opener == b"\x1b":
            self._tokens.append(Escape())
            return data[1:]
        if opener in b"]P_^X":
            if len(data) == 2:
                self._pending = data
                return b""
            if _opens_string(data):
                self._string = True
                return data[2:]
        return self._read_alt(data)

    def _read_csi(self, data: bytes) -> bytes:
        if data.startswith(_X10_MOUSE):
            if len(data) < _X10_MOUSE_BYTES:
                self._pending = data
                return b""
            return data[_X10_MOUSE_BYTES:]
        if data.startswith(_PASTE_START):
            self._paste = []
            return data[len(_PASTE_START) :]
        return self._read_begun(data, _CSI, _CSI_BEGUN)

    def _read_begun(self, data: bytes, complete: re.Pattern[bytes], begun: re.Pattern[bytes]) -> bytes:
        """A sequence of this form; one that breaks off is dropped."""
        if match := complete.match(data):
            if len(match[0]) <= MAX_SEQUENCE_BYTES and match[0] != _PASTE_END:
                self._tokens.append(Sequence(match[0].decode("ascii")))
            return data[match.end() :]
        match = begun.match(data)
        assert match
        if match.end() < len(data):
            return data[match.end() :]
        self._pending = data if len(data) <= MAX_SEQUENCE_BYTES else data[:MAX_SEQUENCE_BYTES]
        return b""

    def _read_alt(self, data: bytes) -> bytes:
        character, size = _character(data[1:])
        if character:
            self._tokens.append(Alt(character))
        elif size == 0:
            self._pending = data
            return b""
        else:
            self._tokens += [Escape(), Invalid(data[1 : 1 + size])]
        return data[1 + size :]

    def _read_text(self, data: bytes) -> bytes:
        """Text up to the next ESC or byte that is not UTF-8."""
        end = data.find(b"\x1b")
        run = data if end < 0 else data[:end]
        try:
            self._tokens.append(Text(run.decode()))
            return data[len(run) :]
        except UnicodeDecodeError as error:
            if error.start:
                self._tokens.append(Text(run[: error.start].decode()))
                return data[error.start :]
        if end < 0 and _character(run)[1] == 0:
            self._pending = run
            return b""
        if opener := _C1.get(data[0]):
            return b"\x1b" + opener + data[1:]
        size = max(1, _character(run)[1])
        self._tokens.append(Invalid(data[:size]))
        return data[size:]


def _character(data: bytes) -> tuple[str, int]:
    """The first character and its size in bytes; an empty one with the size of what is invalid, or 0 if bytes lack."""
    for size in range(1, 5):
        try:
            return data[:size].decode(), size
        except UnicodeDecodeError as error:
            if error.reason != "unexpected end of data":
                return "", max(1, error.end)
            if len(data) <= size:
                return "", 0
    return "", 1


def _opens_string(data: bytes) -> bool:
    """Whether ESC and what follows it begin a string that terminals send: the reply to a query, not Alt and a key."""
    kind, first = data[1:2], data[2:3]
    if kind == b"]":
        return first.isdigit()
    if kind == b"P":
        return b" " <= first <= b"?"
    if kind == b"_":
        return first == b"G"
    return kind in (b"^", b"X") and b"\x1b\\" in data
