"""The folders and files of the program. Creates nothing, and reads the environment at every call."""

import os
from collections.abc import Callable
from pathlib import Path

import platformdirs

from lechat_tui.errors import LechatError

APP = "lechat"


class NoHome(LechatError):
    """There is no folder for this user; the text says how to name one."""

    def __init__(self) -> None:
        super().__init__("this user has no home folder; set HOME, or LECHAT_HOME to a folder for lechat's files")


def config() -> Path:
    """The folder of `config.toml`, the user's `models.toml` and `themes/`. Raises `NoHome`."""
    return _folder("config", "XDG_CONFIG_HOME", platformdirs.user_config_path)


def data() -> Path:
    """The folder of the history and its attachments. Raises `NoHome`."""
    return _folder("data", "XDG_DATA_HOME", platformdirs.user_data_path)


def libraries() -> Path:
    """The folder of the libraries, a file for each."""
    return data() / "libraries"


def cache() -> Path:
    """The folder of files that can be recreated. Raises `NoHome`."""
    return _folder("cache", "XDG_CACHE_HOME", platformdirs.user_cache_path)


def logs() -> Path:
    """The folder of `lechat.log` and the logs of the engine."""
    return cache() / "logs"


def verified() -> Path:
    """The record of model files whose checksums were compared."""
    return cache() / "verified.json"


def hub_cache() -> Path:
    """The cache that all programs of the Hugging Face hub share (https://huggingface.co/docs/huggingface_hub/guides/manage-cache).

    Its environment variables are read as `huggingface_hub` reads them. Raises `NoHome`.
    """
    if named := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return expanded(named)
    if home := os.environ.get("HF_HOME"):
        return expanded(home) / "hub"
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return expanded(caches) / "huggingface" / "hub"
    if user := _user_home():
        return user / ".cache" / "huggingface" / "hub"
    return cache() / "huggingface" / "hub"


def expanded(text: str) -> Path:
    """A path from a setting, with `$VAR`, `${VAR}` and a leading `~` replaced; what is unknown stays as it is."""
    return Path(os.path.expanduser(os.path.expandvars(text)))  # noqa: PTH111  # it raises for an unknown user


def bundled(name: str) -> Path:
    """A file or folder that ships with the program: in `data/` of the wheel, or at the top of a source tree."""
    inside = Path(__file__).parent / "data" / name
    return inside if inside.exists() else Path(__file__).parent.parent / name


def environment() -> dict[str, str]:
    """The environment for a child process that imports this package from the same place as this process."""
    source = str(Path(__file__).parent.parent)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))}


def _folder(part: str, variable: str, default: Callable[[str], Path]) -> Path:
    """A folder below `LECHAT_HOME`, else where the variable says, else the system's. Raises `NoHome`."""
    if home := os.environ.get("LECHAT_HOME"):
        return expanded(home) / part
    named = os.environ.get(variable, "").strip()
    if named != str(expanded(named)) and expanded(named).is_absolute():
        return expanded(named) / APP
    try:
        folder = default(APP)
    except RuntimeError as error:
        raise NoHome from error
    if folder.is_absolute():
        return folder
    raise NoHome


def _user_home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None
