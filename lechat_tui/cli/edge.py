"""The edge of the program: whatever goes wrong inside leaves as one line on stderr and an exit code."""

import sys
from collections.abc import Callable
from typing import NoReturn

from lechat_tui.errors import LechatError

FAILED, USAGE, OVERFLOW, INTERRUPTED = 1, 2, 3, 130


def leave(run: Callable[[], object]) -> NoReturn:
    """Run this and end the process with the code it gives, or that of what went wrong."""
    try:
        code = run()
    except KeyboardInterrupt:
        code = complain("interrupted; what was said is kept", INTERRUPTED)
    except LechatError as error:
        code = complain(str(error), _exit_code(error))
    except Exception as error:  # noqa: BLE001  # the edge of the program, which logs it
        code = complain(told(error), FAILED)
    sys.exit(code if isinstance(code, int) else 0)


def told(error: Exception) -> str:
    """A sentence for the person on what should not have happened; the trace is in the log then."""
    import logging

    _open_log()
    logging.error("the program failed", exc_info=error)
    return f"something went wrong that should not: {error!r}; lechat paths shows where the log is"


def complain(sentence: str, code: int) -> int:
    """Say this on stderr; the code as it was given."""
    from lechat_tui.plaintext import safe

    print(f"lechat: {safe(' '.join(sentence.split()))}", file=sys.stderr)
    return code


def _exit_code(error: LechatError) -> int:
    from lechat_tui.cli.piped import NoPrompt
    from lechat_tui.engine.base import ContextOverflow
    from lechat_tui.settings.config import ConfigError

    match error:
        case ContextOverflow():
            return OVERFLOW
        case NoPrompt() | ConfigError():
            return USAGE
        case _:
            return FAILED


def _open_log() -> None:
    import logging

    from lechat_tui import paths

    try:
        paths.logs().mkdir(parents=True, exist_ok=True)
        logging.basicConfig(filename=paths.logs() / "lechat.log", format="%(asctime)s %(message)s")
    except OSError:
        logging.disable()
