"""The history on disk. The only package with SQL."""

from lechat_tui.store.database import Store
from lechat_tui.store.errors import StoreError
from lechat_tui.store.read_only import open_for_reading
from lechat_tui.store.rows import MAX_MOMENT, Chat, Draft, Hit, Listing

__all__ = ["MAX_MOMENT", "Chat", "Draft", "Hit", "Listing", "Store", "StoreError", "open_for_reading"]
