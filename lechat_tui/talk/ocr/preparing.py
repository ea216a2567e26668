"""From a file and a model to what is read with it: opens the file, finds the pages that were read before."""

from pathlib import Path

from lechat_tui.documents.model import PageRange
from lechat_tui.engine.base import Engine, ModelSpec
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError
from lechat_tui.models.projectors import max_pixels
from lechat_tui.talk.conversation import Conversation
from lechat_tui.talk.ocr.journal import file_sha256, journal_of
from lechat_tui.talk.ocr.pictures import open_scan
from lechat_tui.talk.ocr.reading import Job, wanted_pages
from lechat_tui.talk.ocr.recipes import GENERAL, recipe_of, sampling_of

VERSION = 2
"""Of what a page is made into; pages of another version are read again."""


def made_for_ocr(models: Models) -> Model | None:
    """The first model on this machine that was made for OCR; None if there is none."""
    return next((row for row in models.installed() if row.supports_images and recipe_of(row) is not GENERAL), None)


def ocr_model(conversation: Conversation) -> Model:
    """A model made for OCR, else the chat's if it supports images, else that of the role `vision`.

    Raises `ModelError`.
    """
    if special := made_for_ocr(conversation.models):
        return special
    if conversation.model.supports_images:
        return conversation.model
    model = conversation.models.for_role("vision")
    if not model.supports_images:
        raise ModelError(f"{model.id} does not support images; /vision NAME chooses another model for them")
    return model


def prepare(
    path: Path,
    pages: PageRange | None,
    *,
    model: Model,
    spec: ModelSpec,
    engine: Engine,
    folder: Path | None,
    pictures: Path | None = None,
) -> Job:
    """What to read. `folder` keeps the pages that were read until all of them are; None keeps them in memory.

    `pictures` is the folder for the pictures in the pages. Takes a moment: it reads the file. Raises `LechatError`.
    """
    scan = open_scan(path)
    recipe = recipe_of(model)
    sampling = sampling_of(recipe, model, spec.context)
    pixels = max_pixels(spec)
    settings = (VERSION, model.id, spec.file, getattr(spec, "sha256", ""), recipe, sampling, pixels, pictures)
    journal = journal_of(folder, file_sha256(path), *settings)
    return Job(scan, wanted_pages(scan, pages), engine, spec, recipe, sampling, pixels, journal, pictures)
