"""One of each real server for all tests."""

from collections.abc import Iterator

import pytest
import real_servers

from lechat_tui.engine.base import Server


@pytest.fixture(scope="session")
def llama_server() -> Iterator[real_servers.LlamaServer]:
    with real_servers.llama_server() as server:
        yield server


@pytest.fixture(scope="session")
def python_server() -> Iterator[Server]:
    with real_servers.python_server() as server:
        yield server
