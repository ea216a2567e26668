"""Catalogs that lechat writes itself: one row for each model that the user has added."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from lechat_tui import writing
from lechat_tui.models.catalog import Model, ModelError
from lechat_tui.settings import tables
from lechat_tui.settings.tables import TableError
from lechat_tui.values import dataclass

_DEFAULTS = Model("", "", ())
_NOT_STORED = frozenset({"id", "quants", "repo", "revision"})


@dataclass(frozen=True)
class Registry:
    """A file of rows."""

    file: Path
    head: str
    """The comment at its beginning."""
    remedy: str
    """What to do when it is damaged, as the rest of a sentence."""

    def rows(self) -> dict[str, Any]:
        """The rows by id; none if there is no file. Raises `ModelError`."""
        try:
            return tables.read(self.file)
        except TableError as error:
            raise ModelError(f"{self.file} {error}; {self.remedy}") from error

    @contextmanager
    def rewriting(self) -> Iterator[dict[str, Any]]:
        """The rows, to be changed in place; they are written when the block ends, while no other process can.

        Raises `ModelError`.
        """
        import tomli_w

        try:
            writing.private_folder(self.file.parent)
            with self.file.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                rows = self.rows()
                yield rows
                writing.write(self.file, self.head + tomli_w.dumps(dict(sorted(rows.items()))))
        except UnicodeEncodeError as error:
            raise ModelError("the file's path is not valid UTF-8; rename the file, then try again") from error
        except OSError as error:
            raise ModelError(f"{self.file} cannot be written: {error.strerror or error}") from error


def table(model: Model) -> dict[str, Any]:
    """The row of a model: only the values that differ from the defaults."""
    names = (field.name for field in fields(Model) if field.name not in _NOT_STORED)
    changed = {name for name in names if getattr(model, name) != getattr(_DEFAULTS, name)}
    row = {key: value for key, value in asdict(model).items() if key in changed}
    files = {key: {k: v for k, v in row[key].items() if v} for key in ("weights", "projector") if key in row}
    return row | files
