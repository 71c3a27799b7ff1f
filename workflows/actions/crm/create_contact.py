"""The action `create_contact`."""

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework.exceptions import ValidationError

from workflows.actions.base import Category, Step, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Done, Failed, Outcome
from workflows.actions.registry import registry
from workflows.actions.set_based import INVALID_CONFIG, REJECTED, SetBasedAction, Unfit, rendered, rendered_value
from workflows.configs.contact_fields import definitions, misfits, no_such_field
from workflows.configs.fields import (
    ChoiceField,
    ListField,
    TemplateField,
    TemplateValueField,
)
from workflows.configs.names import CustomFieldsField, TagNameField
from workflows.crm.refusals import Refused
from workflows.crm.services.contacts import ContactDraft, DuplicateHandling, Upserted, create_contacts

LIMITS = {"first_name": 100, "last_name": 100, "email": 254, "phone": 100}
VALUE_LIMIT = 5000
CUSTOM_PREFIX = "custom_fields."
HANDLINGS = ("update", "skip", "create_duplicate")
FOUND = {
    DuplicateHandling.UPDATE: "Duplicate found - updated existing",
    DuplicateHandling.SKIP: "Duplicate found - skipped",
}


@registry.register
class CreateContact(SetBasedAction[ContactDraft]):
    """Create another contact, or bring the one up to date who is there already.

    A contact is recognised by e-mail address, then by phone number, whatever the case. What is empty after rendering
    says nothing: an update leaves it as it is. The contact in the workflow stays who it is and goes on.
    """

    slug = "create_contact"
    label = "Create contact"
    category = Category.CRM
    icon = "person_add"
    example = {
        "first_name": "{{ trigger.guest_name }}",
        "email": "{{ trigger.guest_email | default: 'guest@example.com' }}",
        "tags": ["Guest"],
        "duplicate_handling": "update",
    }
    results = {
        "contact_id": "Id of the contact that was created or found.",
        "created": "Whether it is new.",
        "message": "What was done, in words.",
    }
    events = ("contact_created", "contact_updated", "custom_field_changed", "tag_added")

    class Config(ActionConfig):
        first_name = TemplateField(
            max_length=100, required=False, allow_blank=True, help_text="≤ 100 characters when rendered."
        )
        last_name = TemplateField(
            max_length=100, required=False, allow_blank=True, help_text="≤ 100 characters when rendered."
        )
        email = TemplateField(
            max_length=254, required=False, allow_blank=True, help_text="E-mail address; this or `phone` is needed."
        )
        phone = TemplateField(
            max_length=100,
            required=False,
            allow_blank=True,
            help_text="Phone number; without country prefix it is one of the account's country.",
        )
        custom_fields = CustomFieldsField(
            child=TemplateValueField(max_length=VALUE_LIMIT, help_text="A value that fits the field, or a template."),
            max_length=50,
            required=False,
            help_text="Values by the key of the custom field, ≤ 50.",
        )
        tags = ListField(
            child=TagNameField(max_length=50, help_text="Name of a tag, 1–50 characters."),
            max_length=50,
            required=False,
            help_text="Tags that the contact gets, ≤ 50; missing ones are made.",
        )
        duplicate_handling = ChoiceField(
            HANDLINGS,
            default=DuplicateHandling.UPDATE.value,
            help_text="When the address belongs to a contact: change that one, leave it alone, or create another one "
            "that shows the address without being found by it.",
        )

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            if not attrs.get("email", "").strip() and not attrs.get("phone", "").strip():
                raise ValidationError({"email": "Give an e-mail address or a phone number."}, code="required")
            values = attrs.get("custom_fields", {})
            known = definitions(account_id=self.account_id, names=values)
            custom_errors = {
                key: [no_such_field(account_id=self.account_id, name=key)] for key in values if key not in known
            }
            items = {f"{CUSTOM_PREFIX}{key}": value for key, value in values.items() if key in known}
            items |= {name: attrs[name] for name in LIMITS if attrs.get(name)}
            errors: dict[str, Any] = {}
            for name, error in misfits(
                account_id=self.account_id, items={name: (name, value) for name, value in items.items()}
            ).items():
                if name.startswith(CUSTOM_PREFIX):
                    custom_errors[name.removeprefix(CUSTOM_PREFIX)] = [error]
                else:
                    errors[name] = [error]
            if custom_errors:
                errors["custom_fields"] = custom_errors
            if errors:
                raise ValidationError(errors)
            return attrs

    def prepare(self, step: Step, config: Mapping[str, Any]) -> ContactDraft:
        texts = {name: rendered(step, config.get(name, ""), field=name, limit=limit) for name, limit in LIMITS.items()}
        if not texts["email"] and not texts["phone"]:
            raise Unfit("email and phone are both empty after rendering.")
        return ContactDraft(
            first_name=texts["first_name"],
            last_name=texts["last_name"],
            email=texts["email"],
            phone=texts["phone"],
            custom_fields={
                key: rendered_value(step, value, field=f"{CUSTOM_PREFIX}{key}", limit=VALUE_LIMIT)
                for key, value in config.get("custom_fields", {}).items()
            },
            tags=config.get("tags", ()),
            cause=step.cause,
        )

    def write(self, batch: StepBatch, drafts: Sequence[ContactDraft]) -> Sequence[Outcome]:
        handling = DuplicateHandling(batch.config["duplicate_handling"])
        answers = create_contacts(
            account_id=batch.account.id,
            actor=batch.actor,
            drafts=drafts,
            duplicate_handling=handling,
            known={step.contact.id: step.contact for step in batch},
            now=batch.now,
        )
        return [outcome(draft, answer, handling) for draft, answer in zip(drafts, answers, strict=True)]

    def summary(self, config: Mapping[str, Any]) -> str:
        name = f"{config.get('first_name', '')} {config.get('last_name', '')}".strip()
        return shortened(f"Create {name or config.get('email') or config.get('phone') or 'contact'}")


def outcome(draft: ContactDraft, answer: Upserted | Refused, handling: DuplicateHandling) -> Outcome:
    data = {name: getattr(draft, name) for name in LIMITS} | {
        "custom_fields": dict(draft.custom_fields),
        "tags": list(draft.tags),
    }
    if isinstance(answer, Refused):
        is_gone = any(problem.code == "unknown_field" for problem in answer.problems)
        return Failed(INVALID_CONFIG if is_gone else REJECTED, answer.detail, data=data)
    message = "Contact created" if answer.created else FOUND.get(handling, "Duplicate found")
    return Done({"contact_id": str(answer.contact_id), "created": answer.created, "message": message}, data=data)
