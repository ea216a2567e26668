"""The folders and files of the program. Creates nothing, and reads the environment at every call."""

import os
from pathlib import Path

import platformdirs

APP = "lechat"


def config() -> Path:
    """The folder of `config.toml`, the user's `models.toml` and `themes/`."""
    return _home("config") or platformdirs.user_config_path(APP)


def data() -> Path:
    """The folder of the history and its attachments."""
    return _home("data") or platformdirs.user_data_path(APP)


def cache() -> Path:
    """The folder of files that can be recreated."""
    return _home("cache") or platformdirs.user_cache_path(APP)


def logs() -> Path:
    """The folder of `lechat.log` and the logs of the engine."""
    return cache() / "logs"


def verified() -> Path:
    """The record of model files whose checksums were compared."""
    return cache() / "verified.json"


def hub_cache() -> Path:
    """The cache that all programs of the Hugging Face hub share (https://huggingface.co/docs/huggingface_hub/guides/manage-cache)."""
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home).expanduser() / "hub"


def bundled(name: str) -> Path:
    """A file or folder that ships with the program: in `data/` of the wheel, or at the top of a source tree."""
    inside = Path(__file__).parent / "data" / name
    return inside if inside.exists() else Path(__file__).parent.parent / name


def environment() -> dict[str, str]:
    """The environment for a child process that imports this package from the same place as this process."""
    source = str(Path(__file__).parent.parent)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))}


def _home(part: str) -> Path | None:
    """A folder below `LECHAT_HOME`, where that is set."""
    home = os.environ.get("LECHAT_HOME")
    return Path(home).expanduser() / part if home else None
