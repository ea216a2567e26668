"""Asks the user to accept the license of a model that restricts its use."""

import asyncio

from textual.app import App

from lechat_tui.models import consent
from lechat_tui.models.catalog import Model
from lechat_tui.ui.dialogs.picker import YesNo


async def license_accepted(app: App[None], model: Model) -> bool:
    """Whether the user accepts the license of this model, now or earlier; true for a license without restrictions."""
    if await asyncio.to_thread(consent.given, model):
        return True
    terms = f"{model.id}: the {model.license} license forbids commercial use\n{model.license_url}".rstrip()
    if await app.push_screen_wait(YesNo(f"{terms}\n\nDo you accept it?", default=False)) != "yes":
        return False
    await asyncio.to_thread(consent.give, model)
    return True
