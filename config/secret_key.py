"""Keys made once for a local installation and kept in its data directory."""

import base64
import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from django.core.management.utils import get_random_secret_key


def local_secret_key(data_dir: Path) -> str:
    """Return the installation's key, creating `secret_key` (mode 0600) on first use.

    Processes that start at the same moment get the same key: the file appears with its content; the first one stays.
    """
    path = data_dir / "secret_key"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=data_dir, prefix="secret_key-") as file:
            file.write(get_random_secret_key())
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text().strip()


def local_encryption_key(data_dir: Path) -> str:
    """Return the Fernet key of this installation's secrets, derived from its secret key."""
    digest = hashlib.sha256(b"secrets:" + local_secret_key(data_dir).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()
