"""Fields about Messenger: pages, and what a message is made of, in the shapes of Meta's Send API.

Limits: https://developers.facebook.com/docs/messenger-platform/reference/send-api.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework.exceptions import ErrorDetail, ValidationError

from workflows.configs.base import StrictConfig, unknown_field
from workflows.configs.fields import ChoiceField, ListField, TemplateField
from workflows.configs.hints import Hint
from workflows.configs.references import ReferenceField, missing_detail
from workflows.messaging.services.messenger_pages import with_page_id
from workflows.templating import compile_template

TEXT_LENGTH = 2000
BUTTON_TEXT_LENGTH = 640
HEADLINE_LENGTH = 80
TITLE_LENGTH = 20
PAYLOAD_LENGTH = 1000
URL_LENGTH = 2048
MOST_ELEMENTS = 10
MOST_BUTTONS = 3
MOST_QUICK_REPLIES = 13
PAGE_ID = re.compile(r"[0-9]{1,30}")
HTTPS = re.compile(r"https://[^\s/?#@]+(?:[/?#]\S*)?")
NO_HTTPS = "Give an address that begins with https://."
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
NO_NUMBER = "A button that calls has a phone number in E.164 as its payload, such as +14155550123."
IS_TEXT = {"message_type": ("text", "quick_reply")}
IS_TEMPLATE = {"message_type": ("template",)}
IS_GENERIC = {**IS_TEMPLATE, "template_type": ("generic",)}
IS_BUTTON = {**IS_TEMPLATE, "template_type": ("button",)}
FITTING: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("text", ""): ("text",),
    ("image", ""): ("image_url", "media_id"),
    ("template", ""): ("template_type",),
    ("template", "generic"): ("template_type", "elements"),
    ("template", "button"): ("template_type", "text", "buttons"),
    ("quick_reply", ""): ("text", "quick_replies"),
}
"""By message and template type, the parts of a content; all are needed, of an image one."""


class PageField(ReferenceField):
    """A connected page of the account: the id of its connection, for which the page's own id at Meta may be given."""

    def __init__(self, **options: Any) -> None:
        super().__init__("page", **options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or not PAGE_ID.fullmatch(data):
            return super().to_internal_value(data)
        connection = with_page_id(self.context["account_id"], data).first()
        if connection is None:
            raise ValidationError(missing_detail("page"), code="page_not_found")
        return str(connection.id)


class HttpsTemplateField(TemplateField):
    """An https address, which Meta or the contact's browser fetches; checked again once it is rendered."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=URL_LENGTH, **options)

    def to_internal_value(self, data: Any) -> str:
        source = super().to_internal_value(data).strip()
        if compile_template(source).is_plain and not HTTPS.fullmatch(source):
            raise ValidationError(NO_HTTPS, code="invalid")
        return source


class Button(StrictConfig):
    """A button below a template."""

    hints = {
        "url": Hint(shown_when={"type": ("web_url",)}, widget="short", placeholder="https://"),
        "payload": Hint(shown_when={"type": ("postback", "phone_number")}, widget="short"),
    }

    type = ChoiceField(
        ["web_url", "postback", "phone_number"],
        help_text="It opens an address, answers the page in the contact's name, or calls a number.",
    )
    title = TemplateField(max_length=TITLE_LENGTH, help_text="What it says, ≤ 20 characters.")
    url = HttpsTemplateField(required=False, help_text="Of `web_url`: the address, https.")
    payload = TemplateField(
        max_length=PAYLOAD_LENGTH,
        required=False,
        help_text=(
            "Of `postback`: what the answer carries, ≤ 1000 characters; of `phone_number`: the number in E.164."
        ),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        wanted, other = ("url", "payload") if attrs["type"] == "web_url" else ("payload", "url")
        errors = {}
        if wanted not in attrs:
            errors[wanted] = [ErrorDetail("This field is required.", code="required")]
        if other in attrs:
            detail = f"A button of the type {attrs['type']} has no {other}; leave it out."
            errors[other] = [ErrorDetail(detail, code="invalid")]
        payload = attrs.get("payload", "")
        is_call = attrs["type"] == "phone_number" and "payload" in attrs
        if is_call and compile_template(payload).is_plain and not NUMBER.fullmatch(payload.strip()):
            errors["payload"] = [ErrorDetail(NO_NUMBER, code="invalid")]
        if errors:
            raise ValidationError(errors)
        return attrs


class DefaultAction(StrictConfig):
    """What a tap on an element opens."""

    hints = {"type": Hint(widget="hidden"), "url": Hint(label="Opens", widget="short", placeholder="https://")}

    type = ChoiceField(["web_url"], default="web_url", help_text="It opens an address.")
    url = HttpsTemplateField(help_text="The address, https.")


class Element(StrictConfig):
    """One card of a generic template."""

    hints = {
        "image_url": Hint(label="Image URL", widget="short", placeholder="https://"),
        "default_action": Hint(label="On a tap"),
    }

    title = TemplateField(max_length=HEADLINE_LENGTH, help_text="≤ 80 characters.")
    subtitle = TemplateField(max_length=HEADLINE_LENGTH, required=False, allow_blank=True, help_text="≤ 80 characters.")
    image_url = HttpsTemplateField(required=False, help_text="A picture, https.")
    default_action = DefaultAction(required=False, help_text="What a tap on the card opens.")
    buttons = ListField(
        child=Button(help_text="A button."),
        min_length=1,
        max_length=MOST_BUTTONS,
        required=False,
        help_text="Buttons below it, ≤ 3.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.keys() == {"title"}:
            detail = "A card has a title and at least one more: a subtitle, a picture, a button or an address."
            raise ValidationError({"title": [ErrorDetail(detail, code="invalid")]})
        return attrs


class QuickReply(StrictConfig):
    """An answer that the contact may tap."""

    hints = {
        "content_type": Hint(label="Asks for"),
        "title": Hint(shown_when={"content_type": ("text",)}),
        "payload": Hint(shown_when={"content_type": ("text",)}, widget="short"),
        "image_url": Hint(
            shown_when={"content_type": ("text",)}, label="Image URL", widget="short", placeholder="https://"
        ),
    }

    content_type = ChoiceField(
        ["text", "user_phone_number", "user_email"],
        default="text",
        help_text="A text, or the number or address that the contact keeps at Facebook.",
    )
    title = TemplateField(
        max_length=TITLE_LENGTH, required=False, help_text="Of `text`: what it says, ≤ 20 characters."
    )
    payload = TemplateField(
        max_length=PAYLOAD_LENGTH,
        required=False,
        help_text="Of `text`: what the answer carries besides, ≤ 1000 characters; default: the title.",
    )
    image_url = HttpsTemplateField(required=False, help_text="Of `text`: a small picture, https.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        kind = attrs["content_type"]
        if kind == "text" and "title" not in attrs:
            raise ValidationError({"title": [ErrorDetail("This field is required.", code="required")]})
        if kind != "text" and (surplus := attrs.keys() - {"content_type"}):
            detail = "Facebook shows the contact's own; leave it out."
            raise ValidationError({name: [ErrorDetail(detail, code="invalid")] for name in sorted(surplus)})
        return attrs


class MessengerContent(StrictConfig):
    """What a message says; which parts it has depends on its type."""

    hints = {
        "text": Hint(shown_when=(IS_TEXT, IS_BUTTON), widget="long"),
        "image_url": Hint(
            shown_when={"message_type": ("image",)}, label="Image URL", widget="short", placeholder="https://"
        ),
        "media_id": Hint(shown_when={"message_type": ("image",)}, label="… or a file"),
        "template_type": Hint(shown_when=IS_TEMPLATE),
        "elements": Hint(shown_when=IS_GENERIC, label="Cards"),
        "buttons": Hint(shown_when=IS_BUTTON),
        "quick_replies": Hint(shown_when={"message_type": ("quick_reply",)}),
    }

    template_type = ChoiceField(
        ["generic", "button"],
        required=False,
        help_text="Of `template`: cards side by side, or a text with buttons.",
    )
    text = TemplateField(
        max_length=TEXT_LENGTH,
        required=False,
        help_text="Of `text` and `quick_reply`, ≤ 2000 characters; of the template `button`, ≤ 640.",
    )
    image_url = HttpsTemplateField(required=False, help_text="Of `image`: where Meta fetches it, https.")
    media_id = ReferenceField("media", required=False, help_text="Of `image`: a file of the account instead, ≤ 8 MB.")
    elements = ListField(
        child=Element(help_text="A card."),
        min_length=1,
        max_length=MOST_ELEMENTS,
        required=False,
        help_text="Of the template `generic`: 1–10 cards.",
    )
    buttons = ListField(
        child=Button(help_text="A button."),
        min_length=1,
        max_length=MOST_BUTTONS,
        required=False,
        help_text="Of the template `button`: 1–3 buttons.",
    )
    quick_replies = ListField(
        child=QuickReply(help_text="An answer."),
        min_length=1,
        max_length=MOST_QUICK_REPLIES,
        required=False,
        help_text="Of `quick_reply`: 1–13 answers to tap.",
    )


def problems_of_content(message_type: str, content: Mapping[str, Any]) -> dict[str, list[ErrorDetail]]:
    """Return what is missing in a content of the type, and what does not belong into it, by field."""
    return dict(_problems(message_type, content))


def _problems(message_type: str, content: Mapping[str, Any]) -> Iterator[tuple[str, list[ErrorDetail]]]:
    template_type = content.get("template_type", "") if message_type == "template" else ""
    fitting = FITTING[message_type, template_type]
    is_image = message_type == "image"
    for name in content.keys() - set(fitting):
        yield name, [unknown_field(name, fitting)]
    present = [name for name in fitting if name in content]
    if is_image and len(present) != 1:
        yield (
            "image_url",
            [ErrorDetail("Give either `image_url` or `media_id`.", code="invalid" if present else "required")],
        )
    for name in fitting:
        if not is_image and name not in content:
            yield name, [ErrorDetail("This field is required.", code="required")]
    text = content.get("text", "")
    if template_type == "button" and compile_template(text).is_plain and len(text) > BUTTON_TEXT_LENGTH:
        detail = f"Ensure this field has no more than {BUTTON_TEXT_LENGTH} characters."
        yield "text", [ErrorDetail(detail, code="max_length")]
