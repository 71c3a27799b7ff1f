"""The test run's own plugin."""

import os
import socket
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from pytest_socket import SocketConnectBlockedError

from config import testing


class TestTakeFolder:
    def test_gives_each_run_another_folder(self, tmp_path, monkeypatch):
        held = []
        for name in ("test", "test-2", "test-3"):
            monkeypatch.setattr(testing, "_folder_lock", None)
            assert testing.take_folder(tmp_path) == tmp_path / name
            held.append(testing._folder_lock)
        held[1].close()
        assert testing.take_folder(tmp_path) == tmp_path / "test-2"
        testing._folder_lock.close()
        held[0].close()
        held[2].close()


def test_the_settings_use_this_runs_folder():
    assert Path(os.environ["DATA_DIR"]) == settings.DATA_DIR
    assert settings.DATA_DIR.name.startswith("test")


@pytest.mark.django_db
def test_the_server_is_the_throw_away_one(request):
    if os.environ.get("DATABASE_URL"):
        pytest.skip("another server was named")
    with connection.cursor() as cursor:
        cursor.execute("SHOW fsync")
        assert cursor.fetchone() == ("off",)


def test_the_network_is_closed():
    with socket.socket() as outside, pytest.raises(SocketConnectBlockedError):
        outside.connect(("192.0.2.1", 80))


def test_this_machine_can_be_reached():
    with socket.socket() as listener, socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())
