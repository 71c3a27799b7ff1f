"""The action `send_messenger`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework.exceptions import ErrorDetail, ValidationError

from accounts.problems import Problem
from workflows.actions.base import Category, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.messenger import NO_SUCH_PAGE, deliver, prepare, record_deliveries
from workflows.actions.outcomes import Done, Skipped
from workflows.actions.outside import Lane, OutsideType, Performed, Prepared
from workflows.actions.registry import registry
from workflows.configs.fields import ChoiceField
from workflows.configs.hints import Hint
from workflows.configs.messenger import MessengerContent, PageField, problems_of_content
from workflows.configs.references import KINDS
from workflows.messaging.services.messenger_pages import page_of

TAGS = ("ACCOUNT_UPDATE", "CONFIRMED_EVENT_UPDATE", "CUSTOMER_FEEDBACK", "HUMAN_AGENT", "POST_PURCHASE_UPDATE")
"""https://developers.facebook.com/docs/messenger-platform/send-messages/message-tags."""
MESSAGE_TYPES = ("text", "image", "template", "quick_reply")
LARGEST_PICTURE = 8 * 1024**2


@registry.register
class SendMessenger(OutsideType):
    """Write to the contact on Messenger, from a Facebook page of the account.

    Within 24 hours after the contact's last message to the page, whatever the purpose; later only with a tag that Meta
    knows, else the contact is passed over (`skipped`, `outside_24h_window`), as is one that opted out of Messenger or
    has no id of this page: `external_ids` under `messenger:<page's id>`, kept when the contact first writes. Answering
    STOP opts the contact out at once. Meta knows no idempotency keys: where its answer was lost, its echo of the
    message is waited for; without one, the step becomes `outcome_unknown` and is not sent again unasked.
    """

    slug = "send_messenger"
    label = "Send Messenger message"
    category = Category.COMMUNICATION
    icon = "forum"
    example = {
        "page_id": "0190a3c4-5b6d-7e8f-9a0b-1c2d3e4f5a6b",
        "message_type": "quick_reply",
        "content": {
            "text": "Hi {{ contact.first_name | default: 'there' }}, did everything arrive?",
            "quick_replies": [
                {"content_type": "text", "title": "Yes", "payload": "arrived"},
                {"content_type": "text", "title": "Not yet", "payload": "missing"},
            ],
        },
    }
    results = {
        "message_id": "Id of the message, see `/messages`.",
        "provider_message_id": "Meta's id of the message.",
        "to": "The contact's page-scoped id.",
    }
    lane = Lane.MESSENGER
    sends_message = True

    class Config(ActionConfig):
        hints = {
            "page_id": Hint(label="Page"),
            "content": Hint(shown_when={"message_type": MESSAGE_TYPES}),
            "tag": Hint(shown_when={"messaging_type": ("MESSAGE_TAG",)}),
        }

        page_id = PageField(
            help_text="The connection to the page; the page's own id at Meta is taken as well and stored as that."
        )
        message_type = ChoiceField(MESSAGE_TYPES, help_text="What the message is made of.")
        content = MessengerContent(help_text="What it says, in the shape of its type.")
        messaging_type = ChoiceField(
            ["RESPONSE", "UPDATE", "MESSAGE_TAG"],
            default="RESPONSE",
            help_text="An answer, a message of one's own accord, or one that a tag allows at any time.",
        )
        tag = ChoiceField(
            TAGS,
            required=False,
            help_text=(
                "Of `MESSAGE_TAG`: what Meta allows outside 24 hours, never promotion; `HUMAN_AGENT` within 7 days."
            ),
        )
        purpose = ChoiceField(
            ["marketing", "transactional"],
            default="marketing",
            help_text="`marketing` counts for the frequency cap; the window holds for both.",
        )

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            content = attrs["content"]
            errors: dict[str, Any] = {}
            if problems := problems_of_content(attrs["message_type"], content):
                errors["content"] = problems
            elif detail := self.unfit_picture(content.get("media_id")):
                errors["content"] = {"media_id": [ErrorDetail(detail, code="invalid")]}
            if attrs["messaging_type"] == "MESSAGE_TAG" and "tag" not in attrs:
                errors["tag"] = [ErrorDetail("Say which tag allows the message.", code="required")]
            if attrs["messaging_type"] != "MESSAGE_TAG" and "tag" in attrs:
                errors["tag"] = [ErrorDetail("Only `MESSAGE_TAG` has a tag; leave it out.", code="invalid")]
            if errors:
                raise ValidationError(errors)
            return attrs

        def unfit_picture(self, media_id: str | None) -> str:
            """Say why a file cannot go along, or nothing."""
            if media_id is None:
                return ""
            media = KINDS["media"].find(self.account_id, UUID(media_id)).get()
            if not media.content_type.startswith("image/"):
                return "The file is no picture."
            return "A picture has at most 8 MB." if media.size > LARGEST_PICTURE else ""

    def unready(self, config: Mapping[str, Any], *, account_id: UUID) -> Sequence[Problem]:
        if page_of(account_id=account_id, connection_id=UUID(config["page_id"])):
            return []
        return [Problem("page_not_found", NO_SUCH_PAGE, "page_id")]

    def prepare_many(self, steps: StepBatch) -> Sequence[Prepared]:
        return prepare(steps)

    def perform(self, payload: Mapping[str, Any], *, key: UUID) -> Done | Skipped:
        return deliver(payload, key=key)

    def record_many(self, calls: Sequence[Performed], *, account_id: UUID, now: datetime) -> None:
        record_deliveries(calls, account_id=account_id, now=now)

    def summary(self, config: Mapping[str, Any]) -> str:
        content = config.get("content", {})
        if "text" in content:
            return shortened(str(content["text"]))
        titles = [str(card.get("title", "")) for card in content.get("elements", ())]
        return shortened(", ".join(titles) or str(content.get("image_url", "")) or "A picture")
