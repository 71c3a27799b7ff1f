"""A throw-away server of a test's own."""

from collections.abc import Iterator

import pytest

from config.postgres import THROWAWAY, Server


@pytest.fixture
def stopped_server(tmp_path) -> Iterator[Server]:
    """Yield a server that was never started; ends it and its orphans afterwards."""
    server = Server(tmp_path / "data", THROWAWAY)
    yield server
    server.stop("immediate")


@pytest.fixture
def server(stopped_server) -> Server:
    stopped_server.start()
    return stopped_server
