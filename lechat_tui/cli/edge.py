"""The edge of the program: every failure inside becomes one line on stderr and an exit code."""

import errno
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

from lechat_tui.cli import printing, streams
from lechat_tui.errors import LechatError

FAILED, USAGE, OVERFLOW, INTERRUPTED = 1, 2, 3, 130
"""Exit codes: an error, a wrong command line, an input larger than the context window, Ctrl+C."""


MAX_MESSAGE_CHARACTERS = 1000
"""Of a message; a few lines on a terminal."""

MAX_ERROR_CHARACTERS = 200
"""Of an unexpected exception, whose text may be as long as what caused it."""


LIMITS = {
    errno.EMFILE: "this shell's limit on open files is too low; ulimit -n 256 raises it",
    errno.ENFILE: "too many files are open on this machine; close some programs, then try again",
    errno.ENOMEM: "there is not enough memory; close some programs, or raise the limit of this shell (ulimit -v)",
}
"""What a machine or a shell can run short of, with what to do."""


class Interrupted(LechatError):
    """Ctrl+C while an answer arrives."""

    def __init__(self) -> None:
        super().__init__("interrupted; what arrived is kept")


class Failure(NamedTuple):
    """What the user and a script read of an exception."""

    message: str
    code: int


def leave(run: Callable[[], object]) -> NoReturn:
    """Run this and exit with the code it returns, or with that of the exception it raises.

    Output that cannot be written is an error, too, except into a pipe that nobody reads any more.
    """
    code: object = 0
    try:
        code = run()
        _flush()
    except KeyboardInterrupt:
        code = complain(failure(Interrupted()))
    except streams.NobodyReads:
        pass
    except LechatError as error:
        code = complain(failure(error))
    except Exception as error:  # noqa: BLE001  # the edge of the program, which logs it
        if _is_hang_up(error):
            sys.exit(128 + signal.SIGHUP)
        log(error)
        code = complain(failure(error))
    with suppress(OSError, LechatError):
        _flush()
    sys.exit(code if isinstance(code, int) else 0)


def _is_hang_up(error: Exception) -> bool:
    """Whether the terminal is gone, so that no message can be shown; the chat is saved."""
    if not isinstance(error, OSError) or error.errno != errno.EIO or error.filename is not None:
        return False
    return not any(stream and not stream.closed and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def _flush() -> None:
    if sys.stdout and not sys.stdout.closed:
        sys.stdout.flush()


def failure(error: Exception) -> Failure:
    """The sentence and the exit code for an exception."""
    match error:
        case LechatError():
            return Failure(str(error), _exit_code(error))
        case MemoryError():
            return Failure(LIMITS[errno.ENOMEM], FAILED)
        case OSError(errno=number) if number in LIMITS:
            return Failure(LIMITS[number], FAILED)
        case _:
            return Failure(_unexpected(error), FAILED)


@contextmanager
def answering(*, as_lines: bool) -> Iterator[None]:
    """Around a one-shot answer: Ctrl+C is an error like others, and with `as_lines` a failure is a line on stdout, too.

    The line is the last one, for scripts that read `stream-json`: `{"type": "error", "message": ..., "code": ...}`.
    """
    try:
        yield
    except KeyboardInterrupt:
        if as_lines:
            _print_line(failure(Interrupted()))
        raise Interrupted from None
    except Exception as error:
        if as_lines:
            _print_line(failure(error))
        raise


def _print_line(failed: Failure) -> None:
    import json

    line = {"type": "error", "message": _one_line(failed.message), "code": failed.code}
    with suppress(OSError, streams.Unwritten):
        printing.show(json.dumps(line), flush=True)


def report(error: Exception) -> str:
    """Log an unexpected exception with its traceback; the sentence for the user."""
    log(error)
    return _unexpected(error)


def log(error: Exception) -> None:
    """Write an exception with its traceback to `lechat.log`."""
    import logging

    open_log()
    logging.error("unexpected error", exc_info=error)


def open_log() -> None:
    """Send warnings and errors of this process to `lechat.log`; to nowhere when that file cannot be written."""
    import logging

    from lechat_tui import writing

    try:
        file = _log_file()
        writing.private_folder(file.parent)
        file.touch(mode=0o600)
        if not file.is_file():
            raise OSError(errno.EINVAL, "not a regular file")
        form = "%(asctime)s %(message)s"
        logging.basicConfig(filename=file, format=form, encoding="utf-8", errors="backslashreplace")
    except (OSError, LechatError):
        logging.disable()


def complain(failed: Failure) -> int:
    """Print the sentence on stderr; the exit code."""
    printing.say(f"lechat: {_one_line(failed.message)}")
    return failed.code


def _one_line(message: str) -> str:
    """The message in one line; the middle of a very long one, which repeats what was typed, is left out."""
    line = " ".join(message.split())
    if len(line) <= MAX_MESSAGE_CHARACTERS:
        return line
    return f"{line[: MAX_MESSAGE_CHARACTERS // 2]} … {line[-MAX_MESSAGE_CHARACTERS // 4 :]}"


def _unexpected(error: Exception) -> str:
    described = repr(error)
    if len(described) > MAX_ERROR_CHARACTERS:
        described = described[: MAX_ERROR_CHARACTERS - 1] + "…"
    try:
        where = f"details are in {_log_file()}"
    except LechatError as no_home:
        where = str(no_home)
    return f"unexpected error: {described}; {where}"


def _log_file() -> Path:
    from lechat_tui import paths

    return paths.logs() / "lechat.log"


def _exit_code(error: LechatError) -> int:
    from lechat_tui.cli.inputs import NoPrompt
    from lechat_tui.engine.base import ContextOverflow
    from lechat_tui.settings.config import ConfigError

    match error:
        case ContextOverflow():
            return OVERFLOW
        case Interrupted():
            return INTERRUPTED
        case NoPrompt() | ConfigError():
            return USAGE
        case _:
            return FAILED
