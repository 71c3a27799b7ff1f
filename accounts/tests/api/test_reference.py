import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client

PAGES = ["docs", "redoc"]


class TestReference:
    def test_describes_the_api_to_everyone(self, db: None) -> None:
        response = Client().get("/api/v1/schema", headers={"Authorization": "Bearer nonsense"})
        assert response.status_code == 200
        assert b"/api/v1/api-keys" in response.content

    @pytest.mark.parametrize("page", PAGES)
    def test_is_shown_to_everyone(self, page: str, db: None) -> None:
        response = Client().get(f"/api/v1/{page}")
        assert response.status_code == 200
        assert b"/api/v1/schema" in response.content or b"script=" in response.content

    @pytest.mark.parametrize("page", ["schema", *PAGES])
    @pytest.mark.parametrize("method", ["post", "put", "delete", "options"])
    def test_refuses_other_methods_in_json(self, method: str, page: str, db: None) -> None:
        response = getattr(Client(enforce_csrf_checks=True), method)(f"/api/v1/{page}")
        assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
        assert [error["code"] for error in response.json()["errors"]] == ["method_not_allowed"]

    @pytest.mark.parametrize("page", PAGES)
    def test_loads_nothing_from_elsewhere(self, page: str, db: None) -> None:
        response = Client().get(f"/api/v1/{page}")
        assert response["Content-Security-Policy"].startswith("default-src 'self'; ")
        links = re.findall(r'(?:src|href)="([^"]+)"', response.content.decode())
        assert links
        for link in links:
            assert link.startswith("/"), link
            if link.startswith(settings.STATIC_URL):
                found = finders.find(link.removeprefix(settings.STATIC_URL))
                assert isinstance(found, str), link
                assert Path(found).is_file()
