"""What the forms' script does, in Chromium."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Account
from workflows.admin.config_forms.tests.pages import teams

pytestmark = pytest.mark.urls("workflows.admin.config_forms.tests.pages")


def saved(page: Page) -> Any:
    """Save, and return the config as the server read it."""
    page.locator("#save").click()
    page.wait_for_load_state()
    return json.loads(page.locator("#config").inner_text())


class TestRows:
    def test_are_added_moved_and_removed_by_keyboard_alone(self, staff_page: Page) -> None:
        staff_page.goto("/form/create_contact/")
        add = staff_page.get_by_role("button", name="Tags: add")
        for name in ("Second", "Third"):
            add.focus()
            staff_page.keyboard.press("Enter")
            staff_page.keyboard.type(name)
        staff_page.get_by_role("button", name="Tags: move up").nth(2).press("Enter")
        staff_page.get_by_role("button", name="Tags: remove").nth(0).press("Enter")

        assert saved(staff_page)["tags"] == ["Third", "Second"]

    def test_keep_the_order_of_a_mapping(self, staff_page: Page) -> None:
        staff_page.goto("/form/webhook_call/")
        staff_page.get_by_role("button", name="Headers: add").click()
        staff_page.get_by_label("Headers: name", exact=True).nth(1).fill("X-First")
        staff_page.get_by_label("Headers: value", exact=True).nth(1).fill("1")
        staff_page.get_by_role("button", name="Headers: move up").nth(1).click()

        assert list(saved(staff_page)["headers"]) == ["X-First", "X-Source"]

    def test_can_hold_fields_that_depend_on_each_other(self, staff_page: Page) -> None:
        staff_page.goto("/form/update_contact/")
        staff_page.get_by_role("button", name="Field updates: add").click()
        staff_page.get_by_label("Field", exact=True).nth(2).fill("first_name")
        staff_page.get_by_label("Kind of value: Value").nth(2).select_option("nothing")

        assert saved(staff_page)["field_updates"][2] == {"field": "first_name", "value": None}


class TestWhatBelongsToAChoice:
    def test_is_shown_and_sent_with_it_alone(self, staff_page: Page) -> None:
        staff_page.goto("/form/webhook_call/")
        expect(staff_page.get_by_label("Token")).to_be_hidden()
        staff_page.get_by_label("Basic").check()
        staff_page.get_by_label("Username").fill("ada")
        staff_page.get_by_label("Bearer").check()
        expect(staff_page.get_by_label("Username")).to_be_hidden()
        staff_page.get_by_label("Token").fill("t0ken")

        assert saved(staff_page)["auth_config"] == {"token": "t0ken"}

    def test_works_in_forms_that_come_later(self, staff_page: Page) -> None:
        staff_page.goto("/form/webhook_call/")
        staff_page.evaluate(
            "() => { const place = document.getElementById('place'); const html = place.innerHTML;"
            " place.innerHTML = ''; place.innerHTML = html;"
            " place.dispatchEvent(new CustomEvent('htmx:load', {bubbles: true, detail: {elt: place}})); }"
        )
        staff_page.get_by_label("API key").check()
        expect(staff_page.get_by_label("Key", exact=True)).to_be_visible()
        expect(staff_page.get_by_label("Password")).to_be_hidden()


class TestThePicker:
    def test_inserts_where_the_caret_stands(self, staff_page: Page) -> None:
        staff_page.goto("/form/add_note/")
        content = staff_page.get_by_label("Content", exact=True)
        content.fill("Hello !")
        content.press("ArrowLeft")
        staff_page.get_by_role("button", name="Insert a value into Content").click()
        staff_page.keyboard.type("last name")
        staff_page.keyboard.press("Enter")
        expect(content).to_be_focused()
        staff_page.keyboard.type("?")

        assert saved(staff_page)["content"] == "Hello {{ contact.last_name }}?!"

    def test_is_left_by_escape_and_changes_nothing(self, staff_page: Page) -> None:
        staff_page.goto("/form/add_note/")
        button = staff_page.get_by_role("button", name="Insert a value into Content")
        button.press("Enter")
        menu = staff_page.get_by_role("dialog", name="Insert a value")
        expect(menu).to_be_visible()
        expect(menu.get_by_text("steps.tagged.changed")).to_be_visible()
        expect(menu.get_by_text("unsubscribe_url")).to_be_hidden()
        staff_page.keyboard.press("ArrowDown")
        staff_page.keyboard.press("Escape")

        expect(menu).to_be_hidden()
        expect(button).to_be_focused()

    def test_offers_the_link_to_unsubscribe_to_bodies_of_mails(self, staff_page: Page) -> None:
        staff_page.goto("/form/send_email/")
        staff_page.get_by_role("button", name="Insert a value into").nth(0).click()
        expect(staff_page.get_by_text("unsubscribe_url", exact=True)).to_be_visible()


class TestTheSearch:
    def test_finds_what_the_list_does_not_show(self, staff_page: Page, account: Account) -> None:
        last = teams(account, 60)[-1]
        staff_page.goto("/form/pick/")
        choice = staff_page.get_by_label("Team", exact=True)
        expect(choice.get_by_role("option", name="Team 59")).to_have_count(0)
        staff_page.get_by_label("Search: Team").fill("team 59")
        expect(choice.get_by_role("option", name="Team 59")).to_have_count(1)
        choice.select_option("Team 59")

        assert saved(staff_page) == {"team_id": str(last.id)}
        expect(choice.get_by_role("option", name="Team 59")).to_have_count(1)
