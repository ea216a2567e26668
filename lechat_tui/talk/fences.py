"""The fenced code in a Markdown text, numbered as the screen numbers it."""


def fences(text: str) -> list[str]:
    """The contents of the code fences, in the order in which they stand; those in lists and quotations too."""
    from markdown_it import MarkdownIt  # takes a while, and every start passes here

    return [token.content for token in MarkdownIt("commonmark").parse(text) if token.type == "fence"]
