"""Importing files from outside."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from accounts.models import Account
from workflows.api import imports
from workflows.crm.models import Contact, Import
from workflows.crm.tests.factories import ImportFactory
from workflows.engine import wake
from workflows.engine.ticks import run_import_tick

ADDRESS = "/api/v1/contacts/import"


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path / "imports"


def send(api: APIClient, content: bytes, **fields: str) -> Any:
    return api.post(ADDRESS, {"file": SimpleUploadedFile("people.csv", content), **fields}, format="multipart")


class TestImport:
    def test_is_taken_in_run_and_reported(
        self, api: APIClient, media: Path, django_capture_on_commit_callbacks: Any
    ) -> None:
        content = "email,first_name\nada@example.com,Ada\nnobody,Eve\n".encode("utf-8-sig")
        with django_capture_on_commit_callbacks(execute=True):
            response = send(api, content, tag="Fair")
        assert response.status_code == 202
        body = response.json()
        assert (body["status"], body["filename"], body["tag_name"]) == ("queued", "people.csv", "Fair")
        assert body["duplicate_handling"] == "update"
        assert wake.is_queued(f"run_import-{body['id']}")
        assert len(list(media.iterdir())) == 1

        run_import_tick(import_id=body["id"])

        done = api.get(f"/api/v1/imports/{body['id']}").json()
        counts = {name: done[name] for name in ("status", "total", "created", "updated", "skipped", "failed")}
        assert counts == {
            "status": "completed",
            "total": 2,
            "created": 1,
            "updated": 0,
            "skipped": 0,
            "failed": 1,
        }
        assert done["errors_url"] == f"/api/v1/imports/{body['id']}/errors"
        assert Contact.objects.get().contact_tags.get().tag.name == "Fair"
        assert list(media.iterdir()) == []
        report = api.get(done["errors_url"], HTTP_ACCEPT="text/csv")
        assert report.status_code == 200
        assert report["Content-Type"] == "text/csv; charset=utf-8"
        text = b"".join(report.streaming_content).decode()
        assert list(csv.reader(io.StringIO(text)))[1][:3] == ["nobody", "Eve", "3"]

    def test_skips_on_request(self, api: APIClient, account: Account) -> None:
        response = send(api, b"email\nada@example.com\n", duplicate_handling="skip")
        assert response.json()["duplicate_handling"] == "skip"

    @pytest.mark.parametrize(
        ("fields", "attr", "code"),
        [
            ({"tag": "x" * 51}, "tag", "max_length"),
            ({"duplicate_handling": "merge"}, "duplicate_handling", "invalid_choice"),
            ({"colour": "red"}, "colour", "unknown_field"),
        ],
    )
    def test_is_refused(self, api: APIClient, media: Path, fields: dict[str, str], attr: str, code: str) -> None:
        response = send(api, b"email\n", **fields)
        assert response.status_code == 400
        assert [(error["code"], error["attr"]) for error in response.json()["errors"]] == [(code, attr)]
        assert Import.objects.count() == 0
        assert not media.exists()

    def test_needs_a_file(self, api: APIClient) -> None:
        response = api.post(ADDRESS, {"tag": "x"}, format="multipart")
        assert (response.status_code, response.json()["errors"][0]["attr"]) == (400, "file")
        response = send(api, b"")
        assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "empty")
        response = api.post(ADDRESS, {"file": "x"}, format="json")
        assert response.status_code == 415

    def test_refuses_a_broken_body(self, api: APIClient) -> None:
        disposition = b"Content-Disposition: form-data; name=file; filename="
        for body in (b"--x\r\nrubbish", b"", b"--x\r\n" + disposition + b"\x00\r\n\r\n"):
            response = api.generic("POST", ADDRESS, body, content_type="multipart/form-data; boundary=x")
            assert response.status_code == 400
        response = api.generic("POST", ADDRESS, b"x", content_type="multipart/form-data")
        assert response.status_code == 400

    def test_refuses_what_is_too_large_and_keeps_nothing(
        self, api: APIClient, media: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        response = api.generic(
            "POST", ADDRESS, b"--x", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=str(10**10)
        )
        assert response.status_code == 413
        monkeypatch.setattr(imports, "MAXIMUM_UPLOAD_BYTES", 10)
        response = send(api, b"email\n" + b"x" * 100)
        assert (response.status_code, response.json()["errors"][0]["code"]) == (413, "too_large")
        assert Import.objects.count() == 0
        assert not media.exists()

    def test_needs_an_editor(self, viewer_api: APIClient) -> None:
        assert send(viewer_api, b"email\n").status_code == 403
        assert Import.objects.count() == 0


class TestImports:
    def test_of_another_account_are_missing(self, api: APIClient, other_account: Account) -> None:
        foreign = ImportFactory(account=other_account)
        assert api.get(f"/api/v1/imports/{foreign.id}").status_code == 404
        assert api.get(f"/api/v1/imports/{foreign.id}/errors").status_code == 404
        assert api.get("/api/v1/imports").json()["total"] == 0
