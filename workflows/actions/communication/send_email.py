"""The action `send_email`."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from rest_framework.exceptions import ErrorDetail, ValidationError

from accounts.problems import Problem
from workflows.actions.base import Category, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.mails import (
    NO_CONNECTION,
    NO_SUCH_CONNECTION,
    MailPlan,
    Unusable,
    connection_of,
    deliver,
    record_deliveries,
)
from workflows.actions.outcomes import Done, Failed, Skipped
from workflows.actions.outside import (
    ErrorClass,
    Lane,
    OutsideType,
    Performed,
    Prepared,
    Request,
)
from workflows.actions.registry import registry
from workflows.configs.base import StrictConfig
from workflows.configs.fields import BooleanField, ChoiceField, ListField, TemplateField, TextField
from workflows.configs.hints import Hint
from workflows.configs.mail import EmailAddressField, HeaderTextField, MailBodyField
from workflows.configs.references import ReferenceField
from workflows.messaging.composing import MAXIMUM_SUBJECT_LENGTH
from workflows.messaging.mailboxes import MAXIMUM_NAME_LENGTH
from workflows.messaging.services.attachments import (
    MAXIMUM_ATTACHMENTS,
    MAXIMUM_BYTES,
    find_attachments,
    too_large,
)
from workflows.messaging.services.messages import NewMessage, queue_messages, record_errors
from workflows.templating import OUTPUT_LIMIT

MAXIMUM_COPIES = 10
UTM_LENGTH = 100


class Utm(StrictConfig):
    """Campaign parameters."""

    source = TextField(  # type: ignore[assignment]  # DRF has an attribute of that name
        required=False, max_length=UTM_LENGTH, help_text="`utm_source`, ≤ 100 characters."
    )
    medium = TextField(required=False, max_length=UTM_LENGTH, help_text="`utm_medium`, ≤ 100 characters.")
    campaign = TextField(required=False, max_length=UTM_LENGTH, help_text="`utm_campaign`, ≤ 100 characters.")
    content = TextField(required=False, max_length=UTM_LENGTH, help_text="`utm_content`, ≤ 100 characters.")


@registry.register
class SendEmail(OutsideType):
    """Send the contact an e-mail through the account's mail server or mail service.

    A contact that opted out of e-mail, has no address, or one that mail came back from for good, is passed over
    (`skipped`), and so is one that got as many marketing mails within 24 hours as the account's `frequency_cap`
    allows. Marketing mail carries an unsubscribe link and the `List-Unsubscribe` headers of RFC 8058. Opening the mail
    and following its links are recorded as the events `email_opened` and `email_clicked`. Nobody who takes mail knows
    idempotency keys: where a mail was taken and the answer was lost, it is looked up where that is possible; else the
    step becomes `outcome_unknown` and is not sent again unasked.
    """

    slug = "send_email"
    label = "Send e-mail"
    category = Category.COMMUNICATION
    icon = "mail"
    example = {
        "subject": "Welcome, {{ contact.first_name | default: 'friend' }}",
        "from_name": "Ada of Acme",
        "from_email": "ada@acme.example",
        "body_html": '<p>Hello {{ contact.first_name }}, <a href="https://acme.example/start">start here</a>.</p>',
    }
    results = {
        "message_id": "Id of the message, see `/messages`.",
        "provider_message_id": "The mail's Message-ID, or its id at the mail service.",
        "to": "Address it went to.",
        "refused": "Copies that the mail server or service did not want.",
    }
    lane = Lane.EMAIL
    sends_message = True

    class Config(ActionConfig):
        hints = {
            "body_html": Hint(label="HTML body"),
            "body_text": Hint(label="Text body"),
            **{name: Hint(group="Copies and attachments") for name in ("reply_to", "cc", "bcc", "attachments")},
            **{name: Hint(group="Tracking") for name in ("track_opens", "track_clicks", "utm")},
        }

        template_id = ReferenceField(
            "template", required=False, help_text="Id of an e-mail template; or give `body_html` or `body_text`."
        )
        body_html = MailBodyField(
            max_length=OUTPUT_LIMIT,
            required=False,
            help_text="The mail in HTML instead of a template, ≤ 1 MB when rendered; values are escaped.",
        )
        body_text = MailBodyField(
            max_length=OUTPUT_LIMIT,
            required=False,
            help_text="The mail as plain text, alone or beside `body_html`; without it the text is made from the HTML.",
        )
        subject = TemplateField(
            max_length=MAXIMUM_SUBJECT_LENGTH, help_text="The subject, 1–255 characters when rendered."
        )
        from_name = HeaderTextField(max_length=MAXIMUM_NAME_LENGTH, help_text="The sender's name, 1–100 characters.")
        from_email = EmailAddressField(help_text="The sender's address, one that the server or service may send from.")
        reply_to = EmailAddressField(required=False, help_text="Where answers go instead.")
        preview_text = TemplateField(
            max_length=MAXIMUM_SUBJECT_LENGTH,
            required=False,
            help_text="What inboxes show beside the subject, ≤ 255 characters; without it the template's.",
        )
        cc = ListField(
            child=EmailAddressField(help_text="An address."),
            max_length=MAXIMUM_COPIES,
            required=False,
            help_text="Addresses that get a copy, ≤ 10; the contact sees them.",
        )
        bcc = ListField(
            child=EmailAddressField(help_text="An address."),
            max_length=MAXIMUM_COPIES,
            required=False,
            help_text="Addresses that get a copy, ≤ 10; the contact does not see them.",
        )
        attachments = ListField(
            child=ReferenceField("media", help_text="Id of a file."),
            max_length=MAXIMUM_ATTACHMENTS,
            required=False,
            help_text="Ids of files of `/media`, ≤ 10, together ≤ 20 MB.",
        )
        track_opens = BooleanField(default=True, help_text="Whether an invisible image tells of opening.")
        track_clicks = BooleanField(default=True, help_text="Whether links of the HTML lead through us.")
        purpose = ChoiceField(
            ["marketing", "transactional"],
            default="marketing",
            help_text="`marketing` mail carries an unsubscribe link; `transactional` is for receipts and the like.",
        )
        utm = Utm(required=False, help_text="Campaign parameters for the links of the HTML.")
        connection_id = ReferenceField(
            "connection",
            required=False,
            help_text="The connection it goes through; default: the account's oldest for mail.",
        )

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            errors = {}
            has_body = "body_html" in attrs or "body_text" in attrs
            if has_body == ("template_id" in attrs):
                detail = "Give either `template_id`, or `body_html` and/or `body_text`."
                errors["template_id"] = [ErrorDetail(detail, code="invalid")]
            ids = [UUID(media_id) for media_id in attrs.get("attachments", ())]
            if too_large(find_attachments(account_id=self.account_id, media_ids=ids)):
                detail = f"The attachments have more than {MAXIMUM_BYTES // 1024**2} MB together; link to them instead."
                errors["attachments"] = [ErrorDetail(detail, code="too_large")]
            if errors:
                raise ValidationError(errors)
            return attrs

    def unready(self, config: Mapping[str, Any], *, account_id: UUID) -> Sequence[Problem]:
        if connection_of(config, account_id):
            return []
        if "connection_id" in config:
            return [Problem("connection_not_found", NO_SUCH_CONNECTION, "connection_id")]
        return [Problem("connection_not_found", NO_CONNECTION)]

    def prepare_many(self, steps: StepBatch) -> Sequence[Prepared]:
        try:
            plan = MailPlan(steps)
        except Unusable as problem:
            failed = Failed(ErrorClass.INVALID_CONFIG, str(problem), {"code": problem.code})
            return [failed] * len(steps)
        messages: list[NewMessage] = []
        blocked: dict[UUID, str] = {}
        prepared = [
            plan.prepare(step, verdict, messages) for step, verdict in zip(steps, plan.judge(steps), strict=True)
        ]
        for step, outcome in zip(steps, prepared, strict=True):
            if not isinstance(outcome, Request) and step.key:
                blocked[step.key] = outcome.reason if isinstance(outcome, Skipped) else outcome.message
        queue_messages(account_id=steps.account.id, messages=messages, now=steps.now)
        record_errors(account_id=steps.account.id, errors=blocked, are_final=True, now=steps.now)
        return prepared

    def perform(self, payload: Mapping[str, Any], *, key: UUID) -> Done:
        return deliver(payload, key=key)

    def record_many(self, calls: Sequence[Performed], *, account_id: UUID, now: Any) -> None:
        record_deliveries(calls, account_id=account_id, now=now)

    def summary(self, config: Mapping[str, Any]) -> str:
        return shortened(str(config.get("subject", "")))
