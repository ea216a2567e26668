"""What `lechat library ask` does: one answer from the documents of a library."""

from lechat_tui.cli import compose, edge, oneshot
from lechat_tui.cli.inputs import Input
from lechat_tui.library import names


def ask(library: str, question: str, *, model: str, kept: bool, quiet: bool, as_json: bool) -> None:
    """Ask a question, and print the answer and its sources. Raises `LibraryError`, and what a one-shot answer does."""
    names.check(library)
    with edge.answering(as_lines=False):
        conversation = compose.conversation(compose.Overrides(model=model, private=not kept))
        conversation.set_libraries([library])
        with conversation.store:
            oneshot.run(
                conversation,
                Input("", question, ()),
                output="json" if as_json else "text",
                overflow="refuse",
                quiet=quiet,
                stats=False,
                kept=kept,
            )
