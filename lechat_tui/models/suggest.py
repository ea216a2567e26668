"""What to suggest: for a model that this machine can't run, one that it can; for an unknown name, what was meant."""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping

from lechat_tui.machine import footprint
from lechat_tui.models import fit
from lechat_tui.models.catalog import Model, ModelError, ModelRole
from lechat_tui.models.fit import Resources
from lechat_tui.units import size_text
from lechat_tui.values import dataclass

_IGNORED = frozenset({"latest", "instruct", "it", "chat", "gguf", "model", "hf", "ai", "mistralai", "the"})
"""Parts of names that say nothing about which model is meant."""

_ROLE_WORDS: Mapping[str, ModelRole] = {
    **dict.fromkeys(("code", "coder", "coding", "codellama", "starcoder", "programming"), "code"),
    **dict.fromkeys(("vision", "vl", "image", "images", "llava", "ocr"), "vision"),
}
"""Words that name a task."""

_MIN_SIMILARITY = 0.8
_MIN_WORD_LENGTH = 4
"""Characters of a word that may be misspelled."""
_SIZE_TOLERANCE = 0.4
"""How far the size of a suggestion may be from the one in the name."""


@dataclass(frozen=True)
class Misfit:
    """A model that does not fit into this machine's memory."""

    model: Model
    need: int
    """Bytes of memory, at least."""
    budget: int
    """Bytes that models may use."""
    instead: Model | None
    """A model or a quantization that fits; None if none does."""

    def __str__(self) -> str:
        return (
            f"{self.model.id} does not fit into this machine's memory: it needs {size_text(self.need)}, and models may "
            f"use {size_text(self.budget)}"
        )


def misfit(model: Model, catalog: Mapping[str, Model], machine: Resources) -> Misfit | None:
    """Whether the model, in its quantization, is too large for the machine; None if it fits or nobody knows."""
    budget = sum(machine.gpu_budgets) + (0 if machine.unified else footprint.ram_budget(machine.ram) or 0)
    if not budget or model.toy:
        return None
    try:
        measured = fit.measure(model, machine)
        fits, need, budget = measured.fits, measured.total, measured.budget
    except ModelError:
        fits, need = model.bytes <= budget, model.bytes
    return None if fits else Misfit(model, need, budget, _instead(model, catalog, machine))


def _instead(model: Model, catalog: Mapping[str, Model], machine: Resources) -> Model | None:
    """Another quantization, else the successor, else the best model for the same task."""
    try:
        best = fit.best_quantization(catalog.get(model.id.partition(":")[0], model), machine)
        if best.fits and fit.bits(best.model.weights) >= fit.MIN_BITS:
            return best.model
    except ModelError:
        pass
    successors = [catalog[model.instead]] if model.instead in catalog else []
    for rows in (successors, list(catalog.values())):
        if choice := fit.best(rows, machine, model.role):
            return choice.model
    return None


def similar(name: str, catalog: Mapping[str, Model], local: Collection[str], machine: Resources | None) -> str:
    """The id that an unknown name probably means: one that is here, else one that is current and fits; empty for none.

    `local` are the ids of models on this machine that the catalog does not have.
    """
    typed = _words(name)
    known = {id: _words(id) for id in (*local, *catalog)}
    vocabulary = frozenset().union(*known.values())
    words = {meant for word in typed if (meant := _meant(word, vocabulary))}
    scores = {id: len(words & parts) for id, parts in known.items()}
    highest = max(scores.values(), default=0)
    matched = [id for id, score in scores.items() if score == highest > 0]
    role = next((_ROLE_WORDS[word] for word in typed if word in _ROLE_WORDS), None)
    if role and machine and all(id in catalog and catalog[id].toy for id in matched):
        return _best(catalog.values(), machine, role)
    if not matched:
        return ""
    if here := next((id for id in matched if id in local), ""):
        return here
    rows = [_current(catalog[id], catalog) for id in matched]
    return _best(_of_size(rows, typed), machine, None) or (_best(catalog.values(), machine, None) if machine else "")


def best_here(catalog: Mapping[str, Model], machine: Resources | None) -> str:
    """The id of the best text model for this machine; empty if none fits or the machine is not known."""
    return _best(catalog.values(), machine, "text") if machine else ""


def _best(rows: Iterable[Model], machine: Resources | None, role: ModelRole | None) -> str:
    """The best of these models that fits, for a role or else for that of the first one; empty if none fits."""
    rows = list(dict.fromkeys(row for row in rows if row.status != "closed"))
    if not rows:
        return ""
    if machine is None:
        return rows[0].id
    for wanted in dict.fromkeys((role or rows[0].role, rows[0].role)):
        if choice := fit.best(rows, machine, wanted):
            return choice.model.id
    return next((row.id for row in rows if row.shape is None and misfit(row, {}, machine) is None), "")


def _current(row: Model, catalog: Mapping[str, Model]) -> Model:
    """The model that replaces an outdated or unpublished one, else the model itself."""
    return catalog.get(row.instead, row) if row.instead else row


def _of_size(rows: list[Model], words: Collection[str]) -> list[Model]:
    """The models of about the size that the name gives, as in `7b`; all of them if there is none."""
    size = next((float(word[:-1]) for word in words if re.fullmatch(r"\d{1,4}(\.\d)?b", word)), 0.0)
    alike = [row for row in rows if size and abs(row.parameters / size - 1) <= _SIZE_TOLERANCE]
    return alike or rows


def _words(name: str) -> frozenset[str]:
    return frozenset(re.split(r"[-_.:/@\s]+", name.lower())) - _IGNORED - {""}


def _meant(word: str, vocabulary: Collection[str]) -> str:
    """The word of a known name that this is, or is a misspelling of."""
    if word in vocabulary:
        return word if len(word) > 1 else ""
    if len(word) < _MIN_WORD_LENGTH:
        return ""
    near = difflib.get_close_matches(word, [known for known in vocabulary if known.isalpha()], 1, _MIN_SIMILARITY)
    return near[0] if near else ""
