"""`manage.py run_workflow`: enrolls, takes the steps when nobody else does, reports, and its exit code tells."""

from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from workflows.actions.outcomes import Done
from workflows.actions.outside import HoldUntil, OutcomeUnknown
from workflows.crm.tests.factories import ContactFactory
from workflows.engine.tests.kinds import Outside, registered_type
from workflows.management.running.watching import Fate
from workflows.models import WorkerHeartbeat, WorkflowExecution
from workflows.tests.factories import ActiveWorkflowFactory, ExecutionFactory, WorkflowFactory

pytestmark = pytest.mark.django_db

GREET = ("add_note", {"content": "{{ contact.first_name }} came by."})
REST = ("wait_time", {"duration": 3, "unit": "days"})
FAIL = ("update_contact", {"field_updates": [{"field": "timezone", "value": "{{ contact.last_name }}"}]})


def run(workflow, *arguments, account=None, name=None):
    """Call the command; return its exit code, output, and error message."""
    output = StringIO()
    account_id = str((account or workflow.account).id)
    try:
        call_command("run_workflow", name or workflow.name, "--account", account_id, *arguments, stdout=output)
    except CommandError as error:
        return error.returncode, output.getvalue(), str(error)
    except SystemExit as exit_:
        return exit_.code, output.getvalue(), ""
    return 0, output.getvalue(), ""


def rows_of(output):
    """Return the numbers above 0 of the steps' table by the step's key."""
    lines = [line.split() for line in output.splitlines()]
    rows = {line[1]: line[2:] for line in lines if len(line) == 2 + len(Fate) and line[0].endswith(".")}
    return {
        key: {fate.value: int(cell) for fate, cell in zip(Fate, cells, strict=True) if cell != "0"}
        for key, cells in rows.items()
    }


@pytest.fixture
def workflow(account):
    return ActiveWorkflowFactory(account=account, name="Greet them", chain=[GREET, REST, "add_tag"])


@pytest.fixture
def people(account):
    return [ContactFactory(account=account, tags=["Lead"]) for _ in range(3)]


class TestRunWorkflow:
    def test_leads_tagged_contacts_until_they_wait(self, workflow, people):
        ContactFactory(account=workflow.account)
        code, output, _ = run(workflow, "--tag", "lead")
        assert code == 0
        assert "3 contacts enrolled in Greet them." in output
        assert "No worker is running: this process takes the steps itself." in output
        assert rows_of(output) == {"add_note": {"completed": 3}, "wait_time": {"waiting": 3}, "add_tag": {}}
        assert "3 executions: 3 waiting." in output
        assert [contact.notes.get().content for contact in people] == [
            f"{contact.first_name} came by." for contact in people
        ]
        sources = WorkflowExecution.objects.for_account(workflow.account_id).values_list("enrollment_source", flat=True)
        assert set(sources) == {"command"}

    def test_takes_the_workflow_by_its_id_or_its_name_in_any_case(self, workflow, people):
        assert run(workflow, "--tag", "Lead", name="GREET THEM")[0] == 0
        other = ActiveWorkflowFactory(account=workflow.account)
        assert run(other, "--tag", "Lead", name=str(other.id))[0] == 0

    def test_counts_only_its_own_executions(self, workflow, people):
        ExecutionFactory(workflow=workflow, waiting=True, due_at=timezone.now() + timedelta(days=1))
        _, output, _ = run(workflow, "--tag", "Lead")
        assert "3 executions: 3 waiting." in output

    def test_says_who_was_not_let_in(self, workflow, people):
        ExecutionFactory(workflow=workflow, contact=people[0], waiting=True, due_at=timezone.now() + timedelta(days=1))
        code, output, _ = run(workflow, "--tag", "Lead")
        assert code == 0
        assert "2 contacts enrolled in Greet them; 1 inside already or not allowed again." in output

    def test_fails_when_nobody_can_be_enrolled(self, workflow, people):
        run(workflow, "--tag", "Lead")
        code, _, message = run(workflow, "--tag", "Lead")
        assert (code, message) == (1, "Nobody was enrolled.")

    def test_shows_failures_with_their_messages_and_fails(self, account, people):
        workflow = ActiveWorkflowFactory(account=account, chain=[GREET, FAIL])
        code, output, _ = run(workflow, "--tag", "Lead")
        assert code == 1
        assert rows_of(output) == {"add_note": {"completed": 3}, "update_contact": {"failed": 3}}
        assert "IANA time zone" in output
        assert "3 executions: 3 failed." in output

    def test_shows_what_was_sent_scheduled_and_unknown(self, account, people):
        def call(payload, key):
            if payload["to"] == people[1].first_name:
                raise OutcomeUnknown("The connection broke.")
            return Done()

        kind = Outside(call)
        kind.gate = lambda step: (
            HoldUntil(timezone.now() + timedelta(hours=1), "quiet_hours")
            if step.contact.first_name == people[2].first_name
            else None
        )
        with registered_type(kind):
            workflow = ActiveWorkflowFactory(account=account, chain=[("call_out", {}), "add_tag"])
            code, output, _ = run(workflow, "--tag", "Lead")
        assert code == 1
        assert rows_of(output) == {
            "call_out": {"sent": 1, "unknown": 1, "scheduled": 1},
            "add_tag": {"completed": 1},
        }
        assert "3 of 3: 1 waiting, 1 paused, 1 completed; call_out 1 sent, 1 unknown, 1 scheduled" in output
        assert "The connection broke." in output

    def test_does_not_let_names_steer_the_terminal(self, account, people):
        workflow = ActiveWorkflowFactory(account=account, name="Bold", chain=[FAIL])
        workflow.name = "[bold]Bold[/bold]"
        workflow.save(update_fields=["name"])
        assert "[bold]Bold[/bold]" in run(workflow, "--tag", "Lead")[1]

    def test_gives_up_watching_when_time_is_over(self, workflow, people):
        now = timezone.now()
        WorkerHeartbeat.objects.create(hostname="elsewhere", pid=1, started_at=now, seen_at=now)
        code, output, message = run(workflow, "--tag", "Lead", "--timeout", "0.5")
        assert (code, message) == (1, "3 executions were still on their way after 0.5 s.")
        assert "No worker is running" not in output
        assert "0 of 3: 3 queued" in output


class TestContactsFromAFile:
    def test_are_imported_and_enrolled_known_or_new(self, workflow, tmp_path):
        known = ContactFactory(account=workflow.account, email="known@example.com")
        file = tmp_path / "people.csv"
        file.write_text(
            "First Name,Email\nZoë,zoe@example.com\nKnown,known@example.com\nBroken,no address\nZoë,zoe@example.com\n"
        )
        code, output, _ = run(workflow, "--contacts", str(file))
        assert code == 0
        assert "4 rows read from people.csv: 1 contacts created" in output
        assert "1 could not be read" in output
        assert "2 contacts enrolled in Greet them." in output
        enrolled = WorkflowExecution.objects.for_account(workflow.account_id).values_list("contact__email", flat=True)
        assert set(enrolled) == {known.email, "zoe@example.com"}

    def test_are_nobody_when_every_row_is_broken(self, workflow, tmp_path):
        file = tmp_path / "people.csv"
        file.write_text("Email\nnobody\n")
        code, output, message = run(workflow, "--contacts", str(file))
        assert (code, message) == (1, "Nobody was enrolled.")
        assert "1 could not be read" in output

    def test_cannot_come_from_a_file_that_is_no_list_of_contacts(self, workflow, tmp_path):
        file = tmp_path / "people.csv"
        file.write_text("Colour,Size\nred,7\n")
        code, _, message = run(workflow, "--contacts", str(file))
        assert code == 1
        assert "No column says who a contact is" in message
        assert not WorkflowExecution.objects.for_account(workflow.account_id).exists()

    def test_cannot_come_from_a_file_that_is_not_there(self, workflow, tmp_path):
        code, _, message = run(workflow, "--contacts", str(tmp_path / "none.csv"))
        assert (code, message) == (2, f"There is no file {tmp_path / 'none.csv'}.")


class TestUsageErrors:
    @pytest.mark.parametrize("status", ["draft", "paused", "archived"])
    def test_a_workflow_that_is_not_active(self, account, people, status):
        workflow = WorkflowFactory(account=account, chain=["add_tag"], status=status)
        code, _, message = run(workflow, "--tag", "Lead")
        assert (code, message) == (2, f"The workflow {workflow.name} is {status}; activate it first.")
        assert not WorkflowExecution.objects.for_account(account.id).exists()

    def test_an_unknown_account(self, workflow):
        output = StringIO()
        with pytest.raises(CommandError) as error:
            call_command("run_workflow", workflow.name, "--account", str(uuid4()), "--tag", "Lead", stdout=output)
        assert error.value.returncode == 2

    def test_another_accounts_workflow(self, workflow, other_account):
        code, _, message = run(workflow, "--tag", "Lead", account=other_account)
        assert (code, message) == (2, "The account Other has no workflow Greet them.")
        assert run(workflow, "--tag", "Lead", account=other_account, name=str(workflow.id))[0] == 2

    def test_a_tag_of_another_account(self, workflow, other_account):
        ContactFactory(account=other_account, tags=["Theirs"])
        code, _, message = run(workflow, "--tag", "Theirs")
        assert (code, message) == (2, "The account Acme has no tag Theirs.")

    @pytest.mark.parametrize("arguments", [[], ["--tag", "Lead", "--contacts", "people.csv"]])
    def test_neither_or_both_of_file_and_tag(self, workflow, arguments):
        with pytest.raises(CommandError, match=r"contacts|required"):
            call_command("run_workflow", workflow.name, "--account", str(workflow.account_id), *arguments)
