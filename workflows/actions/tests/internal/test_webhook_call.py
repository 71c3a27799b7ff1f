"""Webhooks through a real receiver: the postbox."""

import contextlib
import resource
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from standardwebhooks import Webhook
from uuid_utils.compat import uuid7

from accounts.problems import Invalid
from workflows.actions.outcomes import Done, Failed
from workflows.actions.outside import ErrorClass, OutcomeUnknown, Performed, Permanent, Request, Retryable
from workflows.actions.registry import registry
from workflows.actions.tests.batches import NOW, refusals
from workflows.actions.tests.internal.webhooks import ACTOR, call, failure, headers_of, prepare, saved, steps_of
from workflows.crm.models import Contact, Event
from workflows.crm.tests.factories import ContactFactory, CustomFieldFactory
from workflows.messaging.models import Secret
from workflows.messaging.postbox.testing import PostboxClient, postbox_in_process, postbox_in_thread
from workflows.messaging.secrets import MASK, create_secret, replace_secret, reveal_secrets
from workflows.messaging.signing import new_signing_secret
from workflows.messaging.tests.factories import SecretFactory

pytestmark = pytest.mark.django_db
MINIMAL = {"url": "https://api.acme.example/leads", "method": "POST"}


@pytest.fixture
def contact(account: Any) -> Any:
    return ContactFactory(account=account, first_name="Zoë", last_name="O'Neil", email="zoe@example.com")


@pytest.fixture(scope="module")
def canary_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostboxClient]:
    with postbox_in_thread(tmp_path_factory.mktemp("canary"), host="127.0.0.2") as server:
        yield server


@pytest.fixture
def canary(canary_server: PostboxClient) -> PostboxClient:
    """A server at an address that must not be called; nobody has called it."""
    canary_server.clear()
    return canary_server


def resident_megabytes() -> float:
    """Return how much memory this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024**2


def deep(levels: int) -> Any:
    return [deep(levels - 1)] if levels else 1


ACCEPTED: list[dict[str, Any]] = [
    {},
    {"url": "http://a.example"},
    {"url": "https://a.example/" + "x" * 2030},
    {"url": "https://a.example/?email={{ contact.email | url_encode }}"},
    {"url": "https://[2606:4700::1111]:8443/x"},
    *({"method": method} for method in ("GET", "POST", "PUT", "PATCH", "DELETE")),
    {"headers": {}},
    {"headers": {f"X-{number}": "{{ contact.first_name }}" for number in range(20)}},
    {"headers": {"Content-Type": "application/vnd.acme+json"}},
    {"payload": {}},
    {"payload": []},
    {"payload": {"a": [1, 1.5, True, None, "{{ contact.email }}", {"b": {}}], "": 2**63 - 1}},
    {"payload": {"text": "x" * 60_000}},
    {"payload": [["x" * 60_000] * 15]},
    {"payload": deep(32)},
    {"auth_type": "none"},
    {"auth_type": "basic", "auth_config": {"username": "ada", "password": "x"}},
    {"auth_type": "bearer", "auth_config": {"token": "x" * 4096}},
    {"auth_type": "api_key", "auth_config": {"value": "key"}},
    {"auth_type": "api_key", "auth_config": {"header": "Authorization", "value": "Key key"}},
    {"timeout_seconds": 1},
    {"timeout_seconds": 120},
    {"retry_on_failure": False},
    {"max_retries": 0},
    {"max_retries": 5},
    {"store_response": True},
    {"response_mapping": []},
    {"response_mapping": [{"path": f"items.{number}.id", "to": f"id_{number}"} for number in range(20)]},
    {"response_mapping": [{"path": "$.name", "to": "contact.first_name"}]},
]

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"url": ""}, "blank", "url"),
    ({"url": "ftp://a.example"}, "invalid", "url"),
    ({"url": "a.example/x"}, "invalid", "url"),
    ({"url": "https://a.example/" + "x" * 2031}, "max_length", "url"),
    ({"url": "https://ada:secret@a.example/"}, "invalid", "url"),
    ({"url": "https://a.example/{{ nobody.name }}"}, "invalid_template", "url"),
    ({"url": "https://a.example/{{ contact.email"}, "invalid_template", "url"),
    ({"url": "https://a.example:0/"}, "invalid", "url"),
    ({"url": "https://a.example:99999/"}, "invalid", "url"),
    ({"url": "https://exämple.com/"}, "invalid", "url"),
    ({"url": "https://a.example/\r\nX: y"}, "invalid", "url"),
    ({"method": "TRACE"}, "invalid_choice", "method"),
    ({"method": "post"}, "invalid_choice", "method"),
    ({"headers": {f"X-{number}": "x" for number in range(21)}}, "max_length", "headers"),
    ({"headers": {"X-A": "a\r\nX-B: b"}}, "invalid", "headers.X-A"),
    ({"headers": {"X-A": "a\nb"}}, "invalid", "headers.X-A"),
    ({"headers": {"X A": "a"}}, "invalid", "headers.X A"),
    ({"headers": {"X-A\r\n": "a"}}, "invalid", "headers.X-A\r\n"),
    ({"headers": {"X-A": 1.5j}}, "invalid", "headers.X-A"),
    ({"headers": {"x-a": "a", "X-A": "b"}}, "unique", "headers.X-A"),
    *(
        ({"headers": {name: "x"}}, "invalid", f"headers.{name}")
        for name in (
            "Host",
            "content-length",
            "Transfer-Encoding",
            "Connection",
            "Keep-Alive",
            "Upgrade",
            "TE",
            "Trailer",
            "Proxy-Authorization",
            "webhook-id",
            "Webhook-Signature",
            "Authorization",
            "Cookie",
        )
    ),
    ({"payload": "{}"}, "invalid", "payload"),
    ({"payload": 1}, "invalid", "payload"),
    ({"payload": {"a": "{{ nobody }}"}}, "invalid_template", "payload"),
    ({"payload": {"a": float("nan")}}, "invalid", "payload"),
    ({"payload": {"a": 2**63}}, "max_value", "payload"),
    ({"payload": {"a\0": 1}}, "invalid", "payload"),
    ({"payload": deep(34)}, "invalid", "payload"),
    ({"payload": [["x" * 60_000] * 18]}, "max_length", None),
    ({"auth_type": "digest"}, "invalid_choice", "auth_type"),
    ({"auth_config": {"token": "x"}}, "invalid", "auth_config"),
    ({"auth_type": "basic", "auth_config": {"token": "x"}}, "unknown_field", "auth_config.token"),
    ({"auth_type": "basic", "auth_config": {"username": "a:b", "password": "x"}}, "invalid", "auth_config.username"),
    ({"auth_type": "bearer", "auth_config": {"token": "x\r\nY: z"}}, "invalid", "auth_config.token"),
    ({"auth_type": "bearer", "auth_config": {"token": "x" * 4097}}, "max_length", "auth_config.token"),
    ({"auth_type": "api_key", "auth_config": {"header": "Host", "value": "x"}}, "invalid", "auth_config.header"),
    ({"timeout_seconds": 0}, "min_value", "timeout_seconds"),
    ({"timeout_seconds": 121}, "max_value", "timeout_seconds"),
    ({"timeout_seconds": "30"}, "invalid", "timeout_seconds"),
    ({"retry_on_failure": 1}, "invalid", "retry_on_failure"),
    ({"max_retries": -1}, "min_value", "max_retries"),
    ({"max_retries": 6}, "max_value", "max_retries"),
    ({"store_response": "yes"}, "invalid", "store_response"),
    ({"response_mapping": [{"path": "a", "to": f"v{n}"} for n in range(21)]}, "max_length", "response_mapping"),
    ({"response_mapping": [{"path": "", "to": "x"}]}, "blank", "response_mapping.0.path"),
    ({"response_mapping": [{"path": "a..b", "to": "x"}]}, "invalid", "response_mapping.0.path"),
    ({"response_mapping": [{"path": "a", "to": "X y"}]}, "invalid", "response_mapping.0.to"),
    ({"response_mapping": [{"path": "a", "to": "status_code"}]}, "unique", "response_mapping.0.to"),
    ({"response_mapping": [{"path": "a", "to": "contact.shoe"}]}, "unknown_field", "response_mapping.0.to"),
    (
        {"response_mapping": [{"path": "a", "to": "x"}, {"path": "b", "to": "x"}]},
        "unique",
        "response_mapping.1.to",
    ),
]


class TestConfig:
    @pytest.mark.parametrize("config", ACCEPTED)
    def test_accepts(self, config, account):
        assert refusals("webhook_call", {**MINIMAL, **config}, account.id) == []

    @pytest.mark.parametrize(("config", "code", "attr"), REFUSED)
    def test_refuses(self, config, code, attr, account):
        assert refusals("webhook_call", {**MINIMAL, **config}, account.id) == [(code, attr)]

    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.2",
            "10.0.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "224.0.0.1",
            "0.0.0.0",
            "[::1]",
            "[::ffff:127.0.0.2]",
            "[64:ff9b::7f00:2]",
            "[fd00::1]",
            "2130706434",
            "0x7f.0.0.2",
            "0177.0.0.2",
            "127.2",
        ],
    )
    def test_refuses_an_internal_address(self, host, account):
        assert refusals("webhook_call", {**MINIMAL, "url": f"http://{host}/"}, account.id) == [("invalid", "url")]

    def test_finds_the_full_name_of_a_custom_field(self, account):
        CustomFieldFactory(account=account, key="score")
        mapping = [{"path": "a", "to": "contact.score"}]
        assert saved(account.id, {**MINIMAL, "response_mapping": mapping})["response_mapping"] == [
            {"path": "a", "to": "contact.custom_fields.score"}
        ]

    def test_refuses_a_signing_secret_of_another_account(self, account, other_account):
        foreign = str(SecretFactory(account=other_account).id)
        config = {**MINIMAL, "signing_secret_id": foreign}
        assert refusals("webhook_call", config, account.id) == [("secret_not_found", "signing_secret_id")]


class TestKeepingSecrets:
    BASIC = {**MINIMAL, "auth_type": "basic", "auth_config": {"username": "ada", "password": "open sesame"}}

    def test_stores_ids_only(self, account):
        stored = saved(account.id, self.BASIC)
        secret_id = stored["auth_config"]["password_secret_id"]
        assert stored["auth_config"] == {"username": "ada", "password_secret_id": secret_id}
        (text,) = reveal_secrets(account_id=account.id, secret_ids=[secret_id]).values()
        assert text.reveal() == "open sesame"

    def test_keeps_what_is_not_sent(self, account):
        before = saved(account.id, self.BASIC)
        without = {**MINIMAL, "auth_type": "basic"}
        assert saved(account.id, without, before) == before
        renamed = saved(account.id, {**without, "auth_config": {"username": "bob"}}, before)
        assert renamed["auth_config"] == {**before["auth_config"], "username": "bob"}

    def test_accepts_again_what_is_stored(self, account):
        before = saved(account.id, self.BASIC)
        assert saved(account.id, before, before) == before

    def test_replaces_what_is_sent(self, account):
        before = saved(account.id, self.BASIC)
        after = saved(account.id, self.BASIC, before)
        assert after["auth_config"]["password_secret_id"] != before["auth_config"]["password_secret_id"]

    def test_drops_everything_when_the_type_changes(self, account):
        before = saved(account.id, self.BASIC)
        assert "auth_config" not in saved(account.id, MINIMAL, before)
        with pytest.raises(Invalid) as refusal:
            saved(account.id, {**MINIMAL, "auth_type": "bearer"}, before)
        assert [(problem.code, problem.attr) for problem in refusal.value.problems] == [
            ("required", "auth_config.token")
        ]

    def test_asks_for_what_is_missing(self, account):
        with pytest.raises(Invalid) as refusal:
            saved(account.id, {**MINIMAL, "auth_type": "basic"})
        assert [problem.attr for problem in refusal.value.problems] == ["auth_config.username", "auth_config.password"]

    def test_lets_nobody_send_another_secret_away(self, account):
        other = create_secret(account_id=account.id, actor=ACTOR, name="Other", value="other")
        config = {**MINIMAL, "auth_type": "bearer", "auth_config": {"token_secret_id": str(other.id)}}
        with pytest.raises(Invalid) as refusal:
            saved(account.id, config)
        assert [problem.attr for problem in refusal.value.problems] == ["auth_config.token_secret_id"]

    def test_makes_one_signing_secret_for_the_account(self, account):
        saved(account.id, MINIMAL)
        saved(account.id, MINIMAL)
        assert Secret.objects.filter(account=account, name="webhook_signing").count() == 1


class TestCalling:
    def test_sends_what_is_configured(self, contact, postbox):
        payload = {"name": "{{ contact.first_name }} {{ contact.last_name }}", "n": [1, 1.5, None, True], "": {}}
        key = uuid7()
        done = call(
            contact,
            key=key,
            url=postbox.url("/hooks/{{ contact.first_name | url_encode }}?a=1"),
            method="PUT",
            headers={"X-Source": "{{ workflow.name }}"},
            payload=payload,
        )
        (entry,) = postbox.requests()
        headers = headers_of(entry)
        assert (entry["method"], entry["path"]) == ("PUT", "/hooks/Zo%C3%AB?a=1")
        assert entry["body"] == '{"":{},"n":[1,1.5,null,true],"name":"Zoë O\'Neil"}' or entry["body"] == (
            '{"name":"Zoë O\'Neil","n":[1,1.5,null,true],"":{}}'
        )
        assert (headers["x-source"], headers["content-type"]) == ("Welcome", "application/json")
        assert headers["webhook-id"] == str(key)
        assert done.result == {"status_code": 200, "duration_ms": done.result["duration_ms"]}

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
    def test_works_without_a_payload(self, contact, postbox, method):
        call(contact, url=postbox.url(), method=method)
        (entry,) = postbox.requests()
        assert (entry["method"], entry["body"]) == (method, "")
        assert "content-type" not in headers_of(entry)

    def test_is_signed_as_the_receivers_library_wants_it(self, contact, postbox):
        secret = new_signing_secret()
        create_secret(account_id=contact.account_id, actor=ACTOR, name="webhook_signing", value=secret)
        call(contact, url=postbox.url(), payload={"name": "{{ contact.first_name }}"})
        (entry,) = postbox.requests()
        assert Webhook(secret).verify(entry["body"], headers_of(entry)) == {"name": "Zoë"}

    def test_is_signed_with_another_secret_where_one_is_named(self, contact, postbox):
        secret = new_signing_secret()
        row = create_secret(account_id=contact.account_id, actor=ACTOR, name="Partner", value=secret)
        call(contact, url=postbox.url(), payload={"a": 1}, signing_secret_id=str(row.id))
        (entry,) = postbox.requests()
        assert Webhook(secret).verify(entry["body"], headers_of(entry)) == {"a": 1}

    def test_fails_where_the_secret_signs_nothing(self, contact, postbox):
        row = create_secret(account_id=contact.account_id, actor=ACTOR, name="Password", value="open sesame")
        failed = failure(contact, url=postbox.url(), signing_secret_id=str(row.id))
        assert (type(failed), failed.error_class) == (Permanent, ErrorClass.INVALID_CONFIG)
        assert "sesame" not in failed.message
        assert postbox.requests() == []

    @pytest.mark.parametrize(
        ("auth_type", "auth", "header", "value"),
        [
            ("basic", {"username": "ada", "password": "pä:ss"}, "authorization", "Basic YWRhOnDDpDpzcw=="),
            ("bearer", {"token": "t0ken"}, "authorization", "Bearer t0ken"),
            ("api_key", {"value": "k3y"}, "x-api-key", "k3y"),
            ("api_key", {"header": "X-Team", "value": "k3y"}, "x-team", "k3y"),
        ],
    )
    def test_authenticates(self, contact, postbox, auth_type, auth, header, value):
        request = prepare(contact, url=postbox.url(), auth_type=auth_type, auth_config=auth)
        assert not any(secret in str(request) for secret in ("pä:ss", "t0ken", "k3y"))
        call(contact, url=postbox.url(), auth_type=auth_type, auth_config=auth, headers={"X-Team": "plain"})
        (entry,) = postbox.requests()
        assert headers_of(entry)[header] == value
        assert sum(name.lower() == header for name, _ in entry["headers"]) == 1

    def test_uses_a_changed_secret_at_once(self, contact, postbox):
        row = create_secret(account_id=contact.account_id, actor=ACTOR, name="Partner", value=new_signing_secret())
        changed = new_signing_secret()
        call(contact, url=postbox.url(), payload={"a": 1}, signing_secret_id=str(row.id))
        replace_secret(account_id=contact.account_id, actor=ACTOR, secret_id=row.id, value=changed)
        call(contact, url=postbox.url(), payload={"a": 1}, signing_secret_id=str(row.id))
        _, entry = postbox.requests()
        assert Webhook(changed).verify(entry["body"], headers_of(entry)) == {"a": 1}

    def test_asks_for_its_secrets_once(self, contact, postbox):
        steps = steps_of([contact] * 3, url=postbox.url(), auth_type="bearer", auth_config={"token": "t0ken"})
        requests = registry.get("webhook_call").prepare_many(steps)
        with CaptureQueriesContext(connection) as queries:
            for request in requests:
                registry.get("webhook_call").perform(request.payload, key=uuid7())
        assert len(queries) == 1

    def test_fails_when_its_secret_is_gone(self, contact, postbox):
        steps = steps_of([contact], url=postbox.url(), auth_type="bearer", auth_config={"token": "t0ken"})
        (request,) = registry.get("webhook_call").prepare_many(steps)
        Secret.objects.filter(name__contains="bearer").delete()
        (gone,) = registry.get("webhook_call").prepare_many(steps)
        assert (gone.error_class, gone.result) == ("invalid_config", {"code": "secret_not_found"})
        with pytest.raises(Permanent) as failed:
            registry.get("webhook_call").perform(request.payload, key=uuid7())
        assert failed.value.result == {"code": "secret_not_found"}
        assert postbox.requests() == []

    def test_logs_neither_bodies_nor_values_of_headers(self, contact):
        request = prepare(contact, **MINIMAL, payload={"a": "{{ contact.email }}"}, headers={"X-A": "value"})
        assert request.data == {
            "method": "POST",
            "url": "https://api.acme.example/leads",
            "headers": ["Content-Type", "X-A"],
            "payload_bytes": 23,
        }
        assert request.host == "api.acme.example"

    def test_prepares_fifty_with_as_many_queries_as_two(self, account, other_account):
        counts = []
        for size, owner in ((2, account), (50, other_account)):
            steps = steps_of(ContactFactory.create_batch(size, account=owner), **MINIMAL, payload={"a": "b"})
            with CaptureQueriesContext(connection) as queries:
                registry.get("webhook_call").prepare_many(steps)
            counts.append(len(queries))
        assert counts == [2, 2]


class TestRendering:
    @pytest.mark.parametrize(
        "config",
        [
            {"headers": {"X-A": "{{ contact.last_name }}"}},
            {"url": "https://a.example/{{ contact.last_name }}"},
            {"url": "{{ contact.first_name }}"},
            {"url": "http://{{ contact.source }}/"},
            {"url": "https://a.example/{% for i in (1..9000) %}x{% endfor %}"},
            {"headers": {"X-A": "{% for i in (1..9000) %}x{% endfor %}"}},
        ],
    )
    def test_that_fails_fails_the_step_alone(self, account, config):
        bad = ContactFactory(account=account, last_name="a\r\nX-Evil: 1", source="127.0.0.2")
        prepared = prepare(bad, **{**MINIMAL, **config})
        assert isinstance(prepared, Failed)
        assert prepared.error_class == "invalid_config"

    def test_cannot_break_out_of_the_json(self, account, postbox):
        quoting = ContactFactory(account=account, first_name='", "admin": "yes')
        call(quoting, url=postbox.url(), payload={"name": "{{ contact.first_name }}"})
        (entry,) = postbox.requests()
        assert entry["body"] == '{"name":"\\", \\"admin\\": \\"yes"}'


class TestAnswers:
    @pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
    def test_of_success_complete_the_step(self, contact, postbox, status):
        postbox.add_rule("accept", status=status)
        assert call(contact, url=postbox.url()).result["status_code"] == status

    @pytest.mark.parametrize(
        ("status", "kind", "error_class"),
        [
            (400, Permanent, "rejected"),
            (401, Permanent, "authentication"),
            (403, Permanent, "authentication"),
            (404, Permanent, "rejected"),
            (410, Permanent, "rejected"),
            (429, Retryable, "rate_limited"),
            (304, Permanent, "rejected"),
            (500, Retryable, "unavailable"),
            (503, Retryable, "unavailable"),
            (599, Retryable, "unavailable"),
        ],
    )
    def test_of_failure_have_their_class(self, contact, postbox, status, kind, error_class):
        postbox.add_rule("status", status=status)
        failed = failure(contact, url=postbox.url())
        assert (type(failed), failed.error_class, failed.result["status_code"]) == (kind, error_class, status)
        assert failed.message.startswith(f"{postbox.address.host}:{postbox.address.http} answered {status}")

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize(
        ("value", "least", "most"),
        [
            ("7", 7, 7),
            ("0", 0, 0),
            ("1.5", 2, 2),
            ("99999999999", 86_400, 86_400),
            (format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True), 3_400, 3_600),
            (format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True), 0, 0),
            ("-5", None, None),
            ("soon", None, None),
            ("", None, None),
        ],
        ids=["seconds", "zero", "fraction", "huge", "date", "past", "negative", "junk", "empty"],
    )
    def test_may_say_when_to_come_again(self, contact, postbox, status, value, least, most):
        postbox.add_rule("status", status=status, retry_after=value)
        failed = failure(contact, url=postbox.url())
        assert isinstance(failed, Retryable)
        seconds = failed.retry_after and failed.retry_after.total_seconds()
        if least is None:
            assert failed.retry_after is None
        else:
            assert failed.retry_after is not None
            assert least <= (seconds or 0) <= most

    def test_are_kept_only_where_asked_for(self, contact, postbox):
        postbox.add_rule("accept", body='{"data": {"id": 7}}', headers={"Content-Type": "application/json"})
        assert "body" not in call(contact, url=postbox.url()).result
        assert call(contact, url=postbox.url(), store_response=True).result["body"] == {"data": {"id": 7}}

    @pytest.mark.parametrize(
        ("body", "kept"),
        [
            ("hello", "hello"),
            ("", ""),
            ("[" * 100 + "]" * 100, "[" * 100 + "]" * 100),
            ("x" * 300_000, "x" * 65_536),
            ("null", "null"),
        ],
        ids=["text", "empty", "deep", "long", "null"],
    )
    def test_are_kept_as_they_can_be(self, contact, postbox, body, kept):
        postbox.add_rule("accept", body=body)
        assert call(contact, url=postbox.url(), store_response=True).result["body"] == kept

    def test_that_repeat_secrets_are_kept_with_dots(self, contact, postbox):
        postbox.add_rule("accept", body='{"you sent": "Bearer t0ken-of-ada", "token": "t0ken-of-ada"}')
        result = call(
            contact,
            url=postbox.url(),
            auth_type="bearer",
            auth_config={"token": "t0ken-of-ada"},
            store_response=True,
            response_mapping=[{"path": "token", "to": "echo"}],
        ).result
        assert (result["body"], result["echo"]) == ({"you sent": MASK, "token": MASK}, MASK)

    def test_are_mapped_to_variables(self, contact, postbox):
        postbox.add_rule("accept", body='{"data": {"items": [{"id": "a1"}], "ok": false}}')
        mapping = {"first": "data.items.0.id", "ok": "$.data.ok", "none": "data.items.9.id", "odd": "data.items.id"}
        result = call(
            contact,
            url=postbox.url(),
            response_mapping=[{"path": path, "to": name} for name, path in mapping.items()],
        ).result
        assert {name: result[name] for name in mapping} == {"first": "a1", "ok": False, "none": None, "odd": None}

    def test_that_are_long_are_not_mapped(self, contact, postbox):
        postbox.add_rule("accept", body='{"short": "a", "long": "' + "x" * 9_000 + '"}')
        mapping = [{"path": name, "to": name} for name in ("short", "long")]
        result = call(contact, url=postbox.url(), response_mapping=mapping).result
        assert (result["short"], result["long"]) == ("a", None)

    def test_without_json_map_to_nothing(self, contact, postbox):
        postbox.add_rule("accept", body="<html>")
        mapping = [{"path": "a", "to": "a"}, {"path": "b", "to": "contact.first_name"}]
        result = call(contact, url=postbox.url(), response_mapping=mapping).result
        assert (result["a"], "contact" in result) == (None, False)


class TestWritingIntoTheContact:
    def test_writes_what_fits(self, account, postbox):
        CustomFieldFactory(account=account, key="score", field_type="number")
        contact = ContactFactory(account=account, first_name="Zoë", email="zoe@example.com")
        postbox.add_rule("accept", body='{"name": "Ada", "score": 12, "mail": "no address"}')
        mapping = {"name": "contact.first_name", "score": "contact.score", "mail": "contact.email"}
        steps = steps_of(
            [contact],
            url=postbox.url(),
            response_mapping=[{"path": path, "to": target} for path, target in mapping.items()],
        )
        kind = registry.get("webhook_call")
        (request,) = kind.prepare_many(steps)
        outcome = kind.perform(request.payload, key=steps[0].key)
        with CaptureQueriesContext(connection) as queries:
            kind.record_many(
                [Performed(steps[0], request.payload, outcome, is_final=True)], account_id=account.id, now=NOW
            )
        contact.refresh_from_db()
        assert (contact.first_name, contact.custom_fields, contact.email) == ("Ada", {"score": 12}, "zoe@example.com")
        assert sorted(Event.objects.values_list("event_type", flat=True)) == [
            "contact_updated",
            "custom_field_changed",
        ]
        assert len(queries) < 20

    def test_writes_many_with_as_many_queries_as_two(self, account, other_account, postbox):
        postbox.add_rule("accept", body='{"name": "Ada"}')
        counts = []
        kind = registry.get("webhook_call")
        for size, owner in ((2, account), (20, other_account)):
            steps = steps_of(
                ContactFactory.create_batch(size, account=owner),
                url=postbox.url(),
                response_mapping=[{"path": "name", "to": "contact.first_name"}],
            )
            done = Done({"status_code": 200, "contact": {"first_name": "Ada"}})
            calls = [Performed(step, {}, done, is_final=True) for step in steps]
            with CaptureQueriesContext(connection) as queries:
                kind.record_many(calls, account_id=owner.id, now=NOW)
            counts.append(len(queries))
        assert counts[0] == counts[1]
        assert Contact.objects.filter(first_name="Ada").count() == 22


class TestRetrying:
    @pytest.mark.parametrize("error_class", ["timeout", "network", "unavailable", "outcome_unknown"])
    def test_comes_after_one_two_and_four_seconds(self, error_class):
        config = registry.get("webhook_call").complete_config(MINIMAL)
        policy = registry.get("webhook_call").retry_policy(config, ErrorClass(error_class))
        assert policy is not None
        assert (policy.maximum, policy.base, policy.is_linear) == (3, timedelta(seconds=1), False)

    def test_can_be_forbidden(self):
        config = registry.get("webhook_call").complete_config({**MINIMAL, "retry_on_failure": False})
        for error_class in ErrorClass:
            policy = registry.get("webhook_call").retry_policy(config, error_class)
            assert policy is not None
            assert policy.maximum == 0

    @pytest.mark.parametrize("error_class", ["rate_limited", "rejected", "authentication", "invalid_config"])
    def test_is_left_to_the_class_otherwise(self, error_class):
        config = registry.get("webhook_call").complete_config(MINIMAL)
        assert registry.get("webhook_call").retry_policy(config, ErrorClass(error_class)) is None


@pytest.mark.allow_hosts(["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.2", "localhost"])
class TestForbiddenAddresses:
    """The canary can be reached by whoever tries; only the type's own guard keeps it from being called."""

    def test_belong_to_a_server_that_answers(self, canary):
        assert canary.requests() == []

    @pytest.mark.parametrize(
        "source",
        [
            "127.0.0.2:{port}",
            "2130706434:{port}",
            "0x7f000002:{port}",
            "0177.0.0.2:{port}",
            "127.2:{port}",
            "[::ffff:127.0.0.2]:{port}",
            "[::ffff:7f00:2]:{port}",
            "[64:ff9b::7f00:2]:{port}",
            "ada@127.0.0.2:{port}",
            "127。0。0。2:{port}",
            "①②⑦.0.0.2:{port}",
            "localhost.:{port}#@a.example",
        ],
    )
    def test_are_not_reached_by_a_rendered_url(self, account, canary, source):
        """The address comes from the contact, so that it is not seen when the step is saved."""
        contact = ContactFactory(account=account, source=source.format(port=canary.address.http))
        prepared = prepare(contact, url="http://{{ contact.source }}/x")
        if isinstance(prepared, Request):
            with pytest.raises((Permanent, Retryable)):
                registry.get("webhook_call").perform(prepared.payload, key=uuid7())
        else:
            assert (type(prepared), prepared.error_class) == (Failed, "invalid_config")
        assert canary.requests() == []

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_are_not_reached_by_a_redirect(self, contact, postbox, canary, status):
        postbox.add_rule("redirect", to=canary.url(), status=status)
        failed = failure(contact, url=postbox.url(), payload={"a": 1})
        assert (type(failed), failed.error_class) == (Permanent, "invalid_config")
        assert canary.requests() == []


HOSTILE = [
    ("hang", OutcomeUnknown),
    ("drip_head", OutcomeUnknown),
    ("endless_head", OutcomeUnknown),
    ("garbage", OutcomeUnknown),
    ("drop_reply", OutcomeUnknown),
    ("reset", OutcomeUnknown),
    ("drip_body", Done),
    ("endless_body", Done),
    ("cut_body", Done),
    ("gzip_bomb", Done),
]


class TestHostileServers:
    @pytest.mark.parametrize(("behaviour", "ending"), HOSTILE)
    def test_end_within_a_second_of_the_time_out(self, contact, postbox, behaviour, ending):
        postbox.add_rule(behaviour)
        started = time.monotonic()
        try:
            outcome: Any = call(contact, url=postbox.url(), payload={"a": 1}, timeout_seconds=1, store_response=True)
        except OutcomeUnknown as error:
            outcome = error
        assert isinstance(outcome, ending)
        assert time.monotonic() - started < 2
        assert len(str(outcome.result.get("body", ""))) <= 64 * 1024

    @pytest.mark.proof
    @pytest.mark.parametrize("behaviour", ["gzip_bomb", "endless_body", "endless_head"])
    def test_leave_memory_flat(self, contact, tmp_path, behaviour):
        with postbox_in_process(tmp_path) as postbox:
            postbox.add_rule(behaviour)
            request = prepare(contact, url=postbox.url(), store_response=True, timeout_seconds=5)
            sizes = []
            for _ in range(4):
                for _ in range(50):
                    with contextlib.suppress(OutcomeUnknown):
                        registry.get("webhook_call").perform(request.payload, key=uuid7())
                sizes.append(resident_megabytes())
        assert sizes[-1] - sizes[0] < 8, sizes

    def test_may_redirect_three_times_only(self, contact, postbox):
        postbox.add_rule("redirect", hops=3)
        assert call(contact, url=postbox.url()).result["status_code"] == 200
        postbox.clear_rules()
        postbox.add_rule("redirect", hops=4)
        assert failure(contact, url=postbox.url()).error_class == "rejected"

    def test_that_are_down_can_be_tried_again(self, contact):
        failed = failure(contact, url="http://127.0.0.1:9/")
        assert (type(failed), failed.error_class) == (Retryable, "network")

    def test_that_have_no_name_can_be_tried_again(self, contact):
        failed = failure(contact, url="http://nowhere.invalid/")
        assert (type(failed), failed.error_class) == (Retryable, "network")


class TestRequest:
    def test_is_what_a_lane_wants(self, contact, postbox):
        request = prepare(contact, url=postbox.url())
        assert isinstance(request, Request)
        assert request.host == f"{postbox.address.host}:{postbox.address.http}"
        assert (request.guard_channel, registry.get("webhook_call").honours_keys) == ("", True)
