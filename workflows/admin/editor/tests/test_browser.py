"""The editor in a real browser: by mouse, by keyboard, by touch of nobody else; names stay text."""

import re
from collections.abc import Sequence

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import Account
from config.tests.browser import Browsing
from workflows.authoring.chain import list_actions
from workflows.authoring.tests.authors import Author
from workflows.models import Action, Workflow, WorkflowVersion
from workflows.tests.factories import ActiveWorkflowFactory, ExecutionFactory, WorkflowFactory

HOSTILE = "<script>window.broken=1</script>{{7*7}}\"'><img src=x onerror=window.broken=1> עברית 🦊 " + "ẞ" * 20


class Editor:
    """The editor of one workflow as a person uses it."""

    def __init__(self, page: Page, workflow: Workflow) -> None:
        self.page = page
        self.workflow = workflow
        page.goto(f"/admin/workflows/workflow/{workflow.pk}/change/")

    @property
    def drawer(self) -> Locator:
        return self.page.get_by_role("dialog")

    @property
    def cards(self) -> Locator:
        return self.page.locator(".step-card")

    def card(self, number: int) -> Locator:
        return self.cards.nth(number - 1)

    def add(self, type_label: str, *, place: int | None = None, **fields: str) -> None:
        """Add a step, at the end or at a place counted from 1; `fields` are filled in by label."""
        count = self.cards.count()
        if place is None:
            last = self.page.get_by_label("Add a step at the end")
            (last if count else self.page.get_by_role("link", name="Add a step", exact=True)).click()
        else:
            self.page.get_by_label(f"Add a step before step {place}", exact=True).click()
        self.drawer.get_by_label("Search steps").fill(type_label)
        self.drawer.get_by_role("link", name=type_label).first.click()
        self.fill(**fields)
        self.save("Add step")
        expect(self.cards).to_have_count(count + 1)

    def fill(self, **fields: str) -> None:
        for label, value in fields.items():
            control = self.drawer.get_by_label(re.compile(f"^{label.replace('_', ' ')}", re.IGNORECASE)).first
            if control.evaluate("element => element.tagName") == "SELECT":
                control.select_option(value)
            else:
                control.fill(value)

    def save(self, verb: str = "Save") -> None:
        self.drawer.get_by_role("button", name=verb, exact=True).click()

    def titles(self) -> list[str]:
        return [
            title.split("\n")[-1].strip() for title in self.page.locator(".step-card .card-title bdi").all_inner_texts()
        ]

    def expect_titles(self, titles: Sequence[str]) -> None:
        expect(self.page.locator(".step-card .card-title bdi")).to_have_text(list(titles))

    def stored(self) -> list[str]:
        items = list_actions(account_id=self.workflow.account_id, workflow_id=self.workflow.pk)
        return [item.action.name or item.action.key for item in items]


@pytest.fixture
def draft(account: Account) -> Workflow:
    return WorkflowFactory(account=account, name="Welcome")


class TestTheEditor:
    def test_builds_orders_breaks_mends_and_activates_ten_steps(self, staff_page: Page, draft: Workflow) -> None:
        staff_page.set_viewport_size({"width": 1280, "height": 1700})
        editor = Editor(staff_page, draft)
        expect(staff_page.get_by_text("No steps yet")).to_be_visible()
        editor.add("Add tag", Name="Tag 1", Tag_name="Group 1")
        for number in range(2, 7):  # like a colleague elsewhere
            Author(draft).add(name=f"Tag {number}")
        staff_page.reload()
        for number in (7, 8):
            editor.add("Add tag", Name=f"Tag {number}", Tag_name=f"Group {number}")
        editor.add("Wait", place=1, Name="Rest", Duration="2", Unit="days")
        editor.add("Add note", place=5, Name="Remark", Content="{{ steps.add_tag_8.tag_name }}")
        built = ["Rest", "Tag 1", "Tag 2", "Tag 3", "Remark", "Tag 4", "Tag 5", "Tag 6", "Tag 7", "Tag 8"]
        editor.expect_titles(built)
        assert editor.stored() == built

        editor.card(10).focus()
        staff_page.keyboard.press("Alt+ArrowUp")
        editor.expect_titles([*built[:8], "Tag 8", "Tag 7"])
        expect(staff_page.locator("#editor-live")).to_have_text("“Tag 8” is step 9 now.")
        expect(editor.card(9)).to_be_focused()
        staff_page.keyboard.press("Alt+ArrowDown")
        editor.expect_titles(built)

        drag(staff_page, editor.card(5), editor.card(1))
        dragged = ["Remark", "Rest", "Tag 1", "Tag 2", "Tag 3", *built[5:]]
        editor.expect_titles(dragged)
        expect(staff_page.locator("#editor-live")).to_have_text("“Remark” is step 1 now.")
        assert editor.stored() == dragged

        Action.objects.filter(key="add_tag_2").update(action_config={})
        Action.objects.filter(key="add_tag_3").update(action_config={"tag_name": "{{ steps.gone.x }}"})
        staff_page.get_by_role("button", name="Activate").click()
        problems = staff_page.locator("#problems")
        expect(problems).to_be_focused()
        expect(problems.get_by_role("heading")).to_have_text("2 problems to mend before it can be activated")
        expect(staff_page.locator(".step-card.has-problem")).to_have_count(2)
        expect(staff_page.locator(".step-card.has-warning")).to_have_count(1)
        problems.get_by_role("link", name="Tag 2").click()
        expect(editor.card(4)).to_be_focused()
        assert Workflow.objects.get().status == "draft"

        staff_page.keyboard.press("Enter")
        tag_name = editor.drawer.get_by_label(re.compile("^Tag name"))
        expect(tag_name).to_be_focused()
        expect(editor.drawer.get_by_text("This field is required.")).to_be_visible()
        tag_name.fill("Mended")
        editor.save()
        expect(staff_page.locator(".step-card.has-problem")).to_have_count(1)
        problems.get_by_role("link", name="Tag 3").click()
        staff_page.keyboard.press("Enter")
        expect(editor.drawer.get_by_text("no action has the key 'gone'")).to_be_visible()
        editor.fill(Tag_name="Mended too")
        editor.save()
        expect(staff_page.locator(".step-card.has-problem")).to_have_count(0)

        staff_page.get_by_role("button", name="Activate").click()
        expect(staff_page.locator(".editor-header .pill-active")).to_be_visible()
        expect(staff_page.get_by_text("This workflow is active, so its steps")).to_be_visible()
        expect(staff_page.locator(".card-menu, .gap-add, [data-handle]")).to_have_count(0)
        assert [step["name"] for step in WorkflowVersion.objects.get().definition["actions"]] == dragged

    def test_duplicates_switches_off_and_deletes(self, staff_page: Page, account: Account) -> None:
        editor = Editor(staff_page, WorkflowFactory(account=account, chain=["add_tag", "wait_time"]))

        editor.card(1).hover()
        editor.card(1).get_by_label("Duplicate: Add tag").click()
        editor.expect_titles(["Add tag", "Add tag", "Wait"])
        expect(editor.card(2)).to_be_focused()

        editor.card(2).get_by_label("Disable: Add tag").click()
        expect(editor.card(2).locator(".pill-off")).to_be_visible()
        editor.card(2).hover()
        editor.card(2).get_by_label("Enable: Add tag").click()
        expect(editor.card(2).locator(".pill-off")).to_have_count(0)

        editor.card(3).hover()
        editor.card(3).get_by_label("Delete: Wait").click()
        expect(editor.drawer.get_by_text("Delete the step “Wait”?")).to_be_visible()
        editor.drawer.get_by_role("button", name="Cancel").click()
        expect(editor.cards).to_have_count(3)
        editor.card(3).get_by_label("Delete: Wait").click()
        editor.save("Delete step")
        editor.expect_titles(["Add tag", "Add tag"])
        expect(editor.card(2)).to_be_focused()

    def test_keeps_what_was_typed_when_somebody_else_was_faster(
        self, browsing: Browsing, staff_page: Page, account: Account
    ) -> None:
        browsing.accept_status(412)
        workflow = WorkflowFactory(account=account, chain=["add_tag", "wait_time"])
        editor = Editor(staff_page, workflow)
        editor.card(1).click()
        editor.fill(Name="Typed here", Tag_name="Mine")
        Action.objects.filter(key="wait_time").update(name="By somebody else")
        Workflow.objects.update(revision=workflow.revision + 1)

        editor.save()

        expect(editor.drawer.get_by_role("alert")).to_contain_text("Somebody else changed this workflow meanwhile.")
        expect(editor.drawer.get_by_label(re.compile("^Name"))).to_have_value("Typed here")
        expect(staff_page.locator(".step-card .card-title bdi").nth(1)).to_have_text("By somebody else")
        editor.save()
        editor.expect_titles(["Typed here", "By somebody else"])

        Workflow.objects.update(revision=20)
        drag(staff_page, editor.card(2), editor.card(1))
        expect(staff_page.get_by_role("alert")).to_contain_text("Somebody else changed this workflow meanwhile.")
        editor.expect_titles(["Typed here", "By somebody else"])

    def test_asks_what_contacts_inside_shall_do(self, staff_page: Page, account: Account) -> None:
        workflow = ActiveWorkflowFactory(account=account, chain=["wait_time"])
        ExecutionFactory(workflow=workflow, waiting=True)
        editor = Editor(staff_page, workflow)
        staff_page.get_by_role("button", name="Pause", exact=True).click()
        editor.add("Add tag", Tag_name="New")

        staff_page.get_by_role("link", name="Resume…").click()
        editor.drawer.get_by_label(re.compile("Move to the new version")).check()
        editor.save("Activate")

        expect(
            staff_page.get_by_text("is active on version 2. 1 contact was moved to the new version.").first
        ).to_be_visible()

    def test_changes_settings_and_triggers(self, staff_page: Page, draft: Workflow) -> None:
        editor = Editor(staff_page, draft)
        staff_page.get_by_role("link", name="Edit").click()
        editor.fill(Name="Renamed", Description="Two\nlines", Re="single", Time_zone="Asia/Tokyo")
        editor.save()
        expect(staff_page.get_by_role("heading", name="Renamed")).to_be_visible()

        staff_page.get_by_role("link", name="Add trigger").click()
        editor.drawer.get_by_role("link", name="By hand").click()
        editor.save("Add trigger")
        expect(staff_page.locator(".trigger-card .card-title")).to_have_text("By hand")
        staff_page.locator(".trigger-card").hover()
        staff_page.get_by_label("Delete trigger By hand").click()
        editor.save("Delete trigger")
        expect(staff_page.get_by_text("No trigger", exact=True)).to_be_visible()
        saved = Workflow.objects.get()
        assert (saved.name, saved.description, saved.reentry) == ("Renamed", "Two\nlines", "single")
        assert saved.timezone == "Asia/Tokyo"

    def test_asks_before_what_was_typed_is_thrown_away(self, staff_page: Page, account: Account) -> None:
        editor = Editor(staff_page, WorkflowFactory(account=account, chain=["add_tag"]))
        asked: list[str] = []
        staff_page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
        editor.card(1).click()
        expect(editor.drawer.get_by_role("button", name="Save")).to_be_visible()
        staff_page.keyboard.press("Escape")
        expect(editor.drawer).to_have_count(0)
        expect(editor.card(1).get_by_role("link", name="Add tag", exact=False).first).to_be_focused()

        editor.card(1).click()
        editor.fill(Name="Typed")
        staff_page.keyboard.press("Escape")

        assert asked == ["Close without saving what you typed?"]
        expect(editor.drawer.get_by_label(re.compile("^Name"))).to_have_value("Typed")

        staff_page.keyboard.press("Escape")
        assert len(asked) == 2
        expect(editor.drawer).to_be_visible()

    def test_clones_and_goes_on_in_the_copy(self, staff_page: Page, draft: Workflow) -> None:
        editor = Editor(staff_page, draft)
        staff_page.get_by_role("link", name="Clone").click()
        editor.fill(Name="Second")
        editor.save("Clone")

        expect(staff_page.locator("#state")).to_have_text("Second")
        assert str(Workflow.objects.get(name="Second").pk) in staff_page.url

    def test_says_when_the_server_is_away(self, browsing: Browsing, staff_page: Page, account: Account) -> None:
        browsing.accept_status(500)
        editor = Editor(staff_page, WorkflowFactory(account=account, chain=["add_tag", "wait_time"]))
        said: list[str] = []
        staff_page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.accept()))
        staff_page.route("**/move/", lambda route: route.fulfill(status=500, body="broken"))

        drag(staff_page, editor.card(2), editor.card(1))

        expect(staff_page.locator("#editor-live")).to_contain_text("Nothing was changed; try again.")
        editor.expect_titles(["Add tag", "Wait"])
        assert said == ["The server could not do this (500). Nothing was changed; try again."]
        browsing.settle()
        assert len(browsing.problems) == 1
        assert "Response Status Error Code 500" in browsing.problems.pop()

    def test_shows_names_as_text(self, staff_page: Page, account: Account) -> None:
        workflow = WorkflowFactory(account=account, chain=["add_tag", "add_note"], description=HOSTILE)
        Action.objects.filter(key="add_tag").update(name=HOSTILE[:120], action_config={"tag_name": HOSTILE[:50]})
        editor = Editor(staff_page, workflow)

        expect(staff_page.locator(".step-card .card-title bdi").first).to_have_text(HOSTILE[:120])
        editor.card(1).click()
        expect(editor.drawer.get_by_role("heading").first).to_have_text(HOSTILE[:120])
        expect(editor.drawer.get_by_label(re.compile("^Name"))).to_have_value(HOSTILE[:120])
        editor.fill(Tag_name="VIP")
        editor.save()
        expect(staff_page.locator("#editor-live")).to_contain_text("{{7*7}}")
        editor.card(1).hover()
        editor.card(1).get_by_label("Delete: ").click()
        expect(editor.drawer).to_contain_text("<script>window.broken=1</script>{{7*7}}")
        assert staff_page.evaluate("window.broken") is None
        assert staff_page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    def test_shows_the_steps_without_javascript(self, browsing: Browsing, staff_user: object, account: Account) -> None:
        page = browsing.open(staff_user, has_javascript=False)  # type: ignore[arg-type]
        editor = Editor(page, WorkflowFactory(account=account, chain=["add_tag", "wait_time"]))

        expect(editor.card(2)).to_be_visible()
        editor.card(2).get_by_label("Move up: Wait").click()
        editor.expect_titles(["Wait", "Add tag"])
        expect(page.get_by_text("“Wait” is step 1 now.")).to_be_visible()
        page.get_by_role("link", name="Wait").first.click()
        page.get_by_label(re.compile("^Name")).fill("Rest")
        page.get_by_role("button", name="Save").click()
        editor.expect_titles(["Rest", "Add tag"])


def drag(page: Page, card: Locator, target: Locator) -> None:
    """Drag a card by its handle above another."""
    card.scroll_into_view_if_needed()
    card.hover()
    page.mouse.move(*middle(card.locator("[data-handle]")))
    page.mouse.down()
    start, end = middle(card.locator("[data-handle]")), middle(target)
    for part in range(1, 11):
        page.mouse.move(start[0], start[1] + (end[1] - 24 - start[1]) * part / 10)
        page.wait_for_timeout(20)
    page.mouse.up()


def middle(element: Locator) -> tuple[float, float]:
    box = element.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
