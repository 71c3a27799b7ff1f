"""Writing the reference of the action types."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from workflows.actions.reference import reference
from workflows.actions.registry import registry


class Command(BaseCommand):
    help = "Write docs/actions.md from the classes of the action types."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail if the file is out of date")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = settings.BASE_DIR / "docs" / "actions.md"
        page = reference(registry)
        if not options["check"]:
            path.parent.mkdir(exist_ok=True)
            path.write_text(page, encoding="utf-8")
            self.stdout.write(f"{path.relative_to(settings.BASE_DIR)}: {len(registry)} types")
        elif not path.exists() or path.read_text(encoding="utf-8") != page:
            raise CommandError("docs/actions.md is out of date; run `manage.py document_actions` and commit it.")
