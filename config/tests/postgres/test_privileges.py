"""How root and users that nobody knows start PostgreSQL."""

import os
import pwd
import stat

import pytest

from config.postgres import privileges, processes
from config.postgres.privileges import NOBODY, command_prefix

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may change users")
ROOT_ENTRY = pwd.struct_passwd(("root", "x", 0, 0, "", "/root", "/bin/sh"))
NOBODY_ENTRY = pwd.struct_passwd(("nobody", "x", NOBODY, NOBODY, "", "/", "/bin/false"))
DAEMON_ENTRY = pwd.struct_passwd(("daemon", "x", 1, 1, "", "/", "/bin/false"))


@pytest.fixture
def without_namespaces(monkeypatch):
    monkeypatch.setattr(privileges, "namespaces_allowed", lambda: False)


class TestCommandPrefix:
    @pytest.mark.parametrize(
        ("user", "is_known", "is_allowed", "prefix"),
        [
            (1000, True, True, []),
            (1000, True, False, []),
            (1000, False, True, ["unshare", "--user", "--map-user=1", "--"]),
            (1000, False, False, []),  # initdb then says what is missing
            (0, True, True, ["unshare", "--user", "--map-user=1", "--"]),
        ],
    )
    def test_depends_on_the_user_and_the_kernel(self, monkeypatch, tmp_path, user, is_known, is_allowed, prefix):
        monkeypatch.setattr(os, "geteuid", lambda: user)
        monkeypatch.setattr(privileges, "is_known", lambda user: is_known)
        monkeypatch.setattr(privileges, "namespaces_allowed", lambda: is_allowed)
        monkeypatch.setattr(pwd, "getpwall", lambda: [ROOT_ENTRY, NOBODY_ENTRY, DAEMON_ENTRY])
        assert command_prefix(tmp_path / "postgres") == prefix

    def test_without_any_way_says_what_to_do(self, monkeypatch, tmp_path, without_namespaces):
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(privileges.shutil, "which", lambda name: None)
        with pytest.raises(PermissionError, match="run as an ordinary user or set DATABASE_URL"):
            command_prefix(tmp_path / "postgres")

    def test_calls_us_nobody_when_there_is_no_other_user(self, monkeypatch):
        monkeypatch.setattr(pwd, "getpwall", lambda: [ROOT_ENTRY])
        assert privileges.namespace() == ["unshare", "--user", f"--map-user={NOBODY}", "--"]


@as_root
class TestRootWithoutNamespaces:
    def test_runs_the_server_as_nobody_below_a_folder_only_root_may_enter(
        self, without_namespaces, stopped_server, tmp_path
    ):
        tmp_path.chmod(stat.S_IRWXU)
        stopped_server.start()
        assert owner_of(stopped_server.pid()) == NOBODY
        assert stopped_server.layout.cluster.stat().st_uid == NOBODY
        stopped_server.stop()
        assert stopped_server.start() is True

    def test_takes_over_a_cluster_made_in_a_namespace_and_back(self, monkeypatch, stopped_server):
        stopped_server.start()
        assert owner_of(stopped_server.pid()) == 0
        stopped_server.stop()
        with monkeypatch.context() as patch:
            patch.setattr(privileges, "namespaces_allowed", lambda: False)
            stopped_server.start()
            assert owner_of(stopped_server.pid()) == NOBODY
            stopped_server.stop()
        stopped_server.start()
        assert owner_of(stopped_server.pid()) == NOBODY


def owner_of(pid):
    return (processes.PROC / str(pid)).stat().st_uid
