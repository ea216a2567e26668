"""A question on the command line, or a chat: what `lechat` does when no command is named."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lechat_tui import network
from lechat_tui.cli import edge

if TYPE_CHECKING:
    from lechat_tui.cli.oneshot import Output
    from lechat_tui.cli.overflow import Overflow
    from lechat_tui.engine.process import Spare


def run(
    *,
    prompt: Sequence[str] | None = None,
    model: str = "",
    resume_last: bool = False,
    resume: str = "",
    system: str | None = None,
    files: Sequence[str] = (),
    output: "Output" = "text",
    json: bool = False,
    no_save: bool = False,
    no_stdin: bool = False,
    quiet: bool = False,
    stats: bool = False,
    settings: Mapping[str, object],
    lora: Sequence[str] | None = None,
    reduced: bool = False,
    overflow: "Overflow" = "refuse",
    offline: bool = False,
    inline: bool = False,
    spare: "Spare | None" = None,
) -> None:
    """Answer the question and return, or open a chat. Raises what the parts raise.

    The parameters are the options of the command line. `spare` is a process for the engine that was started already.
    """
    if offline:
        network.forbid()
    from lechat_tui import plaintext, terminal
    from lechat_tui.cli import compose, inputs

    with edge.answering(as_lines=output == "stream-json" and not json):
        question = inputs.read(prompt, files, with_stdin=not no_stdin)
        overrides = compose.Overrides(
            model=model,
            system=plaintext.storable(system) if system else None,
            resume=resume or ("last" if resume_last else ""),
            with_images=bool(question and question.has_images),
            with_scans=bool(question and question.has_scans),
            private=no_save,
            settings=compose.given(**settings, lora=lora, reduced=reduced or None),
        )
        conversation = compose.conversation(overrides, spare)
        with conversation.store:
            if question is None and (inline or terminal.is_dumb(os.environ)):
                from lechat_tui.cli.inline import run as run_inline

                run_inline(conversation)
            elif question is None:
                from lechat_tui.cli.screen import run as run_screen

                run_screen(conversation)
            else:
                from lechat_tui.cli.oneshot import run as run_once

                run_once(
                    conversation,
                    question,
                    output="json" if json else output,
                    overflow=overflow,
                    quiet=quiet,
                    stats=stats,
                    kept=not no_save,
                )
