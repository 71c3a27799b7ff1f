"""`manage.py postbox`: the local stand-in for mail servers and webhook receivers."""

import asyncio
import contextlib
import fcntl
import os
import signal
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from workflows.messaging.postbox import Address
from workflows.messaging.postbox.server import Postbox, PostboxError, listening


class Command(BaseCommand):
    help = "Take in mail and webhooks on this machine, show them on a page, and misbehave on demand."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on; default: 127.0.0.1")
        parser.add_argument("--http-port", type=int, help="default: PORT (else 8000) + 1, or any where that is taken")
        parser.add_argument("--smtp-port", type=int, help="default: PORT (else 8000) + 2, or any where that is taken")

    def handle(
        self, *, host: str, http_port: int | None, smtp_port: int | None, verbosity: int, **options: Any
    ) -> None:
        if not settings.POSTBOX_ENABLED:
            raise CommandError("The postbox is for development and tests; these settings do not allow it.")
        data_dir: Path = settings.DATA_DIR
        data_dir.mkdir(parents=True, exist_ok=True)
        first_port = int(os.environ.get("PORT") or 8000)
        with self.only_one(data_dir):
            try:
                http = listening(host, http_port, first_port + 1)
                smtp = listening(host, smtp_port, first_port + 2)
            except (PostboxError, ValueError) as error:
                raise CommandError(str(error)) from error
            postbox = Postbox(data_dir, host=host, http=http, smtp=smtp)
            asyncio.run(self.serve(postbox, is_announced=verbosity > 0))

    async def serve(self, postbox: Postbox, *, is_announced: bool) -> None:
        """Run until Ctrl-C or SIGTERM."""
        asked_to_end = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, asked_to_end.set)
        async with postbox:
            if is_announced:
                self.announce(postbox.address)
            await asked_to_end.wait()

    def announce(self, address: Address) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.stdout.write(f"Postbox {address.url}/ takes webhooks in; mail: {address.host} port {address.smtp}.")
            self.stdout.flush()

    @contextlib.contextmanager
    def only_one(self, data_dir: Path) -> Iterator[None]:
        """Hold this data directory's postbox; CommandError when another process does."""
        with (data_dir / "postbox.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise CommandError(f"A postbox is running on {data_dir} already.") from error
            yield
