"""Imports from file to contacts."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from accounts.actors import SYSTEM
from accounts.models import Account, AuditEntry
from accounts.problems import Invalid
from workflows.crm.catalogue import EVENT_TYPES
from workflows.crm.imports import (
    problems_as_csv,
    receive_file,
    run_import,
    running,
    start_import,
    starting,
    unfinished_imports,
    writing,
)
from workflows.crm.models import (
    Consent,
    Contact,
    ContactIdentity,
    CustomField,
    Event,
    Import,
    ImportProblem,
    Tag,
)
from workflows.crm.tests.factories import ConsentFactory, ContactFactory, CustomFieldFactory
from workflows.crm.tests.world import NOW, count_queries, told

pytestmark = pytest.mark.django_db

HIGHLEVEL = {
    "type": "ContactCreate",
    "locationId": "ve9EPM428h8vShlRW1KT",
    "id": "nmFmQEsNgz6AVpgLVUJ0",
    "address1": "3535 1st St N",
    "city": "ruDolomitebika",
    "state": "AL",
    "companyName": "Loram ipsum",
    "country": "DE",
    "source": "xyz form",
    "dateAdded": "2021-11-26T12:41:02.193Z",
    "dateOfBirth": "2000-01-05T00:00:00.000Z",
    "dnd": True,
    "email": "JohnDeo@gmail.comm",
    "name": "John Deo",
    "firstName": "John",
    "lastName": "Deo",
    "phone": "+919509597501",
    "postalCode": "452001",
    "tags": ["id magna sed Lorem", "Duis dolor commodo aliqua"],
    "website": "https://www.google.com/",
    "attachments": [],
    "assignedTo": "nmFmQEsNgz6AVpgLVUJ0",
    "customFields": [{"id": "BcdmQEsNgz6AVpgLVUJ0", "value": "XYZ Corp"}, {"id": "Size", "value": "L"}],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def import_text(account: Account, folder: Path, text: str, **options: Any) -> Import:
    path = folder / "people.csv"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    job = start_import(account_id=account.id, actor=SYSTEM, path=path, **options)
    return run_import(import_id=job.id, clock=lambda: NOW)


def counts(job: Import) -> dict[str, int]:
    return {name: getattr(job, name) for name in ("total", "created", "updated", "skipped", "failed")}


def problems(job: Import) -> list[tuple[int, str, str]]:
    return list(ImportProblem.objects.filter(job=job).values_list("line", "column", "detail"))


class TestRunImport:
    def test_makes_contacts_with_everything(self, account: Account, folder: Path) -> None:
        CustomFieldFactory(account=account, key="size")
        header = ",".join(HIGHLEVEL)
        cells = [value if isinstance(value, str) else json.dumps(value) for value in HIGHLEVEL.values()]
        row = io.StringIO()
        csv.writer(row).writerow(cells)
        job = import_text(account, folder, f"{header}\n{row.getvalue()}", tag_name="Fair")
        assert job.status == "completed"
        assert counts(job) == {"total": 1, "created": 1, "updated": 0, "skipped": 0, "failed": 0}
        contact = Contact.objects.get()
        assert (contact.first_name, contact.last_name, contact.source) == ("John", "Deo", "xyz form")
        assert (contact.email, contact.phone) == ("JohnDeo@gmail.comm", "+919509597501")
        assert (contact.created_at, contact.updated_at, contact.owner_id) == (NOW, NOW, None)
        assert contact.custom_fields == {
            "address": "3535 1st St N",
            "city": "ruDolomitebika",
            "state": "AL",
            "company_name": "Loram ipsum",
            "country": "DE",
            "date_of_birth": "2000-01-05",
            "postal_code": "452001",
            "website": "https://www.google.com/",
            "size": "L",
        }
        assert dict(CustomField.objects.values_list("key", "field_type"))["website"] == "url"
        assert set(ContactIdentity.objects.values_list("kind", "source", "value")) == {
            ("email", "", "johndeo@gmail.comm"),
            ("phone", "", "+919509597501"),
            ("external", "highlevel", "nmFmQEsNgz6AVpgLVUJ0"),
        }
        tags = ["Fair", "id magna sed Lorem", "Duis dolor commodo aliqua"]
        assert set(contact.contact_tags.values_list("tag__name", flat=True)) == set(tags)
        assert set(Consent.objects.values_list("channel", "state")) == {
            ("email", "opt_out"),
            ("sms", "opt_out"),
            ("voice", "opt_out"),
            ("messenger", "opt_out"),
        }
        assert job.remarks == [
            "Column 'assignedTo' was left out: it names members by their ids in another system.",
            "customFields named BcdmQEsNgz6AVpgLVUJ0, which are no custom fields here: those values were left out.",
        ]
        types = [event_type for event_type, _ in told()]
        assert types == ["contact_created", *["tag_added"] * 3, *["unsubscribed"] * 4]
        assert AuditEntry.objects.get().verb == "contacts.imported"

    def test_events_carry_what_the_catalogue_says(self, account: Account, folder: Path) -> None:
        import_text(account, folder, "email,first_name,city,tags,dnd\na@b.co,Ada,Rome,x,\n")
        import_text(account, folder, "email,first_name,city,tags,dnd\nA@b.co,Augusta,Paris,y,yes\n")
        assert {event_type for event_type, _ in told()} == {
            "contact_created",
            "contact_updated",
            "custom_field_changed",
            "tag_added",
            "unsubscribed",
        }
        for event in Event.objects.all():
            assert tuple(sorted(event.data)) == tuple(sorted(EVENT_TYPES[event.event_type]))
            assert (event.account_id, event.depth, event.source, event.caused_by_id) == (account.id, 0, "", None)
            assert event.id.version == 7

    def test_updates_who_is_there_and_says_what_changed(self, account: Account, folder: Path) -> None:
        CustomFieldFactory(account=account, key="score", field_type="number")
        CustomFieldFactory(account=account, key="city")
        there = ContactFactory(
            account=account,
            email="ada@example.com",
            phone="+14155550123",
            first_name="Ada",
            custom_fields={"score": 1, "city": "Rome"},
            tags=["VIP"],
        )
        same = ContactFactory(account=account, email="grace@example.com", first_name="Grace")
        job = import_text(
            account,
            folder,
            "first_name,last_name,email,phone,score,tags\n"
            "Augusta,,ADA@example.com,,2.50,vip\n"
            "Grace,,grace@EXAMPLE.com,,,\n",
        )
        assert counts(job) == {"total": 2, "created": 0, "updated": 1, "skipped": 1, "failed": 0}
        there.refresh_from_db()
        same.refresh_from_db()
        assert (there.first_name, there.last_name, there.email) == ("Augusta", "Lovelace", "ada@example.com")
        assert there.custom_fields == {"score": 2.5, "city": "Rome"}
        assert there.updated_at == NOW != same.updated_at
        assert told() == [
            (
                "contact_updated",
                {
                    "fields": {
                        "first_name": {"from": "Ada", "to": "Augusta"},
                        "custom_fields.score": {"from": 1, "to": 2.5},
                    }
                },
            ),
            ("custom_field_changed", {"field": "score", "from": 1, "to": 2.5}),
        ]

    def test_leaves_who_is_there_alone_when_skipping(self, account: Account, folder: Path) -> None:
        there = ContactFactory(account=account, email="ada@example.com", first_name="Ada")
        text = "email,first_name,dnd,tags\nada@example.com,Eve,yes,x\nnew@example.com,New,,\nNEW@example.com,Old,,\n"
        job = import_text(account, folder, text, duplicate_handling="skip")
        assert counts(job) == {"total": 3, "created": 1, "updated": 0, "skipped": 2, "failed": 0}
        there.refresh_from_db()
        assert there.first_name == "Ada"
        assert Contact.objects.get(email="new@example.com").first_name == "New"
        assert Consent.objects.count() == Tag.objects.count() == 0

    def test_gives_everyone_the_tag_of_the_file_even_when_skipping(self, account: Account, folder: Path) -> None:
        there = ContactFactory(account=account, email="ada@example.com", tags=["fair"])
        other = ContactFactory(account=account, email="grace@example.com")
        text = "email\nada@example.com\ngrace@example.com\nnew@example.com\n"
        import_text(account, folder, text, duplicate_handling="skip", tag_name="Fair")
        assert Tag.objects.get().name == "fair"
        assert Tag.objects.get().contact_tags.count() == 3
        assert told(there.id) == []
        assert [event_type for event_type, _ in told(other.id)] == ["tag_added"]

    def test_rows_about_the_same_person_become_one_contact(self, account: Account, folder: Path) -> None:
        job = import_text(
            account,
            folder,
            "email,phone,first_name,last_name,tags\n"
            "ada@example.com,,Ada,Byron,a\n"
            "ADA@example.com,415 555 0123,,Lovelace,A;b\n"
            ",+1 415 555 0123,Augusta,,\n"
            "ada@example.com,,,,b\n",
        )
        assert counts(job) == {"total": 4, "created": 1, "updated": 2, "skipped": 1, "failed": 0}
        contact = Contact.objects.get()
        assert (contact.first_name, contact.last_name) == ("Augusta", "Lovelace")
        assert (contact.email, contact.phone) == ("ada@example.com", "+14155550123")
        assert [event_type for event_type, _ in told()] == ["contact_created", "tag_added", "tag_added"]

    def test_two_rows_that_find_one_contact_in_different_ways_change_it_once(
        self, account: Account, folder: Path
    ) -> None:
        there = ContactFactory(account=account, email="ada@example.com", phone="+14155550123", first_name="Ada")
        text = "email,phone,first_name,last_name\nada@example.com,,A,\n,+14155550123,B,Byron\n"
        job = import_text(account, folder, text)
        assert counts(job) == {"total": 2, "created": 0, "updated": 2, "skipped": 0, "failed": 0}
        there.refresh_from_db()
        assert (there.first_name, there.last_name) == ("B", "Byron")
        assert len(told()) == 1

    def test_a_new_address_takes_the_place_of_the_old(self, account: Account, folder: Path) -> None:
        ContactFactory(account=account, email="old@example.com", phone="+14155550123")
        import_text(account, folder, "email,phone\nnew@example.com,+14155550123\n")
        assert sorted(ContactIdentity.objects.values_list("value", flat=True)) == ["+14155550123", "new@example.com"]
        assert Contact.objects.get().email == "new@example.com"

    def test_an_address_that_a_later_row_replaces_stays_free(self, account: Account, folder: Path) -> None:
        there = ContactFactory(account=account, email="old@example.com", phone="+14155550100")
        import_text(
            account,
            folder,
            "email,phone\n"
            "first@example.com,+14155550123\n"
            "last@example.com,+14155550123\n"
            "passing@example.com,+14155550100\n"
            "OLD@example.com,+14155550100\n",
        )
        there.refresh_from_db()
        assert there.email.lower() == "old@example.com"
        assert set(ContactIdentity.objects.filter(kind="email").values_list("value", flat=True)) == {
            "last@example.com",
            "old@example.com",
        }

    def test_an_address_stays_with_its_owner(self, account: Account, folder: Path) -> None:
        ada = ContactFactory(account=account, email="ada@example.com")
        grace = ContactFactory(account=account, email="grace@example.com", phone="+14155550123")
        import_text(account, folder, "email,phone\nada@example.com,+14155550123\n")
        ada.refresh_from_db()
        assert ada.phone == "+14155550123"
        assert ContactIdentity.objects.get(kind="phone").contact_id == grace.id

    def test_splits_a_name_when_its_parts_are_missing(self, account: Account, folder: Path) -> None:
        import_text(account, folder, "email,name,first_name\na@b.co,Ludwig van Beethoven,\nb@b.co,X Y,Zed\n")
        assert list(Contact.objects.order_by("email").values_list("first_name", "last_name")) == [
            ("Ludwig", "van Beethoven"),
            ("Zed", ""),
        ]

    def test_leaves_another_account_alone(self, account: Account, other_account: Account, folder: Path) -> None:
        foreign = ContactFactory(account=other_account, email="ada@example.com", first_name="Ada", tags=["VIP"])
        CustomFieldFactory(account=other_account, key="size")
        job = import_text(account, folder, "email,first_name,tags,size\nada@example.com,Eve,VIP,L\n")
        foreign.refresh_from_db()
        assert foreign.first_name == "Ada"
        assert job.created == 1
        assert len(job.remarks) == 1
        assert Tag.objects.filter(account=account).count() == 1
        assert Event.objects.exclude(account_id=account.id).count() == 0

    def test_an_opt_out_on_record_keeps_its_time(self, account: Account, folder: Path) -> None:
        contact = ContactFactory(account=account, email="ada@example.com")
        earlier = NOW.replace(year=2025)
        ConsentFactory(contact=contact, channel="sms", state="opt_out", recorded_at=earlier)
        ConsentFactory(contact=contact, channel="email", state="opt_in", recorded_at=earlier)
        import_text(account, folder, "email,dnd\nada@example.com,TRUE\n")
        assert Consent.objects.get(channel="sms").recorded_at == earlier
        email = Consent.objects.get(channel="email")
        assert (email.state, email.recorded_at, email.evidence) == ("opt_out", NOW, "Import of people.csv")
        assert sorted(data["channel"] for event_type, data in told() if event_type == "unsubscribed") == [
            "email",
            "messenger",
            "voice",
        ]


class TestBrokenRows:
    def test_never_lose_the_others(self, account: Account, folder: Path) -> None:
        job = import_text(
            account,
            folder,
            "email,phone,timezone,first_name,tags,dnd,dateOfBirth\n"
            "good1@example.com,,,Ada,,,\n"
            "nobody,,,Eve,,,\n"
            ",12,,Eve,,,\n"
            "zone@example.com,,Mars/Olympus,Eve,,,\n"
            "nul@example.com,,,E\x00ve,,,\n"
            f"long@example.com,,,{'x' * 101},,,\n"
            f"tag@example.com,,,Eve,{'x' * 51},,\n"
            "dnd@example.com,,,Eve,,perhaps,\n"
            "date@example.com,,,Eve,,,5.1.2000\n"
            "cells@example.com,,,Eve,,,,extra\n"
            ",,,Nobody,,,\n"
            'quote@example.com,,,"E"ve,,,\n'
            "bytes@example.com,,,E\udcfcve,ë,,\n"
            "good2@example.com,,,Ada\n"
            "good3@example.com,,,Zoë,,,\n",
        )
        assert job.status == "completed"
        assert counts(job) == {"total": 15, "created": 3, "updated": 0, "skipped": 0, "failed": 12}
        assert set(Contact.objects.values_list("email", flat=True)) == {f"good{n}@example.com" for n in (1, 2, 3)}
        assert [(line, column) for line, column, _ in problems(job)] == [
            (3, "email"),
            (4, "phone"),
            (5, "timezone"),
            (6, "first_name"),
            (7, "first_name"),
            (8, "tags"),
            (9, "dnd"),
            (10, "dateOfBirth"),
            (11, ""),
            (12, ""),
            (13, ""),
            (14, "first_name"),
        ]
        assert problems(job)[0][2] == "email: Give an e-mail address such as name@example.com."

    def test_can_be_had_as_csv_to_mend_and_send_again(self, account: Account, folder: Path) -> None:
        job = import_text(
            account,
            folder,
            "email,phone,note,tags\n"
            'nobody,+14155550123,=HYPERLINK("x"),"a, b"\n'
            "ada@example.com,12,-5,\n"
            ',,"two\nlines",\n',
        )
        report = list(csv.reader(io.StringIO("".join(problems_as_csv(job)), newline="")))
        assert report[0] == ["email", "phone", "note", "tags", "line", "problem"]
        assert report[1][:5] == ["nobody", "+14155550123", '\'=HYPERLINK("x")', "a, b", "2"]
        assert report[2][:5] == ["ada@example.com", "12", "-5", "", "3"]
        assert report[3][:5] == ["", "", "two\nlines", "", "4"]
        assert len(report) == 4

    def test_a_report_without_problems_has_its_header(self, account: Account, folder: Path) -> None:
        job = import_text(account, folder, "email\na@b.co\n")
        assert "".join(problems_as_csv(job)) == "email,line,problem\r\n"


class TestBrokenFiles:
    @pytest.mark.parametrize("text", ["", "name,city\nAda,Rome\n", "\udc89PNG\r\n\x1a\n\x00\x00", '"email\na@b.co\n'])
    def test_fail_with_the_reason(self, account: Account, folder: Path, text: str) -> None:
        job = import_text(account, folder, text)
        assert job.status == "failed"
        assert job.error_message.startswith(("The ", "No "))
        assert job.completed_at == NOW
        assert Contact.objects.count() == 0

    def test_one_that_is_gone_too(self, account: Account, folder: Path) -> None:
        job = start_import(account_id=account.id, actor=SYSTEM, path=folder / "gone.csv")
        assert run_import(import_id=job.id).error_message == "The file is not there any more."

    def test_a_tag_that_cannot_be_is_refused_at_once(self, account: Account, folder: Path) -> None:
        with pytest.raises(Invalid):
            start_import(account_id=account.id, actor=SYSTEM, path=folder / "x.csv", tag_name="x" * 51)
        assert Import.objects.count() == 0


class TestRepeatedRuns:
    TEXT = "email,first_name,tags\n" + "".join(f"p{number}@example.com,P{number},x\n" for number in range(25))

    @pytest.fixture(autouse=True)
    def small_chunks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(running, "CHUNK_ROWS", 10)

    def test_a_finished_import_is_not_run_again(self, account: Account, folder: Path) -> None:
        job = import_text(account, folder, self.TEXT)
        events = Event.objects.count()
        assert counts(run_import(import_id=job.id)) == counts(job)
        assert Event.objects.count() == events

    def test_goes_on_where_it_was_stopped(self, account: Account, folder: Path) -> None:
        path = folder / "people.csv"
        path.write_text(self.TEXT)
        job = start_import(account_id=account.id, actor=SYSTEM, path=path)
        chunks = iter([False, True])
        job = run_import(import_id=job.id, is_stopping=lambda: next(chunks))
        assert (job.status, job.total, Contact.objects.count()) == ("running", 10, 10)
        job = run_import(import_id=job.id)
        assert job.status == "completed"
        assert counts(job) == {"total": 25, "created": 25, "updated": 0, "skipped": 0, "failed": 0}
        assert Event.objects.filter(event_type="contact_created").count() == 25

    def test_a_crash_in_a_chunk_undoes_that_chunk_only(
        self, account: Account, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = folder / "people.csv"
        path.write_text(self.TEXT)
        job = start_import(account_id=account.id, actor=SYSTEM, path=path)
        write, calls = running.write_staged, iter([False, True])

        def crash_the_second_time(**arguments: Any) -> Any:
            changed = write(**arguments)
            if next(calls):
                raise MemoryError
            return changed

        with monkeypatch.context() as patch:
            patch.setattr(running, "write_staged", crash_the_second_time)
            with pytest.raises(MemoryError):
                run_import(import_id=job.id)
        assert Contact.objects.count() == ContactIdentity.objects.count() == 10
        job = run_import(import_id=job.id)
        assert counts(job) == {"total": 25, "created": 25, "updated": 0, "skipped": 0, "failed": 0}
        assert Event.objects.filter(event_type="contact_created").count() == 25

    def test_is_given_up_after_five_that_died_at_the_same_rows(
        self, account: Account, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = folder / "people.csv"
        path.write_text(self.TEXT)
        job = start_import(account_id=account.id, actor=SYSTEM, path=path)
        chunks = iter([False, True])
        run_import(import_id=job.id, is_stopping=lambda: next(chunks))

        def die(**arguments: Any) -> Any:
            raise MemoryError

        monkeypatch.setattr(running, "write_staged", die)
        for _ in range(5):
            with pytest.raises(MemoryError):
                run_import(import_id=job.id)
        job = run_import(import_id=job.id)
        assert job.status == "failed"
        assert job.error_message == "Given up behind row 10: 5 runs in a row broke off there."
        assert Contact.objects.count() == 10

    def test_leaves_out_a_custom_field_that_is_deleted_meanwhile(self, account: Account, folder: Path) -> None:
        field = CustomFieldFactory(account=account, key="size")
        path = folder / "people.csv"
        path.write_text("email,size\n" + "".join(f"p{number}@example.com,L\n" for number in range(15)))
        job = start_import(account_id=account.id, actor=SYSTEM, path=path)

        def delete(progress: object) -> None:
            CustomField.objects.filter(id=field.id).delete()

        job = run_import(import_id=job.id, on_progress=delete)
        assert (job.status, job.created) == ("completed", 15)
        assert Contact.objects.filter(custom_fields__has_key="size").count() == 10

    def test_takes_as_many_queries_for_a_short_chunk_as_for_a_long_one(self, account: Account, folder: Path) -> None:

        short = count_queries(lambda: import_text(account, folder, "email\na@b.co\n", tag_name="x"))
        rows = "".join(f"q{number}@b.co\n" for number in range(9))
        assert count_queries(lambda: import_text(account, folder, f"email\n{rows}", tag_name="x")) == short - 2


class TestIds:
    def test_those_made_in_the_database_are_of_version_7_and_in_order(self, db: None) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {writing.UUID7} FROM generate_series(1, 3)")
            made = [row[0] for row in cursor.fetchall()]
            cursor.execute(f"SELECT pg_sleep(0.003), {writing.UUID7}")
            later = cursor.fetchone()[1]
        assert {(each.version, each.variant) for each in made} == {(7, "specified in RFC 4122")}
        assert len(set(made)) == 3
        assert all(each < later for each in made)


class TestReceiveFile:
    def test_keeps_nothing_of_a_file_that_is_too_large(
        self, account: Account, folder: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.MEDIA_ROOT = folder
        monkeypatch.setattr(starting, "MAXIMUM_UPLOAD_BYTES", 10)
        with pytest.raises(Invalid):
            receive_file(account_id=account.id, actor=SYSTEM, chunks=[b"email\n", b"a@b.co\n"], filename="a.csv")
        assert Import.objects.count() == 0
        assert list((folder / "imports").iterdir()) == []

    def test_unfinished_ones_are_known(self, account: Account, folder: Path, settings: Any) -> None:
        settings.MEDIA_ROOT = folder
        job = receive_file(account_id=account.id, actor=SYSTEM, chunks=[b"email\na@b.co\n"], filename="a.csv")
        assert unfinished_imports(before=job.created_at) == []
        assert unfinished_imports(before=job.created_at + timedelta(seconds=1)) == [job.id]
        run_import(import_id=job.id)
        assert unfinished_imports(before=job.created_at + timedelta(seconds=1)) == []
