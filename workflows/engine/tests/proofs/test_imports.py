"""Workers killed with -9 and a database that loses its power while a file is imported: every row counts once."""

import os
import signal
from pathlib import Path

import pytest
from django.test import override_settings

from accounts.actors import SYSTEM
from accounts.tests.factories import AccountFactory
from workflows.crm.imports import receive_file
from workflows.crm.models import Contact, ContactIdentity, ContactTag, Event, Import, ImportProblem, ImportStatus
from workflows.engine.tests.proofs.installation import Installation, say, wait_until
from workflows.engine.wake import Tick, wake

pytestmark = pytest.mark.proof

ROWS = 150_000
BROKEN_EVERY = 20
KILLS = 4


class TestCrashesDuringAnImport:
    def test_lose_no_row_and_double_none(self, installation: Installation, tmp_path: Path) -> None:
        account = AccountFactory()
        lines = ["email,first_name,tags\n"]
        lines += [
            f"{'broken' if number % BROKEN_EVERY == 0 else f'person{number}@example.com'},P{number},vip\n"
            for number in range(ROWS)
        ]
        with override_settings(MEDIA_ROOT=tmp_path):
            job = receive_file(
                account_id=account.id, actor=SYSTEM, chunks=[line.encode() for line in lines], filename="people.csv"
            )
        wake(Tick.RUN_IMPORT, import_id=str(job.id))
        installation.start_workers(2)
        seconds = []
        for number in range(KILLS):
            before = self.rows_done(job)
            seconds.append(wait_until(lambda before=before: self.rows_done(job) > before, seconds=120))
            for pid in installation.worker_pids():
                os.kill(pid, signal.SIGKILL)
            if number == KILLS // 2:
                installation.crash_database()
        wait_until(lambda: self.status(job) == ImportStatus.COMPLETED, seconds=300)

        job.refresh_from_db()
        broken = ROWS // BROKEN_EVERY
        good = ROWS - broken
        assert (job.total, job.created, job.updated, job.skipped, job.failed) == (ROWS, good, 0, 0, broken)
        assert Contact.objects.for_account(account.id).count() == good
        assert ContactIdentity.objects.for_account(account.id).count() == good
        assert ContactTag.objects.for_account(account.id).count() == good
        assert ImportProblem.objects.filter(job=job).values("line").distinct().count() == broken
        for event_type in ("contact_created", "tag_added"):
            events = Event.objects.for_account(account.id).filter(event_type=event_type)
            assert events.count() == events.values("contact_id").distinct().count() == good
        assert list((tmp_path / "imports").iterdir()) == []
        say(f"{KILLS} kills and a crash during {ROWS} rows; up again after at most {max(seconds):.0f} s")

    def rows_done(self, job: Import) -> int:
        return Import.objects.values_list("total", flat=True).get(id=job.id)

    def status(self, job: Import) -> str:
        return Import.objects.values_list("status", flat=True).get(id=job.id)
