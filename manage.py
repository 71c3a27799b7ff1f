#!/usr/bin/env python
"""Django's command line; `DATA_DIR` and `DATABASE_URL` say which installation it speaks to."""

import os
import signal
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.db import OperationalError

from config.postgres import Server, uses_embedded_server


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except OperationalError:
        if not uses_embedded_server() or Server(settings.DATA_DIR).pid() is not None:
            raise
        sys.exit(
            f"The database of {settings.DATA_DIR} is not running: `make run` or `manage.py database start` starts it. "
            "DATA_DIR chooses another one, DATABASE_URL another server."
        )


if __name__ == "__main__":
    main()
