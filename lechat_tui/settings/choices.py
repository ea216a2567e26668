"""Settings that were changed in the program and are saved, such as the theme and keys; `config.toml` is never written.

The latest change wins: a choice is saved with the value that `config.toml` had then, and holds until that changes.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from lechat_tui import writing
from lechat_tui.settings import config
from lechat_tui.settings.config import ConfigError, Settings
from lechat_tui.settings.tables import TableError, build


class Choices:
    """The saved choices. `config_file` is read, `file` is written by `keep`."""

    def __init__(self, config_file: Path, file: Path) -> None:
        self._config = config_file
        self._file = file

    def settings(self) -> Settings:
        """The settings of `config.toml`, overridden by the choices. Raises `ConfigError`."""
        written = config.load(self._config)
        chosen = written
        for name, choice in self._read().items():
            if _is_current(choice, written, name):
                chosen = _with(chosen, name, choice["value"])
        return chosen

    def keep(self, name: str, value: object) -> None:
        """Save a value for a setting; None removes it, so that `config.toml` decides again.

        Raises `ConfigError` when it can't be saved.
        """
        kept = self._read()
        kept.pop(name, None)
        if value is not None:
            kept[name] = {"value": value, "instead_of": getattr(config.load(self._config), name)}
        try:
            writing.private_folder(self._file.parent)
            writing.write(self._file, msgspec.json.format(msgspec.json.encode(kept)) + b"\n", mode=0o600)
        except OSError as error:
            raise ConfigError(
                f"this lasts only until you quit; {self._file} can't be written: {error.strerror}"
            ) from error

    def _read(self) -> dict[str, Any]:
        """The saved choices; none when the file is gone or unreadable, since they can be made again."""
        try:
            kept = msgspec.json.decode(writing.read(self._file))
        except (OSError, ValueError, RecursionError):
            return {}
        return kept if isinstance(kept, dict) else {}


def _is_current(choice: object, written: Settings, name: str) -> bool:
    return (
        isinstance(choice, dict)
        and choice.keys() == {"value", "instead_of"}
        and hasattr(written, name)
        and choice["instead_of"] == getattr(written, name)
    )


def _with(settings: Settings, name: str, value: object) -> Settings:
    """The settings with the choice, or without it when it is not valid any more."""
    try:
        return build(Settings, {**asdict(settings), name: value})
    except TableError:
        return settings
