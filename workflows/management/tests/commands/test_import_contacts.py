"""`manage.py import_contacts`."""

import csv
import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Account
from workflows.crm.models import Contact, Tag
from workflows.crm.tests.factories import ContactFactory


def run(*arguments: str | Path) -> str:
    output = io.StringIO()
    call_command("import_contacts", *map(str, arguments), stdout=output)
    return output.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text("email,first_name,shoe size\nada@example.com,Ada,38\nnobody,Eve,40\n")
    return path


class TestImportContacts:
    def test_prints_the_counts_and_writes_the_error_rows(self, account: Account, file: Path, tmp_path: Path) -> None:
        errors = tmp_path / "errors.csv"
        output = run(file, "--account", str(account.id), "--tag", "Fair", "--errors", errors)
        assert output.splitlines()[:5] == ["total: 2", "created: 1", "updated: 0", "skipped: 0", "failed: 1"]
        assert output.splitlines()[5].startswith("note: Column 'shoe size' was left out")
        assert output.splitlines()[6] == f"errors: {errors}"
        assert Contact.objects.get().contact_tags.get().tag == Tag.objects.get(name="Fair")
        with errors.open(newline="") as report:
            rows = list(csv.reader(report))
        assert rows[0] == ["email", "first_name", "shoe size", "line", "problem"]
        assert rows[1][:4] == ["nobody", "Eve", "40", "3"]
        assert file.exists()

    @pytest.mark.parametrize(("option", "name"), [("--update", "Ada"), ("--skip", "Augusta")])
    def test_updates_or_skips(self, account: Account, file: Path, option: str, name: str) -> None:
        there = ContactFactory(account=account, email="ada@example.com", first_name="Augusta")
        run(file, "--account", str(account.id), option)
        there.refresh_from_db()
        assert there.first_name == name

    def test_says_what_is_wrong_with_the_call(self, account: Account, file: Path) -> None:
        for arguments in (
            (file, "--account", "nobody"),
            (file.with_name("gone.csv"), "--account", str(account.id)),
            (file, "--account", str(account.id), "--tag", "x" * 51),
        ):
            with pytest.raises(CommandError) as refusal:
                run(*arguments)
            assert refusal.value.returncode == 2
        assert Contact.objects.count() == 0

    def test_fails_when_the_file_cannot_be_read(self, account: Account, file: Path) -> None:
        file.write_text("name\nAda\n")
        with pytest.raises(CommandError, match="email, phone or id") as refusal:
            run(file, "--account", str(account.id))
        assert refusal.value.returncode == 1
