import pytest
from django.test import Client

from accounts.tests.factories import UserFactory

STRICT = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def policy(response) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in response["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in parts}


@pytest.mark.django_db
class TestHeaders:
    @pytest.mark.parametrize("path", ["/admin/login/", "/account/reset/", "/account/reset/sent/"])
    def test_let_pages_load_from_us_alone(self, path):
        response = Client().get(path)
        assert policy(response) == STRICT
        assert b"<script>" not in response.content
        assert b"style=" not in response.content
        assert b"<style" not in response.content

    def test_let_the_admin_evaluate_but_run_nothing_inline(self):
        client = Client()
        client.force_login(UserFactory(is_staff=True, is_superuser=True))
        rules = policy(client.get("/admin/"))
        assert rules["script-src"] == "'self' 'unsafe-eval'"
        assert rules["default-src"] == "'self'"
        assert rules["frame-ancestors"] == "'none'"

    def test_let_answers_of_the_api_load_nothing(self):
        response = Client().get("/api/v1/account")
        assert policy(response) == {"default-src": "'none'", "frame-ancestors": "'none'"}

    @pytest.mark.parametrize("path", ["/api/v1/docs", "/api/v1/redoc", "/unsubscribe/x"])
    def test_leave_a_policy_of_the_page_itself(self, path):
        response = Client().get(path)
        assert "'unsafe-inline'" in policy(response)["style-src"]
        assert "unsafe-eval" not in response["Content-Security-Policy"]

    @pytest.mark.parametrize("path", ["/admin/login/", "/api/v1/account", "/unsubscribe/x", "/nowhere"])
    def test_are_on_every_answer(self, path):
        response = Client().get(path)
        assert response["X-Frame-Options"] == "DENY"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Referrer-Policy"] in ("same-origin", "no-referrer")
        assert response["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "camera=()" in response["Permissions-Policy"]
        assert "Content-Security-Policy-Report-Only" not in response
