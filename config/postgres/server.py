"""Starts, finds and stops the embedded PostgreSQL of one data directory.

The server is a daemon in a session of its own: it outlives the command that started it, and is found again by its pid
file. A killed server, a killed supervisor, a zombie or a reused pid leave nothing that has to be cleaned by hand.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from config.postgres import processes
from config.postgres.layout import NAME, PORT, Layout, binaries
from config.postgres.privileges import command_prefix
from config.postgres.roles import APPLICATION, ensure_application_role

READY_SECONDS = 600  # crash recovery after a long outage takes minutes
ORPHAN_SECONDS = 2
LOG_LIMIT = 10 * 1024 * 1024  # bytes; one older file is kept
STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class DatabaseError(RuntimeError):
    """The embedded server could not be made, started or stopped; the message says what to do or shows its log."""


@dataclass(frozen=True)
class Profile:
    """Server settings, and whether the data may be thrown away when they cannot be read."""

    settings: Mapping[str, str]
    is_disposable: bool = False


_COMMON = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "effective_cache_size": "1GB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}
DURABLE = Profile({**_COMMON, "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"})
THROWAWAY = Profile(
    {
        **_COMMON,
        "shared_buffers": "128MB",
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "autovacuum": "off",
    },
    is_disposable=True,
)


class Server:
    """One embedded server. Safe to use from several processes at once: starting and stopping take a lock."""

    def __init__(self, data_dir: Path, profile: Profile = DURABLE) -> None:
        self.layout = Layout(data_dir.resolve())
        self.profile = profile

    def pid(self) -> int | None:
        """Return the live server's process id, or None."""
        pid = _first_number(self.layout.pid_file)
        return pid if pid and processes.serves(pid, self.layout.cluster) else None

    def start(self) -> bool:
        """Make the server answer queries; returns whether it had to be started.

        Waits up to ten minutes for crash recovery. Raises DatabaseError with the end of the log when it fails.
        """
        self.layout.data_dir.mkdir(parents=True, exist_ok=True)
        with self._locked():
            try:
                return self._start()
            except DatabaseError:
                if not self.profile.is_disposable:
                    raise
                self._end_all(signal.SIGKILL)
                shutil.rmtree(self.layout.cluster, ignore_errors=True)
                return self._start()

    def stop(self, mode: str = "fast", *, seconds: float = 60) -> bool:
        """Stop the server ("smart", "fast" or "immediate"); returns whether one was running.

        A server that has not ended after so many seconds is stopped as in a crash: its next start recovers.
        """
        if not self.layout.data_dir.exists():
            return False
        with self._locked():
            self.layout.keep_marker.unlink(missing_ok=True)
            pid = self.pid()
            if pid is None:
                return False
            processes.signal_quietly(pid, STOP_SIGNALS[mode])
            if not processes.wait_until(lambda: not processes.is_running(pid), seconds=seconds):
                processes.signal_quietly(pid, signal.SIGQUIT)
            self._end_all(signal.SIGQUIT)
            with contextlib.suppress(OSError):
                self.layout.socket_dir.rmdir()
            return True

    def connect(self, database: str = NAME) -> psycopg.Connection:
        """Return an autocommit connection as the owner of everything."""
        return psycopg.connect(
            host=str(self.layout.socket_dir), port=PORT, user=NAME, dbname=database, connect_timeout=5, autocommit=True
        )

    def _start(self) -> bool:
        pid = self.pid()
        if is_down := pid is None:
            self._initialise()
            self._clear_remains()
            self._make_socket_dir()
            pid = self._launch()
        assert pid is not None
        self._wait_until_ready(pid)
        self._create_database()
        return is_down

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with self.layout.lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _initialise(self) -> None:
        """Make the cluster in a temporary folder, so that an interrupted initdb leaves none."""
        cluster = self.layout.cluster
        if cluster.exists():
            self._check_version()
            return
        prefix = command_prefix(cluster)
        for abandoned in self.layout.data_dir.glob("initdb-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        with tempfile.TemporaryDirectory(
            prefix="initdb-", dir=self.layout.data_dir, ignore_cleanup_errors=True
        ) as folder:
            fresh = Path(folder) / "postgres"
            arguments = [
                f"--pgdata={fresh}",
                f"--username={NAME}",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--locale=C",
                "--builtin-locale=C.UTF-8",
                "--no-instructions",
            ]
            if self.profile.is_disposable:
                arguments.append("--no-sync")
            result = subprocess.run(
                [*prefix, str(binaries() / "initdb"), *arguments],
                env=_environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            if result.returncode != 0:
                raise DatabaseError(f"initdb failed: {(result.stderr or result.stdout).strip()}")
            fresh.rename(cluster)

    def _check_version(self) -> None:
        have = _first_number(self.layout.cluster / "PG_VERSION")
        want = _major_version()
        if have != want:
            raise DatabaseError(
                f"{self.layout.cluster} was made by PostgreSQL {have}, the installed one is {want}: dump it with the "
                "old version and restore it, or choose another DATA_DIR."
            )

    def _clear_remains(self) -> None:
        """End the orphans of a killed server and remove pid files that name a zombie or a stranger."""
        cluster = self.layout.cluster
        if not processes.wait_until(lambda: not any(processes.serving(cluster)), seconds=ORPHAN_SECONDS):
            self._end_all(signal.SIGQUIT)
        for file in (self.layout.pid_file, self.layout.socket_dir / f".s.PGSQL.{PORT}.lock"):
            pid = _first_number(file)
            if pid is not None and Path(f"/proc/{pid}").exists():
                file.unlink()

    def _end_all(self, signal_number: int) -> None:
        """End every process of this cluster, at last with SIGKILL; returns when none is left."""
        cluster = self.layout.cluster
        for number, seconds in ((signal_number, 10.0), (signal.SIGKILL, 10.0)):
            for pid in processes.serving(cluster):
                processes.signal_quietly(pid, number)
            if processes.wait_until(lambda: not any(processes.serving(cluster)), seconds=seconds):
                return
        raise DatabaseError(f"Processes of {cluster} do not end: {list(processes.serving(cluster))}")

    def _make_socket_dir(self) -> None:
        folder = self.layout.socket_dir
        owner = self.layout.cluster.stat().st_uid
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        if folder.is_symlink() or found.st_uid not in (os.geteuid(), owner):
            raise DatabaseError(f"{folder} belongs to somebody else; remove it or choose another DATA_DIR.")
        folder.chmod(0o700)
        if os.geteuid() == 0:
            os.chown(folder, owner, -1)

    def _launch(self) -> int:
        log = self.layout.log
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
        quoted = str(self.layout.socket_dir).replace('"', '""')
        settings = {**self.profile.settings, "unix_socket_directories": f'"{quoted}"'}
        command = [
            *command_prefix(self.layout.cluster),
            str(binaries() / "postgres"),
            "-D",
            str(self.layout.cluster),
            *(f"--{name}={value}" for name, value in settings.items()),
        ]
        with log.open("ab") as output:
            return os.posix_spawnp(
                command[0],
                command,
                _environment(),
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, output.fileno(), 1),
                    (os.POSIX_SPAWN_DUP2, output.fileno(), 2),
                ],
                setsid=True,
                setsigmask=(),
                setsigdef=(signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGPIPE, signal.SIGHUP),
            )

    def _wait_until_ready(self, pid: int) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                with self.connect("postgres") as connection:
                    connection.execute("SELECT 1")
                return
            except psycopg.OperationalError as error:
                if not processes.is_running(pid):
                    raise DatabaseError(f"PostgreSQL did not start:\n{self._log_tail()}") from error
                if time.monotonic() > deadline:
                    raise DatabaseError(f"PostgreSQL does not answer: {error}\n{self._log_tail()}") from error
                time.sleep(0.05)

    def _create_database(self) -> None:
        with self.connect("postgres") as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
                connection.execute(f'CREATE DATABASE "{NAME}"')
        with self.connect() as connection:
            ensure_application_role(connection, APPLICATION)

    def _log_tail(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return "\n".join(self.layout.log.read_text(errors="replace").splitlines()[-15:])
        return "(no log)"


def _first_number(file: Path) -> int | None:
    try:
        return int(file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def _major_version() -> int:
    output = subprocess.run([binaries() / "postgres", "-V"], capture_output=True, text=True, check=True).stdout
    return int(output.split()[-1].split(".")[0])


def _environment() -> dict[str, str]:
    """The server's environment: nothing of ours, so that no PG… variable can redirect it."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
