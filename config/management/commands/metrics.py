"""`manage.py metrics`: serve `/metrics` on a port of its own, without a token."""

from argparse import ArgumentParser
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from config.metrics import exposition


class Command(BaseCommand):
    help = "Serve what this machine's processes counted at http://HOST:PORT/metrics, for a scraper in your own network."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on; default 127.0.0.1")
        parser.add_argument(
            "--port", type=int, default=settings.METRICS_PORT, help="default: the variable METRICS_PORT"
        )

    def handle(self, *, host: str, port: int, **options: Any) -> None:
        if not port:
            raise CommandError("Say on which port: --port, or the variable METRICS_PORT.")
        try:
            server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise CommandError(f"Port {port} of {host} cannot be used ({error}).") from error
        with server:
            server.serve_forever()


class Handler(BaseHTTPRequestHandler):
    """Answers GET /metrics and nothing else."""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            body = exposition()
        finally:
            connections.close_all()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", CONTENT_TYPE_LATEST)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's word
        """Say nothing: a scrape every few seconds is not worth a line."""
