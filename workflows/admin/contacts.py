"""The page of a contact: its fields, what is done to it, and everything around it."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from accounts.admin.base import AccountScopedAdmin
from accounts.admin.operations import Operation
from accounts.admin.panels import Panel
from accounts.admin.staff import Acting
from workflows.admin.contact_forms import PREFIX, ConsentForm, ContactForm, EnrollForm, NoteForm, TaskForm
from workflows.admin.contact_panels import contact_panels
from workflows.admin.membership_forms import CampaignChoice, CourseChoice, terms_of
from workflows.crm.models import Contact, CustomField
from workflows.crm.services import by_hand, granting
from workflows.crm.services.contacts import ContactDraft
from workflows.engine import clock
from workflows.engine.campaigns import join_campaign
from workflows.engine.operations import enroll_by_hand

LAYOUT = (("first_name", "last_name"), ("email", "phone"), ("timezone", "source"), "owner", "tags")


def add_note(acting: Acting, contact: Contact, data: dict[str, Any]) -> None:
    by_hand.add_note(**acting.on_behalf(), contact_id=contact.id, now=clock.now(), **data)


def add_task(acting: Acting, contact: Contact, data: dict[str, Any]) -> None:
    assignee = data.pop("assignee")
    by_hand.create_task(
        **acting.on_behalf(),
        contact_id=contact.id,
        assignee_id=assignee.id if assignee else None,
        now=clock.now(),
        **data,
    )


def record_consent(acting: Acting, contact: Contact, data: dict[str, Any]) -> None:
    now = clock.now()
    by_hand.record_consent(**acting.on_behalf(), contact_id=contact.id, recorded_at=now, now=now, **data)


def enroll(acting: Acting, contact: Contact, data: dict[str, Any]) -> None:
    enroll_by_hand(
        **acting.on_behalf(),
        workflow_id=data["workflow"].id,
        contact_id=contact.id,
        source="admin",
        now=clock.now(),
    )


def join(acting: Acting, contact: Contact, data: dict[str, Any]) -> None:
    join_campaign(**acting.on_behalf(), campaign_id=data["campaign"].id, contact_id=contact.id, now=clock.now())


def grant(acting: Acting, contact: Contact, data: dict[str, Any]) -> None:
    granting.grant(
        **acting.on_behalf(),
        course_id=data["course"].id,
        contact_id=contact.id,
        terms=terms_of(data),
        now=clock.now(),
    )


@admin.register(Contact)
class ContactAdmin(AccountScopedAdmin):
    """Contacts, newest first; deleted ones are gone for everyone."""

    list_display = ("name", "email", "phone", "tag_names", "owner", "account", "created_at")
    list_filter = ("owner",)
    list_select_related = ("account", "owner")
    search_fields = ("first_name", "last_name", "email", "phone")
    linked_by = ("owner", "contact_tags__tag")
    form = ContactForm
    operations = (
        Operation(
            name="note", label="Add note", icon="sticky_note_2", carry_out=add_note, done="Noted", form_class=NoteForm
        ),
        Operation(
            name="task", label="Add task", icon="task_alt", carry_out=add_task, done="Task made", form_class=TaskForm
        ),
        Operation(
            name="consent",
            label="Record consent",
            icon="how_to_reg",
            carry_out=record_consent,
            done="Recorded",
            form_class=ConsentForm,
        ),
        Operation(
            name="enroll",
            label="Enroll in workflow",
            icon="play_circle",
            carry_out=enroll,
            done="Enrolled",
            form_class=EnrollForm,
        ),
        Operation(
            name="join",
            label="Add to campaign",
            icon="campaign",
            carry_out=join,
            done="Joined",
            form_class=CampaignChoice,
        ),
        Operation(
            name="grant",
            label="Grant course access",
            icon="school",
            carry_out=grant,
            done="Granted",
            form_class=CourseChoice,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(deleted_at=None).prefetch_related("contact_tags__tag")

    def custom_fields_of(self, request: HttpRequest, contact: Contact | None) -> Sequence[CustomField]:
        account_id = self.account_for(request, contact)
        return list(CustomField.objects.for_account(account_id)) if account_id else []

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        names = [f"{PREFIX}{field.key}" for field in self.custom_fields_of(request, obj)]
        own: list[Any] = [(None, {"fields": LAYOUT})]
        return [*own, ("Custom fields", {"fields": names})] if names else own

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = ContactForm.with_custom_fields(self.custom_fields_of(request, obj))
        return super().get_form(request, obj, change=change, **kwargs)

    @display(description="name", ordering="first_name", header=True)
    def name(self, contact: Contact) -> list[str]:
        initials = "".join(part[:1] for part in (contact.first_name, contact.last_name)).upper()
        return [str(contact), contact.timezone or "", initials or "?"]

    @admin.display(description="tags")
    def tag_names(self, contact: Contact) -> str:
        return ", ".join(row.tag.name for row in contact.contact_tags.all())

    def get_panels(self, request: HttpRequest, row: Contact) -> Sequence[Panel]:
        return contact_panels(row)

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> Contact:
        owner = data.pop("owner")
        own = {name: value for name, value in data.items() if not name.startswith(PREFIX)}
        custom = {name.removeprefix(PREFIX): value for name, value in data.items() if name.startswith(PREFIX)}
        draft = ContactDraft(**own, owner_id=owner.id if owner else None, custom_fields=custom)
        made = by_hand.create_contact(**acting.on_behalf(), draft=draft, now=clock.now())
        return Contact.objects.for_account(acting.account_id).get(id=made.contact_id)

    def perform_change(self, acting: Acting, row: Contact, data: dict[str, Any]) -> None:
        tags = data.pop("tags", None)
        if "owner" in data:
            owner = data.pop("owner")
            data["owner_id"] = owner.id if owner else None
        values = {
            f"custom_fields.{name.removeprefix(PREFIX)}" if name.startswith(PREFIX) else name: value
            for name, value in data.items()
        }
        by_hand.change_contact(**acting.on_behalf(), contact_id=row.id, values=values, tags=tags, now=clock.now())

    def perform_delete(self, acting: Acting, row: Contact) -> None:
        by_hand.delete_contact(**acting.on_behalf(), contact_id=row.id, now=clock.now())
