"""The postbox as a process of its own."""

import json
import socket

import pytest
from django.core.management import CommandError, call_command

from workflows.messaging.postbox import Address
from workflows.messaging.postbox.server import PostboxError, listening
from workflows.messaging.postbox.testing import postbox_in_process
from workflows.messaging.tests.postbox.test_receiver import call


class TestProcess:
    def test_tells_where_it_is_and_keeps_its_ledger_over_a_restart(self, tmp_path):
        with postbox_in_process(tmp_path) as postbox:
            told = json.loads((tmp_path / "postbox.json").read_text())
            assert set(told) == {"host", "http", "smtp", "pid"}
            assert call(postbox, headers={"webhook-id": "k"})[0] == 200
            with pytest.raises(CommandError, match="running"):
                call_in(tmp_path)
        assert not (tmp_path / "postbox.json").exists()
        with postbox_in_process(tmp_path) as postbox:
            assert call(postbox, headers={"webhook-id": "k"})[0] == 200
            assert [arrived["outcome"] for arrived in postbox.requests()] == ["new", "repeated"]


def call_in(data_dir) -> None:
    from django.test import override_settings

    with override_settings(DATA_DIR=data_dir):
        call_command("postbox", "--http-port=0", "--smtp-port=0")


class TestCommand:
    def test_is_refused_where_it_is_not_enabled(self, settings, tmp_path):
        settings.POSTBOX_ENABLED = False
        settings.DATA_DIR = tmp_path
        with pytest.raises(CommandError, match="do not allow"):
            call_command("postbox")
        assert list(tmp_path.iterdir()) == []

    def test_is_not_enabled_by_the_production_settings(self):
        from django.conf import settings

        base = (settings.BASE_DIR / "config/settings/base.py").read_text()
        production = (settings.BASE_DIR / "config/settings/production.py").read_text()
        assert "POSTBOX_ENABLED = False" in base
        assert "POSTBOX_ENABLED" not in production

    @pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.1", "::", "8.8.8.8"])
    def test_listens_on_loopback_addresses_only(self, host, settings, tmp_path):
        settings.DATA_DIR = tmp_path
        with pytest.raises(CommandError, match="no loopback address"):
            call_command("postbox", f"--host={host}")

    def test_says_when_a_port_it_was_given_is_taken(self, settings, tmp_path):
        settings.DATA_DIR = tmp_path
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            with pytest.raises(CommandError, match="is taken"):
                call_command("postbox", f"--http-port={other.getsockname()[1]}")


class TestListening:
    def test_takes_any_port_when_the_preferred_one_is_taken(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = other.getsockname()[1]
            with listening("127.0.0.1", None, taken) as found:
                assert found.getsockname()[1] != taken

    @pytest.mark.parametrize("port", [70_000, -1])
    def test_refuses_a_port_that_cannot_be(self, port):
        with pytest.raises(PostboxError, match="cannot be used"):
            listening("127.0.0.1", port, None)


class TestAddress:
    @pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"http": 1}'])
    def test_is_none_where_nothing_useful_is_written(self, text, tmp_path):
        (tmp_path / "postbox.json").write_text(text)
        assert Address.of(tmp_path) is None

    def test_is_none_where_no_postbox_was_started(self, tmp_path):
        assert Address.of(tmp_path) is None
