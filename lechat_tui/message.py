"""Messages, their attachments, and the receipt of how an answer was made. Reads and writes nothing."""

from dataclasses import field, replace
from pathlib import Path
from sys import intern
from typing import Literal

from lechat_tui.values import dataclass

Role = Literal["system", "user", "assistant", "summary"]
"""Who wrote a message. A `summary` was written by the model and is sent instead of everything before it."""

State = Literal["complete", "draft", "stopped", "interrupted", "failed", "cut"]
"""`complete`; `draft` while it is written; `stopped` by the user; `interrupted` when the program died meanwhile;
`failed` when the engine did; `cut` when it reached the token limit."""

AttachmentKind = Literal["image", "text", "document", "passages"]
"""What is in an attached file. The text of a `text` file, and that of the pages of a `document`, is sent in a fence.
`passages` of a library are JSON, and sent under their numbers."""

DocumentUse = Literal["whole", "passages", "parts", "beginning"]
"""What is sent of a document: all pages that were asked for; the `passages` that match the question; in place of it the
answers about its `parts`, which are in the question; or the `beginning`."""

PageSpan = tuple[int, int, int]
"""A part of the text of a page: the number of the page, the first character, and the one behind the last."""

Span = tuple[int, int]
"""A part of a text: its first character, and the one behind its last."""

Think = Literal["auto", "on", "off"]

StopReason = Literal["end", "length", "stopped", "failed"]
"""Why an answer ended: the model's end token, a limit of tokens, the user, or an error of the engine."""


@dataclass(frozen=True)
class Details:
    """How an attached document is used."""

    pages: str = ""
    """The pages that were asked for, as in `3-9`; empty for all."""
    use: DocumentUse = "whole"
    spans: tuple[PageSpan, ...] = ()
    """What is sent of it if `use` is `passages` or `beginning`, in the order in which it is sent."""
    unit: str = "page"
    """What its pages are called: `page`, `slide`, `sheet`, `chapter` or `part`."""
    page_count: int = 0
    """Of all its pages."""
    characters: int = 0
    """Of the text that is sent."""
    tokens: int = 0
    """Of the text that is sent; 0 until a model has counted them."""
    pieces: int = 0
    """In how many parts it was read if `use` is `parts`."""


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a message, stored once by its content."""

    sha256: str
    """Of the content, in hexadecimal."""
    name: str
    """The file name the user gave, without its folder."""
    kind: AttachmentKind
    path: Path
    """Where the content is stored."""
    size: int
    """Bytes."""
    width: int = 0
    """Pixels; 0 for anything but an image."""
    height: int = 0
    details: Details | None = None
    """Of a document."""

    @property
    def has_text(self) -> bool:
        """Whether it is sent as text."""
        return self.kind != "image"

    @property
    def has_searched_text(self) -> bool:
        """Whether a search of the history finds its words; those of a library are not a part of the chat."""
        return self.kind not in ("image", "passages")


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter applied to a model."""

    file: str
    """Path of the GGUF file; a receipt keeps only its name."""
    scale: float = 1.0
    """Strength: 0 has no effect, 1 is what the adapter was trained for."""
    sha256: str = ""
    """Checksum of the file, where it is known without reading all of it."""

    @property
    def path(self) -> Path:
        return Path(self.file)

    @property
    def without_folder(self) -> "Adapter":
        """The same with the file's name alone, as a receipt keeps it."""
        return replace(self, file=self.path.name)

    def __str__(self) -> str:
        return f"{self.file}, scale {self.scale:g}"


@dataclass(frozen=True)
class Sampling:
    """How an answer is made. A sampler whose value has no effect is left out of the chain."""

    temperature: float = 0.3
    """0 or less is greedy."""
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repeat_penalty: float = 1.0
    seed: int | None = None
    """None picks a random one; the receipt says which."""
    max_tokens: int | None = None
    """The most tokens an answer may have; None stops at the model's end token or when the context window is full."""
    stop: tuple[str, ...] = ()
    """Texts before which an answer ends."""
    think: Think = "auto"
    """Whether the model thinks before it answers, if it has a switch for that; `auto` leaves it to the model."""

    def __str__(self) -> str:
        """The samplers that have an effect, as in `temperature 0.7, top-p 0.9`."""
        penalty = [f"repeat penalty {self.repeat_penalty:g}"] if self.repeat_penalty != 1 else []
        penalty += [f"stop at {', '.join(map(repr, self.stop))}"] if self.stop else []
        penalty += [f"thinking {self.think}"] if self.think != "auto" else []
        if self.temperature <= 0:
            return ", ".join(["greedy", *penalty])
        top_k = [f"top-k {self.top_k}"] if self.top_k > 0 else []
        top_p = [f"top-p {self.top_p:g}"] if self.top_p < 1 else []
        min_p = [f"min-p {self.min_p:g}"] if self.min_p > 0 else []
        return ", ".join([f"temperature {self.temperature:g}", *top_k, *top_p, *min_p, *penalty])


GREEDY = Sampling(temperature=0.0)
"""Always the most likely token."""


@dataclass(frozen=True)
class Receipt:
    """How one answer was made."""

    model: str
    file: str = ""
    """Name of the weights file."""
    sha256: str = ""
    """Of the weights file, where it is known without reading all of it."""
    quant: str = ""
    """The quantization, by llama.cpp's name, as in `Q4_K_M`."""
    template: str = ""
    """The first characters of the chat template's SHA-256."""
    context: int = 0
    """Context window in tokens."""
    sampling: Sampling = Sampling()
    """As it was used: the seed is the one that was picked, where the request had none."""
    prompt_tokens: int = 0
    """Tokens of the whole prompt, including the cached ones."""
    cached_tokens: int = 0
    """Prompt tokens that were still in the KV cache."""
    completion_tokens: int = 0
    drafted: int = 0
    """Draft tokens that were evaluated (speculative decoding)."""
    accepted: int = 0
    """Draft tokens that were accepted, because the model sampled them."""
    drafts: tuple[int, ...] = ()
    """Where draft tokens were used, in pairs: tokens sampled before, and draft tokens."""
    threads: tuple[int, ...] = ()
    """The numbers of threads for decoding, in pairs: tokens sampled before, and threads. Empty on a GPU."""
    cpu: str = ""
    """How many threads decoded at the end of the answer, and why. Empty on a GPU."""
    ttft_ms: float = 0.0
    """Time to first token in milliseconds, without loading the model."""
    tokens_per_s: float = 0.0
    """Decode speed, without the first token."""
    joules: float | None = None
    """Energy that processor and GPUs used from the request to the last token, other programs included; None where the
    machine does not report it."""
    stop_reason: StopReason = "end"
    left_out: int = 0
    """Number of messages that did not fit into the context window."""
    documents: tuple[str, ...] = ()
    """The documents that came with the question, each with what was sent of it."""
    pictures: int = 0
    """Number of images that were in the prompt."""
    picture_tokens: dict[str, int] = field(default_factory=dict)
    """Tokens of each image, by its SHA-256."""
    engine: str = ""
    """Name and version of the engine."""
    adapters: tuple[Adapter, ...] = ()
    """The adapters that were applied, without their folders."""
    kv_type: str = ""
    """Data type of the KV cache: `f16`, or `q8_0` in about half the memory."""
    memory: str = ""
    """What was reduced so that the model fits into memory; empty for nothing."""
    server: str = ""
    """Host and port of the server that answered; empty for this machine's own engine."""
    pieces: int = 1
    """How many times the answer was continued, plus one. The other figures are of the last piece."""

    def share_texts(self) -> "Receipt":
        """Use the texts that other receipts have, too, so that a long chat keeps each of them once; returns itself."""
        for name in ("model", "file", "sha256", "quant", "template", "engine", "kv_type", "memory", "stop_reason"):
            object.__setattr__(self, name, intern(getattr(self, name)))
        return self


@dataclass(frozen=True)
class Citation:
    """One citation of an answer, and whether its passage supports the sentence."""

    n: int
    """The number of the passage in the chat."""
    document: str
    page: int
    start: int
    """Where the quote is in the text of the page, in characters."""
    end: int
    quote: str
    """The sentence of the passage that is closest to the cited one."""
    proved: bool
    reason: str = ""
    """Why it is unverified; empty for a proved one."""
    mark: Span = (0, 0)
    """Where it is in the answer."""


@dataclass(frozen=True)
class Message:
    """One message of a chat. `id` is 0 until it is stored; `parent` is 0 for a first message."""

    role: Role
    text: str
    thinking: str = ""
    attachments: tuple[Attachment, ...] = ()
    pasted: tuple[Span, ...] = ()
    """The long pastes in the text, in order; they are shown folded."""
    state: State = "complete"
    receipt: Receipt | None = None
    citations: tuple[Citation, ...] = ()
    """Of an answer about passages of a library, in their order; checked when it has ended."""
    pinned: bool = False
    """Whether it stays in the context window, however full that is."""
    id: int = 0
    parent: int = 0
    created: float = field(default=0.0, compare=False)
    """Seconds since the epoch, UTC."""

    @property
    def images(self) -> tuple[Attachment, ...]:
        """The attached images, in their order."""
        return tuple(file for file in self.attachments if file.kind == "image") if self.attachments else ()
