"""The real models that tests ask for; a test is skipped where its model was not fetched."""

from collections.abc import Callable
from pathlib import Path

import pytest
from files import MODELS


@pytest.fixture
def real_file() -> Callable[[str], Path]:
    """The file of a real model by its name."""

    def real_file(name: str) -> Path:
        if not MODELS[name].path.exists():
            pytest.skip(f"{MODELS[name].path} does not exist; tools/real_models fetches it")
        return MODELS[name].path

    return real_file
