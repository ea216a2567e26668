"""The child process of an embedding model: a line of JSON in for each text, one with its vector out.

Run as `python -m lechat_tui.engine.embedding_worker`. It ends when its stdin does.
"""

import base64
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from lechat_tui.engine.base import EngineError
from lechat_tui.private_memory import forbid_core_dumps

IDLE_SECONDS = 600
"""Without a text for so long, it ends and frees its memory."""

NICENESS = 10
"""Of 19: whatever else runs on the machine comes first."""


def main() -> None:
    """Load the model that the first line names, then embed a text a line."""
    forbid_core_dumps()
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # native prints go to the log, never between the replies
    with suppress(OSError, AttributeError):
        os.nice(NICENESS)
    embed: Callable[..., Any] | None = None
    for line in sys.stdin.buffer:
        signal.alarm(0)
        try:
            message = json.loads(line)
            if embed is None:
                from lechat_tui.engine.llama.embedding import EmbeddingLlama

                embed = EmbeddingLlama(Path(message["path"]), message["threads"]).embed
                reply = {"vector": ""}
            else:
                vector = embed(message["text"], question=message["question"])
                reply = {"vector": base64.b64encode(vector.tobytes()).decode()}
        except EngineError as error:
            reply = {"error": str(error)}
        except Exception as error:  # the edge of the process; the log has the trace
            logging.exception("the embedding failed")
            reply = {"error": f"the embedding failed: {error}"}
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.flush()
        signal.alarm(IDLE_SECONDS)  # which ends the process
    os._exit(0)  # the system frees a process faster than llama.cpp frees a model


if __name__ == "__main__":
    main()
