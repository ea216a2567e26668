"""Slash commands. Importing this package fills the table in `base`, in the order of these imports."""

# ruff: noqa: I001
from lechat_tui.commands import (
    chats,
    private,
    answers,
    branches,
    context,
    models,
    settings,
    receipts,
    files,
    view,
    keys,
    program,
)

__all__ = [
    "answers",
    "branches",
    "chats",
    "context",
    "files",
    "keys",
    "models",
    "private",
    "program",
    "receipts",
    "settings",
    "view",
]
