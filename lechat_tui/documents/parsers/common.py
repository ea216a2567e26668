"""What the parsers have in common. Each has `parse(content, pages)`, which yields what follows."""

from lechat_tui.documents.model import Page

Item = Page | int | str
"""What a parser yields: the number of all pages, when it is known; a page; or a sentence about what was lost."""

MAX_PAGES = 20_000


class Unreadable(Exception):
    """The document can't be converted; the text continues a sentence that begins with the file's name."""


def check_pages(total: int, unit: str = "page") -> int:
    """The number of pages. Raises `Unreadable` when there are too many."""
    if total > MAX_PAGES:
        raise Unreadable(f"has {total:,} {unit}s; up to {MAX_PAGES:,} can be read")
    return total
