"""Opens the chat in the terminal's own scrollback."""

import typer

from lechat_tui.cli import compose, edge
from lechat_tui.inline import session
from lechat_tui.inline.lines import shown_input
from lechat_tui.models.catalog import Model
from lechat_tui.talk.conversation import Conversation


def run(conversation: Conversation) -> None:
    """Chat until the user quits."""
    edge.open_log()
    session.run(conversation, choices=compose.choices(), download=_download)


def _download(model: Model, force: bool) -> Model | None:
    """Download a model, or one that fits instead unless `force`, with a progress bar; returns it if all arrived.

    Raises `LechatError`.
    """
    from lechat_tui.cli import pull

    try:
        with shown_input():
            return pull.run(model.id, as_json=False, quiet=False, accept_license=False, force=force)
    except typer.Exit:  # interrupted, which `pull` has reported
        return None
