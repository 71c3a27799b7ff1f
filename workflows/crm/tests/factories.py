"""Contacts and their records from few words."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory
from uuid_utils.compat import uuid7

from accounts.tests.factories import AccountFactory, MembershipFactory
from workflows.crm.folding import fold
from workflows.crm.models import (
    AccessLevel,
    Campaign,
    CampaignMember,
    CampaignStatus,
    Channel,
    Consent,
    ConsentState,
    Contact,
    ContactIdentity,
    ContactTag,
    Course,
    CourseAccess,
    CustomField,
    Event,
    FieldType,
    IdentityKind,
    Import,
    Lesson,
    Note,
    Notification,
    Opportunity,
    Pipeline,
    Stage,
    StageKind,
    Tag,
    Task,
)


class TagFactory(DjangoModelFactory[Tag]):
    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda number: f"Tag {number}")
    folded_name = factory.LazyAttribute(lambda tag: fold(tag.name))

    class Meta:
        model = Tag
        django_get_or_create = ("account", "folded_name")


class ContactFactory(DjangoModelFactory[Contact]):
    """A contact with an e-mail address and its identities.

    `ContactFactory(tags=["VIP"], external_ids={"shop": "17"})` adds tags (made when missing) and foreign ids.
    """

    account = factory.SubFactory(AccountFactory)
    first_name = factory.Sequence(lambda number: f"Ada{number}")
    last_name = "Lovelace"
    email = factory.Sequence(lambda number: f"ada{number}@example.com")

    class Meta:
        model = Contact
        skip_postgeneration_save = True

    @factory.post_generation
    def external_ids(contact: Contact, create: bool, extracted: Mapping[str, str] | None, **_: Any) -> None:  # noqa: N805
        identities = [(IdentityKind.EMAIL, "", fold(contact.email)), (IdentityKind.PHONE, "", contact.phone)]
        identities += [(IdentityKind.EXTERNAL, source, value) for source, value in (extracted or {}).items()]
        ContactIdentity.objects.bulk_create(
            ContactIdentity(account_id=contact.account_id, contact=contact, kind=kind, source=source, value=value)
            for kind, source, value in identities
            if value
        )

    @factory.post_generation
    def tags(contact: Contact, create: bool, extracted: list[str] | None, **_: Any) -> None:  # noqa: N805
        for name in extracted or ():
            ContactTagFactory(contact=contact, tag=TagFactory(account=contact.account, name=name))


class ContactTagFactory(DjangoModelFactory[ContactTag]):
    contact = factory.SubFactory(ContactFactory)
    account = factory.SelfAttribute("contact.account")
    tag = factory.SubFactory(TagFactory, account=factory.SelfAttribute("..contact.account"))

    class Meta:
        model = ContactTag


class NoteFactory(DjangoModelFactory[Note]):
    contact = factory.SubFactory(ContactFactory)
    account = factory.SelfAttribute("contact.account")
    content = factory.Sequence(lambda number: f"Spoke about offer {number}.")

    class Meta:
        model = Note


class NotificationFactory(DjangoModelFactory[Notification]):
    """An unread notification of a new member of the account."""

    account = factory.SubFactory(AccountFactory)
    recipient = factory.LazyAttribute(lambda told: MembershipFactory(account=told.account).user)
    kind = "execution_failed"
    title = factory.Sequence(lambda number: f"Workflow {number}: executions failed")
    occurred_at = factory.LazyFunction(timezone.now)

    class Meta:
        model = Notification


class PipelineFactory(DjangoModelFactory[Pipeline]):
    """A pipeline with the stages New, Proposal, Won and Lost; `stages=["New", "Done"]` makes others."""

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda number: f"Pipeline {number}")

    class Meta:
        model = Pipeline
        skip_postgeneration_save = True

    @factory.post_generation
    def stages(pipeline: Pipeline, create: bool, extracted: list[str] | None, **_: Any) -> None:  # noqa: N805
        names = ["New", "Proposal", "Won", "Lost"] if extracted is None else extracted
        for name in names:
            kind = name.lower() if name in ("Won", "Lost") else StageKind.OPEN
            StageFactory(pipeline=pipeline, name=name, kind=kind)


class StageFactory(DjangoModelFactory[Stage]):
    """The last stage of its pipeline."""

    pipeline = factory.SubFactory(PipelineFactory)
    account = factory.SelfAttribute("pipeline.account")
    name = factory.Sequence(lambda number: f"Stage {number}")
    position = factory.LazyAttribute(lambda stage: stage.pipeline.stages.count())

    class Meta:
        model = Stage


class OpportunityFactory(DjangoModelFactory[Opportunity]):
    """An opportunity at the first stage of its pipeline."""

    contact = factory.SubFactory(ContactFactory)
    account = factory.SelfAttribute("contact.account")
    pipeline = factory.SubFactory(PipelineFactory, account=factory.SelfAttribute("..contact.account"))
    stage = factory.LazyAttribute(lambda opportunity: opportunity.pipeline.stages.first())
    name = factory.Sequence(lambda number: f"Order {number}")
    value = Decimal(100)
    currency = "USD"
    status = factory.LazyAttribute(lambda opportunity: opportunity.stage.kind)
    stage_entered_at = factory.LazyFunction(timezone.now)

    class Meta:
        model = Opportunity


class TaskFactory(DjangoModelFactory[Task]):
    contact = factory.SubFactory(ContactFactory)
    account = factory.SelfAttribute("contact.account")
    title = factory.Sequence(lambda number: f"Call back {number}")

    class Meta:
        model = Task


class ConsentFactory(DjangoModelFactory[Consent]):
    contact = factory.SubFactory(ContactFactory)
    account = factory.SelfAttribute("contact.account")
    channel = Channel.EMAIL
    state = ConsentState.OPT_IN
    evidence = "Sign-up form"
    recorded_at = factory.LazyFunction(timezone.now)

    class Meta:
        model = Consent


class CustomFieldFactory(DjangoModelFactory[CustomField]):
    account = factory.SubFactory(AccountFactory)
    key = factory.Sequence(lambda number: f"field_{number}")
    label = factory.LazyAttribute(lambda field: field.key.replace("_", " ").capitalize())
    field_type = FieldType.TEXT

    class Meta:
        model = CustomField


class ImportFactory(DjangoModelFactory[Import]):
    account = factory.SubFactory(AccountFactory)
    filename = "people.csv"

    class Meta:
        model = Import


class CampaignFactory(DjangoModelFactory[Campaign]):
    """An active campaign of a workflow that does not exist unless given."""

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda number: f"Campaign {number}")
    status = CampaignStatus.ACTIVE
    workflow_id = factory.LazyFunction(uuid7)
    ends_at = None
    closes_at = factory.SelfAttribute("ends_at")

    class Meta:
        model = Campaign


class CampaignMemberFactory(DjangoModelFactory[CampaignMember]):
    campaign = factory.SubFactory(CampaignFactory)
    account = factory.SelfAttribute("campaign.account")
    contact = factory.SubFactory(ContactFactory, account=factory.SelfAttribute("..campaign.account"))
    joined_at = factory.LazyFunction(timezone.now)

    class Meta:
        model = CampaignMember


class CourseFactory(DjangoModelFactory[Course]):
    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda number: f"Course {number}")

    class Meta:
        model = Course


class LessonFactory(DjangoModelFactory[Lesson]):
    course = factory.SubFactory(CourseFactory)
    account = factory.SelfAttribute("course.account")
    title = factory.Sequence(lambda number: f"Lesson {number}")
    position = factory.LazyAttribute(lambda lesson: lesson.course.lessons.count())

    class Meta:
        model = Lesson


class CourseAccessFactory(DjangoModelFactory[CourseAccess]):
    """Full access that is active and never expires."""

    course = factory.SubFactory(CourseFactory)
    account = factory.SelfAttribute("course.account")
    contact = factory.SubFactory(ContactFactory, account=factory.SelfAttribute("..course.account"))
    level = AccessLevel.FULL
    granted_at = factory.LazyFunction(timezone.now)

    class Meta:
        model = CourseAccess


class EventFactory(DjangoModelFactory[Event]):
    """An event about a contact; give `contact=` or an `account` and a `contact_id`."""

    class Params:
        contact = factory.SubFactory(ContactFactory)

    account = factory.SelfAttribute("contact.account")
    contact_id = factory.SelfAttribute("contact.id")
    event_type = "contact_created"
    occurred_at = factory.LazyFunction(timezone.now)

    class Meta:
        model = Event
