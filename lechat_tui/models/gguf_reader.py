"""Parses the header of a GGUF file and reads no more of the file than it needs.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import struct
from collections.abc import Callable
from math import prod

from lechat_tui.values import dataclass

Value = str | int | float | bool | tuple[int, ...] | None

ReadRange = Callable[[int, int], bytes]
"""Reads bytes of a file, given the start and the length; fewer at its end."""

_NUMBERS = {
    kind: struct.Struct(form)
    for kind, form in {
        0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"
    }.items()
}  # fmt: skip
_INTEGERS = (0, 1, 2, 3, 4, 5, 10, 11)
_STRING, _ARRAY = 8, 9
_U32, _U64 = _NUMBERS[4], _NUMBERS[10]

_FIRST_READ_BYTES, _MAX_READ_BYTES = 2**16, 2**23
"""Each read is three times as long as all before it, up to the maximum, so that a header takes few requests."""
_MAX_HEADER_BYTES = 64 * 2**20
"""The largest vocabularies take about 10 MB."""
_MAX_KEYS = 10_000
_MAX_STRINGS = 2 * 2**20
"""In one array; the largest vocabularies have about 260,000 tokens."""
_MAX_TENSORS = 100_000
_MAX_KEY_BYTES = 2**16 - 1
_MAX_STRING_BYTES = 2**20
"""Longer values are skipped; a chat template has about ten thousand bytes."""
_MAX_NUMBERS = 1024
"""Longer arrays of integers are skipped; those to keep have one number per layer."""
_VOCABULARY = "tokenizer."
_MAX_DIMENSIONS = 4
"""GGML_MAX_DIMS in ggml.h."""


class Unreadable(Exception):
    """A file that cannot be read; the text follows the file name in a sentence."""


@dataclass(frozen=True)
class Tensor:
    """One entry of the tensor list."""

    name: str
    shape: tuple[int, ...]
    kind: int
    """Its `ggml_type`."""
    offset: int
    """Bytes from the start of the tensor data."""

    @property
    def elements(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(frozen=True)
class Contents:
    """What a file contains before the tensor data."""

    metadata: dict[str, Value]
    """Every key. A short array of integers is a tuple; other arrays and very long strings are None."""
    lengths: dict[str, int]
    """The number of values in each array."""
    tensors: tuple[Tensor, ...]
    end: int
    """Bytes of the header."""


def contents(size: int, read: ReadRange) -> Contents:
    """Parse the header of a file of `size` bytes. Raises `Unreadable`, and what `read` raises."""
    return _Parser(_Start(size, read)).contents()


def first_keys(size: int, read: ReadRange) -> Contents:
    """As `contents`, but only the keys before the vocabulary, which is fast even for a thousand files."""
    return _Parser(_Start(size, read)).contents(before=_VOCABULARY)


class _Start:
    """The start of a file, read as far as it is needed."""

    def __init__(self, size: int, read: ReadRange) -> None:
        self.data = bytearray()
        self._size = size
        self._read = read

    def need(self, end: int) -> None:
        """Read the bytes up to `end`."""
        if end <= len(self.data):
            return
        if not self._size:
            raise Unreadable("is empty; download it again")
        if end > self._size:
            raise Unreadable("is incomplete or damaged; download it again")
        if end > _MAX_HEADER_BYTES:
            raise Unreadable("has a header that is too long for a model; it is damaged")
        while len(self.data) < end:
            wanted = max(end - len(self.data), min(max(3 * len(self.data), _FIRST_READ_BYTES), _MAX_READ_BYTES))
            got = self._read(len(self.data), min(wanted, self._size - len(self.data)))
            if not got:
                raise Unreadable("is incomplete; download it again")
            self.data += got


class _Parser:
    """Parses values one after the other."""

    def __init__(self, start: _Start) -> None:
        self._bytes = start
        self._data = start.data
        self._at = 0
        self._lengths: dict[str, int] = {}

    def contents(self, *, before: str = "") -> Contents:
        """The whole header, or the keys before the first one that begins with `before`."""
        self._magic()
        tensors, keys = self._integer(_U64), self._integer(_U64)
        if keys > _MAX_KEYS or tensors > _MAX_TENSORS:
            raise Unreadable(f"has a damaged header: {keys} keys and {tensors} tensors")
        metadata: dict[str, Value] = {}
        for _ in range(keys):
            key = self._string(_MAX_KEY_BYTES)
            if key in metadata:
                raise Unreadable(f"has a damaged header: the key {key[:64]!r} appears twice")
            if before and key.startswith(before):
                return Contents(metadata, self._lengths, (), self._at)
            metadata[key] = self._value(key)
        return Contents(metadata, self._lengths, tuple(self._tensor() for _ in range(tensors)), self._at)

    def _magic(self) -> None:
        self._bytes.need(4)
        if self._data[:4] != b"GGUF":
            raise Unreadable("is not a GGUF file")
        self._at = 4
        version = self._integer(_U32)
        if version not in (2, 3):  # also rejects the other byte order
            raise Unreadable(f"has GGUF version {version}, which llama.cpp cannot read; download a newer file")

    def _number(self, form: struct.Struct) -> int | float | bool:
        self._bytes.need(self._at + form.size)
        value: int | float | bool = form.unpack_from(self._data, self._at)[0]
        self._at += form.size
        return value

    def _integer(self, form: struct.Struct) -> int:
        return int(self._number(form))

    def _text(self) -> tuple[int, int]:
        """The start and end of a string."""
        size = self._integer(_U64)
        self._bytes.need(self._at + size)
        self._at += size
        return self._at - size, self._at

    def _string(self, longest: int) -> str:
        start, end = self._text()
        if end - start > longest:
            raise Unreadable("has a damaged header: a name is too long")
        return self._data[start:end].decode("utf-8", "replace")

    def _value(self, key: str) -> Value:
        kind = self._integer(_U32)
        if kind == _STRING:
            start, end = self._text()
            return self._data[start:end].decode("utf-8", "replace") if end - start <= _MAX_STRING_BYTES else None
        if kind == _ARRAY:
            return self._array(key)
        return self._number(self._form(kind))

    def _form(self, kind: int) -> struct.Struct:
        if kind not in _NUMBERS:  # llama.cpp has no nested arrays either (ggml/src/gguf.cpp)
            raise Unreadable(f"has a damaged header: a value of the unknown type {kind}")
        return _NUMBERS[kind]

    def _array(self, key: str) -> Value:
        kind, count = self._integer(_U32), self._integer(_U64)
        self._lengths[key] = count
        if kind == _STRING:
            self._skip_strings(count)
            return None
        form = self._form(kind)
        self._bytes.need(self._at + form.size * count)
        start, self._at = self._at, self._at + form.size * count
        if kind not in _INTEGERS or count > _MAX_NUMBERS:
            return None
        return tuple(form.unpack_from(self._data, at)[0] for at in range(start, self._at, form.size))

    def _skip_strings(self, count: int) -> None:
        if count > _MAX_STRINGS:
            raise Unreadable(f"has a damaged header: a list of {count} strings")
        data, at, size = self._data, self._at, _U64.unpack_from
        for _ in range(count):  # hundreds of thousands, so the loop is kept short
            if at + 8 > len(data):
                self._bytes.need(at + 8)
            at += 8 + size(data, at)[0]
        self._bytes.need(at)
        self._at = at

    def _tensor(self) -> Tensor:
        name = self._string(_MAX_KEY_BYTES)
        dimensions = self._integer(_U32)
        if dimensions > _MAX_DIMENSIONS:
            raise Unreadable(f"has a damaged header: a tensor of {dimensions} dimensions")
        shape = tuple(self._integer(_U64) for _ in range(dimensions))
        if prod(shape) >= 2**63:
            raise Unreadable("has a damaged header: a tensor is too large")
        return Tensor(name, shape, self._integer(_U32), self._integer(_U64))
