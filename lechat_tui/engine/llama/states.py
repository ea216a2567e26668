"""What the KV cache held of other chats, set aside: in memory for this run, in files beyond it. Knows no prompt.

A file is a line of JSON (`Header`), a line with the SHA-256 of that line, and the bytes of llama.cpp's own state. It
can be made again from the chat, so whatever is wrong with one is answered by removing it.
"""

import hashlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path

import msgspec

from lechat_tui.engine.llama.cache import Cache, Slot, common
from lechat_tui.machine import hardware
from lechat_tui.machine.hardware import Memory

VERSION = 1
"""Of the files; another one is not read."""

LEAST = 64
"""Slots that must be at stake before anything is set aside or put back."""

WORTH = 256
"""Slots a chat must have before it is written to disk: fewer are read again as quickly."""

PAYS = 16
"""Putting a state back copies all of it: it must bring at least one slot in so many."""

SHARE = 16
"""What is set aside may take up to one such part of the machine's memory."""

BLOCK = 4_000_000
"""Bytes read or written between two looks at whether somebody waits."""

SPARE = 1_000_000_000
"""Bytes that a write leaves free on the disk."""

ABANDONED = 600.0
"""Seconds after which an unfinished file has lost its writer."""

LONGEST_HEADER = 100_000_000
"""Bytes; a longer first line is no header."""

Waited = Callable[[], bool]
"""Says whether somebody waits, so that a long read or write had better be given up."""


def nobody() -> bool:
    """Nobody waits."""
    return False


@dataclass(frozen=True)
class Header:
    """What a file says of itself."""

    version: int
    key: str
    """Of the model and its context: see `Llama.key`."""
    slots: tuple[Slot, ...]
    size: int
    """Bytes of the state that follows."""
    sha256: str
    """Of these bytes."""


class Disk:
    """The files of one model, one a chat, in a folder of their own among those of other models.

    A disk that is full or cannot be written keeps nothing, and says so in the log only.
    """

    def __init__(self, folder: Path, key: str, limit: int) -> None:
        """`limit` is how many bytes the files of all models may take; 0 keeps none."""
        self._all = folder
        self._folder = folder / key
        self._key = key
        self._limit = limit
        self._known: dict[Path, tuple[int, int, tuple[Slot, ...]]] = {}
        """What was read of the headers, with the size and time of the file it was read from."""
        self._trim(0)
        for _ in self.slots():  # read while the person waits for the model anyway
            pass

    def slots(self) -> Iterator[tuple[Path, tuple[Slot, ...]]]:
        """What the files hold; those that are no states are removed."""
        for path in self._folder.glob("*.kv"):
            with suppress(OSError):
                stat = path.stat()
                size, changed, slots = self._known.get(path, (0, 0, ()))
                if (size, changed) != (stat.st_size, stat.st_mtime_ns):
                    with path.open("rb") as file:
                        header = self._header(file)
                    if header is None:
                        self.remove(path)
                        continue
                    slots = header.slots
                    self._known[path] = (stat.st_size, stat.st_mtime_ns, slots)
                yield path, slots

    def path(self, chat: int) -> Path:
        """Where the state of a chat lies, if there is one."""
        return self._folder / f"{chat}.kv"

    def read(self, path: Path, waited: Waited) -> tuple[tuple[Slot, ...], bytearray] | None:
        """A state, proved whole; None when it is gone, when it is not whole and was removed, or somebody waits."""
        try:
            with path.open("rb") as file:
                header = self._header(file)
                if header:
                    data = bytearray(header.size)
                    sha256 = _fill(file, data, waited)
                    if sha256 is None:
                        return None
                    if sha256 == header.sha256:
                        os.utime(path)  # the least recently used goes first
                        return header.slots, data
        except FileNotFoundError:
            return None
        except (OSError, MemoryError) as error:
            logging.warning("the state %s cannot be read: %s", path.name, error)
            return None
        self.remove(path)
        return None

    def write(self, chat: int, slots: Sequence[Slot], data: bytearray, waited: Waited = nobody) -> bool:
        """Keep the state of a chat in place of its last one; False when it is not kept."""
        try:
            return self._write(self.path(chat), slots, data, waited)
        except OSError as error:
            logging.warning("the state of chat %d is not kept: %s", chat, error)
            return False

    def forget(self, chat: int) -> None:
        """Remove the file of a chat."""
        self._known.pop(self.path(chat), None)
        with suppress(OSError):
            self.path(chat).unlink()

    def remove(self, path: Path) -> None:
        """Remove a file that is not to be trusted."""
        logging.warning("%s is no state of this model, or not whole; it is removed", path.name)
        self._known.pop(path, None)
        with suppress(OSError):
            path.unlink()

    def _header(self, file: BufferedReader) -> Header | None:
        """The header, when it is one of this model's and the file as long as it says; the state comes next."""
        line, proof = file.readline(LONGEST_HEADER), file.readline(100)
        if hashlib.sha256(line).hexdigest().encode() != proof.strip():
            return None
        try:
            header = msgspec.json.decode(line, type=Header)
        except (msgspec.DecodeError, UnicodeError):
            return None
        fits = (header.version, header.key) == (VERSION, self._key) and header.slots
        long = os.fstat(file.fileno()).st_size == file.tell() + header.size
        return header if fits and long else None

    def _write(self, path: Path, slots: Sequence[Slot], data: bytearray, waited: Waited) -> bool:
        sha256 = hashlib.sha256()
        for block in _blocks(data):
            if waited():
                return False
            sha256.update(block)
        line = msgspec.json.encode(Header(VERSION, self._key, tuple(slots), len(data), sha256.hexdigest())) + b"\n"
        size = len(line) + 65 + len(data)
        if size > self._limit:
            return False
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if shutil.disk_usage(self._folder).free < size + SPARE:
            logging.warning("the state %s is not kept: the disk is nearly full", path.name)
            return False
        self._trim(size, besides=path)
        number, name = tempfile.mkstemp(dir=self._folder, prefix=f"{path.stem}-", suffix=".part")  # mode 0600
        try:
            with os.fdopen(number, "wb") as file:
                file.write(line + hashlib.sha256(line).hexdigest().encode() + b"\n")
                for block in _blocks(data):
                    if waited():
                        return False
                    file.write(block)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
        return True

    def _trim(self, wanted: int, *, besides: Path | None = None) -> None:
        """Make room for so many bytes: the least recently used goes first, whichever model it is of."""
        with suppress(OSError):
            for part in self._all.glob("*/*.part"):
                if part.stat().st_mtime < time.time() - ABANDONED:
                    part.unlink(missing_ok=True)
            files = [(file.stat(), file) for file in self._all.glob("*/*.kv") if file != besides]
            taken = sum(stat.st_size for stat, _ in files) + wanted
            for stat, file in sorted(files, key=lambda row: row[0].st_mtime_ns):
                if taken <= self._limit:
                    return
                taken -= stat.st_size
                file.unlink(missing_ok=True)


@dataclass
class Aside:
    """A state in memory."""

    chat: int | None
    key: str
    """Of the adapters that lay over the model."""
    slots: list[Slot]
    data: bytearray = field(repr=False)
    unwritten: bool
    """The file of its chat does not hold it, and should."""


class States:
    """The states a model can go back to, and whose the one in its KV cache is.

    `prepare` before each prompt; `rest` when nobody has asked for a while; `leave` at the end. A chat without a number
    is private: it is set aside in memory, and never written.
    """

    def __init__(
        self,
        cache: Cache,
        disk: Disk | None = None,
        *,
        room: int | None = None,
        memory: Callable[[], Memory] = hardware.memory,
    ) -> None:
        """`room` is how many bytes may be set aside in memory; `memory` reads the machine's."""
        self._cache = cache
        self._memory = memory
        self._key = ""
        """Of the adapters that lie over the model; empty for none."""
        self._disks = {self._key: disk}
        """Where the states go that were read with these adapters."""
        self._room = memory().share(SHARE) if room is None else room
        self._chat: int | None = None
        """Whose slots are held."""
        self._written: Sequence[Slot] = ()
        """What the file of this chat holds."""
        self._asides: list[Aside] = []
        """Least recently used first."""

    def turn(self, key: str, open: Callable[[], Disk | None]) -> None:
        """Other adapters lie over the model, by this key: of what was read without them nothing is used.

        It is set aside until they are the same again. `open` gives the disk for states that are read with them.
        """
        if len(self._cache.held) >= LEAST:
            self._set_aside(leaves=True)
        self._cache.clear()
        self._chat, self._written = None, ()
        self._key = key
        if key not in self._disks:
            self._disks[key] = open()

    @property
    def _disk(self) -> Disk | None:
        return self._disks[self._key]

    def prepare(self, wanted: Sequence[Slot], chat: int | None, waited: Waited = nobody) -> int:
        """Hold as much of the wanted slots as is known, and nothing else; returns how many they are."""
        held = self._cache.held
        shared = common(held, wanted)
        asides = [aside for aside in self._asides if aside.key == self._key]
        aside = max(asides, key=lambda aside: common(aside.slots, wanted), default=None)
        best = common(aside.slots, wanted) if aside else 0
        file, found = self._best_file(wanted)
        from_file = found if file and _pays(found, max(best, shared), file[1]) else 0
        from_aside = best if aside and not from_file and _pays(best, shared, aside.slots) else 0
        if len(held) - (0 if from_file or from_aside else shared) >= LEAST:
            self._set_aside(leaves=self._chat != chat)
        if chat != self._chat:
            self._chat, self._written = chat, self._on_disk(chat)
            for mine in asides:
                mine.unwritten = mine.unwritten and mine.chat != chat  # the file will hold what it becomes now
        if file and from_file:
            self._put_back_file(file[0], waited)
        elif aside and from_aside:
            self._put_back(aside)
        return self._cache.keep_common(wanted)

    def known(self) -> Iterator[Sequence[Slot]]:
        """The slots of everything that can be gone on from: what is held, what is set aside, what files hold."""
        yield self._cache.held
        yield from (aside.slots for aside in self._asides)
        yield from (slots for _, slots in (self._disk.slots() if self._disk else ()))

    def rest(self, waited: Waited) -> None:
        """Write what the files do not hold yet, while nobody waits. A chat that grew by little waits for more."""
        if not self._write_asides(waited):
            return
        grown = len(self._cache.held) - _begins(self._cache.held, self._written)
        if grown * 4 >= len(self._cache.held):
            self._write_held(waited)

    def leave(self) -> None:
        """Write all that the files do not hold yet: this is the end."""
        self._write_asides(nobody)
        self._write_held(nobody)

    def forget(self, chat: int) -> None:
        """The chat is deleted: keep nothing of it."""
        self._asides = [aside for aside in self._asides if aside.chat != chat]
        for disk in filter(None, self._disks.values()):
            disk.forget(chat)
        if self._chat == chat:
            self._cache.clear()
            self._chat, self._written = None, ()

    def _best_file(self, wanted: Sequence[Slot]) -> tuple[tuple[Path, tuple[Slot, ...]] | None, int]:
        """The file that holds the most of the wanted slots, and how many these are."""
        files = list(self._disk.slots()) if self._disk else []
        file = max(files, key=lambda file: common(file[1], wanted), default=None)
        return file, common(file[1], wanted) if file else 0

    def _on_disk(self, chat: int | None) -> Sequence[Slot]:
        if chat is None or self._disk is None:
            return ()
        path = self._disk.path(chat)
        return next((slots for file, slots in self._disk.slots() if file == path), ())

    def _set_aside(self, *, leaves: bool) -> None:
        """Copy what is held, unless a file holds it: one that no other branch of the chat takes, since it `leaves`."""
        held = list(self._cache.held)
        if leaves and _begins(held, self._written) == len(held):
            return
        size = self._cache.size
        if size > self._room or self._memory().is_short(size):
            return
        if data := self._cache.save():
            self._asides = [
                other
                for other in self._asides
                if other.key != self._key or _begins(other.slots, held) < len(other.slots)
            ]
            self._asides.append(Aside(self._chat, self._key, held, data, unwritten=leaves and self._worth_writing()))
        while sum(len(aside.data) for aside in self._asides) > self._room:
            del self._asides[0]

    def _put_back(self, aside: Aside) -> None:
        self._asides.remove(aside)
        if self._cache.restore(aside.slots, aside.data):
            self._asides.append(aside)

    def _put_back_file(self, path: Path, waited: Waited) -> None:
        assert self._disk
        state = self._disk.read(path, waited)
        if state and not self._cache.restore(*state):
            self._disk.remove(path)

    def _worth_writing(self) -> bool:
        """Whether a file should hold what is held, and does not."""
        held = self._cache.held
        return bool(
            self._disk and self._chat is not None and len(held) >= WORTH and _begins(held, self._written) < len(held)
        )

    def _write_asides(self, waited: Waited) -> bool:
        """Write what was set aside; False when somebody waits."""
        for aside in self._asides:
            if waited():
                return False
            disk = self._disks[aside.key]
            if aside.unwritten and disk and aside.chat is not None:
                kept = disk.write(aside.chat, aside.slots, aside.data, waited)
                aside.unwritten = not kept and waited()  # a disk that did not take it is not asked again
        return True

    def _write_held(self, waited: Waited) -> None:
        if self._disk is None or self._chat is None or not self._worth_writing() or waited():
            return
        data = self._cache.save()
        held = tuple(self._cache.held)
        if data and self._disk.write(self._chat, held, data, waited):
            self._written = held


def _begins(slots: Sequence[Slot], other: Sequence[Slot]) -> int:
    """How many of the slots `other` begins with too; all of them, or what comes before the first that differs."""
    return next(
        (at for at, (a, b) in enumerate(zip(slots, other, strict=False)) if a != b), min(len(slots), len(other))
    )


def _pays(gain: int, have: int, slots: Sequence[Slot]) -> bool:
    """Whether holding `gain` of the wanted slots in place of `have` is worth copying a state of so many."""
    return gain - have >= max(LEAST, len(slots) // PAYS)


def _blocks(data: bytearray) -> Iterator[memoryview]:
    view = memoryview(data)
    return (view[start : start + BLOCK] for start in range(0, len(view), BLOCK))


def _fill(file: BufferedReader, data: bytearray, waited: Waited) -> str | None:
    """Read until the buffer is full; returns the SHA-256 of what was read, or None when somebody waits."""
    sha256 = hashlib.sha256()
    for block in _blocks(data):
        if waited():
            return None
        sha256.update(block[: file.readinto(block)])
    return sha256.hexdigest()
