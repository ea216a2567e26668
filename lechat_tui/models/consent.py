"""What the user has agreed to: licenses of models, and servers to send chats to."""

import json

from lechat_tui import paths, writing
from lechat_tui.models.catalog import Model, ModelError


def given(model: Model) -> bool:
    """Whether the model may be downloaded: its license needs no consent, or was accepted before."""
    return not model.consent or accepted(_key(model))


def give(model: Model) -> None:
    """Store that the user accepted the model's license. Raises `ModelError` if the file cannot be written."""
    accept(_key(model), model.license)


def accepted(key: str) -> bool:
    """Whether the user has agreed to this."""
    return key in _accepted()


def accept(key: str, what: str) -> None:
    """Store that the user agreed to this. Raises `ModelError`, which says `what`, if the file cannot be written."""
    keys = sorted({*_accepted(), key})
    file = paths.data() / "consent.json"
    try:
        writing.private_folder(file.parent)
        writing.write(file, json.dumps(keys, indent=2) + "\n")
    except OSError as error:
        raise ModelError(f"the consent to {what} could not be saved: {error.strerror or error}") from error


def _key(model: Model) -> str:
    """The license as it was shown; one with another address is another license."""
    return f"{model.license} {model.license_url}".strip() or model.id


def _accepted() -> list[str]:
    """What was agreed to; nothing if the file is damaged, so that the user is asked again."""
    try:
        kept = json.loads(writing.read(paths.data() / "consent.json"))
    except (OSError, ValueError, RecursionError):
        return []
    return [key for key in kept if isinstance(key, str)] if isinstance(kept, list) else []
