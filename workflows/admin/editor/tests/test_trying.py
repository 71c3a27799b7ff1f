"""Trying a script in the editor before it is saved."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Account, Role
from workflows.actions.registry import registry as action_types
from workflows.admin.editor.tests.staff import StaffMember, text
from workflows.crm.tests.factories import ContactFactory
from workflows.models import Action, ActionExecution, Workflow, WorkflowExecution
from workflows.tests.factories import WorkflowFactory

pytestmark = pytest.mark.django_db

CODE = "console.log('<b>hi</b>');\nreturn {name: contact.first_name, half: inputs.half};"


@pytest.fixture
def ada(account: Account) -> StaffMember:
    ContactFactory(account=account, first_name="Older", email="older@example.com")
    ContactFactory(account=account, first_name="Zoë", email="zoe@example.com")
    return StaffMember(WorkflowFactory(account=account, chain=["add_tag"]))


class TestTrying:
    def test_shows_value_log_and_time_and_records_nothing(self, ada: StaffMember) -> None:
        state = ada.state()
        shown = text(
            ada.post("trying_run", {"config.code": CODE, "try_contact": "OLDER@example.com"}, slug="custom_code")
        )
        assert "Completed" in shown
        assert "&quot;name&quot;: &quot;Older&quot;" in shown
        assert "&lt;b&gt;hi&lt;/b&gt;" in shown
        assert " ms</small>" in shown
        assert ada.state() == state
        assert not ActionExecution.objects.exists()
        assert not WorkflowExecution.objects.exists()

    def test_takes_the_contact_that_changed_last(self, ada: StaffMember) -> None:
        assert "Zoë" in text(ada.post("trying_run", {"config.code": CODE}, slug="custom_code"))

    @pytest.mark.parametrize(
        ("sent", "shown"),
        [
            ({"config.code": "return {"}, "Line 1, column "),
            ({"config.code": "let a;\na.b()"}, "Failed: rejected"),
            ({"config.code": "for (;;);", "config.timeout_ms": "50"}, "Failed: timeout"),
            ({"config.code": ""}, "Not run"),
            ({}, "Not run"),
            ({"config.code": "return {}", "try_contact": "nobody@example.com"}, "There is no such contact"),
            ({"config.code": "return {}", "try_contact": "'"}, "There is no such contact"),
        ],
    )
    def test_tells_what_is_wrong(self, ada: StaffMember, sent: dict[str, str], shown: str) -> None:
        answer = ada.post("trying_run", sent, slug="custom_code")
        assert answer.status_code == 200
        assert shown in text(answer)

    def test_finds_no_contact_of_another_account(self, ada: StaffMember, other_account: Account) -> None:
        theirs = ContactFactory(account=other_account, first_name="Theirs", email="theirs@example.com")
        for named in (theirs.email, str(theirs.id)):
            answer = text(ada.post("trying_run", {"config.code": CODE, "try_contact": named}, slug="custom_code"))
            assert "There is no such contact" in answer
            assert "Theirs" not in answer

    @pytest.mark.parametrize("slug", ["webhook_call", "send_email", "add_tag", "nothing"])
    def test_is_for_types_without_effect_alone(self, ada: StaffMember, slug: str) -> None:
        assert ada.post("trying_run", {"config.code": CODE}, slug=slug).status_code == 404

    def test_is_for_editors(self, ada: StaffMember) -> None:
        viewer = StaffMember(ada.workflow, Role.VIEWER)
        assert viewer.post("trying_run", {"config.code": CODE}, slug="custom_code").status_code == 403

    def test_is_for_the_accounts_own_staff(self, ada: StaffMember, other_account: Account) -> None:
        stranger = StaffMember(WorkflowFactory(account=other_account))
        stranger.workflow = ada.workflow
        assert stranger.post("trying_run", {"config.code": CODE}, seen=1, slug="custom_code").status_code == 404


@pytest.fixture
def draft(account: Account) -> Workflow:
    ContactFactory(account=account, first_name="Zoë", email="zoe@example.com")
    return WorkflowFactory(account=account, name="Welcome", chain=["add_tag"])


class TestTheEditorOfScripts:
    def test_colors_indents_runs_and_saves(self, staff_page: Page, draft: Workflow) -> None:
        staff_page.goto(f"/admin/workflows/workflow/{draft.pk}/change/")
        staff_page.get_by_label("Add a step at the end").click()
        drawer = staff_page.get_by_role("dialog")
        drawer.get_by_label("Search steps").fill("custom code")
        drawer.get_by_role("link", name="Run custom code").click()
        area = drawer.get_by_label("Code", exact=True)
        area.click()
        staff_page.keyboard.type("if (contact.first_name) {")
        staff_page.keyboard.press("Enter")
        staff_page.keyboard.type('console.log("named", /a+/.test("a"), 12); // yes')
        staff_page.keyboard.press("Enter")
        staff_page.keyboard.press("Shift+Tab")
        staff_page.keyboard.type("}")
        staff_page.keyboard.press("Enter")
        staff_page.keyboard.type("return { name: contact.first_name };")
        code = (
            'if (contact.first_name) {\n  console.log("named", /a+/.test("a"), 12); // yes\n}\n'
            "return { name: contact.first_name };"
        )
        expect(area).to_have_value(code)
        colors = drawer.locator("[data-cf-script-colors]")
        expect(colors).to_have_text(code + "\n", use_inner_text=False)
        expect(colors.locator(".cf-script-keyword")).to_have_text(["if", "return"])
        expect(colors.locator(".cf-script-string")).to_have_text(['"named"', "/a+/", '"a"'])
        expect(colors.locator(".cf-script-comment")).to_have_text(["// yes"])
        expect(drawer.locator("[data-cf-script-lines] span")).to_have_count(4)

        drawer.get_by_role("button", name="Run it").click()
        result = drawer.locator("#try-result")
        expect(result).to_contain_text('"name": "Zoë"')
        expect(result).to_contain_text("named true 12")
        area.focus()
        staff_page.keyboard.press("Control+z")
        expect(area).not_to_have_value(code)
        staff_page.keyboard.press("Control+Shift+z")
        expect(area).to_have_value(code)

        drawer.get_by_role("button", name="Add step").click()
        expect(staff_page.locator(".step-card")).to_have_count(2)
        assert Action.objects.get(action_type="custom_code").action_config == {"code": code}

    def test_offers_an_example_that_runs(self, staff_page: Page, draft: Workflow) -> None:
        staff_page.goto(f"/admin/workflows/workflow/{draft.pk}/change/")
        staff_page.get_by_label("Add a step at the end").click()
        drawer = staff_page.get_by_role("dialog")
        drawer.get_by_label("Search steps").fill("custom code")
        drawer.get_by_role("link", name="Run custom code").click()
        drawer.get_by_text("An example").click()
        drawer.get_by_role("button", name="Put it into the editor").click()
        example = action_types.get("custom_code").example["code"]
        expect(drawer.get_by_label("Code", exact=True)).to_have_value(example)
        drawer.get_by_role("button", name="Run it").click()
        expect(drawer.locator("#try-result")).to_contain_text("is_company")

    def test_lets_the_keyboard_go_on(self, staff_page: Page, draft: Workflow) -> None:
        staff_page.goto(f"/admin/workflows/workflow/{draft.pk}/editor/steps/add/custom_code/")
        area = staff_page.get_by_label("Code", exact=True)
        area.focus()
        staff_page.keyboard.press("Control+m")
        staff_page.keyboard.press("Tab")
        expect(area).not_to_be_focused()
        expect(area).to_have_value("")
