"""The work of `/ocr`: pages are read by a model that supports images, then attached or written to a file."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from pathlib import Path

from lechat_tui import paths
from lechat_tui.attachments.documents import document_file
from lechat_tui.attachments.files import AttachmentError, Named
from lechat_tui.commands.base import Host, LongTask
from lechat_tui.documents.model import Document, PageRange
from lechat_tui.engine.base import Loading, Waiting
from lechat_tui.plaintext import safe
from lechat_tui.talk import phrases
from lechat_tui.talk.ocr.preparing import ocr_model, prepare
from lechat_tui.talk.ocr.reading import Job, PageBegun, document, markdown, notes, read_pages

MAX_NOTES = 5
"""Marks of pages that are shown one by one."""


async def start(host: Host, file: Named, out: Path | None) -> None:
    """Have the pages of a file read. Raises `LechatError`."""
    wanted = PageRange.of(file.part)
    if file.part and wanted is None:
        raise AttachmentError(
            f"#{safe(file.part)} is not a range of pages; write {safe(file.path.name)}#3-9, #2 or #10-"
        )
    conversation = host.conversation
    model = await asyncio.to_thread(ocr_model, conversation)
    job = await asyncio.to_thread(
        partial(
            prepare,
            file.path,
            wanted,
            model=model,
            spec=await asyncio.to_thread(conversation.spec, model),
            engine=conversation.engine,
            folder=None if conversation.private else paths.cache() / "ocr",
            pictures=out.with_name(f"{out.stem}-pictures") if out else None,
        )
    )
    kept = f"; {len(job.pages)} of them were read before" if job.pages else ""
    count = f"{len(job.numbers)} page{'s' * (len(job.numbers) != 1)}"
    host.say(f"{model.id} reads {count} of {job.scan.name}{kept}")
    if model.toy:
        host.say(f"{model.id} is a toy model, which can't read; /models lists real ones")
    line = f"/ocr {file.path.name}"
    host.run_task(LongTask(line, partial(_steps, job, model.id), partial(_deliver, host, job, out)))


async def _steps(job: Job, model: str) -> AsyncGenerator[tuple[str, float | None], None]:
    """What is done now, and the share of the pages that are read."""
    async with aclosing(read_pages(job)) as steps:
        async for step in steps:
            if isinstance(step, PageBegun):
                yield f"reading {step}", step.done / step.total
            elif isinstance(step, Loading | Waiting) and (activity := phrases.activity(step, model)):
                yield activity


async def _deliver(host: Host, job: Job, out: Path | None) -> None:
    """Attach the pages that were read to the next question, or write them to a file."""
    pages = job.pages
    if not pages:
        host.say(f"no page of {job.scan.name} was read")
        return
    marks = list(notes(job))
    for mark in marks[:MAX_NOTES]:
        host.say(mark)
    if len(marks) > MAX_NOTES:
        host.say(f"{len(marks) - MAX_NOTES} more pages are marked in the text")
    if out:
        from lechat_tui.commands.files import write  # which imports this module when it is needed

        await write(host, out, markdown(job), shown=False)
    else:
        read = document(job)
        attached = document_file(markdown(job).encode(), Document(f"{Path(read.name).stem}.md", "markdown", read.pages))
        host.attach(await asyncio.to_thread(host.conversation.keep_attachment, attached))
    if job.left:
        host.say(f"{len(pages)} of {len(job.numbers)} pages are read; the same /ocr resumes with the others")
    elif not out:
        host.say(f"the text of {job.scan.name} is attached to the next question")
    delivered = out is None or await asyncio.to_thread(out.is_file)  # or the user has refused to make a folder
    if delivered and not job.left:
        job.journal.remove(job.numbers)
