"""Finds the fenced code in Markdown."""


def fences(text: str) -> list[str]:
    """The contents of the code fences, in order, as the screen numbers them; those in lists and quotations too."""
    from markdown_it import MarkdownIt  # slow to import, and not needed at every start

    return [token.content for token in MarkdownIt("commonmark").parse(text) if token.type == "fence"]
