"""The terminal driver: reads the keyboard with our own tokenizer in place of Textual's parser.

Textual's parser ends a paste at an ESC inside it, types the replies of terminals to other programs' queries, and raises
on a byte that is not UTF-8 and on a key report with sub-fields. This driver blocks until a byte arrives, so an idle
program never wakes up.
"""

import os
import re
import selectors
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from textual import constants, events, messages
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from lechat_tui.terminal import EXPLICIT_BIDI, IMPLICIT_BIDI
from lechat_tui.terminal_input import Alt, Escape, Invalid, Paste, Sequence, Text, Token, Tokenizer
from lechat_tui.ui.textual_private import SequenceReader, is_exiting

if TYPE_CHECKING:
    pass

READ_BYTES = 65536
MAX_CELLS = 65535
"""No terminal is larger, in cells or pixels."""

_FOCUS_IN, _FOCUS_OUT = "\x1b[I", "\x1b[O"
_MOUSE = re.compile(r"\x1b\[<\d{1,5};-?\d{1,6};-?\d{1,6}[Mm]")
_MODE_REPORT = re.compile(r"\x1b\[\?(\d{1,5});(\d)\$y")
_RESIZE = re.compile(r"\x1b\[48;(\d{1,6})[\d:]*;(\d{1,6})[\d:]*;(\d{1,6})[\d:]*;(\d{1,6})[\d:]*t")
_KEY = re.compile(r"\x1b\[([\d:]*)(?:;([\d:]*))?(?:;([\d:]*))?([u~ABCDEFHPQS])")
"""Code, modifiers, text, each with sub-fields: https://sw.kovidgoyal.net/kitty/keyboard-protocol/."""
_RELEASE = "3"


class InvalidInput(Message):
    """The terminal sent bytes that are not UTF-8."""


class TerminalInput:
    """Turns bytes from a terminal into Textual's messages. Never raises, whatever it is fed."""

    def __init__(self) -> None:
        self._tokenizer = Tokenizer()
        self._reader = SequenceReader()

    @property
    def wait(self) -> float | None:
        """Seconds to wait for more bytes before `expire`; None to wait for ever."""
        return self._tokenizer.wait

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete."""
        return self._messages(self._tokenizer.feed(data))

    def expire(self) -> list[Message]:
        """The messages of what has arrived, now that nothing follows."""
        return self._messages(self._tokenizer.expire())

    def _messages(self, tokens: Iterable[Token]) -> list[Message]:
        return [message for token in tokens for message in self._of(token)]

    def _of(self, token: Token) -> Iterator[Message]:
        match token:
            case Text(text):
                for character in text:
                    yield from self._reader.keys(character)
            case Escape():
                yield events.Key("escape", "\x1b")
            case Alt(text):
                yield from self._with_alt(text)
            case Paste(text):
                yield events.Paste(text.replace("\x00", ""))
            case Invalid():
                yield InvalidInput()
            case Sequence(text):
                yield from self._of_sequence(text)

    def _of_sequence(self, text: str) -> Iterator[Message]:
        """A key, a mouse report, a reply to a query of Textual's; any other reply is for somebody else."""
        if text == _FOCUS_IN:
            yield events.AppFocus()
        elif text == _FOCUS_OUT:
            yield events.AppBlur()
        elif self._reader.is_key(text):
            yield from self._reader.keys(text)
        elif match := _KEY.fullmatch(text):
            if key := _canonical(*match.groups(default="")):
                yield from self._reader.keys(key)
        elif _MOUSE.fullmatch(text):
            if mouse := self._reader.mouse(text):
                yield mouse
        elif match := _MODE_REPORT.fullmatch(text):
            yield from _mode(match[1], int(match[2]))
        elif match := _RESIZE.fullmatch(text):
            height, width, pixel_height, pixel_width = map(int, match.groups())
            if 0 < width <= MAX_CELLS and 0 < height <= MAX_CELLS:
                yield self._reader.resize(width, height, pixel_width, pixel_height)

    def _with_alt(self, character: str) -> Iterator[Message]:
        """A key with Alt, which types nothing."""
        if self._reader.is_key(sequence := f"\x1b{character}"):
            yield from self._reader.keys(sequence)
        elif not character.isprintable():
            yield from self._reader.keys(character)
        else:
            for key in self._reader.keys(character, alt=True):
                yield events.Key(key.key if key.key.startswith("alt+") else f"alt+{key.key}", None)


def _canonical(codes: str, modifiers: str, text: str, final: str) -> str:
    """A key report without sub-fields, as Textual reads it; empty for the release of a key and for nonsense.

    Of the codes the first is the key (the others are what it is on other layouts), of the modifiers the second is the
    event, and the text has all characters the key typed.
    """
    modifier, _, event = modifiers.partition(":")
    if event == _RELEASE:
        return ""
    code = codes.partition(":")[0] or "1"
    points = text.split(":") if text else []
    if not all(map(_is_character, (code, *points))) or len(modifier) > 3:
        return ""
    return f"\x1b[{code};{modifier or 1};{':'.join(points)}{final}" if points else f"\x1b[{code};{modifier or 1}{final}"


def _is_character(number: str) -> bool:
    """Whether it is the number of a Unicode character."""
    if not number.isdecimal() or len(number) > 7:
        return False
    return 0 < int(number) < 0xD800 or 0xDFFF < int(number) <= 0x10FFFF


def _mode(mode: str, setting: int) -> Iterator[Message]:
    if mode == "2026" and setting:
        yield messages.TerminalSupportsSynchronizedOutput()
    elif mode == "2048" and constants.SMOOTH_SCROLL and SequenceReader.reports_sizes:
        yield messages.InBandWindowResize.from_setting_parameter(setting)


class TerminalDriver(LinuxDriver):
    """Textual's driver for terminals of POSIX, with another way to read them."""

    _stop: tuple[int, int] | None = None
    """A pipe that wakes the input thread up when it has to end; there is one while the thread runs."""
    cooked = 0
    """How many of the first bytes were typed before the program started, when Enter was a line feed."""

    def start_application_mode(self) -> None:
        """Take the terminal, at the start and after another program had it; an input thread may be running."""
        if self._stop:
            self.disable_input()
        self._stop = os.pipe()
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def _sigcont_application(self, *_: object) -> None:
        """Take the terminal again after a SIGCONT, once the event loop has time.

        The signal interrupts the main thread anywhere, even where it stops the input thread: one comes with the SIGHUP
        of a closed window. An input thread that was started then would never end, and nor would the program.
        """
        if self._auto_restart:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._continue)

    def _continue(self) -> None:
        if not is_exiting(self._app):
            self.resume_application_mode()

    def disable_input(self) -> None:
        """Stop reading; the input thread has ended when this returns."""
        if self._stop:
            os.write(self._stop[1], b"\0")
        super().disable_input()
        if self._stop:
            for number in self._stop:
                os.close(number)
            self._stop = None

    def run_input_thread(self) -> None:
        """Read keys until `disable_input`."""
        assert self._stop
        source, stop = TerminalInput(), self._stop[0]
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            selector.register(stop, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(source.wait)}
                if stop in ready:
                    return
                if self.fileno in ready:
                    try:
                        data = os.read(self.fileno, READ_BYTES)
                    except OSError:
                        data = b""
                    if not data:  # the terminal is gone
                        os.kill(os.getpid(), signal.SIGHUP)
                        return
                    found = source.feed(self._with_enter(data))
                else:
                    found = source.expire()
                for message in found:
                    self.process_message(message)

    def _with_enter(self, data: bytes) -> bytes:
        early, self.cooked = data[: self.cooked], max(self.cooked - len(data), 0)
        return early.replace(b"\n", b"\r") + data[len(early) :]


class OrderingDriver(TerminalDriver):
    """The driver of an app that writes text from right to left in the order of the cells."""

    def start_application_mode(self) -> None:
        """Take the terminal, and ask it not to reorder text."""
        super().start_application_mode()
        if self._writer_thread:
            self.write(EXPLICIT_BIDI)

    def stop_application_mode(self) -> None:
        """Let the terminal reorder text again, and give it back."""
        if self._writer_thread:
            self.write(IMPLICIT_BIDI)
        super().stop_application_mode()
