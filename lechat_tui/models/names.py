"""Parses what a user may type as the name of a model. Does not look at the disk or at the catalog."""

import re
from urllib.parse import SplitResult, unquote, urlsplit

from lechat_tui.models.catalog import ModelError
from lechat_tui.values import dataclass

ACCEPTED = (
    "use a name from lechat ls, NAME:QUANT, USER/REPO, USER/REPO:QUANT, USER/REPO/FILE.gguf, a hub URL, or "
    "the path of a .gguf file"
)

HUB = "https://huggingface.co"
_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})

_MAX_LENGTH = 4096
_PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
"""The name of a user or a repository (https://huggingface.co/docs/huggingface_hub/package_reference/utilities)."""
_QUANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,40}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,120}")
_ID = re.compile(r"[^\W_][\w.+~@/-]{0,200}")
"""The id of a catalog row or a file on this machine, with letters of any script."""
_FILE_PART = re.compile(r"[^\x00-\x1f\x7f/\\:*?\"<>|.-][^\x00-\x1f\x7f/\\:*?\"<>|]{0,250}")


@dataclass(frozen=True)
class Id:
    """A model of the catalog or of this machine."""

    id: str
    quant: str = ""


@dataclass(frozen=True)
class Hub:
    """A repository on the hub, with a quantization or a file of it."""

    repo: str
    quant: str = ""
    file: str = ""
    revision: str = "main"

    def __str__(self) -> str:
        """The name to type."""
        return f"{self.repo}/{self.file}" if self.file else f"{self.repo}:{self.quant}" if self.quant else self.repo


@dataclass(frozen=True)
class Local:
    """A path on this disk."""

    path: str


Name = Id | Hub | Local


def parse(text: str, *, endpoint: str = HUB) -> Name:
    """Parse a name; `endpoint` is the address of the hub or of a mirror. Raises `ModelError` for an invalid name."""
    if not text or len(text) > _MAX_LENGTH or not text.isprintable() or text.startswith("-"):
        raise _invalid(text)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        return _address(text, urlsplit(endpoint))
    if text.startswith(("/", "~", "./", "../", ".\\")) or text in (".", ".."):
        return Local(text)
    host, _, rest = text.partition("/")
    if host.lower() in _HOSTS:
        return _repository(text, rest)
    parts = text.split("/")
    if text.endswith(".gguf") and len(parts) < 3:
        return Local(text)
    if len(parts) > 1:
        return _repository(text, text)
    return _id(text)


def _id(text: str) -> Id:
    id, colon, quant = _split(text)
    if not _ID.fullmatch(id) or (colon and not _QUANT.fullmatch(quant)):
        raise _invalid(text)
    return Id(id, quant)


def _split(text: str) -> tuple[str, str, str]:
    """The name, the separator and the quantization of `NAME:QUANT`, or of `NAME@QUANT` as in LM Studio."""
    return text.partition(":") if ":" in text else text.partition("@")


def _repository(typed: str, text: str) -> Hub:
    """`USER/REPO`, `USER/REPO:QUANT` or `USER/REPO/FILE.gguf`."""
    user, _, rest = text.partition("/")
    repo, slash, file = rest.partition("/")
    if slash and file:
        return Hub(_repo(typed, user, repo), file=_file(typed, file))
    repo, colon, quant = _split(repo)
    if colon and not _QUANT.fullmatch(quant):
        raise _invalid(typed)
    return Hub(_repo(typed, user, repo), "" if quant.lower() == "latest" else quant)


def _address(text: str, endpoint: SplitResult) -> Hub:
    """Parse the address of a repository, or of a file in one, on the hub or on its mirror."""
    try:
        url = urlsplit(text)
        host, port = (url.hostname or "").lower(), url.port
    except ValueError as error:
        raise _invalid(text) from error
    ours = url.scheme == "https" and host in _HOSTS and port in (None, 443)
    mirror = url.scheme == endpoint.scheme and url.netloc.lower() == endpoint.netloc.lower()
    if not (ours or mirror) or "@" in url.netloc:
        raise ModelError(f"{_short(text)} is not a hub URL; {ACCEPTED}")
    path = url.path
    if mirror and not ours:
        path = path.removeprefix(endpoint.path.rstrip("/"))
    return _in_address(text, path.strip("/").split("/"))


def _in_address(text: str, parts: list[str]) -> Hub:
    match [unquote(part) for part in parts]:
        case [user, repo]:
            return _repository(text, f"{user}/{repo}")
        case [user, repo, "tree", revision]:
            return Hub(_repo(text, user, repo), revision=_revision(text, revision))
        case [user, repo, "resolve" | "blob", revision, *file] if file:
            return Hub(_repo(text, user, repo), file=_file(text, "/".join(file)), revision=_revision(text, revision))
        case _:
            raise _invalid(text)


def _repo(typed: str, user: str, repo: str) -> str:
    for part in (user, repo):
        if not _PART.fullmatch(part) or "--" in part or ".." in part:
            raise _invalid(typed)
    return f"{user}/{repo}"


def _file(typed: str, file: str) -> str:
    parts = file.split("/")
    if not file.endswith(".gguf") or len(parts) > 8 or not all(_FILE_PART.fullmatch(part) for part in parts):
        raise _invalid(typed)
    return file


def _revision(typed: str, revision: str) -> str:
    if not _REVISION.fullmatch(revision) or ".." in revision or "//" in revision:
        raise _invalid(typed)
    return revision


def safe_file(file: str) -> bool:
    """Whether this file name in a repository is also safe as a path in a folder."""
    return file.endswith(".gguf") and all(_FILE_PART.fullmatch(part) for part in file.split("/"))


def typeable(text: str) -> str:
    """The text as a name, without characters that a shell, a terminal or `parse` would misread."""
    return re.sub(r"^[\W_]+|[^\w]+$", "", re.sub(r"[^\w.:/+@-]+", "-", text))[:160] or "model"


def _invalid(text: str) -> ModelError:
    return ModelError(f"there is no model {_short(text)}; {ACCEPTED}")


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
