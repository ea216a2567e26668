"""Files that a person brought in: registered where they lie, or copied into our own folder.

Each becomes a row in a catalog of our own, laid between the one that ships and the person's.
"""

import fcntl
import json
import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from lechat_tui import paths
from lechat_tui.models import names, scan
from lechat_tui.models.catalog import Model, ModelError, Weights
from lechat_tui.models.listing import listed

_SPARE = 10**9
"""Bytes that a copy leaves free on the disk."""
_PIECE = 2**23
_ROW = Model("", "", ())
_FILES = ("weights", "projector")
_CONTROL = re.compile("[\x00-\x1f\x7f]")


def registry() -> Path:
    """The file of the rows."""
    return paths.data() / "imported.toml"


def folder() -> Path:
    """Where copies lie."""
    return paths.data() / "models"


def ids() -> frozenset[str]:
    """The ids of the rows. Raises `ModelError` when the file cannot be read."""
    return frozenset(_rows())


def files_in(path: Path) -> list[Path]:
    """The models in a folder and below it, of a split one its first part; of a file, itself."""
    if not path.is_dir():
        return [path]
    files = scan.find_files((scan.ModelFolder(scan.FOLDER, path),))
    return [Path(weights.file) for weights in listed(Weights(str(file.path), file.size) for file in files).models]


def register(model: Model) -> None:
    """Keep a row for this model under its id. Raises `ModelError`."""
    with _rewriting() as rows:
        rows[model.id] = _table(model)


def unregister(id: str) -> None:
    """Take the row away, where there is one. Raises `ModelError`."""
    with _rewriting() as rows:
        rows.pop(id, None)


def copied(model: Model, report: Callable[[int, int], None]) -> Model:
    """The model with its files copied into our folder; `report` hears the bytes done, of all.

    Each file is there whole or not at all. Raises `ModelError` when the disk will not hold it.
    """
    target = folder() / re.sub(r"[^\w.-]+", "-", model.id)
    sources = [Path(file) for weights in _parts(model) for file in weights.files]
    total = sum(_size(source) for source in sources)
    _check_room(model, total)
    done = 0
    try:
        target.mkdir(parents=True, exist_ok=True)
        for source in sources:
            _copy(source, target / _plain(source.name), partial(_sum, report, total, done))
            done += _size(source)
    except OSError as error:
        raise ModelError(f"{model.id} could not be copied to {target}: {error.strerror or error}") from error
    projector = model.projector and _moved(model.projector, target)
    return replace(model, weights=_moved(model.weights, target), projector=projector)


def _sum(report: Callable[[int, int], None], total: int, before: int, now: int) -> None:
    report(before + now, total)


def _parts(model: Model) -> list[Weights]:
    return [model.weights, *([model.projector] if model.projector else [])]


def _moved(weights: Weights, target: Path) -> Weights:
    return replace(weights, file=str(target / _plain(Path(weights.file).name)))


def _plain(name: str) -> str:
    """A name for a copy; one that some file system or terminal would misread is written otherwise."""
    name = name if name.endswith(".gguf") else f"{name}.gguf"
    return name if names.safe_file(name) else re.sub(r"^[^\w]+|[^\w.-]+", "-", name).lstrip("-.")


def _check_room(model: Model, total: int) -> None:
    there = folder()
    while not there.exists():
        there = there.parent
    try:
        free = shutil.disk_usage(there).free
    except OSError:
        return
    if free < total + _SPARE:
        raise ModelError(
            f"{model.id} needs {total / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free where copies go ({folder()}); "
            "without --copy it is used where it is"
        )


def _copy(source: Path, target: Path, report: Callable[[int], None]) -> None:
    """Copy a file through another name, so that the right one always stands for all of it."""
    if target.exists() and target.stat().st_size == _size(source):
        return
    descriptor, growing = tempfile.mkstemp(dir=target.parent, prefix=".copying-")
    try:
        with os.fdopen(descriptor, "wb") as new, source.open("rb") as old:
            while piece := old.read(_PIECE):
                new.write(piece)
                report(new.tell())
            new.flush()
            os.fsync(new.fileno())
        Path(growing).replace(target)
    except BaseException:
        Path(growing).unlink(missing_ok=True)
        raise


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error


@contextmanager
def _rewriting() -> Iterator[dict[str, Any]]:
    """The rows, to be changed; written whole, one program at a time."""
    file = registry()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            rows = _rows()
            yield rows
            growing = file.with_suffix(f".{os.getpid()}")
            growing.write_text(_toml(rows), "utf-8")
            growing.replace(file)
    except UnicodeEncodeError as error:
        raise ModelError("a path that is not text in UTF-8 cannot be registered; rename the file") from error
    except OSError as error:
        raise ModelError(f"{file} cannot be written: {error.strerror or error}") from error


def _rows() -> dict[str, Any]:
    try:
        return tomllib.loads(registry().read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{registry()} cannot be read: {error}; remove it and import again") from error


def _table(model: Model) -> dict[str, Any]:
    """What a row must say: all that is not as it is anyway."""
    shown = {field.name for field in fields(Model) if getattr(model, field.name) != getattr(_ROW, field.name)}
    row = {key: value for key, value in asdict(model).items() if key in shown - {"id", "quants", "repo", "revision"}}
    files = {key: {name: value for name, value in row[key].items() if value} for key in _FILES if key in row}
    return row | files


def _toml(rows: dict[str, Any]) -> str:
    head = "# Models that lechat import has registered; lechat rm takes them out again.\n"
    tables = (
        f"\n[{_value(id)}]\n" + "".join(f"{key} = {_value(value)}\n" for key, value in row.items())
        for id, row in sorted(rows.items())
    )
    return head + "".join(tables)


def _value(value: Any) -> str:
    """A value as TOML writes it (https://toml.io/en/v1.0.0)."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            quoted = json.dumps(value, ensure_ascii=False)
            return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)
        case dict():
            pairs = (f"{key} = {_value(inner)}" for key, inner in value.items() if inner is not None)
            return f"{{ {', '.join(pairs)} }}"
        case _:
            return f"[{', '.join(_value(inner) for inner in value)}]"


def named(model: Model, id: str) -> Model:
    """The model under the id a person gave, or under its own. Raises `ModelError` for one that could not be typed."""
    if not id:
        return model
    if names.parse(id) != names.Id(id):
        raise ModelError(f"{id} cannot be an id; letters, digits, dots and dashes can")
    return replace(model, id=id)
