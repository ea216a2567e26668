"""The catalog: `models.toml`, one table a model. Knows what a model is, not whether it is here."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from lechat_tui import paths
from lechat_tui.errors import LechatError
from lechat_tui.machine import split_files
from lechat_tui.machine.footprint import ModelShape
from lechat_tui.settings.tables import TableError, build
from lechat_tui.units import size_text

ModelRole = Literal["text", "code", "vision"]
ROLES: tuple[ModelRole, ...] = get_args(ModelRole)

Status = Literal["", "recommended", "legacy", "large", "closed"]
"""`legacy` has better successors, `large` wants a workstation, of `closed` nothing can be downloaded."""


OLD_KEYS = {"licence": "license", "licence_url": "license_url"}
"""Keys that catalogs written for 0.1.0 may have, with their names of today."""


class ModelError(LechatError):
    """Something about a model is not as it should be; the text says what to do next."""


@dataclass(frozen=True)
class Weights:
    """One GGUF file, or the parts of one: of a repository on the hub, of the program itself, or on this disk."""

    file: str
    """Name inside the repository or the program's data, or an absolute path. Of a split file, the first part."""
    bytes: int = 0
    """Exact size, of all parts together; 0 where it is not known."""
    sha256: str = ""
    """Of a file in one part, where it is known."""
    quant: str = ""
    """The quantization, as in `Q4_K_M`."""
    about: int = 0
    """Size in bytes as it is published, rounded, where the exact one is not known."""
    sha256s: tuple[str, ...] = ()
    """Of each part of a split file, where they are known."""
    repo: str = ""
    """Repository on the hub, where it is not the row's."""
    revision: str = ""
    """Revision of that repository; `main` where nothing is said."""

    def __post_init__(self) -> None:
        if self.repo and not self.revision:
            object.__setattr__(self, "revision", "main")

    @property
    def files(self) -> tuple[str, ...]:
        """All files there are to fetch: the parts of a split file (`...-00001-of-00003.gguf`), else the one file."""
        return split_files.parts(self.file) if self.file else ()

    @property
    def size(self) -> int:
        """Bytes to count with: exact, else rounded; 0 where nothing is known."""
        return self.bytes or self.about


@dataclass(frozen=True)
class Lora:
    """A LoRA adapter that is laid over a model."""

    file: str
    """Name inside the repository, or an absolute path."""
    scale: float = 1.0
    """How much of it: 0 is nothing, 1 is what it was trained for."""
    repo: str = ""
    """Repository on the hub; empty for a file on this disk."""
    revision: str = "main"
    bytes: int = 0
    """Exact size; 0 where it is not known."""
    sha256: str = ""


@dataclass(frozen=True)
class Model:
    """One row of the catalog."""

    id: str
    """What a person types."""
    name: str
    roles: tuple[ModelRole, ...]
    weights: Weights = Weights("")
    """The chosen quantization; without a file in a closed row only."""
    quants: tuple[Weights, ...] = ()
    """The other quantizations, smallest first."""
    projector: Weights | None = None
    """The mmproj file of a model that sees."""
    repo: str = ""
    """Repository on the hub; empty for a file on this disk."""
    revision: str = "main"
    context: int = 8192
    """Context window used unless set otherwise, in tokens."""
    trained: int = 0
    """Context window the model was trained for, in tokens; 0 where it is not known."""
    parameters: float = 0.0
    """In billions, without the projector; 0 where it is not known."""
    active: float | None = None
    """Parameters used for one token, in billions, of a mixture of experts."""
    shape: ModelShape | None = None
    template: str = ""
    """Chat template for a file that carries none: a name in `data/templates/`."""
    system: str = ""
    """System prompt the model's card asks for. Its control tokens, as `[THINK]`, are the model's own."""
    thinking: tuple[str, str] | None = None
    """What stands around the thinking of a model that reasons before it answers; `system` then always holds."""
    temperature: float = 0.3
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    threads: int | None = None
    """CPU threads, for a model that is slower with all of them."""
    pace: float | None = None
    """Tokens per second at most, for a model so small that nobody could stop it in time."""
    image_tokens: int | None = None
    """The most tokens a picture may take: more show smaller things. Unset is llama.cpp's choice, 1024."""
    license: str = ""
    license_url: str = ""
    consent: bool = False
    """The license forbids commercial use: whoever fetches the model says once that they have read it."""
    gated: bool = False
    """The hub gives it only to those who accepted its terms there."""
    status: Status = ""
    instead: str = ""
    """The id of the model to use in place of this one."""
    verified: bool = True
    """Whether file names, sizes and checksums were seen published; else the hub's own hold when it is fetched."""
    notes: str = ""
    """One line for a person."""
    toy: bool = False
    """True for the small model that ships with the program: never chosen over a real one."""
    adapters: tuple[Lora, ...] = ()
    """What is laid over the weights, unless the person says otherwise."""

    @property
    def supports_images(self) -> bool:
        """Whether it understands pictures."""
        return self.projector is not None

    @property
    def bytes(self) -> int:
        """Size of the download, perhaps rounded; 0 where it is not known."""
        return self.weights.size + (self.projector.size if self.projector else 0)

    def source(self, weights: Weights) -> tuple[str, str]:
        """Repository and revision on the hub of one of its files."""
        return (weights.repo, weights.revision) if weights.repo else (self.repo, self.revision)

    @property
    def role(self) -> ModelRole:
        """The role it is listed under."""
        return self.roles[0]

    @property
    def missing(self) -> str:
        """The message for a model whose files are not on this machine."""
        if self.unavailable:
            return self.unavailable
        if not self.repo:
            return f"{self.weights.file} is not on this machine"
        size = f" ({size_text(self.bytes)})" if self.bytes else ""
        return f"{self.id} is not downloaded; lechat pull {self.id} downloads it{size}"

    @property
    def unavailable(self) -> str:
        """The sentence for a model of which nothing is published; empty for all others."""
        if self.status != "closed":
            return ""
        return f"the weights of {self.id} are not published; use {self.instead} instead (lechat pull {self.instead})"

    def quantized(self, quant: str) -> "Model":
        """The same model with the files of this quantization, under the id `id:QUANT`, in whatever case it is given.

        Raises `ModelError` that names those there are.
        """
        offered = {weights.quant: weights for weights in (self.weights, *self.quants) if weights.quant}
        weights = next((offered[name] for name in offered if name.lower() == quant.lower()), None)
        if weights is None:
            there = f"there are {', '.join(offered)}" if offered else "the catalog names none"
            raise ModelError(f"{self.id} has no quantization {quant}; {there}")
        if weights == self.weights:
            return self
        base = self.id.removesuffix(f":{self.weights.quant}")
        others = tuple(other for other in offered.values() if other != weights)
        return replace(self, id=f"{base}:{weights.quant}", weights=weights, quants=others)


def read(*files: Path) -> dict[str, Model]:
    """Read catalogs, the later laid over the earlier; one that is not there is empty.

    A row that names its own weights takes the place of the earlier one; otherwise its keys are laid over that one's.
    Raises `ModelError` that names the file and the row.
    """
    tables: dict[str, Mapping[str, Any]] = {}
    rows: dict[str, Model] = {}
    for file in files:
        for id, table in _tables(file).items():
            where = f"{file}: [{id}]"
            if not isinstance(table, dict):
                raise ModelError(f"{where} must be a table, as in [{id}]")
            tables[id] = table if "weights" in table else {**tables.get(id, {}), **table}
            rows[id] = _row(where, id, tables[id])
    return rows


def chat_template(model: Model) -> str | None:
    """The Jinja source that the catalog gives for a model whose file carries none. Raises `ModelError`."""
    if not model.template:
        return None
    file = paths.bundled("templates") / f"{model.template}.jinja"
    try:
        return file.read_text("utf-8")
    except OSError as error:
        known = ", ".join(sorted(f.stem for f in file.parent.glob("*.jinja")))
        raise ModelError(f"{model.id}: there is no template {model.template}; there are {known}") from error


def _tables(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{file} is not a readable catalog: {error}") from error


def _row(where: str, id: str, table: Mapping[str, Any]) -> Model:
    table = {OLD_KEYS.get(key, key): value for key, value in table.items()}
    try:
        model = build(Model, {"name": id, **table, "id": id})
    except TableError as error:
        raise ModelError(f"{where}: {error}") from error
    if mistake := _mistake(model):
        raise ModelError(f"{where}: {mistake}")
    return model


def _mistake(model: Model) -> str:
    """What is wrong with a row whose keys are right; empty for nothing."""
    if not model.roles:
        return f"roles must name at least one of {', '.join(ROLES)}"
    if model.context < 1:
        return "context must be at least 1 token"
    if model.status == "closed":
        return "" if model.instead else "a closed row must say in instead what to use in its place"
    if not model.weights.file:
        return "the key weights is missing"
    if not model.repo:
        return ""
    files = (
        name for weights in (model.weights, *model.quants, *filter(None, [model.projector])) for name in weights.files
    )
    unsafe = next((name for name in files if name.startswith(("/", "~")) or ".." in Path(name).parts), None)
    return f"{unsafe} is not a name inside a repository" if unsafe else ""
