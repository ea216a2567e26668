"""The catalog of models, read from `models.toml`: one table per model. Says nothing about what is installed."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

from lechat_tui import paths
from lechat_tui.engine.base import DialectName
from lechat_tui.errors import LechatError
from lechat_tui.machine import split_files
from lechat_tui.machine.footprint import ModelShape
from lechat_tui.settings import tables
from lechat_tui.settings.ranges import Share, Size, StopTexts, Temperature, Threads, Tokens, TokensPerSecond, TopK
from lechat_tui.settings.tables import TableError, build
from lechat_tui.units import size_text
from lechat_tui.values import dataclass

ModelRole = Literal["text", "code", "vision", "embed"]
ROLES: tuple[ModelRole, ...] = ("text", "code", "vision")
"""Of the models that chat; those with the role `embed` make vectors for libraries."""

Status = Literal["", "recommended", "legacy", "large", "closed"]
"""`legacy` is superseded, `large` needs a workstation, `closed` is not published."""


OLD_KEYS = {"licence": "license", "licence_url": "license_url"}
"""Keys of catalogs written for version 0.1.0, with their current names."""


class ModelError(LechatError):
    """A problem with a model; the text says what to do next."""


@dataclass(frozen=True)
class Weights:
    """One GGUF file, or all parts of a split one: in a repository on the hub, bundled with lechat, or on this disk."""

    file: str
    """Name inside the repository or the bundled data, or an absolute path; of a split file, the first part."""
    bytes: Size = 0
    """Exact size of all parts together; 0 if it is not known."""
    sha256: str = ""
    """Checksum of a file that is not split; empty if it is not known."""
    quant: str = ""
    """The quantization, such as `Q4_K_M`."""
    about: Size = 0
    """The published, rounded size in bytes, if the exact one is not known."""
    sha256s: tuple[str, ...] = ()
    """Checksums of the parts of a split file, if they are known."""
    repo: str = ""
    """Repository on the hub, if it is not that of the model."""
    revision: str = ""
    """Revision of that repository; the default is `main`."""

    def __post_init__(self) -> None:
        if self.repo and not self.revision:
            object.__setattr__(self, "revision", "main")

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all parts of a split file (`...-00001-of-00003.gguf`), else of the one file."""
        return split_files.parts(self.file) if self.file else ()

    @property
    def size(self) -> int:
        """Bytes, exact if possible, else rounded; 0 if not known."""
        return self.bytes or self.about


@dataclass(frozen=True)
class Lora:
    """A LoRA adapter to apply to a model."""

    file: str
    """Name inside the repository, or an absolute path."""
    scale: float = 1.0
    """Strength; 1 is what it was trained for, 0 has no effect."""
    repo: str = ""
    """Repository on the hub; empty for a file on this disk."""
    revision: str = "main"
    bytes: Size = 0
    """Exact size; 0 if it is not known."""
    sha256: str = ""


@dataclass(frozen=True)
class Model:
    """One model of the catalog."""

    id: str
    """The name that the user types."""
    name: str
    roles: tuple[ModelRole, ...]
    weights: Weights = Weights("")
    """The chosen quantization; only a closed model has none."""
    quants: tuple[Weights, ...] = ()
    """The other quantizations, smallest first."""
    projector: Weights | None = None
    """The mmproj file of a model that supports images."""
    repo: str = ""
    """Repository on the hub; empty for a file on this disk."""
    revision: str = "main"
    context: Tokens = 8192
    """Default context window in tokens."""
    trained: Size = 0
    """Context window that the model was trained for, in tokens; 0 if it is not known."""
    parameters: float = 0.0
    """In billions, without the projector; 0 if it is not known."""
    active: float | None = None
    """Of a mixture of experts, the parameters used for one token, in billions."""
    shape: ModelShape | None = None
    template: str = ""
    """Chat template for a file that has none: a name in `data/templates/`."""
    system: str = ""
    """System prompt that the model card recommends. It may contain control tokens, such as `[THINK]`."""
    thinking: tuple[str, str] | None = None
    """Tags around the thinking of a reasoning model; `system` is then always used."""
    temperature: Temperature = 0.3
    top_p: Share = 1.0
    top_k: TopK = 0
    min_p: Share = 0.0
    stop: StopTexts = ()
    """Texts before which an answer ends, unless the user's settings name others."""
    threads: Threads | None = None
    """CPU threads, for a model that is slower with all of them."""
    pace: TokensPerSecond | None = None
    """Limit in tokens per second, for a model so fast that it could not be stopped in time."""
    image_tokens: Tokens | None = None
    """Maximum number of tokens for an image; more show finer details. The default is llama.cpp's, 1024."""
    license: str = ""
    license_url: str = ""
    consent: bool = False
    """The license forbids commercial use; the user must accept it once before the download."""
    gated: bool = False
    """Its terms must be accepted on the hub before the download."""
    status: Status = ""
    instead: str = ""
    """The id of the model to use instead."""
    verified: bool = True
    """Whether file names, sizes and checksums were checked against the hub; if not, those of the hub are used."""
    notes: str = ""
    """One line to show to the user."""
    toy: bool = False
    """Whether it is one of the tiny bundled models, which are never chosen over a real one."""
    adapters: tuple[Lora, ...] = ()
    """Adapters to apply, unless the user's settings name others."""
    server: str = ""
    """Address of the server that runs the model, instead of weights; empty for a model of this machine."""
    model: str = ""
    """Its name on the server."""
    key_env: str = ""
    """The environment variable with the server's API key."""
    key_file: str = ""
    """The file with the server's API key."""
    cacert: str = ""
    """A PEM file with the authority that signed the server's TLS certificate."""
    dialect: DialectName = ""
    """What kind of server it is; empty to find out."""

    @property
    def supports_images(self) -> bool:
        """Whether it has a projector; of a model on a server, whether it has the role `vision`."""
        return self.projector is not None or (bool(self.server) and "vision" in self.roles)

    @property
    def unconnected(self) -> bool:
        """Whether it stands for all models of a server that is not connected yet."""
        return bool(self.server) and not self.model

    @property
    def bytes(self) -> int:
        """Size of the download, possibly rounded; 0 if it is not known."""
        return self.weights.size + (self.projector.size if self.projector else 0)

    def source(self, weights: Weights) -> tuple[str, str]:
        """The repository on the hub and the revision of one of its files."""
        return (weights.repo, weights.revision) if weights.repo else (self.repo, self.revision)

    @property
    def embeds(self) -> bool:
        """Whether it is an embedding model, which cannot chat."""
        return "embed" in self.roles

    @property
    def use(self) -> str:
        """How to use it from the command line, as the rest of a sentence."""
        if self.embeds:
            return f"lechat library embed LIBRARY -m {self.id} lets it search a library by meaning"
        return f"lechat -m {self.id} starts a chat with it"

    @property
    def role(self) -> ModelRole:
        """The role it is listed under."""
        return self.roles[0]

    @property
    def missing(self) -> str:
        """The message for a model whose files are not on this machine."""
        if self.unavailable or self.server:
            return self.unavailable
        if not self.repo:
            return f"{self.weights.file} is not on this machine"
        size = f" ({size_text(self.bytes)})" if self.bytes else ""
        return f"{self.id} is not downloaded; lechat pull {self.id} downloads it{size}"

    @property
    def unavailable(self) -> str:
        """The message for an unpublished model; empty for others."""
        if self.status != "closed":
            return ""
        return f"the weights of {self.id} are not published; use {self.instead} instead (lechat pull {self.instead})"

    def quantized(self, quant: str) -> "Model":
        """The same model in this quantization, in upper or lower case, with the id `ID:QUANT`.

        Raises `ModelError` that lists the available ones.
        """
        offered = {weights.quant: weights for weights in (self.weights, *self.quants) if weights.quant}
        weights = next((offered[name] for name in offered if name.lower() == quant.lower()), None)
        if weights is None:
            available = f"it has {', '.join(offered)}" if offered else "the catalog lists none"
            raise ModelError(f"{self.id} has no quantization {quant}; {available}")
        if weights == self.weights:
            return self
        base = self.id.removesuffix(f":{self.weights.quant}")
        others = tuple(other for other in offered.values() if other != weights)
        return replace(self, id=f"{base}:{weights.quant}", weights=weights, quants=others)


def read(*files: Path) -> dict[str, Model]:
    """Read catalogs; later ones override earlier ones, and missing files are skipped.

    A model with weights of its own replaces an earlier one; without them, its keys override single keys of that one.
    Raises `ModelError` that names the file and the model.
    """
    merged: dict[str, Mapping[str, Any]] = {}
    rows: dict[str, Model] = {}
    for file in files:
        for id, table in _tables(file).items():
            where = f"{file}: [{id}]"
            if not isinstance(table, dict):
                raise ModelError(f"{where} must be a table, like [{id}]")
            merged[id] = table if "weights" in table or "server" in table else {**merged.get(id, {}), **table}
            rows[id] = _row(where, id, merged[id])
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
        raise ModelError(f"{model.id}: there is no template {model.template}; available are {known}") from error


def _tables(file: Path) -> dict[str, Any]:
    try:
        return tables.read(file)
    except TableError as error:
        raise ModelError(f"the catalog {file} {error}") from error


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
    """What is wrong with the values of a row; empty if nothing is."""
    if not model.roles:
        return f"roles must contain at least one of {', '.join(get_args(ModelRole))}"
    if model.status == "closed":
        return "" if model.instead else "a closed model needs the key instead, the id of the model to use"
    if model.server:
        return "" if model.model else "the key model is missing, the name of the model on the server"
    if not model.weights.file:
        return "the key weights is missing"
    if not model.repo:
        return ""
    files = (
        name for weights in (model.weights, *model.quants, *filter(None, [model.projector])) for name in weights.files
    )
    unsafe = next((name for name in files if name.startswith(("/", "~")) or ".." in Path(name).parts), None)
    return f"{unsafe} is not a file name inside a repository" if unsafe else ""
