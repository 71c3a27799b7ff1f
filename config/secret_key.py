"""A secret key made once for a local installation and kept in its data directory."""

import os
from pathlib import Path

from django.core.management.utils import get_random_secret_key


def local_secret_key(data_dir: Path) -> str:
    """Return the installation's key, creating `secret_key` (mode 0600) on first use."""
    path = data_dir / "secret_key"
    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(get_random_secret_key())
    return path.read_text().strip()
