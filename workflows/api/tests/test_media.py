import io
import zipfile
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import AuditEntry
from workflows.messaging.models import Media
from workflows.messaging.tests.factories import MediaFactory
from workflows.tests.factories import WorkflowFactory

pytestmark = pytest.mark.django_db

PATH = "/api/v1/media"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PDF = b"%PDF-1.7\n%\xe2\xe3\n"


@pytest.fixture(autouse=True)
def folder(settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def upload(api, content: bytes, name: str, content_type: str = "application/octet-stream"):
    return api.post(PATH, {"file": SimpleUploadedFile(name, content, content_type)}, format="multipart")


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name in names:
            packed.writestr(name, "x")
    return buffer.getvalue()


class TestUploading:
    def test_keeps_the_file_under_a_name_of_its_own(self, api, account, folder):
        answer = upload(api, PDF, "offer.pdf")
        assert answer.status_code == 201
        body = answer.json()
        assert (body["name"], body["content_type"], body["size"]) == ("offer.pdf", "application/pdf", len(PDF))
        (kept,) = files(folder)
        assert kept.relative_to(folder) == Path(f"uploads/{account.id}/{body['id']}")
        assert kept.read_bytes() == PDF
        assert AuditEntry.objects.for_account(account.id).filter(verb="media.created").count() == 1

    @pytest.mark.parametrize(
        ("content", "name", "content_type"),
        [
            (PNG, "a.png", "image/png"),
            (b"\xff\xd8\xff\xe0" + b"x" * 9, "a.jpeg", "image/jpeg"),
            (b"GIF89a" + b"x" * 9, "a.gif", "image/gif"),
            (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "a.webp", "image/webp"),
            (b"RIFF\x00\x00\x00\x00WAVEfmt ", "a.wav", "audio/wav"),
            (b"ID3\x04" + b"x" * 9, "a.mp3", "audio/mpeg"),
            (b"\x00\x00\x00\x18ftypmp42" + b"x" * 9, "a.mp4", "video/mp4"),
            (archive("[Content_Types].xml", "word/document.xml"), "a.docx", WORD),
            (archive("a.txt"), "a.zip", "application/zip"),
            ("a,b\nü,c\n".encode(), "a.csv", "text/csv"),
            (b"BEGIN:VCALENDAR\r\n", "a.ics", "text/calendar"),
            (b"Hello", "a.txt", "text/plain"),
        ],
    )
    def test_judges_the_type_by_the_content(self, api, content, name, content_type):
        answer = upload(api, content, name, "application/x-lie")
        assert (answer.status_code, answer.json().get("content_type")) == (201, content_type)

    @pytest.mark.parametrize(
        ("content", "name"),
        [
            (b"MZ\x90\x00" + b"\x00" * 60, "setup.exe"),
            (b"MZ\x90\x00" + b"\x00" * 60, "setup.pdf"),
            (b"\x7fELF" + b"\x00" * 60, "a.png"),
            (b"<html><script>alert(1)</script>", "a.html"),
            (b"<svg onload='alert(1)'>", "a.svg"),
            (b"#!/bin/sh\n", "a.sh"),
            (b"plain", "noending"),
            (b"a\x00b", "a.txt"),
            (b"\xff\xfe\x00", "a.csv"),
            (b"PK\x03\x04 broken", "a.zip"),
            (archive("[Content_Types].xml", "word/vbaProject.bin"), "a.docm"),
            (archive("[Content_Types].xml", "other/x"), "a.docx"),
        ],
    )
    def test_refuses_other_types(self, api, folder, content, name):
        answer = upload(api, content, name)
        assert answer.status_code == 400
        assert [(error["code"], error["attr"]) for error in answer.json()["errors"]] == [("unsupported_type", "file")]
        assert files(folder) == []
        assert not Media.objects.exists()

    def test_refuses_an_empty_file(self, api):
        assert upload(api, b"", "a.pdf").json()["errors"][0]["code"] == "empty"

    def test_refuses_a_file_that_is_too_large(self, api, folder):
        answer = upload(api, PDF + b"x" * (20 * 1024**2), "a.pdf")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (413, "too_large")
        assert files(folder) == []

    def test_takes_the_largest(self, api):
        assert upload(api, PDF + b"x" * (20 * 1024**2 - len(PDF)), "a.pdf").status_code == 201

    @pytest.mark.parametrize(
        ("name", "kept"),
        [
            ("../../etc/offer.pdf", "offer.pdf"),
            ("..\\..\\offer.pdf", "offer.pdf"),
            ("offer\r\nX: y.pdf", "offer.pdf"),
            ("offer\u202efdp.exe", "offerfdp.exe.pdf"),
            ("offer.exe", "offer.exe.pdf"),
            ('of"fer.pdf', "of fer.pdf"),
            ("Angebot für Zoë.pdf", "Angebot für Zoë.pdf"),
            ("x" * 250 + ".pdf", "x" * 138 + ".pdf"),
        ],
    )
    def test_gives_it_a_harmless_name(self, api, name, kept):
        file = SimpleUploadedFile("x.pdf", PDF)
        file._name = name
        answer = api.post(PATH, {"file": file}, format="multipart")
        assert answer.status_code == 201
        assert answer.json()["name"] == kept

    @pytest.mark.parametrize("data", [{}, {"file": "text"}])
    def test_needs_a_file(self, api, data):
        assert api.post(PATH, data, format="multipart").status_code == 400

    def test_takes_no_json(self, api):
        assert api.post(PATH, {"file": "x"}, format="json").status_code == 415

    def test_is_for_editors(self, viewer_api):
        assert upload(viewer_api, PDF, "a.pdf").status_code == 403


class TestReading:
    def test_answers_the_file_to_be_saved(self, api):
        media_id = upload(api, PDF, "Angebot für Zoë.pdf").json()["id"]
        answer = api.get(f"{PATH}/{media_id}/content")
        assert b"".join(answer.streaming_content) == PDF
        assert answer["Content-Type"] == "application/pdf"
        assert answer["Content-Disposition"].startswith("attachment;")
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer["Content-Security-Policy"]

    def test_is_404_when_the_file_is_gone(self, api, account, folder):
        media = MediaFactory(account=account)
        for path in files(folder):
            path.unlink()
        assert api.get(f"{PATH}/{media.id}/content").status_code == 404


class TestDeleting:
    def test_removes_row_and_file(self, api, folder, django_capture_on_commit_callbacks):
        media_id = upload(api, PDF, "a.pdf").json()["id"]
        with django_capture_on_commit_callbacks(execute=True):
            assert api.delete(f"{PATH}/{media_id}").status_code == 204
        assert files(folder) == []
        assert not Media.objects.exists()

    def test_is_refused_while_a_workflow_uses_it(self, api, account, folder):
        media = MediaFactory(account=account)
        config = {
            "body_text": "x",
            "subject": "x",
            "from_name": "Ada",
            "from_email": "ada@acme.example",
            "attachments": [str(media.id)],
        }
        WorkflowFactory(account=account, chain=[("send_email", config)])
        assert api.delete(f"{PATH}/{media.id}").json()["errors"][0]["code"] == "in_use"
        assert len(files(folder)) == 1
