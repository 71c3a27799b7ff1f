"""Every page of the admin × whoever comes: roles, foreign rows that are like missing ones, hostile input."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib import admin
from django.contrib.messages import get_messages
from django.db import connection, transaction
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.admin.base import AccountScopedAdmin
from accounts.models import Account, AuditEntry, Membership, Role, User
from accounts.tests.factories import AccountFactory, MembershipFactory, UserFactory
from workflows.admin.tests.samples import ADDED, CHANGED, RULES, SAMPLES, changes_of
from workflows.crm.tests.factories import ContactFactory, PipelineFactory
from workflows.tests.factories import ActiveWorkflowFactory, ExecutionFactory

pytestmark = pytest.mark.django_db

PAGES = {model._meta.label: page for model, page in admin.site._registry.items()}
SCOPED = [label for label, page in PAGES.items() if isinstance(page, AccountScopedAdmin)]
FOR_SUPERUSERS = [
    "accounts.User",
    "messaging.CallingHours",
    "workflows.WorkerHeartbeat",
    "procrastinate.ProcrastinateJob",
]
TESTED_APART = ["workflows.Workflow", "crm.Notification"]
"""The editor's page, and rows that belong to one member instead of all."""
CREATED = [label for label, rule in RULES.items() if "create" in rule.verbs]
CHANGED_PAGES = [label for label, rule in RULES.items() if "change" in rule.verbs]


def address(label: str, page: str, *args: Any) -> str:
    return reverse(f"admin:{label.replace('.', '_').lower()}_{page}", args=args)


def signed_in(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def staff(account: Account, role: Role) -> User:
    return MembershipFactory(account=account, role=role, user=UserFactory(is_staff=True)).user


def facts(row: Any) -> Any:
    """Return the row as the database has it, or None when it is gone."""
    return type(row)._base_manager.filter(pk=row.pk).values().first()


class TestRules:
    def test_exist_for_every_page(self) -> None:
        assert set(RULES) | set(TESTED_APART) == set(SCOPED)
        assert set(PAGES) == set(SCOPED) | set(FOR_SUPERUSERS)

    def test_say_which_verbs_there_are(self) -> None:
        for label, rule in RULES.items():
            verbs = [verb for verb in ("create", "change", "delete") if PAGES[label].defines(f"perform_{verb}")]
            assert verbs == rule.verbs.split(), label
            assert (set(verbs) & {"create"} == set()) == (label not in ADDED), label
            assert ("change" in verbs) == (label in CHANGED), label


class TestMembers:
    @pytest.mark.parametrize("role", list(Role))
    @pytest.mark.parametrize("label", RULES)
    def test_reach_as_far_as_their_role(self, label: str, role: Role, account: Account, other_account: Account) -> None:
        rule, row = RULES[label], SAMPLES[label](account)
        client = signed_in(staff(account, role))
        reads, writes = role.includes(rule.read), role.includes(rule.write)
        assert client.get(address(label, "changelist")).status_code == (200 if reads else 403)
        assert client.get(address(label, "change", row.pk)).status_code == (200 if reads else 403)
        is_admin = role.includes(Role.ADMIN)
        assert client.get(address(label, "history", row.pk)).status_code == (200 if reads and is_admin else 403)
        adds = writes and "create" in rule.verbs
        assert client.get(address(label, "add")).status_code == (200 if adds else 403)
        deletes = writes and "delete" in rule.verbs
        assert client.get(address(label, "delete", row.pk)).status_code == (200 if deletes else 403)
        before, entries = facts(row), AuditEntry.objects.count()
        if not adds:
            assert client.post(address(label, "add"), {}).status_code == 403
        if not deletes:
            assert client.post(address(label, "delete", row.pk), {"post": "yes"}).status_code == 403
        if not (writes and "change" in rule.verbs):
            changed = client.post(address(label, "change", row.pk), changes_of(label, row))
            assert changed.status_code == 403
        assert (facts(row), AuditEntry.objects.count()) == (before, entries)

    @pytest.mark.parametrize("label", RULES)
    def test_see_foreign_rows_like_missing_ones(self, label: str, account: Account, other_account: Account) -> None:
        foreign = SAMPLES[label](other_account)
        client = signed_in(staff(account, Role.OWNER))
        before, entries = facts(foreign), AuditEntry.objects.count()
        assert str(foreign.pk) not in client.get(address(label, "changelist")).content.decode()
        for page in ["change", "history", "delete", *(operation.name for operation in PAGES[label].operations)]:
            for send in (client.get, lambda path: client.post(path, {"post": "yes"} | changes_of(label, foreign))):
                assert answer(send, label, page, foreign.pk) == answer(send, label, page, uuid4()), page
        assert (facts(foreign), AuditEntry.objects.count()) == (before, entries)
        for action in PAGES[label].get_actions(_request(staff(account, Role.OWNER))):
            client.post(
                address(label, "changelist"), {"action": action, "_selected_action": [foreign.pk], "post": "yes"}
            )
        assert (facts(foreign), AuditEntry.objects.count()) == (before, entries)

    @pytest.mark.parametrize("label", RULES)
    def test_read_nothing_of_other_accounts_in_filters_and_choices(
        self, label: str, account: Account, other_account: Account
    ) -> None:
        user = MembershipFactory(account=other_account, user=UserFactory(name="Mallory")).user
        workflow = ActiveWorkflowFactory(account=other_account, name="Plan of Mallory")
        contact = ContactFactory(account=other_account, first_name="Mallory", owner=user, tags=["Of Mallory"])
        ExecutionFactory(workflow=workflow, contact=contact)
        PipelineFactory(account=other_account, name="Pipeline of Mallory")
        client = signed_in(staff(account, Role.OWNER))
        row = SAMPLES[label](account)
        for page in (address(label, "changelist"), address(label, "change", row.pk)):
            assert "Mallory" not in client.get(page).content.decode()
        if label in ADDED:
            assert "Mallory" not in client.get(address(label, "add")).content.decode()


class TestMembersOfTwoAccounts:
    """Each account by the role there; the database lets them see both, so that the pages alone hold them back."""

    @pytest.mark.parametrize("label", [label for label, rule in RULES.items() if rule.read is Role.ADMIN])
    def test_read_where_their_role_lets_them(self, label: str, account: Account, other_account: Account) -> None:
        user = staff(account, Role.ADMIN)
        MembershipFactory(account=other_account, user=user, role=Role.VIEWER)
        own, foreign = SAMPLES[label](account), SAMPLES[label](other_account)
        client = signed_in(user)
        listed = client.get(address(label, "changelist")).content.decode()
        assert (str(own.pk) in listed, str(foreign.pk) in listed) == (True, False)
        assert answer(client.get, label, "change", foreign.pk) == answer(client.get, label, "change", uuid4())

    @pytest.mark.parametrize(
        "label", [label for label, rule in RULES.items() if rule.read is Role.VIEWER and rule.verbs]
    )
    def test_write_where_their_role_lets_them(self, label: str, account: Account, other_account: Account) -> None:
        user = staff(account, Role.OWNER)
        MembershipFactory(account=other_account, user=user, role=Role.VIEWER)
        looked_at = SAMPLES[label](other_account)
        client, before = signed_in(user), facts(looked_at)
        assert client.get(address(label, "change", looked_at.pk)).status_code == 200
        for page in ("change", "delete"):
            sent = {"post": "yes"} | changes_of(label, looked_at)
            assert client.post(address(label, page, looked_at.pk), sent).status_code == 403
        client.post(
            address(label, "changelist"),
            {"action": "delete_selected", "_selected_action": [looked_at.pk], "post": "yes"},
        )
        if label in ADDED:
            sent = ADDED[label](account)
            assert client.post(f"{address(label, 'add')}?account={other_account.id}", sent).status_code == 404
        assert facts(looked_at) == before

    def test_filter_by_rows_of_the_account_they_picked(self, account: Account, other_account: Account) -> None:
        user = staff(account, Role.OWNER)
        MembershipFactory(account=other_account, user=user, role=Role.OWNER)
        for each, names in ((account, ("First", "Second")), (other_account, ("Third", "Fourth"))):
            for name in names:
                ExecutionFactory(workflow=ActiveWorkflowFactory(account=each, name=f"Plan {name}"))
        client = signed_in(user)
        client.post(reverse("admin:choose_account"), {"account": account.id})
        page = client.get(address("workflows.WorkflowExecution", "changelist")).content.decode()
        assert [f"Plan {name}" in page for name in ("First", "Second", "Third", "Fourth")] == [True, True, False, False]


def answer(send: Callable[[str], Any], label: str, page: str, key: Any) -> tuple[Any, ...]:
    """Return everything of an answer in which nothing but the id may differ."""
    response = send(address(label, page, key))
    told = [str(message).replace(str(key), "ID") for message in get_messages(response.wsgi_request)][-1:]
    return response.status_code, response.headers.get("Location"), told


def _request(user: User) -> Any:
    request = RequestFactory().get("/admin/")
    request.user = user
    request.session = {}
    return request


class TestOthers:
    @pytest.mark.parametrize("label", sorted(PAGES))
    def test_stay_outside(self, label: str, account: Account) -> None:
        inactive = MembershipFactory(
            account=account, role=Role.OWNER, is_active=False, user=UserFactory(is_staff=True)
        ).user
        for user in (UserFactory(is_staff=True), inactive):
            assert signed_in(user).get(address(label, "changelist")).status_code == 403
        row = SAMPLES[label](account) if label in SAMPLES else None
        for user in (None, MembershipFactory(account=account, role=Role.OWNER).user):
            for page in ("changelist", "add"):
                response = signed_in(user).get(address(label, page))
                assert (response.status_code, "/login/" in response.headers["Location"]) == (302, True)
            if row is not None:
                response = signed_in(user).post(address(label, "change", row.pk), {})
                assert (response.status_code, "/login/" in response.headers["Location"]) == (302, True)

    @pytest.mark.parametrize("label", FOR_SUPERUSERS)
    def test_open_pages_of_the_installation_as_superusers_alone(self, label: str, account: Account) -> None:
        assert signed_in(staff(account, Role.OWNER)).get(address(label, "changelist")).status_code == 403
        assert (
            signed_in(UserFactory(is_staff=True, is_superuser=True)).get(address(label, "changelist")).status_code
            == 200
        )

    @pytest.mark.parametrize("label", RULES)
    def test_see_everything_as_superusers(self, label: str, account: Account, other_account: Account) -> None:
        rows = [SAMPLES[label](account), SAMPLES[label](other_account)]
        client = signed_in(UserFactory(is_staff=True, is_superuser=True))
        listed = client.get(address(label, "changelist")).content.decode()
        for row in rows:
            assert str(row.pk) in listed
            assert client.get(address(label, "change", row.pk)).status_code == 200


class TestChanges:
    @pytest.mark.parametrize("label", CREATED)
    def test_make_rows_in_the_persons_name(self, label: str, account: Account) -> None:
        user = staff(account, Role.OWNER)
        client, model = signed_in(user), PAGES[label].model
        sent, known = ADDED[label](account), set(model._base_manager.values_list("pk", flat=True))
        response = client.post(address(label, "add"), sent)
        assert response.status_code == (200 if label == "accounts.ApiKey" else 302), problems(response)
        made = model._base_manager.exclude(pk__in=known).get()
        assert made.account_id == account.id
        entry = AuditEntry.objects.filter(object_id=made.pk).latest("id")
        assert (entry.actor_user_id, entry.account_id) == (user.id, account.id)

    @pytest.mark.parametrize("label", CHANGED_PAGES)
    def test_change_rows_in_the_persons_name(self, label: str, account: Account) -> None:
        user = staff(account, Role.OWNER)
        row = SAMPLES[label](account)
        before = facts(row)
        response = signed_in(user).post(address(label, "change", row.pk), changes_of(label, row))
        assert response.status_code == 302, problems(response)
        assert facts(row) != before
        assert set(AuditEntry.objects.filter(object_id=row.pk).values_list("actor_user_id", flat=True)) == {user.id}

    @pytest.mark.parametrize("label", [label for label, rule in RULES.items() if "delete" in rule.verbs])
    def test_delete_rows_in_the_persons_name(self, label: str, account: Account) -> None:
        user = staff(account, Role.OWNER)
        client, row, other = signed_in(user), SAMPLES[label](account), SAMPLES[label](account)
        before = facts(row), facts(other)
        assert client.post(address(label, "delete", row.pk), {"post": "yes"}).status_code == 302
        chosen = {"action": "delete_selected", "_selected_action": [other.pk]}
        assert client.post(address(label, "changelist"), chosen).status_code == 200
        assert facts(other) == before[1]
        assert client.post(address(label, "changelist"), chosen | {"post": "yes"}).status_code == 302
        for each, state in zip((row, other), before, strict=True):
            assert facts(each) != state
            assert AuditEntry.objects.filter(object_id=each.pk).latest("id").actor_user_id == user.id

    @pytest.mark.parametrize("label", CREATED)
    def test_ask_members_of_several_accounts_where(self, label: str, account: Account) -> None:
        user = staff(account, Role.OWNER)
        second = MembershipFactory(account=AccountFactory(name="Second"), user=user, role=Role.OWNER).account
        MembershipFactory(account=AccountFactory(name="Looked at"), user=user, role=Role.VIEWER)
        client = signed_in(user)
        page = client.get(address(label, "add")).content.decode()
        assert "In which account?" in page
        assert "Second" in page
        assert f"?account={second.id}" in page
        sent = ADDED[label](second)
        model = PAGES[label].model
        known = set(model._base_manager.values_list("pk", flat=True))
        client.post(f"{address(label, 'add')}?account={second.id}", sent)
        assert model._base_manager.exclude(pk__in=known).get().account_id == second.id

    @pytest.mark.parametrize("label", CREATED)
    def test_go_to_no_foreign_account(self, label: str, account: Account, other_account: Account) -> None:
        client = signed_in(staff(account, Role.OWNER))
        sent = ADDED[label](account)
        entries, model = AuditEntry.objects.count(), PAGES[label].model
        known = model._base_manager.count()
        for foreign in (other_account.id, uuid4(), "x"):
            assert client.post(f"{address(label, 'add')}?account={foreign}", sent).status_code == 404
        assert (AuditEntry.objects.count(), model._base_manager.count()) == (entries, known)


def problems(response: Any) -> Any:
    context = response.context
    return context and context.get("adminform") and context["adminform"].form.errors


HOSTILE = [
    "",
    " ",
    "x" * 100_000,
    "<script>alert(1)</script>{{7*7}}",
    "\u202e\u200b\ufdfd\U0001f4a9" * 30,
    "' OR 1=1 --",
    "%s %(a)s {0}",
    "-1",
    "99999999999999999999999999",
    "1e400",
    "NaN",
    "0001-01-01",
    "9999-12-31",
    "00000000-0000-0000-0000-000000000000",
    "{{ contact.",
    '{"a": [}',
]


class TestHostileInput:
    @pytest.mark.parametrize("label", sorted({*CREATED, *CHANGED_PAGES}))
    def test_is_refused_at_its_field_or_kept_as_text(self, label: str, account: Account) -> None:
        client = signed_in(staff(account, Role.OWNER))
        forms: list[tuple[str, dict[str, Any]]] = []
        if label in ADDED:
            forms.append((address(label, "add"), ADDED[label](account)))
        if label in CHANGED:
            row = SAMPLES[label](account)
            forms.append((address(label, "change", row.pk), changes_of(label, row)))
        for path, sent in forms:
            names = [name for name in sent if name != "file"]
            for value in HOSTILE:
                with rolled_back():
                    response = client.post(path, sent | dict.fromkeys(names, value))
                    assert response.status_code in {200, 302}, (path, value[:30])
            assert client.post(path, {}).status_code in {200, 302}

    @pytest.mark.parametrize("label", sorted({*CREATED, *CHANGED_PAGES}))
    def test_that_is_no_text_is_refused(self, label: str, account: Account) -> None:
        client = signed_in(staff(account, Role.OWNER))
        path = address(label, "add") if label in ADDED else address(label, "change", SAMPLES[label](account).pk)
        before = AuditEntry.objects.count()
        assert client.post(path, {"name": "a\0b"}).status_code == 400
        surrogate = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n\\ud800\r\n--x--\r\n'
        kind = "multipart/form-data; boundary=x; charset=unicode_escape"
        assert client.generic("POST", path, surrogate, kind).status_code == 400
        assert AuditEntry.objects.count() == before

    def test_in_addresses_of_the_site_is_no_error_of_ours(self, account: Account) -> None:
        client = signed_in(staff(account, Role.OWNER))
        for path in (
            "/admin/?q=%00",
            "/admin/search/?s=contact&page=x",
            "/admin/search/?s=contact&page=99",
            "/admin/search/?s=%00",
            "/admin/search/?s=contact&extended=1",
            "/admin/autocomplete/?app_label=crm&model_name=task&field_name=contact&term=%00",
            "/admin/autocomplete/?app_label=x",
            "/admin/autocomplete/?app_label=crm&model_name=task&field_name=contact&page=x",
            "/admin/r/x/x/",
            "/admin/crm/",
            "/admin/nothing/",
        ):
            assert client.get(path).status_code in {200, 302, 400, 403, 404}, path

    @pytest.mark.parametrize("label", sorted(SCOPED))
    def test_in_addresses_is_no_error_of_ours(self, label: str, account: Account) -> None:
        client = signed_in(staff(account, Role.OWNER))
        for query in (
            "q=%00",
            "q=%ED%A0%80",
            "q=" + "x" * 3000,
            "q=%22",
            "o=99.-99.x",
            "p=99999999999999999999",
            "p=-1",
            "e=1",
            "all=",
            "account=x",
            "account__id__exact=x",
            "id__exact=x",
            "account__name__startswith=A",
            "digest__startswith=a",
            "ciphertext__startswith=a",
            "id__in=,",
            "status__exact=%00",
            "nothing=1",
        ):
            status = client.get(f"{address(label, 'changelist')}?{query}").status_code
            assert status in {200, 302, 400}, query
        for key in ("x", "%00", "a%2Fb", "_00", "1" * 3000):
            path = address(label, "change", "KEY").replace("KEY", key)
            assert client.get(path).status_code in {302, 400, 404}, key


@contextlib.contextmanager
def rolled_back() -> Iterator[None]:
    """Undo what a request did, so that each meets the same world."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


class TestLists:
    @pytest.mark.parametrize("label", RULES)
    def test_take_the_same_queries_for_one_and_for_many(self, label: str, account: Account) -> None:
        if label == "accounts.Account":
            pytest.skip("a member of one account sees one row")
        client = signed_in(staff(account, Role.OWNER))
        SAMPLES[label](account)
        client.get(address(label, "changelist"))
        with CaptureQueriesContext(connection) as one:
            client.get(address(label, "changelist"))
        for _ in range(3):
            SAMPLES[label](account)
        with CaptureQueriesContext(connection) as many:
            client.get(address(label, "changelist"))
        assert len(many) == len(one), [each["sql"] for each in many][-8:]

    @pytest.mark.parametrize("label", [label for label in SCOPED if PAGES[label].is_log])
    def test_never_count_a_log(self, label: str, account: Account) -> None:
        SAMPLES[label](account)
        client = signed_in(staff(account, Role.OWNER))
        with CaptureQueriesContext(connection) as queries:
            client.get(address(label, "changelist"))
        table = PAGES[label].model._meta.db_table
        assert not [each["sql"] for each in queries if "COUNT(" in each["sql"] and f'FROM "{table}"' in each["sql"]]

    @pytest.mark.parametrize("label", RULES)
    def test_find_a_row_by_its_id(self, label: str, account: Account) -> None:
        row = SAMPLES[label](account)
        if not PAGES[label].search_fields:
            pytest.skip("has no search box")
        other = SAMPLES[label](account)
        client = signed_in(staff(account, Role.OWNER))
        found = client.get(address(label, "changelist"), {"q": str(row.pk)}).context["cl"].result_list
        assert [each.pk for each in found] == [row.pk]
        assert label == "accounts.Account" or other.pk != row.pk


class TestPlantedSecrets:
    def test_are_on_no_page(self, account: Account) -> None:
        """Passwords, values and keys go in and come out nowhere: not in lists, forms, histories or the audit log."""
        user = staff(account, Role.OWNER)
        client = signed_in(user)
        for label in ("messaging.Connection", "messaging.Secret"):
            client.post(address(label, "add"), ADDED[label](account))
        shown = client.post(address("accounts.ApiKey", "add"), ADDED["accounts.ApiKey"](account))
        key = shown.context["key"]
        assert shown.content.decode().count(key) == 1
        planted = ["planted-password", "planted-value", key]
        for label in ("messaging.Connection", "messaging.Secret", "accounts.ApiKey", "accounts.AuditEntry"):
            pages = [client.get(address(label, "changelist"))]
            for row in PAGES[label].model._base_manager.filter(account=account):
                pages += [client.get(address(label, page, row.pk)) for page in ("change", "history")]
                planted += [getattr(row, name) for name in ("digest", "ciphertext") if hasattr(row, name)]
            texts = [page.content.decode() for page in pages]
            assert len(texts) > 1
            for text in texts:
                assert not [value for value in planted if value in text]

    def test_are_not_sent_back_by_a_form_with_errors(self, account: Account) -> None:
        client = signed_in(staff(account, Role.OWNER))
        sent = ADDED["messaging.Connection"](account) | {"name": ""}
        response = client.post(address("messaging.Connection", "add"), sent)
        assert response.status_code == 200
        assert "planted-password" not in response.content.decode()


class TestChoosingAnAccount:
    def test_narrows_the_lists(self, account: Account) -> None:
        user = staff(account, Role.EDITOR)
        second = MembershipFactory(account=AccountFactory(name="Second"), user=user, role=Role.EDITOR).account
        rows = {each.id: SAMPLES["crm.Tag"](each) for each in (account, second)}
        client = signed_in(user)
        listed = lambda: {tag.pk for tag in client.get(address("crm.Tag", "changelist")).context["cl"].result_list}  # noqa: E731
        assert listed() == {tag.pk for tag in rows.values()}
        response = client.post(reverse("admin:choose_account"), {"account": second.id, "next": "/admin/crm/tag/"})
        assert (response.status_code, response.headers["Location"]) == (302, "/admin/crm/tag/")
        assert listed() == {rows[second.id].pk}
        assert client.get(address("crm.Tag", "change", rows[account.id].pk)).status_code == 200
        client.post(reverse("admin:choose_account"), {"account": ""})
        assert len(listed()) == 2

    def test_offers_own_ones_alone(self, account: Account, other_account: Account) -> None:
        client = signed_in(staff(account, Role.OWNER))
        for wanted in (other_account.id, uuid4(), "x"):
            assert client.post(reverse("admin:choose_account"), {"account": wanted}).status_code == 404
        assert client.get(reverse("admin:choose_account")).status_code == 405
        assert "Other" not in client.get("/admin/").content.decode()

    def test_leads_to_our_own_pages_alone(self, account: Account) -> None:
        client = signed_in(staff(account, Role.OWNER))
        response = client.post(reverse("admin:choose_account"), {"account": "", "next": "https://evil.example/"})
        assert response.headers["Location"] == "/admin/"

    def test_ends_with_the_membership(self, account: Account) -> None:
        user = staff(account, Role.EDITOR)
        second = MembershipFactory(user=user, role=Role.EDITOR)
        client = signed_in(user)
        client.post(reverse("admin:choose_account"), {"account": second.account_id})
        Membership.objects.filter(pk=second.pk).update(is_active=False)
        tag = SAMPLES["crm.Tag"](second.account)
        assert str(tag.pk) not in client.get(address("crm.Tag", "changelist")).content.decode()


class TestChoicesOfRows:
    @pytest.fixture
    def foreign(self, other_account: Account) -> dict[str, UUID]:
        return {
            "contact": SAMPLES["crm.Contact"](other_account).pk,
            "member": MembershipFactory(account=other_account).pk,
            "user": MembershipFactory(account=other_account).user_id,
            "workflow": SAMPLES["workflows.WorkflowVersion"](other_account).workflow_id,
        }

    @pytest.mark.parametrize(
        ("label", "field", "kind"),
        [
            ("crm.Contact", "owner", "user"),
            ("crm.Note", "contact", "contact"),
            ("crm.Task", "contact", "contact"),
            ("crm.Task", "assignee", "user"),
            ("accounts.Team", "people", "member"),
        ],
    )
    def test_lie_in_the_rows_account(
        self, label: str, field: str, kind: str, account: Account, foreign: dict[str, UUID]
    ) -> None:
        user = staff(account, Role.OWNER)
        client = signed_in(user)
        sent = ADDED[label](account)
        entries, count = AuditEntry.objects.count(), PAGES[label].model._base_manager.count()
        page = client.get(address(label, "add")).content.decode()
        assert str(foreign[kind]) not in page
        for forged in (foreign[kind], uuid4()):
            response = client.post(address(label, "add"), sent | {field: forged})
            assert list(response.context["adminform"].form.errors) == [field]
        assert (AuditEntry.objects.count(), PAGES[label].model._base_manager.count()) == (entries, count)
        if field != "contact" and label in CHANGED:
            row = SAMPLES[label](account)
            before = facts(row)
            response = client.post(address(label, "change", row.pk), changes_of(label, row) | {field: foreign[kind]})
            assert list(response.context["adminform"].form.errors) == [field]
            assert facts(row) == before

    def test_lie_there_also_for_members_of_both_accounts(self, account: Account, other_account: Account) -> None:
        user = staff(account, Role.OWNER)
        MembershipFactory(account=other_account, user=user, role=Role.OWNER)
        contact = SAMPLES["crm.Contact"](account)
        foreign_owner = MembershipFactory(account=other_account).user_id
        client = signed_in(user)
        sent = changes_of("crm.Contact", contact) | {"owner": foreign_owner}
        response = client.post(address("crm.Contact", "change", contact.pk), sent)
        assert list(response.context["adminform"].form.errors) == ["owner"]

    @pytest.mark.parametrize(
        ("label", "operation", "field", "kind"),
        [
            ("crm.Contact", "enroll", "workflow", "workflow"),
            ("crm.Contact", "task", "assignee", "user"),
            ("messaging.EmailTemplate", "preview", "contact", "contact"),
        ],
    )
    def test_of_operations_lie_there_too(
        self, label: str, operation: str, field: str, kind: str, account: Account, foreign: dict[str, UUID]
    ) -> None:
        client, row = signed_in(staff(account, Role.OWNER)), SAMPLES[label](account)
        sent = {"title": "X", "priority": "low", field: foreign[kind]}
        response = client.post(address(label, operation, row.pk), sent)
        assert list(response.context["form"].errors) == [field]
        assert AuditEntry.objects.count() == 0

    def test_are_searched_in_one_account(self, account: Account, other_account: Account) -> None:
        user = staff(account, Role.OWNER)
        client = signed_in(user)
        own, foreign = SAMPLES["crm.Contact"](account), SAMPLES["crm.Contact"](other_account)
        query = {"app_label": "crm", "model_name": "task", "field_name": "contact", "term": "Ada"}
        found = lambda **more: {  # noqa: E731
            each["id"] for each in client.get(reverse("admin:autocomplete"), query | more).json()["results"]
        }
        assert found() == {str(own.pk)}
        assert found(account=str(other_account.id)) == set()
        MembershipFactory(account=other_account, user=user, role=Role.VIEWER)
        assert found() == {str(own.pk), str(foreign.pk)}
        assert found(account=str(account.id)) == {str(own.pk)}
        assert found(account="x") == set()
        assert client.get(reverse("admin:autocomplete"), query | {"field_name": "assignee"}).status_code == 403
