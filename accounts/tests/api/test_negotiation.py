import pytest
from rest_framework.test import APIClient


class TestAccept:
    @pytest.mark.parametrize(
        "accept",
        ["", "*/*", "application/json", "application/json; version=9", "text/html", "image/png", "nonsense", "/"],
    )
    @pytest.mark.parametrize(("path", "status"), [("teams", 200), ("teams/none", 404)])
    def test_is_answered_in_json_whatever_it_says(
        self, path: str, status: int, accept: str, admin_api: APIClient
    ) -> None:
        response = admin_api.get(f"/api/v1/{path}", headers={"Accept": accept})
        assert (response.status_code, response["Content-Type"]) == (status, "application/json")
