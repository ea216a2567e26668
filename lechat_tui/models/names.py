"""What a person may type to name a model. Looks at the words alone: neither at the disk nor at the catalog."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from lechat_tui.models.catalog import ModelError

ACCEPTED = (
    "a model is named by an id that lechat ls lists, ID:QUANT, USER/REPO, USER/REPO:QUANT, USER/REPO/FILE.gguf, "
    "its address on the hub, or a path to a .gguf file"
)

HUB = "https://huggingface.co"
_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})

_LONGEST = 4096
_PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
"""A user or a repository (https://huggingface.co/docs/huggingface_hub/package_reference/utilities)."""
_QUANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,40}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,120}")
_ID = re.compile(r"[^\W_][\w.+~@/-]{0,200}")
"""Of a row, or of a file that was found; letters of every script."""
_FILE_PART = re.compile(r"[^\x00-\x1f\x7f/\\:*?\"<>|.-][^\x00-\x1f\x7f/\\:*?\"<>|]{0,250}")


@dataclass(frozen=True)
class Id:
    """A row of the catalog, or of what was found."""

    id: str
    quant: str = ""


@dataclass(frozen=True)
class Hub:
    """A repository on the hub, with the quantization or the file that is wanted of it."""

    repo: str
    quant: str = ""
    file: str = ""
    revision: str = "main"

    def __str__(self) -> str:
        """What a person types for it."""
        return f"{self.repo}/{self.file}" if self.file else f"{self.repo}:{self.quant}" if self.quant else self.repo


@dataclass(frozen=True)
class Local:
    """A path on this disk."""

    path: str


Name = Id | Hub | Local


def parse(text: str, *, endpoint: str = HUB) -> Name:
    """Understand what a person typed; `endpoint` is the address of the hub or of its mirror.

    Raises `ModelError` that says what is accepted.
    """
    if not text or len(text) > _LONGEST or not text.isprintable() or text.startswith("-"):
        raise _refused(text)
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
    id, colon, quant = text.partition(":")
    if not _ID.fullmatch(id) or (colon and not _QUANT.fullmatch(quant)):
        raise _refused(text)
    return Id(id, quant)


def _repository(typed: str, text: str) -> Hub:
    """`USER/REPO`, `USER/REPO:QUANT` or `USER/REPO/FILE.gguf`."""
    user, _, rest = text.partition("/")
    repo, slash, file = rest.partition("/")
    if slash and file:
        return Hub(_repo(typed, user, repo), file=_file(typed, file))
    repo, colon, quant = repo.partition(":")
    if colon and not _QUANT.fullmatch(quant):
        raise _refused(typed)
    return Hub(_repo(typed, user, repo), "" if quant.lower() == "latest" else quant)


def _address(text: str, endpoint: SplitResult) -> Hub:
    """An address on the hub or on its mirror: of a repository, or of a file in it."""
    try:
        url = urlsplit(text)
        host, port = (url.hostname or "").lower(), url.port
    except ValueError as error:
        raise _refused(text) from error
    ours = url.scheme == "https" and host in _HOSTS and port in (None, 443)
    mirror = url.scheme == endpoint.scheme and url.netloc.lower() == endpoint.netloc.lower()
    if not (ours or mirror) or "@" in url.netloc:
        raise ModelError(f"{_short(text)} is no address of the hub; {ACCEPTED}")
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
            raise _refused(text)


def _repo(typed: str, user: str, repo: str) -> str:
    for part in (user, repo):
        if not _PART.fullmatch(part) or "--" in part or ".." in part:
            raise _refused(typed)
    return f"{user}/{repo}"


def _file(typed: str, file: str) -> str:
    parts = file.split("/")
    if not file.endswith(".gguf") or len(parts) > 8 or not all(_FILE_PART.fullmatch(part) for part in parts):
        raise _refused(typed)
    return file


def _revision(typed: str, revision: str) -> str:
    if not _REVISION.fullmatch(revision) or ".." in revision or "//" in revision:
        raise _refused(typed)
    return revision


def safe_file(file: str) -> bool:
    """Whether this name inside a repository can be a name inside a folder, too."""
    return file.endswith(".gguf") and all(_FILE_PART.fullmatch(part) for part in file.split("/"))


def typeable(text: str) -> str:
    """A name made of this text, without what a shell, a terminal or `parse` would misread."""
    return re.sub(r"^[\W_]+|[^\w]+$", "", re.sub(r"[^\w.:/+@-]+", "-", text))[:160] or "model"


def _refused(text: str) -> ModelError:
    return ModelError(f"there is no model {_short(text)}; {ACCEPTED}")


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
