"""Fixtures of everything that sends: a postbox, and clients of the outgoing door."""

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from workflows.messaging.outbound import Client
from workflows.messaging.postbox.testing import PostboxClient, postbox_in_thread


@pytest.fixture(scope="session")
def postbox_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostboxClient]:
    """One postbox for the whole run; tests use `postbox`."""
    folder: Path = tmp_path_factory.mktemp("postbox")
    with postbox_in_thread(folder) as postbox:
        yield postbox


@pytest.fixture
def postbox(postbox_server: PostboxClient) -> PostboxClient:
    """A postbox that is empty and behaves."""
    postbox_server.clear()
    postbox_server.clear_rules()
    return postbox_server


@pytest.fixture
def outbound() -> Iterator[Client]:
    """A client that may reach 127.0.0.1 and asks for each address anew."""
    client = Client(allowed=[ip_network("127.0.0.1/32")], remember_seconds=0)
    yield client
    client.close()
