import io
import itertools
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Account, Team
from accounts.tests.factories import TeamFactory


def post_in_chunks(client: APIClient, body: bytes, content_type: str = "application/json", **environ: Any) -> Any:
    """Send a body as gunicorn hands over a chunked one: without a length, with an input that ends by itself."""
    environ = {
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input_terminated": True,
        "wsgi.input": io.BytesIO(body),
    } | environ
    return client.generic("POST", "/api/v1/teams", content_type=content_type, CONTENT_TYPE=content_type, **environ)


class TestChunkedBodies:
    def test_are_read(self, admin_api: APIClient) -> None:
        assert post_in_chunks(admin_api, b'{"name": "Sales"}').status_code == 201
        assert Team.objects.get().name == "Sales"

    def test_are_held_to_the_limit(self, admin_api: APIClient) -> None:
        response = post_in_chunks(admin_api, b'{"name": "' + b"x" * 1024 * 1024 + b'"}')
        assert (response.status_code, response.json()["errors"][0]["code"]) == (413, "too_large")
        assert Team.objects.count() == 0

    @pytest.mark.parametrize("environ", [{"wsgi.input_terminated": False}, {"content_type": "multipart/form-data"}])
    def test_need_a_length_where_they_cannot_be_read(self, environ: dict[str, Any], admin_api: APIClient) -> None:
        response = post_in_chunks(admin_api, b'{"name": "Sales"}', **environ)
        assert (response.status_code, response.json()["errors"][0]["code"]) == (411, "length_required")
        assert Team.objects.count() == 0


class TestAccountViewSet:
    @pytest.mark.parametrize("form", ["{%s}", "urn:uuid:%s", "%s%%20", "%s%%0A", "%s"])
    def test_takes_ids_in_one_form_only(self, form: str, api: APIClient, account: Account) -> None:
        identifier = TeamFactory(account=account).id
        for text, status in ((str(identifier), 200 if form == "%s" else 404), (identifier.hex, 404)):
            assert api.get("/api/v1/teams/" + form % text).status_code == status

    @pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "QUERY", "PUT"])
    def test_refuses_other_methods_whatever_the_body(self, method: str, api: APIClient, viewer_api: APIClient) -> None:
        for client, path in itertools.product((api, viewer_api), ("/api/v1/media", "/api/v1/teams")):
            response = client.generic(method, path, b"\xff", content_type="text/plain")
            assert response.status_code == 405
            assert response.json()["errors"][0]["code"] == "method_not_allowed"
            assert "GET" in response["Allow"]

    def test_refuses_an_unreadable_body_even_where_none_is_needed(self, admin_api: APIClient, account: Account) -> None:
        team = TeamFactory(account=account)
        response = admin_api.generic("DELETE", f"/api/v1/teams/{team.id}", b"{", "application/json")
        assert response.status_code == 400
        assert Team.objects.filter(pk=team.pk).exists()

    def test_writes_utf_8_and_times_in_utc(self, admin_api: APIClient) -> None:
        response = admin_api.post("/api/v1/teams", {"name": "Zoë 💩"})
        assert response["Content-Type"] == "application/json"
        assert "Zoë 💩".encode() in response.content
        assert response.json()["created_at"].endswith("Z")
