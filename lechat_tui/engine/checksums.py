"""Which model files have been verified. A file is read once for it, and again only if its size or time has changed.

The record is a cache file: if it cannot be read or written, files are verified again.
"""

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from lechat_tui import writing
from lechat_tui.engine.base import EngineError, Unverified, Verification

_BLOCK_BYTES = 2**22
_MAX_ENTRIES = 4000

_Entry = tuple[int, int, str]
"""Size in bytes, modification time in nanoseconds, checksum."""


def unverified(files: Iterable[Unverified], record: Path) -> tuple[Unverified, ...]:
    """The files that the record does not list as they are now."""
    known = _read(record)
    return tuple(file for file in files if known.get(str(file.path.resolve())) != _entry(file))


def verify(name: str, files: Iterable[Unverified], report: Callable[[float], None]) -> None:
    """Compare files with their checksums. `report` gets the fraction that is done.

    Raises `EngineError` for a file with another content. `name` is the model's.
    """
    todo = [file for file in files if file.sha256]
    total, done = sum(_size(file.path) for file in todo), 0
    for file in todo:
        digest, block = hashlib.sha256(), memoryview(bytearray(_BLOCK_BYTES))
        try:
            with file.path.open("rb", buffering=0) as source:
                while read := source.readinto(block):
                    digest.update(block[:read])
                    done += read
                    report(min(1.0, done / max(total, 1)))
        except OSError as error:
            raise EngineError(f"{file.path} cannot be read: {error.strerror or error}") from error
        if digest.hexdigest() != file.sha256:
            raise EngineError(
                f"{file.path.name} is damaged: its checksum is wrong; lechat rm {name} deletes it, lechat pull {name} "
                "downloads it again"
            )


def remember(files: Iterable[Unverified], record: Path) -> None:
    """Record that these files are verified as they are now; errors are ignored."""
    with suppress(OSError, ValueError):
        known = _read(record)
        for file in files:
            if entry := _entry(file):
                known.pop(key := str(file.path.resolve()), None)
                known[key] = entry
        writing.private_folder(record.parent)
        writing.write(record, msgspec.json.encode(dict(list(known.items())[-_MAX_ENTRIES:])), mode=0o600, sync=False)


def complete(model: str, verification: Verification, report: Callable[[float], None]) -> None:
    """Verify the files that have a checksum, and record them. Raises `EngineError`."""
    files = [file for file in verification.files if file.sha256]
    verify(model, files, report)
    remember(files, verification.record)


def _read(record: Path) -> dict[str, _Entry]:
    try:
        return msgspec.json.decode(writing.read(record), type=dict[str, _Entry])
    except (OSError, ValueError, RecursionError):
        return {}


def _entry(file: Unverified) -> _Entry | None:
    with suppress(OSError):
        status = file.path.stat()
        return status.st_size, status.st_mtime_ns, file.sha256
    return None


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
