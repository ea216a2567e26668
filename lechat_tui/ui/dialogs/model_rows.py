"""The text of the model manager: the row of a model, its details, and the keys. Does not import Textual."""

import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lechat_tui.models.catalog import Model, ModelRole
from lechat_tui.plaintext import safe
from lechat_tui.ui.widgets.download_text import progress_text
from lechat_tui.ui.widgets.styled_lines import Line, Span, bar, padded
from lechat_tui.units import size_text
from lechat_tui.values import dataclass

if TYPE_CHECKING:
    from lechat_tui.models.fit import Fit
    from lechat_tui.models.jobs import Job

HERE = "On this machine"
SERVERS = "On servers"
GROUPS = {
    "recommended": "Recommended",
    "": "More",
    "large": "For large machines",
    "legacy": "Older",
    "closed": "Not published",
}
"""Headings of models that are not downloaded, by their status in the catalog, in the order of the list."""

MIN_CELLS_FOR_QUANTIZATION = 84
"""Width from which the quantization has a column of its own."""


@dataclass(frozen=True)
class Offer:
    """A model that can be used or downloaded."""

    model: Model
    file: Path | None = None
    """Its weights; None if it is not on this machine."""
    fit: "Fit | None" = None
    """Whether it runs on this machine; None while that is unknown."""
    current: bool = False
    """Whether it is the model in use."""
    memory: str = ""
    """The memory it takes now, as text; empty if it is not loaded."""

    @property
    def group(self) -> str:
        """Its heading in the list."""
        if self.model.server:
            return SERVERS
        return HERE if self.file else GROUPS[self.model.status]

    @property
    def ready(self) -> bool:
        """Whether it can answer without a download."""
        return bool(self.file or self.model.server)

    @property
    def family(self) -> str:
        """Its ID in the catalog, without the quantization."""
        return self.model.id.removesuffix(f":{self.model.weights.quant}")

    @property
    def closed(self) -> bool:
        """Whether its weights are not published."""
        return self.model.status == "closed"


def sort(offers: Iterable[Offer]) -> list[Offer]:
    """Models on this machine first, the bundled one last of them; then those on servers, then the others by status."""
    order = [HERE, SERVERS, *GROUPS.values()]
    return sorted(offers, key=lambda offer: (order.index(offer.group), offer.model.toy))


def matching(offers: Iterable[Offer], words: str, role: ModelRole | None) -> list[Offer]:
    """The offers with this role and with each of these words in their name, role, quantization, license or status."""
    wanted = words.casefold().split()
    return [
        offer
        for offer in offers
        if (role is None or role in offer.model.roles) and all(word in _text(offer.model) for word in wanted)
    ]


def _text(model: Model) -> str:
    quants = " ".join(weights.quant for weights in (model.weights, *model.quants))
    words = f"{model.id} {model.name} {' '.join(model.roles)} {quants} {model.license} {model.instead} {model.status}"
    return words.casefold()


# One row


def row(offer: Offer, job: "Job | None", width: int, *, chosen: bool) -> Line:
    """The columns that fit into `width` cells: name, size, whether it runs here, its state; then the others."""
    model = offer.model
    style = "faint" if offer.closed else "strong" if chosen else "text"
    name = padded(safe(offer.family if width >= MIN_CELLS_FOR_QUANTIZATION else model.id), _name_width(width))
    spans: list[Span] = [("▌ " if chosen else "  ", "bar" if chosen else ""), (name, style)]
    if offer.closed:
        return [*spans, (f"  use {safe(model.instead)}", "faint")]
    if width >= 108:
        spans.append((f"  {', '.join(model.roles):<18}", "soft"))
    if width >= MIN_CELLS_FOR_QUANTIZATION:
        spans.append((f"  {parameters(model):>9}  {padded(model.weights.quant, 9)}", "soft"))
    spans.append((f"  {size(model):>8}", "soft"))
    if width >= 66:
        spans.append((f"  {padded(verdict(offer), 17)}", _tone(offer.fit)))
    else:
        spans.append((f"  {padded(_short_verdict(offer.fit), 7)}", _tone(offer.fit)))
    spans += _state(offer, job)
    if model.consent:
        room = width - sum(len(text) for text, _ in spans)
        spans.append(("  non-commercial" if room >= 16 else "  NC", "soft"))
    return spans


def _name_width(width: int) -> int:
    return 30 if width >= 120 else 26 if width >= 66 else 22


def _tone(fit: "Fit | None") -> str:
    return "text" if fit and fit.fits else "soft"


def _state(offer: Offer, job: "Job | None") -> list[Span]:
    """Whether it is in use, downloading or ready."""
    if job and job.state == "running":
        return [(f"  {percent(job)}", "accent")]
    if job and job.state == "failed" and not offer.file:
        return [("  failed", "error")]
    if offer.current or offer.memory:
        spans: list[Span] = [("  in use" if offer.current else "  loaded", "accent")]
        return [*spans, (f" {offer.memory}", "soft")] if offer.memory else spans
    if offer.model.unconnected:
        return [("  not connected", "soft")]
    return [("  ready", "text")] if offer.ready else []


def percent(job: "Job") -> str:
    """The progress of a download."""
    progress = job.progress
    return f"{progress.done / progress.total:.0%}" if progress.total else "0%"


def parameters(model: Model) -> str:
    """`8.5B`, `24B`, and `47B/13B` for a mixture of experts: all, and those active for a token."""
    return "/".join(f"{count:.{0 if count >= 10 else 1}f}B" for count in (model.parameters, model.active) if count)


def size(model: Model) -> str:
    """The size of the download; empty if it is unknown."""
    return size_text(model.bytes) if model.bytes else ""


def verdict(offer: Offer) -> str:
    """Whether it runs here, and its expected tokens per second."""
    speed = _speed(offer)
    return f"fits {speed} tokens/s" if speed else _short_verdict(offer.fit)


def _short_verdict(fit: "Fit | None") -> str:
    return ("fits" if fit.fits else "too big") if fit else ""


def _speed(offer: Offer) -> str:
    """The expected tokens per second; empty if unknown."""
    fit = offer.fit
    return f"{fit.speed:.0f}" if fit and fit.fits and fit.speed and not offer.model.toy else ""


# One model in full


def page(offer: Offer, job: "Job | None", width: int) -> list[Line]:
    """The details of a model, in lines of `width` cells."""
    model = offer.model
    lines: list[Line] = [[(safe(model.name), "strong")]]
    lines += _wrapped(_state_text(offer, job), width, "error" if job and job.state == "failed" else "soft")
    for words in (model.notes, _closed_text(offer) if offer.closed else ""):
        if words:
            lines += [[], *_wrapped(words, width, "text")]
    if offer.fit:
        lines += [[], *explained(offer, offer.fit, width)]
    lines.append([])
    for name, words in _facts(offer):
        lines += _fact(name, words, width)
    for words in (model.license_url, str(offer.file or "")):
        lines += _wrapped(words, width, "soft")
    return lines


def _wrapped(text: str, width: int, style: str) -> list[Line]:
    return [[(line, style)] for line in textwrap.wrap(safe(text), max(width, 8))]


def _fact(name: str, words: str, width: int) -> list[Line]:
    """A name at the left, its value at the right, in as many lines as it needs."""
    rows = textwrap.wrap(safe(words), max(width - 14, 8))
    return [[(f"{name if not number else '':<14}", "soft"), (text, "text")] for number, text in enumerate(rows)]


def _closed_text(offer: Offer) -> str:
    return f"its weights are not published; use {offer.model.instead}"


def _state_text(offer: Offer, job: "Job | None") -> str:
    if job and job.state == "running":
        return progress_text(job)
    if job and job.state == "failed":
        return job.error
    if offer.model.unconnected:
        return f"{offer.model.server} offers models, which Enter lists"
    words = [offer.model.id, ", ".join(offer.model.roles), *filter(None, [offer.memory and f"loaded: {offer.memory}"])]
    where = f"on the server {offer.model.server}" if offer.model.server else "on this machine"
    return " · ".join([*words, "in use" if offer.current else where] if offer.ready else words)


def _facts(offer: Offer) -> list[tuple[str, str]]:
    model, fit = offer.model, offer.fit
    context = f"{fit.context if fit else model.context:,} tokens"
    if model.trained:
        context += f" (trained on {model.trained:,})"
    quants = ", ".join(
        f"{weights.quant} ({size_text(weights.size)})" if weights.size else weights.quant for weights in model.quants
    )
    license = f"{model.license} (no commercial use)" if model.consent else model.license
    rows = {
        "Context": "" if offer.closed or model.unconnected else context,
        "License": license,
        "Quantization": model.weights.quant,
        "Also as": quants,
        "From": model.weights.repo or model.repo,
        "Parameters": parameters(model),
        "Download": "" if offer.file else size(model),
    }
    return [(name, words) for name, words in rows.items() if words]


def explained(offer: Offer, fit: "Fit", width: int) -> list[Line]:
    """Whether it fits into the memory, how much it needs, and for what."""
    parts = {
        "weights": fit.weights,
        "projector": fit.projector,
        "context": fit.kv,
        "buffers": fit.compute,
        "reserve": fit.reserve,
    }
    needs = " + ".join(f"{size_text(amount)} {name}" for name, amount in parts.items() if amount)
    speed = _speed(offer)
    verb = "Fits" if fit.fits else "Does not fit"
    figures = f"  {size_text(fit.total)} of {size_text(fit.budget)}"
    return [
        [(verb, "strong"), (f", up to {speed} tokens/s" if speed else "", "text")],
        [*bar(fit.total / max(fit.budget, 1), min(20, width - len(figures))), (figures, "text")],
        *_wrapped(needs, width, "soft"),
    ]


# Keys


def keys_line(offer: Offer | None, running: bool, width: int) -> Line:
    """The keys that do something with the chosen row, as many as fit, and the one that leaves."""
    line: list[Span] = []
    back = _key("Esc", "back")
    room = width - sum(len(text) for text, _ in back)
    for key, action in _row_keys(offer, running) if offer else ():
        words = [*_key(key, action), ("   ", "")]
        room -= sum(len(text) for text, _ in words)
        if room < 0:
            break
        line += words
    return [*line, *back]


def _key(key: str, action: str) -> list[Span]:
    return [(key, "accent"), (f" {action}", "soft")]


def _row_keys(offer: Offer, running: bool) -> list[tuple[str, str]]:
    if offer.closed:
        return [("Enter", f"show {offer.model.instead}")]
    if running:
        return [("c", "cancel"), ("Enter", "switch when downloaded")]
    if offer.current:
        return [("Enter", "back to the chat"), ("l", "license")]
    if offer.model.server:
        return [("Enter", "connect" if offer.model.unconnected else "switch")]
    if offer.file:
        return [("Enter", "switch"), ("x", "delete"), ("l", "license")]
    turn = [("← →", "quantization")] if offer.model.quants else []
    return [("Enter", "download and switch"), ("d", "download"), ("l", "license"), *turn]
