"""How contacts look from outside, and what can be sent of them."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from accounts.api.serializers import StrictModelSerializer, StrictSerializer
from workflows.crm.models import Channel, ConsentState, Contact
from workflows.crm.services.contacts import DuplicateHandling
from workflows.engine import clock

MAXIMUM_TAGS = 100
MAXIMUM_CUSTOM_FIELDS = 200
MAXIMUM_EXTERNAL_IDS = 20


class ContactSerializer(StrictModelSerializer):
    """A person that the account keeps in touch with."""

    owner_id = serializers.UUIDField(
        read_only=True, allow_null=True, help_text="User id of the responsible member; null: nobody."
    )
    custom_fields = serializers.DictField(read_only=True, help_text="Values by the key of their custom field.")
    tags = serializers.SerializerMethodField(help_text="Names of its tags, in the order in which they were added.")
    consents = serializers.SerializerMethodField(help_text="`opt_in` or `opt_out` by channel; absent: never said.")
    external_ids = serializers.SerializerMethodField(help_text="The contact's id in other systems, by their name.")

    class Meta:
        model = Contact
        fields = (
            "id",
            "first_name",
            "last_name",
            "email",
            "phone",
            "timezone",
            "owner_id",
            "source",
            "custom_fields",
            "tags",
            "consents",
            "external_ids",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_tags(self, contact: Contact) -> list[str]:
        return [row.tag.name for row in sorted(contact.contact_tags.all(), key=lambda row: row.id)]

    def get_consents(self, contact: Contact) -> dict[str, str]:
        return {consent.channel: consent.state for consent in contact.consents.all()}

    def get_external_ids(self, contact: Contact) -> dict[str, str]:
        return {identity.source: identity.value for identity in contact.external_identities}  # type: ignore[attr-defined]


class ContactFields(StrictSerializer):
    """The contact's own fields; each is read and checked by the service that writes it."""

    first_name = serializers.CharField(required=False, allow_blank=True, max_length=100, help_text="≤ 100 characters.")
    last_name = serializers.CharField(required=False, allow_blank=True, max_length=100, help_text="≤ 100 characters.")
    email = serializers.CharField(
        required=False, allow_blank=True, max_length=254, help_text="E-mail address; unique in any case."
    )
    phone = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=100,
        help_text="Unique. Kept as E.164; without a prefix it is read as one of the account's country.",
    )
    timezone = serializers.CharField(
        required=False, allow_blank=True, max_length=64, help_text="IANA zone, e.g. `Europe/Berlin`."
    )
    owner_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="User id of an active member; null: nobody."
    )
    source = serializers.CharField(  # type: ignore[assignment]  # DRF has an attribute of that name
        required=False, allow_blank=True, max_length=100, help_text="Where the contact came from, ≤ 100 characters."
    )
    custom_fields = serializers.DictField(
        required=False,
        help_text="Values by key; only the keys that are sent change, null empties a field.",
    )
    tags = serializers.ListField(
        child=serializers.CharField(max_length=50),
        required=False,
        max_length=MAXIMUM_TAGS,
        help_text=f"Names, made when missing, ≤ {MAXIMUM_TAGS}.",
    )

    def validate_custom_fields(self, values: dict[str, Any]) -> dict[str, Any]:
        if len(values) > MAXIMUM_CUSTOM_FIELDS:
            raise serializers.ValidationError(f"At most {MAXIMUM_CUSTOM_FIELDS} fields at a time.", code="max_length")
        return values


class NewContact(ContactFields):
    """A contact to create."""

    example = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com"}

    external_ids = serializers.DictField(
        child=serializers.CharField(max_length=254),
        required=False,
        help_text=f"The contact's id in other systems, by their name; ≤ {MAXIMUM_EXTERNAL_IDS}.",
    )
    duplicate_handling = serializers.ChoiceField(
        choices=[handling.value for handling in DuplicateHandling],
        default=DuplicateHandling.REFUSE.value,
        help_text="What to do when a contact has this e-mail address, phone number or external id: `refuse` (409 "
        "`contact_exists`), `update` it, `skip` (answer it as it is), or `create_duplicate`.",
    )

    def validate_external_ids(self, values: dict[str, str]) -> dict[str, str]:
        if len(values) > MAXIMUM_EXTERNAL_IDS:
            raise serializers.ValidationError(f"At most {MAXIMUM_EXTERNAL_IDS} systems.", code="max_length")
        return values


class ContactChange(ContactFields):
    """What to change of a contact; `tags` replaces all of its tags."""

    example = {"last_name": "King", "owner_id": "019c2f6e-8f00-7a10-8b11-5d0c1c9e4a21"}


class ConsentSerializer(StrictSerializer):
    """The contact's last word on one channel."""

    example = {"channel": "email", "state": "opt_in", "evidence": "Sign-up form, 3 May"}

    channel = serializers.ChoiceField(choices=Channel.choices, help_text="The channel it is about.")
    state = serializers.ChoiceField(choices=ConsentState.choices, help_text="What the contact said.")
    evidence = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=2000,
        default="",
        help_text="How it is known: form, reply, document; required to opt in. ≤ 2000 characters.",
    )
    recorded_at = serializers.DateTimeField(
        required=False, help_text="When the contact said so, not in the future; default: now."
    )

    def validate_recorded_at(self, moment: datetime) -> datetime:
        if moment > clock.now():  # it would outweigh every word that follows
            raise serializers.ValidationError("This is in the future.", code="max_value")
        return moment

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["state"] == ConsentState.OPT_IN and not attrs["evidence"].strip():
            raise serializers.ValidationError({"evidence": "Say how the opt-in is known."}, code="required")
        return attrs
