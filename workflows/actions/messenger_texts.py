"""The content of a Messenger step, rendered for one contact in the Send API's shape."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from workflows.actions.base import Step
from workflows.configs.base import StrictConfig
from workflows.configs.fields import TemplateField
from workflows.configs.messenger import (
    BUTTON_TEXT_LENGTH,
    HTTPS,
    NO_HTTPS,
    HttpsTemplateField,
    MessengerContent,
)
from workflows.messaging.composing import Unsendable
from workflows.templating import compile_template

Field = serializers.Field[Any, Any, Any, Any]
NOTHING_TO_SAY = "The message is empty."


class MessengerTexts:
    """What a step says; `rendered` says it to one contact."""

    def __init__(self, message_type: str, content: Mapping[str, Any]) -> None:
        self.message_type = message_type
        self.content = content
        self.config = MessengerContent()

    def rendered(self, step: Step) -> tuple[dict[str, Any], str, str]:
        """Return the message as Meta takes it, as a text to read, and the address of a picture alone, if any.

        Raises TemplateProblem, RenderProblem or Unsendable.
        """
        content = render(self.config, self.content, step, "")
        match self.message_type:
            case "text":
                return {"text": said(content)}, content["text"], ""
            case "quick_reply":
                replies = [quick_reply(reply) for reply in content["quick_replies"]]
                return {"text": said(content), "quick_replies": replies}, content["text"], ""
            case "image":
                address = content.get("image_url", "")
                payload = {"url": address} if address else {}
                return attachment("image", {**payload, "is_reusable": False}), "", address
        if content["template_type"] == "button":
            if len(said(content)) > BUTTON_TEXT_LENGTH:
                raise Unsendable(f"text has more than {BUTTON_TEXT_LENGTH} characters after rendering.")
            text = content["text"]
        else:
            cards = [[card["title"], card.get("subtitle", "")] for card in content["elements"]]
            text = "\n".join(line for card in cards for line in card if line)
        return attachment("template", content), text, ""


def render(field: Field, value: Any, step: Step, path: str) -> Any:
    """Return a part of the content with every template rendered and checked; what is blank then is left out."""
    if isinstance(field, StrictConfig):
        parts = {
            name: render(field.fields[name], item, step, f"{path}.{name}" if path else name)
            for name, item in value.items()
        }
        return {name: part for name, part in parts.items() if part != ""}
    if isinstance(field, serializers.ListField):
        return [render(field.child, item, step, f"{path}.{index}") for index, item in enumerate(value)]
    if not isinstance(field, TemplateField):
        return value
    text = compile_template(value).render(step.context(), work=step.work).strip()
    if len(text) > field.rendered_limit:
        raise Unsendable(f"{path} has more than {field.rendered_limit} characters after rendering.")
    if text and isinstance(field, HttpsTemplateField) and not HTTPS.fullmatch(text):
        raise Unsendable(f"{path}: {NO_HTTPS}")
    if not text and not field.allow_blank:
        raise Unsendable(NOTHING_TO_SAY if path == "text" else f"{path} is empty after rendering.")
    return text


def said(content: Mapping[str, Any]) -> str:
    text: str = content["text"]
    return text


def quick_reply(reply: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer to tap; Meta wants a payload with each text."""
    return {**reply, "payload": reply.get("payload", reply["title"])} if "title" in reply else dict(reply)


def attachment(kind: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    return {"attachment": {"type": kind, "payload": dict(payload)}}
