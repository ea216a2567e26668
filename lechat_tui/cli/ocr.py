"""`lechat ocr`: a PDF or an image as Markdown, read page by page by a model that supports images."""

import asyncio
import json
import sys
import time
from contextlib import aclosing
from pathlib import Path

import typer

from lechat_tui import paths, writing
from lechat_tui.cli import compose, edge, printing
from lechat_tui.cli.oneshot import Hints
from lechat_tui.documents.model import PageRange
from lechat_tui.engine.base import Delta, Prefill
from lechat_tui.errors import LechatError
from lechat_tui.models.catalog import Model
from lechat_tui.plaintext import safe
from lechat_tui.talk.ocr.journal import OcrError, PageText
from lechat_tui.talk.ocr.preparing import made_for_ocr, prepare
from lechat_tui.talk.ocr.reading import Job, PageBegun, markdown, notes, read_pages

PROGRESS_SECONDS = 0.2
"""Between two updates of the progress line."""


def run(
    file: Path, *, out: Path | None, pages: str, model: str, context: int | None, as_json: bool, quiet: bool
) -> int:
    """Read the pages, print or write them; the exit code, 1 if a page is not whole. Raises `LechatError`."""
    wanted = PageRange.of(pages)
    if pages and wanted is None:
        raise typer.BadParameter(f"--pages {pages} is not a range of pages; write 3-9, 2, 10- or 1,4-6")
    file = file.expanduser()
    if out:
        _check_output(out, file)
    overrides = compose.Overrides(model=model, with_images=True, private=True, settings=compose.given(context=context))
    conversation = compose.conversation(overrides)
    with conversation.store:
        if not model and (special := made_for_ocr(conversation.models)):
            conversation.switch(special)
        setup = conversation.setup
        spec = setup.spec(conversation.models)
        job = prepare(
            file,
            wanted,
            model=setup.model,
            spec=spec,
            engine=conversation.engine,
            folder=paths.cache() / "ocr",
            pictures=out.with_name(f"{out.stem}-pictures") if out else None,
        )
        hints = Hints(quiet)
        _introduce(job, setup.model, hints)
        try:
            asyncio.run(_read(job, hints, setup.model.id))
        except (KeyboardInterrupt, LechatError) as error:
            hints.say(f"{len(job.pages)} of {len(job.numbers)} pages are read and kept; the same command resumes")
            if isinstance(error, KeyboardInterrupt):
                raise typer.Exit(edge.INTERRUPTED) from None
            raise
    _deliver(job, setup.model, out, as_json=as_json)
    job.journal.remove(job.numbers)
    return _report(job, out, hints)


def _check_output(out: Path, file: Path) -> None:
    """Raise `OcrError` before hours are spent on what can't be written."""
    if out.is_dir() or not out.absolute().parent.is_dir():
        what = "is a folder; name a file in it" if out.is_dir() else "can't be written: its folder does not exist"
        raise OcrError(f"{safe(str(out))} {what}")
    if out.exists() and file.exists() and out.samefile(file):
        raise OcrError(f"{safe(str(out))} is the file to read; name another one for the Markdown")


def _introduce(job: Job, model: Model, hints: Hints) -> None:
    if model.toy:
        hints.say(f"{model.id} is a toy model, which can't read; lechat ls lists real ones with images")
    if job.pages:
        rest = "resuming with the others" if job.left else "none is left to read"
        hints.say(f"{len(job.pages)} of {len(job.numbers)} pages were read before; {rest}")


async def _read(job: Job, hints: Hints, model: str) -> None:
    """Read the pages and show the progress."""
    line, characters, shown = "", 0, 0.0
    at_terminal = sys.stderr.isatty()
    try:
        async with aclosing(read_pages(job)) as steps:
            async for step in steps:
                match step:
                    case PageBegun():
                        line, characters = str(step), 0
                        hints.overwrite(line) if at_terminal else hints.say(line)
                    case Delta(text):
                        characters += len(text)
                        if time.monotonic() - shown > PROGRESS_SECONDS:
                            shown = time.monotonic()
                            hints.overwrite(f"{line}: {characters:,} characters")
                    case Prefill(done, total):
                        hints.overwrite(f"{line}: reading the picture, {done / max(total, 1):.0%}")
                    case PageText():
                        pass
                    case _:
                        hints.show(step, model)
    finally:
        hints.clear()
        await job.engine.close()


def _deliver(job: Job, model: Model, out: Path | None, *, as_json: bool) -> None:
    """Write the Markdown and print what goes to stdout. Raises `OcrError`."""
    text = markdown(job)
    if out:
        try:
            writing.write(out, text, mode=0o666)
        except OSError as error:
            reason = error.strerror or error
            raise OcrError(f"{safe(str(out))} can't be written: {reason}; the same command tries again") from error
    if as_json:
        printing.show(json.dumps(_as_object(job, model, out), indent=2))
    elif not out:
        printing.content(text)


def _as_object(job: Job, model: Model, out: Path | None) -> dict[str, object]:
    return {
        "file": job.scan.name,
        "page_count": job.scan.pages,
        "model": model.id,
        "output": str(out) if out else None,
        "pages": [
            {
                "page": page.number,
                "text": page.text,
                "ended": page.ended,
                "kept": page.kept,
                "invented": page.invented,
                "parroted": page.parroted,
                "pieces": page.pieces,
                "pictures": list(page.pictures),
                "seconds": page.seconds,
                "marks": list(page.marks),
            }
            for page in job.pages
        ],
    }


def _report(job: Job, out: Path | None, hints: Hints) -> int:
    """Say what is not as it should be; the exit code."""
    for note in notes(job):
        hints.say(note)
    if out:
        count = len(job.pages)
        hints.say(f"wrote {count} page{'s' * (count != 1)} to {out}")
    return edge.FAILED if any(page.ended in ("length", "loop", "failed") for page in job.pages) else 0
