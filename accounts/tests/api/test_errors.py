import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.core.exceptions import ObjectDoesNotExist, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, connection
from django.http import Http404, HttpResponse, UnreadablePostError
from django.test import Client, RequestFactory
from django.urls import path
from rest_framework.request import Request
from rest_framework.test import APIClient

from accounts.api import errors
from accounts.api.errors import exception_handler
from accounts.api.permissions import RolePermission
from accounts.models import Account, Team
from accounts.problems import Conflict, Forbidden, Invalid, Missing, Problem
from accounts.services import teams


def caused_by(exception: Exception, cause: Exception) -> Exception:
    exception.__cause__ = cause
    return exception


def answer(exception: Exception) -> tuple[int, Any, dict[str, str]]:
    response = exception_handler(
        exception, {"view": None, "args": (), "kwargs": {}, "request": Request(RequestFactory().get("/"))}
    )
    assert response is not None
    return response.status_code, response.data, dict(response.headers)


NOT_FOUND = {"type": "client_error", "errors": [{"code": "not_found", "detail": "Not found.", "attr": None}]}


class TestExceptionHandler:
    def test_spells_out_every_problem(self) -> None:
        status, body, _ = answer(Invalid(Problem("a", "A is wrong.", "x.0.a"), Problem("b", "B is wrong.")))
        assert status == 400
        assert body == {
            "type": "validation_error",
            "errors": [
                {"code": "a", "detail": "A is wrong.", "attr": "x.0.a"},
                {"code": "b", "detail": "B is wrong.", "attr": None},
            ],
        }

    def test_answers_409_to_a_conflict(self) -> None:
        status, body, _ = answer(Conflict("name_taken", "Taken.", "name"))
        assert status == 409
        assert body == {
            "type": "client_error",
            "errors": [{"code": "name_taken", "detail": "Taken.", "attr": "name"}],
        }

    def test_answers_403_to_a_role_that_does_not_reach(self) -> None:
        status, body, _ = answer(Forbidden("No."))
        assert (status, body["errors"][0]["code"], body["errors"][0]["detail"]) == (403, "permission_denied", "No.")

    @pytest.mark.parametrize(
        "exception", [Missing(), Http404("secret"), ObjectDoesNotExist("secret"), Team.DoesNotExist()]
    )
    def test_answers_404_with_one_body(self, exception: Exception) -> None:
        assert answer(exception)[:2] == (404, NOT_FOUND)

    def test_names_the_fields_of_a_model_validation(self) -> None:
        error = ValidationError({"name": ValidationError("Too long.", code="max_length"), "__all__": ["Odd."]})
        assert answer(error)[:2] == (
            400,
            {
                "type": "validation_error",
                "errors": [
                    {"code": "max_length", "detail": "Too long.", "attr": "name"},
                    {"code": "invalid", "detail": "Odd.", "attr": "non_field_errors"},
                ],
            },
        )

    @pytest.mark.parametrize(
        "exception",
        [
            OperationalError("secret host"),
            InterfaceError("connection already closed"),
            caused_by(OperationalError(), psycopg.errors.DeadlockDetected()),
            caused_by(OperationalError(), psycopg.errors.LockNotAvailable()),
            caused_by(OperationalError(), psycopg.errors.QueryCanceled()),
        ],
    )
    def test_answers_503_when_the_database_does_not(self, exception: Exception) -> None:
        status, body, headers = answer(exception)
        assert (status, body["type"], body["errors"][0]["code"]) == (503, "server_error", "database_unavailable")
        assert headers["Retry-After"] == "2"
        assert "secret" not in json.dumps(body)

    @pytest.mark.parametrize(
        "exception", [DataError("integer out of range"), SuspiciousOperation("secret"), UnreadablePostError("secret")]
    )
    def test_answers_400_to_what_cannot_be_stored_or_read(self, exception: Exception) -> None:
        status, body, _ = answer(exception)
        assert (status, body["errors"][0]["code"]) == (400, "invalid")

    def test_answers_413_to_what_is_too_large(self) -> None:
        status, body, _ = answer(RequestDataTooBig("secret"))
        assert (status, body["errors"][0]["code"]) == (413, "too_large")

    def test_answers_409_to_a_lost_race(self) -> None:
        status, body, _ = answer(caused_by(IntegrityError("secret"), psycopg.errors.UniqueViolation("secret")))
        assert (status, body["errors"][0]["code"]) == (409, "conflict")
        assert "secret" not in json.dumps(body)

    @pytest.mark.parametrize(
        "exception", [RuntimeError("secret"), caused_by(IntegrityError("secret"), psycopg.errors.CheckViolation())]
    )
    def test_answers_500_to_a_bug_without_telling_about_it(self, exception: Exception) -> None:
        status, body, _ = answer(exception)
        assert (status, body["type"], body["errors"][0]["code"]) == (500, "server_error", "error")
        assert "secret" not in json.dumps(body)

    def test_keeps_the_shape_in_debug_mode(self, settings: Any) -> None:
        settings.DEBUG = True
        assert answer(RuntimeError("secret"))[0] == 500


class TestContention:
    @pytest.fixture
    def contended(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
        """Make creating a team fail a number of times as if a deadlock had rolled it back."""
        create_team = teams.create_team

        def arrange(failures: int) -> list[int]:
            attempts: list[int] = []

            def create(**arguments: Any) -> Team:
                attempts.append(1)
                if len(attempts) <= failures:
                    raise caused_by(OperationalError("deadlock"), psycopg.errors.DeadlockDetected())
                return create_team(**arguments)

            monkeypatch.setattr(teams, "create_team", create)
            return attempts

        return arrange

    @pytest.mark.django_db(transaction=True)
    def test_is_repeated(self, contended: Callable[[int], list[int]], admin_api: APIClient) -> None:
        attempts = contended(3)
        assert admin_api.post("/api/v1/teams", {"name": "Sales"}).status_code == 201
        assert len(attempts) == 4
        assert Team.objects.count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_is_given_up_in_the_end(self, contended: Callable[[int], list[int]], admin_api: APIClient) -> None:
        attempts = contended(100)
        response = admin_api.post("/api/v1/teams", {"name": "Sales"})
        assert response.status_code == 503
        assert response["Retry-After"] == "2"
        assert len(attempts) == 4
        assert Team.objects.count() == 0

    @pytest.mark.django_db(transaction=True)
    def test_before_the_caller_was_let_in_is_not_repeated(
        self, viewer_api: APIClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def lose(permission: RolePermission, request: Request, view: Any) -> bool:
            raise caused_by(OperationalError("lock time-out"), psycopg.errors.LockNotAvailable())

        monkeypatch.setattr(RolePermission, "has_permission", lose)
        assert viewer_api.post("/api/v1/teams", {"name": "Sales"}).status_code == 503
        assert Team.objects.count() == 0

    def test_is_not_repeated_inside_a_transaction(
        self, contended: Callable[[int], list[int]], admin_api: APIClient
    ) -> None:
        attempts = contended(1)
        assert connection.in_atomic_block
        assert admin_api.post("/api/v1/teams", {"name": "Sales"}).status_code == 503
        assert len(attempts) == 1


class TestPathsWithoutView:
    @pytest.mark.parametrize(
        "path",
        [
            "/api/v1/nothing",
            "/api/v1/",
            "/api/v1/teams/",
            "/api/v1/teams//",
            "/api/v2/teams",
            "/api/",
            "/api/v1/%00",
            "/api/v1/teams/x/y/z",
            "/api/v1/%ff%fe",
        ],
    )
    @pytest.mark.parametrize("method", ["get", "post", "delete"])
    def test_are_answered_like_missing_objects(self, path: str, method: str, db: None) -> None:
        response = getattr(Client(enforce_csrf_checks=True), method)(path)
        assert (response.status_code, response.json()) == (404, NOT_FOUND)

    def test_keep_the_html_page_outside_of_the_api(self, db: None) -> None:
        response = Client().get("/nothing")
        assert response.status_code == 404
        assert response["Content-Type"].startswith("text/html")


class TestMethods:
    @pytest.mark.parametrize(("method", "path"), [("post", "account"), ("delete", "account"), ("put", "teams")])
    def test_that_a_route_does_not_have_are_refused(self, method: str, path: str, admin_api: APIClient) -> None:
        response = getattr(admin_api, method)(f"/api/v1/{path}", {})
        assert response.status_code == 405
        assert response.json()["errors"][0]["code"] == "method_not_allowed"


def broken(request: Any) -> HttpResponse:
    raise RuntimeError("secret")


def without_database(request: Any) -> HttpResponse:
    raise OperationalError("secret")


urlpatterns = [path("api/broken", broken), path("api/without-database", without_database), path("broken", broken)]
handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.not_found
handler500 = errors.server_error


@pytest.mark.urls(__name__)
class TestFailuresOutsideOfViews:
    def get(self, path: str) -> Any:
        return Client(raise_request_exception=False).get(path)

    def test_have_the_one_shape(self) -> None:
        response = self.get("/api/broken")
        assert response.status_code == 500
        assert response.json()["errors"][0]["code"] == "error"
        assert b"secret" not in response.content

    def test_are_503_when_the_database_is_away(self) -> None:
        response = self.get("/api/without-database")
        assert (response.status_code, response["Retry-After"]) == (503, "2")
        assert response.json()["errors"][0]["code"] == "database_unavailable"

    def test_keep_the_html_page_outside_of_the_api(self) -> None:
        assert self.get("/broken")["Content-Type"].startswith("text/html")


class TestBadRequest:
    def test_has_the_one_shape_for_a_host_that_is_not_ours(self, account: Account) -> None:
        response = Client().get("/api/v1/account", headers={"host": "evil.example"})
        assert response.status_code == 400
        assert response.json()["errors"][0]["code"] == "invalid"

    def test_keeps_the_html_page_outside_of_the_api(self) -> None:
        response = errors.bad_request(RequestFactory().get("/admin/"), SuspiciousOperation())
        assert response["Content-Type"].startswith("text/html")


class TestPermissionDenied:
    def test_has_the_one_shape(self) -> None:
        response = errors.permission_denied(RequestFactory().get("/api/v1/x"), PermissionError())
        assert json.loads(response.content)["errors"][0]["code"] == "permission_denied"

    def test_keeps_the_html_page_outside_of_the_api(self) -> None:
        response = errors.permission_denied(RequestFactory().get("/admin/"), PermissionError())
        assert response["Content-Type"].startswith("text/html")
