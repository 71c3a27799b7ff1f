"""The addresses in mails, asked as browsers, mail programs and strangers ask them."""

import html
import re
from collections.abc import Iterator

import pytest
from django.db import OperationalError
from django.test import Client

from workflows.crm.models import Consent, Event
from workflows.crm.tests.factories import ContactFactory
from workflows.messaging import tokens
from workflows.messaging.models import Message
from workflows.messaging.services import engagement
from workflows.messaging.tests.factories import MessageFactory
from workflows.messaging.tokens import Sent

pytestmark = pytest.mark.django_db

URL = "https://acme.example/start?a=1&b=ü"


@pytest.fixture
def browser() -> Client:
    """A stranger, strict about CSRF."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def message(account) -> Message:
    return MessageFactory(account=account, contact_id=ContactFactory(account=account).id)


@pytest.fixture
def sent(message) -> Sent:
    return Sent(message.account_id, message.contact_id, message.id)


@pytest.fixture
def addresses(sent) -> dict[str, str]:
    return {
        "open": f"/t/o/{tokens.open_token(sent)}.gif",
        "click": f"/t/c/{tokens.click_token(sent, URL)}",
        "unsubscribe": f"/unsubscribe/{tokens.unsubscribe_token(sent)}",
    }


def forged(address: str) -> Iterator[str]:
    """Yield addresses that look like this one."""
    head, _, token = address.rpartition("/")
    ending = ".gif" if token.endswith(".gif") else ""
    token = token.removesuffix(".gif")
    data, _, signature = token.rpartition(".")
    for other in (
        "A" * len(data) + f".{signature}",
        f"{data}.{'A' * len(signature)}",
        f"{data}.{signature[:-1]}",
        data,
        f"{data[:-4]}AAAA.{signature}",
        f"{data}{data}.{signature}",
        f"{data}.{signature}.{signature}",
        "x",
        "%00",
        "%ff",
        "..",
        "ü",
        "x" * 5000,
    ):
        yield f"{head}/{other}{ending}"


class TestThePixel:
    def test_is_an_image_and_counts(self, browser, message, addresses):
        answer = browser.get(addresses["open"])
        message.refresh_from_db()
        assert (answer.status_code, answer["Content-Type"], answer["Cache-Control"]) == (200, "image/gif", "no-store")
        assert answer.content.startswith(b"GIF89a")
        assert (message.status, message.opens) == ("opened", 1)
        assert Event.objects.get().event_type == "email_opened"

    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Purpose": "prefetch"},
            {"Sec-Purpose": "prefetch;prerender"},
            {"Purpose": "prefetch"},
            {"X-Purpose": "preview"},
        ],
    )
    def test_does_not_count_what_is_loaded_ahead(self, browser, message, addresses, headers):
        assert browser.get(addresses["open"], headers=headers).status_code == 200
        message.refresh_from_db()
        assert message.opens == 0

    def test_does_not_count_head(self, browser, message, addresses):
        assert browser.head(addresses["open"]).status_code == 200
        message.refresh_from_db()
        assert message.opens == 0

    def test_takes_nothing_but_get(self, browser, addresses):
        assert browser.post(addresses["open"]).status_code == 405


class TestALink:
    def test_leads_where_the_mail_said_and_counts(self, browser, message, addresses):
        answer = browser.get(addresses["click"])
        message.refresh_from_db()
        assert (answer.status_code, answer["Location"]) == (302, "https://acme.example/start?a=1&b=%C3%BC")
        assert (answer["Referrer-Policy"], answer["Cache-Control"]) == ("no-referrer", "no-store")
        assert (message.status, message.clicks) == ("clicked", 1)
        assert list(Event.objects.order_by("sequence").values_list("event_type", flat=True)) == [
            "email_opened",
            "email_clicked",
        ]

    def test_does_not_count_head(self, browser, message, addresses):
        assert browser.head(addresses["click"]).status_code == 302
        message.refresh_from_db()
        assert message.clicks == 0

    @pytest.mark.parametrize("query", ["?url=https://evil.example", "?next=//evil.example", "/../https://evil.example"])
    def test_leads_nowhere_else(self, browser, addresses, query):
        answer = browser.get(addresses["click"] + query)
        assert "evil" not in answer.get("Location", "")

    @pytest.mark.parametrize(
        "url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "https://a\\@b.example", "/x"]
    )
    def test_leads_to_web_addresses_only_even_if_signed(self, browser, sent, url):
        answer = browser.get(f"/t/c/{tokens.click_token(sent, url)}")
        assert answer.status_code == 404
        assert not answer.has_header("Location")

    def test_leads_on_though_nothing_can_be_recorded(self, browser, addresses, monkeypatch):
        def away(**_: object) -> None:
            raise OperationalError("the database is away")

        monkeypatch.setattr(engagement, "record_click", away)
        assert browser.get(addresses["click"]).status_code == 302


class TestUnsubscribing:
    def test_asks_first_and_changes_nothing(self, browser, account, addresses):
        account.name = "Acme & Sons <b>"
        account.save()
        for _ in range(2):
            answer = browser.get(addresses["unsubscribe"])
            assert answer.status_code == 200
            assert b"Unsubscribe from these e-mails?" in answer.content
            assert html.escape("Acme & Sons <b>").encode() in answer.content
        browser.head(addresses["unsubscribe"])
        assert not Consent.objects.exists()
        assert not Event.objects.exists()

    def test_happens_by_the_button_of_the_page(self, browser, sent, addresses):
        page = browser.get(addresses["unsubscribe"]).content.decode()
        form = re.search(r"<form ([^>]*)>", page)
        assert form is not None
        assert 'method="post"' in html.unescape(form[1])
        answer = browser.post(addresses["unsubscribe"])
        assert b"You are unsubscribed" in answer.content
        assert Consent.objects.get(contact_id=sent.contact_id).state == "opt_out"
        assert b"You are unsubscribed" in browser.get(addresses["unsubscribe"]).content

    def test_happens_with_one_click(self, browser, sent, addresses):
        """RFC 8058: no cookies, no login, no CSRF token."""
        answer = browser.post(
            addresses["unsubscribe"], "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
        )
        assert answer.status_code == 200
        assert not answer.cookies
        assert Consent.objects.get(contact_id=sent.contact_id, channel="email").state == "opt_out"

    def test_twice_is_once(self, browser, addresses):
        for _ in range(2):
            assert browser.post(addresses["unsubscribe"]).status_code == 200
        assert Consent.objects.count() == 1
        assert Event.objects.filter(event_type="unsubscribed").count() == 1

    def test_takes_nothing_but_get_and_post(self, browser, addresses):
        for method in ("put", "patch", "delete"):
            assert getattr(browser, method)(addresses["unsubscribe"]).status_code == 405
        assert not Consent.objects.exists()

    def test_loads_nothing_and_runs_nothing(self, browser, addresses):
        answer = browser.get(addresses["unsubscribe"])
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert answer["X-Frame-Options"] == "DENY"
        assert b"http" not in answer.content.replace(b"http-equiv", b"")


class TestForgedAddresses:
    @pytest.mark.parametrize("kind", ["open", "click", "unsubscribe"])
    def test_do_nothing(self, browser, message, addresses, kind):
        for address in forged(addresses[kind]):
            assert browser.get(address).status_code == 404, address
            assert browser.post(address).status_code in {404, 405}, address
        message.refresh_from_db()
        assert (message.opens, message.clicks) == (0, 0)
        assert not Consent.objects.exists()
        assert not Event.objects.exists()

    def test_of_another_kind_do_nothing(self, browser, message, addresses):
        token = addresses["open"].removeprefix("/t/o/").removesuffix(".gif")
        assert browser.post(f"/unsubscribe/{token}").status_code == 404
        assert browser.get(f"/t/c/{token}").status_code == 404
        assert not Consent.objects.exists()

    def test_of_another_account_do_nothing_there(self, browser, sent, message, other_account):
        foreign = Sent(other_account.id, sent.contact_id, sent.message_id)
        browser.get(f"/t/o/{tokens.open_token(foreign)}.gif")
        browser.post(f"/unsubscribe/{tokens.unsubscribe_token(foreign)}")
        message.refresh_from_db()
        assert message.opens == 0
        assert not Consent.objects.exists()


class TestAStranger:
    @pytest.mark.parametrize("path", ["/t/o/x.gif", "/t/c/x", "/t/a/x", "/unsubscribe/x"])
    def test_who_asks_too_often_is_told_to_wait(self, browser, settings, path) -> None:
        settings.PUBLIC_REQUESTS_PER_MINUTE = 2
        answers = [browser.get(path, REMOTE_ADDR="203.0.113.7") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [404, 404, 429]
        assert 1 <= int(answers[-1]["Retry-After"]) <= 60
        assert answers[-1]["Cache-Control"] == "no-store"
        assert browser.get(path, REMOTE_ADDR="203.0.113.8").status_code == 404

    def test_who_asks_too_often_changes_nothing(self, browser, settings, sent, message) -> None:
        settings.PUBLIC_REQUESTS_PER_MINUTE = 0
        assert browser.post(f"/unsubscribe/{tokens.unsubscribe_token(sent)}").status_code == 429
        assert browser.get(f"/t/o/{tokens.open_token(sent)}.gif").status_code == 429
        message.refresh_from_db()
        assert message.opens == 0
        assert not Consent.objects.exists()
