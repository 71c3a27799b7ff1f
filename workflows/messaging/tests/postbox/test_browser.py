"""The postbox's pages in Chromium, on a narrow screen."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from twilio.rest import Client

from config.tests.browser import Browsing
from workflows.messaging.postbox.testing import PostboxClient
from workflows.messaging.tests.providers.test_twilio import FROM, SID, TO, MovedClient

TABS = ("mails", "phones", "chats", "requests", "rules")
IS_TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture
def browsing(chromium: Browser, postbox: PostboxClient) -> Iterator[Browsing]:
    browsing = Browsing(chromium, postbox.address.url)
    yield browsing
    browsing.close()


class TestANarrowScreen:
    def test_holds_every_page_and_shows_the_newest_of_a_talk(self, browsing: Browsing, postbox: PostboxClient) -> None:
        client = Client(SID, "auth token", http_client=MovedClient(postbox.address.url))
        for number in range(12):
            client.messages.create(to=TO, from_=FROM, body=f"Message {number} {'x' * 200}")
        page = browsing.open(width=390, height=700)
        for tab in TABS:
            page.goto(f"/{tab}")
            assert not page.evaluate(IS_TOO_WIDE), tab
        page.goto(f"/phones/{TO}")
        expect(page.get_by_role("article").get_by_text("Message 11")).to_be_in_viewport()
        assert not page.evaluate(IS_TOO_WIDE)
        client.messages.create(to=TO, from_=FROM, body="The last one")
        expect(page.get_by_role("article").get_by_text("The last one")).to_be_in_viewport()
