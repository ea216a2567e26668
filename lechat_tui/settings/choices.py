"""What was chosen in the program and holds the next time too: a theme, keys. Leaves `config.toml` to the person.

The last word counts, wherever it was said: a choice is kept with what `config.toml` said at that time, and holds until
`config.toml` says something else.
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
    """The choices of one person: `Choices(config_file, file)`, the second written by `keep` alone."""

    def __init__(self, config_file: Path, file: Path) -> None:
        self._config = config_file
        self._file = file

    def settings(self) -> Settings:
        """What `config.toml` says, with the choices laid over it. Raises `ConfigError`."""
        written = config.load(self._config)
        chosen = written
        for name, choice in self._read().items():
            if _holds(choice, written, name):
                chosen = _laid(chosen, name, choice["value"])
        return chosen

    def keep(self, name: str, value: object) -> None:
        """Let a setting have this value from now on, the next time too; None leaves it to `config.toml` again.

        Raises `ConfigError` when it cannot be kept.
        """
        kept = self._read()
        kept.pop(name, None)
        if value is not None:
            kept[name] = {"value": value, "instead_of": getattr(config.load(self._config), name)}
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            writing.write(self._file, msgspec.json.format(msgspec.json.encode(kept)) + b"\n", mode=0o600)
        except OSError as error:
            raise ConfigError(
                f"this holds until you leave; {self._file} cannot be written: {error.strerror}"
            ) from error

    def _read(self) -> dict[str, Any]:
        """What was kept; nothing when it is gone or cannot be read, since it can be chosen again."""
        try:
            kept = msgspec.json.decode(self._file.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return kept if isinstance(kept, dict) else {}


def _holds(choice: object, written: Settings, name: str) -> bool:
    return (
        isinstance(choice, dict)
        and choice.keys() == {"value", "instead_of"}
        and hasattr(written, name)
        and choice["instead_of"] == getattr(written, name)
    )


def _laid(settings: Settings, name: str, value: object) -> Settings:
    """The settings with the choice; without it when it is none any more."""
    try:
        return build(Settings, {**asdict(settings), name: value})
    except TableError:
        return settings
