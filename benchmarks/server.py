"""The benchmark's own durable database (fsync on) and the worker processes on it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django

from config.postgres import DURABLE, Server

ROOT = Path(__file__).resolve().parents[1]
READY_SECONDS = 60.0
STOP_SECONDS = 40.0


@contextmanager
def database() -> Iterator[Path]:
    """Start a fresh server below DATA_DIR, set Django up on it, migrate, and remove everything at the end."""
    folder = Path(os.environ.get("DATA_DIR", ROOT / ".data")).resolve() / "benchmark"
    server = Server(folder, DURABLE)
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)
    server.start()
    os.environ |= {
        "DATA_DIR": str(folder),
        "ENGINE_CLOCK_FILE": str(folder / "clock"),
        "DJANGO_SETTINGS_MODULE": "config.settings.development",
        "LOG_LEVEL": "WARNING",
    }
    os.environ.pop("DATABASE_URL", None)
    try:
        django.setup()
        manage("migrate", "--verbosity=0")
        yield folder
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def manage(*arguments: str) -> None:
    subprocess.run([sys.executable, str(ROOT / "manage.py"), *arguments], check=True, cwd=ROOT)


@contextmanager
def workers(count: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run `manage.py worker` with so many processes; yields once all of them beat."""
    from workflows.models import WorkerHeartbeat  # noqa: PLC0415 - Django is set up by now

    WorkerHeartbeat.objects.all().delete()
    command = [sys.executable, str(ROOT / "manage.py"), "worker", f"--processes={count}"]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while WorkerHeartbeat.objects.count() < count:
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError("the workers do not start")
            time.sleep(0.1)
        time.sleep(1)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)
