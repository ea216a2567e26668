"""The interface between a conversation and an engine: requests, events and the `Engine` protocol.

`engine.local.LocalEngine` runs models with llama.cpp in child processes, `engine.remote.engine.RemoteEngine` asks
servers, `engine.router.RouterEngine` is both, and `engine.echo.EchoEngine` plays a script.
"""

from collections.abc import AsyncGenerator
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Literal, Protocol
from urllib.parse import urlsplit

from lechat_tui import network
from lechat_tui.errors import LechatError
from lechat_tui.machine.footprint import KvType
from lechat_tui.message import Adapter, Message, Receipt, Sampling
from lechat_tui.values import dataclass

DeltaKind = Literal["text", "thinking", "tool"]
"""What a piece of an answer is. `tool` is the source text of a tool call: it is not part of the answer's text, so it is
not stored, shown or sent back as text. No tool is offered to a model yet, so no call can be run.
"""
FlashAttention = Literal["auto", "on", "off"]
DialectName = Literal["", "llama-server", "ollama", "lm-studio", "vllm", "sglang", "mistral", "openai"]
"""The kinds of servers; empty to find out."""


class EngineError(LechatError):
    """The engine failed. The text is a sentence for the user that says what to do next."""


class ContextOverflow(EngineError):
    """The messages that must stay, such as the system prompt and the question, do not fit into the context window."""


class ScarceMemory(EngineError):
    """The model was not loaded: it needs more memory than is free now, and the machine would become very slow."""


@dataclass(frozen=True)
class TuningOptions:
    """How llama.cpp is asked to run a model. None leaves a choice to the engine; a value overrides it."""

    gpu_layers: int = -1
    """Layers on the GPU; -1 is all of them, or as many as fit."""
    threads: int | None = None
    """CPU threads for decoding."""
    threads_batch: int | None = None
    """CPU threads for prefill; None is as many as `threads`."""
    batch: int | None = None
    """Tokens computed at once, 512 at most."""
    kv_type: KvType | None = None
    """Data type of the KV cache."""
    flash_attention: FlashAttention | None = None
    mmap: bool | None = None
    """Map the weights into memory instead of reading them."""
    speculate: bool = True
    """Speculative decoding by prompt lookup, where it is faster. The answer is the same."""


@dataclass(frozen=True)
class Unverified:
    """A model file that was not read to its end yet."""

    path: Path
    sha256: str = ""
    """The published checksum; empty if it is not known, and then llama.cpp looks for invalid numbers."""


@dataclass(frozen=True)
class Verification:
    """What to verify before a model is loaded for the first time."""

    files: tuple[Unverified, ...]
    record: Path
    """The file that keeps what was verified."""


@dataclass(frozen=True)
class LocalModel:
    """A model in GGUF files on this machine, and how to load it. Two specs with equal `bare` are one loaded model."""

    name: str
    path: Path
    """The GGUF file; the first part of a split model."""
    projector: Path | None = None
    """The projector (mmproj GGUF) of a model that supports images."""
    template: str | None = None
    """Jinja chat template for a file that has none."""
    system: str = ""
    """The model's own system prompt from the catalog. Its control tokens are kept wherever a system prompt has it."""
    context: int = 8192
    """Context window in tokens; never 0, which would mean the trained length."""
    adapt: bool = False
    """Open a shorter context window where `context` would not fit into memory; False when the user set it."""
    adapters: tuple[Adapter, ...] = ()
    """LoRA adapters to apply. They can change from one answer to the next without loading the weights again."""
    pace: float | None = None
    """Most tokens per second; None has no limit."""
    image_tokens: int | None = None
    """Most tokens a picture may take; a larger one is scaled down. None leaves it to llama.cpp."""
    sha256: str = ""
    """Checksum of the GGUF file, where known; for receipts."""
    tuning: TuningOptions = TuningOptions()
    verification: Verification | None = field(default=None, compare=False)
    """None when all files are known to be whole."""

    @property
    def file(self) -> str:
        """Name of the weights file."""
        return self.path.name

    @property
    def applied(self) -> tuple[Adapter, ...]:
        """The adapters as a receipt keeps them: with file names instead of paths."""
        return tuple(adapter.without_folder for adapter in self.adapters)

    @property
    def bare(self) -> "LocalModel":
        """The same without adapters: what one process holds, whichever adapters are applied."""
        return replace(self, adapters=()) if self.adapters else self


@dataclass(frozen=True)
class Server:
    """A server that runs models, and where its API key is; the key itself is read when it is needed."""

    url: str
    """Its address without the path of the API, such as `http://localhost:8080`."""
    key_env: str = ""
    """The environment variable with the API key; empty for none."""
    key_file: str = ""
    """The file with the API key; empty for none."""
    cacert: str = ""
    """A PEM file with the authority that signed its TLS certificate; empty for the system's."""
    dialect: DialectName = ""

    @property
    def host(self) -> str:
        """Host name or IP address."""
        return urlsplit(self.url).hostname or ""

    @property
    def label(self) -> str:
        """What to call it in a sentence: host and port."""
        return urlsplit(self.url).netloc or self.url

    @property
    def is_here(self) -> bool:
        """Whether it runs on this machine, so that nothing leaves it."""
        return network.is_this_machine(self.host)


@dataclass(frozen=True)
class RemoteModel:
    """A model on a server."""

    name: str
    server: Server
    remote: str
    """Its name on the server."""
    context: int = 0
    """Context window in tokens that the user wants; 0 is the server's."""
    system: str = ""
    """The model's own system prompt from the catalog."""

    @property
    def file(self) -> str:
        """Empty: the weights are the server's."""
        return ""

    @property
    def adapters(self) -> tuple[Adapter, ...]:
        """None: they are the server's."""
        return ()

    @property
    def applied(self) -> tuple[Adapter, ...]:
        """None, as in `adapters`."""
        return ()


ModelSpec = LocalModel | RemoteModel
"""Which model answers, and how: a union of one class for each kind of engine.

Every member is a frozen dataclass with `name`, `file` (empty where there is none), `context`, `system`, `adapters` and
`applied`; code that is not about one kind of engine uses only these.
"""

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Spec = TypeVar("Spec", bound=ModelSpec, default=ModelSpec, covariant=True)
else:
    from typing import TypeVar

    Spec = TypeVar("Spec", covariant=True)


@dataclass(frozen=True)
class PromptPart:
    """A piece of a prompt as the model gets it."""

    text: str
    """What its tokens stand for; the name of an image."""
    kind: Literal["text", "control", "image"]
    """A control token was written by the chat template; text that reads like one is only text to the model."""


@dataclass(frozen=True)
class Request(Generic[Spec]):
    """A chat to be answered: its messages, oldest first, and how to sample the answer."""

    model: Spec
    messages: tuple[Message, ...]
    """The last one is the user's question, or the unfinished answer to it if the request `continues`."""
    sampling: Sampling = field(default_factory=Sampling)
    chat: int | None = None
    """Id under which the state of the KV cache may be saved; None for a private chat, which never reaches the disk."""
    reuse: int | None = None
    """Most tokens of the KV cache to use; None is all that match. Reproducing an answer needs the same number: logits
    computed in other batches differ in their last bits, and then a different token may be sampled."""
    drafts: tuple[int, ...] | None = None
    """Where to use draft tokens, as recorded in a receipt, for the same reason; None uses them where it is faster."""
    threads: tuple[int, ...] | None = None
    """The numbers of threads for decoding, as recorded in a receipt, for the same reason; None chooses them."""
    continues: bool = False
    """The last message is the model's own unfinished answer, to be continued from its last token."""
    shows_prompt: bool = False
    """Whether a plan has the prompt as text."""


@dataclass(frozen=True)
class Loading:
    """The weights are being loaded."""

    fraction: float
    """0 to 1."""
    note: str = ""
    """What to know before the weights are loaded, as a sentence; empty for nothing."""


@dataclass(frozen=True)
class Waiting:
    """The answer is delayed, and something is tried again."""

    reason: str
    """A sentence for the user."""


@dataclass(frozen=True)
class Fitted:
    """What fits into the context window. Comes before the first token, and from `Engine.plan`."""

    tokens: int
    """Tokens of the prompt; in a plan where not even the messages that must stay fit, the tokens of those."""
    limit: int
    """The context window that is open, in tokens; it may be shorter than `ModelSpec.context`."""
    left_out: tuple[int, ...] = ()
    """Indexes into `Request.messages` of the messages that do not fit, oldest first."""
    room: int = 0
    """Tokens that a prompt may have: the context window less what is kept free for the answer."""
    costs: tuple[int, ...] = ()
    """Tokens of each message of the request, images included, without what the template adds around it. Only in a plan;
    an answer counts them only where not all of them fit, and keeps the figures to itself."""
    prompt: tuple[PromptPart, ...] = ()
    """The prompt as text, in a plan for a request that asks for it."""
    note: str = ""
    """What was reduced so that the model fits into memory, as a sentence; empty for nothing."""
    receipt: Receipt | None = None
    """The receipt of the answer, as far as it is known before the first token."""
    estimated: bool = False
    """Whether the tokens were estimated, because the server can't count them."""

    @property
    def fits(self) -> bool:
        """Whether the request can be answered."""
        return self.tokens <= self.room


@dataclass(frozen=True)
class Prefill:
    """The prompt is being evaluated. Counts are tokens; `done` includes the cached ones, so it starts at `cached`."""

    done: int
    total: int
    cached: int


@dataclass(frozen=True)
class Delta:
    """A piece of the answer."""

    text: str
    kind: DeltaKind = "text"
    tokens: int = field(default=0, compare=False)
    """Tokens of the answer so far; 0 where the engine does not count them."""


@dataclass(frozen=True)
class Done:
    """The answer has ended."""

    receipt: Receipt


@dataclass(frozen=True)
class Retrieved:
    """Libraries were searched, and the question is stored with what they have; from a conversation, not an engine."""

    note: str = ""
    """What the user must know of it, as a sentence; empty for nothing."""


Event = Retrieved | Loading | Waiting | Fitted | Prefill | Delta | Done


class Engine(Protocol):
    """Answers requests, one at a time for each model. Closing the generator stops the answer."""

    def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Yield the events of one answer. Raises `EngineError`."""
        ...

    async def plan(self, request: Request) -> Fitted:
        """Which messages of this request would fit, and how many tokens each has. Raises `EngineError`."""
        ...

    async def load(self, model: ModelSpec, *, careful: bool = False) -> None:
        """Load the model, so that the next request does not wait for it. Raises `EngineError`.

        With `careful`, a model that needs more memory than is free now is not loaded: raises `ScarceMemory`.
        """
        ...

    def forget(self, chat: int) -> None:
        """Drop everything that is kept for a chat, on disk too: it was deleted."""
        ...

    async def close(self) -> None:
        """Unload every model and end every child process."""
        ...
