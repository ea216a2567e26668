"""What runs in processes that are going to be killed, or whose disk is full."""

import os
import resource
from multiprocessing.connection import Connection

from lechat_tui.models.catalog import Model, ModelError
from lechat_tui.models.pull import pull


def fetch(model: Model, address: str, home: str) -> None:
    """Download the model from this hub into the cache below this folder."""
    os.environ.update(HF_ENDPOINT=address, HF_HOME=home)
    pull(model)


def download_onto_a_full_disk(model: Model, address: str, home: str, errors: Connection) -> None:
    """Download with a limit on the file size, which looks like a full disk; sends the error message."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
    try:
        fetch(model, address, home)
    except ModelError as error:
        errors.send(str(error))
