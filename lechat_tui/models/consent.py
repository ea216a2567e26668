"""Which licenses this person has said yes to. Knows no model but its license, and asks nobody."""

import json

from lechat_tui import paths, writing
from lechat_tui.models.catalog import Model, ModelError


def given(model: Model) -> bool:
    """Whether the model may be fetched: nothing was to be asked, or its license was accepted before."""
    return not model.consent or _key(model) in _accepted()


def give(model: Model) -> None:
    """Keep that the model's license was accepted. Raises `ModelError` when that cannot be kept."""
    accepted = sorted({*_accepted(), _key(model)})
    file = paths.data() / "consent.json"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        writing.write(file, json.dumps(accepted, indent=2) + "\n")
    except OSError as error:
        raise ModelError(f"that {model.license} was accepted cannot be kept: {error.strerror or error}") from error


def _key(model: Model) -> str:
    """The license as it was shown: another text at another address is another license."""
    return f"{model.license} {model.license_url}".strip() or model.id


def _accepted() -> list[str]:
    """What was accepted; nothing where the file cannot be understood, so that it is asked again."""
    try:
        kept = json.loads((paths.data() / "consent.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    return [key for key in kept if isinstance(key, str)] if isinstance(kept, list) else []
