"""`lechat ls`, `show`, `rm` and `import`: the models of the catalog and of this machine."""

import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from lechat_tui import paths
from lechat_tui.cli import compose, printing
from lechat_tui.message import Sampling
from lechat_tui.models import consent, imported, removal, repository, scan
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError, Weights
from lechat_tui.models.fit import Fit, Resources, measure
from lechat_tui.plaintext import safe
from lechat_tui.units import amount_text, size_text

HEAD = ("", "name", "for", "quantization", "size", "fits", "where")
LABELS = {"bytes": "size"}


def list_table(*, everything: bool) -> None:
    """Print a table: the installed models, then those to download; superseded ones too if `everything`."""
    models, folders, machine = _setup()
    here = [*models.installed(), *models.embedders()]
    ids = {model.id.partition(":")[0] for model in here} | {model.id for model in here}
    others = [model for model in models.catalog.values() if model.id not in ids]
    shown = [m for m in others if everything or m.status in ("", "recommended")]
    rows = [_cells(model, models, folders, machine) for model in (*here, *shown)]
    _print_table([HEAD, *rows])
    _report_missing()
    if len(shown) < len(others):
        printing.say(f"{len(others) - len(shown)} more with lechat ls --all")


def _report_missing() -> None:
    for sentence in scan.missing(compose.settings().folders):
        printing.say(f"lechat: {sentence}")


def list_json(*, everything: bool = True) -> None:
    """Print the models as JSON, the installed ones first."""
    models, folders, machine = _setup()
    here = [*models.installed(), *models.embedders()]
    ids = {model.id for model in here}
    others = [model for model in models.catalog.values() if model.id not in ids]
    rows = [_row(model, models, folders, machine) for model in (*here, *(others if everything else []))]
    printing.show(json.dumps(rows, indent=2))
    _report_missing()


def show(name: str, *, as_json: bool) -> None:
    """Print what is known about a model, reading its header from the hub if need be. Raises `ModelError`."""
    models, folders, machine = _setup()
    model = repository.find(name, models)
    row = {**_row(model, models, folders, machine), **_details(model, models)}
    if as_json:
        printing.show(json.dumps(row, indent=2))
        return
    if model.unavailable:
        printing.show("\n".join(filter(None, (model.name, model.unavailable, model.notes))))
        return
    for key, value in {**row, "bytes": size_text(model.bytes) if model.bytes else None}.items():
        for number, line in enumerate(_lines(value)):
            printing.show(f"{LABELS.get(key, key.replace('_', ' ')) if not number else '':<15} {line}".rstrip())


def remove(name: str, *, agreed: bool, foreign: bool) -> None:
    """Delete a model's files after the user confirmed it. Raises `ModelError`."""
    models, folders, _ = _setup()
    model = models.get(name)
    plan = removal.plan(model, models, folders)
    for kept in plan.kept:
        printing.say(f"{kept.path} is kept: {kept.reason}")
    if plan.empty:
        raise ModelError(f"{model.id} has no files on this machine" if not plan.kept else "nothing was removed")
    if plan.owner and not foreign:
        raise ModelError(
            f"{model.id} belongs to {plan.owner}, which may need it; lechat rm {model.id} --foreign deletes it anyway"
        )
    if not agreed and not _confirmed(plan):
        raise ModelError("nothing was removed")
    removal.carry_out(plan)
    done = (
        f"was removed, which freed {size_text(plan.freed)}"
        if plan.paths
        else "is no longer listed; no file was deleted"
    )
    printing.say(f"{model.id} {done}")


def bring(path: Path, *, copy: bool, name: str) -> None:
    """Register a GGUF file, or all in a folder; with `copy`, copy them to lechat's folder. Raises `ModelError`."""
    models = compose.models(compose.settings())
    files = imported.files_in(paths.expanded(str(path)).absolute())
    if not files:
        raise ModelError(f"there is no .gguf file in {path}")
    if name and len(files) > 1:
        raise ModelError(f"--name is for a single file, but {path} has {len(files)}")
    failed = ""
    for file in files:
        try:
            _bring(file, models, copy=copy, name=name)
        except ModelError as error:
            if len(files) == 1:
                raise
            failed = failed or str(error)
            printing.say(f"skipped: {error}")
    if failed and not imported.ids():
        raise ModelError("nothing was imported")


def _bring(file: Path, models: Models, *, copy: bool, name: str) -> None:
    model = imported.named(models.get(str(file.absolute())), name)
    if model.id in models.catalog and model.id not in imported.ids():
        raise ModelError(f"there is already a model {model.id}; use --name to choose another name")
    if copy:
        model = imported.copied(model, _progress)
    imported.register(model)
    printing.say(f"{model.id} is ready; {model.use}")


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        printing.rewrite(f"copying {amount_text(done, total)}   ", end=end)


def _confirmed(plan: removal.Removal) -> bool:
    if not sys.stdin.isatty():
        raise ModelError(f"use lechat rm {plan.model.id} --yes, because there is no terminal to confirm it on")
    for path in plan.paths:
        printing.say(f"  {path}")
    what = f"Remove {plan.model.id}" + (f" of {plan.owner}" if plan.owner else "")
    printing.say(f"{what} and free {size_text(plan.freed)}? [y/N] ", end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _setup() -> tuple[Models, tuple[scan.ModelFolder, ...], Resources]:
    chosen = compose.settings()
    return compose.models(chosen), compose.model_folders(chosen), compose.this_machine()


def _cells(model: Model, models: Models, folders: Sequence[scan.ModelFolder], machine: Resources) -> tuple[str, ...]:
    files = models.files(model)
    size = size_text(model.bytes) if model.bytes else ""
    if model.unavailable:
        where = f"not published; use {model.instead}"
    elif files:
        where = _where(files.weights, folders)
    else:
        where = "not downloaded" if model.repo else f"missing: {model.weights.file}"
    mark = "*" if files else ""
    return mark, model.id, ", ".join(model.roles), model.weights.quant, size, _fits(model, machine), where


def _fits(model: Model, machine: Resources) -> str:
    fit = _fit(model, machine)
    return "" if fit is None else "yes" if fit.fits else "no"


def _fit(model: Model, machine: Resources) -> Fit | None:
    """How it fits into the machine's memory; None if its shape or the memory is not known."""
    try:
        return None if model.toy or model.unavailable else measure(model, machine)
    except ModelError:
        return None


def _where(file: Path, folders: Sequence[scan.ModelFolder]) -> str:
    """The program or folder that the file belongs to."""
    if folder := scan.containing(file, folders):
        return folder.owner
    return "part of lechat" if file.is_relative_to(paths.bundled("chaton")) else str(file.parent)


def _row(model: Model, models: Models, folders: Sequence[scan.ModelFolder], machine: Resources) -> dict[str, Any]:
    """The JSON object for a model; None stands for unknown values."""
    files = models.files(model)
    fit = _fit(model, machine)
    return {
        "id": model.id,
        "name": model.name,
        "roles": list(model.roles),
        "installed": files is not None,
        "quantization": model.weights.quant or None,
        "bytes": model.bytes or None,
        "fits": fit.fits if fit else None,
        "where": _where(files.weights, folders) if files else None,
        "path": str(files.weights) if files else None,
        "repo": model.weights.repo or model.repo or None,
        "license": model.license or None,
        "status": model.status or None,
        "instead": model.instead or None,
    }


def _details(model: Model, models: Models) -> dict[str, Any]:
    files = models.files(model)
    shape = model.shape
    return {
        "projector_path": str(files.projector) if files and files.projector else None,
        "revision": model.revision if model.repo else None,
        "files": [_file(weights) for weights in filter(None, (model.weights, model.projector)) if weights.file],
        "quantizations": [weights.quant for weights in model.quants] or None,
        "parameters": model.parameters * 1e9 or None,
        "active": model.active * 1e9 if model.active else None,
        "trained_context": model.trained or None,
        "context": model.context,
        "shape": {key: value for key, value in vars(shape).items() if value} if shape else None,
        "template": _template(model, models),
        "sampling": {key.name: getattr(model, key.name) for key in fields(Sampling) if hasattr(model, key.name)},
        "license_url": model.license_url or None,
        "consent": None if not model.consent else "given" if consent.given(model) else "needed",
        "gated": model.gated or None,
        "notes": model.notes or None,
    }


def _file(weights: Weights) -> dict[str, Any]:
    return {
        "file": weights.file,
        "parts": len(weights.files),
        "bytes": weights.size or None,
        "sha256": weights.sha256 or None,
    }


def _template(model: Model, models: Models) -> str:
    """Where the chat template comes from."""
    files = models.files(model)
    if files:
        from lechat_tui.models import gguf

        if gguf.read_header(files.weights).has_template:
            return "in the file"
    if model.template:
        return f"{model.template}, from lechat" + ("" if files else " unless the file has one")
    return "none; add one for this model in models.toml" if files else "in the file"


def _lines(value: Any) -> list[str]:
    """A value as lines of text; none for an unknown value."""
    match value:
        case None | "" | []:
            return []
        case bool():
            return ["yes" if value else "no"]
        case float() if value >= 1e6:
            return [f"{value / 1e9:.2f} billion" if value >= 1e9 else f"{value / 1e6:.0f} million"]
        case dict() if "file" in value:
            size = f", {size_text(value['bytes'])}" if value["bytes"] else ""
            parts = f", {value['parts']} parts" if value["parts"] > 1 else ""
            return [f"{value['file']}{size}{parts}", *([f"sha256 {value['sha256']}"] if value["sha256"] else [])]
        case dict():
            return [", ".join(f"{key.replace('_', ' ')} {inner}" for key, inner in value.items())]
        case [dict(), *_]:
            return [line for inner in value for line in _lines(inner)]
        case list():
            return [", ".join(map(str, value))]
        case _:
            return [str(value)]


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    cells = [[safe(" ".join(cell.split())) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEAD))]
    for row in cells:
        printing.show("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
